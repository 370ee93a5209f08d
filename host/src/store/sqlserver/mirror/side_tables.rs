//! The tables of ours beside the mirrored ones: made where missing, completed where older, and the check whose database it is.
//!
//! `speil_meta` holds the tenant, the format and the last ticket; `speil_tables` what is known of each table, above all
//! whether it is ours; `speil_cycles` and `speil_events` are history; `speil_values` is what plug-ins keep;
//! `speil_quarantine` are rows kept aside. The metadata table `<context>_mirroring` is the
//! administrators' own: ours are its `speil_` columns only, beside `tablename` and `LSN`. Every one may be dropped by hand.
//!
//! They are looked at when a mirror is opened, and again when a statement failed: then one may have been dropped meanwhile.

use super::metadata::{Shape, TheirColumn};
use super::session::Session;
use super::statement::{Cells, Statement};
use crate::protocol::context_id::ContextId;
use crate::store::sqlserver::connection::conn::Conn;
use crate::store::sqlserver::errors::Result;
use crate::store::sqlserver::schema::ident::{qualified, quote, same, text_literal};
use crate::store::{StoreError, StoreErrorKind};

/// The format of the side tables. Columns are only ever added, so that an older database is completed when it is opened.
const FORMAT: i64 = 1;

/// A table of ours: its name, and its columns each with its declaration.
struct Wanted<'a> {
    name: &'a str,
    columns: &'a [(&'a str, &'a str)],
}

const SIDE_TABLES: [Wanted<'static>; 6] = [
    Wanted {
        name: "speil_meta",
        columns: &[
            ("name", "nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY"),
            ("value", "nvarchar(512)"),
        ],
    },
    Wanted {
        name: "speil_tables",
        columns: &[
            ("folded", "nvarchar(256) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY"),
            ("tablename", "nvarchar(128)"),
            ("owned", "int NOT NULL DEFAULT 0"),
            ("made_as", "nvarchar(128)"),
            ("ticket", "bigint"),
            ("row_count", "bigint"),
            ("last_change_at", "bigint"),
            ("last_confirmed_at", "bigint"),
            ("fill_started_at", "bigint"),
            ("error_at", "bigint"),
            ("error_message", "nvarchar(max)"),
            ("error_row", "bigint"),
            ("error_column", "nvarchar(256)"),
            ("gone_at", "bigint"),
            ("cycle_inserts", "bigint NOT NULL DEFAULT 0"),
            ("cycle_updates", "bigint NOT NULL DEFAULT 0"),
            ("cycle_deletes", "bigint NOT NULL DEFAULT 0"),
            ("gap", "int NOT NULL DEFAULT 0"),
            ("last_write", "nvarchar(64)"),
        ],
    },
    Wanted {
        name: "speil_cycles",
        columns: &[
            ("id", "bigint NOT NULL PRIMARY KEY"),
            ("started_at", "bigint NOT NULL DEFAULT 0"),
            ("last_call_at", "bigint NOT NULL DEFAULT 0"),
            ("completed_at", "bigint"),
            ("calls", "bigint NOT NULL DEFAULT 0"),
            ("failed_calls", "bigint NOT NULL DEFAULT 0"),
            ("inserts", "bigint NOT NULL DEFAULT 0"),
            ("updates", "bigint NOT NULL DEFAULT 0"),
            ("deletes", "bigint NOT NULL DEFAULT 0"),
            ("reported_inserts", "bigint"),
            ("reported_updates", "bigint"),
            ("reported_deletes", "bigint"),
            ("mismatches", "nvarchar(max)"),
        ],
    },
    Wanted {
        name: "speil_events",
        columns: &[
            ("id", "bigint IDENTITY(1,1) NOT NULL PRIMARY KEY"),
            ("at", "bigint NOT NULL DEFAULT 0"),
            ("level", "int NOT NULL DEFAULT 0"),
            ("kind", "nvarchar(256)"),
            ("operation", "nvarchar(256)"),
            ("tablename", "nvarchar(256)"),
            ("message", "nvarchar(max)"),
            ("advice", "nvarchar(max)"),
        ],
    },
    Wanted {
        name: "speil_values",
        columns: &[
            // A digest of plug-in and key: comparing texts would pass over spaces at their end.
            ("id", "nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY"),
            ("plugin", "nvarchar(256) COLLATE Latin1_General_100_BIN2"),
            ("name", "nvarchar(512) COLLATE Latin1_General_100_BIN2"),
            ("value", "varbinary(max)"),
        ],
    },
    Wanted {
        name: "speil_quarantine",
        columns: &[
            ("id", "nvarchar(64) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY"),
            ("folded", "nvarchar(256) COLLATE Latin1_General_100_BIN2"),
            ("tablename", "nvarchar(128)"),
            ("row_key", "nvarchar(max)"),
            ("at", "bigint NOT NULL DEFAULT 0"),
            ("plugin", "nvarchar(256)"),
            ("version", "nvarchar(64)"),
            ("error", "nvarchar(max)"),
            ("op", "nvarchar(1)"),
            ("cells", "nvarchar(max)"),
        ],
    },
];

