//! Compiled code, kept on disk between starts, since compiling takes a thousand times as long as loading.
//!
//! | question | file |
//! |---|---|
//! | which folder can be trusted | [`place`] |
//! | is this entry whole, and what was asked for | [`entry`] |
//! | where what was checked lies, so that it stays so (Linux) | `sealed` |
//! | compiled code from disk becomes a component: unsafe | [`load`] |
//! | the account's own folder, for trials | [`of_account`] |
//!
//! **What it protects against, and what not.** Compiled code is trusted by the engine: whoever can write it, runs code in
//! the host. So what counts is who can write: the folder and its files belong to the account the host runs as, and
//! nobody else may write to them, or they are not used. The seal in each entry finds damage (a torn write, a bad disk),
//! not an attacker: a secret key for it would have to lie where that same attacker reads it. Compiled code from anywhere
//! else, such as a `.cwasm` in the plug-in folder, is never loaded.

mod entry;
mod load;
mod of_account;
pub(super) mod place;
#[cfg(target_os = "linux")]
mod sealed;

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use wasmtime::Engine;
use wasmtime::component::Component;

use super::digest::{self, Builder, Digest};

/// Entries of plug-ins that are no more in use, kept in case one comes back.
const SPARE: usize = 32;
/// For this long.
const SPARE_FOR: Duration = Duration::from_hours(24 * 30);
/// What an entry's file is called: its key and this.
const ENDING: &str = "code";

/// The folder of compiled code. Never an obstacle: what cannot be read is compiled, what cannot be written is not kept.
#[derive(Debug, Clone)]
pub struct CodeCache {
    folder: PathBuf,
    /// Looked into only, by a command that leaves nothing behind.
    read_only: bool,
    /// How many entries stay that are not in use.
    spare: usize,
}

impl CodeCache {
    /// A cache in a folder that [`place::open`] found good.
    pub const fn new(folder: PathBuf, read_only: bool) -> Self {
        Self { folder, read_only, spare: SPARE }
    }

    /// The cache of the account that runs this, for plug-ins that are tried wherever they lie. `None`: it has no place for
    /// such things, or none that can be trusted.
    pub fn of_account() -> Option<Self> {
        let folder = of_account::folder()?;
        match place::open(&folder, true) {
            Ok(()) => Some(Self { spare: of_account::SPARE, ..Self::new(folder, false) }),
            Err(reason) => {
                tracing::debug!("{reason}");
                None
            }
        }
    }

    /// The code of a component, if an entry is there and beyond doubt.
    pub fn get(&self, engine: &Engine, content: &Digest) -> Option<Component> {
        let key = key(engine, content);
        let path = self.path(&key);
        let doubt = match entry::read(&path, &key) {
            Ok(None) => return None,
            Ok(Some(code)) => match load::component(engine, &code) {
                Ok(component) => return Some(component),
                Err(error) => error.to_string(),
            },
            Err(doubt) => doubt,
        };
        tracing::warn!(entry = %path.display(), "compiled code in the cache is not used: {doubt}; compiling anew");
        None
    }

    /// Keeps the code of a component.
    pub fn put(&self, engine: &Engine, content: &Digest, component: &Component) {
        if self.read_only {
            return;
        }
        let key = key(engine, content);
        let written = match component.serialize() {
            Ok(code) => entry::write(&self.path(&key), &key, &code).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = written {
            tracing::warn!("compiled code cannot be kept in {}: {error}", self.folder.display());
        }
    }

    /// Removes what no plug-in in use needs, but for a few of the newest.
    pub fn prune(&self, engine: &Engine, used: &[Digest]) {
        if self.read_only {
            return;
        }
        let used: BTreeSet<PathBuf> = used.iter().map(|content| self.path(&key(engine, content))).collect();
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return };
        let mut spare: Vec<(SystemTime, PathBuf)> = entries
            .filter_map(Result::ok)
            .map(|entry| (entry.metadata().and_then(|metadata| metadata.modified()), entry.path()))
            .filter(|(_, path)| is_entry(path) && !used.contains(path))
            .map(|(modified, path)| (modified.unwrap_or(SystemTime::UNIX_EPOCH), path))
            .collect();
        spare.sort_unstable_by(|a, b| b.cmp(a));
        let now = SystemTime::now();
        for (at, (modified, path)) in spare.iter().enumerate() {
            let age = now.duration_since(*modified).unwrap_or_default();
            if at >= self.spare || age > SPARE_FOR {
                // Another host may have been quicker; what stays is only in the way.
                let _ = std::fs::remove_file(path);
            }
        }
    }

    fn path(&self, key: &Digest) -> PathBuf {
        self.folder.join(format!("{}.{ENDING}", digest::to_hex(key)))
    }
}

/// Whether it is a file this cache writes, half-written ones of a process that was killed included.
fn is_entry(path: &Path) -> bool {
    let ending = path.extension().is_some_and(|ending| ending == ENDING || ending == "tmp");
    let stem = path.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
    ending && (stem.starts_with(entry::TEMPORARY) || stem.len() == 64)
}

