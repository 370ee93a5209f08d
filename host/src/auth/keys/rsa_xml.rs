//! The .NET framework's XML form of an RSA key, `RSA.ToXmlString`: what partners' keys come as.
//!
//! `<RSAKeyValue>` or `<RSAKeyPair>`, the elements `Modulus Exponent P Q DP DQ InverseQ D` in any order, each base64
//! with any white space in it. Element names are matched without regard to case and name space.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quick_xml::Reader;
use quick_xml::events::Event;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{BigUint, RsaPrivateKey, RsaPublicKey};
use zeroize::Zeroizing;

use super::KeyError;
use super::parts::{self, Parts};

const ROOTS: [&str; 2] = ["RSAKeyValue", "RSAKeyPair"];
const NAMES: [&str; 8] = ["Modulus", "Exponent", "P", "Q", "DP", "DQ", "InverseQ", "D"];

/// Place of each name in [`NAMES`].
const MODULUS: usize = 0;
const EXPONENT: usize = 1;
const P: usize = 2;
const Q: usize = 3;
const DP: usize = 4;
const DQ: usize = 5;
const INVERSE_Q: usize = 6;
const D: usize = 7;

/// The elements found, decoded.
pub(super) struct RsaXml {
    numbers: [Option<Zeroizing<Vec<u8>>>; 8],
}

impl RsaXml {
    fn get(&self, which: usize) -> Option<&[u8]> {
        self.numbers[which].as_ref().map(|bytes| bytes.as_slice())
    }

    /// Whether anything private is in it.
    pub(super) fn is_private(&self) -> bool {
        [P, Q, DP, DQ, INVERSE_Q, D].into_iter().any(|which| self.get(which).is_some())
    }

    fn parts(&self) -> Result<Parts<'_>, KeyError> {
        Ok(Parts {
            modulus: self.get(MODULUS).ok_or(KeyError::MissingElement("Modulus"))?,
            exponent: self.get(EXPONENT).ok_or(KeyError::MissingElement("Exponent"))?,
            d: self.get(D),
            p: self.get(P),
            q: self.get(Q),
            dp: self.get(DP),
            dq: self.get(DQ),
            inverse_q: self.get(INVERSE_Q),
        })
    }

    pub(super) fn public(&self) -> Result<RsaPublicKey, KeyError> {
        parts::public(&self.parts()?)
    }

    pub(super) fn private(&self) -> Result<RsaPrivateKey, KeyError> {
        parts::private(&self.parts()?)
    }
}

/// The parser repeats what it stumbled over, which may be anything, and much of the key: shown shortly, and on one line.
fn ill_formed(error: impl std::fmt::Display) -> KeyError {
    const SHOWN: usize = 120;
    let text = error.to_string();
    let mut shown: String =
        text.chars().take(SHOWN).map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect();
    if text.chars().count() > SHOWN {
        shown.push('…');
    }
    KeyError::Xml(shown)
}

