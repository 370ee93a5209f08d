//! Logs: one place that decides where they go and how they look. Standard error, so that what a command prints can be
//! piped; text for people or JSON for collectors; `RUST_LOG` wins over the configuration.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::config::{LogConfig, LogFormat};

/// Why logging cannot begin. A sentence for people.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    #[error("the log filter {filter:?} ({origin}) is not understood: {source}. Try `info` or `info,speil::http=debug`")]
    Filter { filter: String, origin: &'static str, source: ParseError },
    #[error("logging has been set up already")]
    Twice,
}

/// Sets up logging for the whole process, once.
///
/// # Errors
/// See [`LoggingError`].
pub fn init(config: &LogConfig) -> Result<(), LoggingError> {
    let filter = filter(std::env::var("RUST_LOG").ok(), &config.filter)?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    match config.format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.with_ansi(false).json().flatten_event(true).try_init(),
    }
    .map_err(|_| LoggingError::Twice)
}

fn filter(environment: Option<String>, configured: &str) -> Result<EnvFilter, LoggingError> {
    let (filter, origin) = match environment.filter(|text| !text.trim().is_empty()) {
        Some(text) => (text, "from RUST_LOG"),
        None => (configured.to_owned(), "from [log] filter"),
    };
    EnvFilter::try_new(&filter).map_err(|source| LoggingError::Filter { filter, origin, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_wins_unless_it_is_empty() {
        let chosen =
            |environment: Option<&str>| filter(environment.map(str::to_owned), "info").expect("understood").to_string();
        assert_eq!(chosen(None), "info");
        assert_eq!(chosen(Some(" ")), "info");
        assert_eq!(chosen(Some("speil=debug")), "speil=debug");
    }

    #[test]
    fn a_filter_that_is_none_says_where_it_stands() {
        let error = filter(None, "speil=loudly").expect_err("no such level");
        assert!(error.to_string().starts_with("the log filter \"speil=loudly\" (from [log] filter) is not understood"));
    }
}
