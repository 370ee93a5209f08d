//! Making a tenant's database when it is first needed.
//!
//! The tenant's database is tried first, since a login may well be allowed nothing else. Only if it cannot be opened is `master`
//! asked whether it is there. Two hosts may make one at once: the server lets one of them, the other finds it made. Readers of
//! a database made here never block writers (READ_COMMITTED_SNAPSHOT); one that was there already is used as it is.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::faults::{self, Step};
use crate::store::sqlserver::connection::pool::Pool;
use crate::store::sqlserver::errors::{Result, number};
use crate::store::sqlserver::schema::ident::quote;
use crate::store::{StoreError, StoreErrorKind};

const MASTER: &str = "master";
/// Azure SQL takes up to a minute or two until a new database lets anybody in.
const UNTIL_USABLE: Duration = Duration::from_mins(3);
/// A database that is there and says it is online, but lets nobody in: as long as another host may still be making it.
const UNTIL_REFUSED: Duration = Duration::from_secs(5);
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Databases cannot be made by two at once on one server: the template is locked (error 1807). How often that is waited for.
const ATTEMPTS: u32 = 20;

const ALREADY_THERE: u32 = 1801;
const TEMPLATE_LOCKED: u32 = 1807;

/// What can be seen of the database from outside. One row, or none.
pub(in crate::store::sqlserver) const LOOK: &str = "SELECT CAST(d.state AS int), CAST(d.state_desc AS nvarchar(60)), \
     CAST(HAS_DBACCESS(d.name) AS int), CAST(d.is_read_committed_snapshot_on AS int), CAST(SUSER_SNAME() AS nvarchar(256)) \
     FROM sys.databases d WHERE d.name = @P1";

/// Must be a batch of its own.
pub(in crate::store::sqlserver) fn create_database(database: &str, elastic_pool: Option<&str>) -> String {
    let created = format!("CREATE DATABASE {}", quote(database));
    match elastic_pool {
        None => created,
        Some(pool) => format!("{created} (SERVICE_OBJECTIVE = ELASTIC_POOL (name = {}))", quote(pool)),
    }
}

/// Takes back whatever another host has begun in a database that is a moment old; that host tries again.
pub(in crate::store::sqlserver) fn snapshot_on(database: &str) -> String {
    format!("ALTER DATABASE {} SET READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE", quote(database))
}

/// What an administrator runs where the login may not make databases.
pub(in crate::store::sqlserver) fn for_administrator_to_make(database: &str, login: &str) -> String {
    format!(
        "{}; ALTER DATABASE {} SET READ_COMMITTED_SNAPSHOT ON; then, in the new database, {}",
        create_database(database, None),
        quote(database),
        for_administrator_to_let_in(login)
    )
}

/// What an administrator runs inside a database that is there.
pub(in crate::store::sqlserver) fn for_administrator_to_let_in(login: &str) -> String {
    let login = quote(login);
    format!("CREATE USER {login} FOR LOGIN {login}; ALTER ROLE db_owner ADD MEMBER {login};")
}

/// Where a login's name is not known.
const SOME_LOGIN: &str = "the login of speil.toml";

/// A database as `master` shows it.
struct Seen {
    state: i32,
    state_name: String,
    may_enter: bool,
    has_snapshot: bool,
}

impl Seen {
    /// States that pass: restoring is not one, for it may last until somebody ends it.
    fn passes(&self) -> bool {
        // ONLINE, RECOVERING, COPYING
        matches!(self.state, 0 | 2 | 7)
    }
}

struct Look {
    seen: Option<Seen>,
    login: String,
}

async fn look(pool: &Arc<Pool>, database: &str) -> Result<Look> {
    let mut lease = pool.lease(MASTER).await?;
    let rows = lease.query(LOOK, &[&database]).await?;
    let seen = match rows.first() {
        None => None,
        Some(row) => Some((
            Seen {
                state: value::<i32>(row, 0)?.unwrap_or(0),
                state_name: text(row, 1)?,
                // NULL: the server cannot tell.
                may_enter: value::<i32>(row, 2)? != Some(0),
                has_snapshot: value::<i32>(row, 3)? == Some(1),
            },
            text(row, 4)?,
        )),
    };
    let (seen, login) = if let Some((seen, login)) = seen {
        (Some(seen), login)
    } else {
        let rows = lease.query(LOGIN, &[]).await?;
        (None, rows.first().map_or_else(|| Ok(String::new()), |row| text(row, 0))?)
    };
    lease.finish();
    Ok(Look { seen, login: if login.is_empty() { SOME_LOGIN.to_owned() } else { login } })
}

