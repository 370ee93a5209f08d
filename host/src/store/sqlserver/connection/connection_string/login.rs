//! Who logs in: the value of `Authentication`, `Integrated Security`, `User ID` and `Password` together.

use std::fmt;

use super::secret::Password;

/// How to log in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::store::sqlserver) enum Login {
    /// A login of SQL Server itself.
    Sql { user: String, password: Password },
    /// The account this program runs under.
    Integrated,
    /// An application registered in Entra ID, with its secret.
    ServicePrincipal { client: String, tenant: Option<String>, secret: Password },
    /// The identity Azure gave the machine or app; `client` when it has several.
    ManagedIdentity { client: Option<String> },
    /// A Kubernetes service account that Entra ID trusts.
    WorkloadIdentity { client: Option<String> },
    /// Whatever of these the surroundings offer: environment variables, workload identity, managed identity, in that order.
    Surroundings { client: Option<String> },
}

impl Login {
    /// Puts the four keywords together.
    pub fn new(
        authentication: &str,
        integrated: bool,
        user: &str,
        password: Password,
        notes: &mut Vec<String>,
    ) -> Result<Self, String> {
        let method: String =
            authentication.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
        if integrated && !method.is_empty() {
            return Err("`Integrated Security` and `Authentication` cannot both be given; leave one out".into());
        }
        if integrated {
            if !user.is_empty() || !password.is_empty() {
                notes.push("`User ID` and `Password` have no effect beside `Integrated Security`".into());
            }
            return Ok(Self::Integrated);
        }
        let client = (!user.is_empty()).then(|| user.to_owned());
        match method.as_str() {
            "" | "sqlpassword" | "notspecified" => sql(user, password),
            "activedirectoryserviceprincipal" => service_principal(user, password),
            "activedirectorymanagedidentity" | "activedirectorymsi" => {
                without_password(&password, notes);
                Ok(Self::ManagedIdentity { client })
            }
            "activedirectoryworkloadidentity" => {
                without_password(&password, notes);
                Ok(Self::WorkloadIdentity { client })
            }
            "activedirectorydefault" => {
                without_password(&password, notes);
                Ok(Self::Surroundings { client })
            }
            "activedirectoryintegrated" | "activedirectoryinteractive" | "activedirectorydevicecodeflow" => Err(
                "`Authentication` names a way to log in that needs a person at a screen or a Windows sign-in; a server logs in with \
                 `Active Directory Managed Identity`, `Active Directory Service Principal`, or `User ID` and `Password` of a SQL login"
                    .into(),
            ),
            "activedirectorypassword" => Err(
                "`Authentication=Active Directory Password` is a person's password, which Entra ID is giving up and which fails \
                 with a second factor; register an application and use `Active Directory Service Principal`, or \
                 `Active Directory Managed Identity`"
                    .into(),
            ),
            _ => Err("`Authentication` should be one of `Sql Password`, `Active Directory Service Principal`, `Active Directory \
                      Managed Identity`, `Active Directory Workload Identity`, `Active Directory Default`"
                .into()),
        }
    }

    /// Whether a token of Entra ID is needed.
    pub fn needs_token(&self) -> bool {
        !matches!(self, Self::Sql { .. } | Self::Integrated)
    }
}

fn sql(user: &str, password: Password) -> Result<Login, String> {
    if user.is_empty() {
        return Err("the connection string does not say who logs in: give `User ID` and `Password`, or `Integrated Security=true`, \
                    or `Authentication` (for example `Active Directory Managed Identity`)"
            .into());
    }
    if let Some((_, name)) = user.split_once('\\') {
        return Err(format!(
            "`User ID` names a Windows account (…\\{name}), and SQL Server does not take a Windows account's password; use \
             `Integrated Security=true` and run speil under that account, or give a SQL login"
        ));
    }
    Ok(Login::Sql { user: user.to_owned(), password })
}

fn service_principal(user: &str, secret: Password) -> Result<Login, String> {
    let (client, tenant) = match user.split_once('@') {
        Some((client, tenant)) => (client, Some(tenant.to_owned()).filter(|tenant| !tenant.is_empty())),
        None => (user, None),
    };
    if client.is_empty() || secret.is_empty() {
        return Err("`Active Directory Service Principal` needs `User ID` (the application's client id, as client-id@tenant-id) and \
                    `Password` (its client secret)"
            .into());
    }
    Ok(Login::ServicePrincipal { client: client.to_owned(), tenant, secret })
}

fn without_password(password: &Password, notes: &mut Vec<String>) {
    if !password.is_empty() {
        notes.push("`Password` has no effect beside this `Authentication`, which needs none; leave it out".into());
    }
}

/// For people: who, and how.
impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (how, client) = match self {
            Self::Sql { user, .. } => return write!(f, "user {user}"),
            Self::Integrated => return f.write_str("the account speil runs under"),
            Self::ServicePrincipal { client, .. } => return write!(f, "service principal {client}"),
            Self::ManagedIdentity { client } => ("managed identity", client),
            Self::WorkloadIdentity { client } => ("workload identity", client),
            Self::Surroundings { client } => ("Entra ID identity of the surroundings", client),
        };
        match client {
            Some(client) => write!(f, "{how} {client}"),
            None => f.write_str(how),
        }
    }
}
