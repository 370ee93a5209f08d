//! Finds plug-ins: `NAME.wasm` and `NAME.toml` in one folder, in name order. Hidden files, which copying programs and editors make
//! on the way, are not looked at, and no folder in it is looked into. One that is named as a plug-in's file is found like a file, and
//! told when it cannot be read: a container makes a folder where the file to be mounted is missing, and a redactor that is missing
//! must not go unnoticed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::events::printable;

/// A plug-in's files. At least one is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// File name without its ending, in characters that can be shown.
    pub name: String,
    /// Why it cannot run whatever it is: a sentence without its name.
    pub problem: Option<&'static str>,
    /// `None`: a sidecar whose component is missing.
    pub component: Option<PathBuf>,
    pub sidecar: Option<PathBuf>,
}

/// Such a name could forge what stands around it, and another's could look the same.
const ODD: &str = "the name of its file has characters that cannot be shown; give it a name of letters, digits and `-`";
/// Which of them counts would be a matter of chance.
const TWICE: &str = "there are two files of its name, whose endings differ in capitals only; take one of them away";

/// What shows that a file has changed without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    /// Which file it is, and when anything about it changed last: a file renamed into place may be as old and as long.
    identity: (u64, i64, i64),
}

/// The stamps of a plug-in's files: component, sidecar.
pub type Stamps = [Option<Stamp>; 2];

impl Found {
    /// Of a component anywhere, with the sidecar beside it if there is one.
    #[must_use]
    pub fn of_file(file: &Path) -> Self {
        let stem = file.file_stem().unwrap_or_default();
        let name = printable(&stem.to_string_lossy());
        let problem = (stem.to_str() != Some(&name)).then_some(ODD);
        let sidecar = Some(file.with_extension("toml")).filter(|sidecar| sidecar.exists());
        Self { name, problem, component: Some(file.to_owned()), sidecar }
    }

    /// The component's size in bytes; 0 if it is not there.
    #[must_use]
    pub fn size(&self) -> u64 {
        let metadata = self.component.as_deref().and_then(|path| std::fs::metadata(path).ok());
        metadata.map_or(0, |metadata| metadata.len())
    }

    /// As its files are now. A file that is just going is one that is not there.
    #[must_use]
    pub fn stamps(&self) -> Stamps {
        [self.component.as_deref().and_then(stamp), self.sidecar.as_deref().and_then(stamp)]
    }
}

/// The stamp of a file, if it is there.
#[must_use]
pub fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    #[cfg(unix)]
    let identity = {
        use std::os::unix::fs::MetadataExt as _;
        (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
    };
    #[cfg(not(unix))]
    let identity = (0, 0, 0);
    Some(Stamp { length: metadata.len(), modified: metadata.modified().ok(), identity })
}

/// Which folder it is: another one is there when a share comes or goes. `None`: this system does not tell.
#[must_use]
pub fn identity(folder: &Path) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(folder).ok().map(|metadata| (metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        None
    }
}

/// Lists the plug-ins of a folder in name order, which is the order they are called in.
///
/// # Errors
/// The folder cannot be read. The sentence names it.
pub fn find(folder: &Path) -> Result<Vec<Found>, String> {
    let cannot = |error: std::io::Error| {
        format!(
            "the plug-in folder {} cannot be read: {error}; make it, or take `directory` out of [plugins] if there are to be no plug-ins",
            folder.display()
        )
    };
    let mut found = BTreeMap::<String, Found>::new();
    for entry in std::fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        let Some(ending) = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()) else { continue };
        if !(ending == "wasm" || ending == "toml") {
            continue;
        }
        let Some(stem) = path.file_stem() else { continue };
        let name = printable(&stem.to_string_lossy());
        if name.starts_with('.') {
            continue;
        }
        let odd = stem.to_str() != Some(&name);
        let plugin =
            found.entry(name.clone()).or_insert_with(|| Found { name, problem: None, component: None, sidecar: None });
        let file = if ending == "wasm" { &mut plugin.component } else { &mut plugin.sidecar };
        if odd {
            plugin.problem = Some(ODD);
        } else if file.is_some() {
            plugin.problem = Some(TWICE);
        }
        *file = Some(path);
    }
    found.retain(|name, plugin| plugin.component.is_some() || !OF_A_BUILD.contains(&name.as_str()));
    Ok(found.into_values().collect())
}

/// What lies beside a component in the folder that it is built in, and is no sidecar of something that is missing.
const OF_A_BUILD: [&str; 2] = ["Cargo", "pyproject"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_are_found_in_name_order_with_their_sidecars() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.wasm", "a.toml", "a.wasm", "c.toml", "Cargo.toml", "README.md", "noending", ".a.wasm"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("d.wasm")).unwrap();
        let path = |name: &str| Some(folder.path().join(name));
        assert_eq!(
            find(folder.path()).unwrap(),
            [
                Found { name: "a".into(), problem: None, component: path("a.wasm"), sidecar: path("a.toml") },
                Found { name: "b".into(), problem: None, component: path("b.wasm"), sidecar: None },
                Found { name: "c".into(), problem: None, component: None, sidecar: path("c.toml") },
                Found { name: "d".into(), problem: None, component: path("d.wasm"), sidecar: None },
            ]
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn of_two_sidecars_none_is_taken_by_chance() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.wasm", "a.toml", "a.TOML", "b.WASM"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let found = find(folder.path()).unwrap();
        assert_eq!(found.iter().map(|one| one.problem).collect::<Vec<_>>(), [Some(TWICE), None]);
    }

    #[test]
    fn a_stamp_tells_a_file_from_one_renamed_over_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
        for name in ["a.wasm", "new"] {
            std::fs::write(path(name), name).unwrap();
            std::fs::File::options().write(true).open(path(name)).unwrap().set_modified(at).unwrap();
        }
        let before = stamp(&path("a.wasm"));
        assert_eq!(before, stamp(&path("a.wasm")));
        std::fs::rename(path("new"), path("a.wasm")).unwrap();
        assert_ne!(before, stamp(&path("a.wasm")));
        assert_eq!(stamp(&path("new")), None);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("nowhere");
        let error = find(&missing).unwrap_err();
        assert!(error.contains("nowhere") && error.contains("`directory` out of [plugins]"), "{error}");
    }
}
