//! The limit that stores are held against: a plain program with rusqlite, prepared statements in a loop, one transaction for each
//! call, in a file of its own with the same durability (write-ahead log, every commit on disk) and SQLite's defaults for the rest.

use std::path::Path;
use std::time::Instant;

use rusqlite::{Connection, params_from_iter};

use super::work::{PlainRow, Work};
use crate::cli::CliError;
use crate::protocol::messages::RowOp;

pub(super) struct Plain {
    db: Connection,
    insert: String,
    update: String,
    delete: String,
}

impl Plain {
    /// A file with the table in it, empty.
    pub fn create(path: &Path, work: &Work) -> Result<Self, CliError> {
        for end in ["", "-wal", "-shm"] {
            let mut file = path.as_os_str().to_owned();
            file.push(end);
            match std::fs::remove_file(file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(CliError::failed(error)),
                _ => {}
            }
        }
        let plain = Self::open(path, work)?;
        let columns: Vec<String> = work
            .info
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| match at {
                0 => format!("\"{}\" INTEGER PRIMARY KEY NOT NULL", column.name),
                _ => format!(
                    "\"{}\" \"{}\"{}",
                    column.name,
                    column.sql_type,
                    if column.is_nullable { "" } else { " NOT NULL" }
                ),
            })
            .collect();
        let sql = format!("CREATE TABLE \"{}\" ({})", work.table(), columns.join(", "));
        plain.db.execute_batch(&sql).map_err(CliError::failed)?;
        Ok(plain)
    }

    /// A file that has the table.
    pub fn open(path: &Path, work: &Work) -> Result<Self, CliError> {
        let db = Connection::open(path).map_err(CliError::failed)?;
        db.execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL").map_err(CliError::failed)?;
        let table = work.table();
        let names: Vec<String> = work.info.columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
        let places: Vec<String> = (1..=names.len()).map(|at| format!("?{at}")).collect();
        let set: Vec<String> =
            names.iter().zip(&places).skip(1).map(|(name, place)| format!("{name} = {place}")).collect();
        Ok(Self {
            db,
            insert: format!("INSERT INTO \"{table}\" ({}) VALUES ({})", names.join(", "), places.join(", ")),
            update: format!("UPDATE \"{table}\" SET {} WHERE {} = ?1", set.join(", "), names[0]),
            delete: format!("DELETE FROM \"{table}\" WHERE {} = ?1", names[0]),
        })
    }

    /// One transaction for each stretch. Seconds.
    pub fn run(&self, stretches: &[Vec<PlainRow>]) -> Result<f64, CliError> {
        let began = Instant::now();
        let run = || -> rusqlite::Result<()> {
            let mut insert = self.db.prepare(&self.insert)?;
            let mut update = self.db.prepare(&self.update)?;
            let mut delete = self.db.prepare(&self.delete)?;
            for rows in stretches {
                self.db.execute_batch("BEGIN IMMEDIATE")?;
                for row in rows {
                    let statement = match row.op {
                        RowOp::Insert => &mut insert,
                        RowOp::Update => &mut update,
                        RowOp::Delete => &mut delete,
                    };
                    statement.execute(params_from_iter(&row.values))?;
                }
                self.db.execute_batch("COMMIT")?;
            }
            Ok(())
        };
        run().map_err(CliError::failed)?;
        Ok(began.elapsed().as_secs_f64())
    }
}
