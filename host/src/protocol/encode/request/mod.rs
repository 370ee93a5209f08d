//! Requests as real senders spell them, for the simulator and tests. One document, two spellings: .NET's WCF writes
//! prefixes declared where first needed, Mono's writes default namespaces, `d4p1:` and an XML declaration.

mod row_data;

use std::fmt::Write as _;

use super::super::messages::{
    AuthenticateRequest, ReplicationCompletedRequest, TableSchemaInfo, TableSchemaRequest, WipeRequest,
};
use super::super::names::{NS_DATA, NS_MIRRORING, NS_SOAP, NS_XSI, Operation};
use super::escape::{push_element, push_empty, push_end, push_start, push_text};
pub use row_data::{BatchWriter, RowDataWriter};

/// Whose spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Spelling {
    DotNet,
    Mono,
}

impl Spelling {
    /// Both.
    pub const ALL: [Self; 2] = [Self::DotNet, Self::Mono];

    /// The prefix of data contract elements. Mono counts the depth they are declared at.
    const fn data_prefix(self) -> &'static str {
        match self {
            Self::DotNet => "a",
            Self::Mono => "d4p1",
        }
    }
}

/// An Authenticate request.
#[must_use]
pub fn authenticate(spelling: Spelling, token: &str, request: &AuthenticateRequest) -> String {
    let mut xml = Document::begin(spelling, token, Operation::Authenticate);
    xml.client_state(request.client_state.as_deref());
    xml.end(Operation::Authenticate)
}

/// A TableSchema request.
#[must_use]
pub fn table_schema(spelling: Spelling, token: &str, request: &TableSchemaRequest) -> String {
    let mut xml = Document::begin(spelling, token, Operation::TableSchema);
    xml.client_state(request.client_state.as_deref());
    xml.begin_list("Tables");
    for table in &request.tables {
        xml.start("TableSchemaInfo");
        xml.table_info(table);
        xml.close("TableSchemaInfo");
    }
    push_end(&mut xml.text, "Tables");
    xml.end(Operation::TableSchema)
}

/// A Wipe request.
#[must_use]
pub fn wipe(spelling: Spelling, token: &str, request: &WipeRequest) -> String {
    let mut xml = Document::begin(spelling, token, Operation::Wipe);
    xml.client_state(request.client_state.as_deref());
    push_element(&mut xml.text, "TableName", &request.table_name);
    xml.end(Operation::Wipe)
}

/// A ReplicationCompleted request.
#[must_use]
pub fn replication_completed(spelling: Spelling, token: &str, request: &ReplicationCompletedRequest) -> String {
    let mut xml = Document::begin(spelling, token, Operation::ReplicationCompleted);
    xml.client_state(request.client_state.as_deref());
    xml.begin_list("ChangedTables");
    for summary in &request.changed_tables {
        xml.start("ReplicationSummary");
        xml.element("Deletes", &summary.deletes.to_string());
        xml.element("Inserts", &summary.inserts.to_string());
        xml.element("TableName", &summary.table_name);
        xml.element("Updates", &summary.updates.to_string());
        xml.close("ReplicationSummary");
    }
    push_end(&mut xml.text, "ChangedTables");
    xml.end(Operation::ReplicationCompleted)
}

/// A request in the making.
struct Document {
    spelling: Spelling,
    text: String,
}

impl Document {
    /// Everything up to the inside of the operation.
    fn begin(spelling: Spelling, token: &str, operation: Operation) -> Self {
        let mut text = String::with_capacity(1024);
        match spelling {
            Spelling::DotNet => {
                write!(
                    text,
                    "<s:Envelope xmlns:s=\"{NS_SOAP}\"><s:Header>\
                     <h:SignedToken s:mustUnderstand=\"1\" xmlns:h=\"{NS_MIRRORING}\">"
                )
                .expect("a String takes all");
                push_text(&mut text, token);
                push_end(&mut text, "h:SignedToken");
            }
            Spelling::Mono => {
                write!(
                    text,
                    "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope xmlns:s=\"{NS_SOAP}\"><s:Header>\
                     <SignedToken s:mustUnderstand=\"1\" xmlns=\"{NS_MIRRORING}\">"
                )
                .expect("a String takes all");
                push_text(&mut text, token);
                push_end(&mut text, "SignedToken");
            }
        }
        write!(text, "</s:Header><s:Body><{} xmlns=\"{NS_MIRRORING}\">", operation.request_element())
            .expect("a String takes all");
        Self { spelling, text }
    }

