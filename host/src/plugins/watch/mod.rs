//! Watching the folder: a thread that notices changes, waits until they are whole, and has them taken in.
//!
//! What has changed is always seen by looking, at every file's stamp; being told by the system only makes it look sooner.
//! So a network share, where nobody tells, differs by how soon a change is seen and by nothing else.

mod settle;

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use super::folder::{self, Stamp, Stamps};
use super::host::PluginHost;
use crate::config::{PluginsConfig, Watch};
use settle::{Settle, Verdict};

/// Everything that decides what runs, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    /// `None`: the folder cannot be read just now.
    plugins: Option<Vec<(String, Stamps)>>,
    approvals: Option<Stamp>,
}

enum Wake {
    Changed,
    Stop,
}

/// A folder being watched; dropped to end it.
pub struct Watching {
    wake: Sender<Wake>,
    thread: Option<JoinHandle<()>>,
    /// Dropped to be told no more.
    _told: Option<RecommendedWatcher>,
}

impl Watching {
    pub(super) fn start(host: &PluginHost, config: &PluginsConfig) -> Option<Self> {
        let folder = config.directory.clone()?;
        let approvals = super::loader::Loader::place(config).map(|place| place.join("approved.toml"));
        let (wake, woken) = channel();
        let told = match config.watch {
            Watch::Off => return None,
            Watch::Poll => None,
            Watch::Auto => be_told(&wake, &folder, approvals.as_deref()),
        };
        let (host, every) = (host.clone(), config.poll_interval);
        let run = move || run(&host, &folder, approvals.as_deref(), every, &woken);
        match std::thread::Builder::new().name("plugin-watch".into()).spawn(run) {
            Ok(thread) => Some(Self { wake, thread: Some(thread), _told: told }),
            Err(error) => {
                tracing::error!("the plug-in folder is not watched, no thread can be started: {error}");
                None
            }
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.wake.send(Wake::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn be_told(wake: &Sender<Wake>, folder: &Path, approvals: Option<&Path>) -> Option<RecommendedWatcher> {
    let wake = wake.clone();
    let tell = move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| is_a_look(event.kind)) {
            return;
        }
        // Whatever else it was, even an error: looking shows. Nobody listens any more when the host stops.
        let _ = wake.send(Wake::Changed);
    };
    let watch = || {
        let mut watcher = notify::recommended_watcher(tell)?;
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
        if let Some(place) = approvals.and_then(Path::parent).filter(|place| place.exists()) {
            watcher.watch(place, RecursiveMode::NonRecursive)?;
        }
        Ok::<_, notify::Error>(watcher)
    };
    match watch() {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(
                "the system does not tell of changes in the plug-in folder ({error}); it is looked at now and then"
            );
            None
        }
    }
}

/// Whether somebody has only looked, as we do ourselves: looking again would be told again, without end.
const fn is_a_look(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(how) if !matches!(how, AccessKind::Close(AccessMode::Write)))
}

fn run(host: &PluginHost, folder: &Path, approvals: Option<&Path>, every: Duration, woken: &Receiver<Wake>) {
    // What was loaded may be older than what is there by now: the first look takes it in.
    let mut settle = Settle::default();
    let mut wait = Duration::ZERO;
    loop {
        match woken.recv_timeout(wait) {
            Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Ok(Wake::Changed) | Err(RecvTimeoutError::Timeout) => {}
        }
        // Many at once are one.
        while let Ok(wake) = woken.try_recv() {
            if matches!(wake, Wake::Stop) {
                return;
            }
        }
        match settle.look(look(folder, approvals), Instant::now()) {
            Verdict::Nothing => wait = every,
            Verdict::Wait(time) => wait = time,
            Verdict::Take => {
                if let Err(error) = host.reload() {
                    tracing::error!("plug-ins are not reloaded: {error}");
                }
                wait = every;
            }
        }
    }
}

fn look(folder: &Path, approvals: Option<&Path>) -> Seen {
    let plugins = folder::find(folder).ok();
    let plugins = plugins.map(|found| found.into_iter().map(|found| (found.name.clone(), found.stamps())).collect());
    Seen { plugins, approvals: approvals.and_then(folder::stamp) }
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, ModifyKind, RemoveKind};

    use super::*;

    #[test]
    fn looking_is_no_change_and_writing_is() {
        for how in
            [AccessKind::Any, AccessKind::Read, AccessKind::Open(AccessMode::Any), AccessKind::Close(AccessMode::Read)]
        {
            assert!(is_a_look(EventKind::Access(how)), "{how:?}");
        }
        for kind in [
            EventKind::Any,
            EventKind::Other,
            EventKind::Access(AccessKind::Close(AccessMode::Write)),
            EventKind::Create(CreateKind::File),
            EventKind::Modify(ModifyKind::Any),
            EventKind::Remove(RemoveKind::File),
        ] {
            assert!(!is_a_look(kind), "{kind:?}");
        }
    }
}
