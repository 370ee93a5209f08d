//! Whether mirrors could be made and written on the server: one connection, a few questions, nothing made.
//!
//! It looks at the server and at the list of its databases, not into them: one tenant's database that is down is that tenant's
//! trouble and never makes a host unready.

use std::sync::Arc;

use super::allowed::Server;
use super::create::{for_administrator_to_make, text, value};
use super::found::{Database, databases};
use super::route::Routes;
use super::template::Template;
use crate::store::sqlserver::connection::pool::Pool;
use crate::store::sqlserver::errors::Result;
use crate::store::{StoreError, StoreErrorKind};

/// The server, its edition, and what the login may do. Asked in `master`.
pub(in crate::store::sqlserver) const SERVER: &str = "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), \
     CAST(SERVERPROPERTY('Edition') AS nvarchar(128)), CAST(SERVERPROPERTY('EngineEdition') AS int), \
     CAST(SUSER_SNAME() AS nvarchar(256)), CAST(IS_SRVROLEMEMBER('sysadmin') AS int), \
     CAST(IS_SRVROLEMEMBER('dbcreator') AS int), CAST(IS_MEMBER('dbmanager') AS int), \
     CAST(HAS_PERMS_BY_NAME(NULL, NULL, 'CREATE ANY DATABASE') AS int)";

/// SQL Server 2016: the oldest that is still looked after.
const OLDEST: u32 = 13;
/// SQL Server 2008's level: below it, statements of ours mean something else.
const OLDEST_LEVEL: i32 = 100;
/// `EngineEdition` of Azure SQL Database and of Azure SQL Managed Instance, whose versions mean nothing.
const AZURE: [i32; 2] = [5, 8];

/// What the server says of itself and of the login.
#[derive(Debug, Clone, Default)]
pub(in crate::store::sqlserver) struct Facts {
    pub version: String,
    pub edition: String,
    pub engine: i32,
    pub login: String,
    pub may_create: bool,
}

async fn facts(pool: &Arc<Pool>) -> Result<Facts> {
    let mut lease = pool.lease("master").await?;
    let rows = lease.query(SERVER, &[]).await?;
    let row =
        rows.first().ok_or_else(|| StoreError::new(StoreErrorKind::Internal, "the server told nothing of itself"))?;
    let mut may_create = false;
    for column in 4..=7 {
        may_create |= value::<i32>(row, column)? == Some(1);
    }
    let facts = Facts {
        version: text(row, 0)?,
        edition: text(row, 1)?,
        engine: value::<i32>(row, 2)?.unwrap_or(0),
        login: text(row, 3)?,
        may_create,
    };
    lease.finish();
    Ok(facts)
}

/// The whole look, for `speil check` and `/readyz`.
pub(in crate::store::sqlserver) async fn check(pool: &Arc<Pool>, routes: &Routes) -> Result<String> {
    let server = Server::of(&routes.base).to_string();
    let facts = facts(pool).await?;
    let all = databases(pool).await?;
    let ours: Vec<Database> = all.into_iter().filter(|database| routes.template.matches(&database.name)).collect();
    let sentence = judge(&server, &facts, &ours, routes)?;
    let unused = routes.said.database.as_ref().filter(|named| Template::parse(named).is_err()).map(|named| {
        format!("Database={named} in the connection string is not used: each tenant's database is {}", routes.template)
    });
    let said = std::iter::once(sentence).chain(unused).chain(routes.said.notes.iter().cloned());
    Ok(said.collect::<Vec<_>>().join("; "))
}

/// From what was seen to a sentence, or to what is missing.
fn judge(server: &str, facts: &Facts, ours: &[Database], routes: &Routes) -> Result<String> {
    let lacking = |message: String| Err(StoreError::new(StoreErrorKind::Environment, message));
    let is_azure = AZURE.contains(&facts.engine);
    let major = facts.version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    let old = names(ours, |one| one.compatibility != 0 && one.compatibility < OLDEST_LEVEL);
    if !old.is_empty() {
        return lacking(format!(
            "the compatibility level of {} is below {OLDEST_LEVEL}; an administrator must run: {}",
            listed(&old),
            old.iter()
                .map(|name| format!(
                    "ALTER DATABASE {} SET COMPATIBILITY_LEVEL = 130;",
                    crate::store::sqlserver::schema::ident::quote(name)
                ))
                .collect::<Vec<_>>()
                .join(" ")
        ));
    }
    if !facts.may_create && ours.is_empty() {
        let example =
            crate::protocol::context_id::ContextId::new("Cust10195").map(|tenant| routes.template.database(&tenant));
        return lacking(format!(
            "the login {} may not make databases on {server}, and there is none that {} names. An administrator must make each \
             tenant's, such as: {}",
            facts.login,
            routes.template,
            for_administrator_to_make(&example.unwrap_or_default(), &facts.login)
        ));
    }
    let kind = match facts.engine {
        5 => "Azure SQL Database".to_owned(),
        8 => "Azure SQL Managed Instance".to_owned(),
        _ => format!("SQL Server {}, {}", facts.version, facts.edition),
    };
    let untested = !is_azure && major.is_some_and(|major| major < OLDEST);
    let can =
        if facts.may_create { "may make databases" } else { "may not make databases, so each must be made beforehand" };
    let mut sentence = format!(
        "{kind} at {server}; login {} {can}; {}",
        facts.login,
        counted(ours.len(), &routes.template.to_string())
    );
    if untested {
        sentence.push_str("; speil is made for SQL Server 2016 (13.0) and later");
    }
    for (names, what) in [
        (
            names(ours, |one| one.closed.is_none() && !one.has_snapshot),
            "without READ_COMMITTED_SNAPSHOT, so readers there wait for writers",
        ),
        (names(ours, |one| one.closed.is_some()), "closed (offline, or to this login)"),
    ] {
        if !names.is_empty() {
            sentence.extend(["; ", &names.len().to_string(), " ", what, ": ", &listed(&names)]);
        }
    }
    Ok(sentence)
}

