//! A token taken apart: three base64url parts, a header and claims in strict JSON. Nothing here is believed yet.
//!
//! Strict, because what two readers could read differently is what attacks are made of: no padding, no stray bits, no
//! member given twice, no critical extensions. Keys that a token brings along (`jwk`, `jku`, `x5c`, `x5u`) are never
//! looked at.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;

use super::refusal::{Quoted, Refusal, RefusalReason};

/// The largest token looked at. The vendor's have less than 2 KiB.
pub(super) const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The only algorithm: the vendor's, and no key of ours fits another.
const ALGORITHM: &str = "RS256";

/// A token whose form is right and whose algorithm is RS256.
pub(super) struct Token<'t> {
    pub kid: Option<String>,
    pub x5t: Option<String>,
    pub claims: Members,
    /// What is signed: header and claims as they came.
    pub signed: &'t str,
    pub signature: Vec<u8>,
}

/// A JSON object in which no member stands twice.
#[derive(Debug, PartialEq)]
pub(super) struct Members(BTreeMap<String, Value>);

impl Members {
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Strict;

        impl<'de> Visitor<'de> for Strict {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry::<String, Value>()? {
                    if members.contains_key(&name) {
                        return Err(A::Error::custom(format_args!("the member {} is there twice", Quoted(&name))));
                    }
                    members.insert(name, value);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(Strict)
    }
}

fn malformed(what: impl fmt::Display) -> Refusal {
    Refusal::new(RefusalReason::Malformed, format!("A token was refused: {what}."))
}

impl<'t> Token<'t> {
    /// Takes a token apart and pins its algorithm.
    pub(super) fn parse(token: &'t str) -> Result<Self, Refusal> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(malformed(format_args!(
                "it has {} bytes, more than the {MAX_TOKEN_BYTES} a token may have",
                token.len()
            )));
        }
        if token.is_empty() {
            return Err(malformed("it is empty"));
        }
        let mut parts = token.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            let count = token.split('.').count();
            return Err(malformed(format_args!(
                "it has {count} part{} between dots and should have three (header, claims, signature)",
                if count == 1 { "" } else { "s" }
            )));
        };
        let signed = &token[..header.len() + 1 + claims.len()];
        let header = object("header", header)?;
        if header.get("crit").is_some() {
            return Err(malformed("its header has critical extensions (crit), and none is known here"));
        }
        check_algorithm(&header)?;
        let text = |name: &str| match header.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(malformed(format_args!("its header's {name} is not a text"))),
        };
        Ok(Self {
            kid: text("kid")?,
            x5t: text("x5t")?,
            claims: object("claims", claims)?,
            signed,
            signature: base64url("signature", signature)?,
        })
    }
}

fn check_algorithm(header: &Members) -> Result<(), Refusal> {
    let refuse = |what: fmt::Arguments<'_>| {
        let log = format!(
            "A token was refused: {what}, and only {ALGORITHM} is accepted, which is what the vendor signs with."
        );
        Err(Refusal::new(RefusalReason::Algorithm, log))
    };
    match header.get("alg") {
        Some(Value::String(algorithm)) if algorithm == ALGORITHM => Ok(()),
        Some(Value::String(algorithm)) => refuse(format_args!("its algorithm is {}", Quoted(algorithm))),
        Some(_) => refuse(format_args!("its algorithm is not a text")),
        None => refuse(format_args!("it names no algorithm")),
    }
}

fn base64url(part: &str, text: &str) -> Result<Vec<u8>, Refusal> {
    URL_SAFE_NO_PAD.decode(text).map_err(|error| malformed(format_args!("its {part} is not base64url ({error})")))
}

