//! The command line: one file per verb. A verb answers with an exit code or with a sentence that says what went wrong.

mod bench;
mod check;
mod demo;
mod import_web_config;
mod keygen;
pub mod output;
mod plugin;
pub mod reference;
mod resync;
mod serve;
mod status;
mod target;
mod task;
mod wipe;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::Config;
pub use output::CliError;

/// A mirror server for partners of SuperOffice CRM Online.
#[derive(Debug, Parser)]
#[command(
    name = "speil",
    version,
    max_term_width = 100,
    after_help = "First steps:\n  speil demo                     see the whole thing work, nothing configured\n  \
                  speil keygen                   make the key pair your application signs with\n  \
                  speil check                    what would fail, before it does\n  \
                  speil serve                    be the mirroring endpoint\n  \
                  speil status                   every tenant, worst first\n\n\
                  Exit codes: 0 done, 1 failed, 2 asked wrongly."
)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Mirror a simulated tenant end to end, with nothing configured, and show what happened.
    Demo(demo::DemoArgs),
    /// Be the mirroring endpoint: listen, check, mirror, until told to stop.
    Serve(serve::ServeArgs),
    /// Look at keys, certificates, store and plug-ins: what would fail, before it does.
    Check(check::CheckArgs),
    /// Show tenants worst first, or one tenant's tables, cycles and errors.
    Status(status::StatusArgs),
    /// Have tables filled anew in the tenant's next cycle.
    Resync(resync::ResyncArgs),
    /// Empty tables of a mirror now.
    Wipe(wipe::WipeArgs),
    /// Look at plug-ins: what they do, what a file is; let a new version run.
    Plugin(plugin::PluginArgs),
    /// Make the key pair an application signs its answers with.
    Keygen(keygen::KeygenArgs),
    /// Write a speil.toml that does what the vendor's web.config did.
    ImportWebConfig(import_web_config::ImportArgs),
    /// Play the vendor's Mirroring Task against any endpoint: mirror a simulated tenant, or check rule by rule.
    Task(task::TaskArgs),
    /// Measure this machine's limits and our share of them, in one run.
    Bench(bench::BenchArgs),
}

/// Which configuration.
#[derive(Debug, Clone, Args)]
struct ConfigArgs {
    /// The configuration file. Every key in it can also come from the environment (SPEIL__SERVER__LISTEN).
    #[arg(long, short, value_name = "FILE", default_value = "speil.toml", env = "SPEIL_CONFIG")]
    config: PathBuf,
}

impl ConfigArgs {
    fn load(&self) -> Result<Config, CliError> {
        Config::load(&self.config).map_err(CliError::failed)
    }
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    crate::allocator::give_large_blocks_back();
    // This program starts itself once more to compile plug-ins: no verb, since nobody else is to call it.
    if let Some(done) = crate::plugins::asked_to_compile() {
        return done;
    }
    crate::plugins::compile_by_this_program();
    // clap answers --help and --version itself, with exit code 0, and what it does not understand with 2.
    let cli = Cli::parse();
    let done = match cli.verb {
        Verb::Demo(args) => demo::run(&args),
        Verb::Serve(args) => serve::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::Status(args) => status::run(&args),
        Verb::Resync(args) => resync::run(&args),
        Verb::Wipe(args) => wipe::run(&args),
        Verb::Plugin(args) => plugin::run(&args),
        Verb::Keygen(args) => keygen::run(&args),
        Verb::ImportWebConfig(args) => import_web_config::run(&args),
        Verb::Task(args) => task::run(&args),
        Verb::Bench(args) => bench::run(&args),
    };
    done.unwrap_or_else(|error| error.report())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_and_every_option_says_what_it_does() {
        fn look(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            assert!(command.get_about().is_some(), "{path} has no help");
            for argument in command.get_arguments().filter(|one| !["help", "version"].contains(&one.get_id().as_str()))
            {
                assert!(argument.get_help().is_some(), "{path} {} has no help", argument.get_id());
            }
            command.get_subcommands().for_each(|one| look(one, &path));
        }
        look(&Cli::command(), "");
    }
}
