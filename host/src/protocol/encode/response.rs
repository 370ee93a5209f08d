//! Our answers, spelled as WCF spells them: one line of UTF-8 without XML declaration, elements in the contract's
//! order, an empty `ErrorMessage` on success.

use std::fmt::Write as _;

use super::super::messages::{AuthenticateResponse, Outcome, PlainResponse, TableSchemaResponse};
use super::super::names::{NS_DATA, NS_MIRRORING, NS_SOAP, NS_XSI, Operation};
use super::escape::{push_element, push_end, push_start};

/// The answer to Authenticate.
#[must_use]
pub fn authenticate(response: &AuthenticateResponse) -> String {
    envelope(Operation::Authenticate, &response.outcome, |xml| {
        push_element(xml, "SignedApplicationToken", &response.signed_application_token);
        push_element(xml, "SupportedInterfaces", &response.supported_interfaces);
        push_element(xml, "SuperOfficeMirroringBuild", &response.mirroring_build);
        push_element(xml, "ClientState", &response.client_state);
        push_element(xml, "AdditionalInformationJson", &response.additional_information_json);
    })
}

/// The answer to TableSchema.
#[must_use]
pub fn table_schema(response: &TableSchemaResponse) -> String {
    envelope(Operation::TableSchema, &response.outcome, |xml| {
        write!(xml, "<MirrorLSN xmlns:a=\"{NS_DATA}\" xmlns:i=\"{NS_XSI}\">").expect("a String takes all");
        for table in &response.mirror_lsn {
            write!(xml, "<a:TableLSN><a:LSN>{}</a:LSN>", table.lsn).expect("a String takes all");
            push_element(xml, "a:TableName", &table.table_name);
            push_end(xml, "a:TableLSN");
        }
        push_end(xml, "MirrorLSN");
    })
}

/// The answer to RowData, Wipe or ReplicationCompleted, and to any operation that has nothing to say but that it
/// failed.
#[must_use]
pub fn plain(operation: Operation, response: &PlainResponse) -> String {
    envelope(operation, &response.outcome, |_| {})
}

fn envelope(operation: Operation, outcome: &Outcome, rest: impl FnOnce(&mut String)) -> String {
    let mut xml = format!("<s:Envelope xmlns:s=\"{NS_SOAP}\"><s:Body>");
    let name = operation.response_element();
    write!(xml, "<{name} xmlns=\"{NS_MIRRORING}\">").expect("a String takes all");
    let message = match outcome {
        Ok(()) => {
            xml.push_str("<IsSuccessful>true</IsSuccessful>");
            ""
        }
        Err(message) => {
            push_start(&mut xml, "IsSuccessful");
            xml.push_str("false");
            push_end(&mut xml, "IsSuccessful");
            message
        }
    };
    push_element(&mut xml, "ErrorMessage", message);
    rest(&mut xml);
    push_end(&mut xml, name);
    xml.push_str("</s:Body></s:Envelope>");
    xml
}

#[cfg(test)]
mod tests {
    use super::super::super::lsn::Lsn;
    use super::super::super::messages::TableLsn;
    use super::*;

    #[test]
    fn an_authenticate_answer_has_its_elements_in_the_contract_s_order() {
        let response = AuthenticateResponse {
            outcome: Ok(()),
            signed_application_token: "nonce.time.signature".into(),
            supported_interfaces: "1".into(),
            mirroring_build: "4.0.0.0/Release_1".into(),
            client_state: String::new(),
            additional_information_json: "{ \"doNotReplicate\": \"true\" }".into(),
        };
        assert_eq!(
            authenticate(&response),
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\
             <AuthenticateResponse xmlns=\"http://www.superoffice.com/online/mirroring/0.1\">\
             <IsSuccessful>true</IsSuccessful><ErrorMessage/>\
             <SignedApplicationToken>nonce.time.signature</SignedApplicationToken>\
             <SupportedInterfaces>1</SupportedInterfaces>\
             <SuperOfficeMirroringBuild>4.0.0.0/Release_1</SuperOfficeMirroringBuild><ClientState/>\
             <AdditionalInformationJson>{ \"doNotReplicate\": \"true\" }</AdditionalInformationJson>\
             </AuthenticateResponse></s:Body></s:Envelope>"
        );
    }

    #[test]
    fn a_table_schema_answer_lists_an_lsn_before_its_table() {
        let response = TableSchemaResponse {
            outcome: Ok(()),
            mirror_lsn: vec![TableLsn { lsn: Lsn::REFILL, table_name: "a<b".into() }],
        };
        assert_eq!(
            table_schema(&response),
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\
             <TableSchemaResponse xmlns=\"http://www.superoffice.com/online/mirroring/0.1\">\
             <IsSuccessful>true</IsSuccessful><ErrorMessage/>\
             <MirrorLSN xmlns:a=\"http://schemas.datacontract.org/2004/07/SuperOffice.Online.Mirroring.Contract.V1\" \
             xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\">\
             <a:TableLSN><a:LSN>-1</a:LSN><a:TableName>a&lt;b</a:TableName></a:TableLSN></MirrorLSN>\
             </TableSchemaResponse></s:Body></s:Envelope>"
        );
    }

    #[test]
    fn a_failed_call_says_why() {
        let response = PlainResponse { outcome: Err("table \"x\" & row 3".into()) };
        assert_eq!(
            plain(Operation::RowData, &response),
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>\
             <RowDataResponse xmlns=\"http://www.superoffice.com/online/mirroring/0.1\">\
             <IsSuccessful>false</IsSuccessful><ErrorMessage>table \"x\" &amp; row 3</ErrorMessage>\
             </RowDataResponse></s:Body></s:Envelope>"
        );
    }
}