/// The names of the tables of ours, but for the metadata table's.
pub(in crate::store::sqlserver) fn side_table_names() -> impl Iterator<Item = &'static str> {
    SIDE_TABLES.iter().map(|wanted| wanted.name)
}

const METADATA_COLUMNS: [(&str, &str); 7] = [
    ("tablename", "nvarchar(128) NOT NULL"),
    ("LSN", "bigint"),
    ("speil_hash", "nvarchar(64)"),
    ("speil_kind", "nvarchar(16)"),
    ("speil_fill", "int"),
    ("speil_ticket", "bigint"),
    ("speil_definition", "nvarchar(max)"),
];

/// The tables of ours in the order [`look`] asks for them: the side tables, then the metadata table.
const METADATA: usize = SIDE_TABLES.len();

/// What is there of the tables of ours.
struct Found {
    /// Columns of each table; none: there is no such table.
    columns: [Vec<TheirColumn>; METADATA + 1],
    /// Name and value of what must be in `speil_meta`.
    meta: Vec<(String, String)>,
}

/// Looks for the schema, making it if it was configured and is missing, and then for the tables of ours: makes what is missing.
/// Whether anything was.
///
/// # Errors
/// The database belongs to another tenant or a later version, or something may not be made.
pub(in crate::store::sqlserver) async fn ensure(session: &Session) -> Result<bool> {
    let mut lease = session.reader().await?;
    if !session.is_ready() {
        session.set_schema(schema(session, &mut lease).await?);
    }
    let found = look(session, &mut lease).await?;
    lease.finish();
    if missing(session, &found)?.is_empty() {
        return Ok(note_shape(session, found));
    }
    let mut tx = session.begin_side_tables().await?;
    let found = look(session, &mut tx).await?;
    for statement in &missing(session, &found)? {
        statement.exec(&mut tx).await.map_err(|error| may_not(session, statement, error))?;
    }
    let found = look(session, &mut tx).await?;
    tx.commit().await?;
    note_shape(session, found);
    Ok(true)
}

/// Remembers what the metadata table looks like. Whether that is news.
fn note_shape(session: &Session, found: Found) -> bool {
    let shape = Shape::of(found.columns.into_iter().next_back().unwrap_or_default());
    let is_news = *session.shape() != shape;
    session.set_shape(shape);
    is_news
}

/// Says which statement an administrator may run instead of us.
fn may_not(session: &Session, statement: &Statement, mut error: StoreError) -> StoreError {
    if error.kind != StoreErrorKind::Transient {
        error.message = format!(
            "database {}: a table of the mirror's own could not be made: {}; the statement was: {}",
            session.database,
            error.message,
            statement.sql()
        );
    }
    error
}

