//! From the folder to a generation of plug-ins: what has not changed is taken over, what has is made beside the old, and
//! what cannot or must not run yet leaves the old in its place.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::apart::Bounds;
use super::approval::{Approved, Record};
use super::cache::{CodeCache, place};
use super::component::{Draft, Files, Plugin, Step};
use super::digest;
use super::engine::Machine;
use super::folder::{self, Found, Stamps};
use super::generation::{Pending, PluginSet};
use super::host::PluginsError;
use super::import::{self, http::Trust};
use super::names::{self, Claim, Prefixes};
use super::workshop::Workshop;
use crate::config::PluginsConfig;

/// What the folder is looked at for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To run: compiled code and approvals are kept.
    Serve,
    /// To tell how it is: nothing is written.
    Look,
}

/// Makes generations.
pub struct Loader {
    config: PluginsConfig,
    purpose: Purpose,
    shop: Option<Workshop>,
    record: Option<Record>,
    /// As the files were when each plug-in was last made or left as it was.
    seen: BTreeMap<String, Seen>,
    /// Which folder it was: device and number.
    identity: Option<(u64, u64)>,
    /// Held while an approval is written down: each is read, changed and written as a whole.
    writing: Mutex<()>,
}

struct Seen {
    stamps: Stamps,
    approved: Option<Approved>,
    /// See [`names::clash`] and [`Found::problem`].
    clash: Option<String>,
}

/// What comes of one plug-in's files.
struct Made {
    plugin: Arc<Plugin>,
    pending: Option<Pending>,
}

type Approvals = Result<BTreeMap<String, Approved>, String>;

impl Loader {
    pub fn new(config: PluginsConfig, purpose: Purpose) -> Self {
        Self {
            config,
            purpose,
            shop: None,
            record: None,
            seen: BTreeMap::new(),
            identity: None,
            writing: Mutex::new(()),
        }
    }

    /// Where compiled code and approvals are kept.
    pub fn place(config: &PluginsConfig) -> Option<PathBuf> {
        let inside = config.directory.as_ref().map(|folder| folder.join(".cache"));
        config.cache_directory.clone().or(inside)
    }

    /// The generation that the folder holds now; `None`: what runs is that already.
    ///
    /// # Errors
    /// The folder cannot be read, or there is no engine. Never because of one plug-in.
    pub fn load(&mut self, running: &PluginSet) -> Result<Option<PluginSet>, PluginsError> {
        let found = self.find(running)?;
        if found.is_empty() && running.plugins.is_empty() {
            return Ok(None);
        }
        if !found.is_empty() && self.shop.is_none() {
            self.shop = Some(self.open_shop()?);
        }
        let approvals = self.record.as_ref().map_or_else(|| Ok(BTreeMap::new()), Record::read);
        if let Err(reason) = &approvals {
            tracing::error!("{reason}");
        }
        let made = self.make_all(&found, running, &approvals);
        let mut pending = BTreeMap::new();
        let mut plugins = Vec::with_capacity(made.len());
        for made in made {
            pending.extend(made.pending.map(|pending| (made.plugin.name.clone(), pending)));
            plugins.push(made.plugin);
        }
        // They come in name order, which decides between equals.
        plugins.sort_by_key(|plugin| plugin.order());
        let same = plugins.len() == running.plugins.len()
            && plugins.iter().zip(&running.plugins).all(|(new, old)| Arc::ptr_eq(new, old))
            && pending == running.pending;
        if same {
            return Ok(None);
        }
        if let Some(shop) = &self.shop
            && let Some(cache) = &shop.cache
        {
            let used: Vec<_> = plugins.iter().filter_map(|plugin| plugin.read.as_ref().ok().copied()).collect();
            cache.prune(shop.machine.engine(), &used);
        }
        let machine = self.shop.as_ref().map(|shop| shop.machine.clone());
        Ok(Some(PluginSet::new(running.number + 1, machine, plugins, pending)))
    }

