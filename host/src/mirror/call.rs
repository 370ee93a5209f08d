//! What the five operations have in common: hooks before and after, the mirror opened, the ticket taken, events told, the
//! call recorded and logged.

use std::sync::Arc;
use std::time::Instant;

use super::order::{CallPlace, Overtaken, TableGuard};
use super::{Caller, Failure, Mirror};
use crate::faults::{self, Step};
use crate::plugins::hooks::{CallHooks, CallInfo, CallOutcome, HookFailure};
use crate::protocol::names::Operation;
use crate::protocol::shown::in_one_line;
use crate::protocol::table_name::TableName;
use crate::store::history::{CallRecord, EventLevel, EventRecord, Millis, TableError};
use crate::store::{MirrorDb, StoreError, StoreErrorKind, Ticket, Turn};

/// A call being carried out. [`Call::finish`] ends it, whatever came of it.
pub(super) struct Call<'m> {
    pub(super) mirror: &'m Mirror,
    pub(super) caller: Caller,
    pub(super) operation: Operation,
    pub(super) hooks: Box<dyn CallHooks>,
    /// Rows received, for the log line.
    pub(super) rows: u64,
    /// Tables worked on, for the log line.
    pub(super) tables: TablesSeen,
    place: CallPlace,
    db: Option<Arc<dyn MirrorDb>>,
    events: Vec<EventRecord>,
    told: usize,
    table_errors: Vec<(TableName, TableError)>,
    /// A commit has counted the call in the mirror's side tables.
    counted: bool,
    started: Instant,
    finished: bool,
}

/// The mirror, open for a call.
#[derive(Clone)]
pub(super) struct Opened {
    pub(super) db: Arc<dyn MirrorDb>,
    /// As the store gave it: no other call has it.
    pub(super) given: Ticket,
    /// In order with this tenant's other calls.
    pub(super) ticket: Ticket,
}

impl Opened {
    pub(super) fn turn(&self, table: &TableName) -> Turn {
        Turn { table: table.clone(), ticket: self.ticket }
    }
}

/// Which tables a call was about: one by name, several by number.
#[derive(Debug, Default)]
pub(super) struct TablesSeen {
    first: Option<String>,
    more: usize,
}

impl TablesSeen {
    pub(super) fn note(&mut self, table: &str) {
        match &self.first {
            None => self.first = Some(table.chars().take(128).collect()),
            Some(first) if first == table => {}
            Some(_) => self.more += 1,
        }
    }
}

impl std::fmt::Display for TablesSeen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.first, self.more) {
            (None, _) => f.write_str("-"),
            (Some(first), 0) => write!(f, "{first:?}"),
            (Some(first), more) => write!(f, "{first:?} and {more} more"),
        }
    }
}

/// Why a call cannot be carried out.
#[derive(Debug)]
pub(super) struct CallError {
    /// For the caller and for people: no secret.
    pub(super) message: String,
    pub(super) cause: Cause,
    /// Whose fault it is shown as, where it is one table's.
    pub(super) table: Option<Box<Place>>,
    pub(super) advice: Option<String>,
    /// For the log, where `message` holds what a tenant wrote: rows belong to the tenant's mirror, not to our log.
    log: Option<Box<str>>,
    /// The engine's own words, for the log.
    detail: Option<String>,
}

/// The table, and if it is known the row and column, that a failure is about.
#[derive(Debug, Clone)]
pub(super) struct Place {
    table: TableName,
    row: Option<u64>,
    column: Option<String>,
}

/// What kind of trouble, as far as anything is decided by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// A later call was there first: nothing is wrong.
    Overtaken,
    /// A plug-in said no on purpose.
    Refused,
    /// A plug-in failed.
    Plugin,
    /// What came cannot be carried out.
    Request,
    /// The mirror's database.
    Store(StoreErrorKind),
}

impl CallError {
    pub(super) fn request(message: impl Into<String>) -> Self {
        let message = in_one_line(message.into());
        Self { message, cause: Cause::Request, table: None, advice: None, log: None, detail: None }
    }

    /// A plug-in failed.
    pub(super) fn plugin(message: String, plugin: &str) -> Self {
        let advice = Some(mend(plugin));
        Self { message, cause: Cause::Plugin, table: None, advice, log: None, detail: None }
    }

    #[must_use]
    pub(super) fn of_table(mut self, table: &TableName) -> Self {
        self.table = Some(Box::new(Place { table: table.clone(), row: None, column: None }));
        self
    }

