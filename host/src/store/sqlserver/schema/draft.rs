//! What making and changing a table sends, without a server: so that tests and fuzzing can read the statements again and see what
//! they would do.

use super::alter::{rename, render};
use super::alter_plan::{There, plan};
use super::catalog::{Column, Server};
use super::ddl::{create_table, default_clause};
use super::indexes::Found;
use super::types::{KEY_COLLATION, render as render_type, stored};
use crate::protocol::sql_type::Family;
use crate::protocol::table_def::TableDef;
use crate::store::sqlserver::errors::Result;
use crate::store::{IndexDef, StoreError};

/// A statement, and what is bound in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    pub sql: String,
    pub parameters: Vec<String>,
}

/// A table of ours on a server, and what people have made over it since.
#[derive(Debug, Clone)]
pub struct DraftTable<'a> {
    pub schema: &'a str,
    /// What it was made from.
    pub def: &'a TableDef,
    pub indexes: &'a [IndexDef],
    /// Statistics: name, and one of its columns. Once for each column.
    pub statistics: &'a [(String, String)],
    pub is_babelfish: bool,
}

/// The name of the default constraint of a column, as the server of a [`DraftTable`] makes it up.
#[must_use]
pub fn default_name(column: &str) -> String {
    format!("DF_{column}")
}

/// The name of its primary key, likewise.
pub const KEY_NAME: &str = "PK_draft";
/// How its texts are compared where nothing is said.
const COLLATION: &str = "Danish_Norwegian_CI_AS";

impl DraftTable<'_> {
    /// What made it.
    #[must_use]
    pub fn made(&self) -> Statement {
        let sql = create_table(self.schema, self.def.name.as_str(), self.def);
        Statement { sql, parameters: Vec::new() }
    }

    /// What makes another of it, with its rows in it. A change of spelling is one statement here; a server gets two.
    ///
    /// # Errors
    /// [`StoreErrorKind::Schema`](crate::store::StoreErrorKind::Schema): that cannot be.
    pub fn changed_to(&self, new: &TableDef) -> Result<Vec<Statement>, StoreError> {
        let name = self.def.name.as_str();
        let steps = plan(name, &self.there(), self.def, new)?;
        let sent = steps.iter().filter_map(|step| match rename(self.schema, name, step) {
            Some(rename) => Some(Statement {
                sql: rename.call.to_owned(),
                parameters: vec![rename.full_name(), rename.to.to_owned()],
            }),
            None => Some(Statement { sql: render(self.schema, name, step)?, parameters: Vec::new() }),
        });
        Ok(sent.collect())
    }

    fn there(&self) -> There {
        let spelled = |name: &str| if self.is_babelfish { name.to_lowercase() } else { name.to_owned() };
        let columns = self.def.columns.iter().enumerate().map(|(at, column)| {
            let key_place = self.def.key.iter().position(|&key| key == at);
            let is_text = stored(column.sql_type).family() == Family::Text;
            let collation = if key_place.is_some() { KEY_COLLATION } else { COLLATION };
            Column {
                name: spelled(&column.name),
                declared: render_type(column.sql_type),
                sql_type: Some(stored(column.sql_type)),
                not_null: !column.nullable,
                has_default: default_clause(column).is_some(),
                key_place: key_place.map_or(0, |place| i32::try_from(place).map_or(i32::MAX, |place| place + 1)),
                collation: is_text.then(|| collation.to_owned()),
                is_generated: false,
            }
        });
        let columns: Vec<Column> = columns.collect();
        let defaults = columns.iter().filter(|column| column.has_default);
        let indexes = self.indexes.iter().map(|def| Found {
            def: def.clone(),
            kind: 2,
            is_constraint: false,
            included: Vec::new(),
            filter: None,
        });
        There {
            server: Server { is_babelfish: self.is_babelfish, builds_online: false },
            defaults: defaults.map(|column| (column.name.clone(), default_name(&column.name))).collect(),
            key: (!self.def.key.is_empty()).then(|| KEY_NAME.to_owned()),
            indexes: indexes.collect(),
            statistics: self.statistics.to_vec(),
            columns,
        }
    }
}
