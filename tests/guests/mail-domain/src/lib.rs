//! Adds the domain of a mail address as a column, and leaves out the rows of one domain.

wit_bindgen::generate!({
    path: "../../../wit",
    inline: r#"
        package example:mail-domain;

        world mail-domain {
            import wasi:config/store@0.2.0-rc.1;
            export speil:mirror/transform@0.1.0;
        }
    "#,
    generate_all,
});

use exports::speil::mirror::transform::{
    Applied, Batch, ColumnValues, Context, Guest, NamedColumn, NewColumn, RowsPlan, Table, TablePlan,
};
use wasi::config::store;

struct MailDomain;
export!(MailDomain);

const ADDED: &str = "mail_domain";

impl Guest for MailDomain {
    /// Asked about every table, rows or not. `None` leaves a table alone.
    fn plan(_context: Context, table: Table) -> Result<Option<TablePlan>, String> {
        if !table.name.eq_ignore_ascii_case(&setting("table")?) {
            return Ok(None);
        }
        let column = setting("column")?;
        if !table.columns.iter().any(|one| one.name.eq_ignore_ascii_case(&column)) {
            return Err(format!("[config] column: {} has no column {column}", table.name));
        }
        Ok(Some(TablePlan::Rows(RowsPlan {
            drop: vec![],
            add: vec![NewColumn { name: ADDED.into(), sql_type: "nvarchar(max)".into() }],
            inputs: vec![column],
            outputs: vec![ADDED.into()],
            filter: true,
        })))
    }

    /// Gets the inputs of a batch as whole columns, and returns the outputs and a flag for each row.
    fn apply(_context: Context, _table: String, batch: Batch) -> Result<Applied, String> {
        let left_out = setting("leave_out")?;
        let [NamedColumn { values: ColumnValues::Text(addresses), .. }] = &batch.columns[..] else {
            return Err("[config] column: must be a text column".into());
        };
        let domains: Vec<Option<String>> = addresses.iter().map(|address| domain(address.as_deref()?)).collect();
        let keep = domains.iter().map(|domain| domain.as_ref() != Some(&left_out)).collect();
        let added = NamedColumn { name: ADDED.into(), values: ColumnValues::Text(domains) };
        Ok(Applied { columns: vec![added], keep })
    }
}

fn domain(address: &str) -> Option<String> {
    let (_, domain) = address.rsplit_once('@')?;
    Some(domain.trim().to_lowercase())
}

fn setting(key: &str) -> Result<String, String> {
    let found = store::get(key).map_err(|error| format!("cannot read [config]: {error:?}"))?;
    found.ok_or_else(|| format!("[config] {key} is missing"))
}
