//! One fixture: a file that says what a hook is told, what the outside answers, and what must come of it. The form is described in
//! the author's guide, section Testing.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::case::{Answers, DatabaseAnswer, DatabaseReply, HttpAnswer, Input};
use super::table;
use crate::plugins::hook::Hook;
use crate::plugins::hooks::{CallInfo, CallOutcome, Committed, SchemaChange};
use crate::protocol::context_id::ContextId;
use crate::protocol::lsn::Lsn;
use crate::protocol::messages::{ReplicationSummary, RowOp};
use crate::protocol::names::Operation;
use crate::protocol::table_def::TableDef;
use crate::protocol::table_name::TableName;
use crate::store::history::{EventLevel, EventRecord};
use crate::store::{Applied, GuestError, GuestRows, GuestValue};

/// A fixture as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    /// A hook's name, or `operation.before`, `operation.after`.
    pub hook: String,
    #[serde(default)]
    pub context: Context,
    #[serde(default)]
    pub config: BTreeMap<String, String>,
    #[serde(default)]
    pub secrets: BTreeMap<String, String>,
    #[serde(default, rename = "table")]
    pub tables: Vec<TableText>,
    #[serde(default)]
    input: Table,
    /// What `wasi:keyvalue` holds before.
    #[serde(default)]
    pub keyvalue: BTreeMap<String, String>,
    database: Option<Vec<DatabaseText>>,
    #[serde(default)]
    http: Vec<HttpText>,
    pub expect: Option<Expect>,
}

/// `[context]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Context {
    pub tenant: String,
    application: String,
    client_state: String,
    request_id: String,
}

impl Default for Context {
    fn default() -> Self {
        Self {
            tenant: "Cust10195".into(),
            application: "0123456789abcdef0123456789abcdef".into(),
            client_state: String::new(),
            request_id: "fixture".into(),
        }
    }
}

/// `[[table]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableText {
    pub name: String,
    pub columns: Vec<String>,
    pub key: Option<Vec<String>>,
    #[serde(default)]
    pub rows: Vec<Table>,
}

impl TableText {
    /// Its definition.
    ///
    /// # Errors
    /// A sentence that names what is wrong.
    pub fn define(&self) -> Result<TableDef, String> {
        table::define(&self.name, &self.columns, self.key.as_deref())
    }
}

/// `[[database]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct DatabaseText {
    sql: String,
    parameters: Option<Vec<Value>>,
    columns: Option<Vec<String>>,
    rows: Option<Vec<Table>>,
    #[serde(default)]
    truncated: bool,
    changed: Option<u64>,
    /// `busy`, `constraint`, … and a text.
    error: Option<String>,
}

/// `[[http]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct HttpText {
    /// `POST https://api.example.com/hook`
    request: String,
    body: Option<String>,
    status: Option<u16>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    answer: String,
}

/// `[expect]`: what must come of it, and in the same words what came. What is left out is not compared, but a failure is a failure
/// unless `error` says so.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    pub error: Option<String>,
    pub answer: Option<String>,
    /// The transform leaves the table alone.
    pub untouched: Option<bool>,
    /// The transform leaves the table out.
    pub skipped: Option<bool>,
    pub columns: Option<Vec<String>>,
    pub keep: Option<Vec<bool>>,
    pub rows: Option<Vec<Table>>,
    pub log: Option<Vec<String>>,
    pub calls: Option<Vec<String>>,
    pub keyvalue: Option<BTreeMap<String, String>>,
    #[serde(rename = "query")]
    pub queries: Option<Vec<Query>>,
}

