//! The folder for what the host keeps about plug-ins: compiled code, approvals. It must be the host's own.

use std::fs::Metadata;
use std::path::Path;

/// Makes the folder, or looks whether it may be used as it is.
///
/// # Errors
/// Why it may not, and what to do: a sentence that names it.
pub fn open(folder: &Path, make: bool) -> Result<(), String> {
    let refuse = |why: String| {
        format!(
            "the folder {} is not used for compiled code and approvals: {why}; set `cache_directory` in [plugins] to a \
             folder of the account that runs the host alone, or to one that does not exist yet",
            folder.display()
        )
    };
    if make && !folder.exists() {
        create(folder).map_err(|error| refuse(format!("it cannot be made: {error}")))?;
    }
    let metadata = std::fs::symlink_metadata(folder).map_err(|error| refuse(error.to_string()))?;
    if !metadata.is_dir() {
        return Err(refuse("it is no folder".into()));
    }
    is_private(&metadata).map_err(&refuse)?;
    belongs_to_us(folder, &metadata).map_err(refuse)
}

#[cfg(unix)]
fn create(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn create(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)
}

/// Whether nobody but its owner may write to it. On Windows the folder has the rights of the one it is made in.
///
/// # Errors
/// The end of a sentence.
#[cfg(unix)]
pub fn is_private(metadata: &Metadata) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt as _;
    match metadata.mode() & 0o022 {
        0 => Ok(()),
        _ => Err(format!(
            "others can write to it (mode {:o}), and so could have put code there",
            metadata.mode() & 0o777
        )),
    }
}

/// See above.
#[cfg(not(unix))]
pub fn is_private(_metadata: &Metadata) -> Result<(), String> {
    Ok(())
}

/// Whether the folder is of the account this process runs as: that of a file it makes. Finds as well whether it can be
/// written to.
#[cfg(unix)]
fn belongs_to_us(folder: &Path, metadata: &Metadata) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt as _;
    let ours = tempfile::tempfile_in(folder)
        .and_then(|file| file.metadata())
        .map_err(|error| format!("it cannot be written to: {error}"))?;
    if ours.uid() == metadata.uid() { Ok(()) } else { Err("it belongs to another account".into()) }
}

#[cfg(not(unix))]
fn belongs_to_us(folder: &Path, _metadata: &Metadata) -> Result<(), String> {
    tempfile::tempfile_in(folder).map(drop).map_err(|error| format!("it cannot be written to: {error}"))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn it_is_made_for_its_owner_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a/b");
        assert!(open(&folder, false).is_err(), "looking makes nothing");
        assert!(!folder.exists());
        open(&folder, true).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        open(&folder, true).unwrap();
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "nothing is left behind");
    }

    #[test]
    fn one_that_others_can_write_to_is_refused_with_what_to_do() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("cache");
        open(&folder, true).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o770)).unwrap();
        let error = open(&folder, true).unwrap_err();
        assert!(error.contains("others can write to it (mode 770)") && error.contains("`cache_directory`"), "{error}");
        let link = root.path().join("link");
        std::os::unix::fs::symlink(root.path(), &link).unwrap();
        assert!(open(&link, true).unwrap_err().contains("it is no folder"));
        let file = root.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(open(&file, true).unwrap_err().contains("it is no folder"));
    }
}
