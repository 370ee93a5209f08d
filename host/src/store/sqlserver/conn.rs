//! One connection to a server: tiberius, wrapped so that what was left half-way is never used again.

use tiberius::{Client, Row, ToSql};
use tokio::net::TcpStream;
use tokio_util::compat::Compat;

use super::errors::{Result, sql_error};

/// The driver's client over a socket.
pub(super) type Driver = Client<Compat<TcpStream>>;

/// One connection. Every command marks it busy until its answer has been read to the end: a future that is dropped meanwhile
/// leaves the mark, and whoever has the lease throws the connection away ([`super::pool::Lease`]).
pub(super) struct Conn {
    driver: Driver,
    busy: bool,
}

impl Conn {
    pub fn new(driver: Driver) -> Self {
        Self { driver, busy: false }
    }

    /// Whether a command was begun and its answer never read to the end.
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    /// Runs statements without parameters as one batch; answers are thrown away. The only way to begin and end
    /// transactions, since a parameterised statement may not change how many are open.
    pub async fn run(&mut self, sql: &str) -> Result<()> {
        self.busy = true;
        let results = async { self.driver.simple_query(sql).await?.into_results().await }.await;
        self.settle(results).map(drop)
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
        let rows = async { self.driver.query(sql, params).await?.into_first_result().await }.await;
        self.settle(rows)
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

    /// An answer of the server, good or bad, ends a command; anything else leaves the connection unusable.
    fn settle<T>(&mut self, answer: std::result::Result<T, tiberius::error::Error>) -> Result<T> {
        match answer {
            Ok(answer) => {
                self.busy = false;
                Ok(answer)
            }
            Err(error) => {
                self.busy = !matches!(error, tiberius::error::Error::Server(_));
                Err(sql_error(error))
            }
        }
    }
}
