//! `speil task token`: a signed token by itself, for calling an endpoint with other tools than ours.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::told;
use crate::auth::testing::random_nonce;
use crate::cli::output::{CliError, print, print_json};
use crate::task::client::now;
use crate::task::keys;

/// What `speil task token` takes.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  speil task token --application-id 0123456789abcdef0123456789abcdef --signing-key vendor.pem\n\n\
                        The token is what the SOAP header SignedToken carries. Only an endpoint that trusts the public half of\n\
                        the signing key takes it: environment = \"custom\" with certificates = [\"vendor-public.pem\"]. Whoever\n\
                        has the token may speak for the tenant until it runs out."
)]
pub(super) struct TokenArgs {
    /// The application's id; the token's audience.
    #[arg(long, value_name = "ID")]
    application_id: String,
    /// The private key that plays the vendor's: the endpoint must trust its public half (environment = "custom").
    #[arg(long, value_name = "FILE")]
    signing_key: PathBuf,
    /// The certificate of the signing key, when the endpoint trusts a certificate and not a bare key.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// The tenant to speak for.
    #[arg(long, value_name = "CONTEXT", default_value = "Cust10195")]
    tenant: String,
    /// For how many seconds it is valid.
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(i64).range(1..=86_000))]
    valid: i64,
    /// What the endpoint's answer to Authenticate must sign: 32 hex digits. Without it a random one.
    #[arg(long, value_name = "HEX")]
    nonce: Option<String>,
    /// Print a JSON object of the token, its nonce and when it runs out.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &TokenArgs) -> Result<ExitCode, CliError> {
    let nonce = args.nonce.clone().unwrap_or_else(random_nonce);
    if nonce.len() != 32 || !nonce.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(CliError::Usage(format!("--nonce {nonce:?} is not 32 hex digits, so no endpoint would sign it")));
    }
    let issuer = keys::issuer(&args.signing_key, args.certificate.as_deref()).map_err(told)?;
    let now = now();
    let expires = now + args.valid;
    let token = issuer.token(&args.application_id, &args.tenant, now).nonce(nonce.as_str()).exp(expires);
    let token = token.sign().map_err(CliError::failed)?;
    if args.json {
        print_json(&json!({ "token": token, "nonce": nonce, "tenant": args.tenant, "expires": expires }))?;
    } else {
        print(token)?;
    }
    Ok(ExitCode::SUCCESS)
}
