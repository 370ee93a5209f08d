//! One entry of the cache: a head that says what it is, a seal over key and code, the code.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;

use rsa::sha2::{Digest as _, Sha256};

use super::place;
use crate::plugins::digest::Digest;

const HEAD: &[u8; 16] = b"speil code 2\r\n\x1a\n";
const CODE: usize = HEAD.len() + 32;
/// What half-written files are called.
pub(super) const TEMPORARY: &str = "writing-";

/// Code from a private file that is whole and made for the key it was asked for by. Only [`read`] makes one, so that
/// nothing else can be loaded.
pub(super) struct Checked(Vec<u8>);

impl Checked {
    pub(super) fn code(&self) -> &[u8] {
        &self.0[CODE..]
    }
}

/// Reads an entry; `None`: there is none.
///
/// # Errors
/// Why it is in doubt.
pub(super) fn read(path: &Path, key: &Digest) -> Result<Option<Checked>, String> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("it cannot be opened: {error}")),
    };
    // Of the open file, so that it cannot be another one by then.
    let metadata = file.metadata().map_err(|error| format!("it cannot be looked at: {error}"))?;
    if !metadata.is_file() {
        return Err("it is no file".into());
    }
    place::is_private(&metadata)?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
    file.read_to_end(&mut bytes).map_err(|error| format!("it cannot be read: {error}"))?;
    if bytes.len() < CODE || bytes[..HEAD.len()] != *HEAD {
        return Err("it is not whole, or not written by this version".into());
    }
    if bytes[HEAD.len()..CODE] != seal(key, &bytes[CODE..]) {
        return Err("it is damaged: its seal does not fit".into());
    }
    Ok(Some(Checked(bytes)))
}

/// Writes an entry: whole or not at all.
pub(super) fn write(path: &Path, key: &Digest, code: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(path);
    // Not readable to others by default, as temporary files are.
    let mut file = tempfile::Builder::new().prefix(TEMPORARY).suffix(".tmp").tempfile_in(folder)?;
    file.write_all(HEAD)?;
    file.write_all(&seal(key, code))?;
    file.write_all(code)?;
    file.as_file().sync_data()?;
    file.persist(path)?;
    Ok(())
}

/// The code by its length and CRC-32: against damage that is enough, and a language's runtime of 40 MB takes a few milliseconds
/// with it, where SHA-256 takes a third of a start. Against those who may write here nothing would be ([`super`]).
fn seal(key: &Digest, code: &[u8]) -> Digest {
    let mut crc = flate2::Crc::new();
    crc.update(code);
    let length = (code.len() as u64).to_be_bytes();
    Sha256::new().chain_update(key).chain_update(length).chain_update(crc.sum().to_be_bytes()).finalize().into()
}
