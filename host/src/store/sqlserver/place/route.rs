//! From a tenant, and what a plug-in answered for it, to a server, a login and a database. Pure: no server is asked.
//!
//! A plug-in's connection string is held to three rules:
//! 1. Server and database must fit a pattern of the operator's (`allowed_connections`); without patterns nothing does.
//! 2. It brings its own login. The operator's goes only where the operator's string leads: to the very same server. An identity of
//!    the machine (integrated, managed, workload) is the operator's too, unless the operator's string logs in with it anyway.
//! 3. It cannot ask for less safety than the operator's own string does: TLS stays on, certificates are checked, against the same
//!    names and signers.

use std::sync::Arc;

use super::allowed::{Allowed, Server};
use super::template::{Template, is_system};
use crate::protocol::context_id::ContextId;
use crate::store::sqlserver::connection::connection_string::{Encrypt, Login, Target};
use crate::store::sqlserver::errors::Result;
use crate::store::{Connection, StoreError, StoreErrorKind};

/// Where a mirror is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(in crate::store::sqlserver) struct Place {
    pub target: Arc<Target>,
    pub database: String,
}

impl Place {
    /// For people: server and database, no secret.
    pub fn shown(&self) -> String {
        format!("{}/{}", Server::of(&self.target), self.database)
    }
}

/// What the operator's connection string says that has no effect, for `speil check`.
#[derive(Debug, Clone, Default)]
pub(in crate::store::sqlserver) struct Said {
    pub database: Option<String>,
    pub notes: Vec<String>,
}

/// What the configuration says about places.
pub(in crate::store::sqlserver) struct Routes {
    /// Normalised, without a database.
    pub base: Arc<Target>,
    pub said: Said,
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
        let (target, has_login) = match parse(&connection.0) {
            Ok(parsed) => parsed,
            Err(why) => return refuse(format!("it is no connection string: {why}")),
        };
        // A string that names no database means the tenant's usual one, on another server.
        let database = match target.database.as_deref().map(str::trim) {
            Some(database) if !database.is_empty() => database.to_owned(),
            _ => self.template.database(tenant),
        };
        let mut target = target.normalised();
        if is_system(&database) {
            return refuse(format!("{database} is one of the server's own databases"));
        }
        let server = Server::of(&target);
        for server in std::iter::once(server.clone()).chain(target.failover_partner.as_ref().map(Server::from)) {
            if !self.allowed.iter().any(|allowed| allowed.allows(&server, &database)) {
                let line = format!("allowed_connections = [\"{}\"]", escaped(&format!("{server}/{database}")));
                return refuse(if self.allowed.is_empty() {
                    format!("speil.toml allows none. To allow it, write under [mirror]: {line}")
                } else {
                    format!("no pattern of [mirror] allowed_connections names it. To allow it, add it: {line}")
                });
            }
        }
        if let Some(less) = less_safe(&target, &self.base) {
            return refuse(format!(
                "it {less}, and the connection string of speil.toml does not; a plug-in may not ask for less safety than the operator"
            ));
        }
        let is_operators = !has_login || (is_ambient(&target.login) && target.login != self.base.login);
        if is_operators {
            if server != Server::of(&self.base) || target.failover_partner != self.base.failover_partner {
                return refuse(format!(
                    "it has no login of its own, and that of speil.toml is for {} only, not for {server}",
                    Server::of(&self.base)
                ));
            }
            target.login = self.base.login.clone();
        }
        Ok(Place { target: if target == *self.base { Arc::clone(&self.base) } else { Arc::new(target) }, database })
    }
}

/// Reads a plug-in's string, and says whether it has a login of its own. One without is no mistake here.
fn parse(text: &str) -> std::result::Result<(Target, bool), String> {
    let refused = match Target::parse(text) {
        Ok(target) => return Ok((target, true)),
        Err(why) => why,
    };
    // If a login is all that is missing, it can be read with any; the rest of it is looked at before it is used.
    match Target::parse(&format!("{text};User ID=none;Password=none")) {
        Ok(target) if target.login.to_string() == "user none" => Ok((target, false)),
        Ok(_) | Err(_) => Err(refused),
    }
}

/// Whether a login is an identity of the machine or account, and nothing that the string itself brings.
fn is_ambient(login: &Login) -> bool {
    match login {
        Login::Sql { .. } | Login::ServicePrincipal { .. } => false,
        Login::Integrated
        | Login::ManagedIdentity { .. }
        | Login::WorkloadIdentity { .. }
        | Login::Surroundings { .. } => true,
    }
}

/// What a string asks for that is less safe than the operator's own.
fn less_safe(target: &Target, base: &Target) -> Option<&'static str> {
    if target.encrypt == Encrypt::Optional && base.encrypt != Encrypt::Optional {
        return Some("turns encryption off");
    }
    if target.trust_server_certificate && !base.trust_server_certificate {
        return Some("trusts any certificate");
    }
    if target.server_certificate.is_some() && target.server_certificate != base.server_certificate {
        return Some("names a certificate to trust");
    }
    if target.host_name_in_certificate.is_some() && target.host_name_in_certificate != base.host_name_in_certificate {
        return Some("names another host for the certificate");
    }
    None
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
            base: Arc::new(Target::parse("Server=sql1;User ID=speil;Password=geheim").unwrap().normalised()),
            said: Said::default(),
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
        assert_eq!(place.target.login, routes(&[]).base.login);
        let refused = refused(&["*/*"], "Server=sql2;Database=Elsewhere");
        assert!(refused.ends_with("it has no login of its own, and that of speil.toml is for sql1 only, not for sql2"));
        route(&["*/*"], "Server=sql2;User ID=other;Password=secret").unwrap();
    }

    #[test]
    fn the_machines_identity_is_the_operators() {
        let managed = "Server=sql2;Authentication=Active Directory Managed Identity";
        assert!(refused(&["*/*"], managed).contains("it has no login of its own"));
        let mut routes = routes(&["*/*"]);
        let base = Target::parse("Server=sql1;Authentication=Active Directory Managed Identity").unwrap();
        routes.base = Arc::new(base.normalised());
        let tenant = ContextId::new("Cust1").unwrap();
        routes.place(&tenant, Some(&Connection(managed.to_owned()))).unwrap();
    }

    #[test]
    fn nobody_asks_for_less_safety_than_the_operator() {
        let own = "Server=sql2;User ID=a;Password=secret";
        for (less, what) in [
            ("Encrypt=false", "turns encryption off"),
            ("TrustServerCertificate=true", "trusts any certificate"),
            ("HostNameInCertificate=elsewhere", "names another host for the certificate"),
        ] {
            assert!(refused(&["*/*"], &format!("{own};{less}")).contains(what), "{less}");
        }
        route(&["*/*"], &format!("{own};Encrypt=true")).unwrap();
    }

    #[test]
    fn a_failover_partner_must_be_allowed_too() {
        let string = "Server=sql2;User ID=a;Password=secret;Failover Partner=sql3;Database=M";
        assert!(refused(&["sql2/*"], string).contains("[\"sql3/M\"]"));
        route(&["sql2/*", "sql3/*"], string).unwrap();
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
