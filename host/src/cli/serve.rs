//! `speil serve`: start in phases, each of which can say what it lacks, before anything is asynchronous; then serve
//! until told to stop.

use std::process::ExitCode;

use clap::Args;

use super::output::print;
use super::{CliError, ConfigArgs};
use crate::app::{self, App};
use crate::http::{RunningServer, Server, health};
use crate::logging;

/// Be the mirroring endpoint.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  speil serve\n  speil serve --config /etc/speil/speil.toml\n  \
                        SPEIL__SERVER__LISTEN=0.0.0.0:8080 speil serve\n\n\
                        Stop it with Ctrl-C or SIGTERM: calls under way are finished first. Twice stops at once.")]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(super) fn run(args: &ServeArgs) -> Result<ExitCode, CliError> {
    let config = args.config.load()?;
    logging::init(&config.log).map_err(CliError::failed)?;
    let runtime = app::runtime(config.server.max_calls)
        .map_err(|error| CliError::Failed(format!("no threads can be started: {error}")))?;
    let app = {
        let _inside = runtime.enter();
        App::compose(config).map_err(CliError::failed)?
    };
    runtime.block_on(serve(&app))
}

async fn serve(app: &App) -> Result<ExitCode, CliError> {
    // Before the address is announced, so that no signal falls between.
    let mut signals = signals::Signals::new().map_err(CliError::failed)?;
    let server = Server::start(app.parts()).await.map_err(CliError::failed)?;
    introduce(app, &server).await?;
    // To the end of this function.
    let watching = app.plugins.watch();
    let why = signals.next().await;
    tracing::info!("{why}: finishing the calls under way; once more to stop at once");
    let report = tokio::select! {
        report = server.shutdown() => Some(report),
        _ = signals.next() => None,
    };
    drop(watching);
    app.mirrors.close().await;
    match report {
        Some(report) if report.calls_cut_off == 0 => {
            tracing::info!("stopped");
            Ok(ExitCode::SUCCESS)
        }
        Some(report) => Err(CliError::Failed(format!(
            "{} calls were still at work after [server] shutdown_timeout and were cut off; the next cycle repeats them",
            report.calls_cut_off
        ))),
        None => Err(CliError::Failed("stopped at once; calls under way were cut off".into())),
    }
}

/// The address lines, and what is missing.
async fn introduce(app: &App, server: &RunningServer) -> Result<(), CliError> {
    let scheme = if app.config.server.tls.is_some() { "https" } else { "http" };
    print(format_args!("speil {} listens on {scheme}://{}", env!("CARGO_PKG_VERSION"), server.local_addr))?;
    for application in app.applications.iter() {
        print(format_args!(
            "  application {} ({})  {scheme}://{}{}",
            application.id(),
            application.environment().word(),
            server.local_addr,
            application.path()
        ))?;
    }
    for line in health::check(&app.applications, &app.mirrors, &app.plugins).await {
        if line.ok {
            if line.what != "keys" {
                print(format_args!("  {}: {}", line.what, line.found))?;
            }
        } else {
            let mend = line.mend.as_deref().unwrap_or("run `speil check`");
            tracing::warn!("{}: {}; {mend}", line.what, line.found);
        }
    }
    if app.config.server.tls.is_none() && !server.local_addr.ip().is_loopback() {
        tracing::warn!(
            "plain HTTP on an address others can reach: set [server] tls, or put a proxy that ends TLS in front"
        );
    }
    Ok(())
}

/// Being told to stop.
mod signals {
    #[cfg(unix)]
    use tokio::signal::unix::{Signal, SignalKind, signal};

    #[cfg(unix)]
    pub(super) struct Signals {
        interrupt: Signal,
        terminate: Signal,
    }

    #[cfg(unix)]
    impl Signals {
        pub(super) fn new() -> std::io::Result<Self> {
            Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
        }

        /// The next reason to stop.
        pub(super) async fn next(&mut self) -> &'static str {
            tokio::select! {
                _ = self.interrupt.recv() => "interrupted",
                _ = self.terminate.recv() => "told to stop",
            }
        }
    }

    #[cfg(windows)]
    use tokio::signal::windows::{
        CtrlBreak, CtrlC, CtrlClose, CtrlShutdown, ctrl_break, ctrl_c, ctrl_close, ctrl_shutdown,
    };

    #[cfg(windows)]
    pub(super) struct Signals {
        c: CtrlC,
        r#break: CtrlBreak,
        close: CtrlClose,
        shutdown: CtrlShutdown,
    }

    #[cfg(windows)]
    impl Signals {
        pub(super) fn new() -> std::io::Result<Self> {
            Ok(Self { c: ctrl_c()?, r#break: ctrl_break()?, close: ctrl_close()?, shutdown: ctrl_shutdown()? })
        }

        /// The next reason to stop.
        pub(super) async fn next(&mut self) -> &'static str {
            tokio::select! {
                _ = self.c.recv() => "interrupted",
                _ = self.r#break.recv() => "interrupted",
                _ = self.close.recv() => "the console was closed",
                _ = self.shutdown.recv() => "the system is shutting down",
            }
        }
    }
}
