//! Endpoints that believe the wrong tokens, or sign the wrong answer. The proxy owns the issuer's key: a token that the
//! endpoint should have refused is made anew, so that the host behind takes it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rsa::sha2::{Digest as _, Sha256};
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use serde_json::{Map, Value};
use speil::auth::testing::{TokenBuilder, random_nonce};
use speil::protocol::names::Operation;
use speil::task::connection::{Request, Response};

use super::edit;
use crate::kit::host::{APPLICATION, issuer, now, private_key};
use crate::kit::proxy::{HONEST, Saboteur, Way};

const CONTEXT: &str = "http://schemes.superoffice.net/identity/ctx";

pub(super) const ALL: &[Saboteur] = &[
    Saboteur {
        name: "takes unsigned tokens",
        caught_by: &["trust/none"],
        request: |request| with_token(request, |token| token.algorithm() == "none", |token| token),
        ..HONEST
    },
    Saboteur {
        name: "verifies HS256 with the public key",
        caught_by: &["trust/hs256"],
        request: |request| with_token(request, |token| token.algorithm() == "HS256", |token| token),
        ..HONEST
    },
    Saboteur {
        name: "takes RS512",
        caught_by: &["trust/rs512"],
        request: |request| with_token(request, |token| token.algorithm() == "RS512", |token| token),
        ..HONEST
    },
    Saboteur {
        name: "takes PS256",
        caught_by: &["trust/ps256"],
        request: |request| with_token(request, |token| token.algorithm() == "PS256", |token| token),
        ..HONEST
    },
    Saboteur {
        name: "trusts the key that a token brings along",
        caught_by: &["trust/wrong-signer-with-key"],
        request: |request| with_token(request, |token| token.header.contains_key("x5c"), |token| token),
        ..HONEST
    },
    Saboteur {
        name: "does not verify signatures",
        caught_by: &[
            "trust/wrong-signer",
            "trust/wrong-signer-with-key",
            "trust/tampered",
            "trust/on-table-schema",
            "trust/on-row-data",
            "trust/on-wipe",
            "trust/on-completed",
        ],
        request: |request| with_token(request, |token| token.algorithm() == "RS256", |token| token),
        ..HONEST
    },
    Saboteur {
        name: "checks the token on Authenticate only",
        caught_by: &["trust/on-table-schema", "trust/on-row-data", "trust/on-wipe", "trust/on-completed"],
        request: |request| {
            if edit::calls(request, Operation::Authenticate) {
                Way::On
            } else {
                with_token(request, |_| true, |token| token)
            }
        },
        ..HONEST
    },
    Saboteur {
        name: "checks the token but on Wipe",
        caught_by: &["trust/on-wipe"],
        request: |request| {
            if edit::calls(request, Operation::Wipe) { with_token(request, |_| true, |token| token) } else { Way::On }
        },
        ..HONEST
    },
    Saboteur {
        name: "does not look at the audience",
        caught_by: &["trust/audience", "trust/no-audience"],
        request: |request| with_token(request, |token| token.genuine, |token| token.aud(format!("spn:{APPLICATION}"))),
        ..HONEST
    },
    Saboteur {
        name: "does not look at the issuer",
        caught_by: &["trust/issuer", "trust/no-issuer"],
        request: |request| with_token(request, |token| token.genuine, |token| token.iss("SuperOffice AS")),
        ..HONEST
    },
    Saboteur {
        name: "does not look at exp",
        caught_by: &["trust/expired"],
        request: |request| {
            let old = |token: &Seen| token.genuine && token.time("exp").is_some_and(|exp| exp < now() - 600);
            with_token(request, old, |token| token.nbf(now() - 60).exp(now() + 300))
        },
        ..HONEST
    },
    Saboteur {
        name: "takes tokens without exp",
        caught_by: &["trust/no-expiry"],
        request: |request| {
            with_token(request, |token| token.genuine && token.time("exp").is_none(), |token| token.exp(now() + 300))
        },
        ..HONEST
    },
    Saboteur {
        name: "does not look at nbf",
        caught_by: &["trust/not-yet-valid"],
        request: |request| {
            let early = |token: &Seen| token.genuine && token.time("nbf").is_some_and(|nbf| nbf > now());
            with_token(request, early, |token| token.nbf(now() - 60).exp(now() + 300))
        },
        ..HONEST
    },
    Saboteur {
        name: "allows no clock skew",
        caught_by: &["trust/clock-skew"],
        request: |request| {
            let old = |token: &Seen| token.time("exp").is_some_and(|exp| exp < now());
            with_token(request, old, |token| token.exp(now() - 3_600).nbf(now() - 3_960))
        },
        ..HONEST
    },
    Saboteur {
        name: "takes tokens that name no tenant",
        caught_by: &["trust/no-tenant"],
        request: |request| {
            let nobody = |token: &Seen| token.genuine && !token.claims.contains_key(CONTEXT);
            with_token(request, nobody, |token| token.ctx("Somebody").sub("Somebody"))
        },
        ..HONEST
    },
    Saboteur {
        name: "takes any nonce",
        caught_by: &["trust/nonce-short", "trust/nonce-text", "trust/no-nonce"],
        request: |request| {
            let good = |nonce: &str| nonce.len() == 32 && nonce.bytes().all(|byte| byte.is_ascii_hexdigit());
            let bad = |token: &Seen| token.genuine && !good(token.text("nonce"));
            with_token(request, bad, |token| token.nonce(random_nonce()))
        },
        ..HONEST
    },
    Saboteur {
        name: "keeps two tenants in one mirror",
        caught_by: &["trust/tenants-apart"],
        request: |request| {
            let second = |token: &Seen| token.genuine && token.text(CONTEXT).ends_with("Neighbour");
            with_token(request, second, |token| token.ctx("Conftrusttenantsapart").sub("Conftrusttenantsapart"))
        },
        ..HONEST
    },
    Saboteur {
        name: "takes a nil token",
        caught_by: &["header/nil-token"],
        request: |request| {
            edit::body(request, |text| match text.find(" i:nil=\"true\" s:mustUnderstand=\"1\"/>") {
                Some(nil) => {
                    let good = issuer().issue(APPLICATION, "Nobody", now()).expect("signed");
                    let rest = &text[text[nil..].find("/>").expect("it ends") + nil + 2..];
                    format!("{}>{good}</h:SignedToken>{rest}", &text[..nil])
                }
                None => text,
            });
            Way::On
        },
        ..HONEST
    },
    Saboteur {
        name: "signs with another key",
        caught_by: &["trust/answer-signed"],
        answer: |_, response| {
            signed_anew(response, |nonce, stamp| {
                let signature = STANDARD.encode([7; 128]);
                format!("{nonce}.{stamp}.{signature}")
            });
        },
        ..HONEST
    },
    Saboteur {
        name: "signs a nonce of its own",
        caught_by: &["trust/answer-signed"],
        answer: |_, response| signed_anew(response, |_, stamp| sign(&random_nonce(), stamp)),
        ..HONEST
    },
    Saboteur {
        name: "has a clock that is a year slow",
        caught_by: &["trust/answer-signed"],
        answer: |_, response| {
            signed_anew(response, |nonce, stamp| {
                let year: u32 = stamp[..4].parse().expect("a year");
                sign(nonce, &format!("{}{}", year - 1, &stamp[4..]))
            });
        },
        ..HONEST
    },
    Saboteur {
        name: "writes the time with seconds",
        caught_by: &["trust/answer-signed"],
        answer: |_, response| signed_anew(response, |nonce, stamp| sign(nonce, &format!("{stamp}00"))),
        ..HONEST
    },
];