    #[must_use]
    pub(super) fn at(mut self, table: &TableName, row: u64, column: Option<String>) -> Self {
        self.table = Some(Box::new(Place { table: table.clone(), row: Some(row), column }));
        self
    }

    #[must_use]
    pub(super) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// What the log says instead of the message.
    #[must_use]
    pub(super) fn log_as(mut self, text: impl Into<String>) -> Self {
        self.log = Some(text.into().into_boxed_str());
        self
    }

    /// Whether the table itself is in trouble: being overtaken or refused is not the table's.
    fn table_error(&self, at: Millis) -> Option<(TableName, TableError)> {
        if matches!(self.cause, Cause::Overtaken | Cause::Refused) {
            return None;
        }
        let Place { table, row, column } = *self.table.clone()?;
        Some((table, TableError { at, message: self.message.clone(), row, column }))
    }
}

fn mend(plugin: &str) -> String {
    format!("mend or remove the plug-in {plugin:?}; the Mirroring Task repeats what failed")
}

impl From<faults::Injected> for CallError {
    fn from(injected: faults::Injected) -> Self {
        StoreError::from(injected).into()
    }
}

impl From<HookFailure> for CallError {
    fn from(failure: HookFailure) -> Self {
        let cause = if failure.refused { Cause::Refused } else { Cause::Plugin };
        let advice = (!failure.refused).then(|| mend(&failure.plugin));
        Self { message: failure.message, cause, table: None, advice, log: failure.log, detail: None }
    }
}

impl From<Overtaken> for CallError {
    fn from(_: Overtaken) -> Self {
        Self {
            message: "overtaken by a later call of the same tenant: nothing was changed by this one".into(),
            cause: Cause::Overtaken,
            table: None,
            advice: None,
            log: None,
            detail: None,
        }
    }
}

impl From<StoreError> for CallError {
    fn from(error: StoreError) -> Self {
        let advice = match error.kind {
            StoreErrorKind::Overtaken => return Self { detail: Some(error.message), ..Overtaken.into() },
            StoreErrorKind::UnknownTable | StoreErrorKind::SchemaChanged => {
                Some("nothing: the next cycle's TableSchema mends it")
            }
            StoreErrorKind::Foreign => Some(
                "rename or drop the table that is in the way, or leave this one out in the Mirroring Task's SkipTable \
                 setting",
            ),
            StoreErrorKind::Row => {
                Some("look at the row at the source; a plug-in can change or leave out such rows until it is mended")
            }
            StoreErrorKind::Transient => Some("nothing, if it passes: the Mirroring Task repeats what failed"),
            StoreErrorKind::Environment => Some("look at the mirror's disk or server, and at who may write there"),
            StoreErrorKind::Corrupt => Some("restore the mirror from a backup, or delete it: it is then filled anew"),
            StoreErrorKind::Connection => Some("look at what the plug-in's resolve-connection answers for this tenant"),
            StoreErrorKind::Schema => Some("wipe or resync the table; if it stays, report it with the host's log"),
            StoreErrorKind::Internal => Some("report it with the host's log"),
        };
        let mut detail = String::new();
        // A database may quote the row that it refuses.
        let told = error.kind != StoreErrorKind::Row;
        let mut source = std::error::Error::source(&error).filter(|_| told);
        while let Some(inner) = source {
            if !detail.is_empty() {
                detail.push_str(": ");
            }
            detail.push_str(&inner.to_string());
            source = inner.source();
        }
        Self {
            cause: Cause::Store(error.kind),
            message: error.message,
            table: None,
            advice: advice.map(str::to_owned),
            log: None,
            detail: (!detail.is_empty()).then_some(detail),
        }
    }
}

impl<'m> Call<'m> {
    /// Begins a call: it has its place in the order from now on.
    pub(super) fn begin(mirror: &'m Mirror, caller: Caller, operation: Operation) -> Self {
        let hooks = mirror.hooks.begin(CallInfo {
            tenant: caller.tenant.clone(),
            application: caller.application.clone(),
            operation,
            client_state: caller.client_state.clone(),
            request_id: caller.request_id.clone(),
        });
        Self {
            place: mirror.order.enter(&caller.tenant, caller.arrival),
            mirror,
            caller,
            operation,
            hooks,
            rows: 0,
            tables: TablesSeen::default(),
            db: None,
            events: Vec::new(),
            told: 0,
            table_errors: Vec::new(),
            counted: false,
            started: Instant::now(),
            finished: false,
        }
    }

    pub(super) fn now(&self) -> Millis {
        self.mirror.clock.now()
    }

