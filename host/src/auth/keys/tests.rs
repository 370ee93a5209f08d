//! Every form of key file, right and wrong; the numbers checked; nothing from outside panics.

use proptest::prelude::*;
use rsa::sha2::{Digest as _, Sha256};
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BigUint, Pkcs1v15Sign};

use super::*;

const PKCS1: &str = include_str!("testdata/pkcs1.pem");
const PKCS8: &str = include_str!("testdata/pkcs8.pem");
const SPKI: &str = include_str!("testdata/public-spki.pem");
const CERTIFICATE: &str = include_str!("testdata/certificate.pem");

fn the_key() -> RsaPrivateKey {
    private_key(PKCS1).expect("a good key")
}

fn xml() -> String {
    write_private_xml(&the_key()).expect("written").to_string()
}

/// The XML without one element.
fn without(xml: &str, names: &[&str]) -> String {
    xml.lines()
        .filter(|line| !names.iter().any(|name| line.trim_start().starts_with(&format!("<{name}>"))))
        .collect::<Vec<_>>()
        .join("\n")
}

fn base64(number: &BigUint) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(number.to_bytes_be())
}

fn with(xml: &str, name: &str, number: &BigUint) -> String {
    without(xml, &[name]).replace("</RSAKeyValue>", &format!("<{name}>{}</{name}></RSAKeyValue>", base64(number)))
}

fn error(text: &str) -> String {
    private_key(text).expect_err("refused").to_string()
}

#[test]
fn one_key_in_every_form_is_the_same_key() {
    let key = the_key();
    assert_eq!(bits(&key), 1024);
    assert_eq!(private_key(PKCS8), Ok(key.clone()));
    assert_eq!(private_key(&xml()), Ok(key.clone()));
    assert_eq!(private_key(&write_private_pem(&key).expect("written")), Ok(key.clone()));
    let public = key.to_public_key();
    for text in [
        SPKI.to_owned(),
        include_str!("testdata/public-pkcs1.pem").to_owned(),
        write_public_xml(&public),
        write_public_pem(&public).expect("written"),
    ] {
        let found = public_keys(text.as_bytes()).expect("a public key");
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].key, found[0].thumbprint), (&public, None));
    }
}

#[test]
fn what_openssl_writes_we_write() {
    assert_eq!(write_private_pem(&the_key()).expect("written").as_str(), PKCS8);
    assert_eq!(write_public_pem(&the_key().to_public_key()).expect("written"), SPKI);
}

#[test]
fn xml_is_read_in_any_order_case_name_space_and_spacing() {
    let tidy = xml();
    let mut lines = tidy.lines().collect::<Vec<_>>();
    let last = lines.len() - 1;
    lines[1..last].reverse();
    let reversed = lines.join("\r\n");
    let broken = tidy.replace("==", "=\n\t  =").replace("</Modulus>", "&#13;&#10;</Modulus>");
    let pair =
        format!("\u{feff}<?xml version=\"1.0\"?>\n<!-- a key -->\n{}", tidy.replace("RSAKeyValue", "RSAKeyPair"));
    let spaced = tidy.replace("<RSAKeyValue>", "<RSAKeyValue xmlns=\"http://www.w3.org/2000/09/xmldsig#\">");
    let prefixed = tidy
        .replace("</", "</k:")
        .replace('<', "<k:")
        .replace("<k:/k:", "</k:")
        .replace("<k:RSAKeyValue>", "<k:RSAKeyValue xmlns:k=\"urn:k\">");
    let cdata = tidy.replace("<D>", "<D><![CDATA[").replace("</D>", "]]></D>");
    let one_line = tidy.replace('\n', "");
    for text in [reversed, broken, pair, spaced, prefixed, cdata, one_line, tidy.replace("Modulus", "modulus")] {
        assert_eq!(private_key(&text), Ok(the_key()), "{text}");
    }
}

#[test]
fn what_xml_leaves_out_is_computed_from_the_rest() {
    let all = xml();
    for left_out in [
        &["DP"][..],
        &["DP", "DQ", "InverseQ"],
        &["P", "Q", "DP", "DQ", "InverseQ"],
        &["P", "Q"],
        &["Q", "DP", "DQ", "InverseQ"],
        &["P"],
        &["D"],
    ] {
        let key = private_key(&without(&all, left_out)).expect("computed");
        assert_eq!(key.n(), the_key().n(), "without {left_out:?}");
        let digest = Sha256::digest(b"x");
        let signature = key.sign(Pkcs1v15Sign::new::<Sha256>(), &digest).expect("signs");
        the_key().to_public_key().verify(Pkcs1v15Sign::new::<Sha256>(), &digest, &signature).expect("verifies");
    }
}

