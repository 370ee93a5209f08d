//! Answers, as the simulator reads them: stricter than any real reader. .NET silently drops an element that comes
//! too late, so an answer whose order is wrong loses data at the vendor without a word; here it is an error.

use std::io::Read;

use super::super::fault::{Fault, FaultCode, quoted};
use super::super::lsn::Lsn;
use super::super::messages::{AuthenticateResponse, Outcome, PlainResponse, TableLsn, TableSchemaResponse};
use super::super::names::Operation;
use super::super::xml::attributes::Tag;
use super::super::xml::element::Element;
use super::super::xml::limits::Limits;
use super::super::xml::reader::XmlReader;
use super::super::xml::values;
use super::envelope;

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// The server answered with a SOAP fault.
    #[error("the server answered with a SOAP fault, s:{}: {}", .0.code.name(), .0.message)]
    Fault(Fault),
    /// The answer breaks the contract; the sentence says how.
    #[error("the answer breaks the contract: {0}")]
    Broken(String),
}

impl From<Fault> for ResponseError {
    fn from(fault: Fault) -> Self {
        Self::Broken(fault.message)
    }
}

/// Reads the answer to Authenticate.
///
/// # Errors
/// See [`ResponseError`].
pub fn authenticate(body: impl Read, limits: &Limits) -> Result<AuthenticateResponse, ResponseError> {
    const PARTS: &[Element] = &[
        Element::IsSuccessful,
        Element::ErrorMessage,
        Element::SignedApplicationToken,
        Element::SupportedInterfaces,
        Element::MirroringBuild,
        Element::ClientState,
        Element::AdditionalInformationJson,
    ];
    answer(body, limits, Operation::Authenticate, |xml| {
        let mut outcome = OutcomeParts::default();
        let mut texts: [String; 5] = Default::default();
        in_order(xml, "AuthenticateResponse", PARTS, |xml, tag, part| match part {
            0 | 1 => outcome.read(xml, tag),
            part => {
                texts[part - 2] = xml.nillable_text(tag)?.unwrap_or_default();
                Ok(())
            }
        })?;
        let [signed_application_token, supported_interfaces, mirroring_build, client_state, json] = texts;
        Ok(AuthenticateResponse {
            outcome: outcome.complete("AuthenticateResponse")?,
            signed_application_token,
            supported_interfaces,
            mirroring_build,
            client_state,
            additional_information_json: json,
        })
    })
}

/// Reads the answer to TableSchema.
///
/// # Errors
/// See [`ResponseError`].
pub fn table_schema(body: impl Read, limits: &Limits) -> Result<TableSchemaResponse, ResponseError> {
    const PARTS: &[Element] = &[Element::IsSuccessful, Element::ErrorMessage, Element::MirrorLsn];
    answer(body, limits, Operation::TableSchema, |xml| {
        let mut outcome = OutcomeParts::default();
        let mut mirror_lsn = Vec::new();
        in_order(xml, "TableSchemaResponse", PARTS, |xml, tag, part| match part {
            0 | 1 => outcome.read(xml, tag),
            _ if tag.nil => xml.nothing_inside(),
            _ => {
                mirror_lsn = lsns(xml)?;
                Ok(())
            }
        })?;
        Ok(TableSchemaResponse { outcome: outcome.complete("TableSchemaResponse")?, mirror_lsn })
    })
}

/// Reads the answer to RowData, Wipe or ReplicationCompleted.
///
/// # Errors
/// See [`ResponseError`].
pub fn plain(operation: Operation, body: impl Read, limits: &Limits) -> Result<PlainResponse, ResponseError> {
    answer(body, limits, operation, |xml| {
        let mut outcome = OutcomeParts::default();
        let name = operation.response_element();
        in_order(xml, name, &[Element::IsSuccessful, Element::ErrorMessage], |xml, tag, _| outcome.read(xml, tag))?;
        Ok(PlainResponse { outcome: outcome.complete(name)? })
    })
}

