//! What a plug-in's statement may touch, asked by SQLite while it compiles the statement (the authorizer) and while it runs
//! (the progress handler).
//!
//! Everything is refused that is not listed here. SQLite asks about every table and column that a statement reaches, also
//! through views, and about every kind of action; so the text of the statement is never looked at.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

use super::functions::is_harmless;
use crate::protocol::table_name::fold;
use crate::store::GuestPowers;

/// Virtual machine steps between two looks at the clock: a matter of microseconds.
pub(super) const STEPS: i32 = 2_000;

/// The rules of one connection, shared with SQLite's callbacks.
#[derive(Clone)]
pub(super) struct Rules(Arc<Mutex<State>>);

/// What holds now.
struct State {
    powers: GuestPowers,
    metadata: String,
    /// A plug-in's statement is at work; else it is the host's own.
    guarding: bool,
    /// The statement may write.
    writing: bool,
    /// Mirrored tables, folded.
    mirrored: HashSet<String>,
    /// Every name in the database and every virtual table there is, in small letters: a name that is none of them is one that
    /// the statement itself makes (`WITH`).
    taken: HashSet<String>,
    stop: Option<Stop>,
    seen: Seen,
    refused: Option<String>,
}

/// When to interrupt.
#[derive(Clone)]
pub(super) struct Stop {
    pub until: Instant,
    pub abandoned: Arc<AtomicBool>,
}

/// What a statement turned out to be.
#[derive(Debug, Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is seen or not, in any mixture")]
pub(super) struct Seen {
    pub reads: bool,
    /// Writes rows of the plug-in's own tables.
    pub writes: bool,
    /// Makes something.
    pub creates: bool,
    /// Changes or drops something. Such a statement has no room for a SELECT of the plug-in's own.
    pub alters: bool,
    /// Writes the catalogue, as making and dropping do.
    catalogue: bool,
}

impl Seen {
    pub fn changes_schema(self) -> bool {
        self.creates || self.alters
    }

    /// A write of the catalogue that is no part of making or dropping.
    pub fn forges(self) -> bool {
        self.catalogue && !self.changes_schema()
    }
}

