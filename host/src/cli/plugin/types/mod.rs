//! `speil plugin types`: a table's rows as a type of a plug-in's language, from a mirror's own schema.

mod name;
mod write;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use self::write::Lang;
use crate::app;
use crate::cli::output::print;
use crate::cli::{CliError, ConfigArgs, target};
use crate::protocol::table_def::{ColumnDef, TableDef};
use crate::protocol::table_name::TableName;
use crate::store::sqlite::{SqliteSettings, SqliteStore};
use crate::store::{MirrorDb, Store as _};

/// Write a table's rows as a type.
#[derive(Debug, Args)]
#[command(
    after_help = "The type has a field for every column of the table as it is in the mirror, and what is needed to get rows out of a \
                  transform's batch whose inputs are all columns. Names that a language does not allow are made legal.\n\n\
                  Examples:\n  speil plugin types --table person --lang rust --tenant Cust10195\n  \
                  speil plugin types --table person --lang python --mirror mirrors/Cust10195.db > person.py"
)]
pub(in crate::cli) struct TypesArgs {
    /// The table.
    #[arg(long, value_name = "NAME")]
    table: String,
    /// The language.
    #[arg(long, value_enum)]
    lang: Lang,
    /// The tenant whose mirror shows the schema; may be left out where there is one mirror only.
    #[arg(long, value_name = "TENANT", conflicts_with = "mirror")]
    tenant: Option<String>,
    /// A SQLite mirror by its file, in place of a configuration and a tenant.
    #[arg(long, value_name = "FILE")]
    mirror: Option<PathBuf>,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(in crate::cli) fn run(args: &TypesArgs) -> Result<ExitCode, CliError> {
    let table = TableName::new(args.table.as_str()).map_err(CliError::usage)?;
    let def = if let Some(file) = &args.mirror {
        in_file(file, &table)?
    } else {
        let opened = target::open(&args.config)?;
        opened.runtime.block_on(async {
            let db = match &args.tenant {
                Some(tenant) => target::find(&opened, tenant).await?,
                None => only(&*opened.store).await?,
            };
            let def = defined(&*db, &table).await;
            drop(db);
            opened.store.close().await;
            def
        })?
    };
    print(write::row_type(&def, args.lang).trim_end())?;
    Ok(ExitCode::SUCCESS)
}

fn in_file(file: &Path, table: &TableName) -> Result<TableDef, CliError> {
    let file =
        file.canonicalize().map_err(|error| CliError::Usage(format!("{} cannot be read: {error}", file.display())))?;
    let folder = file.parent().map(Path::to_owned).unwrap_or_default();
    let runtime = app::runtime(4).map_err(|error| CliError::Failed(format!("no threads can be started: {error}")))?;
    runtime.block_on(async {
        let store = SqliteStore::open(SqliteSettings::new(folder)).map_err(CliError::failed)?;
        let is_it = |place: &str| Path::new(place).canonicalize().is_ok_and(|place| place == file);
        let all = store.list().await.map_err(CliError::failed)?;
        let found = all.into_iter().find(|found| is_it(&found.place));
        let found = found.ok_or_else(|| CliError::Failed(format!("{} is no mirror", file.display())))?;
        let db = found.mirror.map_err(CliError::failed)?;
        let def = defined(&*db, table).await;
        drop(db);
        store.close().await;
        def
    })
}

/// The one mirror there is.
async fn only(store: &dyn crate::store::Store) -> Result<Arc<dyn MirrorDb>, CliError> {
    let mut all = store.list().await.map_err(CliError::failed)?;
    match (all.pop(), all.len()) {
        (Some(found), 0) => found.mirror.map_err(CliError::failed),
        (None, _) => Err(CliError::Failed("there is no mirror yet: mirror a tenant first, or see `speil demo`".into())),
        (Some(_), more) => Err(CliError::Usage(format!("there are {} mirrors; name one with --tenant", more + 1))),
    }
}

/// The table as this project made it, or else as it is.
async fn defined(db: &dyn MirrorDb, table: &TableName) -> Result<TableDef, CliError> {
    let record = db.table(table).await.map_err(CliError::failed)?;
    if let Some(def) = record.and_then(|record| record.def) {
        return Ok(Arc::unwrap_or_clone(def));
    }
    let Some(actual) = db.describe(table).await.map_err(CliError::failed)? else {
        let known = db.tables().await.map_err(CliError::failed)?;
        let likeness = |name: &str| strsim::jaro_winkler(&name.to_lowercase(), table.folded());
        let nearest = known
            .iter()
            .map(|record| record.table.as_str())
            .filter(|name| likeness(name) > 0.8)
            .max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let hint = nearest.map(|name| format!("; did you mean {name}?")).unwrap_or_default();
        return Err(CliError::Failed(format!("the mirror {} has no table {table}{hint}", db.place())));
    };
    let columns = actual.columns.iter().map(|column| {
        let sql_type = column.sql_type.ok_or_else(|| {
            CliError::Failed(format!("{table}.{} is of a type that is none of SQL Server's", column.name))
        })?;
        Ok(ColumnDef { name: column.name.clone(), sql_type, nullable: column.nullable, default: None })
    });
    let mut def = TableDef { name: table.clone(), columns: columns.collect::<Result<_, CliError>>()?, key: Vec::new() };
    def.key = actual.key.iter().filter_map(|name| def.column_index(name)).collect();
    Ok(def)
}
