//! A table as it was and, below `---`, as it is: the name, then a line `name|type|null|default` for each column. What is
//! planned is done, in a real mirror with rows in the table: then the table is what the source wants, and rows that were
//! kept hold what they held.

use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use speil::mirror::{PlannedChange, planned_change};
use speil::protocol::cell::{plain, type_segment};
use speil::protocol::columns::{OwnedValue, TypedBatch};
use speil::protocol::lsn::Lsn;
use speil::protocol::messages::{ColumnInfo, RowOp, TableSchemaInfo};
use speil::protocol::raw_batch::RawBatch;
use speil::protocol::sql_type::{Family, SqlType};
use speil::protocol::table_def::TableDef;
use speil::protocol::table_name::fold;
use speil::store::history::OpCounts;
use speil::store::sqlite::{SqliteSettings, SqliteStore};
use speil::store::{MirrorDb, RowChanges, SchemaHash, Store as _, StoreError, Turn};

/// More columns than this say nothing new and take long.
const MOST_COLUMNS: usize = 40;
/// Hashes are not compared with anything here: any will do, and the two differ.
const HASHES: [SchemaHash; 2] = [SchemaHash([1; 32]), SchemaHash([2; 32])];

/// Tries one change.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((old, new)) = text.split_once("\n---\n") else { return };
    let (Some(old), Some(mut new)) = (table(old), table(new)) else { return };
    new.name = old.name.clone();
    for def in [&old, &new] {
        let written = serde_json::to_string(def).expect("a definition can be kept");
        assert_eq!(serde_json::from_str::<TableDef>(&written).expect("and read again"), *def);
        assert_eq!(planned_change(def, def), PlannedChange::Nothing, "what has not changed is left alone");
    }
    let change = planned_change(&old, &new);
    assert_eq!(change == PlannedChange::Nothing, old.digest() == new.digest());
    let place = place();
    let done = place.runtime.block_on(carry_out(place.mirror.as_ref(), &old, &new, &change));
    done.unwrap_or_else(|error| panic!("{change:?} from {old:#?} to {new:#?}: {error}"));
}

/// One half of the input; `None` where the table cannot be mirrored, which was said in words.
pub(super) fn table(text: &str) -> Option<TableDef> {
    let mut lines = text.split('\n');
    let mut info = TableSchemaInfo { table_name: lines.next().unwrap_or_default().into(), columns: Vec::new() };
    for line in lines.take(MOST_COLUMNS) {
        let mut parts = line.splitn(4, '|').map(str::to_owned);
        info.columns.push(ColumnInfo {
            name: parts.next().unwrap_or_default(),
            sql_type: parts.next().unwrap_or_default(),
            is_nullable: parts.next().is_some_and(|word| word == "null"),
            default_value: parts.next().unwrap_or_default(),
        });
    }
    match TableDef::from_wire(&info, None) {
        // Names of the mirror's own are refused further in, by whoever knows them.
        Ok(def) if ["speil_", "sqlite_", "fuzz_"].iter().any(|own| def.name.folded().starts_with(own)) => None,
        Ok(def) => Some(def),
        Err(error) => {
            super::is_presentable(&error.to_string(), 6000);
            None
        }
    }
}

struct Place {
    runtime: tokio::runtime::Runtime,
    mirror: Arc<dyn MirrorDb>,
    _folder: tempfile::TempDir,
}

/// One mirror for all inputs, in memory where the system has a folder for that.
fn place() -> &'static Place {
    static PLACE: OnceLock<Place> = OnceLock::new();
    PLACE.get_or_init(|| {
        let memory = std::path::Path::new("/dev/shm");
        let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
        let folder = folder.expect("a temporary folder");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let store = SqliteStore::open(SqliteSettings::new(folder.path())).expect("a store");
        let tenant = speil::protocol::context_id::ContextId::new("Fuzz").expect("legal");
        let mirror = runtime.block_on(store.open(&tenant, None)).expect("a mirror");
        Place { runtime, mirror, _folder: folder }
    })
}

async fn carry_out(
    mirror: &dyn MirrorDb,
    old: &TableDef,
    new: &TableDef,
    change: &PlannedChange,
) -> Result<(), StoreError> {
    let turn = Turn { table: old.name.clone(), ticket: mirror.ticket().await? };
    mirror.create_table(&turn, old, HASHES[0]).await?;
    is_as_wanted(mirror, old).await?;
    let rows = extremes(old);
    let number = rows.len();
    let mut writer = mirror.begin(&turn, old, HASHES[0]).await?;
    let upserts = (0..u32::try_from(number).expect("two")).collect();
    writer.apply(RowChanges { batch: Arc::new(rows.clone()), deletes: Vec::new(), upserts }).await?;
    writer.commit(Lsn(7), OpCounts::default()).await?;
    match change {
        PlannedChange::Nothing => {}
        PlannedChange::InPlace => {
            mirror.alter_table(&turn, old, new, HASHES[1]).await?;
            are_kept(&rows, old, &read(mirror, new).await?, new);
        }
        PlannedChange::Anew(why) => {
            super::is_presentable(why, 2000);
            mirror.create_table(&turn, new, HASHES[1]).await?;
            assert_eq!(read(mirror, new).await?.len(), 0, "a new table is empty");
        }
    }
    // What differs in the case of names only is left as it was.
    let wanted = if *change == PlannedChange::Nothing { old } else { new };
    is_as_wanted(mirror, wanted).await?;
    mirror.drop_table(&turn).await
}

