//! Asking for a token, again if need be, and reading the answer.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::http::{Answer, Http, Question};
use super::{NoToken, Token};

const ATTEMPTS: u32 = 4;

/// No token holds longer, whatever an answer says.
const LONGEST: u64 = 60 * 60 * 24 * 7;

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    /// Seconds, as a number from one endpoint and as a text from another.
    #[serde(default)]
    expires_in: Option<serde_json::Value>,
    /// Seconds since 1970, from App Service alone.
    #[serde(default)]
    expires_on: Option<serde_json::Value>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Denied {
    error: Option<String>,
    error_description: Option<String>,
    message: Option<String>,
}

/// Asks, and asks again while the answer is one that passes.
pub(super) async fn with_patience(
    http: &Http,
    question: &Question,
    mut pause: Duration,
    again: impl Fn(u16) -> bool,
) -> Result<Token, NoToken> {
    let mut attempt = 1;
    loop {
        let asked = Instant::now();
        let why = match http.ask(question).await {
            Ok(answer) if answer.status == 200 => return token(&answer, asked),
            Ok(answer) => NoToken { sentence: denied(&answer), passes: again(answer.status) },
            // Whoever does not answer is not asked again: it took its time already.
            Err(why) => return Err(why),
        };
        if !why.passes || attempt == ATTEMPTS {
            return Err(why);
        }
        attempt += 1;
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

fn token(answer: &Answer, asked: Instant) -> Result<Token, NoToken> {
    // What serde has to say would quote the answer, which may hold a token.
    let granted: Granted = serde_json::from_slice(&answer.body)
        .map_err(|_| NoToken::passing("what answered is not where tokens are made: its answer holds none"))?;
    let text = Zeroizing::new(granted.access_token);
    if text.is_empty() {
        return Err(NoToken::passing("the answer holds an empty token"));
    }
    let seconds = |value: &serde_json::Value| match value {
        serde_json::Value::Number(number) => number.as_u64(),
        serde_json::Value::String(text) => text.parse().ok(),
        _ => None,
    };
    let lasts = match (granted.expires_in.as_ref().and_then(seconds), granted.expires_on.as_ref().and_then(seconds)) {
        (Some(lasts), _) => lasts,
        (None, Some(until)) => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
            until.saturating_sub(now.as_secs())
        }
        // Entra ID's tokens last an hour at least; half of that is safe.
        (None, None) => 30 * 60,
    };
    Ok(Token { text, ends: asked + Duration::from_secs(lasts.min(LONGEST)) })
}

/// The reason, as far as the answer says it: Entra ID's own words are for people, and hold no secret.
fn denied(answer: &Answer) -> String {
    let denied: Denied = serde_json::from_slice(&answer.body).unwrap_or_default();
    let words = [denied.error, denied.error_description.or(denied.message)].into_iter().flatten();
    let words = words.collect::<Vec<_>>().join(": ");
    // Below the first line are trace numbers.
    let words: String =
        words.lines().next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(400).collect();
    if words.is_empty() {
        format!("the answer is HTTP status {}", answer.status)
    } else {
        format!("the answer is HTTP status {}, {words}", answer.status)
    }
}
