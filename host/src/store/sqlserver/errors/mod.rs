//! From the driver's errors to ours: who can do something about it, and the sentence.
//!
//! A number of the server is looked up in [`numbers`]; what is not there is judged by its severity. The sentence says what
//! happened, the number and state to search for, the server's own words (bounded), and what to do.

mod foreign;
mod grant;
mod numbers;
#[cfg(test)]
mod tests;

use std::io::ErrorKind as IoKind;

use tiberius::error::Error as DriverError;

use self::numbers::Known;
use crate::store::{StoreError, StoreErrorKind};

pub(in crate::store::sqlserver) type Result<T, E = StoreError> = std::result::Result<T, E>;

/// A server's message is cut off there: some quote half a row.
const MOST_WORDS: usize = 600;

/// What a server said, as far as it is needed here.
struct Said<'a> {
    number: u32,
    state: u8,
    class: u8,
    message: &'a str,
}

/// An error of the driver or the server.
pub(in crate::store::sqlserver) fn sql_error(error: DriverError) -> StoreError {
    let (kind, message) = match &error {
        DriverError::Server(token) => by_number(&Said {
            number: token.code(),
            state: token.state(),
            class: token.class(),
            message: token.message(),
        }),
        other => by_driver(other),
    };
    StoreError::new(kind, message).with_source(error)
}

/// The server's number behind an error, if it came from the server: for those who treat one number in particular.
pub(in crate::store::sqlserver) fn number(error: &StoreError) -> Option<u32> {
    let source = error.source.as_ref()?.downcast_ref::<DriverError>()?;
    source.code().map(|code| match source {
        DriverError::Server(token) if code == foreign::UNSPECIFIED => foreign::number(token.message()).unwrap_or(code),
        _ => code,
    })
}

/// Whether it is not known if the server did what it was told: the connection was lost in the middle.
#[cfg(test)]
pub(in crate::store::sqlserver) fn is_lost(error: &StoreError) -> bool {
    let source = error.source.as_ref().and_then(|source| source.downcast_ref::<DriverError>());
    match source {
        Some(DriverError::Server(token)) => token.class() >= 20,
        Some(DriverError::Io { .. } | DriverError::Protocol(_) | DriverError::Tls(_)) => true,
        _ => false,
    }
}

fn by_number(said: &Said<'_>) -> (StoreErrorKind, String) {
    let words = bounded(said.message);
    let number = match said.number {
        foreign::UNSPECIFIED => foreign::number(said.message).unwrap_or(said.number),
        number => number,
    };
    let known = numbers::find(number);
    let (kind, what, advice) = match known {
        Some(Known { kind, what, advice, .. }) => (*kind, *what, *advice),
        None => by_severity(number, said.class),
    };
    let mut message = format!("{what} (SQL Server error {}, state {}: {words})", said.number, said.state);
    match grant::statement(number, said.message) {
        Some(statement) => message.extend(["; an administrator must run: ", statement.as_str()]),
        None if advice.is_empty() => {}
        None => message.extend(["; ", advice]),
    }
    (kind, message)
}

/// What is not in the table, by how grave the server thinks it is.
fn by_severity(number: u32, class: u8) -> (StoreErrorKind, &'static str, &'static str) {
    use StoreErrorKind::{Environment, Internal, Transient};
    match class {
        // Babelfish's one number for all that SQL Server has none for.
        _ if number == foreign::UNSPECIFIED && class < 20 => {
            (Environment, "the database refuses", "what it says is all that is known of it")
        }
        // From here on the server's own texts begin; triggers and the like raise them.
        _ if number >= 50_000 && class < 20 => (
            Environment,
            "a trigger or other code in the database refuses",
            "see what it wants, or disable it for mirrored tables",
        ),
        14 => (Environment, "the login lacks a permission", "have an administrator grant what the message names"),
        15 => (Internal, "the database does not understand a statement", "please report this to the makers of speil"),
        0..=13 | 16 => (Environment, "the database refuses", "look the number up in SQL Server's documentation"),
        17..=19 => (
            Environment,
            "the server has run out of something",
            "an administrator must make room; then repeat the call",
        ),
        20 => (Transient, "the server ended the connection", "repeat the call"),
        _ => (
            Transient,
            "the server ended the connection after a grave error",
            "repeat the call, and look into the server's error log",
        ),
    }
}

