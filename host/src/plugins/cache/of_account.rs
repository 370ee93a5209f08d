//! Where each account keeps what can be made again, by the customs of its system.

use std::path::PathBuf;

/// Versions of a plug-in that somebody works on: the one before may come back, older ones do not.
pub(super) const SPARE: usize = 8;

/// `$XDG_CACHE_HOME/speil/plugin-test` and its likes. `None`: the account has no such place.
pub(super) fn folder() -> Option<PathBuf> {
    // Relative ones would lie wherever the command is run.
    let place = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = if cfg!(windows) {
        place("LOCALAPPDATA")
    } else {
        place("XDG_CACHE_HOME").or_else(|| place("HOME").map(|home| home.join(".cache")))
    };
    caches.map(|caches| caches.join("speil").join("plugin-test"))
}
