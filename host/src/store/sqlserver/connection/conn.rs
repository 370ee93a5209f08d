//! One connection to a server: tiberius, wrapped so that what was left half-way is never used again.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use tiberius::{Client, Row, ToSql};
use tokio::net::TcpStream;
use tokio_util::compat::Compat;

use super::patient::{Patience, Patient};
use super::prepared::{self, Prepared, Way};
use crate::store::sqlserver::errors::{Result, sql_error};

/// The driver's client over a socket.
pub(in crate::store::sqlserver) type Driver = Client<Compat<Patient<TcpStream>>>;

/// What a session is told before its first use and before every further one: any error takes the whole transaction back, quoting
/// and NULL follow the standard, dates are read alike on every server; and whatever a statement may have left behind is as at
/// login. `SET LANGUAGE` comes first because it sets the two date settings.
const SETTINGS: &str = "SET LANGUAGE us_english; SET DATEFORMAT mdy; SET DATEFIRST 7; SET XACT_ABORT ON; SET QUOTED_IDENTIFIER ON; \
    SET ANSI_NULLS ON; SET ANSI_NULL_DFLT_ON ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; \
    SET CONCAT_NULL_YIELDS_NULL ON; SET NUMERIC_ROUNDABORT OFF; SET IMPLICIT_TRANSACTIONS OFF; SET NOCOUNT OFF; SET ROWCOUNT 0; \
    SET TEXTSIZE 2147483647; SET LOCK_TIMEOUT -1; SET DEADLOCK_PRIORITY NORMAL; SET TRANSACTION ISOLATION LEVEL READ COMMITTED";

/// Every statement of this file, for the golden files ([`crate::store::sqlserver::golden`]).
#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    vec![("settings", SETTINGS.to_owned())]
}

/// The server does not know the number of a statement that was made ready.
const NOT_PREPARED: u32 = 8179;

/// A temporary table that was emptied row by row so often is made anew.
const MOST_EMPTIED: u32 = 32;

/// More temporary tables than this are not worth remembering: a new connection has none.
const MOST_TEMPORARY_TABLES: usize = 64;

/// One connection. Every command marks it busy until its answer has been read to the end: a future that is dropped meanwhile
/// leaves the mark, and whoever has the lease throws the connection away ([`super::pool::Lease`]).
pub(in crate::store::sqlserver) struct Conn {
    driver: Driver,
    busy: bool,
    patience: Patience,
    /// Temporary tables made since the session was last made as new, as they are named (`#speil_stage`).
    temporary: Vec<String>,
    /// How the temporary table that is there and empty was made ([`Conn::has_stage`]).
    stage: Option<String>,
    /// How often that one was emptied row by row.
    emptied: u32,
    /// Known once its settings were made.
    is_babelfish: bool,
    prepared: Prepared,
    /// The database it was opened for; known once its settings were made.
    database_id: Option<i32>,
    opened: Instant,
}

impl Conn {
    pub fn new(driver: Driver, patience: Patience) -> Self {
        Self {
            driver,
            busy: false,
            patience,
            temporary: Vec::new(),
            stage: None,
            emptied: 0,
            is_babelfish: false,
            prepared: Prepared::default(),
            database_id: None,
            opened: Instant::now(),
        }
    }

    /// Whether a command was begun and its answer never read to the end.
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// How long ago it was opened.
    pub fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    /// How long the server may say nothing before the connection is given up, from now to the end of the lease; `None`: as long
    /// as it likes, for index builds and the like. It is the silence that counts, not the time a command takes: a long answer
    /// that keeps coming is never cut off, and bulk loads and reads through [`Conn::begin_raw`] are watched too.
    pub fn set_patience(&mut self, silence: Option<Duration>) {
        self.patience.set(silence);
    }

    /// How many bytes may come from the server from now on; `None`: as many as like.
    pub fn allow(&mut self, bytes: Option<u64>) {
        self.patience.allow(bytes);
    }

