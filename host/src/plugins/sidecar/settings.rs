//! What a sidecar names, fetched: secrets, folders, environment. Made once when a plug-in is loaded, shared by its
//! instances.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::secrets::{self, Secrets};
use super::{Folder, Grants, Sidecar};

/// Everything an instance is given.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// `[config]`, which makes part of what a transform makes of rows.
    pub config: BTreeMap<String, String>,
    /// `[secrets]`, read.
    pub secrets: Secrets,
    /// `[grants]`, with the folders' own paths.
    pub grants: Grants,
    /// The granted variables with their values.
    pub environment: Vec<(String, String)>,
}

impl Settings {
    /// What may change what a transform makes of rows, for the digest of a plan: configuration, and secrets by their digests.
    #[must_use]
    pub fn made_with(&self) -> BTreeMap<String, String> {
        let secrets = self.secrets.expose().map(|(name, text)| {
            let digest = crate::plugins::digest::of_file(text.as_bytes());
            (name.to_owned(), format!("secret {}", crate::plugins::digest::to_hex(&digest)))
        });
        self.config.clone().into_iter().chain(secrets).collect()
    }
}

impl Sidecar {
    /// Fetches what the sidecar names. Relative paths are relative to `base`, the plug-in folder.
    ///
    /// # Errors
    /// A sentence without the file's name: a secret, a folder or a variable that is not there.
    pub fn settle(&self, base: &Path) -> Result<Settings, String> {
        let mut grants = self.grants.clone();
        for folder in &mut grants.folders {
            folder.host = existing(base, folder)?;
        }
        let environment =
            grants.environment.iter().map(|name| Ok((name.clone(), variable(name)?))).collect::<Result<_, _>>();
        Ok(Settings {
            config: self.config.clone(),
            secrets: secrets::read(&self.secrets, base)?,
            environment: environment.map_err(|reason: String| reason)?,
            grants,
        })
    }
}

fn existing(base: &Path, folder: &Folder) -> Result<PathBuf, String> {
    let path = base.join(&folder.host);
    match std::fs::metadata(&path) {
        Ok(found) if found.is_dir() => Ok(path),
        Ok(_) => Err(format!("`grants.folders` grants {}, which is no folder", path.display())),
        Err(error) => Err(format!("`grants.folders` grants {}: {error}; make the folder first", path.display())),
    }
}

fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| {
        format!(
            "`grants.environment` grants {name}, which is not set as text in the environment of speil; set it, or take it out"
        )
    })
}
