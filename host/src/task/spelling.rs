//! Requests as the two senders spell them (protocol.md section 2): .NET with prefixes declared where first needed and no
//! XML declaration, Mono with default namespaces, `d4p1:` and a declaration. Written apart from the host's own
//! decoder on purpose: one mistake must not hide another.

use std::fmt::Write as _;

use crate::protocol::messages::{ReplicationSummary, RowOp, TableSchemaInfo};
use crate::protocol::names::{NS_ARRAYS, NS_DATA, NS_MIRRORING, NS_SOAP, NS_XSI, Operation};

/// Whose writer to spell like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Spelling {
    #[default]
    #[value(name = "dotnet")]
    DotNet,
    Mono,
}

/// Rows written so far, in one spelling.
#[derive(Debug, Clone)]
pub struct Rows {
    spelling: Spelling,
    xml: String,
    count: u64,
    cell_bytes: usize,
}

/// A batch, ready to be sent.
#[derive(Debug, Clone)]
pub struct Batch {
    pub table: TableSchemaInfo,
    pub rows: Rows,
    pub lsn: i64,
}

impl Spelling {
    /// The prefix of the data contracts.
    const fn data(self) -> &'static str {
        match self {
            Self::DotNet => "a",
            Self::Mono => "d4p1",
        }
    }

    /// The prefix of the arrays.
    const fn arrays(self) -> &'static str {
        match self {
            Self::DotNet => "b",
            Self::Mono => "d8p1",
        }
    }

    /// A whole envelope.
    #[must_use]
    pub fn envelope(self, token: &str, body: &str) -> Vec<u8> {
        let mut text = String::with_capacity(body.len() + token.len() + 600);
        match self {
            Self::DotNet => {
                let _ = write!(
                    text,
                    "<s:Envelope xmlns:s=\"{NS_SOAP}\"><s:Header><h:SignedToken s:mustUnderstand=\"1\" xmlns:h=\"{NS_MIRRORING}\" \
                     xmlns=\"{NS_MIRRORING}\">"
                );
                escape(&mut text, token);
                text.push_str("</h:SignedToken></s:Header><s:Body>");
            }
            Self::Mono => {
                let _ = write!(
                    text,
                    "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope xmlns:s=\"{NS_SOAP}\"><s:Header><SignedToken \
                     s:mustUnderstand=\"1\" xmlns=\"{NS_MIRRORING}\">"
                );
                escape(&mut text, token);
                text.push_str("</SignedToken></s:Header><s:Body>");
            }
        }
        text.push_str(body);
        text.push_str("</s:Body></s:Envelope>");
        text.into_bytes()
    }

    fn request(self, operation: Operation, client_state: &str, content: &str) -> String {
        let element = operation.request_element();
        let mut text = format!("<{element} xmlns=\"{NS_MIRRORING}\"><ClientState>");
        escape(&mut text, client_state);
        text.push_str("</ClientState>");
        text.push_str(content);
        let _ = write!(text, "</{element}>");
        text
    }

    /// The body of Authenticate.
    #[must_use]
    pub fn authenticate(self, client_state: &str) -> String {
        self.request(Operation::Authenticate, client_state, "")
    }

    /// The body of TableSchema.
    #[must_use]
    pub fn table_schema(self, client_state: &str, tables: &[TableSchemaInfo]) -> String {
        let a = self.data();
        let mut list = format!("<Tables xmlns:{a}=\"{NS_DATA}\" xmlns:i=\"{NS_XSI}\">");
        for table in tables {
            let _ = write!(list, "<{a}:TableSchemaInfo>");
            self.table_info(&mut list, table);
            let _ = write!(list, "</{a}:TableSchemaInfo>");
        }
        list.push_str("</Tables>");
        self.request(Operation::TableSchema, client_state, &list)
    }

    /// The body of Wipe.
    #[must_use]
    pub fn wipe(self, client_state: &str, table: &str) -> String {
        let mut content = String::from("<TableName>");
        escape(&mut content, table);
        content.push_str("</TableName>");
        self.request(Operation::Wipe, client_state, &content)
    }

    /// The body of RowData.
    #[must_use]
    pub fn row_data(self, client_state: &str, batches: &[Batch]) -> String {
        let a = self.data();
        let mut list = format!("<DataBatches xmlns:{a}=\"{NS_DATA}\" xmlns:i=\"{NS_XSI}\">");
        list.reserve(batches.iter().map(|batch| batch.rows.xml.len() + 4_096).sum());
        for batch in batches {
            let _ = write!(list, "<{a}:RowDataBatch><{a}:Data>");
            list.push_str(&batch.rows.xml);
            let _ = write!(list, "</{a}:Data><{a}:LSN>{}</{a}:LSN><{a}:TableInfo>", batch.lsn);
            self.table_info(&mut list, &batch.table);
            let _ = write!(list, "</{a}:TableInfo></{a}:RowDataBatch>");
        }
        list.push_str("</DataBatches>");
        self.request(Operation::RowData, client_state, &list)
    }

    /// The body of ReplicationCompleted.
    #[must_use]
    pub fn replication_completed(self, client_state: &str, changed: &[ReplicationSummary]) -> String {
        let a = self.data();
        let mut list = format!("<ChangedTables xmlns:{a}=\"{NS_DATA}\" xmlns:i=\"{NS_XSI}\">");
        for summary in changed {
            let _ = write!(
                list,
                "<{a}:ReplicationSummary><{a}:Deletes>{}</{a}:Deletes><{a}:Inserts>{}</{a}:Inserts><{a}:TableName>",
                summary.deletes, summary.inserts
            );
            escape(&mut list, &summary.table_name);
            let _ =
                write!(list, "</{a}:TableName><{a}:Updates>{}</{a}:Updates></{a}:ReplicationSummary>", summary.updates);
        }
        list.push_str("</ChangedTables>");
        self.request(Operation::ReplicationCompleted, client_state, &list)
    }

    fn table_info(self, text: &mut String, table: &TableSchemaInfo) {
        let a = self.data();
        let _ = write!(text, "<{a}:Columns>");
        for column in &table.columns {
            let _ = write!(text, "<{a}:ColumnInfo>");
            if column.default_value.is_empty() {
                let _ = write!(text, "<{a}:DefaultValue/>");
            } else {
                let _ = write!(text, "<{a}:DefaultValue>");
                escape(text, &column.default_value);
                let _ = write!(text, "</{a}:DefaultValue>");
            }
            let _ = write!(text, "<{a}:IsNullable>{}</{a}:IsNullable><{a}:Name>", column.is_nullable);
            escape(text, &column.name);
            let _ = write!(text, "</{a}:Name><{a}:Type>");
            escape(text, &column.sql_type);
            let _ = write!(text, "</{a}:Type></{a}:ColumnInfo>");
        }
        let _ = write!(text, "</{a}:Columns><{a}:TableName>");
        escape(text, &table.table_name);
        let _ = write!(text, "</{a}:TableName>");
    }
}