    /// The plug-ins in the folder. An empty folder where there was another one is a share that has gone, and no wish to
    /// be without plug-ins.
    fn find(&mut self, running: &PluginSet) -> Result<Vec<Found>, PluginsError> {
        let Some(folder) = &self.config.directory else { return Ok(Vec::new()) };
        let found = folder::find(folder).map_err(PluginsError::Folder)?;
        let identity = folder::identity(folder);
        let another = self.identity.is_some() && identity != self.identity;
        if found.is_empty() && !running.plugins.is_empty() && another {
            return Err(PluginsError::Folder(format!(
                "the plug-in folder {} is empty and not the one it was: has a share gone? The plug-ins run on; to be \
                 without them, start the host anew",
                folder.display()
            )));
        }
        self.identity = identity;
        Ok(found)
    }

    fn open_shop(&mut self) -> Result<Workshop, PluginsError> {
        let cannot = |error: wasmtime::Error| PluginsError::Engine(format!("{error:#}"));
        let machine = Arc::new(Machine::start(self.config.instances).map_err(cannot)?);
        let offered = import::linker(machine.engine()).map_err(cannot)?;
        let looking = self.purpose == Purpose::Look;
        let mut cache = None;
        // Looking makes no folder: without one there is nothing to look into.
        if let Some(folder) = Self::place(&self.config).filter(|folder| !looking || folder.exists()) {
            match place::open(&folder, !looking) {
                Ok(()) => {
                    cache = Some(CodeCache::new(folder.clone(), looking));
                    self.record = self.config.approval.then(|| Record::new(folder));
                }
                Err(reason) => tracing::warn!(
                    "{reason}. Until then every start compiles anew and takes every plug-in it finds as approved"
                ),
            }
        }
        let folder = self.config.directory.clone().unwrap_or_default();
        let trust = Arc::new(Trust::with(self.config.http_certificates.clone()));
        let bounds = Bounds {
            program: self.config.compile_program.clone().or(Bounds::default().program),
            time: self.config.compile_time,
            memory: self.config.compile_memory,
        };
        Ok(Workshop { machine, offered, folder, cache, trust, bounds })
    }

