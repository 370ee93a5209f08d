//! Code in a file that is in memory only and can no longer be changed, by nobody: it can be mapped as it lies, without being copied once
//! more, and unlike the entry on disk it stays what was checked. Linux has such files; elsewhere code is copied.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;

use rustix::fs::{MemfdFlags, SealFlags};

/// As much is read at a time: it stays in the processor's cache from reading to writing.
const PIECE: usize = 256 << 10;

/// See above. Gone with the last mapping of it.
pub(in crate::plugins::cache) struct Sealed(File);

impl Sealed {
    /// Copies what is left of a file, shows each piece of it on the way, and seals the copy.
    ///
    /// # Errors
    /// The file cannot be read, or this system gives no such files.
    pub fn copy(from: &mut File, mut seen: impl FnMut(&[u8])) -> std::io::Result<Self> {
        let copy = rustix::fs::memfd_create("speil-code", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        let mut copy = File::from(copy);
        let mut piece = vec![0; PIECE];
        loop {
            let count = from.read(&mut piece)?;
            if count == 0 {
                break;
            }
            seen(&piece[..count]);
            copy.write_all(&piece[..count])?;
        }
        rustix::fs::fcntl_add_seals(&copy, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Ok(Self(copy))
    }

    /// Where it can be opened, by this process and as long as this lives.
    pub fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }

    /// All of it.
    pub fn read(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut file = &self.0;
        file.rewind()?;
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_was_seen_and_nobody_can_change_it() {
        let mut from = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = (0..PIECE + 7).map(|at| u8::try_from(at % 251).unwrap()).collect();
        from.write_all(&bytes).unwrap();
        from.rewind().unwrap();
        let mut seen = Vec::new();
        let sealed = Sealed::copy(&mut from, |piece| seen.extend_from_slice(piece)).unwrap();
        assert_eq!((seen == bytes, sealed.read().unwrap() == bytes), (true, true));
        for mut file in
            [sealed.0.try_clone().unwrap(), std::fs::OpenOptions::new().write(true).open(sealed.path()).unwrap()]
        {
            file.rewind().unwrap();
            assert_eq!(file.write_all(b"other").unwrap_err().kind(), std::io::ErrorKind::PermissionDenied);
            assert!(file.set_len(1).is_err() && file.set_len(1 << 20).is_err());
        }
        assert_eq!(std::fs::read(sealed.path()).unwrap(), bytes);
    }
}