impl Rows {
    /// No rows yet.
    #[must_use]
    pub const fn new(spelling: Spelling) -> Self {
        Self { spelling, xml: String::new(), count: 0, cell_bytes: 0 }
    }

    /// Rows from texts; `None` is nil.
    #[must_use]
    pub fn from_texts(spelling: Spelling, rows: &[(RowOp, Vec<Option<String>>)]) -> Self {
        let mut made = Self::new(spelling);
        for (op, cells) in rows {
            made.push(*op, cells.iter().map(Option::as_deref));
        }
        made
    }

    /// Appends a row.
    pub fn push<'a>(&mut self, op: RowOp, cells: impl IntoIterator<Item = Option<&'a str>>) {
        let (a, b) = (self.spelling.data(), self.spelling.arrays());
        let _ = write!(self.xml, "<{a}:RowData><{a}:ColumnValues xmlns:{b}=\"{NS_ARRAYS}\">");
        for cell in cells {
            match cell {
                None => {
                    let _ = write!(self.xml, "<{b}:string i:nil=\"true\"/>");
                }
                Some("") => {
                    let _ = write!(self.xml, "<{b}:string/>");
                }
                Some(text) => {
                    let _ = write!(self.xml, "<{b}:string>");
                    escape(&mut self.xml, text);
                    let _ = write!(self.xml, "</{b}:string>");
                    self.cell_bytes += text.len();
                }
            }
        }
        let _ = write!(self.xml, "</{a}:ColumnValues><{a}:Operation>{}</{a}:Operation></{a}:RowData>", op.letter());
        self.count += 1;
    }

    /// How many.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.count
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Their size as sent, in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.xml.len()
    }

    /// The size of the cells' texts alone, in bytes.
    #[must_use]
    pub const fn cell_bytes(&self) -> usize {
        self.cell_bytes
    }
}

/// Escapes a text as .NET's writer does: CR as a reference, and control characters too, which XML 1.0 forbids
/// (section 2).
pub fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\t' | '\n' => out.push(c),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(out, "&#x{:X};", u32::from(c));
            }
            _ => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Batch, Rows, Spelling, escape};
    use crate::protocol::messages::{RowOp, TableSchemaInfo};
    use crate::task::answer;

    #[test]
    fn control_characters_are_spelled_as_dotnet_spells_them() {
        let mut text = String::new();
        escape(&mut text, "a\r\n\t\u{b}\0\u{fffe}]]>&<👍");
        assert_eq!(text, "a&#xD;\n\t&#xB;&#x0;&#xFFFE;]]&gt;&amp;&lt;👍");
    }

    /// Empties the prefixes away: what is left must be the same document.
    #[test]
    fn both_spellings_are_the_same_document() {
        let read = |spelling: Spelling| {
            let mut rows = Rows::new(spelling);
            rows.push(RowOp::Update, [Some("[I:1]"), None, Some(""), Some(" x ")]);
            let batch = Batch { table: TableSchemaInfo { table_name: "t".into(), columns: vec![] }, rows, lsn: 7 };
            let bytes = spelling.envelope("token", &spelling.row_data("state", &[batch]));
            answer::parse(&bytes).expect("XML")
        };
        let (dotnet, mono) = (read(Spelling::DotNet), read(Spelling::Mono));
        assert_eq!(dotnet, mono);
        let values = dotnet.children[1].children[0].child("DataBatches").expect("sent").children[0]
            .child("Data")
            .expect("rows")
            .children[0]
            .child("ColumnValues")
            .expect("cells");
        let texts: Vec<_> = values.children.iter().map(|cell| (cell.text.as_str(), cell.nil)).collect();
        assert_eq!(texts, [("[I:1]", false), ("", true), ("", false), (" x ", false)]);
    }
}