/// A column of an answer; an answer of another type than was asked for is a mistake of ours.
pub(in crate::store::sqlserver) fn value<'r, T: tiberius::FromSql<'r>>(
    row: &'r tiberius::Row,
    column: usize,
) -> Result<Option<T>> {
    row.try_get(column).map_err(|error| {
        StoreError::new(StoreErrorKind::Internal, format!("the server's answer cannot be read: {error}"))
            .with_source(error)
    })
}

/// A text column of an answer; NULL is empty.
pub(in crate::store::sqlserver) fn text(row: &tiberius::Row, column: usize) -> Result<String> {
    Ok(value::<&str>(row, column)?.unwrap_or_default().to_owned())
}

/// Whether the database lets us in; `false`: it is not there. Waits for one that another host is just making.
///
/// # Errors
/// It is there and cannot be used, or nobody can tell.
pub(in crate::store::sqlserver) async fn is_there(pool: &Arc<Pool>, database: &str) -> Result<bool> {
    let refused = match pool.lease(database).await {
        Ok(lease) => {
            lease.finish();
            return Ok(true);
        }
        // The server itself cannot be reached: nothing is known of the database.
        Err(error) if number(&error).is_none() => return Err(error),
        Err(error) => error,
    };
    match look(pool, database).await {
        Ok(Look { seen: None, .. }) => Ok(false),
        Ok(Look { seen: Some(seen), login }) => {
            if seen.passes() && wait_until_usable(pool, database, UNTIL_REFUSED).await.is_ok() {
                return Ok(true);
            }
            Err(closed(database, &seen, &login, refused))
        }
        Err(no_master) => Err(unknown(database, &no_master, refused)),
    }
}

/// Why a database that is there lets nobody in.
fn closed(database: &str, seen: &Seen, login: &str, refused: StoreError) -> StoreError {
    let message = if seen.state != 0 {
        format!("the database {database} is {}; an administrator must bring it online. {refused}", seen.state_name)
    } else if seen.may_enter {
        format!("the database {database} cannot be opened: {refused}")
    } else {
        format!(
            "the login may not open the database {database}. An administrator must run, in that database: {} {refused}",
            for_administrator_to_let_in(login)
        )
    };
    StoreError { message, ..refused }
}

/// Neither the database nor `master` can be opened.
fn unknown(database: &str, no_master: &StoreError, refused: StoreError) -> StoreError {
    let message = format!(
        "the database {database} cannot be opened ({refused}), and whether it is there cannot be told, since master cannot be \
         opened either ({no_master}). If it is missing, an administrator must run: {}",
        for_administrator_to_make(database, SOME_LOGIN)
    );
    StoreError { message, ..refused }
}

