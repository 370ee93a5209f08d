//! Reading files that others put there: only what is a file, and no more of it than there may be. A pipe would hold whoever opens
//! it, a device never ends, and what is too large would fill the memory that every other plug-in and tenant needs.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::limits::size;

/// The largest component that is read. A component that carries a language runtime has a tenth of it.
pub const COMPONENT: usize = 256 << 20;
/// The largest sidecar.
pub const SIDECAR: usize = 1 << 20;

/// Opens what is an ordinary file, or leads to one.
///
/// # Errors
/// It is none, or cannot be opened.
pub fn open(path: &Path) -> io::Result<File> {
    let ordinary = |metadata: &std::fs::Metadata| {
        let refusal = || io::Error::other("it is no ordinary file; put a file there");
        metadata.is_file().then_some(()).ok_or_else(refusal)
    };
    // Before it is opened, since opening alone can wait for ever; and after, since it may be another by then.
    ordinary(&std::fs::metadata(path)?)?;
    let file = File::open(path)?;
    ordinary(&file.metadata()?)?;
    Ok(file)
}

/// All of a file, if that is not more than `most` bytes.
///
/// # Errors
/// It cannot be opened or read, or is larger: a sentence's end.
pub fn bytes(path: &Path, most: usize) -> Result<Vec<u8>, String> {
    let cannot = |error: io::Error| format!("cannot be read: {error}");
    let file = open(path).map_err(cannot)?;
    let length = file.metadata().map_err(cannot)?.len();
    let too_large = || format!("it is larger than the {} that are read at most; is it the right file?", size(most));
    let expected = usize::try_from(length).ok().filter(|length| *length <= most).ok_or_else(too_large)?;
    let mut bytes = Vec::with_capacity(expected + 1);
    // It may have grown meanwhile.
    file.take(most as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() > most { Err(too_large()) } else { Ok(bytes) }
}

/// The same as text.
///
/// # Errors
/// As [`bytes()`], or it is no text.
pub fn text(path: &Path, most: usize) -> Result<String, String> {
    String::from_utf8(bytes(path, most)?).map_err(|_| "cannot be read: it is not text in UTF-8".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_than_there_may_be() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(text(&path, 5), Ok("12345".into()));
        assert_eq!(
            bytes(&path, 4),
            Err("it is larger than the 4 bytes that are read at most; is it the right file?".into())
        );
        std::fs::write(&path, [0xff]).unwrap();
        assert_eq!(text(&path, 5), Err("cannot be read: it is not text in UTF-8".into()));
        assert!(bytes(&folder.path().join("b"), 5).unwrap_err().starts_with("cannot be read: "));
    }

    #[test]
    fn what_is_no_file_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let refusal = "cannot be read: it is no ordinary file; put a file there";
        assert_eq!(bytes(folder.path(), 5), Err(refusal.into()));
        #[cfg(unix)]
        {
            let endless = folder.path().join("endless");
            std::os::unix::fs::symlink("/dev/zero", &endless).unwrap();
            assert_eq!(bytes(&endless, 5), Err(refusal.into()));
        }
    }
}
