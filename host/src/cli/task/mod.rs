//! `speil task`: the Mirroring Task simulator against any endpoint: cycles and scenarios, the list of conformance
//! checks, or a token by itself.

mod conformance;
mod run;
mod token;
pub(super) mod watch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::output::CliError;
use crate::config::Config;
use crate::task::TaskError;
use crate::task::client::Identity;
use crate::task::endpoint::Endpoint;
use crate::task::keys;
use crate::task::mirror_place::MirrorPlace;

/// Play the vendor's Mirroring Task against any endpoint.
#[derive(Debug, Args)]
pub(super) struct TaskArgs {
    #[command(subcommand)]
    verb: TaskVerb,
}

#[derive(Debug, Subcommand)]
enum TaskVerb {
    /// Mirror a simulated tenant: cycles with changes between them, or a named scenario; then compare.
    Run(run::RunArgs),
    /// Check an endpoint against the contract, rule by rule.
    Conformance(conformance::ConformanceArgs),
    /// Print a token as the vendor's, signed with your own key: to call an endpoint with other tools.
    Token(token::TokenArgs),
}

pub(super) fn run(args: &TaskArgs) -> Result<ExitCode, CliError> {
    match &args.verb {
        TaskVerb::Run(args) => run::run(args),
        TaskVerb::Conformance(args) => conformance::run(args),
        TaskVerb::Token(args) => token::run(args),
    }
}

/// Whom to call, and whose keys to call with.
#[derive(Debug, Args)]
struct TargetArgs {
    /// The endpoint, as it is registered with the vendor. For everything but a list it is needed, and with it
    /// --application-id, --signing-key and --public-key.
    #[arg(long, value_name = "URL", required = false, requires_all = ["application_id", "signing_key", "public_key"])]
    url: String,
    /// The application's id; the tokens' audience.
    #[arg(long, value_name = "ID", required = false, requires = "url")]
    application_id: String,
    /// The private key that plays the vendor's: the endpoint must trust its public half (environment = "custom").
    #[arg(long, value_name = "FILE", required = false, requires = "url")]
    signing_key: PathBuf,
    /// The certificate of the signing key, when the endpoint trusts a certificate and not a bare key.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// The application's public key, with which the endpoint's answers are checked.
    #[arg(long, value_name = "FILE", required = false, requires = "url")]
    public_key: PathBuf,
    /// The tenant to speak for [default: Cust10195; for conformance, which leaves nothing as it was: Conformance].
    #[arg(long, value_name = "CONTEXT")]
    tenant: Option<String>,
    /// Certificates to trust for https, instead of the system's (PEM); may be the server's own.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The tenant's mirror, compared with the source or looked into by the checks: a SQLite file, or a speil.toml whose store
    /// keeps it.
    #[arg(long, value_name = "FILE")]
    mirror: Option<PathBuf>,
}

impl TargetArgs {
    fn endpoint(&self) -> Result<Endpoint, CliError> {
        Endpoint::new(&self.url, self.ca.as_deref()).map_err(told)
    }

    fn identity(&self, tenant: &str) -> Result<Identity, CliError> {
        let certificate = self.certificate.as_deref();
        keys::identity(&self.signing_key, certificate, &self.public_key, &self.application_id, tenant).map_err(told)
    }

    /// The tenant spoken for, where none was named this one.
    fn tenant(&self, default: &str) -> String {
        self.tenant.clone().unwrap_or_else(|| default.to_owned())
    }

    fn mirror(&self, tenant: &str) -> Result<Option<MirrorPlace>, CliError> {
        let Some(path) = &self.mirror else { return Ok(None) };
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml")) {
            let config = Config::load(path).map_err(CliError::usage)?;
            return crate::app::mirror_place(&config.mirror, tenant).map(Some).map_err(CliError::failed);
        }
        Ok(Some(MirrorPlace::file(path, tenant)))
    }
}

fn told(error: TaskError) -> CliError {
    if error.is_usage() { CliError::usage(error) } else { CliError::failed(error) }
}

fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Runtime::new().map_err(|error| CliError::Failed(format!("no threads can be started: {error}")))
}

/// Seconds of an option.
fn seconds(text: &str) -> Result<Duration, String> {
    text.parse::<u64>().map(Duration::from_secs).map_err(|_| format!("{text:?} is no number of seconds"))
}