fn answer<R: Read, T>(
    body: R,
    limits: &Limits,
    operation: Operation,
    read: impl FnOnce(&mut XmlReader<'_, R>) -> Result<T, Fault>,
) -> Result<T, ResponseError> {
    let mut xml = XmlReader::new(body, limits);
    envelope::to_body(&mut xml)?;
    let tag = xml.child()?.ok_or_else(|| ResponseError::Broken("The SOAP body is empty.".into()))?;
    xml.head_is_over();
    match tag.element {
        Element::Response(answered) if answered == operation => {
            let answer = read(&mut xml)?;
            envelope::close(&mut xml)?;
            Ok(answer)
        }
        Element::Fault => {
            let fault = fault(&mut xml)?;
            envelope::close(&mut xml)?;
            Err(ResponseError::Fault(fault))
        }
        _ => Err(ResponseError::Broken(format!(
            "The SOAP body holds {} where {} is expected.",
            quoted(xml.local_name()),
            operation.response_element()
        ))),
    }
}

/// Reads the children of an element, which must be these, each at most once and in this order.
fn in_order<R: Read>(
    xml: &mut XmlReader<'_, R>,
    parent: &str,
    parts: &[Element],
    mut read: impl FnMut(&mut XmlReader<'_, R>, Tag, usize) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut next = 0;
    let mut last = String::new();
    while let Some(tag) = xml.child()? {
        let name = xml.local_name().to_owned();
        let Some(part) = parts.iter().position(|part| *part == tag.element) else {
            return Err(Fault::client(format!("{parent} holds {}, which the contract does not know.", quoted(&name))));
        };
        if part + 1 == next {
            return Err(Fault::client(format!("{name} stands twice in one {parent}.")));
        }
        if part < next {
            return Err(Fault::client(format!("{name} comes after {last} in {parent}, where .NET silently drops it.")));
        }
        read(xml, tag, part)?;
        next = part + 1;
        last = name;
    }
    Ok(())
}

/// `IsSuccessful` and `ErrorMessage` as far as they were seen.
#[derive(Default)]
struct OutcomeParts {
    successful: Option<bool>,
    message: String,
}

impl OutcomeParts {
    fn read<R: Read>(&mut self, xml: &mut XmlReader<'_, R>, tag: Tag) -> Result<(), Fault> {
        if tag.element == Element::IsSuccessful {
            if tag.nil {
                return Err(super::once::nil("IsSuccessful"));
            }
            self.successful = Some(values::boolean(&xml.text()?, "IsSuccessful")?);
        } else {
            self.message = xml.nillable_text(tag)?.unwrap_or_default();
        }
        Ok(())
    }

    fn complete(self, parent: &str) -> Result<Outcome, Fault> {
        match self.successful {
            Some(true) => Ok(Ok(())),
            Some(false) => Ok(Err(self.message)),
            None => Err(Fault::client(format!("{parent} does not say IsSuccessful."))),
        }
    }
}

fn lsns<R: Read>(xml: &mut XmlReader<'_, R>) -> Result<Vec<TableLsn>, Fault> {
    let mut lsns = Vec::new();
    while let Some(tag) = xml.child()? {
        if tag.element != Element::TableLsn {
            return Err(super::once::unknown_item(xml.local_name(), "MirrorLSN", "TableLSN"));
        }
        if tag.nil {
            return Err(super::once::nil("A TableLSN"));
        }
        let limit = xml.limits().tables;
        if lsns.len() == limit {
            return Err(Fault::limit("The number of tables", limit as u64, "tables"));
        }
        let mut lsn = None;
        let mut table_name = String::new();
        in_order(xml, "TableLSN", &[Element::Lsn, Element::TableName], |xml, tag, part| {
            if part == 0 {
                if tag.nil {
                    return Err(super::once::nil("LSN"));
                }
                lsn = Some(Lsn(values::long(&xml.text()?, "LSN")?));
            } else {
                table_name = xml.nillable_text(tag)?.unwrap_or_default();
            }
            Ok(())
        })?;
        let lsn = lsn.ok_or_else(|| Fault::client(format!("The table {} has no LSN.", quoted(&table_name))))?;
        lsns.push(TableLsn { lsn, table_name });
    }
    Ok(lsns)
}

fn fault<R: Read>(xml: &mut XmlReader<'_, R>) -> Result<Fault, Fault> {
    let mut code = String::new();
    let mut message = String::new();
    while let Some(tag) = xml.child()? {
        match tag.element {
            Element::FaultCode => code = xml.text()?,
            Element::FaultString => message = xml.text()?,
            _ => xml.skip()?,
        }
    }
    let name = code.trim();
    let name = name.split_once(':').map_or(name, |(_, name)| name);
    let code = FaultCode::from_name(name)
        .ok_or_else(|| Fault::client(format!("The fault's code {} is none of SOAP 1.1's.", quoted(name))))?;
    Ok(Fault { code, message, log: None })
}
