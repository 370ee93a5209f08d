//! Takes away the spaces around the texts of one column.

wit_bindgen::generate!({ path: "wit", world: "plug-in", generate_all });

use exports::speil::mirror::transform::{Applied, Batch, ColumnValues, Context, Guest, RowsPlan, Table, TablePlan};
use speil::mirror::types::ValueKind;
use wasi::config::store;

struct PlugIn;
export!(PlugIn);

impl Guest for PlugIn {
    /// Asked about every table. `None` leaves a table alone.
    fn plan(_context: Context, table: Table) -> Result<Option<TablePlan>, String> {
        if !table.name.eq_ignore_ascii_case(&setting("table")?) {
            return Ok(None);
        }
        let name = setting("column")?;
        let column = table.columns.into_iter().find(|one| one.name.eq_ignore_ascii_case(&name));
        let column = column.ok_or_else(|| format!("[config] column: {} has no column {name}", table.name))?;
        if column.kind != ValueKind::Text {
            return Err(format!("[config] column: {name} is no text column"));
        }
        Ok(Some(TablePlan::Rows(RowsPlan {
            drop: vec![],
            add: vec![],
            inputs: vec![column.name.clone()],
            outputs: vec![column.name],
            filter: false,
        })))
    }

    /// Gets the inputs of a batch as whole columns, and returns the outputs.
    fn apply(_context: Context, _table: String, batch: Batch) -> Result<Applied, String> {
        let mut columns = batch.columns;
        for column in &mut columns {
            if let ColumnValues::Text(texts) = &mut column.values {
                for text in texts.iter_mut().flatten() {
                    *text = text.trim_matches(' ').to_owned();
                }
            }
        }
        Ok(Applied { columns, keep: vec![] })
    }
}

fn setting(key: &str) -> Result<String, String> {
    let found = store::get(key).map_err(|error| format!("cannot read [config]: {error:?}"))?;
    found.ok_or_else(|| format!("[config] {key} is missing"))
}