/// The schema the tables of ours are in.
async fn schema(session: &Session, conn: &mut Conn) -> Result<String> {
    let refuse = |message: String| StoreError::new(StoreErrorKind::Environment, message);
    let Some(configured) = &session.configured_schema else {
        let rows = Statement::of("SELECT SCHEMA_NAME()").rows(conn).await?;
        return rows.first().and_then(|row| row.owned(0)).ok_or_else(|| {
            refuse(format!(
                "database {}: the login's default schema does not exist; an administrator makes it (CREATE SCHEMA) or names another \
                 (ALTER USER ... WITH DEFAULT_SCHEMA = dbo)",
                session.database
            ))
        });
    };
    if schema_id(configured).rows(conn).await?.first().and_then(|row| row.integer(0)).is_none() {
        let made = conn.run(&create_schema(configured)).await;
        if let Err(error) = made
            && schema_id(configured).rows(conn).await?.first().and_then(|row| row.integer(0)).is_none()
        {
            return Err(refuse(format!(
                "database {} has no schema {configured:?}, and this login may not make it ({error}); an administrator runs: CREATE \
                 SCHEMA {} AUTHORIZATION [the login's user]",
                session.database,
                quote(configured)
            ))
            .with_source(error));
        }
    }
    Ok(configured.clone())
}

fn schema_id(schema: &str) -> Statement {
    let mut statement = Statement::new();
    let schema = statement.text(schema);
    statement.then(format!("SELECT SCHEMA_ID({schema})"));
    statement
}

/// A schema is made by a batch of its own.
fn create_schema(schema: &str) -> String {
    format!("EXEC({})", text_literal(&format!("CREATE SCHEMA {}", quote(schema))))
}

/// Reads what is there, and refuses a database that is not this tenant's.
async fn look(session: &Session, conn: &mut Conn) -> Result<Found> {
    let results = columns_there(session.schema(), &session.metadata).results(conn).await?;
    let [ids, rows] = &results[..] else { return Err(unexpected()) };
    let ids: Vec<Option<i64>> = (0..=METADATA).map(|i| ids.first().and_then(|row| row.integer(i))).collect();
    let mut columns: [Vec<TheirColumn>; METADATA + 1] = Default::default();
    for row in rows {
        let table = row.integer(0);
        if let Some(place) = ids.iter().position(|id| id.is_some() && *id == table) {
            columns[place].push(TheirColumn {
                name: row.owned(1).unwrap_or_default(),
                type_name: row.text(2).unwrap_or_default().to_ascii_lowercase(),
                max_length: row.integer(3).unwrap_or(0),
                wants_value: row.integer(4) == Some(1),
                in_key: row.integer(5) == Some(1),
            });
        }
    }
    // Our columns may be there only in part, after an upgrade that broke off: the first two are always.
    let meta = if columns[0].len() < 2 {
        Vec::new()
    } else {
        let rows = stored_meta(session.schema()).rows(conn).await?;
        rows.iter().filter_map(|row| Some((row.owned(0)?, row.owned(1)?))).collect()
    };
    check_identity(session, conn, &meta).await?;
    Ok(Found { columns, meta })
}

fn unexpected() -> StoreError {
    StoreError::new(StoreErrorKind::Internal, "the server answered fewer results than it was asked for")
}

/// Which tables of ours are there, by their object numbers, and their columns. Asked for by object number: names in the
/// catalogue may be spelled otherwise than they were given.
fn columns_there(schema: &str, metadata: &str) -> Statement {
    let mut statement = Statement::new();
    let names = SIDE_TABLES.iter().map(|wanted| wanted.name).chain([metadata]);
    let ids: Vec<String> =
        names.map(|name| format!("OBJECT_ID({})", statement.text(qualified(schema, name).as_str()))).collect();
    let ids = ids.join(", ");
    statement.then(format!("SELECT {ids}"));
    statement.then(format!(
        "SELECT c.object_id, c.name, t.name, c.max_length, \
         CASE WHEN c.is_nullable = 0 AND c.is_identity = 0 AND c.is_computed = 0 AND c.default_object_id = 0 THEN 1 ELSE 0 END, \
         CASE WHEN EXISTS (SELECT 1 FROM sys.index_columns k JOIN sys.indexes i ON i.object_id = k.object_id AND \
         i.index_id = k.index_id WHERE i.is_unique = 1 AND k.object_id = c.object_id AND k.column_id = c.column_id) THEN 1 ELSE 0 END \
         FROM sys.columns c LEFT JOIN sys.types t ON t.user_type_id = c.user_type_id \
         WHERE c.object_id IN ({ids}) ORDER BY c.object_id, c.column_id"
    ));
    statement
}