fn object(part: &str, text: &str) -> Result<Members, Refusal> {
    let bytes = base64url(part, text)?;
    serde_json::from_slice(&bytes).map_err(|error| malformed(format_args!("its {part} is not a JSON object: {error}")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(text: &str) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    fn refused(header: &str, claims: &str) -> (RefusalReason, String) {
        let token = format!("{}.{}.AAAA", encode(header), encode(claims));
        let refusal = Token::parse(&token).err().expect("refused");
        (refusal.reason, refusal.log)
    }

    fn malformed_log(token: &str) -> String {
        let refusal = Token::parse(token).err().expect("refused");
        assert_eq!(refusal.reason, RefusalReason::Malformed);
        assert_eq!(refusal.answer, "The signed token is malformed.");
        assert!(refusal.fix.is_none() && refusal.tenant.is_none());
        refusal.log
    }

    #[test]
    fn what_has_not_three_parts_is_malformed() {
        assert_eq!(malformed_log(""), "A token was refused: it is empty.");
        assert_eq!(
            malformed_log("abc"),
            "A token was refused: it has 1 part between dots and should have three (header, claims, signature)."
        );
        assert_eq!(
            malformed_log("a.b.c.d.e"),
            "A token was refused: it has 5 parts between dots and should have three (header, claims, signature)."
        );
        let long = "a".repeat(MAX_TOKEN_BYTES + 1);
        assert_eq!(
            malformed_log(&long),
            "A token was refused: it has 16385 bytes, more than the 16384 a token may have."
        );
    }

    #[test]
    fn base64_is_strict() {
        let good = encode(r#"{"alg":"RS256"}"#);
        for (header, claims, signature, part) in [
            (format!("{good}="), "e30".to_owned(), "AAAA", "header"),
            (format!(" {good}"), "e30".to_owned(), "AAAA", "header"),
            (good.clone(), "e31".to_owned(), "AAAA", "claims"),
            (good.clone(), "e30".to_owned(), "AA+/", "signature"),
        ] {
            let log = malformed_log(&format!("{header}.{claims}.{signature}"));
            assert!(log.starts_with(&format!("A token was refused: its {part} is not base64url (")), "{log}");
        }
    }

    #[test]
    fn json_is_strict() {
        let twice = refused(r#"{"alg":"none","alg":"RS256"}"#, "{}");
        assert_eq!(twice.0, RefusalReason::Malformed);
        assert!(twice.1.contains(r#"its header is not a JSON object: the member "alg" is there twice"#), "{}", twice.1);
        let escaped = refused(r#"{"alg":"RS256"}"#, r#"{"aud":"spn:a","\u0061ud":"spn:b"}"#);
        assert!(escaped.1.contains(r#"the member "aud" is there twice"#), "{}", escaped.1);
        for claims in ["", "[]", "7", "{} {}", "{\"a\":1,}", "{"] {
            let refusal = refused(r#"{"alg":"RS256"}"#, claims);
            assert!(refusal.1.starts_with("A token was refused: its claims is not a JSON object: "), "{}", refusal.1);
        }
    }

    #[test]
    fn every_algorithm_but_rs256_is_refused_before_anything_is_verified() {
        for algorithm in ["none", "None", "HS256", "RS512", "RS384", "PS256", "ES256", "rs256", "RS256 "] {
            let (reason, log) = refused(&format!(r#"{{"alg":"{algorithm}"}}"#), "{}");
            assert_eq!(reason, RefusalReason::Algorithm);
            assert_eq!(
                log,
                format!(
                    "A token was refused: its algorithm is \"{algorithm}\", and only RS256 is accepted, which is what the vendor signs with."
                )
            );
        }
        assert_eq!(refused("{}", "{}").0, RefusalReason::Algorithm);
        assert_eq!(refused(r#"{"alg":["RS256"]}"#, "{}").0, RefusalReason::Algorithm);
    }

    #[test]
    fn critical_extensions_are_refused_and_brought_keys_ignored() {
        let (reason, log) = refused(r#"{"alg":"RS256","crit":["b64"],"b64":false}"#, "{}");
        assert_eq!(reason, RefusalReason::Malformed);
        assert_eq!(log, "A token was refused: its header has critical extensions (crit), and none is known here.");
        let token =
            format!("{}.e30.AAAA", encode(r#"{"alg":"RS256","jwk":{"kty":"RSA"},"jku":"http://x","x5c":["AA"]}"#));
        let Ok(token) = Token::parse(&token) else { panic!("its form is right") };
        assert!(token.kid.is_none() && token.x5t.is_none());
        assert_eq!(
            refused(r#"{"alg":"RS256","kid":7}"#, "{}").1,
            "A token was refused: its header's kid is not a text."
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = Token::parse(&text);
        }

        #[test]
        fn no_json_makes_it_panic(header in any::<String>(), claims in any::<String>(), signature in any::<Vec<u8>>()) {
            let token = format!("{}.{}.{}", encode(&header), encode(&claims), URL_SAFE_NO_PAD.encode(signature));
            let _ = Token::parse(&token);
        }
    }
}
