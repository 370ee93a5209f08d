//! Where tokens come from, by the kind of login.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::ask;
use super::http::{Http, Question, encoded};
use super::{NoToken, Token};
use crate::store::sqlserver::connection::connection_string::{Login, Password};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long it may take to find that this machine is not in Azure.
const PROBE: Duration = Duration::from_secs(2);

/// Azure's instance metadata service, the same on every machine there.
const METADATA: &str = "http://169.254.169.254";

/// One of Azure's clouds: the end of its servers' names, where logins are, what a token is for.
const CLOUDS: &[(&str, &str, &str)] = &[
    (".database.chinacloudapi.cn", "https://login.chinacloudapi.cn", "https://database.chinacloudapi.cn"),
    (".database.usgovcloudapi.net", "https://login.microsoftonline.us", "https://database.usgovcloudapi.net"),
    ("", "https://login.microsoftonline.com", "https://database.windows.net"),
];

/// Looks an environment variable up.
pub(super) type Variable = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What surrounds the program. Tests put their own in place.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub variable: Variable,
    pub metadata: String,
    pub patience: Duration,
    pub probe: Duration,
    /// The pause before the first repetition; it doubles.
    pub pause: Duration,
}

impl Surroundings {
    fn real() -> Self {
        Self {
            variable: Arc::new(|name| std::env::var(name).ok()),
            metadata: METADATA.into(),
            patience: PATIENCE,
            probe: PROBE,
            pause: Duration::from_millis(800),
        }
    }

    fn get(&self, name: &str) -> Option<String> {
        (self.variable)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }
}

/// One login's source of tokens.
pub(super) struct Source {
    login: Login,
    authority: &'static str,
    resource: &'static str,
    around: Surroundings,
}

impl Source {
    pub fn for_login(login: &Login, host: &str) -> Option<Self> {
        Self::within(login, host, Surroundings::real())
    }

