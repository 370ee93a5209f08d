//! `speil_quarantine`: rows kept aside. Texts of statements and what their answers mean; [`crate::store::quarantine`] says what
//! they are for. They run inside the table's own transaction, behind its lock.

use super::session::Names;
use super::statement::{Cells, Statement};
use crate::protocol::table_name::TableName;
use crate::store::quarantine::{StoredRow, cells_to_text};
use crate::store::rules::counts::signed;
use crate::store::sqlserver::connection::conn::Conn;
use crate::store::sqlserver::errors::Result;
use crate::store::{QuarantineCount, Quarantined, SetAside};

/// Rows in one statement, of ten parameters each.
const SET: usize = 100;

/// The table is emptied, made anew or gone: its rows come again from the source, or not at all.
pub(in crate::store::sqlserver) fn clear(statement: &mut Statement, names: &Names, table: &TableName) {
    let folded = statement.text(table.folded());
    statement.then(format!("DELETE FROM {} WHERE folded = {folded}", names.quarantine));
}

fn select_held(names: &Names, table: &TableName) -> Statement {
    let mut statement = Statement::new();
    let folded = statement.text(table.folded());
    statement.then(format!("SELECT id FROM {} WHERE folded = {folded}", names.quarantine));
    statement
}

/// Ids of a table's rows.
pub(in crate::store::sqlserver) async fn held(
    conn: &mut Conn,
    names: &Names,
    table: &TableName,
) -> Result<Vec<String>> {
    let rows = select_held(names, table).rows(conn).await?;
    Ok(rows.iter().filter_map(|row| row.owned(0)).collect())
}

fn delete(names: &Names, ids: &[&str]) -> Statement {
    let mut statement = Statement::new();
    let ids: Vec<String> = ids.iter().map(|id| statement.text(*id)).collect();
    statement.then(format!("DELETE FROM {} WHERE id IN ({})", names.quarantine, ids.join(", ")));
    statement
}

fn insert(names: &Names, rows: &[Quarantined]) -> Statement {
    let mut statement = Statement::new();
    let values: Vec<String> = rows
        .iter()
        .map(|row| {
            let op = row.op.letter().to_string();
            let cells = cells_to_text(&row.cells);
            let values = [
                statement.text(row.id.as_str()),
                statement.text(row.table.folded()),
                statement.text(row.table.as_str()),
                statement.text(row.key.as_str()),
                statement.integer(row.at),
                statement.text(row.plugin.as_str()),
                statement.text(row.version.as_str()),
                statement.text(row.error.as_str()),
                statement.text(op.as_str()),
                statement.text(cells.as_str()),
            ];
            format!("({})", values.join(", "))
        })
        .collect();
    statement.then(format!(
        "INSERT INTO {} (id, folded, tablename, row_key, at, plugin, version, error, op, cells) VALUES {}",
        names.quarantine,
        values.join(", ")
    ));
    statement
}

/// Gives rows back, and keeps others aside.
pub(in crate::store::sqlserver) async fn set_aside(conn: &mut Conn, names: &Names, changes: &SetAside) -> Result<()> {
    // One that is kept already is replaced.
    let gone: Vec<&str> =
        changes.clear.iter().map(String::as_str).chain(changes.keep.iter().map(|row| row.id.as_str())).collect();
    for ids in gone.chunks(SET) {
        delete(names, ids).exec(conn).await?;
    }
    for rows in changes.keep.chunks(SET) {
        insert(names, rows).exec(conn).await?;
    }
    Ok(())
}

fn select_counts(names: &Names) -> Statement {
    Statement::of(format!(
        "SELECT MAX(tablename), COUNT_BIG(*) FROM {} GROUP BY folded ORDER BY folded",
        names.quarantine
    ))
}

/// [`crate::store::MirrorDb::quarantine_counts`].
pub(in crate::store::sqlserver) async fn counts(conn: &mut Conn, names: &Names) -> Result<Vec<QuarantineCount>> {
    let rows = select_counts(names).rows(conn).await?;
    // A name written by hand that is none is no table's.
    let count = |row: &Cells| Some(QuarantineCount { table: TableName::new(row.text(0)?).ok()?, rows: row.count(1) });
    Ok(rows.iter().filter_map(count).collect())
}

fn select(names: &Names, table: Option<&TableName>, limit: usize) -> Statement {
    let mut statement = Statement::new();
    let limit = statement.integer(signed(limit as u64));
    let of_table = match table {
        Some(table) => format!(" WHERE folded = {}", statement.text(table.folded())),
        None => String::new(),
    };
    statement.then(format!(
        "SELECT TOP ({limit}) id, tablename, row_key, at, plugin, version, error, op, cells FROM {}{of_table} \
         ORDER BY at DESC, id",
        names.quarantine
    ));
    statement
}

/// [`crate::store::MirrorDb::quarantined`].
pub(in crate::store::sqlserver) async fn list(
    conn: &mut Conn,
    names: &Names,
    table: Option<&TableName>,
    limit: usize,
) -> Result<Vec<Quarantined>> {
    let rows = select(names, table, limit).rows(conn).await?;
    let stored = |row: &Cells| {
        let text = |column| row.owned(column).unwrap_or_default();
        let stored = StoredRow {
            id: text(0),
            table: text(1),
            key: text(2),
            at: row.integer(3).unwrap_or_default(),
            plugin: text(4),
            version: text(5),
            error: text(6),
            op: text(7),
            cells: text(8),
        };
        stored.read()
    };
    Ok(rows.iter().filter_map(stored).collect())
}

/// The statements of this file, for the golden files.
#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    use crate::protocol::messages::RowOp;
    let names = Names::sample();
    let table = TableName::new("contact").expect("a legal name");
    let row = |id: &str| Quarantined {
        id: id.to_owned(),
        table: table.clone(),
        key: "17".to_owned(),
        at: 1,
        plugin: "p".to_owned(),
        version: "v".to_owned(),
        error: "it's no use; --".to_owned(),
        op: RowOp::Insert,
        cells: Vec::new(),
    };
    let mut cleared = Statement::new();
    clear(&mut cleared, &names, &table);
    vec![
        ("clear", cleared.sql().to_owned()),
        ("held", select_held(&names, &table).sql().to_owned()),
        ("delete", delete(&names, &["a", "b"]).sql().to_owned()),
        ("insert", insert(&names, &[row("a"), row("b")]).sql().to_owned()),
        ("counts", select_counts(&names).sql().to_owned()),
        ("list", select(&names, Some(&table), 100).sql().to_owned()),
        ("list_all", select(&names, None, 100).sql().to_owned()),
    ]
}
