//! A key file, RSA XML above all: what is read as a key works as one, and reads the same once written.

use rsa::Pkcs1v15Sign;
use rsa::sha2::{Digest as _, Sha256};
use speil::auth::keys;

/// Tries one file.
pub fn run(data: &[u8]) {
    match keys::public_keys(data) {
        Err(error) => super::is_presentable(&error.to_string(), 4000),
        Ok(found) => {
            assert!(!found.is_empty(), "no key is an error");
            for found in found {
                assert!((keys::MIN_BITS..=keys::MAX_BITS).contains(&keys::bits(&found.key)));
                let written = keys::write_public_xml(&found.key);
                let again = keys::public_keys(written.as_bytes()).expect("what we write we read");
                assert_eq!(again[0].key, found.key);
                keys::private_key(&written).expect_err("a public key is no private one");
            }
        }
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let key = match keys::private_key(text) {
        Ok(key) => key,
        Err(error) => return super::is_presentable(&error.to_string(), 4000),
    };
    assert!((keys::MIN_BITS..=keys::MAX_BITS).contains(&keys::bits(&key)));
    keys::public_keys(data).expect_err("a private key is nothing to trust by");
    // The numbers make one key: what the private half signs, the public half knows.
    let digest = Sha256::digest(data);
    let signature = key.sign(Pkcs1v15Sign::new::<Sha256>(), &digest).expect("it signs");
    key.to_public_key().verify(Pkcs1v15Sign::new::<Sha256>(), &digest, &signature).expect("its own signature");
    let Ok(written) = keys::write_private_xml(&key) else { return };
    assert_eq!(keys::private_key(&written).expect("what we write we read"), key);
}