    /// All plug-ins, several at a time: most of the time is spent on reading, compiling or loading code. The largest first, so
    /// that none of them is alone at the end. On threads of their own, since trying one needs an event loop of its own.
    fn make_all(&mut self, found: &[Found], running: &PluginSet, approvals: &Approvals) -> Vec<Made> {
        let Some(shop) = &self.shop else { return Vec::new() };
        let this = &*self;
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(found.len());
        let mut order: Vec<usize> = (0..found.len()).collect();
        order.sort_by_cached_key(|&at| std::cmp::Reverse(found[at].size()));
        let (order, next) = (&order, std::sync::atomic::AtomicUsize::new(0));
        let prefixes = Prefixes::of(found);
        let mut made: Vec<(usize, Made, Seen)> = std::thread::scope(|scope| {
            let work = || {
                let mut done = Vec::new();
                loop {
                    let turn = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some(&at) = order.get(turn) else { return done };
                    let found = &found[at];
                    let work = || this.make(found, &prefixes, running, approvals, shop);
                    let (one, seen) = unless_it_panics(found, running, shop, work);
                    done.push((at, one, seen));
                }
            };
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let ended = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
            // Nothing is left in them that could panic; if it does, the host had better not go on without these plug-ins.
            ended.flat_map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        made.sort_unstable_by_key(|(at, ..)| *at);
        self.seen.clear();
        made.into_iter()
            .map(|(at, made, seen)| {
                self.seen.insert(found[at].name.clone(), seen);
                made
            })
            .collect()
    }

    /// One of them.
    fn make(
        &self,
        found: &Found,
        all: &Prefixes<'_>,
        running: &PluginSet,
        approvals: &Approvals,
        shop: &Workshop,
    ) -> (Made, Seen) {
        let name = found.name.as_str();
        let before = running.find(name);
        // Before reading: what changes meanwhile shows the next time.
        let stamps = found.stamps();
        let approved = approvals.as_ref().ok().and_then(|all| all.get(name)).cloned();
        let clash = found
            .problem
            .map(str::to_owned)
            .or_else(|| names::clash(name, all, |name| claim(name, running, approvals)));
        if let Some(before) = before
            && self
                .seen
                .get(name)
                .is_some_and(|seen| seen.stamps == stamps && seen.approved == approved && seen.clash == clash)
        {
            let pending = running.pending.get(name).cloned();
            return (Made { plugin: before.clone(), pending }, Seen { stamps, approved, clash });
        }
        let files = Files::read(found);
        let source = files.source();
        let works = before.filter(|before| before.linked.is_ok());
        if let Some(before) = works.filter(|before| before.source == source) {
            return (Made { plugin: before.clone(), pending: None }, Seen { stamps, approved, clash });
        }
        let before_this = before.map(|before| &**before);
        let draft = Draft::make(name, &files, source, shop, before_this);
        if draft.fits().is_ok()
            && let Some(reason) = &clash
        {
            let plugin = Arc::new(draft.refuse(Step::Check, reason));
            return (Made { plugin, pending: None }, Seen { stamps, approved, clash });
        }
        if draft.fits().is_ok()
            && let Err(more) = self.permitted(&draft, approvals, works)
        {
            let made = self.instead(&draft, more, approved.as_ref(), works, shop);
            let made = made.unwrap_or_else(|pending| Made {
                plugin: Arc::new(draft.refuse(Step::Approval, &pending.sentence(name))),
                pending: Some(pending),
            });
            return (made, Seen { stamps, approved, clash });
        }
        let plugin = draft.finish(shop, before_this);
        let made = match (&plugin.linked, works) {
            // A component that was taken away is no update: see docs/decisions/broken-plug-ins.md.
            (Err(broken), Some(works)) if found.component.is_some() => {
                Made { plugin: works.clone(), pending: Some(Pending::Broken { reason: broken.reason.clone() }) }
            }
            _ => Made { plugin: Arc::new(plugin), pending: None },
        };
        let approved = if made.pending.is_none() && made.plugin.linked.is_ok() {
            self.write_down(&made.plugin, &files, approved)
        } else {
            approved
        };
        (made, Seen { stamps, approved, clash })
    }

    /// Whether a version may run.
    ///
    /// # Errors
    /// What it asks for beyond what is approved.
    fn permitted(&self, draft: &Draft, approvals: &Approvals, works: Option<&Arc<Plugin>>) -> Result<(), Vec<String>> {
        if !self.config.approval {
            return Ok(());
        }
        let asks = match approvals {
            Err(reason) => return Err(vec![reason.clone()]),
            Ok(all) => all.get(draft.name()).map(|approved| &approved.asks),
        };
        // Where nothing can be written down, what runs is what was approved.
        let asks = asks.or_else(|| works.map(|works| &works.asks));
        let more = asks.map(|asks| draft.asks().beyond(asks)).unwrap_or_default();
        if more.is_empty() { Ok(()) } else { Err(more) }
    }

    /// What runs in place of a version that may not: the one that runs, or the approved one as it was kept.
    fn instead(
        &self,
        draft: &Draft,
        more: Vec<String>,
        approved: Option<&Approved>,
        works: Option<&Arc<Plugin>>,
        shop: &Workshop,
    ) -> Result<Made, Pending> {
        let runs = works.and_then(|works| works.read.as_ref().ok());
        let before = runs.map(digest::to_hex).or_else(|| approved.map(|approved| approved.digest.clone()));
        let pending = Pending::Approval { digest: draft.digest(), more, refills: draft.refills(before.as_deref()) };
        if let Some(works) = works {
            return Ok(Made { plugin: works.clone(), pending: Some(pending) });
        }
        let kept =
            self.record.as_ref().zip(approved).and_then(|(record, approved)| record.kept(draft.name(), approved));
        let Some((component, sidecar)) = kept else { return Err(pending) };
        let files = Files { component: Ok(component), sidecar: Ok(sidecar) };
        let old = Draft::make(draft.name(), &files, files.source(), shop, None).finish(shop, None);
        if old.linked.is_err() {
            return Err(pending);
        }
        Ok(Made { plugin: Arc::new(old), pending: Some(pending) })
    }

    /// Notes that a version runs, and keeps its files.
    fn write_down(&self, plugin: &Plugin, files: &Files, before: Option<Approved>) -> Option<Approved> {
        let (Some(record), Purpose::Serve) = (&self.record, self.purpose) else { return before };
        let (Ok(content), Ok(component), Ok(sidecar)) = (&plugin.read, &files.component, &files.sidecar) else {
            return before;
        };
        // What was approved once stays so: going back to an earlier version asks for nothing new.
        let asks = before.as_ref().map_or_else(|| plugin.asks.clone(), |before| before.asks.clone());
        let approved = Approved { digest: digest::to_hex(content), asks };
        if before.as_ref() == Some(&approved) && record.has_kept(&plugin.name, component, sidecar) {
            return before;
        }
        let _alone = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = record.keep(&plugin.name, component, sidecar);
        match kept.and_then(|()| record.approve(&plugin.name, &approved)) {
            Ok(()) => Some(approved),
            Err(reason) => {
                tracing::warn!(plugin = plugin.name, "that this version is approved cannot be written down: {reason}");
                before
            }
        }
    }
}

/// A plug-in on whose files the host itself stumbles is a broken one, and takes nobody with it: not the host, and not the plug-ins
/// that were made before it, whose absence would let rows pass unchanged.
fn unless_it_panics(
    found: &Found,
    running: &PluginSet,
    shop: &Workshop,
    work: impl FnOnce() -> (Made, Seen),
) -> (Made, Seen) {
    let stamps = found.stamps();
    // What is looked at afterwards is whole: a plug-in is put together at the end of its making.
    let whole = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    whole.unwrap_or_else(|_| {
        let reason = "the host stumbled over it, which is a mistake in Speil or its engine; the log of this moment says where. Take \
                      the file away, and send it with those lines to whoever maintains Speil";
        let seen = Seen { stamps, approved: None, clash: None };
        if let Some(works) = running.find(&found.name).filter(|before| before.linked.is_ok()) {
            let pending = Some(Pending::Broken { reason: reason.into() });
            return (Made { plugin: works.clone(), pending }, seen);
        }
        let files = Files { component: Err(reason.into()), sidecar: Err(reason.into()) };
        let plugin = Draft::make(&found.name, &files, files.source(), shop, None).refuse(Step::Read, reason);
        (Made { plugin: Arc::new(plugin), pending: None }, seen)
    })
}

/// How well a plug-in's claim to its names is founded.
fn claim(name: &str, running: &PluginSet, approvals: &Approvals) -> Claim {
    if running.find(name).is_some_and(|plugin| plugin.linked.is_ok()) {
        Claim::Runs
    } else if approvals.as_ref().is_ok_and(|all| all.contains_key(name)) {
        Claim::Approved
    } else {
        Claim::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::hook::Hook;

    #[test]
    fn a_plug_in_that_the_host_stumbles_over_is_broken_and_takes_nobody_with_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.wasm"), "").unwrap();
        let found = folder::find(folder.path()).unwrap().remove(0);
        let shop = crate::plugins::inspect::workshop(None).unwrap();
        let (made, _) = unless_it_panics(&found, &PluginSet::empty(), &shop, || panic!("on purpose"));
        let Err(broken) = &made.plugin.linked else { panic!("it runs") };
        assert!(broken.reason.starts_with("a.wasm: the host stumbled over it"), "{broken}");
        assert!(made.plugin.has(Hook::Transform), "it may have been a transform: rows do not pass without it");
        assert!(made.pending.is_none());
    }
}
