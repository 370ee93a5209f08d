//! From the raw tree to a [`Config`], table by table. Every default stands here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::{Place, Problem};
use super::secret::{self, Plain};
use super::section::Section;
use super::tree::{Node, Table, Value};
use super::{
    ApplicationConfig, Config, Environment, LogConfig, LogFormat, MirrorConfig, PluginsConfig, Secret, ServerConfig,
    SqlServerConfig, StatusConfig, StoreConfig, TlsConfig, Watch, values,
};
use crate::store::sqlserver::{Template, understand};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);

/// What reading needs beside the tree.
pub(super) struct Surroundings<'a> {
    /// Relative paths begin here.
    pub base: &'a Path,
    pub variables: &'a BTreeMap<String, String>,
}

impl Surroundings<'_> {
    fn secret(&self, section: &mut Section<'_>, key: &'static str, plain: Plain) -> Option<Secret> {
        let node = section.node(key)?;
        match secret::read(&section.name(key), &node, plain, self.base, self.variables) {
            Ok(secret) => Some(secret),
            Err(problem) => {
                section.problems().push(problem);
                None
            }
        }
    }
}

/// Reads everything; a configuration only if nothing was wrong.
pub(super) fn config(root: Table, around: &Surroundings<'_>, problems: &mut Vec<Problem>) -> Option<Config> {
    let mut root = Section::new("", String::new(), Place::Absent, root, problems);
    let server = table(&mut root, "server", |section| server(section, around));
    let applications = applications(&mut root, around);
    let mirror = table(&mut root, "mirror", |section| mirror(section, around));
    let plugins = table(&mut root, "plugins", |section| Some(plugins(section, around)));
    let log = table(&mut root, "log", |section| Some(log(section)));
    let status = table(&mut root, "status", |section| Some(status(section)));
    root.finish();
    let config = Config {
        server: server?,
        applications: applications?,
        mirror: mirror?,
        plugins: plugins?,
        log: log?,
        status: status?,
    };
    problems.is_empty().then_some(config)
}

