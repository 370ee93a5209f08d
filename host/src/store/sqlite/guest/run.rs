//! A plug-in's statement, run: compiled under the rules, in a transaction of the host's, bounded in every direction.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::{ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, ErrorCode, Statement};

use super::super::ident::quote;
use super::super::open::{Access, enter_wal, open};
use super::super::session::Session;
use super::super::values::{self, Stored, parse_decimal};
use super::rules::{Rules, STEPS, Stop};
use crate::protocol::table_name::fold;
use crate::store::guest::{Bounds, GuestError, GuestRows, GuestValue};
use crate::store::rules::guests::{size, store_failed, too_large_an_answer, too_many_objects, too_many_rows, too_slow};

/// A connection for a plug-in's statements.
pub(super) struct Guarded {
    db: Connection,
    rules: Rules,
    metadata: String,
    /// Names in the database and of virtual tables, as of this `PRAGMA schema_version`.
    taken: Option<(i64, HashSet<String>)>,
}

impl Guarded {
    pub fn open(session: &Session, rules: Rules, writing: bool) -> Result<Self, GuestError> {
        let make = || -> Result<Connection, crate::store::StoreError> {
            let access = if writing { Access::Write { create: false } } else { Access::Read };
            let mut db = open(&session.path, access, Duration::from_secs(1))?;
            if writing {
                enter_wal(&db)?;
            }
            // Sorts spill to files that nobody else can open, rather than filling the host's memory.
            db.execute_batch("PRAGMA temp_store=FILE; PRAGMA cache_size=-4000; PRAGMA cell_size_check=ON")?;
            for (setting, on) in [
                (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
                (DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, false),
                (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
                (DbConfig::SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, false),
                (DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE, false),
                (DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, false),
            ] {
                db.set_db_config(setting, on)?;
            }
            for (limit, most) in [
                // Also what VACUUM INTO would need.
                (Limit::SQLITE_LIMIT_ATTACHED, 0),
                (Limit::SQLITE_LIMIT_LENGTH, Bounds::VALUE),
                (Limit::SQLITE_LIMIT_SQL_LENGTH, Bounds::SQL),
                (Limit::SQLITE_LIMIT_VARIABLE_NUMBER, Bounds::PARAMETERS),
                (Limit::SQLITE_LIMIT_EXPR_DEPTH, 200),
                (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 100),
                (Limit::SQLITE_LIMIT_FUNCTION_ARG, 100),
                (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 256),
                (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
                (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 1),
            ] {
                db.set_limit(limit, i32::try_from(most).unwrap_or(i32::MAX))?;
            }
            let (asked, watched) = (rules.clone(), rules.clone());
            db.progress_handler(STEPS, Some(move || watched.is_over()))?;
            db.authorizer(Some(move |context: rusqlite::hooks::AuthContext<'_>| asked.authorize(&context)))?;
            Ok(db)
        };
        let db = make().map_err(store_failed)?;
        Ok(Self { db, rules, metadata: session.metadata.clone(), taken: None })
    }

    /// Nothing of the last statement is left.
    pub fn is_clean(&self) -> bool {
        self.db.is_autocommit()
    }

    /// Runs one statement that reads, on one moment's view.
    pub fn query(
        &mut self,
        sql: &str,
        parameters: &[GuestValue],
        bounds: Bounds,
        stop: &Stop,
    ) -> Result<GuestRows, GuestError> {
        self.begin("BEGIN", stop)?;
        self.rules.guard(false, stop.clone());
        let result = self.read(sql, parameters, bounds);
        let seen = self.rules.release();
        let result = self.told(result, stop);
        self.roll_back()?;
        debug_assert!(result.is_err() || seen.reads, "nothing else answers rows");
        result
    }

    fn read(&self, sql: &str, parameters: &[GuestValue], bounds: Bounds) -> Result<GuestRows, Trouble> {
        let mut statement = self.prepare(sql)?;
        if statement.column_count() == 0 || !statement.readonly() || !self.rules.seen().reads {
            return Err(invalid("this is no statement that reads; `execute` runs those that write"));
        }
        bind(&mut statement, parameters)?;
        let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
        let width = columns.len();
        let mut answer = GuestRows { columns, ..GuestRows::default() };
        let mut weight = 0;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            if answer.rows.len() == bounds.rows {
                answer.truncated = true;
                break;
            }
            if answer.rows.len() == Bounds::MOST_ROWS {
                return Err(Trouble::Ours(too_many_rows()));
            }
            let mut values = Vec::with_capacity(width);
            for index in 0..width {
                let value = value(row.get_ref(index)?);
                weight += value.weight();
                if weight > Bounds::BYTES {
                    return Err(Trouble::Ours(too_large_an_answer()));
                }
                values.push(value);
            }
            answer.rows.push(values);
        }
        Ok(answer)
    }

    /// Runs one statement that writes, once for each list, all or nothing.
    pub fn execute(&mut self, sql: &str, parameters: &[Vec<GuestValue>], stop: &Stop) -> Result<u64, GuestError> {
        self.begin("BEGIN IMMEDIATE", stop)?;
        self.rules.guard(true, stop.clone());
        let result = self.write(sql, parameters);
        self.rules.release();
        let result = self.told(result, stop);
        if result.is_ok() {
            self.commit().inspect_err(|_| {
                // Not clean otherwise, and then not used again.
                let _ = self.roll_back();
            })?;
        } else {
            self.roll_back()?;
        }
        result
    }

    fn write(&self, sql: &str, parameters: &[Vec<GuestValue>]) -> Result<u64, Trouble> {
        let mut statement = self.prepare(sql)?;
        let seen = self.rules.seen();
        if statement.readonly() {
            return Err(invalid("this is no statement that writes; `query` runs those that read"));
        }
        if seen.forges() {
            return Err(Trouble::Ours(GuestError::Denied("it may not write the database's own catalogue".into())));
        }
        let before = if seen.changes_schema() { Some(self.objects()?) } else { None };
        let changes = self.db.total_changes();
        for list in parameters {
            bind(&mut statement, list)?;
            match statement.raw_execute() {
                Ok(_) => {}
                Err(rusqlite::Error::ExecuteReturnedResults) => {
                    return Err(invalid("RETURNING is not offered; ask with `query` afterwards"));
                }
                Err(error) => return Err(error.into()),
            }
        }
        drop(statement);
        if let Some(before) = before {
            self.unharmed(&before)?;
        }
        Ok(self.db.total_changes().saturating_sub(changes))
    }

    /// Whatever the statement did to the schema, what is not the plug-in's own is as it was. The authorizer is not told
    /// what a table is renamed to, for one.
    fn unharmed(&self, before: &Objects) -> Result<(), Trouble> {
        let after = self.objects()?;
        if after.others != before.others {
            return Err(Trouble::Ours(GuestError::Denied(
                "it may not make or change anything but its own tables, indexes and views".into(),
            )));
        }
        if after.own > Bounds::OBJECTS && after.own > before.own {
            return Err(Trouble::Ours(too_many_objects(after.own)));
        }
        Ok(())
    }

    fn objects(&self) -> Result<Objects, Trouble> {
        self.rules.release();
        let mut found = Objects::default();
        let mut list = self.db.prepare("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema")?;
        let mut rows = list.query([])?;
        while let Some(row) = rows.next()? {
            let [kind, name, table, sql]: [String; 4] = [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?];
            let by_itself = name.starts_with("sqlite_autoindex_") || name == "sqlite_sequence";
            if self.rules.owns(&table) && (self.rules.owns(&name) || by_itself) {
                found.own += 1;
            } else if name != "sqlite_sequence" {
                found.others.push([kind, name, table, sql]);
            }
        }
        drop(rows);
        drop(list);
        found.others.sort();
        self.rules.resume();
        Ok(found)
    }

    /// The host's own transaction, and what is in the database as it begins.
    fn begin(&mut self, how: &str, stop: &Stop) -> Result<(), GuestError> {
        let left = stop.until.saturating_duration_since(Instant::now());
        let mut begin = || -> rusqlite::Result<()> {
            self.db.busy_timeout(left)?;
            self.db.execute_batch(how)?;
            let version: i64 = self.db.query_row("PRAGMA schema_version", [], |row| row.get(0))?;
            if self.taken.as_ref().is_none_or(|(known, _)| *known != version) {
                let names = "SELECT lower(name) FROM sqlite_schema UNION SELECT lower(name) FROM pragma_module_list";
                let taken =
                    self.db.prepare(names)?.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
                self.taken = Some((version, taken));
            }
            Ok(())
        };
        let known = begin().and_then(|()| {
            let taken = self.taken.as_ref().map(|(_, taken)| taken.clone()).unwrap_or_default();
            self.rules.know(self.mirrored(&taken)?, taken);
            Ok(())
        });
        if let Err(error) = known {
            let told = told(&error, None, stop);
            self.roll_back()?;
            return Err(told);
        }
        Ok(())
    }

    /// The tables that the host mirrors now. Without a metadata table: none.
    fn mirrored(&self, taken: &HashSet<String>) -> rusqlite::Result<HashSet<String>> {
        if !taken.contains(&self.metadata.to_ascii_lowercase()) {
            return Ok(HashSet::new());
        }
        let metadata = quote(&self.metadata);
        let mut names = self.db.prepare_cached(&format!(
            "SELECT tablename FROM {metadata} WHERE speil_hash IS NOT NULL AND coalesce(speil_kind, '') <> 'skipped'"
        ))?;
        names.query_map([], |row| row.get_ref(0).map(|name| name.as_str().map(fold).unwrap_or_default()))?.collect()
    }

    fn commit(&self) -> Result<(), GuestError> {
        self.db.execute_batch("COMMIT").map_err(|error| told(&error, None, &Stop::never()))
    }

    /// Takes back what is left to take back: an interrupted write, or `INSERT OR ROLLBACK`, has done so already.
    fn roll_back(&self) -> Result<(), GuestError> {
        if self.db.is_autocommit() {
            return Ok(());
        }
        self.db.execute_batch("ROLLBACK").map_err(|error| told(&error, None, &Stop::never()))
    }

    fn prepare(&self, sql: &str) -> Result<Statement<'_>, Trouble> {
        Ok(self.db.prepare(sql)?)
    }

    fn told<T>(&self, result: Result<T, Trouble>, stop: &Stop) -> Result<T, GuestError> {
        result.map_err(|trouble| match trouble {
            Trouble::Ours(error) => error,
            Trouble::Sqlite(error) => told(&error, self.rules.refusal(), stop),
        })
    }
}

/// What stands in the catalogue.
#[derive(Default)]
struct Objects {
    own: usize,
    others: Vec<[String; 4]>,
}

/// What went wrong, before it is put into words.
enum Trouble {
    Ours(GuestError),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

fn invalid(text: impl Into<String>) -> Trouble {
    Trouble::Ours(GuestError::Invalid(text.into()))
}

/// SQLite's error in the plug-in author's terms.
fn told(error: &rusqlite::Error, refusal: Option<String>, stop: &Stop) -> GuestError {
    use ErrorCode as E;
    let words = || match error {
        rusqlite::Error::SqliteFailure(_, Some(text)) => text.clone(),
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    };
    match error {
        rusqlite::Error::MultipleStatement => {
            return GuestError::Invalid("there is more than one statement; give them one at a time".into());
        }
        rusqlite::Error::InvalidParameterCount(given, wanted) => {
            return GuestError::Invalid(format!("the statement has {wanted} parameters, and {given} were given"));
        }
        _ => {}
    }
    match error.sqlite_error_code() {
        Some(E::AuthorizationForStatementDenied) => {
            GuestError::Denied(refusal.unwrap_or_else(|| "it may not do this in the mirror's database".into()))
        }
        Some(E::OperationInterrupted) if stop.is_over() => too_slow(),
        Some(E::TooBig) => GuestError::Limit(format!(
            "a value or the statement is too large: at most {} a value and {} a statement",
            size(Bounds::VALUE),
            size(Bounds::SQL)
        )),
        Some(E::ConstraintViolation) => GuestError::Constraint(words()),
        Some(E::DatabaseBusy | E::DatabaseLocked) => {
            GuestError::Busy("another program writes to the mirror; try again later".into())
        }
        // A refusal that SQLite tells as an error of its own.
        Some(E::Unknown | E::ReadOnly | E::ApiMisuse | E::TypeMismatch | E::ParameterOutOfRange) | None => {
            match refusal {
                Some(refusal) => GuestError::Denied(refusal),
                None => GuestError::Invalid(words()),
            }
        }
        Some(_) => {
            tracing::warn!(%error, "a plug-in's statement failed in the database");
            GuestError::Failed("the mirror's database failed; the host's log says why".into())
        }
    }
}

fn bind(statement: &mut Statement<'_>, values: &[GuestValue]) -> Result<(), Trouble> {
    let wanted = statement.parameter_count();
    if wanted != values.len() {
        return Err(invalid(format!("the statement has {wanted} parameters, and {} were given", values.len())));
    }
    for (index, value) in values.iter().enumerate() {
        let bound = match value {
            GuestValue::Null => ToSqlOutput::Owned(Value::Null),
            GuestValue::Integer(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            GuestValue::Real(number) => ToSqlOutput::Owned(Value::Real(*number)),
            GuestValue::Decimal(text) => ToSqlOutput::Owned(decimal(text).map_err(invalid)?),
            GuestValue::Text(text) | GuestValue::Timestamp(text) => {
                ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes()))
            }
            GuestValue::Binary(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        };
        statement.raw_bind_parameter(index + 1, bound)?;
    }
    Ok(())
}

/// In the form in which the mirror keeps decimals, so that equal ones are equal.
fn decimal(text: &str) -> Result<Value, String> {
    let wrong = || "a decimal parameter must look like -12.3400, with at most 38 digits".to_owned();
    let places = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let scale = u8::try_from(places).ok().filter(|scale| *scale <= 38).ok_or_else(wrong)?;
    let unscaled = parse_decimal(text, scale).ok_or_else(wrong)?;
    let mut scratch = String::new();
    Ok(match values::decimal(unscaled, scale, &mut scratch) {
        Stored::Integer(number) => Value::Integer(number),
        Stored::Real(number) => Value::Real(number),
        _ => Value::Text(text.into()),
    })
}

fn value(value: ValueRef<'_>) -> GuestValue {
    match value {
        ValueRef::Null => GuestValue::Null,
        ValueRef::Integer(number) => GuestValue::Integer(number),
        ValueRef::Real(number) => GuestValue::Real(number),
        ValueRef::Text(bytes) => GuestValue::Text(String::from_utf8_lossy(bytes).into_owned()),
        ValueRef::Blob(bytes) => GuestValue::Binary(bytes.to_vec()),
    }
}