fn stored_meta(schema: &str) -> Statement {
    Statement::of(format!(
        "SELECT name, value FROM {} WHERE name IN (N'tenant', N'format', N'ticket')",
        qualified(schema, "speil_meta")
    ))
}

/// Any other tenant's metadata table, in whatever schema.
fn others_metadata(schema: &str, metadata: &str) -> Statement {
    let mut statement = Statement::new();
    let own = statement.text(qualified(schema, metadata).as_str());
    statement.then(format!(
        "SELECT t.name FROM sys.tables t WHERE RIGHT(LOWER(t.name), 10) = N'_mirroring' \
         AND t.object_id <> COALESCE(OBJECT_ID({own}), 0) AND (SELECT COUNT(*) FROM sys.columns c \
         WHERE c.object_id = t.object_id AND LOWER(c.name) IN (N'tablename', N'lsn')) = 2"
    ));
    statement
}

/// Refuses a database of another tenant, of a later format, or with another tenant's metadata table.
async fn check_identity(session: &Session, conn: &mut Conn, meta: &[(String, String)]) -> Result<()> {
    let value = |wanted: &str| meta.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    if let Some(owner) = value("tenant") {
        return check_owner(&session.tenant, owner, value("format"));
    }
    let others = others_metadata(session.schema(), &session.metadata).rows(conn).await?;
    let names = others.iter().filter_map(|row| row.text(0));
    match names.into_iter().find(|name| !same(name, &session.metadata)) {
        Some(table) => Err(StoreError::new(
            StoreErrorKind::Connection,
            format!(
                "the database holds {table:?}, so it is the mirror of another tenant than {:?}; every tenant needs a database of its own",
                session.tenant.as_str()
            ),
        )),
        None => Ok(()),
    }
}

/// Refuses what `speil_meta` says is somebody else's or of a later version.
pub(in crate::store::sqlserver) fn check_owner(tenant: &ContextId, owner: &str, format: Option<&str>) -> Result<()> {
    if owner != tenant.as_str() {
        return Err(another_tenants(owner, tenant));
    }
    match format.and_then(|format| format.trim().parse::<i64>().ok()) {
        Some(format) if format > FORMAT => Err(StoreError::new(
            StoreErrorKind::Connection,
            format!(
                "the mirror of {tenant} was written by a later version of speil (format {format}, this one knows {FORMAT}); \
                 use that version"
            ),
        )),
        _ => Ok(()),
    }
}

/// The database is somebody else's.
pub(in crate::store::sqlserver) fn another_tenants(owner: &str, tenant: &ContextId) -> StoreError {
    StoreError::new(
        StoreErrorKind::Connection,
        format!(
            "the database is the mirror of {owner:?}, not of {:?}; every tenant needs a database of its own",
            tenant.as_str()
        ),
    )
}