#[test]
fn numbers_that_do_not_belong_together_are_named() {
    let key = the_key();
    let (p, q) = (&key.primes()[0], &key.primes()[1]);
    let all = xml();
    let cases = [
        (with(&all, "P", &(p + 2u8)), "P times Q is not the modulus"),
        (with(&all, "DP", &BigUint::from(5u8)), "DP does not follow from the other numbers"),
        (with(&all, "DQ", &BigUint::from(5u8)), "DQ does not follow from the other numbers"),
        (with(&all, "InverseQ", &BigUint::from(5u8)), "InverseQ does not follow from the other numbers"),
        (with(&all, "D", &(key.d() - 2u8)), "D does not belong to P, Q and the exponent (invalid exponent)"),
        (with(&all, "D", key.n()), "D is not between 1 and the modulus"),
        (with(&all, "D", &BigUint::from(0u8)), "D is not between 1 and the modulus"),
        (with(&all, "Modulus", &(key.n() + 1u8)), "the modulus is even"),
        (with(&without(&all, &["Q"]), "P", &BigUint::from(65_537u32)), "P does not divide the modulus"),
        (
            with(&without(&all, &["P", "Q", "DP", "DQ", "InverseQ"]), "D", &(key.d() - 2u8)),
            "P and Q are not given and cannot be computed from D; export the key again with all its parts",
        ),
        (
            with(&all, "Exponent", &BigUint::from(2u8)),
            "the public exponent is not an odd number from 3 to 2^33 (it is nearly always 65537)",
        ),
    ];
    for (text, detail) in cases {
        assert_eq!(error(&text), format!("holds numbers that do not make one key: {detail}"));
    }
    // Primes of very different length would make signing take for ever.
    let (small, large) = (BigUint::from(65_537u32), p * q);
    let lopsided = with(
        &with(&with(&without(&all, &["D", "DP", "DQ", "InverseQ"]), "Modulus", &(&small * &large)), "P", &small),
        "Q",
        &large,
    );
    assert_eq!(
        error(&lopsided),
        "holds numbers that do not make one key: P has 17 bits and Q has 1024; they should be equally long"
    );
    // Composite "primes" of the right length pass every comparison but not a signature.
    let (a, b) = (BigUint::from(3u8) * (p >> 2usize | BigUint::from(1u8)), q.clone());
    let composite =
        with(&with(&with(&without(&all, &["D", "DP", "DQ", "InverseQ"]), "Modulus", &(&a * &b)), "P", &a), "Q", &b);
    assert_eq!(
        error(&composite),
        "holds numbers that do not make one key: a signature made with it does not verify (P or Q is not a prime)"
    );
}

#[test]
fn keys_outside_the_accepted_lengths_are_refused_with_their_length() {
    assert_eq!(error(include_str!("testdata/short.pem")), "holds a key of 512 bits; at least 1024 are required");
    let huge = BigUint::from(1u8) << 20_000usize;
    assert_eq!(error(&with(&xml(), "Modulus", &huge)), "holds a key of 20008 bits; at most 16384 are accepted");
    assert_eq!(error(&with(&xml(), "P", &huge)), "holds a key of 20008 bits; at most 16384 are accepted");
    let long = format!("<RSAKeyValue><Modulus>{}</Modulus></RSAKeyValue>", "A".repeat(MAX_FILE_BYTES));
    assert_eq!(error(&long), "is larger than 1048576 bytes, which no key is");
    assert_eq!(generate(512), Err(KeyError::TooShort(512)));
    assert_eq!(generate(20_000), Err(KeyError::TooManyBits(20_000)));
}

