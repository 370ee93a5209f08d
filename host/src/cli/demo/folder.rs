//! The demo's folder: keys of both sides, the example plug-ins with their sidecars, and a configuration, all as an
//! operator would have them.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::redaction::{Plan, WantedIndex};
use crate::auth::keys;
use crate::auth::testing::{TokenIssuer, generate_key};
use crate::cli::CliError;
use crate::config::Config;
use crate::plugins::{Found, Hook, PluginStatus, find_in};

/// The application's key, as long as `speil keygen` makes it.
const KEY_BITS: usize = 2048;

/// The plug-ins that the demo brings.
const OWN: [&str; 2] = ["index-manager", "pii-redactor"];

/// A folder with all a host needs.
pub(super) struct Folder {
    pub(super) path: PathBuf,
    /// Plays the vendor.
    pub(super) issuer: TokenIssuer,
}

impl Folder {
    /// Fills a new temporary folder, or the one wanted.
    pub(super) fn make(wanted: Option<&Path>, plan: &Plan) -> Result<Self, CliError> {
        let path = match wanted {
            Some(path) => {
                let path = std::path::absolute(path).map_err(CliError::failed)?;
                if fs::read_dir(&path).is_ok_and(|mut entries| entries.next().is_some()) {
                    return Err(CliError::Usage(format!(
                        "{} is not empty; name a new folder with --keep",
                        path.display()
                    )));
                }
                path
            }
            None => tempfile::Builder::new()
                .prefix("speil-demo-")
                .tempdir()
                .map_err(|error| CliError::Failed(format!("no temporary folder can be made: {error}")))?
                .keep(),
        };
        let vendor = generate_key(KEY_BITS).map_err(CliError::failed)?;
        let application = generate_key(KEY_BITS).map_err(CliError::failed)?;
        let vendor_private = keys::write_private_pem(&vendor).map_err(CliError::failed)?;
        let private = keys::write_private_xml(&application).map_err(CliError::failed)?;
        let public = keys::write_public_xml(&application.to_public_key());
        let issuer = TokenIssuer::new(vendor);
        let signer = issuer.public_key_pem().map_err(CliError::failed)?;
        let folder = Self { path, issuer };
        folder.write_secret("vendor.pem", vendor_private.as_bytes())?;
        folder.write("vendor-public.pem", signer.as_bytes())?;
        folder.write_secret("private.xml", private.as_bytes())?;
        folder.write("public.xml", public.as_bytes())?;
        folder.write("speil.toml", CONFIG.as_bytes())?;
        folder.write("plugins/index-manager.wasm", speil_guest_artifacts::INDEX_MANAGER)?;
        folder.write("plugins/index-manager.toml", indexes(plan).as_bytes())?;
        folder.write("plugins/pii-redactor.wasm", speil_guest_artifacts::PII_REDACTOR)?;
        folder.write("plugins/pii-redactor.toml", redactions(plan).as_bytes())?;
        Ok(folder)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), CliError> {
        let file = self.path.join(name);
        let made = file.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&file, bytes));
        made.map_err(|error| CliError::Failed(format!("{} cannot be written: {error}", file.display())))
    }

    /// A file that only its owner may read, from its first byte on.
    fn write_secret(&self, name: &str, bytes: &[u8]) -> Result<(), CliError> {
        let file = self.path.join(name);
        let cannot = |error: std::io::Error| CliError::Failed(format!("{} cannot be written: {error}", file.display()));
        fs::create_dir_all(&self.path).map_err(cannot)?;
        let mut temporary = tempfile::NamedTempFile::new_in(&self.path).map_err(cannot)?;
        temporary.write_all(bytes).map_err(cannot)?;
        temporary.persist(&file).map_err(|error| cannot(error.error))?;
        Ok(())
    }

    /// Copies the plug-ins of a folder of somebody else's beside the demo's own, as the server would find them there.
    pub(super) fn add_plugins(&self, from: &Path) -> Result<(), CliError> {
        let unreadable = |what: &Path, error| CliError::Usage(format!("{} cannot be read: {error}", what.display()));
        fs::read_dir(from).map_err(|error| unreadable(from, error))?;
        let found = find_in(from).map_err(CliError::Usage)?;
        if found.is_empty() {
            return Err(CliError::Usage(format!("{} holds no plug-in: no file NAME.wasm", from.display())));
        }
        for Found { name, problem, component, sidecar } in found {
            let refused = |why: &str| CliError::Usage(format!("the plug-in {name} in {}: {why}", from.display()));
            if let Some(problem) = problem {
                return Err(refused(problem));
            }
            let Some(component) = component else {
                return Err(refused(&format!("there is a sidecar and no {name}.wasm; copy the component beside it")));
            };
            if OWN.contains(&name.as_str()) {
                return Err(refused("the demo has one of that name; give yours another"));
            }
            for (file, ending) in [Some((component, "wasm")), sidecar.map(|file| (file, "toml"))].into_iter().flatten()
            {
                let bytes = fs::read(&file).map_err(|error| unreadable(&file, error))?;
                self.write(&format!("plugins/{name}.{ending}"), &bytes)?;
            }
        }
        Ok(())
    }

    /// A plug-in that is not the demo's own and changes rows.
    pub(super) fn own_transform(plugins: &[PluginStatus]) -> Option<String> {
        let transforms =
            |plugin: &&PluginStatus| plugin.hooks.as_ref().is_some_and(|hooks| hooks.contains(&Hook::Transform.name()));
        plugins
            .iter()
            .filter(|plugin| !OWN.contains(&plugin.name.as_str()))
            .find(transforms)
            .map(|plugin| plugin.name.clone())
    }

    pub(super) fn config_file(&self) -> PathBuf {
        self.path.join("speil.toml")
    }

    /// The folder's configuration, on a port that is free. What this machine's environment says is left out: the demo
    /// is the same everywhere.
    pub(super) fn config(&self) -> Result<Config, CliError> {
        let mut config = Config::load_with(&self.config_file(), &BTreeMap::new()).map_err(CliError::failed)?;
        config.server.listen.set_port(0);
        Ok(config)
    }

    /// Where the tenant's mirror is going to be.
    pub(super) fn mirror(&self, tenant: &str) -> PathBuf {
        self.path.join("mirrors").join(format!("{tenant}.db"))
    }
}

const CONFIG: &str = r#"# Made by `speil demo`. `speil serve` with this file mirrors for the simulated vendor, whose key is vendor.pem.
[server]
listen = "127.0.0.1:8080"

[[application]]
id = "0123456789abcdef0123456789abcdef"
environment = "custom"
private_key = "private.xml"
certificates = ["vendor-public.pem"]

[mirror]
store = "sqlite"
directory = "mirrors"

[plugins]
directory = "plugins"
"#;

fn indexes(plan: &Plan) -> String {
    let entry = |index: &WantedIndex| format!("\"{}.{}\" = \"{}\"", index.table, index.name, index.column);
    let head = std::iter::once("[config]".to_owned());
    head.chain(plan.indexes.iter().map(entry)).collect::<Vec<_>>().join("\n")
}

fn redactions(plan: &Plan) -> String {
    let head = [String::from("[config]"), format!("salt = \"{}\"", plan.salt)];
    let entries = plan.actions().map(|(table, column, action)| format!("\"{table}.{column}\" = \"{}\"", action.word()));
    head.into_iter().chain(entries).collect::<Vec<_>>().join("\n")
}
