//! What a plug-in may import. All it can reach is linked here, interface by interface; nothing else exists for it.
//!
//! | import | what it gives |
//! |---|---|
//! | `speil:mirror/log` | lines in the host's log ([`log`]) |
//! | `speil:mirror/indexes` | indexes on the calling tenant's mirror ([`indexes`]) |
//! | `wasi:config/store` | the sidecar's `[config]` |
//! | `wasi:cli` | standard output and error become log lines ([`stdio`]); no arguments, no input; granted environment |
//! | `wasi:clocks`, `wasi:random` | time and randomness; waiting counts as the plug-in's time |
//! | `wasi:filesystem` | granted folders; without any, the words only, which language runtimes need to start |
//! | `wasi:io` | what the others are made of |
//! | granted: `speil:mirror/database` | SQL on the calling tenant's mirror ([`database`]) |
//! | granted: `wasi:keyvalue` | small values in the calling tenant's mirror ([`keyvalue`]) |
//! | granted: `wasi:http` | requests to listed hosts ([`http`]) |
//! | listed as `unused`: anything else | nothing: a call traps ([`unused`]) |
//!
//! What is granted is linked for that plug-in alone ([`grant`]). Sockets are not linked at all: a component that imports them is
//! refused when it is loaded, unless its sidecar says that it never uses them.

pub(super) mod database;
pub(super) mod http;
pub(super) mod indexes;
pub(super) mod keyvalue;
pub(super) mod last_words;
pub(super) mod log;
pub(super) mod stdio;
pub(super) mod unused;

use wasmtime::Engine;
use wasmtime::component::{Component, HasData, HasSelf, Linker, ResourceTable};
use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView as _};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, io, random};
use wasmtime_wasi::random::{WasiRandom, WasiRandomView as _};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_config::WasiConfig;

use super::bindings as granted;
use super::bindings::speil::mirror as offered;
use super::check;
use super::instance::State;
use super::limits::Limits;
use super::sidecar::{DatabaseGrant, Grants, Settings};

/// Every interface that is linked without a grant, for messages and for the check before linking.
pub(super) const OFFERED: [&str; 24] = [
    "speil:mirror/log@0.1.0",
    "speil:mirror/indexes@0.1.0",
    "speil:mirror/types@0.1.0",
    "wasi:config/store@0.2.0-rc.1",
    "wasi:cli/environment@0.2.12",
    "wasi:cli/exit@0.2.12",
    "wasi:cli/stdin@0.2.12",
    "wasi:cli/stdout@0.2.12",
    "wasi:cli/stderr@0.2.12",
    "wasi:cli/terminal-input@0.2.12",
    "wasi:cli/terminal-output@0.2.12",
    "wasi:cli/terminal-stdin@0.2.12",
    "wasi:cli/terminal-stdout@0.2.12",
    "wasi:cli/terminal-stderr@0.2.12",
    "wasi:clocks/monotonic-clock@0.2.12",
    "wasi:clocks/wall-clock@0.2.12",
    "wasi:filesystem/preopens@0.2.12",
    "wasi:filesystem/types@0.2.12",
    "wasi:io/error@0.2.12",
    "wasi:io/poll@0.2.12",
    "wasi:io/streams@0.2.12",
    "wasi:random/random@0.2.12",
    "wasi:random/insecure@0.2.12",
    "wasi:random/insecure-seed@0.2.12",
];

/// What is linked only when the sidecar grants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Grant {
    Database,
    Http,
    KeyValue,
}

/// The interfaces behind each grant.
pub(super) const GRANTED: [(Grant, &str); 6] = [
    (Grant::Database, "speil:mirror/database@0.1.0"),
    (Grant::Http, "wasi:http/types@0.2.12"),
    (Grant::Http, "wasi:http/outgoing-handler@0.2.12"),
    (Grant::KeyValue, "wasi:keyvalue/store@0.2.0-draft"),
    (Grant::KeyValue, "wasi:keyvalue/atomics@0.2.0-draft"),
    (Grant::KeyValue, "wasi:keyvalue/batch@0.2.0-draft"),
];

impl Grant {
    /// Whether a sidecar gives it.
    pub(super) fn given(self, grants: &Grants) -> bool {
        match self {
            Self::Database => grants.database != DatabaseGrant::None,
            Self::Http => grants.http.is_some(),
            Self::KeyValue => grants.keyvalue,
        }
    }

