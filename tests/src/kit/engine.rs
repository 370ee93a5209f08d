//! Which database the mirrors of an end-to-end test are in, and what an administrator types there where the engines' tongues
//! differ.

use speil::task::error::TaskError;
use speil::task::hand::quoted;
use speil::task::mirror_place::MirrorPlace;

use super::Speil;
use crate::sqlserver::{Feature, Place};

/// An engine, and for a server the databases that are the test's.
#[derive(Clone)]
pub enum Engine {
    Sqlite,
    SqlServer(Place),
}

/// Where an end-to-end test happens: with this program, over this engine.
#[derive(Clone)]
pub struct At {
    pub binary: &'static str,
    pub engine: Engine,
}

impl At {
    /// A host in the making. See [`Speil::new`].
    pub fn speil(&self) -> Speil {
        Speil::new(self.binary, self.engine.clone())
    }
}

impl Engine {
    pub const fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite)
    }

    /// Whether it has it; SQLite has all that is asked here.
    pub fn has(&self, feature: Feature) -> bool {
        match self {
            Self::Sqlite => true,
            Self::SqlServer(place) => place.has(feature),
        }
    }

    /// Bytes, from hexadecimal digits.
    pub fn bytes(&self, hex: &str) -> String {
        match self {
            Self::Sqlite => format!("x'{hex}'"),
            Self::SqlServer(_) => format!("0x{hex}"),
        }
    }

    /// A query for rows of `table` whose text column is the number of `key`, a space, and then `rest`, to the byte.
    pub fn count_of_texts(&self, table: &str, column: &str, key: &str, rest: &str) -> String {
        match self {
            Self::Sqlite => {
                format!("SELECT count(*) FROM {table} WHERE {column} = {key} || ' ' || '{rest}'")
            }
            Self::SqlServer(_) => format!(
                "SELECT count(*) FROM {table} WHERE CAST({column} AS varbinary(max)) = CAST(CAST({key} AS nvarchar(20)) + N' ' + \
                 CAST(N'{rest}' AS nvarchar(max)) AS varbinary(max))"
            ),
        }
    }

    /// Drops a column, and what the engine wants gone before.
    pub async fn drop_column(&self, place: &MirrorPlace, table: &str, column: &str) -> Result<(), TaskError> {
        if let Self::SqlServer(_) = self {
            let defaults = place
                .rows(&format!(
                    "SELECT d.name FROM sys.default_constraints d JOIN sys.columns c ON c.object_id = d.parent_object_id AND \
                     c.column_id = d.parent_column_id WHERE d.parent_object_id = object_id({}) AND lower(c.name) = lower({})",
                    place.text(&quoted(table)),
                    place.text(column)
                ))
                .await?;
            for default in defaults.into_iter().flatten().flatten() {
                place.run(&format!("ALTER TABLE {} DROP CONSTRAINT {}", quoted(table), quoted(&default))).await?;
            }
        }
        place.run(&format!("ALTER TABLE {} DROP COLUMN {}", quoted(table), quoted(column))).await
    }

    /// Gives a table another name.
    pub async fn rename_table(&self, place: &MirrorPlace, from: &str, to: &str) -> Result<(), TaskError> {
        match self {
            Self::Sqlite => place.run(&format!("ALTER TABLE {} RENAME TO {}", quoted(from), quoted(to))).await,
            Self::SqlServer(_) => {
                place.run(&format!("EXEC sp_rename {}, {}, 'OBJECT'", place.text(&quoted(from)), place.text(to))).await
            }
        }
    }
}
