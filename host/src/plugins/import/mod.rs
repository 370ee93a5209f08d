//! What a plug-in may import. All it can reach is linked here, interface by interface; nothing else exists for it.
//!
//! | import | what it gives |
//! |---|---|
//! | `speil:mirror/log` | lines in the host's log ([`log`]) |
//! | `speil:mirror/indexes` | indexes on the calling tenant's mirror ([`indexes`]) |
//! | `wasi:config/store` | the sidecar's `[config]` |
//! | `wasi:cli` | standard output and error become log lines ([`stdio`]); no arguments, no environment, no input |
//! | `wasi:clocks`, `wasi:random` | time and randomness; waiting counts as the plug-in's time |
//! | `wasi:filesystem` | the words only, which language runtimes need to start: there is no folder to open |
//! | `wasi:io` | what the others are made of |
//!
//! Sockets and HTTP are not linked at all: a component that imports them is refused when it is loaded.

pub(super) mod indexes;
pub(super) mod keyvalue;
pub(super) mod log;
pub(super) mod stdio;

use wasmtime::Engine;
use wasmtime::component::{HasData, HasSelf, Linker, ResourceTable};
use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView as _};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, io, random};
use wasmtime_wasi::random::{WasiRandom, WasiRandomView as _};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_config::WasiConfig;

use super::bindings::speil::mirror as offered;
use super::instance::State;

/// Every interface that is linked, for messages and for the check before linking.
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

/// Links everything offered.
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

/// A WASI context that gives nothing: no arguments, no environment, no folder, no input; output goes to the log.
pub(super) fn closed_wasi(log: &std::sync::Arc<log::Log>) -> WasiCtx {
    WasiCtx::builder().stdout(stdio::Output::new(log, false)).stderr(stdio::Output::new(log, true)).build()
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi_parts()
    }
}

/// The interface of types holds no function.
impl offered::types::Host for State {}
