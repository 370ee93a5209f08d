//! `speil:mirror/indexes`: indexes on the mirror of the tenant whose call is being served. There is no way to name
//! another: the mirror is the one attached to the call.

use std::sync::Arc;

use crate::plugins::bindings::speil::mirror::indexes::{Host, Index, IndexColumn as Column};
use crate::plugins::instance::State;
use crate::protocol::table_name::TableName;
use crate::store::records::{IndexColumn, IndexDef};
use crate::store::{MirrorDb, StoreError};

/// Columns of one index: what SQL Server allows.
const MAX_COLUMNS: usize = 32;

impl Host for State {
    async fn ensure(&mut self, table: String, index: Index) -> wasmtime::Result<Result<bool, String>> {
        let place = self.at(&table).and_then(|place| Ok((place, checked(index)?)));
        Ok(match place {
            Ok(((mirror, table), index)) => {
                let outside = self.outside().clone();
                outside.ensure_index(&*mirror, &table, &index).await.map_err(|error| told(&error))
            }
            Err(refusal) => Err(refusal),
        })
    }

    async fn drop(&mut self, table: String, name: String) -> wasmtime::Result<Result<bool, String>> {
        let place = self.at(&table).and_then(|place| checked_name("index", &name).map(|_| place));
        Ok(match place {
            Ok((mirror, table)) => {
                let outside = self.outside().clone();
                outside.drop_index(&*mirror, &table, &name).await.map_err(|error| told(&error))
            }
            Err(refusal) => Err(refusal),
        })
    }

    async fn list(&mut self, table: String) -> wasmtime::Result<Result<Vec<Index>, String>> {
        Ok(match self.at(&table) {
            Ok((mirror, table)) => match mirror.indexes(&table).await {
                Ok(indexes) => Ok(indexes.into_iter().map(shown).collect()),
                Err(error) => Err(told(&error)),
            },
            Err(refusal) => Err(refusal),
        })
    }
}

impl State {
    fn at(&self, table: &str) -> Result<(Arc<dyn MirrorDb>, TableName), String> {
        let table = TableName::new(table).map_err(|error| error.to_string())?;
        if self.transforming() {
            // It would wait for the call, and the call waits for it.
            return Err("indexes cannot be used in transform, while the call itself writes to the mirror; use \
                        before-replicate-table or replication-completed"
                .into());
        }
        let mirror = self.mirror().ok_or(
            "the tenant's mirror is not open in this hook, so it has no indexes yet; use before-replicate-table or \
             replication-completed",
        )?;
        Ok((mirror.clone(), table))
    }
}

fn checked(index: Index) -> Result<IndexDef, String> {
    checked_name("index", &index.name)?;
    if index.columns.is_empty() || index.columns.len() > MAX_COLUMNS {
        return Err(format!("an index has 1 to {MAX_COLUMNS} columns, not {}", index.columns.len()));
    }
    for column in &index.columns {
        checked_name("column", &column.name)?;
    }
    let columns = index.columns.into_iter().map(|Column { name, descending }| IndexColumn { name, descending });
    Ok(IndexDef { name: index.name, columns: columns.collect(), unique: index.unique })
}

/// A name that SQL Server would take; the stores quote it.
fn checked_name<'a>(what: &str, name: &'a str) -> Result<&'a str, String> {
    if name.is_empty() || name.contains('\0') || name.encode_utf16().count() > 128 {
        return Err(format!("the {what} name must have 1 to 128 characters and no NUL"));
    }
    Ok(name)
}

fn shown(index: IndexDef) -> Index {
    let columns = index.columns.into_iter().map(|IndexColumn { name, descending }| Column { name, descending });
    Index { name: index.name, columns: columns.collect(), unique: index.unique }
}

/// What a plug-in is told: the sentence, which holds no secret.
fn told(error: &StoreError) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(columns: usize) -> Index {
        let column = Column { name: "a".into(), descending: false };
        Index { name: "i".into(), columns: vec![column; columns], unique: false }
    }

    #[test]
    fn an_index_needs_a_legal_name_and_columns() {
        assert!(checked(index(1)).is_ok());
        assert_eq!(checked(index(0)).unwrap_err(), "an index has 1 to 32 columns, not 0");
        assert_eq!(checked(index(33)).unwrap_err(), "an index has 1 to 32 columns, not 33");
        let nameless = Index { name: String::new(), ..index(1) };
        assert_eq!(checked(nameless).unwrap_err(), "the index name must have 1 to 128 characters and no NUL");
    }
}
