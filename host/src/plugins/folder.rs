//! Finds plug-ins: `NAME.wasm` and `NAME.toml` in one folder, in name order. Subfolders are not looked into.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A plug-in's files. At least one is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// File name without its ending.
    pub name: String,
    /// `None`: a sidecar whose component is missing.
    pub component: Option<PathBuf>,
    pub sidecar: Option<PathBuf>,
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
        if !(ending == "wasm" || ending == "toml") || path.is_dir() {
            continue;
        }
        let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let plugin = found.entry(name.clone()).or_insert_with(|| Found { name, component: None, sidecar: None });
        if ending == "wasm" {
            plugin.component = Some(path);
        } else {
            plugin.sidecar = Some(path);
        }
    }
    Ok(found.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_are_found_in_name_order_with_their_sidecars() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.wasm", "a.toml", "a.wasm", "c.toml", "README.md", "noending"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        std::fs::create_dir(folder.path().join("d.wasm")).unwrap();
        let path = |name: &str| Some(folder.path().join(name));
        assert_eq!(
            find(folder.path()).unwrap(),
            [
                Found { name: "a".into(), component: path("a.wasm"), sidecar: path("a.toml") },
                Found { name: "b".into(), component: path("b.wasm"), sidecar: None },
                Found { name: "c".into(), component: None, sidecar: path("c.toml") },
            ]
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("nowhere");
        let error = find(&missing).unwrap_err();
        assert!(error.contains("nowhere") && error.contains("`directory` out of [plugins]"), "{error}");
    }
}