/// Content, the engine's version and settings with the processor it compiles for, and the system.
fn key(engine: &Engine, content: &Digest) -> Digest {
    let mut settings = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut settings);
    Builder::new("speil compiled code 1")
        .bytes(content)
        .bytes(&settings.finish().to_be_bytes())
        .texts([std::env::consts::ARCH, std::env::consts::OS, env!("CARGO_PKG_VERSION")].into_iter())
        .finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPONENT: &str = r#"(component (core module $m (func (export "f"))) (core instance (instantiate $m)))"#;

    fn engine() -> Engine {
        Engine::default()
    }

    fn made(folder: &Path, engine: &Engine) -> (CodeCache, Digest, PathBuf) {
        let cache = CodeCache::new(folder.to_owned(), false);
        let bytes = wat::parse_str(COMPONENT).unwrap();
        let content = digest::of_file(&bytes);
        cache.put(engine, &content, &Component::new(engine, &bytes).unwrap());
        let path = cache.path(&key(engine, &content));
        (cache, content, path)
    }

    #[test]
    fn what_was_put_is_got_by_its_content_and_this_engine_only() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine();
        let (cache, content, path) = made(folder.path(), &engine);
        assert!(path.is_file());
        assert!(cache.get(&engine, &content).is_some());
        assert!(cache.get(&engine, &[7; 32]).is_none());
        let mut other = wasmtime::Config::new();
        other.epoch_interruption(true);
        let other = Engine::new(&other).unwrap();
        assert!(cache.get(&other, &content).is_none(), "other settings have another key");
    }

    #[test]
    fn a_damaged_entry_is_not_used_whichever_byte_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine();
        let (cache, content, path) = made(folder.path(), &engine);
        let whole = std::fs::read(&path).unwrap();
        for at in [0, 20, 60, whole.len() / 2, whole.len() - 1] {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            std::fs::write(&path, damaged).unwrap();
            assert!(cache.get(&engine, &content).is_none(), "byte {at}");
        }
        for length in [0, 10, 60, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert!(cache.get(&engine, &content).is_none(), "{length} bytes");
        }
        std::fs::write(&path, &whole).unwrap();
        assert!(cache.get(&engine, &content).is_some());
        // Good code of another plug-in under this one's name.
        let other = cache.path(&key(&engine, &[7; 32]));
        std::fs::copy(&path, &other).unwrap();
        assert!(cache.get(&engine, &[7; 32]).is_none());
    }

    /// More than a megabyte of code: it is mapped where it can be.
    #[test]
    fn a_large_component_runs_from_its_entry_though_the_entry_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine();
        let cache = CodeCache::new(folder.path().to_owned(), false);
        let bulk = "x".repeat(2 << 20);
        let text = format!(
            r#"(component
                (core module $m
                    (memory 40) (data (i32.const 64) "{bulk}")
                    (func (export "f") (param i32) (result i32) local.get 0 i32.load8_u))
                (core instance $i (instantiate $m))
                (func (export "f") (param "at" u32) (result u32) (canon lift (core func $i "f"))))"#
        );
        let bytes = wat::parse_str(text).unwrap();
        let content = digest::of_file(&bytes);
        cache.put(&engine, &content, &Component::new(&engine, &bytes).unwrap());
        let path = cache.path(&key(&engine, &content));
        let length = std::fs::metadata(&path).unwrap().len();
        assert!(length > 2 << 20, "{length}");
        let component = cache.get(&engine, &content).unwrap();
        // In place, as no one does who keeps to the rules.
        std::fs::OpenOptions::new().write(true).truncate(true).open(&path).unwrap();
        let mut store = wasmtime::Store::new(&engine, ());
        let linker = wasmtime::component::Linker::new(&engine);
        let instance = linker.instantiate(&mut store, &component).unwrap();
        let f = instance.get_typed_func::<(u32,), (u32,)>(&mut store, "f").unwrap();
        assert_eq!(f.call(&mut store, (64 + (2 << 20) - 1,)).unwrap(), (u32::from(b'x'),));
    }

    #[test]
    fn what_is_used_stays_and_the_oldest_of_the_rest_go() {
        let folder = tempfile::tempdir().unwrap();
        let engine = engine();
        let (cache, content, path) = made(folder.path(), &engine);
        for number in 0..SPARE as u64 + 5 {
            let spare = folder.path().join(format!("{number:064}.{ENDING}"));
            let file = std::fs::File::create(spare).unwrap();
            file.set_modified(SystemTime::now() + Duration::from_secs(number)).unwrap();
        }
        std::fs::write(folder.path().join("approved.toml"), "").unwrap();
        cache.prune(&engine, &[content]);
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, SPARE + 2);
        assert!(path.is_file() && folder.path().join("approved.toml").is_file());
        assert!(!folder.path().join(format!("{:064}.{ENDING}", 0)).exists());
    }
}
