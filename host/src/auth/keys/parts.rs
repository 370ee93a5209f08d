//! The numbers of an RSA key, as big-endian bytes from whatever form, made into a key that is known to work.
//!
//! What a file leaves out is computed where the rest determines it. What it gives is checked against the rest: a key
//! that signs wrongly would be found out by the vendor's Task, far from the file that caused it.

#![expect(clippy::many_single_char_names, reason = "n, e, d, p and q are what these numbers are called everywhere")]

use rsa::rand_core::OsRng;
use rsa::sha2::{Digest, Sha256};
use rsa::traits::PrivateKeyParts;
use rsa::{BigUint, Pkcs1v15Sign, RsaPrivateKey, RsaPublicKey};

use super::{KeyError, MAX_BITS, MIN_BITS};

/// How far the lengths of the two primes may differ. Real keys: not at all. The arithmetic of signing takes time
/// proportional to two to the power of this.
const MAX_PRIME_IMBALANCE: usize = 8;

/// The numbers of a key; only modulus and exponent are always there.
#[derive(Default, Clone, Copy)]
pub(super) struct Parts<'a> {
    pub modulus: &'a [u8],
    pub exponent: &'a [u8],
    pub d: Option<&'a [u8]>,
    pub p: Option<&'a [u8]>,
    pub q: Option<&'a [u8]>,
    pub dp: Option<&'a [u8]>,
    pub dq: Option<&'a [u8]>,
    pub inverse_q: Option<&'a [u8]>,
}

fn inconsistent(what: impl Into<String>) -> KeyError {
    KeyError::Inconsistent(what.into())
}

/// Bytes to a number, refusing what is longer than any part of an accepted key before it becomes a number.
fn number(bytes: &[u8]) -> Result<BigUint, KeyError> {
    let significant = bytes.iter().position(|byte| *byte != 0).map_or(&[][..], |first| &bytes[first..]);
    if significant.len() > MAX_BITS / 8 {
        return Err(KeyError::TooManyBits(significant.len().saturating_mul(8)));
    }
    Ok(BigUint::from_bytes_be(significant))
}

fn zero() -> BigUint {
    BigUint::from(0u8)
}

fn one() -> BigUint {
    BigUint::from(1u8)
}

fn is_odd(number: &BigUint) -> bool {
    number % 2u8 == one()
}

fn modulus_and_exponent(parts: &Parts<'_>) -> Result<(BigUint, BigUint), KeyError> {
    let n = number(parts.modulus)?;
    let bits = n.bits();
    if bits < MIN_BITS {
        return Err(KeyError::TooShort(bits));
    }
    if !is_odd(&n) {
        return Err(inconsistent("the modulus is even"));
    }
    let e = number(parts.exponent)?;
    if e < BigUint::from(3u8) || !is_odd(&e) || e.bits() > 33 {
        return Err(inconsistent(
            "the public exponent is not an odd number from 3 to 2^33 (it is nearly always 65537)",
        ));
    }
    Ok((n, e))
}

/// A public key.
pub(super) fn public(parts: &Parts<'_>) -> Result<RsaPublicKey, KeyError> {
    let (n, e) = modulus_and_exponent(parts)?;
    RsaPublicKey::new_with_max_size(n, e, MAX_BITS).map_err(|error| inconsistent(error.to_string()))
}

