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
    let signer = |environment, issuer: &TokenIssuer, byte| {
        let signer = TrustedSigner {
            key: issuer.public_key(),
            thumbprint: Some(Thumbprint::new([byte; 20])),
            origin: format!("environment \"{}\"", signers::name(environment)),
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
        clock_skew: Duration::from_secs(300),
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
fn the_audience_has_no_case_and_may_be_one_of_several() {
    for audience in [json!(format!("SPN:{}", ID.to_uppercase())), json!(["spn:x", format!("spn:{ID}")])] {
        one().verify(PATH, &good().aud(audience).sign().expect("minted"), NOW).expect("accepted");
    }
}

#[test]
fn the_certificate_may_be_named_by_kid_by_x5t_or_not_at_all() {
    let null = json!(null);
    let thumbprint = Thumbprint::new([0x50; 20]);
    for token in [
        good().kid(null.clone()),
        good().x5t(null.clone()),
        good().kid(null.clone()).x5t(null.clone()),
        good().kid(thumbprint.to_string().to_lowercase()),
        good().kid(thumbprint.to_x5t()),
    ] {
        one().verify(PATH, &token.sign().expect("minted"), NOW).expect("accepted");
    }
}

#[test]
fn another_algorithm_is_refused_whatever_it_is_signed_with() {
    for (algorithm, name) in [
        (TokenAlgorithm::None, "none"),
        (TokenAlgorithm::Hs256WithPublicKey, "HS256"),
        (TokenAlgorithm::Rs512, "RS512"),
        (TokenAlgorithm::Ps256, "PS256"),
    ] {
        let (reason, log, fix, tenant) = refused(good().algorithm(algorithm));
        assert_eq!(reason, RefusalReason::Algorithm);
        assert_eq!(
            log,
            format!(
                "A token was refused: its algorithm is \"{name}\", and only RS256 is accepted, which is what the vendor signs with."
            )
        );
        assert_eq!((fix, tenant), (None, None));
        // The same signature under a header that claims RS256.
        let reason = refused(good().algorithm(algorithm).header("alg", "RS256")).0;
        assert_eq!(reason, RefusalReason::Signature, "{name}");
    }
}

#[test]
fn a_token_of_another_environment_names_it_and_the_line_that_would_mend_it() {
    let expected = who(
        "it is signed by the vendor's stage environment (certificate 5757575757575757575757575757575757575757), and the application is configured for sod.",
    );
    let fix = "environment = \"stage\"   # if this host is meant for the vendor's stage environment";
    let token = STAGE.token(ID, "Cust10195", NOW);
    assert_eq!(refused(token.clone()), (RefusalReason::UnknownSigner, expected.clone(), Some(fix.into()), None));
    // Even when it names no certificate.
    let unnamed = token.kid(json!(null)).x5t(json!(null));
    assert_eq!(refused(unnamed), (RefusalReason::UnknownSigner, expected, Some(fix.into()), None));
}

#[test]
fn an_unknown_signer_is_named_beside_the_trusted_ones() {
    let fix = "certificates = [\"signer.crt\"]   # only with the certificate that the vendor itself published, when it has a new one";
    let trusted =
        "no trusted key signed it. Trusted for sod: 5050505050505050505050505050505050505050 (environment \"sod\").";
    let token = STRANGER.token(ID, "Cust10195", NOW);
    let named = "it names the certificate EEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEEE";
    assert_eq!(
        refused(token.clone()),
        (RefusalReason::UnknownSigner, who(&format!("{named} and {trusted}")), Some(fix.into()), None)
    );
    let odd = token.clone().kid("key-1").x5t(json!(null));
    let named = "it names the certificate \"key-1\", which is no SHA-1 thumbprint,";
    assert_eq!(
        refused(odd),
        (RefusalReason::UnknownSigner, who(&format!("{named} and {trusted}")), Some(fix.into()), None)
    );
    let unnamed = token.clone().kid(json!(null)).x5t(json!(null));
    assert_eq!(
        refused(unnamed),
        (RefusalReason::UnknownSigner, who(&format!("it names no certificate and {trusted}")), Some(fix.into()), None)
    );
    let torn = token.kid("50".repeat(20));
    assert_eq!(
        refused(torn),
        (
            RefusalReason::UnknownSigner,
            who(
                "its kid \"5050505050505050505050505050505050505050\" and its x5t \"7u7u7u7u7u7u7u7u7u7u7u7u7u4\" do not name the same certificate."
            ),
            None,
            None
        )
    );
}

#[test]
fn a_key_that_a_token_brings_along_is_not_trusted() {
    let modulus = {
        use base64::Engine as _;
        use rsa::traits::PublicKeyParts as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(STRANGER.public_key().n().to_bytes_be())
    };
    let token = STRANGER
        .token(ID, "Cust10195", NOW)
        .kid(json!(null))
        .x5t(json!(null))
        .header("jwk", json!({"kty": "RSA", "n": modulus, "e": "AQAB"}))
        .header("jku", "https://example.com/keys");
    assert_eq!(refused(token).0, RefusalReason::UnknownSigner);
    let (reason, log, ..) = refused(good().header("crit", json!(["exp"])));
    assert_eq!(reason, RefusalReason::Malformed);
    assert_eq!(log, "A token was refused: its header has critical extensions (crit), and none is known here.");
}

#[test]
fn a_trusted_certificates_name_on_a_foreign_signature_is_a_forgery() {
    let named = Thumbprint::new([0x50; 20]);
    let forged = STRANGER.token(ID, "Cust10195", NOW).kid(named.to_string()).x5t(named.to_x5t());
    let expected = who(
        "it names the trusted certificate 5050505050505050505050505050505050505050 (environment \"sod\") and is not signed with it; it was altered on the way or forged.",
    );
    assert_eq!(refused(forged), (RefusalReason::Signature, expected, None, None));
    let other = Thumbprint::new([0x57; 20]);
    let forged = STRANGER.token(ID, "Cust10195", NOW).kid(other.to_string()).x5t(other.to_x5t());
    let expected = who(
        "it names the certificate 5757575757575757575757575757575757575757 of the vendor's stage environment, is not signed with it, and the application is configured for sod; it was altered on the way or forged.",
    );
    assert_eq!(refused(forged), (RefusalReason::UnknownSigner, expected, None, None));
}

#[test]
fn one_changed_claim_spoils_the_signature() {
    let host = one();
    let (mine, yours) = (good().sign().expect("minted"), SOD.token(ID, "Cust2", NOW).sign().expect("minted"));
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (mine, yours) = (parts(&mine), parts(&yours));
    let mixed = format!("{}.{}.{}", mine[0], yours[1], mine[2]);
    assert_eq!(host.verify(PATH, &mixed, NOW).expect_err("refused").reason, RefusalReason::Signature);
}

#[test]
fn only_the_vendor_issues_tokens() {
    let tail = "and only \"SuperOffice AS\" issues tokens for mirroring.";
    for (issuer, text) in [
        (json!("SuperOffice As"), "its issuer is \"SuperOffice As\", "),
        (json!(null), "it names no issuer, "),
        (json!(["SuperOffice AS"]), "its issuer is not a text, "),
    ] {
        assert_eq!(refused(good().iss(issuer)), (RefusalReason::Issuer, who(&format!("{text}{tail}")), None, tenant()));
    }
}

#[test]
fn a_token_for_another_application_says_which_and_what_is_served() {
    let fix = format!(
        "id = \"{OTHER}\"   # if that is this application's id; check_audience = false accepts tokens for any application"
    );
    assert_eq!(
        refused(SOD.token(OTHER, "Cust10195", NOW)),
        (
            RefusalReason::Audience,
            format!("A token was refused: it is meant for \"spn:{OTHER}\", and {PATH} of this host serves spn:{ID}."),
            Some(fix),
            tenant()
        )
    );
    assert_eq!(
        refused(good().aud(json!(null))),
        (
            RefusalReason::Audience,
            format!("A token was refused: it names no audience, and {PATH} of this host serves spn:{ID}."),
            Some("check_audience = false   # only if the vendor really issues tokens without one".into()),
            tenant()
        )
    );
    for not_this in [json!(ID), json!(format!("spn:{ID}0")), json!(format!("xspn:{ID}")), json!(7), json!({"spn": ID})]
    {
        assert_eq!(refused(good().aud(not_this)).0, RefusalReason::Audience);
    }
}

#[test]
fn without_the_audience_check_any_application_is_accepted() {
    let host = host(&[ApplicationConfig { check_audience: false, ..config(ID) }]);
    let token = SOD.issue(OTHER, "Cust1", NOW).expect("minted");
    assert_eq!(host.verify(PATH, &token, NOW).expect("accepted").application().id(), ID);
}

#[test]
fn an_expired_token_says_how_long_ago_by_whose_clock() {
    let (reason, log, fix, shown) = refused(good().nbf(NOW - 1_080).exp(NOW - 720));
    assert_eq!(reason, RefusalReason::Expired);
    assert_eq!(
        log,
        who(
            "it expired 12 minutes ago by this host's clock (2026-11-21 05:47:26 UTC; valid until 2026-11-21 05:35:26 UTC), and a clock skew of 5 minutes is allowed. This host's clock is probably fast, or the token is an old one sent again."
        )
    );
    assert_eq!(fix.as_deref(), Some("clock_skew = \"13m\"   # better: let this host's clock be set by NTP"));
    assert_eq!(shown, tenant());
    assert_eq!(refused(good().nbf(NOW - 90_000).exp(NOW - 86_400)).2, None, "no clock is a day wrong");
}

#[test]
fn a_token_from_the_future_says_how_far() {
    let (reason, log, fix, shown) = refused(good().nbf(NOW + 720).exp(NOW + 1_080));
    assert_eq!(reason, RefusalReason::NotYetValid);
    assert_eq!(
        log,
        who(
            "it is valid in 12 minutes by this host's clock (2026-11-21 05:47:26 UTC; valid from 2026-11-21 05:59:26 UTC), and a clock skew of 5 minutes is allowed. This host's clock is probably slow."
        )
    );
    assert_eq!(fix.as_deref(), Some("clock_skew = \"13m\"   # better: let this host's clock be set by NTP"));
    assert_eq!(shown, tenant());
}

#[test]
fn the_clock_skew_counts_to_the_second_on_both_sides() {
    let host = one();
    let token = good().nbf(NOW).exp(NOW + 360).sign().expect("minted");
    for (now, accepted) in [(NOW - 301, false), (NOW - 300, true), (NOW + 659, true), (NOW + 660, false)] {
        assert_eq!(host.verify(PATH, &token, now).is_ok(), accepted, "{}", now - NOW);
    }
    // The fix that was proposed is enough, exactly.
    let wider = |minutes: u64| {
        let config = ApplicationConfig { clock_skew: Duration::from_secs(minutes * 60), ..config(ID) };
        Applications::load_with(&[config], vendor()).expect("good")
    };
    let late = good().nbf(NOW - 1_080).exp(NOW - 720).sign().expect("minted");
    assert!(wider(13).verify(PATH, &late, NOW).is_ok() && wider(12).verify(PATH, &late, NOW).is_err());
    for now in [i64::MIN, i64::MAX] {
        host.verify(PATH, &token, now).expect_err("refused, not overflown");
    }
}

#[test]
fn both_times_are_required_and_must_make_sense() {
    let cases = [
        (good().exp(json!(null)), "its exp is missing."),
        (good().nbf(json!(null)), "its nbf is missing."),
        (good().exp("2026"), "its exp is not a number."),
        (good().exp(1e300), "its exp is not a time."),
        (
            good().nbf(NOW + 400),
            "it expires (2026-11-21 05:52:26 UTC) before it begins to be valid (2026-11-21 05:54:06 UTC).",
        ),
        (
            good().exp(NOW + 31_536_000),
            "it is valid for 365 days, and the vendor's are for minutes (more than 24 hours is not believed).",
        ),
    ];
    for (token, text) in cases {
        assert_eq!(refused(token), (RefusalReason::MissingTimes, who(text), None, tenant()));
    }
    let host = one();
    let fraction = good().exp(json!(1_795_240_346.75)).claim("iat", NOW + 99_999).sign().expect("minted");
    host.verify(PATH, &fraction, NOW).expect("a fraction of a second is allowed, iat does not count");
}

#[test]
fn the_tenant_is_ctx_else_sub_and_never_two() {
    let tenant = |token: testing::TokenBuilder<'_>| {
        one().verify(PATH, &token.sign().expect("minted"), NOW).expect("accepted").tenant().as_str().to_owned()
    };
    assert_eq!(tenant(good().ctx(json!(null)).sub("Cust2")), "Cust2");
    assert_eq!(tenant(good().ctx("Cust3").sub(json!(null))), "Cust3");
    let cases = [
        (good().sub("Cust2"), "it names two tenants, \"Cust10195\" (ctx) and \"Cust2\" (sub)."),
        (
            good().ctx(json!(null)).sub(json!(null)),
            "it names no tenant (neither http://schemes.superoffice.net/identity/ctx nor sub).",
        ),
        (good().ctx(7), "its claim http://schemes.superoffice.net/identity/ctx is not a text."),
        (good().ctx("").sub(""), "the context identifier is empty, here \"\"."),
    ];
    for (token, text) in cases {
        assert_eq!(refused(token), (RefusalReason::Tenant, who(text), None, None));
    }
}

#[test]
fn only_32_hex_digits_are_signed() {
    let tail = "only 32 hex digits are signed, so that nobody can have other texts signed here.";
    let cases = [
        (json!(null), "it has no nonce"),
        (json!(7), "its nonce is not a text"),
        (json!("0123"), "its nonce \"0123\" is not 32 hex digits"),
        (
            json!("0123456789abcdef0123456789abcdeg"),
            "its nonce \"0123456789abcdef0123456789abcdeg\" is not 32 hex digits",
        ),
        (
            json!("0123456789abcdef.202611210547.AA"),
            "its nonce \"0123456789abcdef.202611210547.AA\" is not 32 hex digits",
        ),
    ];
    for (nonce, text) in cases {
        assert_eq!(
            refused(good().nonce(nonce)),
            (RefusalReason::Nonce, who(&format!("{text}; {tail}")), None, tenant())
        );
    }
}

#[test]
fn applications_on_one_path_are_told_apart_by_audience() {
    let host = host(&[config(ID), config(OTHER)]);
    for id in [ID, OTHER] {
        let token = SOD.issue(id, "Cust1", NOW).expect("minted");
        assert_eq!(host.verify(PATH, &token, NOW).expect("accepted").application().id(), id);
    }
    let refusal = refusal(&host, SOD.issue(&"a".repeat(32), "Cust1", NOW));
    assert_eq!(
        refusal.log,
        format!(
            "A token was refused: it is meant for \"spn:{}\", and {PATH} of this host serves spn:{ID}, spn:{OTHER}.",
            "a".repeat(32)
        )
    );
    assert_eq!(
        refusal.fix,
        Some(format!("[[application]] with id = \"{}\"   # if that application is yours too", "a".repeat(32)))
    );
}

#[test]
fn the_refusal_shown_is_that_of_the_application_the_token_names_or_came_closest_to() {
    let stage = ApplicationConfig { environment: Environment::Stage, ..config(OTHER) };
    let host = host(&[config(ID), stage]);
    // Expired, for the second: the first refuses its signature, which is not worth showing.
    let expired = STAGE.token(OTHER, "Cust1", NOW).nbf(NOW - 4_000).exp(NOW - 3_700).sign();
    assert_eq!(refusal(&host, expired).reason, RefusalReason::Expired);
    // For the first, but from stage: the second knows the signer, yet the first's environment is what is wrong.
    let astray = refusal(&host, STAGE.issue(ID, "Cust1", NOW));
    assert_eq!(astray.reason, RefusalReason::UnknownSigner);
    assert_eq!(astray.fix.as_deref().map(|fix| fix.starts_with("environment = \"stage\"")), Some(true));
    // For neither: the one that knows the signer.
    assert_eq!(refusal(&host, STAGE.issue(&"a".repeat(32), "Cust1", NOW)).reason, RefusalReason::Audience);
}

#[test]
fn an_application_called_on_anothers_path_is_told_its_own() {
    let elsewhere = ApplicationConfig { path: "/other.svc".into(), ..config(OTHER) };
    let host = host(&[config(ID), elsewhere]);
    let refusal = refusal(&host, SOD.issue(OTHER, "Cust1", NOW));
    assert_eq!(
        refusal.log,
        format!(
            "A token was refused: it is meant for \"spn:{OTHER}\", and {PATH} of this host serves spn:{ID}. That application is served on /other.svc: the vendor has the wrong address for it."
        )
    );
    let nowhere = host.verify("/none\n", &SOD.issue(ID, "Cust1", NOW).expect("minted"), NOW).expect_err("refused");
    assert_eq!(nowhere.log, "A token was refused: no application of this host answers on \"/none\\n\".");
}

#[test]
fn a_public_key_file_is_tried_whatever_certificate_a_token_names() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("issuer.pem");
    std::fs::write(&file, STRANGER.public_key_pem().expect("PEM")).expect("written");
    let custom = ApplicationConfig { environment: Environment::Custom, certificates: vec![file], ..config(ID) };
    let host = host(&[custom]);
    for kid in [json!(null), json!("key-1"), json!("EE".repeat(20))] {
        let token = STRANGER.token(ID, "Cust1", NOW).kid(kid).x5t(json!(null)).sign().expect("minted");
        host.verify(PATH, &token, NOW).expect("accepted");
    }
    // Then no environment's signer is trusted any more.
    assert_eq!(refusal(&host, SOD.issue(ID, "Cust1", NOW)).reason, RefusalReason::UnknownSigner);
}