fn names(databases: &[Database], which: impl Fn(&Database) -> bool) -> Vec<&str> {
    databases.iter().filter(|one| which(one)).map(|one| one.name.as_str()).collect()
}

fn counted(number: usize, template: &str) -> String {
    match number {
        0 => format!("no database named {template} yet"),
        1 => format!("one database named {template}"),
        number => format!("{number} databases named {template}"),
    }
}

/// The first few names.
fn listed(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}

#[cfg(test)]
pub(in crate::store::sqlserver) fn statements() -> Vec<(&'static str, String)> {
    vec![("server", SERVER.to_owned())]
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::store::sqlserver::connection::connection_string::Target;

    fn routes() -> Routes {
        Routes {
            base: Arc::new(Target::parse("Server=sql1;User ID=speil;Password=geheim").unwrap()),
            said: super::super::route::Said::default(),
            template: Template::parse("Mirror_[contextId]").unwrap(),
            allowed: Vec::new(),
        }
    }

    fn facts(may_create: bool) -> Facts {
        Facts {
            version: "16.0.4135.4".into(),
            edition: "Developer Edition (64-bit)".into(),
            engine: 3,
            login: "speil".into(),
            may_create,
        }
    }

    fn database(name: &str) -> Database {
        Database { name: name.into(), closed: None, has_snapshot: true, compatibility: 150 }
    }

    #[test]
    fn a_login_that_may_make_databases_needs_none() {
        assert_eq!(
            judge("sql1", &facts(true), &[], &routes()).unwrap(),
            "SQL Server 16.0.4135.4, Developer Edition (64-bit) at sql1; login speil may make databases; no database named \
             Mirror_[contextId] yet"
        );
    }

    #[test]
    fn a_login_that_may_not_needs_databases_made_for_it() {
        let error = judge("sql1", &facts(false), &[], &routes()).unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Environment);
        assert!(error.message.contains("CREATE DATABASE [Mirror_Cust10195];"), "{}", error.message);
        let told = judge("sql1", &facts(false), &[database("Mirror_Cust1")], &routes()).unwrap();
        assert!(told.contains("may not make databases, so each must be made beforehand; one database named"), "{told}");
    }

    #[test]
    fn what_is_not_as_it_should_be_is_told() {
        let blocking = Database { has_snapshot: false, ..database("Mirror_A") };
        let closed = Database { closed: Some("OFFLINE".into()), ..database("Mirror_B") };
        let told = judge("sql1", &facts(true), &[blocking, closed], &routes()).unwrap();
        assert!(
            told.contains("1 without READ_COMMITTED_SNAPSHOT, so readers there wait for writers: Mirror_A"),
            "{told}"
        );
        assert!(told.contains("1 closed (offline, or to this login): Mirror_B"), "{told}");
        let old = Database { compatibility: 90, ..database("Mirror_C") };
        let error = judge("sql1", &facts(true), &[old], &routes()).unwrap_err();
        assert!(
            error.message.ends_with("ALTER DATABASE [Mirror_C] SET COMPATIBILITY_LEVEL = 130;"),
            "{}",
            error.message
        );
        let ancient = Facts { version: "12.0.2000.8".into(), ..facts(true) };
        assert!(judge("sql1", &ancient, &[], &routes()).unwrap().contains("made for SQL Server 2016"));
        let azure = Facts { version: "12.0.2000.8".into(), engine: 5, ..facts(true) };
        assert!(judge("sql1", &azure, &[], &routes()).unwrap().starts_with("Azure SQL Database at sql1;"));
    }
}