fn by_driver(error: &DriverError) -> (StoreErrorKind, String) {
    use StoreErrorKind::{Environment, Internal, Transient};
    match error {
        DriverError::Io { kind, message } => by_io(*kind, message),
        DriverError::Tls(words) => (
            Environment,
            format!(
                "no encrypted connection comes about ({}); if the server's certificate is its own or from an authority of yours, name \
                 that with `Server Certificate=file.pem`; if it is made out to another name, give that as `HostNameInCertificate`; \
                 `TrustServerCertificate=true` takes any certificate and is for networks you trust",
                bounded(plain_tls(words))
            ),
        ),
        DriverError::Protocol(words) if words.contains("encryption level") => (
            Environment,
            "the server offers no encryption, and the connection string asks for it (as it does when it says nothing); set up a \
             certificate on the server, or write `Encrypt=false` on a network you trust"
                .into(),
        ),
        // Cut off in the middle of something, most likely: with a new connection it may work.
        DriverError::Protocol(words) => {
            (Transient, format!("the connection to the server got out of step ({}); repeat the call", bounded(words)))
        }
        DriverError::Routing { host, port } => {
            (Transient, format!("the server leads to {host}, port {port}, and was not followed; repeat the call"))
        }
        other => (
            Internal,
            format!("the server's answer or our request was not as expected ({}); please report this", bounded(&other.to_string())),
        ),
    }
}

fn by_io(kind: IoKind, words: &str) -> (StoreErrorKind, String) {
    use StoreErrorKind::{Environment, Transient};
    let words = bounded(words);
    match kind {
        IoKind::TimedOut => (
            Transient,
            format!(
                "{words}; it may be waiting for a lock or be overloaded: repeat the call, or allow more time (`Command Timeout` of the \
                 connection string)"
            ),
        ),
        IoKind::ConnectionRefused => (
            Transient,
            format!(
                "{words}; check that the server runs, that TCP/IP is enabled for it, and the port in the connection string"
            ),
        ),
        IoKind::HostUnreachable | IoKind::NetworkUnreachable | IoKind::AddrNotAvailable => {
            (Transient, format!("{words}; check the network and the server's name"))
        }
        // No authority is trusted on this machine: the driver's way to say it.
        IoKind::NotFound if words.contains("certificate") => (
            Environment,
            format!(
                "the server's certificate cannot be checked: {words}; install the system's CA certificates (package \
                 ca-certificates), or name the authority with `Server Certificate=file.pem`"
            ),
        ),
        IoKind::PermissionDenied => (Environment, format!("the operating system denies the connection: {words}")),
        _ if words.contains("cannot be resolved") => {
            (Transient, format!("{words}; check the server's name in the connection string, and the name service"))
        }
        IoKind::InvalidData if words.contains("UTF-16") => (
            Environment,
            format!(
                "the server sent a text that cannot be read ({words}); look at the names and texts of the database"
            ),
        ),
        // The text of the driver's TLS when a handshake breaks off for other reasons than the certificate.
        IoKind::InvalidData => (
            Environment,
            format!(
                "no encrypted connection comes about ({words}); the server may speak only versions of TLS older than 1.2: update it"
            ),
        ),
        _ => (Transient, format!("the connection to the server broke ({words}); repeat the call")),
    }
}

/// The driver's advice for those who write programs with it helps nobody here.
fn plain_tls(words: &str) -> &str {
    words.split(" To connect anyway").next().unwrap_or(words)
}

/// Somebody else's words, for a message of ours: on one line, not too many, without their full stop.
fn bounded(words: &str) -> String {
    let flat: Vec<&str> =
        words.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    let flat = flat.join(" ");
    let flat = flat.trim_end_matches('.');
    if flat.chars().count() > MOST_WORDS {
        flat.chars().take(MOST_WORDS).chain(['…']).collect()
    } else {
        flat.to_owned()
    }
}
