//! Rows of a batch as a table that SQLite reads by itself, so that one `INSERT … SELECT` writes a whole stretch.
//!
//! A prepared statement run once a row binds every cell, copies every text, opens the table and looks for the row's place from
//! the top, each time. Here SQLite asks for a cell when it writes it, out of the column where it lies, and keeps its place in the
//! table from row to row. What that is worth: docs/decisions/speed.md.
//!
//! A virtual table has as many columns as it is declared with, so there are a few of different widths; each is made only when it
//! is first used. They belong to one connection, cannot be named by views or triggers, and hold nothing between two stretches.

#![allow(unsafe_code, reason = "rusqlite asks it of whoever makes a virtual table; what it asks for is written below")]

use std::borrow::Cow;
use std::cell::RefCell;
use std::ffi::{CStr, CString, c_int};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::functions::FunctionFlags;
use rusqlite::vtab::{
    Context, Filters, IndexInfo, Module, VTab, VTabConfig, VTabConnection, VTabCursor, sqlite3_vtab,
    sqlite3_vtab_cursor,
};
use rusqlite::{Connection, Error};

use super::errors::Result;
use super::rows::PlannedColumn;
use super::values::{Stored, cell};
use crate::protocol::columns::TypedBatch;

/// The widths there are. SQL Server's tables have at most 1,024 columns, sparse ones aside.
const WIDTHS: [(usize, &CStr); 3] = [(16, c"speil_feed_16"), (128, c"speil_feed_128"), (1024, c"speil_feed_1024")];

/// The function that is true and counts, for the `WHERE` of an upsert's update.
pub(super) const UPDATED: &str = "speil_feed_updated";

/// One connection's way to feed itself.
#[derive(Clone)]
pub(super) struct Feed(Slot);

type Slot = Arc<Mutex<Option<Arc<Stretch>>>>;

/// Rows to be written into one table.
pub(super) struct Stretch {
    pub batch: Arc<TypedBatch>,
    /// Which rows of it, in this order.
    pub rows: Arc<[u32]>,
    pub columns: Arc<[PlannedColumn]>,
    /// How many rows of the table were updated.
    pub updated: AtomicU64,
}

impl Feed {
    /// Gives a connection its feed.
    pub fn of(db: &mut Connection) -> Result<Self> {
        const MODULE: Module<'static, FeedTable> = Module::eponymous_only_module();
        let slot = Slot::default();
        for (_, name) in WIDTHS {
            db.create_module(name, &MODULE, Some(slot.clone()))?;
        }
        // SQLite counts the rows an upsert inserted and those it updated as one: its WHERE counts the latter. An update hook
        // would count what triggers do as well.
        let told = slot.clone();
        db.create_scalar_function(
            UPDATED,
            0,
            FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY,
            move |_| {
                if let Some(stretch) = &*lock(&told) {
                    stretch.updated.fetch_add(1, Ordering::Relaxed);
                }
                Ok(true)
            },
        )?;
        Ok(Self(slot))
    }

    /// `SELECT` of so many columns of the feed; `None` when it has not as many.
    pub fn select(columns: usize) -> Option<String> {
        let (_, name) = WIDTHS.into_iter().find(|(width, _)| columns <= *width)?;
        let list: Vec<String> = (0..columns).map(|at| format!("c{at}")).collect();
        // The condition keeps ON CONFLICT from being read as a join's.
        Some(format!("SELECT {} FROM {} WHERE true", list.join(", "), name.to_string_lossy()))
    }

    /// Runs a statement over such a select. How many rows it wrote.
    pub fn run(&self, db: &Connection, sql: &str, stretch: &Arc<Stretch>) -> rusqlite::Result<u64> {
        let mut statement = db.prepare_cached(sql)?;
        *lock(&self.0) = Some(Arc::clone(stretch));
        let written = statement.execute([]);
        *lock(&self.0) = None;
        written.map(|rows| rows as u64)
    }
}

fn lock(slot: &Slot) -> std::sync::MutexGuard<'_, Option<Arc<Stretch>>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What SQLite sees as a table.
#[repr(C)]
struct FeedTable {
    /// First, since SQLite knows the table by it.
    base: sqlite3_vtab,
    slot: Slot,
}

/// What SQLite walks through it with.
#[repr(C)]
struct FeedCursor {
    /// First, since SQLite knows the cursor by it.
    base: sqlite3_vtab_cursor,
    slot: Slot,
    stretch: Option<Arc<Stretch>>,
    at: usize,
    scratch: RefCell<String>,
}

// SAFETY: the struct is `repr(C)` and begins with SQLite's own, as the trait asks; SQLite makes and frees it on the thread that
// has the connection, and what it holds is shared by counting.
unsafe impl VTab<'_> for FeedTable {
    type Aux = Slot;
    type Cursor = FeedCursor;

    fn connect(
        db: &mut VTabConnection,
        aux: Option<&Slot>,
        module: &[u8],
        _: &[u8],
        _: &[u8],
        _: &[&[u8]],
    ) -> rusqlite::Result<(Cow<'static, CStr>, Self)> {
        db.config(VTabConfig::DirectOnly)?;
        let width = WIDTHS.iter().find(|(_, name)| name.to_bytes() == module).map(|(width, _)| *width);
        let (Some(width), Some(slot)) = (width, aux) else {
            return Err(Error::ModuleError("there is no feed of that name".into()));
        };
        let columns: Vec<String> = (0..width).map(|at| format!("c{at}")).collect();
        let sql = CString::new(format!("CREATE TABLE feed ({})", columns.join(", ")))?;
        Ok((Cow::Owned(sql), Self { base: sqlite3_vtab::default(), slot: slot.clone() }))
    }

    fn best_index(&self, info: &mut IndexInfo) -> rusqlite::Result<bool> {
        info.set_estimated_cost(1000.0);
        info.set_estimated_rows(1000);
        Ok(true)
    }

    fn open(&mut self) -> rusqlite::Result<FeedCursor> {
        Ok(FeedCursor {
            base: sqlite3_vtab_cursor::default(),
            slot: self.slot.clone(),
            stretch: None,
            at: 0,
            scratch: RefCell::new(String::with_capacity(64)),
        })
    }
}

// SAFETY: as above.
unsafe impl VTabCursor for FeedCursor {
    fn filter(&mut self, _: c_int, _: Option<&str>, _: &Filters<'_>) -> rusqlite::Result<()> {
        self.stretch.clone_from(&lock(&self.slot));
        self.at = 0;
        Ok(())
    }

    fn next(&mut self) -> rusqlite::Result<()> {
        self.at += 1;
        Ok(())
    }

    fn eof(&self) -> bool {
        self.stretch.as_ref().is_none_or(|stretch| self.at >= stretch.rows.len())
    }

    fn column(&self, context: &mut Context, column: c_int) -> rusqlite::Result<()> {
        let refuse = |why: &str| Err(Error::ModuleError(why.to_owned()));
        let (Some(stretch), Ok(column)) = (&self.stretch, usize::try_from(column)) else {
            return refuse("the feed has no rows");
        };
        let planned = &stretch.columns[column];
        let row = stretch.rows[self.at] as usize;
        let mut scratch = self.scratch.borrow_mut();
        match cell(&stretch.batch.columns[column], row, planned.sql_type, &mut scratch) {
            Ok(Stored::Null) if planned.required => refuse("a NULL where the column allows none"),
            Ok(stored) => context.set_result(stored),
            Err(error) => refuse(&error.to_string()),
        }
    }

    fn rowid(&self) -> rusqlite::Result<i64> {
        Ok(i64::try_from(self.at).unwrap_or(i64::MAX))
    }
}
