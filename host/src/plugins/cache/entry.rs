//! One entry of the cache: a head that says what it is, a seal over key and code, the code.

use std::fs::File;
use std::io::{Read as _, Write as _};
#[cfg(target_os = "linux")]
use std::io::{Seek as _, SeekFrom};
use std::path::Path;

use rsa::sha2::{Digest as _, Sha256};

use super::place;
use crate::plugins::digest::Digest;

const HEAD: &[u8; 16] = b"speil code 2\r\n\x1a\n";
const CODE: usize = HEAD.len() + 32;
/// What half-written files are called.
pub(super) const TEMPORARY: &str = "writing-";

/// Code of this size is worth a file in memory of its own.
#[cfg(target_os = "linux")]
const LARGE: u64 = 1 << 20;

/// Code from a private file that is whole and made for the key it was asked for by. Only [`read`] makes one, so that
/// nothing else can be loaded. What it holds cannot change any more.
pub(super) struct Checked(Held);

/// Where checked code lies.
pub(super) enum Held {
    Here(Vec<u8>),
    #[cfg(target_os = "linux")]
    Sealed(super::sealed::Sealed),
}

impl Checked {
    pub(super) const fn held(&self) -> &Held {
        &self.0
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
    let mut head = [0; CODE];
    match file.read_exact(&mut head) {
        Ok(()) if head.starts_with(HEAD) => {}
        Ok(()) => return Err("it is not written by this version".into()),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Err("it is not whole".into()),
        Err(error) => return Err(format!("it cannot be read: {error}")),
    }
    let mut sum = Sum::default();
    let content = hold(&mut file, metadata.len(), &mut sum).map_err(|error| format!("it cannot be read: {error}"))?;
    if head[HEAD.len()..] != sum.seal(key) {
        return Err("it is damaged: its seal does not fit".into());
    }
    Ok(Some(Checked(content)))
}

/// Takes in what follows the head.
fn hold(file: &mut File, length: u64, sum: &mut Sum) -> std::io::Result<Held> {
    #[cfg(target_os = "linux")]
    if length >= LARGE {
        let mut of_copy = Sum::default();
        match super::sealed::Sealed::copy(file, |piece| of_copy.add(piece)) {
            Ok(sealed) => {
                *sum = of_copy;
                return Ok(Held::Sealed(sealed));
            }
            Err(error) => tracing::debug!("no file in memory for compiled code: {error}"),
        }
        file.seek(SeekFrom::Start(CODE as u64))?;
    }
    let mut code = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
    file.read_to_end(&mut code)?;
    sum.add(&code);
    Ok(Held::Here(code))
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

/// Of a key's code.
fn seal(key: &Digest, code: &[u8]) -> Digest {
    let mut sum = Sum::default();
    sum.add(code);
    sum.seal(key)
}

/// Code by its length and CRC-32: against damage that is enough, and a language's runtime of 40 MB takes a few milliseconds
/// with it, where SHA-256 takes a third of a start. Against those who may write here nothing would be ([`super`]).
#[derive(Default)]
struct Sum {
    length: u64,
    crc: flate2::Crc,
}

impl Sum {
    fn add(&mut self, piece: &[u8]) {
        self.length += piece.len() as u64;
        self.crc.update(piece);
    }

    fn seal(&self, key: &Digest) -> Digest {
        let (length, crc) = (self.length.to_be_bytes(), self.crc.sum().to_be_bytes());
        Sha256::new().chain_update(key).chain_update(length).chain_update(crc).finalize().into()
    }
}