impl Rules {
    pub fn new(powers: GuestPowers, metadata: &str) -> Self {
        Self(Arc::new(Mutex::new(State {
            powers,
            metadata: metadata.to_ascii_lowercase(),
            guarding: false,
            writing: false,
            mirrored: HashSet::new(),
            taken: HashSet::new(),
            stop: None,
            seen: Seen::default(),
            refused: None,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here can panic half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is in the database now.
    pub fn know(&self, mirrored: HashSet<String>, taken: HashSet<String>) {
        let mut state = self.state();
        state.mirrored = mirrored;
        state.taken = taken;
    }

    /// From now on a plug-in's statement is at work.
    pub fn guard(&self, writing: bool, stop: Stop) {
        let mut state = self.state();
        state.guarding = true;
        state.writing = writing;
        state.stop = Some(stop);
        state.seen = Seen::default();
        state.refused = None;
    }

    /// The same statement goes on after the host's own work.
    pub fn resume(&self) {
        self.state().guarding = true;
    }

    /// From now on it is the host's own work.
    pub fn release(&self) -> Seen {
        let mut state = self.state();
        state.guarding = false;
        state.seen
    }

    /// What the statement turned out to be so far.
    pub fn seen(&self) -> Seen {
        self.state().seen
    }

    /// What was refused first, in words.
    pub fn refusal(&self) -> Option<String> {
        self.state().refused.clone()
    }

    /// Whether an object is the plug-in's own to write.
    pub fn owns(&self, name: &str) -> bool {
        self.state().owns(name)
    }

    /// For the authorizer.
    pub fn authorize(&self, context: &AuthContext<'_>) -> Authorization {
        let mut state = self.state();
        if !state.guarding {
            return Authorization::Allow;
        }
        match state.decide(context) {
            Ok(()) => Authorization::Allow,
            Err(refusal) => {
                state.refused.get_or_insert(refusal);
                Authorization::Deny
            }
        }
    }

    /// For the progress handler: whether to interrupt.
    pub fn is_over(&self) -> bool {
        let state = self.state();
        state.guarding && state.stop.as_ref().is_some_and(Stop::is_over)
    }
}

impl Stop {
    /// For what is to be finished in any case.
    pub fn never() -> Self {
        Self { until: Instant::now() + std::time::Duration::from_hours(1), abandoned: Arc::default() }
    }

    pub fn is_over(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed) || Instant::now() >= self.until
    }
}

/// The database's own tables that hold what it knows of itself.
fn is_catalogue(name: &str) -> bool {
    matches!(name, "sqlite_master" | "sqlite_schema" | "sqlite_sequence")
}

impl State {
    fn owns(&self, name: &str) -> bool {
        self.powers.owns(name) && !self.mirrored.contains(&fold(name))
    }

    fn reads(&self, name: &str) -> bool {
        let small = name.to_ascii_lowercase();
        let reserved = small.starts_with("speil_") || small.starts_with("sqlite_") || small == self.metadata;
        !reserved && (self.owns(name) || self.mirrored.contains(&fold(name)))
    }

    fn decide(&mut self, context: &AuthContext<'_>) -> Result<(), String> {
        use AuthAction as A;
        let main = context.database_name == Some("main");
        match context.action {
            A::Select => {
                self.seen.reads = true;
                Ok(())
            }
            A::Read { table_name, column_name } => self.read(table_name, column_name, context.database_name),
            A::Function { function_name } => self.function(function_name),
            A::Insert { table_name } | A::Update { table_name, .. } | A::Delete { table_name } if main => {
                self.write(table_name)
            }
            A::CreateTable { table_name } if main => self.create("table", table_name),
            A::CreateView { view_name } if main => self.create("view", view_name),
            A::CreateIndex { index_name, table_name } if main => {
                self.owned("make an index on", table_name)?;
                self.create("index", index_name)
            }
            // Part of making an index.
            A::Reindex { index_name } if main && self.seen.creates => self.owned("make the index", index_name),
            A::DropTable { table_name } if main => self.alter("drop", table_name),
            A::DropView { view_name } if main => self.alter("drop", view_name),
            A::DropIndex { index_name, table_name } if main => {
                self.owned("drop an index of", table_name)?;
                self.alter("drop", index_name)
            }
            A::AlterTable { database_name: "main", table_name } => self.alter("alter", table_name),
            A::Recursive => Ok(()),
            // What ALTER TABLE itself does: renaming looks among temporary things, where there is nothing, and a new column
            // is checked against the rows.
            A::Update { table_name: "sqlite_temp_master" | "sqlite_temp_schema", .. }
            | A::Pragma { pragma_name: "quick_check", .. }
                if self.seen.alters =>
            {
                Ok(())
            }
            _ => Err(format!("it may not {}", deed(&context.action))),
        }
    }

    fn read(&self, table: &str, column: &str, database: Option<&str>) -> Result<(), String> {
        let small = table.to_ascii_lowercase();
        if is_catalogue(&small) {
            // Making something looks at the row it has just written, altering and dropping at more.
            let own_work = self.writing && (self.seen.alters || (self.seen.creates && column == "ROWID"));
            return if own_work { Ok(()) } else { Err(self.unreadable(table)) };
        }
        if matches!(database, Some("main") | None)
            && (self.reads(table) || matches!(&*small, "json_each" | "json_tree"))
        {
            return Ok(());
        }
        if self.seen.alters && matches!(&*small, "pragma_quick_check" | "sqlite_temp_master" | "sqlite_temp_schema") {
            return Ok(());
        }
        // A name of the statement's own, of which no column is used: SQLite asks without saying so.
        let own_name = column.is_empty()
            && database.is_none()
            && !self.taken.contains(&small)
            && !small.starts_with("sqlite_")
            && !small.starts_with("pragma_");
        if own_name { Ok(()) } else { Err(self.unreadable(table)) }
    }

    fn unreadable(&self, table: &str) -> String {
        format!(
            "it may not read {}: a plug-in reads the mirrored tables and its own, whose names begin with {}",
            shown(table),
            self.powers.prefix
        )
    }

    fn function(&self, name: &str) -> Result<(), String> {
        let altering = self.seen.alters && (name.starts_with("sqlite_") || name == "raise");
        if altering || is_harmless(name) {
            return Ok(());
        }
        Err(format!("it may not use the function {}, which is not one of those offered to plug-ins", shown(name)))
    }

    fn write(&mut self, table: &str) -> Result<(), String> {
        if self.writing && is_catalogue(&table.to_ascii_lowercase()) {
            // Making and dropping begin with this; by itself SQLite refuses it, and so does `Seen::forges`.
            self.seen.catalogue = true;
            return Ok(());
        }
        self.owned("write", table)?;
        self.seen.writes = true;
        Ok(())
    }

    fn create(&mut self, what: &str, name: &str) -> Result<(), String> {
        // Indexes that a UNIQUE makes, and the table behind AUTOINCREMENT, have names that only SQLite itself can give.
        let by_itself = name.starts_with("sqlite_autoindex_") || name == "sqlite_sequence";
        if !(self.writing && by_itself) {
            self.owned(&format!("make the {what}"), name)?;
        }
        self.seen.creates = true;
        Ok(())
    }

    fn alter(&mut self, deed: &str, name: &str) -> Result<(), String> {
        self.owned(deed, name)?;
        self.seen.alters = true;
        Ok(())
    }

    fn owned(&self, deed: &str, name: &str) -> Result<(), String> {
        if !self.writing {
            return Err(format!("it may not {deed} {} in a query; `execute` writes", shown(name)));
        }
        if self.owns(name) {
            return Ok(());
        }
        Err(format!(
            "it may not {deed} {}: a plug-in writes only what is its own, with names that begin with {}",
            shown(name),
            self.powers.prefix
        ))
    }
}

/// A name in a message: whatever stands in it, one line and not long.
fn shown(name: &str) -> String {
    let short: String = name.chars().take(128).collect();
    format!("{short:?}")
}

/// What the action is called in SQL.
fn deed(action: &AuthAction<'_>) -> &'static str {
    use AuthAction as A;
    match action {
        A::Attach { .. } | A::Detach { .. } => "attach or detach a database",
        A::Pragma { .. } => "use PRAGMA",
        A::Transaction { .. } | A::Savepoint { .. } => "begin or end a transaction: every statement is one of its own",
        A::CreateTrigger { .. } | A::CreateTempTrigger { .. } | A::DropTrigger { .. } | A::DropTempTrigger { .. } => {
            "make or drop a trigger"
        }
        A::CreateVtable { .. } | A::DropVtable { .. } => "make or drop a virtual table",
        A::CreateTempIndex { .. }
        | A::CreateTempTable { .. }
        | A::CreateTempView { .. }
        | A::DropTempIndex { .. }
        | A::DropTempTable { .. }
        | A::DropTempView { .. }
        | A::Insert { .. }
        | A::Update { .. }
        | A::Delete { .. } => "make or drop anything temporary: it would be gone with the call",
        A::Analyze { .. } | A::Reindex { .. } => "use ANALYZE or REINDEX",
        _ => "do this in the mirror's database",
    }
}
