//! A token as it comes, or, when the input begins with `{`, a header on the first line and claims below it, which are
//! signed here with the trusted key: so that what is behind the signature is reached too.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::SeedableRng as _;
use rsa::sha2::{Digest as _, Sha256};
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use serde_json::Value;
use speil::auth::testing::{TokenIssuer, check_answer};
use speil::auth::{Applications, Refusal, VerifiedTenant};

use crate::kit::host::{APPLICATION, PATH};

/// The time of all checks: seeds hold times around it.
const NOW: i64 = 1_795_240_046;
const NOW_AS_FLOAT: f64 = 1_795_240_046.0;
/// The clock skew of the test host, and a second for what is cut off.
const SKEW: f64 = 301.0;
const CONTEXT: &str = "http://schemes.superoffice.net/identity/ctx";

/// Tries one token.
pub fn run(data: &[u8]) {
    let place = place();
    if data.first() == Some(&b'{') {
        let Some(end) = data.iter().position(|&byte| byte == b'\n') else { return };
        signed(place, &data[..end], &data[end + 1..]);
    } else if let Ok(token) = std::str::from_utf8(data) {
        if let Err(refusal) = place.check(PATH, token) {
            return is_refused(&refusal);
        }
        // Only who has the key can have made it.
        let (signed, signature) = token.rsplit_once('.').expect("three parts");
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
        let scheme = Pkcs1v15Sign::new::<Sha256>();
        let public = place.key.to_public_key();
        public.verify(scheme, &Sha256::digest(signed), &signature).expect("signed with the trusted key");
    }
}

struct Place {
    key: RsaPrivateKey,
    applications: Applications,
}

impl Place {
    fn check(&self, path: &str, token: &str) -> Result<VerifiedTenant, Refusal> {
        self.applications.verify(path, token, NOW)
    }
}

/// One application and the key it trusts, always the same: so that a token among the seeds stays good.
fn place() -> &'static Place {
    static PLACE: OnceLock<Place> = OnceLock::new();
    PLACE.get_or_init(|| {
        let mut dice = rand::rngs::StdRng::seed_from_u64(6);
        let key = RsaPrivateKey::new(&mut dice, 1024).expect("a key");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = crate::kit::host::config(folder.path());
        let signer = folder.path().join("fuzz.pem");
        std::fs::write(&signer, TokenIssuer::new(key.clone()).public_key_pem().expect("a text")).expect("writable");
        config.applications[0].certificates = vec![signer];
        let applications = Applications::load(&config.applications).expect("one application");
        Place { key, applications }
    })
}

/// A token with this header and these claims, signed as it should be.
fn sign(key: &RsaPrivateKey, header: &[u8], claims: &[u8]) -> String {
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = key.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(&signed)).expect("it signs");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn signed(place: &Place, header: &[u8], claims: &[u8]) {
    let token = sign(&place.key, header, claims);
    let tenant = match place.check(PATH, &token) {
        Ok(tenant) => tenant,
        Err(refusal) => return is_refused(&refusal),
    };
    let header: Value = serde_json::from_slice(header).expect("a header that was believed is JSON");
    let claims: Value = serde_json::from_slice(claims).expect("claims that were believed are JSON");
    assert_eq!(header["alg"], "RS256");
    assert!(header.get("crit").is_none());
    assert_eq!(claims["iss"], "SuperOffice AS");
    let wanted = format!("spn:{APPLICATION}");
    let is_ours = |audience: &Value| audience.as_str().is_some_and(|text| text.eq_ignore_ascii_case(&wanted));
    assert!(is_ours(&claims["aud"]) || claims["aud"].as_array().is_some_and(|list| list.iter().any(is_ours)));
    let (begins, ends) = (claims["nbf"].as_f64().expect("a number"), claims["exp"].as_f64().expect("a number"));
    assert!(begins - SKEW <= NOW_AS_FLOAT && NOW_AS_FLOAT <= ends + SKEW, "{begins} to {ends} at {NOW}");
    let named = [&claims[CONTEXT], &claims["sub"]].into_iter().filter_map(Value::as_str).collect::<Vec<_>>();
    assert!(!named.is_empty() && named.iter().all(|name| *name == tenant.tenant().as_str()), "{named:?}");
    let nonce = claims["nonce"].as_str().expect("a text");
    assert!(nonce.len() == 32 && nonce.bytes().all(|byte| byte.is_ascii_hexdigit()), "{nonce:?} was signed");
    assert_eq!(tenant.nonce().as_str(), nonce);

    let answer = tenant.sign_answer(NOW).expect("it signs");
    check_answer(&answer, nonce, &tenant.application().public_key(), NOW).expect("the vendor takes it");
    // Not elsewhere, and not with another signature.
    place.check("/elsewhere.svc", &token).expect_err("another path");
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let mut signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    signature[64] ^= 1;
    let spoilt = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature));
    is_refused(&place.check(PATH, &spoilt).expect_err("a spoilt signature"));
}

/// Refused in words that may be shown: a sentence of ours to the caller, a bounded line to the log.
fn is_refused(refusal: &Refusal) {
    assert_eq!(refusal.answer, refusal.reason.answer());
    super::is_presentable(&refusal.log, 4000);
    if let Some(fix) = &refusal.fix {
        super::is_presentable(fix, 1000);
    }
}