/// `[[expect.query]]`: SQL on the mirror afterwards, with the plug-in's own eyes.
#[derive(Debug, Clone, PartialEq, Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    pub sql: String,
    #[serde(default)]
    pub rows: Vec<Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfTable {
    table: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Before {
    table: Option<String>,
    change: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Transform {
    #[serde(default)]
    operations: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Completed {
    changed: Option<Vec<Summary>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Summary {
    table: String,
    #[serde(default)]
    inserts: i32,
    #[serde(default)]
    updates: i32,
    #[serde(default)]
    deletes: i32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Commit {
    table: Option<String>,
    inserted: Option<u64>,
    #[serde(default)]
    updated: u64,
    #[serde(default)]
    deleted: u64,
    lsn: Option<i64>,
    changes: Option<Vec<Change>>,
    #[serde(default)]
    truncated: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    #[serde(default)]
    deleted: bool,
    key: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Around {
    operation: Option<String>,
    successful: Option<bool>,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event {
    #[serde(default)]
    at: i64,
    level: Option<String>,
    kind: Option<String>,
    table: Option<String>,
    message: Option<String>,
    advice: Option<String>,
}

impl Fixture {
    /// Reads one, and checks all of it that can be without running it.
    ///
    /// # Errors
    /// A sentence without the file's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fixture: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            let at = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            format!("{at}{}", error.message())
        })?;
        fixture.input()?;
        fixture.answers()?;
        fixture.call()?;
        Ok(fixture)
    }

    /// One for a hook, with these tables.
    #[must_use]
    pub fn of(hook: &str, tables: Vec<TableText>) -> Self {
        Self { hook: hook.to_owned(), tables, ..Self::default() }
    }

    /// The call it belongs to.
    ///
    /// # Errors
    /// There can be no such tenant.
    pub fn call(&self) -> Result<CallInfo, String> {
        Ok(CallInfo {
            tenant: ContextId::new(self.context.tenant.as_str())?,
            application: self.context.application.clone(),
            operation: Operation::Authenticate,
            client_state: self.context.client_state.clone(),
            request_id: self.context.request_id.clone(),
        })
    }

    fn told<T: DeserializeOwned>(&self) -> Result<T, String> {
        Value::Table(self.input.clone())
            .try_into()
            .map_err(|error: toml::de::Error| format!("[input]: {}", error.message()))
    }

    fn first(&self) -> Result<&TableText, String> {
        self.tables.first().ok_or_else(|| format!("the hook {} is about a table: write one as [[table]]", self.hook))
    }

    fn table(&self, named: Option<String>) -> Result<TableName, String> {
        let name = named.map_or_else(|| self.first().map(|table| table.name.clone()), Ok)?;
        TableName::new(name).map_err(|error| error.to_string())
    }

    /// What the hook is told.
    ///
    /// # Errors
    /// A sentence that says what is missing or wrong.
    pub fn input(&self) -> Result<Input, String> {
        Ok(match self.hook.as_str() {
            "resolve-connection" => {
                let Nothing {} = self.told()?;
                Input::ResolveConnection
            }
            "authenticated" => {
                let Nothing {} = self.told()?;
                Input::Authenticated
            }
            "before-replicate-table" => {
                let told: Before = self.told()?;
                Input::BeforeReplicateTable { table: self.table(told.table)?, change: change(told.change.as_deref())? }
            }
            "transform" => {
                let told: Transform = self.told()?;
                let text = self.first()?;
                let def = text.define()?;
                let operations = told.operations.iter().map(|word| operation(word)).collect::<Result<Vec<_>, _>>()?;
                let batches = table::batches(&def, &text.rows, &operations)?;
                Input::Transform { table: Arc::new(def), batches }
            }
            "wiped" => {
                let told: OfTable = self.told()?;
                Input::Wiped { table: self.table(told.table)? }
            }
            "replication-completed" => {
                let told: Completed = self.told()?;
                Input::ReplicationCompleted(self.completed(told))
            }
            "rows-committed" => Input::RowsCommitted(self.committed(self.told()?)?),
            "operation.before" => {
                let told: Around = self.told()?;
                Input::OperationBefore(operation_kind(told.operation.as_deref())?)
            }
            "operation.after" => {
                let told: Around = self.told()?;
                let outcome = CallOutcome { successful: told.successful.unwrap_or(true), message: told.message };
                Input::OperationAfter(operation_kind(told.operation.as_deref())?, outcome)
            }
            "log-event" => Input::LogEvent(event(self.told()?)?),
            other => {
                let names = Hook::ALL.map(Hook::name).join(", ");
                return Err(format!(
                    "`hook` names {other:?}, which is no hook; hooks are {names} (operation as operation.before or \
                     operation.after)"
                ));
            }
        })
    }

    fn completed(&self, told: Completed) -> Vec<ReplicationSummary> {
        let all = |table: &TableText| ReplicationSummary {
            table_name: table.name.clone(),
            inserts: i32::try_from(table.rows.len()).unwrap_or(i32::MAX),
            ..ReplicationSummary::default()
        };
        let one = |one: Summary| ReplicationSummary {
            table_name: one.table,
            inserts: one.inserts,
            updates: one.updates,
            deletes: one.deletes,
        };
        match told.changed {
            Some(changed) => changed.into_iter().map(one).collect(),
            None => self.tables.iter().map(all).collect(),
        }
    }

    /// By default all rows of the first table, just inserted.
    fn committed(&self, told: Commit) -> Result<Committed, String> {
        let table = self.table(told.table)?;
        let changes: Vec<(bool, Vec<String>)> = if let Some(changes) = told.changes {
            changes.into_iter().map(|change| (change.deleted, change.key)).collect()
        } else {
            let text = self.first()?;
            let def = text.define()?;
            let batches = table::batches(&def, &text.rows, &[])?;
            let keys = batches.iter().flat_map(|batch| (0..batch.len()).map(|row| table::key(&def, batch, row)));
            keys.take(Committed::MAX_CHANGES).map(|key| (false, key)).collect()
        };
        let inserted = told.inserted.unwrap_or(changes.iter().filter(|(deleted, _)| !deleted).count() as u64);
        let applied = Applied { inserted, updated: told.updated, deleted: told.deleted };
        Ok(Committed { table, applied, lsn: Lsn(told.lsn.unwrap_or(1)), changes, truncated: told.truncated })
    }

    /// What the outside answers.
    ///
    /// # Errors
    /// A sentence that names the entry.
    pub fn answers(&self) -> Result<Answers, String> {
        let database = self.database.as_ref().map(|all| all.iter().map(DatabaseText::answer).collect());
        let http = self.http.iter().map(HttpText::answer).collect::<Result<_, _>>()?;
        Ok(Answers { database: database.transpose()?, http })
    }
}

impl DatabaseText {
    fn answer(&self) -> Result<DatabaseAnswer, String> {
        let refuse = |what: &str| Err(format!("[[database]] {:?}: {what}", self.sql));
        let reply = match (&self.rows, self.changed, &self.error) {
            (Some(rows), None, None) => DatabaseReply::Rows(self.rows(rows)?),
            (None, Some(changed), None) => DatabaseReply::Changed(changed),
            (None, None, Some(error)) => DatabaseReply::Fails(guest_error(error)),
            _ => return refuse("give one of `rows`, `changed` and `error`"),
        };
        let parameters = self.parameters.as_ref().map(|all| all.iter().map(guest_value).collect::<Option<_>>());
        match parameters {
            Some(None) => refuse("a parameter is a text, a number or true or false"),
            Some(Some(parameters)) => Ok(DatabaseAnswer { sql: self.sql.clone(), parameters: Some(parameters), reply }),
            None => Ok(DatabaseAnswer { sql: self.sql.clone(), parameters: None, reply }),
        }
    }

    fn rows(&self, rows: &[Table]) -> Result<GuestRows, String> {
        let columns = self.columns.clone().unwrap_or_else(|| {
            rows.iter().flat_map(Table::keys).fold(Vec::new(), |mut names, name| {
                if !names.contains(name) {
                    names.push(name.clone());
                }
                names
            })
        });
        let row = |row: &Table| {
            if let Some(unknown) = row.keys().find(|name| !columns.contains(name)) {
                return Err(format!("[[database]] {:?}: `columns` does not name {unknown}", self.sql));
            }
            let value = |name: &String| row.get(name).map_or(Some(GuestValue::Null), guest_value);
            let values = columns.iter().map(value).collect::<Option<Vec<_>>>();
            values.ok_or_else(|| format!("[[database]] {:?}: a value is a text, a number or true or false", self.sql))
        };
        let rows = rows.iter().map(row).collect::<Result<_, _>>()?;
        Ok(GuestRows { columns: columns.clone(), rows, truncated: self.truncated })
    }
}

fn guest_value(value: &Value) -> Option<GuestValue> {
    Some(match value {
        Value::String(text) => GuestValue::Text(text.clone()),
        Value::Integer(number) => GuestValue::Integer(*number),
        Value::Float(number) => GuestValue::Real(*number),
        Value::Boolean(flag) => GuestValue::Integer(i64::from(*flag)),
        Value::Datetime(moment) => GuestValue::Text(moment.to_string().replace('T', " ")),
        Value::Array(_) | Value::Table(_) => return None,
    })
}

/// `busy: another writer`; without a known word before the colon it is a failure of the database.
fn guest_error(text: &str) -> GuestError {
    let (word, rest) = text.split_once(':').map_or(("", text), |(word, rest)| (word, rest.trim()));
    let rest = rest.to_owned();
    match word {
        "denied" => GuestError::Denied(rest),
        "invalid" => GuestError::Invalid(rest),
        "limit" => GuestError::Limit(rest),
        "constraint" => GuestError::Constraint(rest),
        "busy" => GuestError::Busy(rest),
        "unavailable" => GuestError::Unavailable(rest),
        "failed" => GuestError::Failed(rest),
        _ => GuestError::Failed(text.to_owned()),
    }
}

impl HttpText {
    fn answer(&self) -> Result<HttpAnswer, String> {
        let (method, url) = self.request.split_once(' ').ok_or_else(|| {
            format!("[[http]] request = {:?}: write method and address, as \"GET https://example.com/\"", self.request)
        })?;
        if self.status.is_some_and(|status| !(100..1000).contains(&status)) {
            return Err(format!("[[http]] {:?}: `status` is a number such as 200", self.request));
        }
        Ok(HttpAnswer {
            method: method.to_owned(),
            url: url.trim().to_owned(),
            body: self.body.clone(),
            status: self.status,
            headers: self.headers.clone().into_iter().collect(),
            answer: self.answer.clone().into_bytes(),
        })
    }
}

fn change(word: Option<&str>) -> Result<SchemaChange, String> {
    Ok(match word.unwrap_or("created") {
        "unchanged" => SchemaChange::Unchanged,
        "created" => SchemaChange::Created,
        "altered" => SchemaChange::Altered,
        "recreated" => SchemaChange::Recreated,
        "dropped" => SchemaChange::Dropped,
        other => {
            return Err(format!("[input] change = {other:?}: it is unchanged, created, altered, recreated or dropped"));
        }
    })
}

fn operation(word: &str) -> Result<RowOp, String> {
    match word {
        "insert" => Ok(RowOp::Insert),
        "update" => Ok(RowOp::Update),
        "delete" => Ok(RowOp::Delete),
        other => Err(format!("[input] operations: {other:?} is none; they are insert, update and delete")),
    }
}

fn operation_kind(word: Option<&str>) -> Result<Operation, String> {
    let word = word.unwrap_or("row-data");
    let folded = word.replace('-', "");
    Operation::ALL.into_iter().find(|operation| operation.name().eq_ignore_ascii_case(&folded)).ok_or_else(|| {
        format!(
            "[input] operation = {word:?}: it is authenticate, table-schema, row-data, wipe or replication-completed"
        )
    })
}

fn event(told: Event) -> Result<EventRecord, String> {
    let level = match told.level.as_deref().unwrap_or("warning") {
        "info" => EventLevel::Info,
        "warning" => EventLevel::Warning,
        "error" => EventLevel::Error,
        other => return Err(format!("[input] level = {other:?}: it is info, warning or error")),
    };
    Ok(EventRecord {
        at: told.at,
        level,
        kind: told.kind.unwrap_or_else(|| "error".into()),
        operation: None,
        table: told.table,
        message: told.message.unwrap_or_else(|| "something happened".into()),
        advice: told.advice,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_fixture_is_a_sentence() {
        let table = "[[table]]\nname = \"t\"\ncolumns = [\"id int not null\"]\n";
        for (text, said) in [
            ("hok = \"wiped\"", "unknown field `hok`"),
            ("hook = \"wipe\"", "\"wipe\", which is no hook"),
            ("hook = \"wiped\"", "the hook wiped is about a table"),
            ("hook = \"wiped\"\n[input]\nchange = \"x\"", "[input]: unknown field `change`"),
            (
                format!("hook = \"before-replicate-table\"\n[input]\nchange = \"x\"\n{table}").as_str(),
                "[input] change = \"x\": it is unchanged, created",
            ),
            (
                format!("hook = \"transform\"\n[input]\noperations = [\"upsert\"]\n{table}").as_str(),
                "\"upsert\" is none; they are insert",
            ),
            ("hook = \"authenticated\"\n[[http]]\nrequest = \"https://example.com\"", "write method and address"),
            ("hook = \"authenticated\"\n[[database]]\nsql = \"SELECT 1\"", "give one of `rows`, `changed` and `error`"),
            ("hook = \"operation.before\"\n[input]\noperation = \"rows\"", "operation = \"rows\": it is authenticate"),
        ] {
            let refusal = Fixture::parse(text).unwrap_err();
            assert!(refusal.contains(said), "{text}\n{refusal}");
        }
    }

    #[test]
    fn rows_committed_is_told_of_the_rows_of_its_table() {
        let text = "hook = \"rows-committed\"\n[[table]]\nname = \"t\"\ncolumns = [\"id int not null\", \"n nvarchar(9)\"]\n\
                    rows = [{ id = 1 }, { id = 2, n = \"x\" }]\n";
        let Input::RowsCommitted(committed) = Fixture::parse(text).unwrap().input().unwrap() else {
            panic!("a commit")
        };
        assert_eq!(committed.applied.inserted, 2);
        assert_eq!(committed.changes, [(false, vec!["1".to_owned()]), (false, vec!["2".to_owned()])]);
    }
}
