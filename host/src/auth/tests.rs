//! A token's way through the checks, from outside: each way to fail with its texts, and the answer we sign.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use proptest::prelude::*;
use rsa::RsaPrivateKey;
use serde_json::json;

use super::signers::{Thumbprint, TrustedSigner, VendorSigner};
use super::testing::{TokenAlgorithm, TokenIssuer, check_answer, generate_key};
use super::*;
use crate::config::{ApplicationConfig, Environment, Secret};

mod audience;
mod claims;
mod signed_answer;
mod signer;

const ID: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "ffffffffffffffffffffffffffffffff";
const PATH: &str = "/MirroringClientService.svc";
/// 2026-11-21 05:47:26 UTC
const NOW: i64 = 1_795_240_046;
const KEY: &str = include_str!("keys/testdata/pkcs1.pem");

static SOD: LazyLock<TokenIssuer> = LazyLock::new(|| issuer([0x50; 20]));
static STAGE: LazyLock<TokenIssuer> = LazyLock::new(|| issuer([0x57; 20]));
static STRANGER: LazyLock<TokenIssuer> = LazyLock::new(|| issuer([0xEE; 20]));

fn issuer(thumbprint: [u8; 20]) -> TokenIssuer {
    TokenIssuer::new(generate_key(1024).expect("a key")).with_thumbprint(Thumbprint::new(thumbprint))
}

/// Stand-ins for the vendor's environments, whose private keys nobody here has.
fn vendor() -> Vec<VendorSigner> {
    let signer = |environment: Environment, issuer: &TokenIssuer, byte| {
        let signer = TrustedSigner {
            key: issuer.public_key(),
            thumbprint: Some(Thumbprint::new([byte; 20])),
            origin: format!("environment \"{}\"", environment.word()),
        };
        (environment, signer)
    };
    vec![signer(Environment::Sod, &SOD, 0x50), signer(Environment::Stage, &STAGE, 0x57)]
}

fn config(id: &str) -> ApplicationConfig {
    ApplicationConfig {
        id: id.to_owned(),
        environment: Environment::Sod,
        path: PATH.to_owned(),
        private_key: Secret::new(KEY.to_owned()),
        certificates: Vec::new(),
        check_audience: true,
        folder: None,
        clock_skew: Duration::from_mins(5),
    }
}

fn host(configs: &[ApplicationConfig]) -> Applications {
    Applications::load_with(configs, vendor()).expect("a good configuration")
}

fn one() -> Applications {
    host(&[config(ID)])
}

fn refusal(host: &Applications, token: Result<String, AuthError>) -> Refusal {
    host.verify(PATH, &token.expect("minted"), NOW).expect_err("refused")
}

/// Reason, log and fix of a token that the one application refuses, with the tenant it is shown with.
fn refused(builder: testing::TokenBuilder<'_>) -> (RefusalReason, String, Option<String>, Option<String>) {
    let refusal = refusal(&one(), builder.sign());
    assert_eq!(refusal.answer, refusal.reason.answer());
    assert!(!refusal.answer.contains(ID), "the answer names nothing of ours");
    let tenant = refusal.tenant.map(|tenant| tenant.as_str().to_owned());
    (refusal.reason, refusal.log, refusal.fix, tenant)
}

fn good() -> testing::TokenBuilder<'static> {
    SOD.token(ID, "Cust10195", NOW)
}

fn who(rest: &str) -> String {
    format!("Application {ID} refused a token: {rest}")
}

#[expect(clippy::unnecessary_wraps, reason = "compared with what a refusal holds")]
fn tenant() -> Option<String> {
    Some("Cust10195".to_owned())
}

#[test]
fn a_good_token_speaks_for_its_tenant_and_application() {
    let host = one();
    let token = good().nonce("0123456789ABCDEF0123456789abcdef").sign().expect("minted");
    let verified = host.verify("/mirroringclientservice.SVC", &token, NOW).expect("accepted");
    assert_eq!(verified.tenant().as_str(), "Cust10195");
    assert_eq!(verified.application().id(), ID);
    assert_eq!(verified.nonce().as_str(), "0123456789ABCDEF0123456789abcdef");
    assert!(host.serves("/MIRRORINGCLIENTSERVICE.SVC") && !host.serves("/other"));
}