#[test]
fn every_problem_of_every_application_is_reported_at_once() {
    let missing = PathBuf::from("no-such.crt");
    let configs = [
        ApplicationConfig { private_key: Secret::new("nothing".into()), certificates: vec![missing], ..config(ID) },
        ApplicationConfig { environment: Environment::Custom, ..config(OTHER) },
    ];
    let text = Applications::load(&configs).expect_err("refused").to_string();
    let lines = text.lines().collect::<Vec<_>>();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].starts_with(&format!("Application {ID}: the certificate file no-such.crt cannot be read: ")));
    assert!(lines[1].starts_with(&format!("Application {ID}: what private_key names holds no private key: ")));
    assert_eq!(
        lines[2],
        format!("Application {OTHER}: environment = \"custom\" trusts nobody without certificates = [\"signer.crt\"].")
    );
}

#[test]
fn applications_that_a_token_could_not_tell_apart_are_refused() {
    let error =
        |configs: &[ApplicationConfig]| Applications::load_with(configs, vendor()).expect_err("refused").to_string();
    let unchecked = ApplicationConfig { check_audience: false, ..config(OTHER) };
    assert_eq!(
        error(&[config(ID), unchecked.clone()]),
        format!(
            "Applications {ID} and {OTHER} share the path {PATH}, where only the audience tells them apart, and {OTHER} has check_audience = false: remove that line, or give one of them a path of its own."
        )
    );
    assert_eq!(
        error(&[config(ID), config(ID)]),
        format!(
            "Application {ID} is there twice on the path {PATH} with the same trusted signer: remove one, or give it another path."
        )
    );
    host(&[config(ID), ApplicationConfig { path: "/other.svc".into(), ..unchecked }]);
    host(&[config(ID), ApplicationConfig { environment: Environment::Stage, ..config(ID) }]);
}

