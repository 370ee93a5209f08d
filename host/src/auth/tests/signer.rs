//! Who signed: algorithms, thumbprints, foreign and forged signatures.

use super::*;

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
