//! `speil:mirror/database`: SQL on the mirror of the tenant whose call is being served. What it may touch is the store's to
//! enforce ([`crate::store::guest`]); here it is decided when it may be used, and for how long.

use crate::plugins::bindings::speil::mirror::database::{EngineKind, Error, Host, Rows, Value};
use crate::plugins::instance::State;
use crate::store::guest::{Bounds, GuestDatabase, GuestEngine, GuestError, GuestRows, GuestValue, prefix};

impl Host for State {
    async fn engine(&mut self) -> wasmtime::Result<Result<EngineKind, Error>> {
        Ok(self.guest_database().and_then(|database| match database.engine() {
            Some(GuestEngine::Sqlite) => Ok(EngineKind::Sqlite),
            Some(GuestEngine::SqlServer) => Ok(EngineKind::Sqlserver),
            None => Err(Error::Unavailable("this kind of mirror does not offer `database` to plug-ins".into())),
        }))
    }

    async fn prefix(&mut self) -> wasmtime::Result<String> {
        Ok(prefix(self.plugin()))
    }

    async fn query(
        &mut self,
        sql: String,
        parameters: Vec<Value>,
        max_rows: u32,
    ) -> wasmtime::Result<Result<Rows, Error>> {
        let bounds = Bounds { rows: usize::try_from(max_rows).unwrap_or(usize::MAX), until: self.allowance().until };
        let parameters = parameters.into_iter().map(stored).collect();
        Ok(match self.guest_database() {
            Ok(database) => database.query(sql, parameters, bounds).await.map(shown).map_err(told),
            Err(error) => Err(error),
        })
    }

    async fn execute(&mut self, sql: String, parameters: Vec<Value>) -> wasmtime::Result<Result<u64, Error>> {
        self.execute_many(sql, vec![parameters]).await
    }

    async fn execute_many(&mut self, sql: String, parameters: Vec<Vec<Value>>) -> wasmtime::Result<Result<u64, Error>> {
        let until = self.allowance().until;
        let lists = parameters.into_iter().map(|list| list.into_iter().map(stored).collect()).collect();
        Ok(match self.guest_database() {
            Ok(database) => database.execute(sql, lists, until).await.map_err(told),
            Err(error) => Err(error),
        })
    }
}

impl State {
    /// The plug-in's own access to the mirror, made when first asked for.
    fn guest_database(&mut self) -> Result<&dyn GuestDatabase, Error> {
        if self.transforming() {
            // It would wait for the call, and the call waits for it.
            return Err(Error::Unavailable(
                "`database` cannot be used in transform, while the call itself writes to the mirror; use rows-committed or \
                 replication-completed"
                    .into(),
            ));
        }
        self.open_database().ok_or_else(|| {
            Error::Unavailable(
                "the tenant's mirror is not open in this hook; use before-replicate-table, rows-committed or \
                 replication-completed"
                    .into(),
            )
        })
    }
}

fn stored(value: Value) -> GuestValue {
    match value {
        Value::Null => GuestValue::Null,
        Value::Integer(number) => GuestValue::Integer(number),
        Value::Real(number) => GuestValue::Real(number),
        Value::Decimal(text) => GuestValue::Decimal(text),
        Value::Text(text) => GuestValue::Text(text),
        Value::Timestamp(text) => GuestValue::Timestamp(text),
        Value::Binary(bytes) => GuestValue::Binary(bytes),
    }
}

fn shown(rows: GuestRows) -> Rows {
    let value = |value| match value {
        GuestValue::Null => Value::Null,
        GuestValue::Integer(number) => Value::Integer(number),
        GuestValue::Real(number) => Value::Real(number),
        GuestValue::Decimal(text) => Value::Decimal(text),
        GuestValue::Text(text) => Value::Text(text),
        GuestValue::Timestamp(text) => Value::Timestamp(text),
        GuestValue::Binary(bytes) => Value::Binary(bytes),
    };
    Rows {
        columns: rows.columns,
        rows: rows.rows.into_iter().map(|row| row.into_iter().map(value).collect()).collect(),
        truncated: rows.truncated,
    }
}

fn told(error: GuestError) -> Error {
    match error {
        GuestError::Denied(text) => Error::Denied(text),
        GuestError::Invalid(text) => Error::Invalid(text),
        GuestError::Limit(text) => Error::Limit(text),
        GuestError::Constraint(text) => Error::Constraint(text),
        GuestError::Busy(text) => Error::Busy(text),
        GuestError::Unavailable(text) => Error::Unavailable(text),
        GuestError::Failed(text) => Error::Failed(text),
    }
}