#[test]
fn every_problem_of_every_application_is_reported_at_once() {
    let missing = PathBuf::from("no-such.crt");
    let configs = [
        ApplicationConfig {
            private_key: Secret::new("nothing".into()).with_origin("the file private.xml".into()),
            certificates: vec![missing],
            ..config(ID)
        },
        ApplicationConfig { environment: Environment::Custom, ..config(OTHER) },
    ];
    let text = Applications::load(&configs).expect_err("refused").to_string();
    let lines = text.lines().collect::<Vec<_>>();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].starts_with(&format!("Application {ID}: the certificate file no-such.crt cannot be read: ")));
    assert!(lines[1].starts_with(&format!("Application {ID}: the file private.xml holds no private key: ")));
    assert_eq!(
        lines[2],
        format!("Application {OTHER}: environment = \"custom\" trusts nobody without certificates = [\"signer.crt\"].")
    );
}

#[test]
fn debug_shows_no_key() {
    let application = one().iter().next().cloned().expect("one");
    let shown = format!("{application:?} {:?}", config(ID));
    assert_eq!(
        format!("{application:?}"),
        format!("Application {{ id: \"{ID}\", path: \"{PATH}\", environment: Sod, .. }}")
    );
    assert!(!shown.contains("PRIVATE") && !shown.contains("MII"));
    assert_eq!(application.key_bits(), 1024);
}

#[test]
fn the_refusals_words_are_all_different_and_all_explained() {
    use RefusalReason as R;
    let all = [
        R::Malformed,
        R::Algorithm,
        R::UnknownSigner,
        R::Signature,
        R::Issuer,
        R::Audience,
        R::Expired,
        R::NotYetValid,
        R::MissingTimes,
        R::Tenant,
        R::Nonce,
    ];
    let page = include_str!("../../../docs/reference-refusals.md");
    for reason in all {
        let row = format!("| `{}` | {} |", reason.word(), reason.answer());
        assert!(page.contains(&row), "docs/reference-refusals.md should have a row that begins with {row}");
    }
    assert_eq!(page.matches("\n| `").count(), all.len(), "and no other");
    let distinct = |texts: Vec<&str>| texts.iter().collect::<std::collections::BTreeSet<_>>().len();
    assert_eq!(distinct(all.map(R::word).to_vec()), all.len());
    assert_eq!(distinct(all.map(R::answer).to_vec()), all.len());
}

static KEYS: LazyLock<Vec<RsaPrivateKey>> =
    LazyLock::new(|| (0..3).map(|_| generate_key(1024).expect("a key")).collect());

proptest! {
    #[test]
    fn whatever_is_signed_verifies_with_its_own_key_only(which in 0..3usize, nonce in "[0-9a-fA-F]{32}", now in 0..4_000_000_000i64) {
        let nonce_value = Nonce::parse(&nonce).expect("32 hex digits");
        let answer = answer::sign(&KEYS[which], &nonce_value, now).expect("signed");
        for (index, key) in KEYS.iter().enumerate() {
            prop_assert_eq!(check_answer(&answer, &nonce, &key.to_public_key(), now).is_ok(), index == which);
        }
    }

    #[test]
    fn no_token_makes_it_panic_and_none_but_a_signed_one_is_accepted(text in any::<String>(), at in 0..600usize, bit in 0..7u8) {
        let host = one();
        prop_assert!(host.verify(PATH, &text, NOW).is_err());
        let mut bytes = good().sign().expect("minted").into_bytes();
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        if let Ok(damaged) = String::from_utf8(bytes) {
            prop_assert!(host.verify(PATH, &damaged, NOW).is_err(), "one bit changed at {}", at);
        }
    }
}
