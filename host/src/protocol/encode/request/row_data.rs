//! A RowData request, written as a stream: a call of any size needs the memory of some rows.

use std::fmt::Write as _;
use std::io;

use super::super::super::lsn::Lsn;
use super::super::super::messages::{RowOp, TableSchemaInfo};
use super::super::super::names::{NS_ARRAYS, Operation};
use super::super::escape::{push_empty, push_end, push_start, push_text};
use super::{Document, Spelling};

/// Writes one RowData request. Batches by [`RowDataWriter::batch`], and [`RowDataWriter::finish`] at the end.
pub struct RowDataWriter<W: io::Write> {
    out: W,
    document: Document,
    written: u64,
    names: Names,
}

/// Names of the hot elements, made once.
struct Names {
    row: String,
    /// The start tag of `ColumnValues`, with its declaration.
    values_start: String,
    values: String,
    cell: String,
    nil_cell: String,
    operation: String,
}

impl Names {
    fn of(spelling: Spelling) -> Self {
        let data = spelling.data_prefix();
        let arrays = match spelling {
            Spelling::DotNet => "b",
            Spelling::Mono => "d8p1",
        };
        Self {
            row: format!("{data}:RowData"),
            values_start: format!("<{data}:ColumnValues xmlns:{arrays}=\"{NS_ARRAYS}\">"),
            values: format!("{data}:ColumnValues"),
            cell: format!("{arrays}:string"),
            nil_cell: format!("<{arrays}:string i:nil=\"true\"/>"),
            operation: format!("{data}:Operation"),
        }
    }
}

/// What is gathered before it is written.
const CHUNK: usize = 64 * 1024;

impl<W: io::Write> RowDataWriter<W> {
    /// Writes everything before the first batch.
    ///
    /// # Errors
    /// `out` failed.
    pub fn begin(out: W, spelling: Spelling, token: &str, client_state: Option<&str>) -> io::Result<Self> {
        let mut document = Document::begin(spelling, token, Operation::RowData);
        document.client_state(client_state);
        document.begin_list("DataBatches");
        let mut writer = Self { out, document, written: 0, names: Names::of(spelling) };
        writer.flush_if(CHUNK)?;
        Ok(writer)
    }

    /// Begins a batch.
    pub fn batch(&mut self) -> BatchWriter<'_, W> {
        self.document.start("RowDataBatch");
        self.document.start("Data");
        BatchWriter { writer: self }
    }

    /// Bytes of the request so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.written + self.document.text.len() as u64
    }

    /// Writes the end and gives `out` back.
    ///
    /// # Errors
    /// `out` failed.
    pub fn finish(mut self) -> io::Result<W> {
        push_end(&mut self.document.text, "DataBatches");
        let text = self.document.end(Operation::RowData);
        self.out.write_all(text.as_bytes())?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn flush_if(&mut self, at_least: usize) -> io::Result<()> {
        if self.document.text.len() >= at_least {
            self.out.write_all(self.document.text.as_bytes())?;
            self.written += self.document.text.len() as u64;
            self.document.text.clear();
        }
        Ok(())
    }
}

/// One batch in the making: rows, then [`BatchWriter::finish`], without which the request is broken.
#[must_use = "a batch without an end breaks the request"]
pub struct BatchWriter<'w, W: io::Write> {
    writer: &'w mut RowDataWriter<W>,
}

impl<W: io::Write> BatchWriter<'_, W> {
    /// Writes a row; `None` is a nil cell.
    ///
    /// # Errors
    /// `out` failed.
    pub fn row<T: AsRef<str>>(
        &mut self,
        operation: RowOp,
        cells: impl IntoIterator<Item = Option<T>>,
    ) -> io::Result<()> {
        let names = &self.writer.names;
        let text = &mut self.writer.document.text;
        push_start(text, &names.row);
        text.push_str(&names.values_start);
        for cell in cells {
            match cell {
                None => text.push_str(&names.nil_cell),
                Some(cell) if cell.as_ref().is_empty() => push_empty(text, &names.cell),
                Some(cell) => {
                    push_start(text, &names.cell);
                    push_text(text, cell.as_ref());
                    push_end(text, &names.cell);
                }
            }
        }
        push_end(text, &names.values);
        push_start(text, &names.operation);
        text.push(operation.letter());
        push_end(text, &names.operation);
        push_end(text, &names.row);
        self.writer.flush_if(CHUNK)
    }

    /// Bytes of the request so far.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.writer.bytes()
    }

    /// Writes the batch's LSN and its table.
    ///
    /// # Errors
    /// `out` failed.
    pub fn finish(self, lsn: Lsn, table: &TableSchemaInfo) -> io::Result<()> {
        let document = &mut self.writer.document;
        document.close("Data");
        let name = document.name("LSN");
        write!(document.text, "<{name}>{lsn}</{name}>").expect("a String takes all");
        document.start("TableInfo");
        document.table_info(table);
        document.close("TableInfo");
        document.close("RowDataBatch");
        self.writer.flush_if(CHUNK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::messages::ColumnInfo;

    fn request(spelling: Spelling) -> String {
        let table = TableSchemaInfo {
            table_name: "contact".into(),
            columns: vec![ColumnInfo {
                default_value: String::new(),
                is_nullable: false,
                name: "contact_id".into(),
                sql_type: "int".into(),
            }],
        };
        let mut writer = RowDataWriter::begin(Vec::new(), spelling, "t", Some("")).unwrap();
        let mut batch = writer.batch();
        batch.row(RowOp::Insert, [Some("[I:1]"), Some(""), None, Some(" \r\u{b}")]).unwrap();
        batch.finish(Lsn(7), &table).unwrap();
        let bytes = writer.bytes();
        let text = writer.finish().unwrap();
        assert_eq!(bytes + "</DataBatches></RowDataRequest></s:Body></s:Envelope>".len() as u64, text.len() as u64);
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn rows_come_before_the_lsn_and_the_lsn_before_the_table() {
        let text = request(Spelling::DotNet);
        let (_, batches) = text.split_once("<DataBatches").unwrap();
        assert_eq!(
            batches,
            " xmlns:a=\"http://schemas.datacontract.org/2004/07/SuperOffice.Online.Mirroring.Contract.V1\" \
             xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\"><a:RowDataBatch><a:Data><a:RowData>\
             <a:ColumnValues xmlns:b=\"http://schemas.microsoft.com/2003/10/Serialization/Arrays\">\
             <b:string>[I:1]</b:string><b:string/><b:string i:nil=\"true\"/><b:string> &#xD;&#xB;</b:string>\
             </a:ColumnValues><a:Operation>I</a:Operation></a:RowData></a:Data><a:LSN>7</a:LSN><a:TableInfo>\
             <a:Columns><a:ColumnInfo><a:DefaultValue/><a:IsNullable>false</a:IsNullable><a:Name>contact_id</a:Name>\
             <a:Type>int</a:Type></a:ColumnInfo></a:Columns><a:TableName>contact</a:TableName></a:TableInfo>\
             </a:RowDataBatch></DataBatches></RowDataRequest></s:Body></s:Envelope>"
        );
    }

    #[test]
    fn mono_s_prefixes_count_the_depth_they_are_declared_at() {
        let text = request(Spelling::Mono);
        assert!(text.contains("xmlns:d4p1=\"http://schemas.datacontract.org/"), "{text}");
        assert!(text.contains("<d4p1:ColumnValues xmlns:d8p1=\""), "{text}");
        assert!(text.contains("<d8p1:string>[I:1]</d8p1:string><d8p1:string/><d8p1:string i:nil=\"true\"/>"), "{text}");
    }
}
