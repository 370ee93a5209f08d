//! Whether an RSA key made a signature: PKCS #1 v1.5 over SHA-256, which is RS256.
//!
//! Every call brings a token, and checking one with the `rsa` crate was an eighth of what the host did for a call of a megabyte.
//! ring does it in a twentieth of the time, but takes no key below 2048 bits, and partners have some (docs/decisions/rsa-crate.md).

use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use rsa::sha2::{Digest as _, Sha256};
use rsa::traits::PublicKeyParts as _;
use rsa::{Pkcs1v15Sign, RsaPublicKey};

/// The keys that ring takes: bits of the modulus, and bits of the exponent (the usual one, 65537, has 17).
const BITS: std::ops::RangeInclusive<usize> = 2048..=8192;
const EXPONENT_BITS: std::ops::RangeInclusive<usize> = 17..=33;

/// Whether the key signed the message.
pub(super) fn signed_by(key: &RsaPublicKey, message: &[u8], signature: &[u8]) -> bool {
    if BITS.contains(&key.n().bits()) && EXPONENT_BITS.contains(&key.e().bits()) {
        let key = RsaPublicKeyComponents { n: key.n().to_bytes_be(), e: key.e().to_bytes_be() };
        key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
    } else {
        signed_by_the_other(key, message, signature)
    }
}

fn signed_by_the_other(key: &RsaPublicKey, message: &[u8], signature: &[u8]) -> bool {
    key.verify(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message), signature).is_ok()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha20Rng;
    use rsa::RsaPrivateKey;

    use super::*;

    /// Both ways agree about every key, for signatures good, damaged, cut short, lengthened, empty and of another message.
    #[test]
    fn both_ways_say_the_same() {
        let mut random = ChaCha20Rng::seed_from_u64(0);
        for bits in [1024, 2047, 2048, 2056] {
            let private = RsaPrivateKey::new(&mut random, bits).expect("a key");
            let key = private.to_public_key();
            let sign = |message: &[u8]| {
                private.sign(Pkcs1v15Sign::new::<Sha256>(), &Sha256::digest(message)).expect("a signature")
            };
            let good = sign(b"a message");
            let (mut damaged, mut longer, mut padded) = (good.clone(), good.clone(), vec![0]);
            damaged[bits / 16] ^= 1;
            longer.push(0);
            padded.extend_from_slice(&good);
            let zeros = vec![0; good.len()];
            let ones = vec![0xFF; good.len()];
            for (signature, is_good) in [
                (&good[..], true),
                (&damaged, false),
                (&good[1..], false),
                (&good[..good.len() - 1], false),
                (&longer, false),
                (&padded, false),
                (&zeros, false),
                (&ones, false),
                (&[], false),
                (&sign(b"another message"), false),
            ] {
                assert_eq!(signed_by(&key, b"a message", signature), is_good, "{bits} bits, {signature:?}");
                assert_eq!(signed_by_the_other(&key, b"a message", signature), is_good, "{bits} bits, {signature:?}");
            }
        }
    }
}
