//! Messages, written by hand so that our own encoder cannot be wrong together with our own decoder.

use std::fmt::Write as _;

use speil::protocol::names::{NS_ARRAYS, NS_DATA, NS_MIRRORING, NS_SOAP, NS_XSI};

/// A whole message, as .NET spells it.
pub fn envelope(token: &str, operation: &str, inner: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"{NS_SOAP}\"><s:Header><h:SignedToken s:mustUnderstand=\"1\" xmlns:h=\"{NS_MIRRORING}\">\
         {token}</h:SignedToken></s:Header><s:Body><{operation}Request xmlns=\"{NS_MIRRORING}\" xmlns:d=\"{NS_DATA}\" \
         xmlns:a=\"{NS_ARRAYS}\" xmlns:i=\"{NS_XSI}\">{inner}</{operation}Request></s:Body></s:Envelope>"
    )
}

/// A table of the tests: a key and a text.
pub fn table_info(table: &str) -> String {
    format!(
        "<d:Columns><d:ColumnInfo><d:DefaultValue/><d:IsNullable>false</d:IsNullable><d:Name>{table}_id</d:Name>\
         <d:Type>int</d:Type></d:ColumnInfo><d:ColumnInfo><d:DefaultValue/><d:IsNullable>true</d:IsNullable>\
         <d:Name>name</d:Name><d:Type>nvarchar(255)</d:Type></d:ColumnInfo></d:Columns><d:TableName>{table}</d:TableName>"
    )
}

/// What TableSchema holds for these tables.
pub fn tables(names: &[&str]) -> String {
    let mut text = String::from("<ClientState/><Tables>");
    for name in names {
        write!(text, "<d:TableSchemaInfo>{}</d:TableSchemaInfo>", table_info(name)).expect("a String takes it");
    }
    text.push_str("</Tables>");
    text
}

/// A batch of inserts with these keys, named `row N`.
pub fn batch(table: &str, keys: std::ops::Range<u32>, lsn: i64) -> String {
    let mut text = String::from("<d:RowDataBatch><d:Data>");
    for key in keys {
        write!(
            text,
            "<d:RowData><d:ColumnValues><a:string>[I:{key}]</a:string><a:string>row {key}</a:string></d:ColumnValues>\
             <d:Operation>I</d:Operation></d:RowData>"
        )
        .expect("a String takes it");
    }
    write!(text, "</d:Data><d:LSN>{lsn}</d:LSN><d:TableInfo>{}</d:TableInfo></d:RowDataBatch>", table_info(table))
        .expect("a String takes it");
    text
}

/// What RowData holds for these batches.
pub fn row_data(batches: &[String]) -> String {
    format!("<ClientState/><DataBatches>{}</DataBatches>", batches.concat())
}

/// What Wipe holds.
pub fn wipe(table: &str) -> String {
    format!("<ClientState/><TableName>{table}</TableName>")
}