/// The statements that would make what is missing.
fn missing(session: &Session, found: &Found) -> Result<Vec<Statement>> {
    let schema = session.schema();
    let mut statements = Vec::new();
    for (wanted, there) in SIDE_TABLES.iter().zip(&found.columns) {
        missing_of(schema, wanted, there, &mut statements)?;
    }
    let metadata = Wanted { name: &session.metadata, columns: &METADATA_COLUMNS };
    let there = &found.columns[METADATA];
    missing_of(schema, &metadata, there, &mut statements)?;
    if there.is_empty() {
        // Not unique: what administrators write by hand is theirs to write.
        statements.push(Statement::of(format!(
            "CREATE CLUSTERED INDEX speil_by_name ON {} (tablename)",
            qualified(schema, &session.metadata)
        )));
    }
    if found.meta.len() < 3 {
        statements.push(first_meta(schema, &session.tenant));
    }
    Ok(statements)
}

fn missing_of(schema: &str, wanted: &Wanted<'_>, there: &[TheirColumn], statements: &mut Vec<Statement>) -> Result<()> {
    let table = qualified(schema, wanted.name);
    if there.is_empty() {
        let columns: Vec<String> = wanted.columns.iter().map(|(name, decl)| format!("{name} {decl}")).collect();
        statements.push(Statement::of(format!("CREATE TABLE {table} ({})", columns.join(", "))));
        return Ok(());
    }
    for (name, decl) in wanted.columns {
        if there.iter().any(|column| column.name.eq_ignore_ascii_case(name)) {
            continue;
        }
        if matches!(*name, "tablename" | "LSN" | "folded" | "name" | "id") {
            return Err(StoreError::new(
                StoreErrorKind::Schema,
                format!(
                    "the table {} has no column {name}, so it is not a table of mirroring; rename or drop it, it is then made anew",
                    wanted.name
                ),
            ));
        }
        statements.push(Statement::of(format!("ALTER TABLE {table} ADD {name} {decl}")));
    }
    Ok(())
}

/// What a new `speil_meta` says.
fn first_meta(schema: &str, tenant: &ContextId) -> Statement {
    let table = qualified(schema, "speil_meta");
    let mut statement = Statement::new();
    for (name, value) in [("tenant", tenant.as_str()), ("format", &FORMAT.to_string()), ("ticket", "0")] {
        let value = statement.text(value);
        statement.then(format!(
            "INSERT INTO {table} (name, value) SELECT N'{name}', {value} \
             WHERE NOT EXISTS (SELECT 1 FROM {table} WHERE name = N'{name}')"
        ));
    }
    statement
}

/// The statements of this file, for the golden files.
#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    let tenant = ContextId::new("Cust10195").expect("a legal name");
    let metadata = "Cust10195_mirroring";
    let made = || -> Result<Vec<Statement>> {
        let mut made = Vec::new();
        for wanted in &SIDE_TABLES {
            missing_of("dbo", wanted, &[], &mut made)?;
        }
        missing_of("dbo", &Wanted { name: metadata, columns: &METADATA_COLUMNS }, &[], &mut made)?;
        let column = |name: &str| TheirColumn { name: name.to_owned(), ..TheirColumn::default() };
        let theirs = [column("tablename"), column("lsn"), column("schemahash")];
        missing_of("dbo", &Wanted { name: metadata, columns: &METADATA_COLUMNS }, &theirs, &mut made)?;
        Ok(made)
    };
    let made: Vec<String> = made().expect("all can be made").iter().map(|one| one.sql().to_owned()).collect();
    vec![
        ("side tables, new and completed", made.join(";\n")),
        ("schema looked for", schema_id("mirror").sql().to_owned()),
        ("schema made", create_schema("mi]rror's")),
        ("columns there", columns_there("dbo", metadata).sql().to_owned()),
        ("whose database", stored_meta("dbo").sql().to_owned()),
        ("metadata tables of others", others_metadata("dbo", metadata).sql().to_owned()),
        ("first rows", first_meta("dbo", &tenant).sql().to_owned()),
    ]
}

/// Reads a row of [`stored_meta`]'s kind: for those who ask on the way.
pub(in crate::store::sqlserver) fn meta_value<'r>(rows: &'r [Cells], wanted: &str) -> Option<&'r str> {
    rows.iter().find(|row| row.text(0) == Some(wanted)).and_then(|row| row.text(1))
}
