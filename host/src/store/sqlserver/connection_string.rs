//! Connection strings in ADO.NET's syntax, as they stand in a `web.config`.

/// Where a server is and how to log in. Holds secrets: its `Debug` shows none.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Target {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: String,
    pub database: Option<String>,
}

impl Target {
    /// Reads a connection string.
    ///
    /// # Errors
    /// A sentence that names the keyword.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut target =
            Self { host: String::new(), port: 1433, user: String::new(), password: String::new(), database: None };
        for part in text.split(';').filter(|part| !part.trim().is_empty()) {
            let (key, value) = part.split_once('=').ok_or_else(|| format!("{part:?} is no keyword=value"))?;
            match key.trim().to_ascii_lowercase().as_str() {
                "server" => {
                    let (host, port) = value.split_once(',').unwrap_or((value, "1433"));
                    target.host = host.to_owned();
                    target.port = port.parse().map_err(|_| "the port is no number".to_owned())?;
                }
                "user id" => value.clone_into(&mut target.user),
                "password" => value.clone_into(&mut target.password),
                "database" => target.database = Some(value.to_owned()),
                "encrypt" | "trustservercertificate" => {}
                other => return Err(format!("unknown keyword {other:?}")),
            }
        }
        Ok(target)
    }
}

impl Target {
    pub(super) fn has_login(&self) -> bool {
        !self.user.is_empty()
    }
    pub(super) fn with_login_of(self, base: &Self) -> Self {
        Self { user: base.user.clone(), password: base.password.clone(), ..self }
    }
    pub(super) fn is_less_safe_than(&self, _base: &Self) -> Option<&'static str> {
        None
    }
}
