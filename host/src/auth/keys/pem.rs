//! PEM blocks, read as forgivingly as OpenSSL does: any line length, any line ending, text before and between blocks
//! ("Bag Attributes"), several blocks in one file.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::KeyError;

const BEGIN: &str = "-----BEGIN ";
const DASHES: &str = "-----";

/// One block: what it says it is, and its bytes.
pub(super) struct Block {
    pub label: String,
    pub der: Zeroizing<Vec<u8>>,
    /// The old way to encrypt, `Proc-Type: 4,ENCRYPTED`; then `der` is empty.
    pub encrypted: bool,
}

/// All blocks of a text, in order.
pub(super) fn blocks(text: &str) -> Result<Vec<Block>, KeyError> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(BEGIN) {
        rest = &rest[at + BEGIN.len()..];
        let Some(label_end) = rest.find(DASHES) else {
            return Err(KeyError::Pem("a -----BEGIN line has no closing dashes".into()));
        };
        let label = rest[..label_end].to_owned();
        if label.is_empty() || label.len() > 64 || !label.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            return Err(KeyError::Pem("a -----BEGIN line has no label".into()));
        }
        rest = &rest[label_end + DASHES.len()..];
        let Some(end) = rest.find(&format!("-----END {label}-----")) else {
            return Err(KeyError::Pem(format!("-----END {label}----- is missing")));
        };
        blocks.push(block(label, &rest[..end])?);
        rest = &rest[end + DASHES.len()..];
    }
    Ok(blocks)
}

fn block(label: String, body: &str) -> Result<Block, KeyError> {
    if body.contains("ENCRYPTED") {
        return Ok(Block { label, der: Zeroizing::default(), encrypted: true });
    }
    let base64: Zeroizing<String> = Zeroizing::new(body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    let der = STANDARD
        .decode(base64.as_bytes())
        .map_err(|_| KeyError::Pem(format!("what stands between BEGIN {label} and END {label} is not base64")))?;
    Ok(Block { label, der: Zeroizing::new(der), encrypted: false })
}

/// Writes one block with lines of 64 characters.
pub(super) fn write(label: &str, der: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(STANDARD.encode(der));
    let mut text = Zeroizing::new(String::with_capacity(base64.len() * 66 / 64 + 80));
    text.extend(["-----BEGIN ", label, "-----\n"]);
    let mut rest = base64.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.extend(["-----END ", label, "-----\n"]);
    text
}