    /// Its key under `[grants]`.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Http => "http",
            Self::KeyValue => "keyvalue",
        }
    }

    /// The line to add under `[grants]`.
    pub(super) const fn line(self) -> &'static str {
        match self {
            Self::Database => "database = \"read\"",
            Self::Http => "http = [\"api.example.com:443\"]",
            Self::KeyValue => "keyvalue = true",
        }
    }

    /// What else is to be known about the line.
    pub(super) const fn remark(self) -> Option<&'static str> {
        match self {
            Self::Database => Some("(`\"write\"` if it is to have tables of its own)"),
            Self::Http => Some("(the hosts it may reach; `[]` if it only has to load)"),
            Self::KeyValue => None,
        }
    }
}

/// Links what this plug-in is granted beside what everybody has.
///
/// # Errors
/// A mistake of ours: two things of one name.
pub(super) fn grant(
    offered: &Linker<State>,
    grants: &Grants,
    component: &Component,
) -> wasmtime::Result<Linker<State>> {
    let mut linker = offered.clone();
    let l = &mut linker;
    if Grant::Database.given(grants) {
        granted::speil::mirror::database::add_to_linker::<_, HasSelf<State>>(l, |state| state)?;
    }
    if Grant::Http.given(grants) {
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(l)?;
    }
    if Grant::KeyValue.given(grants) {
        granted::wasi::keyvalue::store::add_to_linker::<_, HasSelf<State>>(l, |state| state)?;
        granted::wasi::keyvalue::atomics::add_to_linker::<_, HasSelf<State>>(l, |state| state)?;
        granted::wasi::keyvalue::batch::add_to_linker::<_, HasSelf<State>>(l, |state| state)?;
    }
    if !grants.unused.is_empty() {
        unused::link(l, component, |import| check::is_unused(import, grants))?;
    }
    Ok(linker)
}

/// Links everything that needs no grant.
///
/// # Errors
/// A mistake of ours: two things of one name.
pub(super) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    let l = &mut linker;
    offered::log::add_to_linker::<_, HasSelf<State>>(l, |state| state)?;
    offered::indexes::add_to_linker::<_, HasSelf<State>>(l, |state| state)?;
    offered::types::add_to_linker::<_, HasSelf<State>>(l, |state| state)?;
    wasmtime_wasi_config::add_to_linker(l, |state: &mut State| WasiConfig::from(state.config()))?;
    cli::environment::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::exit::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::stdin::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::stdout::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::stderr::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, State::cli)?;
    clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, State::clocks)?;
    clocks::wall_clock::add_to_linker::<_, WasiClocks>(l, State::clocks)?;
    filesystem::preopens::add_to_linker::<_, WasiFilesystem>(l, State::filesystem)?;
    filesystem::types::add_to_linker::<_, WasiFilesystem>(l, State::filesystem)?;
    io::error::add_to_linker::<_, HasTable>(l, |state| state.ctx().table)?;
    io::poll::add_to_linker::<_, HasTable>(l, |state| state.ctx().table)?;
    io::streams::add_to_linker::<_, HasTable>(l, |state| state.ctx().table)?;
    random::random::add_to_linker::<_, WasiRandom>(l, State::random)?;
    random::insecure::add_to_linker::<_, WasiRandom>(l, State::random)?;
    random::insecure_seed::add_to_linker::<_, WasiRandom>(l, State::random)?;
    Ok(linker)
}

/// What `wasi:io` works on.
struct HasTable;

impl HasData for HasTable {
    type Data<'a> = &'a mut ResourceTable;
}

/// A WASI context that gives what is granted and nothing else: no arguments, no input; output goes to the log.
///
/// # Errors
/// A granted folder is not there any more.
pub(super) fn closed_wasi(log: &std::sync::Arc<log::Log>, settings: &Settings) -> wasmtime::Result<WasiCtx> {
    let mut wasi = WasiCtx::builder();
    wasi.stdout(stdio::Output::new(log, false)).stderr(stdio::Output::new(log, true));
    wasi.envs(&settings.environment);
    wasi.max_random_size(Limits::RANDOM);
    for folder in &settings.grants.folders {
        let perms = if folder.write { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
        wasi.preopened_dir(&folder.host, &folder.guest, perms)
            .map_err(|error| error.context(format!("the granted folder {} cannot be opened", folder.guest)))?;
    }
    Ok(wasi.build())
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi_parts()
    }
}

/// The interface of types holds no function.
impl offered::types::Host for State {}
