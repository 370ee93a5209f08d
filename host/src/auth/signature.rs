//! Whose signature a token has: `kid` and `x5t` choose among the application's trusted keys and never add one.
//!
//! - Both name a certificate by its SHA-1 thumbprint; when both are there they must name the same.
//! - A named certificate that is not trusted is refused, unless the application trusts a bare public key: that has no
//!   thumbprint, so it is tried whatever certificate a token names.
//! - A token that names none is tried against every trusted key; their number is what the configuration lists.
//!
//! When no trusted key fits, the built-in signers of the vendor's environments are asked, only to tell the
//! administrator which environment the token came from.

use super::refusal::{Quoted, Refusal, RefusalReason};
use super::signers::{Thumbprint, TrustedSigner, VendorSigner};
use super::token::Token;
use super::verify::signed_by;
use crate::config::Environment;

/// The certificate a token's header names.
enum Named {
    Nothing,
    Certificate(Thumbprint),
    /// Something that is no thumbprint, shown as it stands.
    Unreadable(String),
}

/// Whether a trusted key signed the token.
///
/// `vendor` are the signers of all environments, `who` is the application as a log names it.
pub(super) fn check(
    token: &Token<'_>,
    trusted: &[TrustedSigner],
    vendor: &[VendorSigner],
    environment: Environment,
    who: &str,
) -> Result<(), Refusal> {
    let named = named(token, who)?;
    let candidates = || {
        trusted.iter().filter(|signer| match (&named, signer.thumbprint) {
            (Named::Nothing, _) | (_, None) => true,
            (Named::Certificate(named), Some(thumbprint)) => *named == thumbprint,
            (Named::Unreadable(_), Some(_)) => false,
        })
    };
    if candidates().any(|signer| signed_by(&signer.key, token.signed.as_bytes(), &token.signature)) {
        return Ok(());
    }
    // The named certificate is trusted, yet did not sign: forged or damaged.
    if let Named::Certificate(thumbprint) = &named
        && let Some(signer) = trusted.iter().find(|signer| signer.thumbprint == Some(*thumbprint))
    {
        return Err(Refusal::new(
            RefusalReason::Signature,
            format!(
                "{who} refused a token: it names the trusted certificate {thumbprint} ({}) and is not signed with it; it \
                 was altered on the way or forged.",
                signer.origin
            ),
        ));
    }
    Err(unknown(token, &named, trusted, vendor, environment, who))
}

fn named(token: &Token<'_>, who: &str) -> Result<Named, Refusal> {
    let read = |text: &str| Thumbprint::from_hex(text).or_else(|| Thumbprint::from_x5t(text));
    match (&token.kid, &token.x5t) {
        (None, None) => Ok(Named::Nothing),
        (Some(text), None) | (None, Some(text)) => {
            Ok(read(text).map_or_else(|| Named::Unreadable(text.clone()), Named::Certificate))
        }
        (Some(kid), Some(x5t)) => match (read(kid), read(x5t)) {
            (Some(by_kid), Some(by_x5t)) if by_kid == by_x5t => Ok(Named::Certificate(by_kid)),
            (None, None) if kid == x5t => Ok(Named::Unreadable(kid.clone())),
            _ => Err(Refusal::new(
                RefusalReason::UnknownSigner,
                format!(
                    "{who} refused a token: its kid {} and its x5t {} do not name the same certificate.",
                    Quoted(kid),
                    Quoted(x5t)
                ),
            )),
        },
    }
}

/// No trusted key fits: says what the token names, what is trusted, and whose it really is.
fn unknown(
    token: &Token<'_>,
    named: &Named,
    trusted: &[TrustedSigner],
    vendor: &[VendorSigner],
    environment: Environment,
    who: &str,
) -> Refusal {
    let configured = environment.word();
    let of_vendor = vendor
        .iter()
        .filter(|(other, _)| *other != environment)
        .find(|(_, signer)| signed_by(&signer.key, token.signed.as_bytes(), &token.signature));
    if let Some((other, signer)) = of_vendor {
        let other = other.word();
        let thumbprint = signer.thumbprint.map(|thumbprint| thumbprint.to_string()).unwrap_or_default();
        return Refusal::new(
            RefusalReason::UnknownSigner,
            format!(
                "{who} refused a token: it is signed by the vendor's {other} environment (certificate {thumbprint}), and \
                 the application is configured for {configured}."
            ),
        )
        .with_fix(format!("environment = \"{other}\"   # if this host is meant for the vendor's {other} environment"));
    }
    let list = trusted
        .iter()
        .map(|signer| match signer.thumbprint {
            Some(thumbprint) => format!("{thumbprint} ({})", signer.origin),
            None => format!("a public key ({})", signer.origin),
        })
        .collect::<Vec<_>>()
        .join(", ");
    let claim = match named {
        Named::Certificate(thumbprint) => {
            let belongs =
                vendor.iter().find(|(_, signer)| signer.thumbprint == Some(*thumbprint)).map(|(other, _)| other.word());
            match belongs {
                Some(other) => {
                    return Refusal::new(
                        RefusalReason::UnknownSigner,
                        format!(
                            "{who} refused a token: it names the certificate {thumbprint} of the vendor's {other} \
                             environment, is not signed with it, and the application is configured for {configured}; it \
                             was altered on the way or forged."
                        ),
                    );
                }
                None => format!("it names the certificate {thumbprint}"),
            }
        }
        Named::Unreadable(text) => format!("it names the certificate {}, which is no SHA-1 thumbprint,", Quoted(text)),
        Named::Nothing => "it names no certificate".to_owned(),
    };
    Refusal::new(
        RefusalReason::UnknownSigner,
        format!("{who} refused a token: {claim} and no trusted key signed it. Trusted for {configured}: {list}."),
    )
    .with_fix(
        "certificates = [\"signer.crt\"]   # only with the certificate that the vendor itself published, when it has a new one",
    )
}