#[test]
fn a_file_of_another_kind_is_told_what_it_is() {
    let encrypted = "is encrypted, and a server has nobody to ask for the password: write it out once with `openssl pkcs8 -in FILE -out private.pem` and protect that file by its permissions";
    let public = "holds only the public half of a key; the private half is needed to sign answers (RSA XML with <D>, <P> and <Q>, or PEM that begins with -----BEGIN PRIVATE KEY-----)";
    assert_eq!(error(include_str!("testdata/encrypted-pkcs8.pem")), encrypted);
    assert_eq!(error(include_str!("testdata/encrypted-pkcs1.pem")), encrypted);
    assert_eq!(error(SPKI), public);
    assert_eq!(error(include_str!("testdata/public-pkcs1.pem")), public);
    assert_eq!(error(&write_public_xml(&the_key().to_public_key())), public);
    assert_eq!(
        error(CERTIFICATE),
        "holds a certificate, not a private key; export the private key of that certificate"
    );
    assert_eq!(error(include_str!("testdata/ec.pem")), "holds a key that is not RSA (EC)");
    assert_eq!(
        error(include_str!("testdata/ec-pkcs8.pem")),
        "holds a key that is not RSA (algorithm 1.2.840.10045.2.1)"
    );
    assert_eq!(error("  \n"), "is empty");
    let neither =
        "holds no private key: expected RSA XML (<RSAKeyValue> or <RSAKeyPair>) or PEM (-----BEGIN PRIVATE KEY-----)";
    assert_eq!(error("private.xml"), neither);
    assert_eq!(error("<configuration/>"), neither);
    assert_eq!(error("<RSAKeyValue></RSAKeyValue>"), "has no <Modulus>");
    for (text, detail) in [
        ("<!DOCTYPE a><RSAKeyValue/>", "a document type has no place in a key"),
        ("<RSAKeyValue><D>AA==</D>", "it ends before its last element is closed"),
        ("<RSAKeyValue><D>A*</D></RSAKeyValue>", "<D> is not base64"),
        ("<RSAKeyValue><D>AA==</D><D>AA==</D></RSAKeyValue>", "<D> is there twice"),
        ("<RSAKeyValue><D>&x;</D></RSAKeyValue>", "an entity inside a number"),
        ("<RSAKeyValue><D><b/></D></RSAKeyValue>", "an element inside a number"),
    ] {
        assert_eq!(error(text), format!("is not well-formed XML: {detail}"), "{text}");
    }
    assert_eq!(
        error("-----BEGIN PRIVATE KEY-----\nAAAA\n"),
        "is not well-formed PEM: -----END PRIVATE KEY----- is missing"
    );
    assert_eq!(
        error("-----BEGIN PRIVATE KEY-----\n%%\n-----END PRIVATE KEY-----"),
        "is not well-formed PEM: what stands between BEGIN PRIVATE KEY and END PRIVATE KEY is not base64"
    );
    assert!(
        error("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----")
            .starts_with("holds a damaged PKCS#8 private key: ")
    );
}

#[test]
fn pem_is_read_with_bag_attributes_windows_line_ends_and_other_blocks() {
    let text = format!("Bag Attributes\n    localKeyID: 01\n{CERTIFICATE}\nKey Attributes: <No Attributes>\n{PKCS8}");
    assert_eq!(private_key(&text.replace('\n', "\r\n")), Ok(the_key()));
}

#[test]
fn a_certificate_gives_its_key_and_thumbprint_as_pem_and_as_der() {
    let thumbprint = Thumbprint::from_hex("AC962056FE72BF11B0DADBA9FB9A0CA0B803FAB1");
    let der = &pem::blocks(CERTIFICATE).expect("PEM")[0].der;
    for bytes in [CERTIFICATE.as_bytes(), der.as_slice()] {
        let found = public_keys(bytes).expect("a certificate");
        assert_eq!(found.len(), 1);
        assert_eq!((&found[0].key, found[0].thumbprint), (&the_key().to_public_key(), thumbprint));
    }
    let several = public_keys(format!("{CERTIFICATE}{SPKI}").as_bytes()).expect("both");
    assert_eq!(several.iter().map(|found| found.thumbprint).collect::<Vec<_>>(), [thumbprint, None]);
}

#[test]
fn what_powershell_redirected_into_a_file_is_read() {
    let wide = [0xFF, 0xFE].into_iter().chain(SPKI.encode_utf16().flat_map(u16::to_le_bytes)).collect::<Vec<_>>();
    assert_eq!(public_keys(&wide).expect("a public key")[0].key, the_key().to_public_key());
}