/// A private key that has signed and verified once.
pub(super) fn private(parts: &Parts<'_>) -> Result<RsaPrivateKey, KeyError> {
    let (n, e) = modulus_and_exponent(parts)?;
    let d = parts.d.map(number).transpose()?;
    if let Some(d) = &d
        && (*d <= one() || *d >= n)
    {
        return Err(inconsistent("D is not between 1 and the modulus"));
    }
    let p = parts.p.map(number).transpose()?;
    let q = parts.q.map(number).transpose()?;
    let primes = match (p, q) {
        (Some(p), Some(q)) => Some((p, q)),
        (Some(p), None) => Some(split(&n, p, "P")?),
        (None, Some(q)) => Some(split(&n, q, "Q")?).map(|(q, p)| (p, q)),
        (None, None) => None,
    };
    let key = match (primes, d) {
        (Some((p, q)), d) => from_primes(n, e, d, p, q)?,
        (None, Some(d)) => from_exponent(n, e, d)?,
        (None, None) => return Err(KeyError::OnlyPublic),
    };
    // Without P and Q nothing says which of the recovered primes the file called P.
    if parts.p.is_some() || parts.q.is_some() {
        check_given(&key, parts)?;
    }
    self_test(&key)?;
    Ok(key)
}

/// The other prime, when only one is given.
fn split(n: &BigUint, prime: BigUint, name: &str) -> Result<(BigUint, BigUint), KeyError> {
    if prime <= one() || n % &prime != zero() {
        return Err(inconsistent(format!("{name} does not divide the modulus")));
    }
    let other = n / &prime;
    Ok((prime, other))
}

fn from_primes(n: BigUint, e: BigUint, d: Option<BigUint>, p: BigUint, q: BigUint) -> Result<RsaPrivateKey, KeyError> {
    if &p * &q != n {
        return Err(inconsistent("P times Q is not the modulus"));
    }
    check_balance(&p, &q)?;
    match d {
        Some(d) => RsaPrivateKey::from_components(n, e, d, vec![p, q])
            .map_err(|error| inconsistent(format!("D does not belong to P, Q and the exponent ({error})"))),
        None => RsaPrivateKey::from_p_q(p, q, e)
            .map_err(|error| inconsistent(format!("no D exists for P, Q and the exponent ({error})"))),
    }
}

fn from_exponent(n: BigUint, e: BigUint, d: BigUint) -> Result<RsaPrivateKey, KeyError> {
    let missing = "P and Q are not given and cannot be computed from D; export the key again with all its parts";
    let key = RsaPrivateKey::from_components(n, e, d, Vec::new()).map_err(|_| inconsistent(missing))?;
    let [p, q] = key.primes() else { return Err(inconsistent(missing)) };
    check_balance(p, q)?;
    Ok(key)
}

fn check_balance(p: &BigUint, q: &BigUint) -> Result<(), KeyError> {
    if p == q {
        return Err(inconsistent("P and Q are the same"));
    }
    if p.bits().abs_diff(q.bits()) > MAX_PRIME_IMBALANCE {
        return Err(inconsistent(format!(
            "P has {} bits and Q has {}; they should be equally long",
            p.bits(),
            q.bits()
        )));
    }
    Ok(())
}

/// What the file said beside the necessary, compared with what it has to be.
fn check_given(key: &RsaPrivateKey, parts: &Parts<'_>) -> Result<(), KeyError> {
    let [p, q] = key.primes() else {
        return Err(inconsistent("it has more than two primes"));
    };
    let expected = [
        ("DP", parts.dp, Some(key.d() % (p - &one()))),
        ("DQ", parts.dq, Some(key.d() % (q - &one()))),
        ("InverseQ", parts.inverse_q, key.crt_coefficient()),
    ];
    for (name, given, computed) in expected {
        if let Some(given) = given
            && Some(number(given)?) != computed
        {
            return Err(inconsistent(format!("{name} does not follow from the other numbers")));
        }
    }
    Ok(())
}

/// Signs and verifies once: finds a P or Q that is no prime, which no comparison above does.
fn self_test(key: &RsaPrivateKey) -> Result<(), KeyError> {
    let digest = Sha256::digest(b"speil");
    let failed = || inconsistent("a signature made with it does not verify (P or Q is not a prime)");
    let signature = key.sign_with_rng(&mut OsRng, Pkcs1v15Sign::new::<Sha256>(), &digest).map_err(|_| failed())?;
    key.to_public_key().verify(Pkcs1v15Sign::new::<Sha256>(), &digest, &signature).map_err(|_| failed())
}