    /// Runs statements without parameters as one batch; answers are thrown away. The only way to begin and end
    /// transactions, since a parameterised statement may not change how many are open.
    pub async fn run(&mut self, sql: &str) -> Result<()> {
        self.busy = true;
        if sql.contains("ROLLBACK") {
            self.stage = None;
        }
        let results = async { self.driver.simple_query(sql).await?.into_results().await }.await;
        self.settle(results).map(drop)
    }

    /// Runs statements without parameters as one batch: the rows of its first result.
    pub async fn ask(&mut self, sql: &str) -> Result<Vec<Row>> {
        // All results are read, so that an error in a later statement is not lost.
        Ok(self.results(sql).await?.into_iter().next().unwrap_or_default())
    }

    async fn results(&mut self, sql: &str) -> Result<Vec<Vec<Row>>> {
        self.busy = true;
        let results = async { self.driver.simple_query(sql).await?.into_results().await }.await;
        self.settle(results)
    }

    /// Runs a statement with parameters (`@P1`, `@P2`, ...; at most 2,100). Rows affected, one number per statement in it
    /// that says so.
    pub async fn exec(&mut self, sql: &str, params: &[&dyn ToSql]) -> Result<Vec<u64>> {
        self.busy = true;
        let done = self.driver.execute(sql, params).await;
        self.settle(done).map(|done| done.rows_affected().to_vec())
    }

    /// Runs a query with parameters: the rows of its first result.
    pub async fn query(&mut self, sql: &str, params: &[&dyn ToSql]) -> Result<Vec<Row>> {
        self.busy = true;
        let results = async { self.driver.query(sql, params).await?.into_results().await }.await;
        self.settle(results).map(|results| results.into_iter().next().unwrap_or_default())
    }

    /// The driver itself, for bulk loads and long reads: the caller says [`Conn::done`] once the answer was read to the end.
    pub fn begin_raw(&mut self) -> &mut Driver {
        self.busy = true;
        &mut self.driver
    }

    /// What was begun with [`Conn::begin_raw`] has come to its end.
    pub fn done(&mut self) {
        self.busy = false;
    }

    /// Says that a temporary table was made: it is dropped before the connection is used for something else.
    pub fn made_temporary(&mut self, name: &str) {
        if !self.temporary.iter().any(|known| known == name) {
            self.temporary.push(name.to_owned());
        }
    }

    /// Whether a temporary table made by this statement is there, and empty. It outlasts the transaction that made it and the lease,
    /// if both come to a good end: making one costs some servers more than filling it.
    pub fn has_stage(&self, made_by: &str) -> bool {
        self.stage.as_deref() == Some(made_by)
    }

    /// A temporary table is there and empty again (`Some`: the statement that made it), or it is not known what is there.
    pub fn note_stage(&mut self, made_by: Option<String>) {
        self.emptied += u32::from(made_by.is_some() && self.empties_by_row());
        // Rows that were deleted stay where they were until somebody cleans up, and nobody does in a temporary table.
        self.stage = made_by.filter(|_| self.emptied < MOST_EMPTIED);
    }

    /// A temporary table was made anew.
    pub fn made_stage(&mut self) {
        self.emptied = 0;
    }

    /// Whether the temporary table is better emptied row by row: TRUNCATE makes Babelfish plan every statement that uses it anew, which
    /// takes longer than the statements. SQL Server deletes a thousand rows slower than it truncates.
    pub fn empties_by_row(&self) -> bool {
        self.is_babelfish
    }

    /// How a batch calls a statement by its number, if it is one that came often enough over this connection to be kept ready. `given`
    /// are the values for what is declared, as literals.
    pub async fn ready(&mut self, declared: &str, text: &str, given: &[String]) -> Result<Option<String>> {
        if !prepared::is_plain(text) {
            return Ok(None);
        }
        let number = match self.prepared.way(declared, text) {
            Way::Ready(number) => number,
            Way::Text => return Ok(None),
            Way::Worth => {
                // Some servers describe what the statement answers before they give the number.
                let results = self.results(&prepared::prepare(declared, text)).await?;
                let row = results.last().and_then(|rows| rows.first());
                let number = row.and_then(|row| row.try_get::<i32, _>(0).ok().flatten());
                // A server that gives none is asked by the text.
                let Some(number) = number else { return Ok(None) };
                self.prepared.made(declared, text, number);
                number
            }
        };
        Ok(Some(prepared::by_number(number, given)))
    }

