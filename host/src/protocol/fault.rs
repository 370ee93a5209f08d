//! SOAP 1.1 faults: the answer to what is wrong with a *message* (protocol.md section 2). What is wrong with a
//! *call* is an `IsSuccessful=false` answer and not a fault.
//!
//! Two texts: [`Fault::message`] goes to the caller and says what is wrong with what it sent; [`Fault::log`] is for
//! our own log and may name what is ours. Texts out of the message are shortened and their control characters
//! shown as escapes before they are repeated.

use std::fmt::Write as _;

use super::encode::escape;
use super::names::NS_SOAP;

/// What a caller gets with HTTP status 500.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    pub code: FaultCode,
    /// Safe for the caller: a sentence about its message, nothing of ours.
    pub message: String,
    /// More for our log, where there is more to say.
    pub log: Option<String>,
}

/// The four codes of SOAP 1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultCode {
    /// The message is wrong; sending it again will not help.
    Client,
    /// The message may be right; we could not read it to its end.
    Server,
    /// A header entry we do not know must be understood.
    MustUnderstand,
    /// Not a SOAP 1.1 envelope.
    VersionMismatch,
}

impl FaultCode {
    /// The local name in the SOAP namespace.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "Client",
            Self::Server => "Server",
            Self::MustUnderstand => "MustUnderstand",
            Self::VersionMismatch => "VersionMismatch",
        }
    }

    /// The code of a local name such as `Client`, or of one with a dotted refinement such as `Client.Authentication`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.split_once('.').map_or(name, |(code, _)| code);
        [Self::Client, Self::Server, Self::MustUnderstand, Self::VersionMismatch]
            .into_iter()
            .find(|code| code.name() == name)
    }
}

impl Fault {
    /// The caller's message is wrong.
    #[must_use]
    pub fn client(message: impl Into<String>) -> Self {
        Self { code: FaultCode::Client, message: message.into(), log: None }
    }

    /// We failed; `log` says how, the caller only learns that it was not its message.
    #[must_use]
    pub fn server(message: impl Into<String>, log: impl Into<String>) -> Self {
        Self { code: FaultCode::Server, message: message.into(), log: Some(log.into()) }
    }

    /// A header entry that must be understood is not.
    #[must_use]
    pub fn must_understand(message: impl Into<String>) -> Self {
        Self { code: FaultCode::MustUnderstand, message: message.into(), log: None }
    }

    /// The envelope is not SOAP 1.1's.
    #[must_use]
    pub fn version_mismatch(message: impl Into<String>) -> Self {
        Self { code: FaultCode::VersionMismatch, message: message.into(), log: None }
    }

    /// The same fault with more for our log.
    #[must_use]
    pub fn with_log(mut self, log: impl Into<String>) -> Self {
        self.log = Some(log.into());
        self
    }

    /// A limit was exceeded: names it and its value.
    #[must_use]
    pub(crate) fn limit(what: &str, value: u64, unit: &str) -> Self {
        Self::client(format!("{what} exceeds the limit of {value} {unit}."))
    }

    /// The whole envelope.
    #[must_use]
    pub fn to_xml(&self) -> String {
        let mut xml = String::with_capacity(256 + self.message.len());
        write!(
            xml,
            "<s:Envelope xmlns:s=\"{NS_SOAP}\"><s:Body><s:Fault><faultcode>s:{}</faultcode><faultstring xml:lang=\"en\">",
            self.code.name()
        )
        .expect("writing to a String does not fail");
        escape::push_text(&mut xml, &self.message);
        xml.push_str("</faultstring></s:Fault></s:Body></s:Envelope>");
        xml
    }
}

/// A text out of a message as it may be repeated in a fault: in quotes, at most 40 characters, control characters
/// escaped.
pub(crate) fn quoted(text: &str) -> String {
    quoted_up_to(text, 40)
}

/// As [`quoted`], with another length.
pub(crate) fn quoted_up_to(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_a_whole_soap_1_1_envelope_with_its_message_escaped() {
        let fault = Fault::must_understand("a < b & \u{1}");
        assert_eq!(
            fault.to_xml(),
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><s:Fault>\
             <faultcode>s:MustUnderstand</faultcode><faultstring xml:lang=\"en\">a &lt; b &amp; &#x1;</faultstring>\
             </s:Fault></s:Body></s:Envelope>"
        );
    }

    #[test]
    fn what_is_for_the_log_does_not_reach_the_caller() {
        let fault = Fault::server("The rows could not be kept.", "/var/tmp is full");
        assert!(!fault.to_xml().contains("/var/tmp"));
        assert_eq!(fault.log.as_deref(), Some("/var/tmp is full"));
    }

    #[test]
    fn a_text_out_of_a_message_is_shortened_and_escaped() {
        assert_eq!(quoted("a\nb"), "\"a\\nb\"");
        assert_eq!(quoted(&"å".repeat(40)), format!("\"{}\"", "å".repeat(40)));
        assert_eq!(quoted(&"å".repeat(41)), format!("\"{}\"…", "å".repeat(40)));
    }
}
