//! What the tests of plug-ins share: a folder of plug-ins, a call to serve, and the log lines they write.

#![allow(dead_code, reason = "each test binary uses its own part")]

use std::cell::RefCell;
use std::fmt::Write as _;
use std::sync::{Arc, Once};
use std::thread::ThreadId;

use speil::config::PluginsConfig;
use speil::plugins::{CallHooks, CallInfo, HookSource, PluginHost};
use speil::protocol::columns::{Column, TypedBatch, Value};
use speil::protocol::context_id::ContextId;
use speil::protocol::messages::RowOp;
use speil::protocol::names::Operation;
use speil::protocol::table_def::TableDef;
use speil::store::history::EventRecord;
use speil_tests::kit::tables::keyed_by_first;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

/// A file of a plug-in folder.
pub type File<'a> = (&'a str, &'a [u8]);

/// A folder with these files.
pub fn folder(files: &[File<'_>]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in files {
        std::fs::write(folder.path().join(name), bytes).expect("a file");
    }
    folder
}

/// The host over a folder with these files.
pub fn host(files: &[File<'_>]) -> PluginHost {
    let folder = folder(files);
    let config = PluginsConfig::over(folder.path());
    PluginHost::load(&config).expect("a broken plug-in breaks nobody else")
}

/// The same component as another file: a section is added that means nothing.
pub fn another(component: &[u8], tag: &str) -> Vec<u8> {
    let length = |bytes: usize| u8::try_from(bytes).expect("a short tag") & 0x7f;
    let mut bytes = component.to_vec();
    bytes.extend([0, length(tag.len() + 1), length(tag.len())]);
    bytes.extend(tag.as_bytes());
    bytes
}

/// Puts a file in place at once, as a careful copying program does.
pub fn place(folder: &std::path::Path, name: &str, bytes: &[u8]) {
    let temporary = folder.join(format!(".{name}.part"));
    std::fs::write(&temporary, bytes).expect("a file");
    std::fs::rename(temporary, folder.join(name)).expect("renamed");
}

/// The misbehaving guest alone, misbehaving like this in this hook, with these limits.
pub fn hostile(hook: &str, behaviour: &str, limits: &str) -> PluginHost {
    let sidecar = format!("[config]\nhook = \"{hook}\"\nbehaviour = \"{behaviour}\"\n[limits]\n{limits}\n");
    host(&[("hostile.wasm", speil_test_guests::HOSTILE), ("hostile.toml", sidecar.as_bytes())])
}

/// What a call is about.
pub fn info(operation: Operation) -> CallInfo {
    CallInfo {
        tenant: ContextId::new("Cust1").expect("a tenant"),
        application: "app".into(),
        operation,
        client_state: "state".into(),
        request_id: "r1".into(),
    }
}

/// Begins a call.
pub fn begin(host: &PluginHost, operation: Operation) -> Box<dyn CallHooks> {
    host.begin(info(operation))
}

/// `person`: id int key, name nvarchar(20), age int NOT NULL, and a column of every other kind.
pub fn person() -> Arc<TableDef> {
    keyed_by_first(
        "person",
        &[
            ("id", "int", false),
            ("name", "nvarchar(20)", true),
            ("age", "int", false),
            ("height", "float", true),
            ("pay", "decimal(10,2)", true),
            ("born", "datetime", true),
            ("photo", "varbinary(max)", true),
            ("guid", "uniqueidentifier", true),
            ("seen", "datetimeoffset(7)", true),
        ],
    )
}

/// Rows of [`person`]: an operation, an id, a name, an age; the other columns have one value for all.
pub fn people(rows: &[(RowOp, i64, Option<&str>, i64)]) -> TypedBatch {
    let table = person();
    let mut columns: Vec<Column> =
        table.columns.iter().map(|column| Column::with_capacity(column.sql_type, rows.len())).collect();
    for (op, id, name, age) in rows {
        let values = [
            Value::Integer(*id),
            name.map_or(Value::Null, Value::Text),
            Value::Integer(*age),
            Value::Real(1.75),
            Value::Decimal { unscaled: -123_450, scale: 2 },
            Value::Timestamp(637_254_240_430_000_000),
            Value::Binary(b"\x00\xff"),
            Value::Guid([0x6f; 16]),
            Value::TimestampOffset(637_254_240_431_234_567, 120),
        ];
        for (index, (column, value)) in columns.iter_mut().zip(values).enumerate() {
            let value = if *op == RowOp::Delete && index > 0 { Value::Null } else { value };
            column.push(value).expect("a value that fits");
        }
    }
    TypedBatch { ops: rows.iter().map(|row| row.0).collect(), columns, first_row: 1 }
}

/// A batch as text, a line a row.
pub fn shown(table: &TableDef, batch: &TypedBatch) -> String {
    let mut text = String::new();
    for row in 0..batch.len() {
        write!(text, "{}", batch.ops[row].letter()).expect("writing to a String cannot fail");
        for (column, def) in batch.columns.iter().zip(&table.columns) {
            assert_eq!(column.len(), batch.len(), "{}", def.name);
            let value = column.value(row, def.sql_type.decimal_scale());
            write!(text, " {}={value:?}", def.name).expect("writing to a String cannot fail");
        }
        text.push('\n');
    }
    text
}

/// A text without what differs from run to run: the version, which each build of a guest has its own of, and the time a limit
/// of time was cut after.
pub fn plain(text: &str) -> String {
    let versions = without(text, " version ", ",", "VERSION", |version| {
        version.len() == 12 && version.chars().all(|digit| digit.is_ascii_hexdigit())
    });
    without(&versions, "(cut after ", " ms)", "N", |time| time.parse::<u64>().is_ok_and(|time| time < 60_000))
}

/// Writes `word` for all that stands between `head` and `tail`.
pub fn without(text: &str, head: &str, tail: &str, word: &str, is_one: fn(&str) -> bool) -> String {
    let mut pieces = text.split(head);
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        plain += head;
        match piece.split_once(tail).filter(|(one, _)| is_one(one)) {
            Some((_, rest)) => {
                plain.extend([word, tail, rest]);
            }
            None => plain += piece,
        }
    }
    plain
}