    /// Everything after the inside of the operation.
    fn end(mut self, operation: Operation) -> String {
        push_end(&mut self.text, operation.request_element());
        self.text.push_str("</s:Body></s:Envelope>");
        self.text
    }

    fn client_state(&mut self, state: Option<&str>) {
        match state {
            Some(state) => push_element(&mut self.text, "ClientState", state),
            None => {
                write!(self.text, "<ClientState i:nil=\"true\" xmlns:i=\"{NS_XSI}\"/>").expect("a String takes all");
            }
        }
    }

    /// A list of data contract items; their namespace is declared here.
    fn begin_list(&mut self, name: &str) {
        let prefix = self.spelling.data_prefix();
        match self.spelling {
            Spelling::DotNet => write!(self.text, "<{name} xmlns:{prefix}=\"{NS_DATA}\" xmlns:i=\"{NS_XSI}\">"),
            Spelling::Mono => write!(self.text, "<{name} xmlns:i=\"{NS_XSI}\" xmlns:{prefix}=\"{NS_DATA}\">"),
        }
        .expect("a String takes all");
    }

    fn name(&self, local: &str) -> String {
        format!("{}:{local}", self.spelling.data_prefix())
    }

    fn start(&mut self, local: &str) {
        let name = self.name(local);
        push_start(&mut self.text, &name);
    }

    fn close(&mut self, local: &str) {
        let name = self.name(local);
        push_end(&mut self.text, &name);
    }

    fn element(&mut self, local: &str, text: &str) {
        let name = self.name(local);
        push_element(&mut self.text, &name, text);
    }

    /// The inside of a `TableSchemaInfo`.
    fn table_info(&mut self, table: &TableSchemaInfo) {
        if table.columns.is_empty() {
            let name = self.name("Columns");
            push_empty(&mut self.text, &name);
        } else {
            self.start("Columns");
            for column in &table.columns {
                self.start("ColumnInfo");
                self.element("DefaultValue", &column.default_value);
                self.element("IsNullable", if column.is_nullable { "true" } else { "false" });
                self.element("Name", &column.name);
                self.element("Type", &column.sql_type);
                self.close("ColumnInfo");
            }
            self.close("Columns");
        }
        self.element("TableName", &table.table_name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn net_writes_prefixes_and_mono_default_namespaces() {
        let request = WipeRequest { client_state: None, table_name: "contact".into() };
        assert_eq!(
            wipe(Spelling::DotNet, "t&t", &request),
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header>\
             <h:SignedToken s:mustUnderstand=\"1\" xmlns:h=\"http://www.superoffice.com/online/mirroring/0.1\">t&amp;t\
             </h:SignedToken></s:Header><s:Body>\
             <WipeRequest xmlns=\"http://www.superoffice.com/online/mirroring/0.1\">\
             <ClientState i:nil=\"true\" xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\"/>\
             <TableName>contact</TableName></WipeRequest></s:Body></s:Envelope>"
        );
        assert_eq!(
            wipe(Spelling::Mono, "t", &request),
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
             <s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header>\
             <SignedToken s:mustUnderstand=\"1\" xmlns=\"http://www.superoffice.com/online/mirroring/0.1\">t\
             </SignedToken></s:Header><s:Body>\
             <WipeRequest xmlns=\"http://www.superoffice.com/online/mirroring/0.1\">\
             <ClientState i:nil=\"true\" xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\"/>\
             <TableName>contact</TableName></WipeRequest></s:Body></s:Envelope>"
        );
    }
}