#[test]
fn the_answer_is_what_openssl_makes_of_the_same_key() {
    let nonce = "0123456789abcdef0123456789abcdef";
    let verified = one().verify(PATH, &good().nonce(nonce).sign().expect("minted"), NOW).expect("accepted");
    let answer = verified.sign_answer(NOW).expect("signed");
    // printf NONCE.202611210547 | openssl dgst -sha256 -sign pkcs1.pem | base64
    let known = "0123456789abcdef0123456789abcdef.202611210547.BkuYqWCC61dod6imHE2gtxabLSLXh8hs6GRotmjOXqP6MnxMtROrohHpKWb7FvZIYYe0uUiLX4aw4xbqGssjE1ORo43KBU9dve/MUeI0KgwV9v3QiUSaW8fqKetwC/Vgrr5pEFUUzWF56VoD651xfBy/+OrUEYwbW62w3Iz0KEA=";
    assert_eq!(answer, known);
    let key = verified.application().public_key();
    assert_eq!(check_answer(&answer, nonce, &key, NOW + 800), Ok(()));
    assert_eq!(
        check_answer(&answer, nonce, &key, NOW + 1_000),
        Err("the answer's time stamp is 202611210547 and it is 202611210604 now; 15 minutes are allowed".into())
    );
    assert_eq!(
        check_answer(&answer, nonce, &STRANGER.public_key(), NOW),
        Err("the answer's signature is not that of the application's key".into())
    );
    assert!(check_answer(&answer, "other", &key, NOW).is_err() && check_answer("", nonce, &key, NOW).is_err());
    assert!(verified.sign_answer(i64::MAX).is_err(), "no calendar reaches that far");
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
fn the_refusals_words_are_all_different() {
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
