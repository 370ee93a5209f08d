//! What a check has to show for its verdict.

use crate::protocol::names::Operation;
use crate::task::answer::{self, Answer, Body};
use crate::task::client::{CallError, form_problems};
use crate::task::connection::{Response, TransportError};

/// What was sent, what was expected, what came.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Evidence {
    pub sent: String,
    pub expected: String,
    pub got: String,
}

/// `Ok`: the rule holds.
pub type Outcome = Result<Evidence, Evidence>;

impl Evidence {
    pub fn new(sent: impl Into<String>, expected: impl Into<String>, got: impl Into<String>) -> Self {
        Self { sent: sent.into(), expected: expected.into(), got: got.into() }
    }

    /// Passed when it holds.
    pub fn when(self, holds: bool) -> Outcome {
        if holds { Ok(self) } else { Err(self) }
    }
}

/// What came back from one call.
#[derive(Debug)]
pub enum Got {
    Success(Answer),
    /// HTTP 200, `IsSuccessful` false.
    Refused(String),
    /// HTTP 500, SOAP fault with this code.
    Fault(String, String),
    /// An answer whose form is wrong, or no answer at all.
    Wrong(String),
}

/// What should come back from one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    Success,
    Refused,
    /// A fault of any code.
    Fault,
    /// A fault of this code.
    FaultCode(&'static str),
    /// A refusal or a fault: the contract leaves it open.
    NotDone,
}

impl Got {
    /// Reads a response; wrong forms are [`Got::Wrong`].
    #[must_use]
    pub fn read(operation: Operation, result: Result<Response, TransportError>) -> Self {
        let response = match result {
            Ok(response) => response,
            Err(error) => return Self::Wrong(error.to_string()),
        };
        let body = match answer::read(operation, &response.body) {
            Ok(body) => body,
            Err(what) => {
                return Self::Wrong(format!(
                    "HTTP {} with {what}; it begins {:?}",
                    response.status,
                    response.excerpt()
                ));
            }
        };
        let mut problems = form_problems(&response, &body);
        match body {
            Body::Fault(fault) if problems.is_empty() => Self::Fault(fault.code, fault.message),
            Body::Answer(answer) if problems.is_empty() && answer.problems.is_empty() => {
                if answer.successful {
                    Self::Success(answer)
                } else {
                    Self::Refused(answer.error_message)
                }
            }
            Body::Answer(answer) => {
                problems.extend(answer.problems);
                Self::Wrong(problems.join("; "))
            }
            Body::Fault(_) => Self::Wrong(problems.join("; ")),
        }
    }

    /// The same from a client's call, whose problems with the form come beside it.
    #[must_use]
    pub fn from_call(result: Result<Answer, CallError>, problems: &[String]) -> Self {
        if !problems.is_empty() {
            return Self::Wrong(problems.join("; "));
        }
        match result {
            Ok(answer) => Self::Success(answer),
            Err(CallError::Refused { message, .. }) => Self::Refused(message),
            Err(CallError::Fault { fault, .. }) => Self::Fault(fault.code, fault.message),
            Err(error) => Self::Wrong(error.to_string()),
        }
    }

    /// Whether it is what was wanted.
    #[must_use]
    pub fn is(&self, want: Want) -> bool {
        match (want, self) {
            (Want::Success, Self::Success(_))
            | (Want::Refused, Self::Refused(_))
            | (Want::Fault, Self::Fault(..))
            | (Want::NotDone, Self::Refused(_) | Self::Fault(..)) => true,
            (Want::FaultCode(wanted), Self::Fault(code, _)) => code == wanted,
            _ => false,
        }
    }

    /// In words.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Success(_) => "HTTP 200, IsSuccessful true".into(),
            Self::Refused(message) => format!("HTTP 200, IsSuccessful false: {message}"),
            Self::Fault(code, message) => format!("HTTP 500, fault {code}: {message}"),
            Self::Wrong(what) => what.clone(),
        }
    }
}

impl Want {
    /// In words.
    #[must_use]
    pub fn describe(self) -> String {
        match self {
            Self::Success => "HTTP 200, IsSuccessful true".into(),
            Self::Refused => "HTTP 200, IsSuccessful false".into(),
            Self::Fault => "HTTP 500, a SOAP fault".into(),
            Self::FaultCode(code) => format!("HTTP 500, a SOAP fault {code}"),
            Self::NotDone => "a refusal or a SOAP fault".into(),
        }
    }

    /// The outcome of a call that was sent for this.
    pub fn outcome(self, sent: impl Into<String>, got: &Got) -> Outcome {
        Evidence::new(sent, self.describe(), got.describe()).when(got.is(self))
    }
}

#[cfg(test)]
mod tests {
    use super::{Got, Want};

    #[test]
    fn each_want_takes_its_own_and_nothing_else() {
        let refused = Got::Refused("no".into());
        let fault = Got::Fault("Client".into(), "no".into());
        let wrong = Got::Wrong("x".into());
        assert!(refused.is(Want::Refused) && refused.is(Want::NotDone) && !refused.is(Want::Fault));
        assert!(fault.is(Want::Fault) && fault.is(Want::FaultCode("Client")) && fault.is(Want::NotDone));
        assert!(!fault.is(Want::FaultCode("MustUnderstand")) && !fault.is(Want::Success));
        for want in [Want::Success, Want::Refused, Want::Fault, Want::NotDone] {
            assert!(!wrong.is(want));
        }
    }
}