    pub fn within(login: &Login, host: &str, around: Surroundings) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        let (_, authority, resource) = CLOUDS.iter().find(|(end, _, _)| host.ends_with(end))?;
        login.needs_token().then(|| Self { login: login.clone(), authority, resource, around })
    }

    /// Gets a new token.
    pub async fn fetch(&self) -> Result<Token, NoToken> {
        match &self.login {
            Login::Sql { .. } | Login::Integrated => Err(NoToken::lasting("this login needs none")),
            Login::ServicePrincipal { client, tenant, secret } => {
                let tenant = tenant.clone().or_else(|| self.around.get("AZURE_TENANT_ID")).ok_or_else(|| {
                    NoToken::lasting(
                        "the service principal's tenant is not known: write `User ID=client-id@tenant-id`, or set the environment \
                         variable AZURE_TENANT_ID",
                    )
                })?;
                self.service_principal(client, &tenant, secret).await
            }
            Login::ManagedIdentity { client } => self.managed(client.as_deref(), self.around.patience).await,
            Login::WorkloadIdentity { client } => {
                let Some(workload) = self.workload_variables(client.as_deref()) else {
                    return Err(NoToken::lasting(
                        "a workload identity needs the environment variables AZURE_FEDERATED_TOKEN_FILE, AZURE_TENANT_ID and \
                         AZURE_CLIENT_ID (or `User ID`): label the pod azure.workload.identity/use=true and give it a service \
                         account with the client's id",
                    ));
                };
                self.workload(workload).await
            }
            Login::Surroundings { client } => self.whatever_there_is(client.as_deref()).await,
        }
    }

    /// As `DefaultAzureCredential` does for a server: the first that is set up is used, and its failure is the answer.
    async fn whatever_there_is(&self, client: Option<&str>) -> Result<Token, NoToken> {
        let around = &self.around;
        if let (Some(client), Some(tenant), Some(secret)) =
            (around.get("AZURE_CLIENT_ID"), around.get("AZURE_TENANT_ID"), around.get("AZURE_CLIENT_SECRET"))
        {
            return self.service_principal(&client, &tenant, &Password::new(secret)).await;
        }
        if let Some(workload) = self.workload_variables(client) {
            return self.workload(workload).await;
        }
        let asked = client.map(str::to_owned).or_else(|| around.get("AZURE_CLIENT_ID"));
        self.managed(asked.as_deref(), around.probe).await.map_err(|why| NoToken {
            sentence: format!(
                "`Active Directory Default` finds no identity: AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET are not all \
                 set, neither is AZURE_FEDERATED_TOKEN_FILE, and the managed identity says: {}",
                why.sentence
            ),
            ..why
        })
    }

    async fn service_principal(&self, client: &str, tenant: &str, secret: &Password) -> Result<Token, NoToken> {
        let form = Zeroizing::new(format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope={}",
            *encoded(client),
            *encoded(secret.expose()),
            *encoded(&format!("{}/.default", self.resource)),
        ));
        self.entra(tenant, form).await
    }

    fn workload_variables(&self, client: Option<&str>) -> Option<(String, String, PathBuf)> {
        let client = client.map(str::to_owned).or_else(|| self.around.get("AZURE_CLIENT_ID"))?;
        let tenant = self.around.get("AZURE_TENANT_ID")?;
        Some((client, tenant, self.around.get("AZURE_FEDERATED_TOKEN_FILE")?.into()))
    }

    async fn workload(&self, (client, tenant, file): (String, String, PathBuf)) -> Result<Token, NoToken> {
        // Kubernetes writes it anew every hour or so: read each time.
        let assertion = tokio::fs::read_to_string(&file).await.map(Zeroizing::new).map_err(|error| {
            NoToken::lasting(format!(
                "the file {} of AZURE_FEDERATED_TOKEN_FILE cannot be read: {error}",
                file.display()
            ))
        })?;
        let form = Zeroizing::new(format!(
            "grant_type=client_credentials&client_id={}&client_assertion_type={}&client_assertion={}&scope={}",
            *encoded(&client),
            *encoded("urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            *encoded(assertion.trim()),
            *encoded(&format!("{}/.default", self.resource)),
        ));
        self.entra(&tenant, form).await
    }

    /// Asks Entra ID's token endpoint.
    async fn entra(&self, tenant: &str, form: Zeroizing<String>) -> Result<Token, NoToken> {
        if tenant.is_empty() || !tenant.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)) {
            return Err(NoToken::lasting("the tenant should be an id or a domain name, and is neither"));
        }
        let authority = self.around.get("AZURE_AUTHORITY_HOST");
        let authority = authority.as_deref().unwrap_or(self.authority).trim_end_matches('/');
        if !authority.starts_with("https://") && !cfg!(test) {
            return Err(NoToken::lasting("AZURE_AUTHORITY_HOST must begin with https://: a secret is sent there"));
        }
        let question =
            Question { uri: format!("{authority}/{tenant}/oauth2/v2.0/token"), header: None, form: Some(form) };
        let http = Http::new(self.around.patience)?;
        ask::with_patience(&http, &question, self.around.pause, |status| matches!(status, 408 | 429 | 500..=599)).await
    }

    /// Asks the machine or the app service for the token of its identity.
    async fn managed(&self, client: Option<&str>, patience: Duration) -> Result<Token, NoToken> {
        let resource = encoded(&format!("{}/", self.resource));
        let client = client.map(|client| format!("&client_id={}", *encoded(client))).unwrap_or_default();
        let question = match (self.around.get("IDENTITY_ENDPOINT"), self.around.get("IDENTITY_HEADER")) {
            (Some(endpoint), Some(header)) => Question {
                uri: format!(
                    "{endpoint}{}resource={}&api-version=2019-08-01{client}",
                    if endpoint.contains('?') { '&' } else { '?' },
                    *resource
                ),
                header: Some(("X-IDENTITY-HEADER", Zeroizing::new(header))),
                form: None,
            },
            (Some(_), None) => {
                return Err(NoToken::lasting(
                    "IDENTITY_ENDPOINT is set and IDENTITY_HEADER is not, as on a machine of Azure Arc, whose managed identity is not \
                     supported; use `Active Directory Service Principal`",
                ));
            }
            (None, _) => Question {
                uri: format!(
                    "{}/metadata/identity/oauth2/token?api-version=2018-02-01&resource={}{client}",
                    self.around.metadata, *resource
                ),
                header: Some(("Metadata", Zeroizing::new("true".into()))),
                form: None,
            },
        };
        let http = Http::new(patience)?;
        // The metadata service answers 404 and 410 while it is being updated.
        let again = |status| matches!(status, 404 | 408 | 410 | 429 | 500..=599);
        ask::with_patience(&http, &question, self.around.pause, again).await.map_err(|why| NoToken {
            sentence: format!(
                "{}. A managed identity is there only inside Azure, once it is assigned to this machine, app or container",
                why.sentence
            ),
            ..why
        })
    }
}
