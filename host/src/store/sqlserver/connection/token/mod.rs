//! Tokens of Entra ID (Azure AD), which a server in Azure takes instead of a password.
//!
//! A token holds for an hour or a day. It is kept, renewed before it ends, and asked for once at a time.

mod ask;
mod http;
mod source;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::time::Instant;
use zeroize::Zeroizing;

use self::source::Source;
use super::connection_string::Login;
use crate::store::sqlserver::errors::Result;
use crate::store::{StoreError, StoreErrorKind};

/// A token that ends sooner is renewed before it is used, if that can be done.
const RENEW_BEFORE: Duration = Duration::from_mins(5);

/// A token that ends sooner is not used any more: the login takes its time, and clocks differ.
const UNUSABLE_BEFORE: Duration = Duration::from_mins(1);

/// A token, as it came from where tokens are made.
struct Token {
    text: Zeroizing<String>,
    ends: Instant,
}

impl Token {
    fn lasts(&self) -> Duration {
        self.ends.saturating_duration_since(Instant::now())
    }
}

/// The tokens of one login.
pub(in crate::store::sqlserver) struct Tokens {
    source: Source,
    kept: tokio::sync::Mutex<Option<Token>>,
}

impl Tokens {
    /// Where the tokens of a login come from; `None` if it needs none. The server's name tells which of Azure's clouds it is in.
    pub fn for_login(login: &Login, host: &str) -> Option<Self> {
        Source::for_login(login, host).map(Self::new)
    }

    fn new(source: Source) -> Self {
        Self { source, kept: tokio::sync::Mutex::default() }
    }

    /// A token that is still good for a while.
    pub async fn token(&self) -> Result<Zeroizing<String>> {
        // Held while a new one is fetched: whoever comes meanwhile gets the same one.
        let mut kept = self.kept.lock().await;
        if let Some(token) = kept.as_ref().filter(|token| token.lasts() > RENEW_BEFORE) {
            return Ok(token.text.clone());
        }
        match self.source.fetch().await {
            Ok(token) => Ok(kept.insert(token).text.clone()),
            Err(why) => match kept.as_ref().filter(|token| token.lasts() > UNUSABLE_BEFORE) {
                Some(token) => {
                    tracing::warn!(error = %why.sentence, "the database token cannot be renewed; using the old one while it lasts");
                    Ok(token.text.clone())
                }
                None => Err(why.into()),
            },
        }
    }

    /// Throws away what is kept: the server did not like it.
    pub async fn forget(&self) {
        *self.kept.lock().await = None;
    }
}

/// Why there is no token: a sentence without secrets.
#[derive(Debug)]
struct NoToken {
    sentence: String,
    /// The same question may be answered later.
    passes: bool,
}

impl NoToken {
    fn lasting(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), passes: false }
    }

    fn passing(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), passes: true }
    }
}

impl From<NoToken> for StoreError {
    fn from(why: NoToken) -> Self {
        let kind = if why.passes { StoreErrorKind::Transient } else { StoreErrorKind::Environment };
        Self::new(kind, format!("no token for the database: {}", why.sentence))
    }
}