/// Reads the XML; says nothing yet about whether the numbers make a key.
pub(super) fn parse(text: &str) -> Result<RsaXml, KeyError> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut numbers: [Option<Zeroizing<Vec<u8>>>; 8] = std::array::from_fn(|_| None);
    let mut depth = 0usize;
    let mut roots = 0usize;
    let mut current: Option<usize> = None;
    let mut value = Zeroizing::new(String::new());
    loop {
        match reader.read_event().map_err(ill_formed)? {
            Event::Start(start) => {
                let local = start.local_name();
                let name: &str = local.as_ref();
                match depth {
                    0 => {
                        roots += 1;
                        if roots > 1 || !ROOTS.iter().any(|root| root.eq_ignore_ascii_case(name)) {
                            return Err(KeyError::NoPrivateKey);
                        }
                    }
                    1 => {
                        current = NAMES.iter().position(|known| known.eq_ignore_ascii_case(name));
                        value.clear();
                    }
                    _ if current.is_some() => return Err(ill_formed("an element inside a number")),
                    _ => {}
                }
                depth += 1;
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                if depth == 1
                    && let Some(which) = current.take()
                {
                    store(&mut numbers, which, &value)?;
                }
            }
            Event::Text(text) if current.is_some() => value.push_str(&text),
            Event::CData(text) if current.is_some() => value.push_str(&text),
            Event::GeneralRef(reference) if current.is_some() => {
                // `&#13;` stands at line ends of files that went through an XML writer on Windows.
                match reference.resolve_char_ref().map_err(ill_formed)? {
                    Some(character) => value.push(character),
                    None => return Err(ill_formed("an entity inside a number")),
                }
            }
            Event::DocType(_) => return Err(ill_formed("a document type has no place in a key")),
            Event::Eof => break,
            Event::Empty(_)
            | Event::Text(_)
            | Event::CData(_)
            | Event::GeneralRef(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_) => {}
        }
    }
    if depth > 0 || roots == 0 {
        return Err(ill_formed("it ends before its last element is closed"));
    }
    Ok(RsaXml { numbers })
}

/// One element's text to bytes; an empty element counts as absent.
fn store(numbers: &mut [Option<Zeroizing<Vec<u8>>>; 8], which: usize, value: &str) -> Result<(), KeyError> {
    let base64: Zeroizing<String> = Zeroizing::new(value.chars().filter(|c| !c.is_whitespace()).collect());
    if base64.is_empty() {
        return Ok(());
    }
    let bytes =
        STANDARD.decode(base64.as_bytes()).map_err(|_| ill_formed(format!("<{}> is not base64", NAMES[which])))?;
    if numbers[which].replace(Zeroizing::new(bytes)).is_some() {
        return Err(ill_formed(format!("<{}> is there twice", NAMES[which])));
    }
    Ok(())
}

/// A number in base64, filled up with zeros to the length .NET insists on.
fn encode(number: &BigUint, length: usize) -> Zeroizing<String> {
    let bytes = Zeroizing::new(number.to_bytes_be());
    let mut padded = Zeroizing::new(vec![0; length.saturating_sub(bytes.len())]);
    padded.extend_from_slice(&bytes);
    Zeroizing::new(STANDARD.encode(padded.as_slice()))
}

/// `<RSAKeyValue>` with the public half: what the vendor is given.
#[must_use]
pub fn write_public(key: &RsaPublicKey) -> String {
    format!(
        "<RSAKeyValue>\n  <Modulus>{}</Modulus>\n  <Exponent>{}</Exponent>\n</RSAKeyValue>\n",
        encode(key.n(), key.size()).as_str(),
        encode(key.e(), 0).as_str()
    )
}

/// `<RSAKeyValue>` with all eight numbers.
pub fn write_private(key: &RsaPrivateKey) -> Result<Zeroizing<String>, KeyError> {
    let [p, q] = key.primes() else {
        return Err(KeyError::Inconsistent("it has more than two primes".into()));
    };
    let one = BigUint::from(1u8);
    let inverse_q = key.crt_coefficient().ok_or_else(|| KeyError::Inconsistent("Q has no inverse modulo P".into()))?;
    let length = key.size();
    let half = length.div_ceil(2);
    let numbers: [(&BigUint, usize); 8] = [
        (key.n(), length),
        (key.e(), 0),
        (p, half),
        (q, half),
        (&(key.d() % (p - &one)), half),
        (&(key.d() % (q - &one)), half),
        (&inverse_q, half),
        (key.d(), length),
    ];
    let mut text = Zeroizing::new(String::with_capacity(length * 8));
    text.push_str("<RSAKeyValue>\n");
    for (name, (number, length)) in NAMES.iter().zip(numbers) {
        for piece in ["  <", name, ">", &encode(number, length), "</", name, ">\n"] {
            text.push_str(piece);
        }
    }
    text.push_str("</RSAKeyValue>\n");
    Ok(text)
}