/// Events as text: kind, operation, table, message.
pub fn told(events: &[EventRecord]) -> Vec<String> {
    events
        .iter()
        .map(|event| {
            let operation = event.operation.as_deref().unwrap_or("-");
            let table = event.table.as_deref().unwrap_or("-");
            format!("{:?} {} {operation} {table}: {}", event.level, event.kind, event.message)
        })
        .collect()
}

thread_local! {
    /// A test runs on one thread, and with it the plug-ins it calls.
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The log lines of plug-ins written on this thread.
pub struct Lines {
    thread: ThreadId,
}

impl Lines {
    /// Listens from now on. One listener serves all tests: subscribers that come and go while others write lose lines.
    pub fn listen() -> Self {
        static LISTENER: Once = Once::new();
        LISTENER.call_once(|| {
            let subscriber = tracing_subscriber::registry().with(Listener);
            tracing::subscriber::set_global_default(subscriber).expect("nobody else listens in a test");
        });
        let lines = Self { thread: std::thread::current().id() };
        lines.take();
        lines
    }

    /// The lines since last asked: `LEVEL plugin text`.
    pub fn take(&self) -> Vec<String> {
        assert_eq!(std::thread::current().id(), self.thread, "the lines are on the thread that listened");
        LINES.take()
    }
}

struct Listener;

impl<S: tracing::Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != "speil::plugin" {
            return;
        }
        let mut line = Line::default();
        event.record(&mut line);
        let line = format!("{} {} {}", event.metadata().level(), line.plugin, line.message);
        LINES.with_borrow_mut(|lines| lines.push(line));
    }
}

#[derive(Default)]
struct Line {
    plugin: String,
    message: String,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "plugin" {
            self.plugin = value.into();
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        }
    }
}