#[test]
fn signers_must_be_public_rsa_keys() {
    let refused = |bytes: &[u8]| public_keys(bytes).expect_err("refused");
    let pkcs8 = &pem::blocks(PKCS8).expect("PEM")[0].der;
    for private in [PKCS1.as_bytes(), PKCS8.as_bytes(), xml().as_bytes(), pkcs8.as_slice()] {
        assert_eq!(refused(private), KeyError::PrivateWhereTrusted);
    }
    assert_eq!(
        refused(include_bytes!("testdata/ec-public.pem")),
        KeyError::NotRsa("algorithm 1.2.840.10045.2.1".into())
    );
    assert_eq!(refused(b""), KeyError::Empty);
    assert_eq!(refused(b"hello"), KeyError::NoPublicKey);
    assert_eq!(refused(b"<configuration/>"), KeyError::NoPublicKey);
    assert_eq!(refused(&[0x30, 0x82, 0xff, 0xff]), KeyError::NoPublicKey);
    let (mut small, tiny) = (xml(), BigUint::from(0xffff_ffffu32));
    small = with(&without(&small, &["D", "P", "Q", "DP", "DQ", "InverseQ"]), "Modulus", &tiny);
    assert_eq!(refused(small.as_bytes()), KeyError::TooShort(32));
}

#[test]
fn what_was_written_is_padded_as_dot_net_wants_it() {
    // A key whose D is shorter than its modulus is rare; the padding is what .NET checks, so it is checked here.
    let text = xml();
    let length = |name: &str| {
        use base64::Engine as _;
        let start = text.find(&format!("<{name}>")).expect(name) + name.len() + 2;
        let end = text[start..].find('<').expect(name) + start;
        base64::engine::general_purpose::STANDARD.decode(&text[start..end]).expect(name).len()
    };
    assert_eq!(["Modulus", "D"].map(length), [128, 128]);
    assert_eq!(["P", "Q", "DP", "DQ", "InverseQ"].map(length), [64; 5]);
    assert_eq!(length("Exponent"), 3);
}

/// A number of up to 1,100 bits that is often one of the real key's, or near it.
fn some_number() -> impl Strategy<Value = Vec<u8>> {
    let key = the_key();
    let real = [key.n(), key.e(), key.d(), &key.primes()[0], &key.primes()[1]].map(BigUint::to_bytes_be).to_vec();
    let near = (prop::sample::select(real.clone()), any::<u8>()).prop_map(|(mut bytes, last)| {
        if let Some(byte) = bytes.last_mut() {
            *byte = last;
        }
        bytes
    });
    prop_oneof![
        3 => prop::sample::select(real),
        2 => near,
        1 => prop::collection::vec(any::<u8>(), 0..138),
        1 => prop::sample::select(vec![vec![], vec![0], vec![1], vec![2], vec![3]]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_numbers_make_it_panic_or_hang(numbers in prop::collection::vec(prop::option::of(some_number()), 8)) {
        let get = |index: usize| numbers[index].as_deref();
        let modulus = the_key().n().to_bytes_be();
        let parts = parts::Parts {
            modulus: get(0).unwrap_or(&modulus),
            exponent: get(1).unwrap_or(&[1, 0, 1]),
            d: get(2),
            p: get(3),
            q: get(4),
            dp: get(5),
            dq: get(6),
            inverse_q: get(7),
        };
        if let Ok(key) = parts::private(&parts) {
            prop_assert_eq!(key.validate(), Ok(()));
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = private_key(&text);
        let _ = private_key(&format!("<RSAKeyValue>{text}</RSAKeyValue>"));
        let _ = private_key(&format!("-----BEGIN PRIVATE KEY-----{text}-----END PRIVATE KEY-----"));
        let _ = public_keys(text.as_bytes());
    }

    #[test]
    fn no_damage_makes_it_panic(at in 0..880usize, byte in any::<u8>(), xml_form in any::<bool>()) {
        let mut bytes = if xml_form { xml().into_bytes() } else { PKCS8.as_bytes().to_vec() };
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = private_key(&String::from_utf8_lossy(&bytes));
        let _ = public_keys(&bytes);
        let mut der = pem::blocks(CERTIFICATE).expect("PEM")[0].der.to_vec();
        let at = at % der.len();
        der[at] = byte;
        let _ = public_keys(&der);
    }
}