/// Makes a database that was not there, and waits until it can be used.
///
/// # Errors
/// With the statements an administrator must run, where the login may not.
pub(in crate::store::sqlserver) async fn make(
    pool: &Arc<Pool>,
    database: &str,
    elastic_pool: Option<&str>,
) -> Result<()> {
    let mut pause = FIRST_PAUSE;
    let mut left = ATTEMPTS;
    loop {
        let mut lease = pool.lease(MASTER).await?;
        let made = lease.run(&create_database(database, elastic_pool)).await;
        let Err(error) = made else {
            lease.finish();
            tracing::info!(database, "a database was made for a tenant's mirror");
            faults::pass(Step::MirrorMade).await?;
            readers_never_block(pool, database).await;
            break;
        };
        drop(lease);
        if number(&error) == Some(ALREADY_THERE) {
            break;
        }
        // Not by the number alone: servers differ in what they call it.
        let looked = look(pool, database).await?;
        if looked.seen.is_some() {
            break;
        }
        let passes = error.kind == StoreErrorKind::Transient || number(&error) == Some(TEMPLATE_LOCKED);
        if !passes || left == 0 {
            return Err(not_made(database, &looked.login, error));
        }
        left -= 1;
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    wait_until_usable(pool, database, UNTIL_USABLE).await?;
    faults::pass(Step::MirrorMade).await.map_err(StoreError::from)
}

fn not_made(database: &str, login: &str, error: StoreError) -> StoreError {
    let message = format!(
        "the database {database} is not there and cannot be made: {error} An administrator may run: {} Or let the login make \
         databases: ALTER SERVER ROLE dbcreator ADD MEMBER {login}; on Azure SQL, in master: ALTER ROLE dbmanager ADD MEMBER {login};",
        for_administrator_to_make(database, login),
        login = quote(login)
    );
    let kind = if error.kind == StoreErrorKind::Transient { error.kind } else { StoreErrorKind::Environment };
    StoreError { kind, message, ..error }
}

/// Lets readers see the last committed rows in place of waiting. A server that does not know the setting works all the same.
async fn readers_never_block(pool: &Arc<Pool>, database: &str) {
    let set = async {
        if look(pool, database).await?.seen.is_some_and(|seen| seen.has_snapshot) {
            return Ok(());
        }
        let mut lease = pool.lease(MASTER).await?;
        lease.run(&snapshot_on(database)).await?;
        lease.finish();
        Ok::<_, StoreError>(())
    };
    if let Err(error) = set.await {
        tracing::warn!(
            database,
            "READ_COMMITTED_SNAPSHOT cannot be switched on, so readers of this mirror may wait for its writers: {error}"
        );
    }
}

/// Opens the database again and again until it works or the time is over.
async fn wait_until_usable(pool: &Arc<Pool>, database: &str, at_most: Duration) -> Result<()> {
    let until = Instant::now() + at_most;
    let mut pause = FIRST_PAUSE;
    loop {
        match pool.lease(database).await {
            Ok(lease) => {
                lease.finish();
                return Ok(());
            }
            Err(error) if Instant::now() + pause >= until => {
                let message = format!("the database {database} is there and cannot be used yet: {error}");
                return Err(StoreError { kind: StoreErrorKind::Transient, message, ..error });
            }
            Err(_) => {}
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Who is asking; where there is no row to tell it with.
const LOGIN: &str = "SELECT CAST(SUSER_SNAME() AS nvarchar(256))";

#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    let name = "Mirror_a]b'c";
    vec![
        ("look", LOOK.to_owned()),
        ("login", LOGIN.to_owned()),
        ("create_database", create_database(name, None)),
        ("create_database_in_elastic_pool", create_database(name, Some("pool]1"))),
        ("snapshot_on", snapshot_on(name)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_names_in_every_statement() {
        let evil = "a]; DROP DATABASE b; --";
        assert_eq!(create_database(evil, None), format!("CREATE DATABASE {}", quote(evil)));
        assert_eq!(create_database("a; b'--", None), "CREATE DATABASE [a; b'--]");
        assert_eq!(
            create_database("Mirror_Cust1", Some("mirrors")),
            "CREATE DATABASE [Mirror_Cust1] (SERVICE_OBJECTIVE = ELASTIC_POOL (name = [mirrors]))"
        );
        assert_eq!(
            snapshot_on("Mirror_Cust1"),
            "ALTER DATABASE [Mirror_Cust1] SET READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE"
        );
    }

    #[test]
    fn an_administrator_is_told_the_exact_statements() {
        let refused = StoreError::new(StoreErrorKind::Environment, "SQL Server error 262, state 1: denied.");
        let told = not_made("Mirror_Cust1", "speil", refused).message;
        assert_eq!(
            told,
            "the database Mirror_Cust1 is not there and cannot be made: SQL Server error 262, state 1: denied. An administrator \
             may run: CREATE DATABASE [Mirror_Cust1]; ALTER DATABASE [Mirror_Cust1] SET READ_COMMITTED_SNAPSHOT ON; then, in the \
             new database, CREATE USER [speil] FOR LOGIN [speil]; ALTER ROLE db_owner ADD MEMBER [speil]; Or let the login make \
             databases: ALTER SERVER ROLE dbcreator ADD MEMBER [speil]; on Azure SQL, in master: ALTER ROLE dbmanager ADD MEMBER \
             [speil];"
        );
    }

    #[test]
    fn a_database_that_lets_nobody_in_is_explained() {
        let seen = |state, may_enter| Seen { state, state_name: "OFFLINE".into(), may_enter, has_snapshot: true };
        let refused = || StoreError::new(StoreErrorKind::Environment, "SQL Server error 4060, state 1: cannot open.");
        let told = |state, may_enter| closed("M", &seen(state, may_enter), "speil", refused()).message;
        assert!(told(6, false).starts_with("the database M is OFFLINE; an administrator must bring it online."));
        assert!(
            told(0, false).contains("in that database: CREATE USER [speil] FOR LOGIN [speil]; ALTER ROLE db_owner")
        );
        assert!(told(0, true).starts_with("the database M cannot be opened: SQL Server error 4060"));
    }
}