    /// Makes the session as new: our temporary tables dropped, all settings made. One round trip, which also shows that the
    /// connection is alive.
    ///
    /// # Returns
    /// Whether the connection may be used: not if a transaction was left open or another database is in use, since then its last
    /// work did something that is not understood.
    pub async fn reset(&mut self) -> Result<bool> {
        if self.busy || self.temporary.len() > MOST_TEMPORARY_TABLES {
            return Ok(false);
        }
        let rows = self.ask(&reset_statement(&self.temporary)).await?;
        self.temporary.clear();
        self.stage = None;
        let number = |column| {
            let value = rows.first().and_then(|row| row.try_get::<i32, _>(column).ok().flatten());
            value
                .ok_or_else(|| sql_error(tiberius::error::Error::Protocol("the session's state cannot be read".into())))
        };
        let (transactions, database) = (number(0)?, number(1)?);
        self.is_babelfish = number(2).is_ok_and(|is_babelfish| is_babelfish == 1);
        Ok(transactions == 0 && *self.database_id.get_or_insert(database) == database)
    }

    /// An answer of the server, good or bad, ends a command, one begun with [`Conn::begin_raw`] too; anything else leaves the
    /// connection unusable. So does an error that the server itself ends the connection with.
    pub fn settle<T>(&mut self, answer: std::result::Result<T, tiberius::error::Error>) -> Result<T> {
        match answer {
            Ok(answer) => {
                self.busy = false;
                Ok(answer)
            }
            Err(error) => {
                // The transaction is gone, and with it whatever it made.
                self.stage = None;
                if matches!(&error, tiberius::error::Error::Server(token) if token.code() == NOT_PREPARED) {
                    self.prepared.forget();
                }
                self.busy = !matches!(&error, tiberius::error::Error::Server(token) if token.class() < 20);
                Err(sql_error(error))
            }
        }
    }
}

/// Settings, and the temporary tables of the last lease dropped. The answer: open transactions, database, whether it is Babelfish.
pub(in crate::store::sqlserver) fn reset_statement(temporary: &[String]) -> String {
    let mut sql = String::from(SETTINGS);
    for name in temporary {
        let quoted = name.replace(']', "]]");
        let literal = quoted.replace('\'', "''");
        let _ = write!(sql, "; IF OBJECT_ID(N'tempdb..[{literal}]') IS NOT NULL DROP TABLE [{quoted}]");
    }
    sql.push_str("; SELECT @@TRANCOUNT, CAST(DB_ID() AS int), CAST(SERVERPROPERTY('Babelfish') AS int)");
    sql
}

#[cfg(test)]
mod tests {
    use super::reset_statement;

    #[test]
    fn a_reset_drops_the_temporary_tables_by_their_quoted_names() {
        assert!(!reset_statement(&[]).contains("DROP"));
        let sql = reset_statement(&["#speil_stage".into(), "#a]'b".into()]);
        assert!(
            sql.contains("; IF OBJECT_ID(N'tempdb..[#speil_stage]') IS NOT NULL DROP TABLE [#speil_stage]; "),
            "{sql}"
        );
        assert!(sql.contains("; IF OBJECT_ID(N'tempdb..[#a]]''b]') IS NOT NULL DROP TABLE [#a]]'b]; "), "{sql}");
        assert!(
            sql.ends_with("; SELECT @@TRANCOUNT, CAST(DB_ID() AS int), CAST(SERVERPROPERTY('Babelfish') AS int)"),
            "{sql}"
        );
    }
}
