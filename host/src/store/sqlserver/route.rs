//! From a tenant, and what a plug-in answered for it, to a server, a login and a database. Pure: no server is asked.
//!
//! A plug-in's connection string is held to three rules:
//! 1. Server and database must fit a pattern of the operator's (`allowed_connections`); without patterns nothing does.
//! 2. It brings its own login. The operator's goes only where the operator's string leads: to the very same server.
//! 3. It cannot ask for less safety than the operator's own string does: TLS stays on, certificates are checked.

use std::sync::Arc;

use super::allowed::{Allowed, Server};
use super::connection_string::Target;
use super::errors::Result;
use super::place::{Template, is_system};
use crate::protocol::context_id::ContextId;
use crate::store::{Connection, StoreError, StoreErrorKind};

/// Where a mirror is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub target: Arc<Target>,
    pub database: String,
}

impl Place {
    /// For people: server and database, no secret.
    pub fn shown(&self) -> String {
        format!("{}/{}", Server::of(&self.target), self.database)
    }
}

/// What the configuration says about places.
pub(super) struct Routes {
    pub base: Arc<Target>,
    /// With the application's folder in it.
    pub template: Template,
    pub allowed: Vec<Allowed>,
}

impl Routes {
    /// The tenant's place: what the plug-in answered if it did, else the configuration's.
    pub fn place(&self, tenant: &ContextId, connection: Option<&Connection>) -> Result<Place> {
        match connection {
            None => Ok(Place { target: Arc::clone(&self.base), database: self.template.database(tenant) }),
            Some(connection) => self.routed(tenant, connection),
        }
    }

    fn routed(&self, tenant: &ContextId, connection: &Connection) -> Result<Place> {
        let refuse = |why: String| {
            let message = format!("the connection a plug-in gave for {tenant} is not allowed: {why}");
            Err(StoreError::new(StoreErrorKind::Connection, message))
        };
        let mut target = match Target::parse(&connection.0) {
            Ok(target) => target,
            Err(why) => return refuse(format!("it is no connection string: {why}")),
        };
        // A string that names no database means the tenant's usual one, on another server.
        let database = match target.database.take() {
            Some(database) if !database.trim().is_empty() => database.trim().to_owned(),
            _ => self.template.database(tenant),
        };
        let server = Server::of(&target);
        if is_system(&database) {
            return refuse(format!("{database} is one of the server's own databases"));
        }
        if !self.allowed.iter().any(|allowed| allowed.allows(&server, &database)) {
            let line = format!("allowed_connections = [\"{}\"]", escaped(&format!("{server}/{database}")));
            return refuse(if self.allowed.is_empty() {
                format!("speil.toml allows none. To allow it, write under [mirror]: {line}")
            } else {
                format!("no pattern of [mirror] allowed_connections names it. To allow it, add it: {line}")
            });
        }
        if let Some(less) = target.is_less_safe_than(&self.base) {
            return refuse(format!(
                "it {less}, and the connection string of speil.toml does not; a plug-in may not ask for less safety than the operator"
            ));
        }
        if !target.has_login() {
            if server != Server::of(&self.base) {
                return refuse(format!(
                    "it has no login of its own, and that of speil.toml is for {} only, not for {server}",
                    Server::of(&self.base)
                ));
            }
            target = target.with_login_of(&self.base);
        }
        Ok(Place { target: self.same(target), database })
    }

    /// The configuration's own target where nothing differs, so that its connections are shared.
    fn same(&self, target: Target) -> Arc<Target> {
        let without_database = Target { database: None, ..(*self.base).clone() };
        if target == without_database { Arc::clone(&self.base) } else { Arc::new(target) }
    }
}

/// As it stands in a text of TOML.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(allowed: &[&str]) -> Routes {
        Routes {
            base: Arc::new(Target::parse("Server=sql1;User ID=speil;Password=geheim").unwrap()),
            template: Template::parse("Mirror_[contextId]").unwrap(),
            allowed: allowed.iter().map(|text| Allowed::parse(text).unwrap()).collect(),
        }
    }

    fn route(allowed: &[&str], connection: &str) -> Result<Place> {
        let tenant = ContextId::new("Cust1").unwrap();
        routes(allowed).place(&tenant, Some(&Connection(connection.to_owned())))
    }

    fn refused(allowed: &[&str], connection: &str) -> String {
        let error = route(allowed, connection).err().expect("refused");
        assert_eq!(error.kind, StoreErrorKind::Connection);
        assert!(!error.message.contains("geheim") && !error.message.contains("secret"), "{}", error.message);
        error.message
    }

    #[test]
    fn without_a_plug_in_the_template_decides() {
        let place = routes(&[]).place(&ContextId::new("Cust1").unwrap(), None).unwrap();
        assert_eq!(place.shown(), "sql1/Mirror_Cust1");
    }

    #[test]
    fn without_patterns_nothing_is_allowed_and_the_line_that_would_is_told() {
        assert_eq!(
            refused(&[], "Server=SQL2,1500;User ID=x;Password=secret;Database=Cust"),
            "the connection a plug-in gave for Cust1 is not allowed: speil.toml allows none. To allow it, write under [mirror]: \
             allowed_connections = [\"sql2,1500/Cust\"]"
        );
        assert!(refused(&[], "Server=sql1;Database=Mirror_Cust1").contains("[\"sql1/Mirror_Cust1\"]"));
        assert!(refused(&["sql2/*"], "Server=sql3").contains("no pattern of [mirror] allowed_connections names it"));
    }

    #[test]
    fn the_operators_login_goes_to_the_operators_server_only() {
        let place = route(&["sql1/*"], "Server=SQL1;Database=Elsewhere").unwrap();
        assert_eq!(place.shown(), "sql1/Elsewhere");
        assert!(place.target.has_login());
        let refused = refused(&["*/*"], "Server=sql2;Database=Elsewhere");
        assert!(refused.ends_with("it has no login of its own, and that of speil.toml is for sql1 only, not for sql2"));
        route(&["*/*"], "Server=sql2;User ID=other;Password=secret").unwrap();
    }

    #[test]
    fn a_string_without_a_database_means_the_tenants_usual_one() {
        let place = route(&["sql1/Mirror_*"], "Server=sql1").unwrap();
        assert_eq!(place.shown(), "sql1/Mirror_Cust1");
    }

    #[test]
    fn no_pattern_opens_the_servers_own_databases() {
        assert!(refused(&["*/*"], "Server=sql1;Database=master").contains("master is one of the server's own"));
    }

    #[test]
    fn what_cannot_be_read_is_refused_without_showing_it() {
        refused(&["*/*"], "Server=sql1;Pasword=secret");
    }
}
