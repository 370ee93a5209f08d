//! What becomes of each setting of the vendor's sample.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::read::Found;
use super::{Became, CONNECTION_VARIABLE, ImportOptions, Imported, Setting};
use crate::store::sqlserver::{Template, understand};

/// The signers of the three environments, by the thumbprints the sample lists: `SuperIdCertificate`.
const SIGNERS: [(&str, &str); 3] = [
    ("sod", "16b7fb8c3f9ab06885a800c64e64c97c4ab5e98c"),
    ("stage", "484903a7732b928c7980a39d38e947ea119f1089"),
    ("production", "60b61583dbb2b7eec46fd01ec0056e62451d61f3"),
];

/// The hosts of `SoFederationGateway`.
const GATEWAYS: [(&str, &str); 3] =
    [("sod", "sod.superoffice.com"), ("stage", "qaonline.superoffice.com"), ("production", "online.superoffice.com")];

const USUAL_PATH: &str = "/MirroringClientService.svc";

/// All settings that have their place; the others are told by name.
const KNOWN: [&str; 8] = [
    "SoAppId",
    "Environment",
    "SoFederationGateway",
    "SuperIdCertificate",
    "MirrorDatabaseName",
    "ConnectionBase",
    "PrivateKeyFile",
    "EnableLogging",
];

/// The conversion while it is under way.
struct Conversion<'a> {
    file: &'a Path,
    found: &'a Found,
    became: Vec<Became>,
    next: Vec<String>,
}

pub(super) fn convert(file: &Path, folder: &Path, found: &Found, options: ImportOptions) -> Result<Imported, String> {
    let mut work = Conversion { file, found, became: Vec::new(), next: Vec::new() };
    let id = work.application_id()?;
    let environment = work.environment()?;
    let key = work.private_key(folder)?;
    let path = work.path();
    let database = work.database();
    let connection = work.connection(options)?;
    let filter = work.logging();
    work.others();

    let source = file.file_name().unwrap_or_default().to_string_lossy();
    let mut toml = Zeroizing::new(String::new());
    let written = (|| {
        writeln!(toml, "# Made from {source} by `speil import-web-config`. Paths are relative to this file.")?;
        writeln!(toml)?;
        writeln!(toml, "[server]")?;
        writeln!(
            toml,
            "# IIS had the address and the certificate; here they are Speil's, or those of a proxy in front."
        )?;
        writeln!(toml, "listen = \"127.0.0.1:8080\"")?;
        writeln!(toml, "# public_url = \"https://mirror.example.com\"   # what is registered with SuperOffice")?;
        writeln!(toml)?;
        writeln!(toml, "[[application]]")?;
        writeln!(toml, "id = {}", quoted(&id))?;
        writeln!(toml, "environment = {}", quoted(environment))?;
        writeln!(toml, "path = {}", quoted(&path))?;
        writeln!(toml, "private_key = {}", quoted(&key))?;
        writeln!(
            toml,
            "# The vendor's sample takes tokens meant for any application; Speil takes those for this one only."
        )?;
        writeln!(toml, "# check_audience = false   # would have it as it was")?;
        writeln!(toml)?;
        writeln!(toml, "[mirror]")?;
        writeln!(toml, "store = \"sqlserver\"")?;
        for comment in &connection.comments {
            writeln!(toml, "# {comment}")?;
        }
        writeln!(toml, "{}", *connection.line)?;
        for comment in &database.comments {
            writeln!(toml, "# {comment}")?;
        }
        writeln!(toml, "{}", *database.line)?;
        writeln!(toml)?;
        writeln!(toml, "[log]")?;
        writeln!(toml, "filter = {}", quoted(filter))?;
        let without: Vec<&Became> = work.became.iter().filter(|one| one.key.is_none() && !one.at.is_empty()).collect();
        if !without.is_empty() {
            writeln!(toml)?;
            writeln!(toml, "# Without a counterpart here:")?;
        }
        for one in without {
            writeln!(toml, "# {}: {}", comment(&one.setting), comment(&one.note))?;
        }
        Ok::<(), std::fmt::Error>(())
    })();
    written.expect("writing to a string cannot fail");
    work.next.push(
        "run `speil check`: it looks at key, server and databases, and says what taking them over would do".into(),
    );
    Ok(Imported { toml, settings: work.became, next: work.next })
}

/// A line of the file, with what is said above it.
struct Line {
    comments: Vec<String>,
    line: Zeroizing<String>,
}