    /// Hooks before, then the mirror: made if it is missing.
    pub(super) async fn open(&mut self) -> Result<Opened, CallError> {
        faults::pass(Step::HooksBefore).await?;
        self.hooks.before_operation().await?;
        let connection = self.hooks.resolve_connection().await?;
        faults::pass(Step::Resolved).await?;
        let db = self.mirror.store.open(&self.caller.tenant, connection.as_ref()).await?;
        self.mirror.connections.note(&self.caller.tenant, connection);
        self.attach(db.clone());
        faults::pass(Step::Opened).await?;
        let given = db.ticket().await?;
        faults::pass(Step::Ticket).await?;
        Ok(Opened { db, given, ticket: self.place.settle(given) })
    }

    /// The same for one of the many calls in the middle of a cycle.
    pub(super) async fn open_again(&mut self) -> Result<Opened, CallError> {
        faults::pass(Step::HooksBefore).await?;
        self.hooks.before_operation().await?;
        let connection = self.hooks.resolve_connection().await?;
        faults::pass(Step::Resolved).await?;
        let (db, given) = self.mirror.store.open_again(&self.caller.tenant, connection.as_ref()).await?;
        self.mirror.connections.note(&self.caller.tenant, connection);
        self.attach(db.clone());
        faults::pass(Step::Opened).await?;
        faults::pass(Step::Ticket).await?;
        Ok(Opened { db, given, ticket: self.place.settle(given) })
    }

    /// Hooks before, then the mirror only if it is there.
    pub(super) async fn open_existing(&mut self) -> Result<(), CallError> {
        faults::pass(Step::HooksBefore).await?;
        self.hooks.before_operation().await?;
        let connection = self.hooks.resolve_connection().await?;
        faults::pass(Step::Resolved).await?;
        if let Some(db) = self.mirror.store.open_existing(&self.caller.tenant, connection.as_ref()).await? {
            self.mirror.connections.note(&self.caller.tenant, connection);
            self.attach(db);
        }
        Ok(())
    }

    fn attach(&mut self, db: Arc<dyn MirrorDb>) {
        self.hooks.attach(db.clone());
        self.db = Some(db);
    }

    /// Waits for a table and notes that this call works on it.
    pub(super) async fn lock(&mut self, table: &TableName) -> Result<TableGuard, CallError> {
        let guard = self.place.table(table).await.map_err(|overtaken| CallError::from(overtaken).of_table(table))?;
        faults::pass(Step::Turn).await?;
        Ok(guard)
    }

    /// The same for the tenant's cycle.
    pub(super) async fn lock_cycle(&mut self) -> Result<TableGuard, CallError> {
        Ok(self.place.cycle().await?)
    }

    /// Rows of the table are missing: until the next TableSchema its LSN must not move. To be called while the table is
    /// locked, so that no batch comes between the failure and the mark.
    pub(super) async fn mark_gap(&mut self, opened: &Opened, table: &TableName) {
        match opened.db.mark_gap(&opened.turn(table)).await {
            Ok(()) => self.place.settle_gap(table),
            Err(error) if error.kind == StoreErrorKind::Overtaken => {}
            Err(error) => {
                tracing::warn!(
                    tenant = %self.caller.tenant, %table,
                    "that rows are missing cannot be written into the mirror and is remembered by this process only: {error}"
                );
                self.place.owe_gap(table);
            }
        }
    }

    /// Writes down a gap that could not be when it came about. Until then nothing more is written to the table.
    pub(super) async fn pay_gap(&mut self, opened: &Opened, table: &TableName) -> Result<(), StoreError> {
        if self.place.owes_gap(table) {
            opened.db.mark_gap(&opened.turn(table)).await?;
            self.place.settle_gap(table);
        }
        Ok(())
    }

    /// The LSNs of all tables are told: what was sent before and not read is going to be sent again.
    pub(super) fn nothing_unread(&self) {
        self.place.settle_unread();
    }

    /// The table has been looked at by TableSchema, or wiped.
    pub(super) fn no_gap(&self, table: &TableName) {
        self.place.settle_gap(table);
    }

    /// A commit has counted the call, so that only what else there is to tell of it need be recorded.
    pub(super) fn note_counted(&mut self) {
        self.counted = true;
    }

    /// Something worth telling.
    pub(super) fn event(
        &mut self,
        level: EventLevel,
        kind: &str,
        table: Option<&TableName>,
        message: impl Into<String>,
        advice: Option<String>,
    ) {
        let event = EventRecord {
            at: self.now(),
            level,
            kind: kind.to_owned(),
            operation: Some(self.operation.name().to_owned()),
            table: table.map(|table| table.as_str().to_owned()),
            // Names in it may be anything.
            message: in_one_line(message.into()),
            advice,
        };
        self.events.push(event);
    }

