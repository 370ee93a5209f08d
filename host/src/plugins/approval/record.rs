//! `approved.toml` and the approved versions' files, in the host's folder for what it keeps about plug-ins.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::Asks;
use crate::plugins::digest;

/// What is approved of one plug-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approved {
    /// Of the component's file, in hex.
    pub digest: String,
    pub asks: Asks,
}

/// The folder with approvals. Each change is read, made and written at once: a command may write between.
#[derive(Debug, Clone)]
pub struct Record {
    folder: PathBuf,
}

const HEAD: &str = "# Which versions of plug-ins are approved, and what they may ask for. Written by speil: change it with\n\
                    # `speil plugin approve`. Without an entry, the next version seen is approved by being there.\n\n";

impl Record {
    /// Over a folder that [`crate::plugins::cache::place::open`] found good.
    pub const fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The file, to be watched.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.folder.join("approved.toml")
    }

    /// All that is approved.
    ///
    /// # Errors
    /// The file is there and cannot be understood. A sentence that names it.
    pub fn read(&self) -> Result<BTreeMap<String, Approved>, String> {
        let file = self.file();
        let wrong = |why: &str| {
            format!(
                "{} cannot be understood: {why}; put it right, or remove it to approve what is in the plug-in folder now",
                file.display()
            )
        };
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
            Err(error) => return Err(wrong(&error.to_string())),
        };
        let table: Table = text.parse().map_err(|error: toml::de::Error| wrong(error.message()))?;
        let entry = |value: &Value| {
            let digest = value.get("digest")?.as_str()?.to_owned();
            let lines = value.get("asks")?.as_array()?.iter().map(|line| line.as_str().map(str::to_owned));
            Some(Approved { digest, asks: Asks(lines.collect::<Option<BTreeSet<_>>>()?) })
        };
        table
            .iter()
            .map(|(name, value)| {
                let approved = entry(value).ok_or_else(|| wrong(&format!("the entry of {name} is not whole")))?;
                Ok((name.clone(), approved))
            })
            .collect()
    }

    /// Approves a version.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn approve(&self, name: &str, approved: &Approved) -> Result<(), String> {
        let mut all = self.read()?;
        if all.get(name) == Some(approved) {
            return Ok(());
        }
        all.insert(name.to_owned(), approved.clone());
        let mut table = Table::new();
        for (name, approved) in all {
            let lines = approved.asks.0.into_iter().map(Value::String).collect();
            let entry =
                [("digest".to_owned(), Value::String(approved.digest)), ("asks".to_owned(), Value::Array(lines))];
            table.insert(name, Value::Table(entry.into_iter().collect()));
        }
        let text = format!("{HEAD}{table}");
        write(&self.file(), text.as_bytes()).map_err(|error| format!("{}: {error}", self.file().display()))
    }

    /// Keeps an approved version's files, to run it when another lies in the plug-in folder.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn keep(&self, name: &str, component: &[u8], sidecar: &str) -> Result<(), String> {
        let [wasm, toml] = self.kept_files(name);
        let cannot = |error: std::io::Error| format!("{}: {error}", wasm.display());
        if let Some(folder) = wasm.parent() {
            std::fs::create_dir_all(folder).map_err(cannot)?;
        }
        // The sidecar first: a component is never beside one that gives more than its own did.
        write(&toml, sidecar.as_bytes()).map_err(cannot)?;
        write(&wasm, component).map_err(cannot)
    }

    /// Whether such files are kept. Their contents are looked at when they are needed: see [`Record::kept`].
    #[must_use]
    pub fn has_kept(&self, name: &str, component: &[u8], sidecar: &str) -> bool {
        let [wasm, toml] = self.kept_files(name);
        std::fs::metadata(wasm).is_ok_and(|kept| kept.len() == component.len() as u64)
            && std::fs::read_to_string(toml).is_ok_and(|kept| kept == sidecar)
    }

    /// The files kept of the approved version, if they are the approved ones.
    #[must_use]
    pub fn kept(&self, name: &str, approved: &Approved) -> Option<(Vec<u8>, String)> {
        let [wasm, toml] = self.kept_files(name);
        let component = std::fs::read(wasm).ok()?;
        let sidecar = std::fs::read_to_string(toml).ok()?;
        (digest::to_hex(&digest::of_file(&component)) == approved.digest).then_some((component, sidecar))
    }

    fn kept_files(&self, name: &str) -> [PathBuf; 2] {
        ["wasm", "toml"].map(|ending| self.folder.join("approved").join(format!("{name}.{ending}")))
    }
}

/// Whole or not at all. Readable inside its private folder, so that an administrator's `approve` can be read by the host.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file =
        tempfile::Builder::new().prefix("writing-").suffix(".tmp").tempfile_in(path.parent().unwrap_or(path))?;
    file.write_all(bytes)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    file.as_file().sync_data()?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approved(bytes: &[u8], lines: &[&str]) -> Approved {
        let asks = Asks(lines.iter().map(ToString::to_string).collect());
        Approved { digest: digest::to_hex(&digest::of_file(bytes)), asks }
    }

    #[test]
    fn what_is_approved_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let record = Record::new(folder.path().to_owned());
        assert_eq!(record.read(), Ok(BTreeMap::new()));
        let a = approved(b"a", &["hook wiped", "grant http \"x:1\""]);
        record.approve("strange \"name\".1", &a).unwrap();
        record.approve("b", &approved(b"b", &[])).unwrap();
        let all = record.read().unwrap();
        assert_eq!((all.len(), &all["strange \"name\".1"]), (2, &a));
        std::fs::write(record.file(), "[b]\ndigest = 1").unwrap();
        let error = record.read().unwrap_err();
        assert!(error.contains("the entry of b is not whole"), "{error}");
        assert!(record.approve("b", &a).is_err(), "what cannot be read is not written over");
    }

    #[test]
    fn kept_files_are_used_only_if_they_are_the_approved_ones() {
        let folder = tempfile::tempdir().unwrap();
        let record = Record::new(folder.path().to_owned());
        record.keep("a", b"a", "hooks = []").unwrap();
        assert_eq!(record.kept("a", &approved(b"a", &[])), Some((b"a".to_vec(), "hooks = []".into())));
        assert_eq!(record.kept("a", &approved(b"other", &[])), None);
        assert_eq!(record.kept("b", &approved(b"a", &[])), None);
    }
}
