//! The SOAPAction header (protocol.md section 2): which operation a call names, before its body is read.

use super::fault::{Fault, quoted, quoted_up_to};
use super::names::{ACTION_PREFIX, Operation};

/// The operation a SOAPAction header names. Absent, empty and `""` mean the same: the body decides (`None`).
/// Quotes are optional.
///
/// # Errors
/// The header names something else than one of the five operations, or has one quote only.
pub fn parse(header: Option<&str>) -> Result<Option<Operation>, Fault> {
    let Some(header) = header else { return Ok(None) };
    let text = header.trim();
    let action = match (text.strip_prefix('"'), text.strip_suffix('"')) {
        (Some(_), Some(_)) if text.len() >= 2 => text[1..text.len() - 1].trim(),
        (None, None) => text,
        _ => {
            return Err(Fault::client(format!(
                "The SOAPAction {} has a quotation mark on one side only.",
                quoted(text)
            )));
        }
    };
    if action.is_empty() {
        return Ok(None);
    }
    match action.strip_prefix(ACTION_PREFIX).and_then(Operation::from_name) {
        Some(operation) => Ok(Some(operation)),
        None => Err(Fault::client(format!(
            "The SOAPAction {} names no operation of this service; it must be {ACTION_PREFIX} followed by Authenticate, \
             TableSchema, RowData, Wipe or ReplicationCompleted.",
            quoted_up_to(action, 120)
        ))),
    }
}

/// Checks that the header and the body name the same operation.
///
/// # Errors
/// They do not.
pub fn agree(header: Option<Operation>, body: Operation) -> Result<(), Fault> {
    match header {
        Some(header) if header != body => {
            Err(Fault::client(format!("The SOAPAction names the operation {header}, the body holds {body}.")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_optional_and_each_operation_is_found() {
        for operation in Operation::ALL {
            assert_eq!(parse(Some(&operation.action())), Ok(Some(operation)));
            assert_eq!(parse(Some(&format!(" \"{}\" ", operation.action()))), Ok(Some(operation)));
        }
    }

    #[test]
    fn an_absent_or_empty_action_lets_the_body_decide() {
        for header in [None, Some(""), Some("  "), Some("\"\""), Some("\" \"")] {
            assert_eq!(parse(header), Ok(None), "{header:?}");
        }
    }

    #[test]
    fn an_unknown_action_is_a_fault_that_says_what_is_known() {
        let fault = parse(Some("\"urn:other\"")).unwrap_err();
        assert_eq!(
            fault.message,
            "The SOAPAction \"urn:other\" names no operation of this service; it must be \
             http://www.superoffice.com/online/mirroring/0.1/IMirroringClientService/ followed by Authenticate, \
             TableSchema, RowData, Wipe or ReplicationCompleted."
        );
        let cased = Operation::Wipe.action().replace("Wipe", "wipe");
        assert!(parse(Some(&cased)).is_err());
    }

    #[test]
    fn a_single_quotation_mark_is_a_fault() {
        assert_eq!(
            parse(Some("\"")).unwrap_err().message,
            "The SOAPAction \"\\\"\" has a quotation mark on one side only."
        );
        assert!(parse(Some(&format!("\"{}", Operation::Wipe.action()))).is_err());
    }

    #[test]
    fn header_and_body_must_agree() {
        assert_eq!(agree(None, Operation::Wipe), Ok(()));
        assert_eq!(agree(Some(Operation::Wipe), Operation::Wipe), Ok(()));
        assert_eq!(
            agree(Some(Operation::RowData), Operation::Wipe).unwrap_err().message,
            "The SOAPAction names the operation RowData, the body holds Wipe."
        );
    }
}