/// A token as it came.
struct Seen {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    /// Signed by the issuer, as RS256.
    genuine: bool,
}

impl Seen {
    fn read(token: &str) -> Option<Self> {
        let parts: Vec<&str> = token.split('.').collect();
        let [header, claims, signature] = parts[..] else { return None };
        let object = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        let digest = Sha256::digest(&token[..header.len() + 1 + claims.len()]);
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let genuine = issuer().public_key().verify(Pkcs1v15Sign::new::<Sha256>(), &digest, &signature).is_ok();
        Some(Self { header: object(header)?, claims: object(claims)?, genuine })
    }

    fn algorithm(&self) -> &str {
        self.header.get("alg").and_then(Value::as_str).unwrap_or_default()
    }

    fn text(&self, claim: &str) -> &str {
        self.claims.get(claim).and_then(Value::as_str).unwrap_or_default()
    }

    fn time(&self, claim: &str) -> Option<i64> {
        self.claims.get(claim).and_then(Value::as_i64)
    }
}

/// Makes the token of a request anew, with the issuer's key and one thing changed, if it is one of those.
fn with_token(
    request: &mut Request,
    which: impl FnOnce(&Seen) -> bool,
    change: impl for<'t> FnOnce(TokenBuilder<'t>) -> TokenBuilder<'t>,
) -> Way {
    edit::body(request, |text| {
        let Some((begin, end)) = place(&text) else { return text };
        let Some(seen) = Seen::read(&text[begin..end]).filter(which) else { return text };
        let mut token = issuer().token(APPLICATION, "nobody", now());
        for claim in ["iss", "aud", "sub", CONTEXT, "nonce", "nbf", "exp"] {
            token = token.claim(claim, seen.claims.get(claim).cloned().unwrap_or(Value::Null));
        }
        let made = change(token).sign().expect("signed");
        format!("{}{made}{}", &text[..begin], &text[end..])
    });
    Way::On
}

/// Where the token's text stands.
fn place(text: &str) -> Option<(usize, usize)> {
    let begin = text.find("SignedToken")?;
    let begin = begin + text[begin..].find('>')? + 1;
    let end = begin + text[begin..].find('<')?;
    Some((begin, end))
}

/// Changes the signed text of an Authenticate answer, made from its nonce and its time stamp.
fn signed_anew(response: &mut Response, make: impl FnOnce(&str, &str) -> String) {
    edit::answer(response, |text| {
        let mark = "<SignedApplicationToken>";
        let Some(begin) = text.find(mark).map(|at| at + mark.len()) else { return text };
        let end = begin + text[begin..].find('<').expect("an element ends");
        let mut parts = text[begin..end].split('.');
        let (nonce, stamp) = (parts.next().expect("a nonce"), parts.next().expect("a time stamp"));
        format!("{}{}{}", &text[..begin], make(nonce, stamp), &text[end..])
    });
}

/// As the application signs.
fn sign(nonce: &str, stamp: &str) -> String {
    let key: RsaPrivateKey = speil::auth::keys::private_key(private_key()).expect("a key");
    let text = format!("{nonce}.{stamp}");
    let signature = key.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(&text)).expect("signed");
    format!("{text}.{}", STANDARD.encode(signature))
}