/// Reads one table; one that is absent is read as empty, so that its defaults stand in one place.
fn table<T>(
    parent: &mut Section<'_>,
    key: &'static str,
    read: impl FnOnce(&mut Section<'_>) -> Option<T>,
) -> Option<T> {
    let shown = parent.name(key);
    let (place, inner) = match parent.node(key) {
        None => (Place::Absent, Table::new()),
        Some(Node { key, value: Value::Table(inner), .. }) => (key, inner),
        Some(Node { place, value, .. }) => {
            let message = format!("should be a table, [{shown}], and is {}", value.kind());
            parent.bad(key, place, message);
            return None;
        }
    };
    let mut section = Section::new(key, shown, place, inner, parent.problems());
    let value = read(&mut section);
    section.finish();
    value
}

fn server(section: &mut Section<'_>, around: &Surroundings<'_>) -> Option<ServerConfig> {
    let timeout = SECOND..=HOUR;
    let listen = section.or("listen", ([127, 0, 0, 1], 8080).into(), values::socket_address);
    let max_connections = section.or("max_connections", 1_024, values::count(1..=1_000_000));
    let max_calls = section.or("max_calls", 64, values::count(1..=100_000));
    let of_address = (max_connections / 2).max(1);
    let of_tenant = (max_calls / 8).max(2);
    Some(ServerConfig {
        listen,
        public_url: section.get("public_url", values::url),
        max_request_bytes: section.or("max_request_bytes", 2 << 30, values::size(1024..=1 << 40)),
        max_connections,
        max_connections_per_address: section.or(
            "max_connections_per_address",
            of_address,
            values::count(1..=1_000_000),
        ),
        max_calls,
        max_calls_per_tenant: section.or("max_calls_per_tenant", of_tenant, values::count(1..=100_000)),
        max_waiting_calls: section.or("max_waiting_calls", 256, values::count(1..=100_000)),
        call_wait: section.or("call_wait", 30 * SECOND, values::duration(timeout.clone())),
        header_timeout: section.or("header_timeout", 15 * SECOND, values::duration(timeout.clone())),
        body_timeout: section.or("body_timeout", 30 * SECOND, values::duration(timeout.clone())),
        min_body_rate: section.or("min_body_rate", 1024, values::size(1..=1 << 30)),
        idle_timeout: section.or("idle_timeout", 120 * SECOND, values::duration(timeout.clone())),
        shutdown_timeout: section.or("shutdown_timeout", 60 * SECOND, values::duration(timeout)),
        tls: tls(section, around).ok()?,
        admin_token: around.secret(section, "admin_token", Plain::TheSecret),
    })
}

/// Something was wrong, and is recorded.
struct Recorded;

fn tls(server: &mut Section<'_>, around: &Surroundings<'_>) -> Result<Option<TlsConfig>, Recorded> {
    let Some(node) = server.node("tls") else { return Ok(None) };
    let Node { key, value: Value::Table(mut inner), .. } = node else {
        server.bad(
            "tls",
            node.place,
            format!("should be {{ certificate = \"...\", key = \"...\" }}, and is {}", node.value.kind()),
        );
        return Err(Recorded);
    };
    if let Some(acme) = inner.remove("acme") {
        let instead = "give `certificate` and `key`, or put a proxy in front that fetches certificates itself";
        let problem = Problem::NotSupportedYet { place: acme.key, key: server.name("tls.acme"), instead };
        server.problems().push(problem);
        // What else is wrong with the table is said when the table is what it can be.
        return Err(Recorded);
    }
    let shown = server.name("tls");
    let mut section = Section::new("server.tls", shown, key, inner, server.problems());
    let certificate = section.required("certificate", "the certificate chain, a PEM file", values::path(around.base));
    let private = section.required("key", "the certificate's private key, a PEM file", values::path(around.base));
    section.finish();
    match (certificate, private) {
        (Some(certificate), Some(key)) => Ok(Some(TlsConfig { certificate, key })),
        _ => Err(Recorded),
    }
}

fn applications(root: &mut Section<'_>, around: &Surroundings<'_>) -> Option<Vec<ApplicationConfig>> {
    let items = match root.node("application") {
        None => Vec::new(),
        Some(Node { value: Value::List(items), .. }) => items,
        Some(node) => {
            let message = "should be a list of tables: write [[application]] with two brackets on each side";
            root.bad("application", node.place, message);
            return None;
        }
    };
    if items.is_empty() {
        root.missing("application", "at least one [[application]] with id, environment and private_key");
        return None;
    }
    let mut read = Vec::new();
    let mut whole = true;
    for (index, item) in items.into_iter().enumerate() {
        let shown = format!("application[{index}]");
        let Value::Table(inner) = item.value else {
            let message = format!("should be a table, and is {}", item.value.kind());
            root.problems().push(Problem::BadValue { place: item.place, key: shown, message });
            whole = false;
            continue;
        };
        let mut section = Section::new("application", shown, item.key.clone(), inner, root.problems());
        let given_folder = section.place_of("folder");
        match application(&mut section, around) {
            Some(application) => {
                // One that was given and could not be read has been told.
                let misread = given_folder.is_some() && application.folder.is_none();
                let place_of_folder = given_folder.unwrap_or(item.key);
                if misread {
                    whole = false;
                } else if let Some(other) = read.iter().find(|other| shares_mirrors(&application, other)) {
                    section.bad("folder", place_of_folder, apart(&application, other));
                    whole = false;
                }
                read.push(application);
            }
            None => whole = false,
        }
        section.finish();
    }
    whole.then_some(read)
}

/// Whether tenants of one name would meet in one mirror: each environment has its own `Cust1`, and each application
/// its own progress (invariant 5).
fn shares_mirrors(one: &ApplicationConfig, other: &ApplicationConfig) -> bool {
    let folder = |application: &ApplicationConfig| application.folder.as_deref().map(str::to_lowercase);
    folder(one) == folder(other)
}

fn apart(one: &ApplicationConfig, other: &ApplicationConfig) -> String {
    let whose = |application: &ApplicationConfig| format!("{} ({})", application.id, application.environment.word());
    format!(
        "must set {} and {} apart, or tenants of one name would meet in one mirror; write for example folder = \"{}\"",
        whose(one),
        whose(other),
        one.environment.word()
    )
}

const ENVIRONMENTS: &[(&str, Environment)] = &[
    ("sod", Environment::Sod),
    ("stage", Environment::Stage),
    ("production", Environment::Production),
    ("custom", Environment::Custom),
];

/// One of [`ENVIRONMENTS`]; for the vendor's own words that are none of ours the hint which of ours is meant.
fn environment_word(node: &Node) -> Result<Environment, String> {
    values::choice(ENVIRONMENTS)(node).map_err(|message| match &node.value {
        Value::Text(text) if text.eq_ignore_ascii_case("development") => {
            format!("{message}; what SuperOffice calls Development is \"sod\" here")
        }
        Value::Text(text) if text.eq_ignore_ascii_case("staging") => format!("{message}; did you mean \"stage\"?"),
        Value::Text(text) if text.eq_ignore_ascii_case("prod") => format!("{message}; did you mean \"production\"?"),
        _ => message,
    })
}

fn application(section: &mut Section<'_>, around: &Surroundings<'_>) -> Option<ApplicationConfig> {
    let id = section.required("id", "the application's id at SuperOffice, 32 hex digits", values::application_id);
    let environment = section.required(
        "environment",
        "whose tokens to believe: \"sod\", \"stage\", \"production\" or \"custom\"",
        environment_word,
    );
    let path = section.or("path", "/MirroringClientService.svc".to_owned(), values::url_path);
    if section.place_of("private_key").is_none() {
        section.missing("private_key", "the file with the application's RSA key (`speil keygen` makes one)");
    }
    let private_key = around.secret(section, "private_key", Plain::APath);
    let had_certificates = section.place_of("certificates").is_some();
    let certificates = section.or("certificates", Vec::new(), values::list(values::path(around.base)));
    let check_audience = section.or("check_audience", true, values::boolean);
    let folder = section.get("folder", values::folder_name);
    let clock_skew = section.or("clock_skew", 5 * MINUTE, values::duration(Duration::ZERO..=HOUR));
    if environment == Some(Environment::Custom) && certificates.is_empty() && !had_certificates {
        section.missing("certificates", "environment = \"custom\" trusts only the signers listed there");
    }
    Some(ApplicationConfig {
        id: id?,
        environment: environment?,
        path,
        private_key: private_key?,
        certificates,
        check_audience,
        folder,
        clock_skew,
    })
}

#[derive(Clone, Copy, PartialEq)]
enum Engine {
    Sqlite,
    SqlServer,
}

/// What belongs to one engine only.
const OF_SQLITE: [&str; 2] = ["directory", "max_open"];
const OF_SQL_SERVER: [&str; 7] =
    ["connection", "database", "schema", "allowed_connections", "max_connections", "command_timeout", "elastic_pool"];

fn mirror(section: &mut Section<'_>, around: &Surroundings<'_>) -> Option<MirrorConfig> {
    let engine = section.or(
        "store",
        Engine::Sqlite,
        values::choice(&[("sqlite", Engine::Sqlite), ("sqlserver", Engine::SqlServer)]),
    );
    let (foreign, other): (&[&str], _) = match engine {
        Engine::Sqlite => (&OF_SQL_SERVER, "sqlserver"),
        Engine::SqlServer => (&OF_SQLITE, "sqlite"),
    };
    for &key in foreign {
        if let Some(place) = section.place_of(key) {
            section.bad(key, place, format!("belongs to store = \"{other}\", which is not the one chosen"));
        }
    }
    let directory = section.or("directory", around.base.join("mirrors"), values::path(around.base));
    let max_open = section.or("max_open", 64, values::count(1..=100_000));
    let sql_server = sql_server(section, around, engine == Engine::SqlServer);
    let spill_bytes = section.or("spill_bytes", 32 << 20, values::memory_size(64 << 10..=1 << 40));
    let spill_directory = section.get("spill_directory", values::path(around.base));
    let keys = keys(section);
    let store = match engine {
        Engine::Sqlite => StoreConfig::Sqlite { directory, max_open },
        Engine::SqlServer => StoreConfig::SqlServer(sql_server?),
    };
    Some(MirrorConfig { store, keys: keys?, spill_bytes, spill_directory })
}

/// Reads what belongs to SQL Server, also when another engine is `chosen`, so that no key of it is unknown.
fn sql_server(section: &mut Section<'_>, around: &Surroundings<'_>, chosen: bool) -> Option<SqlServerConfig> {
    let place = section.place_of("connection");
    if chosen && place.is_none() {
        section.missing("connection", "SQL Server's connection string: \"Server=...;User ID=...;Password=...\"");
    }
    let connection = around.secret(section, "connection", Plain::TheSecret);
    let database = section.get("database", values::database_template);
    let schema = section.get("schema", values::sql_name);
    let allowed_connections = section.or("allowed_connections", Vec::new(), values::list(values::allowed_connection));
    let max_connections = section.or("max_connections", 32, values::count(2..=10_000));
    let command_timeout = section.or("command_timeout", 10 * MINUTE, values::duration(SECOND..=DAY));
    let elastic_pool = section.get("elastic_pool", values::sql_name);
    let (true, Some(connection), Some(place)) = (chosen, connection, place) else { return None };
    let understood = match understand(connection.expose()) {
        Ok(understood) => understood,
        Err(why) => {
            section.bad("connection", place, format!("is no connection string: {why}"));
            return None;
        }
    };
    // As in the vendor's package, where the tenant's name came behind whatever the string said: the template wins.
    let in_string = || understood.database.filter(|database| Template::parse(database).is_ok());
    let database = database.or_else(in_string).unwrap_or_else(|| "Mirror_[contextId]".to_owned());
    Some(SqlServerConfig {
        connection,
        database,
        schema,
        allowed_connections,
        max_connections,
        command_timeout,
        elastic_pool,
    })
}

/// `[mirror.keys]`: names are the tenant's own, so none is unknown.
fn keys(mirror: &mut Section<'_>) -> Option<BTreeMap<String, Vec<String>>> {
    let Some(node) = mirror.node("keys") else { return Some(BTreeMap::new()) };
    let Value::Table(tables) = node.value else {
        let message = format!("should be a table, [mirror.keys], and is {}", node.value.kind());
        mirror.bad("keys", node.place, message);
        return None;
    };
    let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut whole = true;
    for (table, node) in tables {
        let columns = match &node.value {
            Value::Text(_) => values::text(&node).map(|column| vec![column]),
            _ => values::list(values::text)(&node),
        };
        let problem = match columns {
            Ok(columns) if columns.is_empty() => "names no column".to_owned(),
            Ok(_) if keys.keys().any(|other| other.to_lowercase() == table.to_lowercase()) => {
                "is there twice: the names of tables have no case".to_owned()
            }
            Ok(columns) => {
                keys.insert(table, columns);
                continue;
            }
            Err(message) => message,
        };
        mirror.bad(&format!("keys.{table}"), node.place, problem);
        whole = false;
    }
    whole.then_some(keys)
}

fn plugins(section: &mut Section<'_>, around: &Surroundings<'_>) -> PluginsConfig {
    let default = || Some(around.base.join("plugins")).filter(|folder: &PathBuf| folder.is_dir());
    let standard = PluginsConfig::default();
    let watch = &[("auto", Watch::Auto), ("poll", Watch::Poll), ("off", Watch::Off)];
    PluginsConfig {
        directory: section.get("directory", values::path(around.base)).or_else(default),
        cache_directory: section.get("cache_directory", values::path(around.base)),
        watch: section.or("watch", standard.watch, values::choice(watch)),
        poll_interval: section.or("poll_interval", standard.poll_interval, values::duration(SECOND / 10..=HOUR)),
        approval: section.or("approval", standard.approval, values::choice(&[("on", true), ("off", false)])),
        http_certificates: section.or("http_certificates", Vec::new(), values::list(values::path(around.base))),
        instances: section.or("instances", standard.instances, values::count(1..=1_000)),
        compile_time: section.or("compile_time", standard.compile_time, values::duration(SECOND..=HOUR)),
        compile_memory: section.or("compile_memory", standard.compile_memory, values::memory_size(64 << 20..=1 << 40)),
        compile_program: None,
    }
}

fn log(section: &mut Section<'_>) -> LogConfig {
    let formats = &[("text", LogFormat::Text), ("json", LogFormat::Json)];
    LogConfig {
        format: section.or("format", LogFormat::Text, values::choice(formats)),
        filter: section.or("filter", "info".to_owned(), values::log_filter),
    }
}

fn status(section: &mut Section<'_>) -> StatusConfig {
    let bounds = MINUTE..=365 * DAY;
    StatusConfig {
        late_after: section.or("late_after", 10 * HOUR, values::duration(bounds.clone())),
        silent_after: section.or("silent_after", 24 * HOUR, values::duration(bounds)),
    }
}
