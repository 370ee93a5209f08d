//! Does a batch fit the table that TableSchema made (protocol.md section 2, "Wipe or RowData for a table ... is refused"):
//! the same columns by name and type. Their order, nullability and defaults may be told otherwise in a batch; the table's
//! own count.

use std::sync::Arc;

use super::call::{Call, CallError};
use super::schema_hash;
use crate::plugins::hooks::TransformPlan;
use crate::protocol::columns::TypedBatch;
use crate::protocol::messages::TableSchemaInfo;
use crate::protocol::table_def::TableDef;
use crate::protocol::table_name::{TableName, fold};
use crate::store::{SchemaHash, TableRecord};

/// How a batch's rows become the table's.
pub(super) struct Fit {
    /// Types the cells, in the batch's order of columns.
    pub(super) wire: Arc<TableDef>,
    /// Where each of the source's columns stands in `wire`; `None`: as they are.
    order: Option<Vec<usize>>,
    /// From source to mirror.
    pub(super) plan: TransformPlan,
    /// The stored hash, which this is.
    pub(super) hash: SchemaHash,
}

impl Fit {
    /// Puts columns into the source's order.
    pub(super) fn in_source_order(&self, mut batch: TypedBatch) -> TypedBatch {
        if let Some(order) = &self.order {
            let mut columns: Vec<_> = batch.columns.into_iter().map(Some).collect();
            batch.columns = order.iter().filter_map(|&at| columns[at].take()).collect();
        }
        batch
    }
}

/// Finds out, or says why not.
pub(super) async fn fit(
    call: &mut Call<'_>,
    info: &Arc<TableSchemaInfo>,
    table: &TableName,
    record: Option<&TableRecord>,
) -> Result<Fit, CallError> {
    let Some((record, hash)) = record.and_then(|record| Some((record, record.hash?))) else {
        return Err(CallError::request(format!(
            "there is no table {table} in this mirror to take rows: no TableSchema has made it; the next one does if it \
             lists it"
        )));
    };
    let described = call
        .mirror
        .defs
        .describe(info)
        .map_err(|error| CallError::request(format!("rows are refused: {error}")).of_table(table))?;
    // What TableSchema was told is known if no transform touches the table (the table itself is it), or if this process has
    // seen it. Else the batch's own description is taken for it, and the hash says whether that is so.
    let known = record.def.as_ref().filter(|def| schema_hash::of_untouched(def) == hash);
    let source = match known.cloned().or_else(|| call.mirror.defs.source(hash)) {
        Some(source) if source != described.def => source,
        _ => described.def.clone(),
    };
    let order = if Arc::ptr_eq(&source, &described.def) {
        None
    } else {
        Some(same_columns(&described.def, &source).map_err(|how| changed(table, &how))?)
    };
    // A plug-in is asked about the source's table only: about another it may rightly fail.
    let plan = call.hooks.plan(&source).await.map_err(|failure| CallError::from(failure).of_table(table))?;
    let digest = if order.is_none() { described.digest } else { source.digest() };
    if schema_hash::of_plan(&plan, digest) != hash {
        let how = "what it is, or what plug-ins make of it, has changed since TableSchema";
        return Err(changed(table, how));
    }
    let Some(order) = order else { return Ok(Fit { wire: source, order: None, plan, hash }) };
    let wire = TableDef {
        name: source.name.clone(),
        columns: invert(&order).into_iter().map(|at| source.columns[at].clone()).collect(),
        key: source.key.iter().map(|&at| order[at]).collect(),
    };
    Ok(Fit { wire: Arc::new(wire), order: Some(order), plan, hash })
}

fn changed(table: &TableName, how: &str) -> CallError {
    CallError::request(format!("rows for the table {table} are refused: {how}; the next cycle's TableSchema mends it"))
        .of_table(table)
}

/// For each column of `source`, where it stands in `wire`; or how the two differ.
fn same_columns(wire: &TableDef, source: &TableDef) -> Result<Vec<usize>, String> {
    if wire.columns.len() != source.columns.len() {
        return Err(format!("it has {} columns and TableSchema told {}", wire.columns.len(), source.columns.len()));
    }
    source
        .columns
        .iter()
        .map(|column| {
            let folded = fold(&column.name);
            let at = wire
                .columns
                .iter()
                .position(|there| fold(&there.name) == folded)
                .ok_or_else(|| format!("it has no column {:?}", column.name))?;
            let there = wire.columns[at].sql_type;
            if there == column.sql_type {
                Ok(at)
            } else {
                Err(format!("its column {:?} is {there} and TableSchema told {}", column.name, column.sql_type))
            }
        })
        .collect()
}

fn invert(order: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; order.len()];
    for (to, &from) in order.iter().enumerate() {
        inverse[from] = to;
    }
    inverse
}