impl Conversion<'_> {
    fn get(&self, name: &str) -> Option<&Setting> {
        let setting = self.found.settings.iter().find(|setting| setting.name.eq_ignore_ascii_case(name))?;
        (!setting.value.trim().is_empty()).then_some(setting)
    }

    fn became(&mut self, setting: &str, at: &str, key: Option<&str>, note: impl Into<String>) {
        self.became.push(Became {
            setting: setting.to_owned(),
            at: at.to_owned(),
            key: key.map(str::to_owned),
            note: note.into(),
        });
    }

    fn application_id(&mut self) -> Result<String, String> {
        let missing = || {
            format!("{} has no SoAppId in appSettings: it is no web.config of a mirroring client", self.file.display())
        };
        let setting = self.get("SoAppId").ok_or_else(missing)?;
        let id = setting.value.trim().trim_matches(['{', '}']).replace('-', "").to_ascii_lowercase();
        if id.len() != 32 || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!(
                "{}: SoAppId should be the application's id as SuperOffice gave it, 32 hex digits, and is {:?}",
                setting.at, *setting.value
            ));
        }
        let at = setting.at.clone();
        self.became("SoAppId", &at, Some("application.id"), "");
        Ok(id)
    }

    /// From `Environment`; older samples have only the gateway and the certificate.
    fn environment(&mut self) -> Result<&'static str, String> {
        let given =
            self.get("Environment").map(|setting| (setting.value.trim().to_ascii_lowercase(), setting.at.clone()));
        let gateway =
            self.get("SoFederationGateway").map(|setting| (setting.value.to_ascii_lowercase(), setting.at.clone()));
        let signer = self.get("SuperIdCertificate").map(|setting| {
            let digits = setting.value.chars().filter(char::is_ascii_hexdigit).collect::<String>();
            (digits.to_ascii_lowercase(), setting.at.clone())
        });
        let of_gateway = gateway.as_ref().and_then(|(url, _)| {
            let host = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
            let host = host.split(['/', ':']).next().unwrap_or_default();
            GATEWAYS.iter().find(|(_, known)| *known == host).map(|(environment, _)| *environment)
        });
        let of_signer = signer.as_ref().and_then(|(digits, _)| {
            SIGNERS.iter().find(|(_, known)| known == digits).map(|(environment, _)| *environment)
        });
        let environment = match &given {
            Some((word, at)) => match word.as_str() {
                "development" | "sod" => "sod",
                "stage" | "staging" | "qaonline" => "stage",
                "production" | "online" => "production",
                _ => {
                    return Err(format!(
                        "{at}: Environment should be Development, Stage or Production, and is {word:?}"
                    ));
                }
            },
            None => of_gateway.or(of_signer).ok_or_else(|| {
                format!(
                    "{} does not say which environment it is for: add Environment (Development, Stage or Production) to appSettings",
                    self.file.display()
                )
            })?,
        };
        if let Some((_, at)) = &given {
            self.became("Environment", at, Some("application.environment"), format!("\"{environment}\""));
        }
        if let Some((_, at)) = &gateway {
            let note = match of_gateway {
                Some(of) if of != environment => {
                    format!(
                        "not needed, the issuer's name is fixed; but it is that of {of}, and {environment} is what counts"
                    )
                }
                _ => "not needed: the issuer's name is fixed".to_owned(),
            };
            self.became("SoFederationGateway", at, None, note);
        }
        if let Some((_, at)) = &signer {
            let note = match of_signer {
                Some(of) if of == environment => format!("not needed: the signer of {environment} is built in"),
                Some(of) => format!("not needed, the signer of {environment} is built in; but it is that of {of}"),
                None => format!(
                    "it is none of the three known signers. The signer of {environment} is built in; if tokens are signed by \
                     another: environment = \"custom\" and certificates = [\"FILE\"]"
                ),
            };
            self.became("SuperIdCertificate", at, None, note);
        }
        Ok(environment)
    }

    /// Relative to the folder of the `web.config` there, to that of the `speil.toml` here.
    fn private_key(&mut self, folder: &Path) -> Result<String, String> {
        let missing = || format!("{} has no PrivateKeyFile in appSettings", self.file.display());
        let setting = self.get("PrivateKeyFile").ok_or_else(missing)?;
        let at = setting.at.clone();
        let given = setting.value.trim();
        let given = given.strip_prefix("~/").or_else(|| given.strip_prefix("~\\")).unwrap_or(given).to_owned();
        // Another system's absolute path is left as it is: the file must be brought over anyway.
        let is_windows = given.as_bytes().get(1) == Some(&b':') || given.starts_with("\\\\");
        if is_windows && !cfg!(windows) {
            self.next.push(format!("bring the key file {given} over, and write its place as private_key"));
            self.became(
                "PrivateKeyFile",
                &at,
                Some("application.private_key"),
                "a path on a Windows machine: see below",
            );
            return Ok(given);
        }
        let given = if cfg!(windows) { given } else { given.replace('\\', "/") };
        let here = |path: &Path| std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()));
        let root = here(self.file)?.parent().map(Path::to_owned).unwrap_or_default();
        let key = root.join(&given);
        let note = if key.is_file() {
            String::new()
        } else {
            self.next.push(format!("put the key file where private_key says: {} is not there", key.display()));
            format!("{} is not there", key.display())
        };
        self.became("PrivateKeyFile", &at, Some("application.private_key"), note);
        Ok(relative(&key, &here(folder)?))
    }

    /// The address the service had: that of its `.svc` file, or of its activation.
    fn path(&mut self) -> String {
        let mut services: Vec<String> = self
            .found
            .addresses
            .iter()
            .map(|address| address.trim_start_matches(['~', '.', '/', '\\']).replace('\\', "/"))
            .collect();
        let folder = self.file.parent().filter(|folder| *folder != Path::new("")).unwrap_or_else(|| Path::new("."));
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        services.extend(
            entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| {
                Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("svc"))
            }),
        );
        services.sort();
        services.dedup();
        let plain = |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte));
        let [only] = &services[..] else {
            self.next.push(format!(
                "see that path is the path of the address that is registered with SuperOffice: {USUAL_PATH} is a guess"
            ));
            return USUAL_PATH.to_owned();
        };
        let path = if plain(only) { format!("/{only}") } else { USUAL_PATH.to_owned() };
        self.became(only, "", Some("application.path"), "below IIS's application, if it was not the site's root");
        self.next.push(format!("see that {path} is the path of the address that is registered with SuperOffice"));
        path
    }

    fn database(&mut self) -> Line {
        const USUAL: &str = "Mirroring_[@contextId]";
        let Some(setting) = self.get("MirrorDatabaseName") else {
            self.became(
                "MirrorDatabaseName",
                "",
                Some("mirror.database"),
                format!("not there: {USUAL} as in the vendor's sample"),
            );
            return Line { comments: Vec::new(), line: Zeroizing::new(format!("database = {}", quoted(USUAL))) };
        };
        let (name, at) = (setting.value.trim().to_owned(), setting.at.clone());
        if Template::parse(&name).is_ok() {
            self.became("MirrorDatabaseName", &at, Some("mirror.database"), "");
            return Line { comments: Vec::new(), line: Zeroizing::new(format!("database = {}", quoted(&name))) };
        }
        let template =
            format!("{}_[contextId]", name.trim().chars().filter(|c| !c.is_control()).take(80).collect::<String>());
        self.next.push(format!(
            "MirrorDatabaseName has no [@contextId], so all tenants shared one database; here each has its own, {template}. With one \
             tenant only, rename its database so (ALTER DATABASE ... MODIFY NAME = ...), and it is taken over"
        ));
        self.became("MirrorDatabaseName", &at, Some("mirror.database"), "has no [@contextId]: see below");
        Line {
            comments: vec![format!("{} was one database for all tenants, which Speil does not do.", comment(&name))],
            line: Zeroizing::new(format!("database = {}", quoted(&template))),
        }
    }

    fn connection(&mut self, options: ImportOptions) -> Result<Line, String> {
        let named = |setting: &&Setting| setting.name.eq_ignore_ascii_case("ConnectionBase");
        // Some keep it where other programs have theirs; machine.config's own is never it.
        let others: Vec<&Setting> =
            self.found.connections.iter().filter(|one| !one.name.eq_ignore_ascii_case("LocalSqlServer")).collect();
        let in_section = others.iter().copied().find(named).or_else(|| match others[..] {
            [only] => Some(only),
            _ => None,
        });
        let missing = || {
            format!("{} has no ConnectionBase in appSettings: where the mirrors are is not told", self.file.display())
        };
        let setting = self.get("ConnectionBase").or(in_section).ok_or_else(missing)?;
        let (name, at) = (setting.name.clone(), setting.at.clone());
        let value = setting.value.clone();
        let mut comments = Vec::new();
        let mut note = String::new();
        let mut next = Vec::new();
        match understand(&value) {
            Err(why) => {
                next.push(format!("mend connection: {why}"));
                "cannot be used as it is: see below".clone_into(&mut note);
            }
            Ok(understood) => {
                for said in &understood.notes {
                    comments.push(comment(said));
                }
                if understood.database.is_some() {
                    comments.push(
                        "Its Database is not used, as it was not there: `database` below says each tenant's.".into(),
                    );
                }
            }
        }
        let folded = value.to_ascii_lowercase().replace(' ', "");
        if !folded.contains("encrypt=") {
            comments.push("The vendor's package did not encrypt what it sent nor look at the server's certificate; Speil does both.".into());
            if !folded.contains("trustservercertificate=") {
                comments.push("With a certificate that the server made for itself, add TrustServerCertificate=true (encrypted, not checked).".into());
                next.push(
                    "if the server's certificate is its own, add TrustServerCertificate=true to connection; `speil check` tells".into(),
                );
            }
        }
        let line = if options.secrets_in_env {
            next.push(format!(
                "set the environment variable {CONNECTION_VARIABLE} of the account speil runs as to the value of {name} ({at})"
            ));
            Zeroizing::new(format!("connection = {{ env = \"{CONNECTION_VARIABLE}\" }}"))
        } else {
            Zeroizing::new(format!("connection = {}", quoted(value.trim())))
        };
        self.became(&name, &at, Some("mirror.connection"), note);
        self.next.extend(next);
        Ok(Line { comments, line })
    }

    /// The log's filter.
    fn logging(&mut self) -> &'static str {
        let Some(setting) = self.get("EnableLogging") else { return "info" };
        let (on, at) = (setting.value.trim().eq_ignore_ascii_case("true"), setting.at.clone());
        let note = if on {
            "the log goes to standard error; the service's wrapper or system keeps it"
        } else {
            "was off: only what needs somebody is written, to standard error; \"info\" has a line for each call"
        };
        self.became("EnableLogging", &at, Some("log.filter"), note);
        if on { "info" } else { "error" }
    }

    fn others(&mut self) {
        let unknown: Vec<(String, String, &str)> = self
            .found
            .settings
            .iter()
            .filter(|setting| !KNOWN.iter().any(|known| known.eq_ignore_ascii_case(&setting.name)))
            .map(|setting| {
                let is_asp = setting.name.to_ascii_lowercase().starts_with("aspnet:");
                let note = if is_asp {
                    "ASP.NET's own"
                } else {
                    "not known; if code of yours reads it, give it to a plug-in's [config]"
                };
                (setting.name.clone(), setting.at.clone(), note)
            })
            .chain(
                self.found
                    .connections
                    .iter()
                    .map(|setting| (setting.name.clone(), setting.at.clone(), "a connection string of other code")),
            )
            .collect();
        for (name, at, note) in unknown {
            if self.became.iter().any(|one| one.setting == name) {
                continue;
            }
            self.became(&name, &at, None, note);
        }
    }
}

/// A path as seen from a folder, with `/`, which every system takes; absolute where there is no way from one to the other.
fn relative(path: &Path, folder: &Path) -> String {
    let (path_parts, folder_parts): (Vec<_>, Vec<_>) = (plain(path), plain(folder));
    let common = path_parts.iter().zip(&folder_parts).take_while(|(a, b)| a == b).count();
    if common == 0 {
        return path.to_string_lossy().replace('\\', if cfg!(windows) { "/" } else { "\\" });
    }
    let up = std::iter::repeat_n("..".to_owned(), folder_parts.len() - common);
    let parts: Vec<String> = up.chain(path_parts.into_iter().skip(common)).collect();
    parts.join("/")
}

/// Components without `.`, and without what `..` takes back.
fn plain(path: &Path) -> Vec<String> {
    let mut parts = Vec::new();
    for component in PathBuf::from(path).components() {
        match component {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir if parts.len() > 1 => {
                parts.pop();
            }
            other => parts.push(other.as_os_str().to_string_lossy().into_owned()),
        }
    }
    parts
}

/// A text of TOML.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// What may stand in a comment: one line.
fn comment(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