/// The table in the database is the definition, and so is what is written down about it.
async fn is_as_wanted(mirror: &dyn MirrorDb, wanted: &TableDef) -> Result<(), StoreError> {
    let there = mirror.describe(&wanted.name).await?.expect("the table is there");
    let mut is: Vec<_> =
        there.columns.iter().map(|column| (fold(&column.name), column.sql_type.map(stored), column.nullable)).collect();
    is.sort_by(|a, b| a.0.cmp(&b.0));
    let mut should: Vec<_> = wanted
        .columns
        .iter()
        .map(|column| (fold(&column.name), Some(stored(column.sql_type)), column.nullable))
        .collect();
    should.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(is, should, "columns of {:?}", wanted.name);
    let key: Vec<_> = there.key.iter().map(|name| fold(name)).collect();
    let wanted_key: Vec<_> = wanted.key.iter().map(|&at| fold(&wanted.columns[at].name)).collect();
    assert_eq!(key, wanted_key, "key of {:?}", wanted.name);
    let record = mirror.table(&wanted.name).await?.expect("it is written down");
    assert_eq!(record.def.as_deref(), Some(wanted), "the definition that was kept");
    Ok(())
}

/// A rowversion's values cannot be written, so a mirror holds them as bytes.
fn stored(sql_type: SqlType) -> SqlType {
    if sql_type == SqlType::RowVersion { SqlType::Binary(8) } else { sql_type }
}

async fn read(mirror: &dyn MirrorDb, def: &TableDef) -> Result<TypedBatch, StoreError> {
    let mut found = None;
    mirror
        .read(def, 100, &mut |batch| {
            found = Some(batch);
            ControlFlow::Break(())
        })
        .await?;
    let empty = || {
        let none = RawBatch::from_rows(Vec::<(RowOp, Vec<Option<&str>>)>::new()).into_segments().next();
        let segment = none.transpose().expect("in memory").unwrap_or_default();
        type_segment(segment, def).expect("no rows")
    };
    Ok(found.unwrap_or_else(empty))
}

/// Two rows of the least and the greatest that each type can hold.
fn extremes(def: &TableDef) -> TypedBatch {
    let row = |greatest: bool| {
        let cells = def.columns.iter().map(|column| Some(extreme(column.sql_type, greatest)));
        (RowOp::Insert, cells.collect::<Vec<_>>())
    };
    let batch = RawBatch::from_rows([row(false), row(true)]);
    let segment = batch.into_segments().next().expect("two rows").expect("in memory");
    type_segment(segment, def).unwrap_or_else(|error| panic!("rows of {def:#?}: {error}"))
}

fn extreme(sql_type: SqlType, greatest: bool) -> String {
    let pick = |least: &str, most: &str| if greatest { most.to_owned() } else { least.to_owned() };
    match sql_type.family() {
        Family::Integer => {
            let (least, most) = sql_type.integer_range().expect("an integer type");
            format!("[I:{}]", if greatest { most } else { least })
        }
        Family::Decimal => {
            let (least, most) = sql_type.decimal_range().expect("a decimal type");
            let scale = usize::from(sql_type.decimal_scale());
            let number = if greatest { most } else { least };
            let digits = format!("{:0>width$}", number.unsigned_abs(), width = scale + 1);
            let (whole, decimals) = digits.split_at(digits.len() - scale);
            let point = if scale > 0 { "." } else { "" };
            format!("[M:{}{whole}{point}{decimals}]", if number < 0 { "-" } else { "" })
        }
        Family::Real => pick("[F:-1.5]", "[F:1E+10]"),
        Family::Timestamp if sql_type == SqlType::Date => pick("[D:01/02/1900]", "[D:06/06/2079]"),
        Family::Timestamp => pick("[DT:01/02/1900 00:00:00]", "[DT:06/05/2079 23:59:00]"),
        Family::Time => pick("[T:00:00]", "[T:23:59:59]"),
        Family::TimestampOffset => pick("[DT:01/02/1900 00:00:00 +00:00]", "[DT:06/05/2079 23:59:00 -12:00]"),
        Family::Guid => pick("00000000-0000-0000-0000-000000000001", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
        Family::Text => pick("", "å"),
        Family::Binary => match sql_type {
            SqlType::RowVersion => pick("[B:AAAAAAAAAAE=]", "[B://////////8=]"),
            SqlType::Binary(bytes) => {
                use base64::Engine as _;
                let byte = if greatest { 0xFF } else { 1 };
                let value = vec![byte; usize::from(bytes)];
                format!("[B:{}]", base64::engine::general_purpose::STANDARD.encode(value))
            }
            _ => pick("[B:AQ==]", "[B:/w==]"),
        },
    }
}

/// What was in a column that is still there is still in it; a new column holds what its definition says.
fn are_kept(before: &TypedBatch, old: &TableDef, after: &TypedBatch, new: &TableDef) {
    assert_eq!(before.len(), after.len(), "rows are kept");
    let texts = |batch: &TypedBatch, def: &TableDef, at: usize| -> Vec<String> {
        let mut texts: Vec<_> =
            (0..batch.len()).map(|row| plain(&batch.columns[at], row, def.columns[at].sql_type)).collect();
        // By key, which sorts otherwise than the rows came.
        texts.sort();
        texts
    };
    for (at, column) in new.columns.iter().enumerate() {
        if let Some(was) = old.column_index(&column.name) {
            assert_eq!(texts(before, old, was), texts(after, new, at), "column {:?}", column.name);
            continue;
        }
        for row in 0..after.len() {
            let value = after.columns[at].value(row, column.sql_type.decimal_scale()).to_owned();
            assert_eq!(value == OwnedValue::Null, column.nullable, "new column {:?} holds {value:?}", column.name);
        }
    }
}
