//! Logs: one place that decides where they go and how they look. Standard error, so that what a command prints can be
//! piped; text for people or JSON for collectors; `RUST_LOG` wins over the configuration.
//!
//! A line is one event, whatever is in it: names and messages from outside hold what their senders like, so text is
//! escaped here, once, as it is written ([`text_field`]); JSON escapes by itself.

use std::fmt::{self, Write as _};
use std::io::IsTerminal;

use tracing::field::Field;
use tracing::{Dispatch, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{Writer, debug_fn};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{LogConfig, LogFormat};
use crate::protocol::shown::misleads;

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
    let ansi = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    dispatch(filter, config.format, ansi, std::io::stderr).try_init().map_err(|_| LoggingError::Twice)
}

/// Everything that decides how a line looks, over any writer.
fn dispatch<W>(filter: EnvFilter, format: LogFormat, ansi: bool, writer: W) -> Dispatch
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    let subscriber: Box<dyn Subscriber + Send + Sync> = match format {
        LogFormat::Text => Box::new(builder.with_ansi(ansi).fmt_fields(debug_fn(text_field).delimited(" ")).finish()),
        LogFormat::Json => Box::new(builder.with_ansi(false).json().flatten_event(true).finish()),
    };
    Dispatch::from(subscriber)
}

/// One field of an event or a span: `name=value`, the message bare; nothing in a value can end the line or speak to a
/// terminal.
fn text_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let name = field.name();
    if name == "message" {
        return write!(Escaping(writer), "{value:?}");
    }
    if writer.has_ansi_escapes() {
        write!(writer, "\u{1b}[3m{name}\u{1b}[0m\u{1b}[2m=\u{1b}[0m")?;
    } else {
        write!(writer, "{name}=")?;
    }
    write!(Escaping(writer), "{value:?}")
}

/// Passes text on with what is not for reading written as Rust would: `\n`, `\u{1b}`.
struct Escaping<'a, 'w>(&'a mut Writer<'w>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut plain = 0;
        for (at, c) in text.char_indices().filter(|&(_, c)| misleads(c)) {
            self.0.write_str(&text[plain..at])?;
            write!(self.0, "{}", c.escape_default())?;
            plain = at + c.len_utf8();
        }
        self.0.write_str(&text[plain..])
    }
}

fn filter(environment: Option<String>, configured: &str) -> Result<EnvFilter, LoggingError> {
    let (filter, origin) = match environment.filter(|text| !text.trim().is_empty()) {
        Some(text) => (text, "from RUST_LOG"),
        None => (configured.to_owned(), "from [log] filter"),
    };
    // The driver warns of every connection made as its string says, and what it calls an error may be an answer we asked for (no
    // such database yet). What matters the host says itself; whoever wants to hear the driver says tiberius=warn.
    EnvFilter::try_new(format!("tiberius=off,{filter}")).map_err(|source| LoggingError::Filter {
        filter,
        origin,
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What was logged.
    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, ansi: bool, events: impl FnOnce()) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let dispatch = dispatch(EnvFilter::new("info"), format, ansi, move || writer.clone());
        tracing::dispatcher::with_default(&dispatch, events);
        let bytes = sink.0.lock().expect("not poisoned").clone();
        String::from_utf8(bytes).expect("UTF-8")
    }

    #[test]
    fn no_name_from_outside_can_write_a_line_of_its_own() {
        const NAME: &str = "x\n2026-11-21T07:00:00Z ERROR speil: forged \u{1b}[31m\r\u{9b}\u{2028}\u{202e}é";
        let shown = r"x\n2026-11-21T07:00:00Z ERROR speil: forged \u{1b}[31m\r\u{9b}\u{2028}\u{202e}é";
        let events = || {
            let span = tracing::info_span!("call", tenant = %NAME, operation = tracing::field::Empty);
            span.record("operation", tracing::field::display(NAME));
            let _inside = span.enter();
            tracing::warn!(table = %NAME, rows = 3, quoted = NAME, "Wipe failed: {NAME}");
        };
        let text = logged(LogFormat::Text, false, events);
        let (_, line) = text.split_once("  WARN ").expect("a warning");
        assert_eq!(
            line,
            format!(
                "call{{tenant={shown} operation={shown}}}: speil::logging::tests: Wipe failed: {shown} table={shown} rows=3 \
                 quoted={NAME:?}\n"
            )
        );
        for (format, ansi) in [(LogFormat::Text, false), (LogFormat::Text, true), (LogFormat::Json, false)] {
            let text = logged(format, ansi, events);
            assert_eq!(text.matches('\n').count(), 1, "{text:?}");
            assert!(text.ends_with('\n') && !text.contains('\r') && !text.contains("\u{1b}[31m"), "{text:?}");
        }
    }

    #[test]
    fn the_environment_wins_unless_it_is_empty() {
        let chosen =
            |environment: Option<&str>| filter(environment.map(str::to_owned), "info").expect("understood").to_string();
        assert_eq!(chosen(None), "tiberius=off,info");
        assert_eq!(chosen(Some(" ")), "tiberius=off,info");
        assert_eq!(chosen(Some("speil=debug")), "tiberius=off,speil=debug");
        assert_eq!(chosen(Some("tiberius=trace")), "tiberius=trace", "who asks for the driver hears it");
    }

    #[test]
    fn a_filter_that_is_none_says_where_it_stands() {
        let error = filter(None, "speil=loudly").expect_err("no such level");
        assert!(error.to_string().starts_with("the log filter \"speil=loudly\" (from [log] filter) is not understood"));
    }
}
