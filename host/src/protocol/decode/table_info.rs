//! `TableSchemaInfo` and its columns, as TableSchema lists them and as each batch of RowData carries one.

use std::io::Read;

use super::super::fault::Fault;
use super::super::messages::{ColumnInfo, TableSchemaInfo};
use super::super::xml::element::Element;
use super::super::xml::reader::XmlReader;
use super::super::xml::values;
use super::once::{Once, nil, unknown_item};

/// What the descriptions of one message may still hold.
pub(super) struct Allowance {
    columns: usize,
    bytes: usize,
}

impl Allowance {
    pub(super) fn of<R: Read>(xml: &XmlReader<'_, R>) -> Self {
        Self { columns: xml.limits().all_columns, bytes: xml.limits().description_bytes }
    }

    /// Takes off what a table read before holds. `false`: it would be too much, and nothing is taken off.
    pub(super) fn table(&mut self, table: &TableSchemaInfo) -> bool {
        let bytes = table.table_name.len() + table.columns.iter().map(text_of).sum::<usize>();
        let left = (self.columns.checked_sub(table.columns.len()), self.bytes.checked_sub(bytes));
        let (Some(columns), Some(bytes)) = left else { return false };
        *self = Self { columns, bytes };
        true
    }

    fn column<R: Read>(&mut self, xml: &XmlReader<'_, R>, column: &ColumnInfo) -> Result<(), Fault> {
        let limit = xml.limits().all_columns as u64;
        self.columns = self
            .columns
            .checked_sub(1)
            .ok_or_else(|| Fault::limit("The number of columns of all tables together", limit, "columns"))?;
        self.text(xml, text_of(column))
    }

    fn text<R: Read>(&mut self, xml: &XmlReader<'_, R>, bytes: usize) -> Result<(), Fault> {
        let limit = xml.limits().description_bytes as u64;
        self.bytes = self
            .bytes
            .checked_sub(bytes)
            .ok_or_else(|| Fault::limit("The text of all table descriptions together", limit, "bytes"))?;
        Ok(())
    }
}

/// Bytes of a column's texts.
pub(super) fn text_of(column: &ColumnInfo) -> usize {
    column.name.len() + column.sql_type.len() + column.default_value.len()
}

pub(super) fn read<R: Read>(xml: &mut XmlReader<'_, R>, allowance: &mut Allowance) -> Result<TableSchemaInfo, Fault> {
    const PARENT: &str = "table description";
    let mut table = TableSchemaInfo::default();
    let mut once = Once::default();
    while let Some(tag) = xml.child()? {
        match tag.element {
            Element::Columns => {
                once.see(0, "Columns", PARENT)?;
                if tag.nil {
                    xml.nothing_inside()?;
                } else {
                    table.columns = columns(xml, allowance)?;
                }
            }
            Element::TableName => {
                once.see(1, "TableName", PARENT)?;
                table.table_name = xml.nillable_text(tag)?.unwrap_or_default();
                allowance.text(xml, table.table_name.len())?;
            }
            _ => xml.skip()?,
        }
    }
    Ok(table)
}

fn columns<R: Read>(xml: &mut XmlReader<'_, R>, allowance: &mut Allowance) -> Result<Vec<ColumnInfo>, Fault> {
    let mut columns = Vec::new();
    while let Some(tag) = xml.child()? {
        if tag.element != Element::ColumnInfo {
            return Err(unknown_item(xml.local_name(), "Columns", "ColumnInfo"));
        }
        if tag.nil {
            return Err(nil("A ColumnInfo"));
        }
        let limit = xml.limits().columns;
        if columns.len() == limit {
            return Err(Fault::limit("The number of columns of a table", limit as u64, "columns"));
        }
        let column = column(xml)?;
        allowance.column(xml, &column)?;
        columns.push(column);
    }
    Ok(columns)
}

fn column<R: Read>(xml: &mut XmlReader<'_, R>) -> Result<ColumnInfo, Fault> {
    const PARENT: &str = "ColumnInfo";
    let mut column = ColumnInfo::default();
    let mut once = Once::default();
    while let Some(tag) = xml.child()? {
        match tag.element {
            Element::DefaultValue => {
                once.see(0, "DefaultValue", PARENT)?;
                column.default_value = xml.nillable_text(tag)?.unwrap_or_default();
            }
            Element::IsNullable => {
                once.see(1, "IsNullable", PARENT)?;
                if tag.nil {
                    return Err(nil("IsNullable"));
                }
                column.is_nullable = values::boolean(&xml.text()?, "IsNullable")?;
            }
            Element::Name => {
                once.see(2, "Name", PARENT)?;
                column.name = xml.nillable_text(tag)?.unwrap_or_default();
            }
            Element::Type => {
                once.see(3, "Type", PARENT)?;
                column.sql_type = xml.nillable_text(tag)?.unwrap_or_default();
            }
            _ => xml.skip()?,
        }
    }
    Ok(column)
}
