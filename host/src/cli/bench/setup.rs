//! What a host of the bench is made of: keys of both sides, a configuration over SQLite and plug-ins, in a folder that goes when
//! this does. Started in this process by [`super::host`], in one of its own by [`super::child`].

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use rsa::RsaPublicKey;

use crate::auth::keys;
use crate::auth::testing::{TokenIssuer, generate_key};
use crate::cli::CliError;
use crate::task::client::{Client, Identity, now};
use crate::task::endpoint::Endpoint;
use crate::task::spelling::Spelling;

pub(super) const APPLICATION: &str = "0123456789abcdef0123456789abcdef";

const CONFIG: &str = r#"[server]
listen = "127.0.0.1:0"
[[application]]
id = "0123456789abcdef0123456789abcdef"
environment = "custom"
private_key = "private.pem"
certificates = ["signer.pem"]
[mirror]
store = "sqlite"
directory = "mirrors"
[plugins]
directory = "plugins"
[log]
filter = "error"
"#;

/// Keys of vendor and application, made once for the whole run.
#[derive(Clone)]
pub(super) struct Keys {
    issuer: TokenIssuer,
    public: RsaPublicKey,
    private_pem: String,
}

/// A plug-in to be put into a folder.
pub(super) struct Plugin {
    pub name: String,
    pub wasm: Cow<'static, [u8]>,
    pub sidecar: String,
}

/// A folder with all a host needs.
pub(super) struct Setup {
    folder: tempfile::TempDir,
    keys: Keys,
}

impl Keys {
    pub fn make() -> Result<Self, CliError> {
        let vendor = generate_key(2048).map_err(CliError::failed)?;
        let application = generate_key(2048).map_err(CliError::failed)?;
        let private_pem = keys::write_private_pem(&application).map_err(CliError::failed)?.to_string();
        Ok(Self { issuer: TokenIssuer::new(vendor), public: application.to_public_key(), private_pem })
    }
}

impl Setup {
    /// A folder in `directory`, which says what disk is measured.
    pub fn make(directory: &Path, keys: &Keys, plugins: &[Plugin]) -> Result<Self, CliError> {
        let folder = tempfile::Builder::new().prefix("speil-bench-").tempdir_in(directory).map_err(CliError::failed)?;
        let setup = Self { folder, keys: keys.clone() };
        let signer = keys.issuer.public_key_pem().map_err(CliError::failed)?;
        fs::create_dir(setup.path("plugins")).map_err(CliError::failed)?;
        setup.write("signer.pem", signer.as_bytes())?;
        setup.write("private.pem", keys.private_pem.as_bytes())?;
        setup.write("speil.toml", CONFIG.as_bytes())?;
        for plugin in plugins {
            setup.write(&format!("plugins/{}.wasm", plugin.name), &plugin.wasm)?;
            setup.write(&format!("plugins/{}.toml", plugin.name), plugin.sidecar.as_bytes())?;
        }
        Ok(setup)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), CliError> {
        let file = self.path(name);
        fs::write(&file, bytes)
            .map_err(|error| CliError::Failed(format!("{} cannot be written: {error}", file.display())))
    }

    /// A file or folder in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where a tenant's mirror is.
    pub fn mirror(&self, tenant: &str) -> PathBuf {
        self.path("mirrors").join(format!("{tenant}.db"))
    }

    /// The endpoint of a host that listens there.
    pub fn endpoint(address: &str) -> Result<Endpoint, CliError> {
        Endpoint::new(&format!("http://{address}/MirroringClientService.svc"), None).map_err(CliError::failed)
    }

    /// The vendor's task for a tenant.
    pub fn client(&self, address: &str, tenant: &str) -> Result<Client, CliError> {
        let identity = Identity {
            issuer: self.keys.issuer.clone(),
            application_id: APPLICATION.into(),
            application_key: self.keys.public.clone(),
            tenant: tenant.into(),
        };
        Ok(Client::new(Self::endpoint(address)?, identity, Spelling::DotNet))
    }

    /// A token of the vendor for a tenant.
    pub fn token(&self, tenant: &str) -> Result<String, CliError> {
        self.keys.issuer.token(APPLICATION, tenant, now()).sign().map_err(CliError::failed)
    }
}