    /// One table is in trouble, or the call is: event, the table's last error, and a line in the log.
    pub(super) fn trouble(&mut self, error: &CallError) {
        let (level, kind) = match error.cause {
            Cause::Overtaken => (EventLevel::Warning, "overtaken"),
            Cause::Refused => (EventLevel::Warning, "plugin"),
            Cause::Plugin => (EventLevel::Error, "plugin"),
            Cause::Request | Cause::Store(_) => (EventLevel::Error, "error"),
        };
        let table = error.table.as_ref().map(|at| at.table.clone());
        self.event(level, kind, table.as_ref(), error.message.clone(), error.advice.clone());
        self.table_errors.extend(error.table_error(self.now()));
        tracing::warn!(
            tenant = %self.caller.tenant,
            operation = %self.operation,
            table = table.as_ref().map(TableName::as_str),
            request_id = %self.caller.request_id,
            cause = ?error.cause,
            detail = error.detail.as_deref(),
            "{}",
            error.log.as_deref().unwrap_or(&error.message)
        );
    }

    /// Ends the call: events told, `operation`'s after, the call recorded and logged.
    pub(super) async fn finish<T>(mut self, result: Result<T, CallError>) -> Result<T, Failure> {
        let result = match (result, self.hooks.take_failure()) {
            (Ok(_), Some(failure)) => Err(CallError::from(failure)),
            (result, _) => result,
        };
        let result = result.map_err(|error: CallError| {
            self.trouble(&error);
            Failure { message: error.message }
        });
        self.tell_events().await;
        faults::pass_or_panic(Step::EventsTold).await;
        let outcome = CallOutcome {
            successful: result.is_ok(),
            message: result.as_ref().err().map(|failure| failure.message.clone()).unwrap_or_default(),
        };
        self.hooks.after_operation(&outcome).await;
        faults::pass_or_panic(Step::HooksAfter).await;
        self.tell_events().await;
        self.record(result.is_err()).await;
        tracing::info!(
            tenant = %self.caller.tenant,
            application = %self.caller.application,
            operation = %self.operation,
            tables = %self.tables,
            rows = self.rows,
            duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
            request_id = %self.caller.request_id,
            outcome = if result.is_ok() { "done" } else { "failed" },
            "call"
        );
        self.finished = true;
        result
    }

    /// `log-event` for what is new. What plug-ins report while being told is kept for the record, and told in the next
    /// round only, so that a plug-in that always reports cannot keep a call busy.
    async fn tell_events(&mut self) {
        self.events.extend(self.hooks.take_events());
        let until = self.events.len();
        for event in &self.events[self.told..until] {
            self.hooks.log_event(event).await;
        }
        self.told = until;
        self.events.extend(self.hooks.take_events());
    }

    /// Writes the call into the mirror's side tables. That this fails is told in the log and changes nothing else: the call's
    /// own work is durable or taken back already.
    async fn record(&mut self, failed: bool) {
        if self.db.is_none() && failed {
            // The mirror was not opened, or not yet: a failure is still worth showing in one that exists.
            let connection = self.mirror.connections.of(&self.caller.tenant);
            match self.mirror.store.open_existing(&self.caller.tenant, connection.as_ref()).await {
                Ok(db) => self.db = db,
                Err(error) => {
                    tracing::warn!(tenant = %self.caller.tenant, "the failed call cannot be recorded: {error}");
                }
            }
        }
        let Some(db) = &self.db else { return };
        if self.counted && !failed && self.table_errors.is_empty() && self.events.is_empty() {
            return;
        }
        let record = CallRecord {
            at: self.now(),
            operation: self.operation,
            failed,
            table_errors: std::mem::take(&mut self.table_errors),
            events: std::mem::take(&mut self.events),
        };
        let recorded = match faults::pass(Step::Record).await {
            Ok(()) if self.counted => db.history().record_counted_call(&record).await,
            Ok(()) => db.history().record_call(&record).await,
            Err(injected) => Err(injected.into()),
        };
        if let Err(error) = recorded {
            tracing::warn!(
                tenant = %self.caller.tenant,
                operation = %self.operation,
                request_id = %self.caller.request_id,
                "the call could not be recorded in the mirror's side tables: {error}"
            );
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if !self.finished {
            tracing::warn!(
                tenant = %self.caller.tenant,
                operation = %self.operation,
                request_id = %self.caller.request_id,
                "the call was broken off before its end; what was not committed is taken back"
            );
        }
    }
}
