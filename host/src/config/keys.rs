//! Every key there is. Reading, suggestions for misspelled keys and docs/reference-configuration.md all go by this list;
//! tests hold each to it.

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// `server.listen`; for `[[application]]` without a number: `application.id`.
    pub path: &'static str,
    /// What it takes, with the unit.
    pub takes: &'static str,
    /// What holds when it is left out.
    pub default: &'static str,
    /// What it is for.
    pub meaning: &'static str,
}

impl Key {
    /// The environment variable that sets it; of the first application, the first element, the first table.
    #[must_use]
    pub fn variable(&self) -> String {
        let mut name = "SPEIL".to_owned();
        for step in self.path.split('.') {
            name.push_str("__");
            name.push_str(&step.to_ascii_uppercase());
            if step == "application" {
                name.push_str("__0");
            }
        }
        match self.path {
            "application.certificates" | "mirror.allowed_connections" | "plugins.http_certificates" => {
                name.push_str("__0");
            }
            "mirror.keys" => name.push_str("__TABLE__0"),
            _ => {}
        }
        name
    }
}

const fn key(path: &'static str, takes: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key { path, takes, default, meaning }
}

/// All keys, table by table.
pub const KEYS: &[Key] = &[
    key("server.listen", "IP address and port", "`127.0.0.1:8080`", "Where to listen. Port 0 takes any free one."),
    key(
        "server.public_url",
        "address",
        "what the Host header says",
        "What the vendor calls, as `https://host`; shown on the service page and in the WSDL.",
    ),
    key("server.max_request_bytes", "size", "`2GiB`", "Largest request body accepted."),
    key("server.max_connections", "number", "`1024`", "Connections at once."),
    key(
        "server.max_connections_per_address",
        "number",
        "half of `max_connections`",
        "Connections at once from one address (of IPv6, one /64 network). Behind a proxy all callers have the proxy's.",
    ),
    key("server.max_calls", "number", "`64`", "Calls worked on at once, all tenants together."),
    key(
        "server.max_calls_per_tenant",
        "number",
        "an eighth of `max_calls`, at least 2",
        "Calls of one tenant worked on at once. The Task sends a tenant's calls one after the other.",
    ),
    key(
        "server.max_waiting_calls",
        "number",
        "`256`",
        "Calls that may wait until there is room to work on them, a quarter of them of one tenant. More are told to come again.",
    ),
    key("server.call_wait", "time", "`30s`", "How long a call waits for room before it is told to come again."),
    key("server.header_timeout", "time", "`15s`", "A request's head must be here within this time."),
    key(
        "server.body_timeout",
        "time",
        "`30s`",
        "A request's body may be silent for this long, and an answer untaken. Keep it shorter than the caller's own time-out.",
    ),
    key(
        "server.min_body_rate",
        "size",
        "`1KiB`",
        "Bytes a second that a request's body must bring, counted over each `body_timeout`.",
    ),
    key("server.idle_timeout", "time", "`120s`", "A kept-alive connection may be silent for this long."),
    key("server.shutdown_timeout", "time", "`60s`", "How long a stop waits for calls in flight."),
    key("server.tls.certificate", "path", "no TLS", "Certificate chain, PEM. Together with `key`."),
    key("server.tls.key", "path", "no TLS", "Its private key, PEM. Together with `certificate`."),
    key(
        "server.admin_token",
        "secret",
        "only callers on this machine",
        "Token that opens `/metrics` and `/status` to callers from elsewhere.",
    ),
    key(
        "application.id",
        "32 hex digits",
        "required",
        "The application's id at SuperOffice (SoAppId). Tokens must have the audience `spn:ID`.",
    ),
    key(
        "application.environment",
        "`sod`, `stage`, `production`, `custom`",
        "required",
        "Whose tokens are believed: the vendor's environments have their keys built in, `custom` needs `certificates`.",
    ),
    key(
        "application.path",
        "path of an address",
        "`/MirroringClientService.svc`",
        "Where this application is called; case does not count. Several applications may share one and are told apart by audience.",
    ),
    key(
        "application.private_key",
        "path or secret",
        "required",
        "The key that signs our answers: RSA XML or PEM, at least 1024 bits. A plain text is a file's path.",
    ),
    key(
        "application.certificates",
        "list of paths",
        "none",
        "Further trusted signers: X.509 certificates or RSA public keys; PEM, DER or RSA XML. They are pinned: neither their dates nor their issuers are looked at.",
    ),
    key(
        "application.check_audience",
        "`true`, `false`",
        "`true`",
        "Whether a token must be meant for this very application. The vendor's sample does not look.",
    ),
    key(
        "application.folder",
        "name of a folder",
        "the mirror directory itself",
        "Folder of its own below `mirror.directory`; on SQL Server a part of the database's name. With several applications all but one need it: tenants of one name must not meet in one mirror.",
    ),
    key(
        "application.clock_skew",
        "time",
        "`5m`",
        "How far the vendor's clock and this host's may differ; at most an hour.",
    ),
    key("mirror.store", "`sqlite`, `sqlserver`", "`sqlite`", "The engine that keeps the mirrors."),
    key("mirror.directory", "path", "`mirrors`", "SQLite: where the mirror files are, one for each tenant."),
    key("mirror.max_open", "number", "`64`", "SQLite: mirror files open at once."),
    key("mirror.connection", "secret", "required for `sqlserver`", "SQL Server: connection string, ADO.NET syntax."),
    key(
        "mirror.database",
        "text with `[contextId]`",
        "`Mirror_[contextId]`",
        "SQL Server: the database of a tenant. `[@contextId]` and `<contextId>` mean the same; `[folder]` is the application's folder, which else stands in front with `_`. It wins over `Database` in the connection string.",
    ),
    key(
        "mirror.schema",
        "name of a schema",
        "the login's default schema",
        "SQL Server: the schema of all tables, in every tenant's database.",
    ),
    key(
        "mirror.allowed_connections",
        "list of `server/database`",
        "none",
        "SQL Server: where plug-ins may send a tenant (`resolve-connection`). `*` stands for anything, case does not count.",
    ),
    key(
        "mirror.max_connections",
        "number",
        "`32`",
        "SQL Server: connections at once to one server under one login, all tenants together; a quarter as many beside them for \
         plug-ins with `database`.",
    ),
    key(
        "mirror.command_timeout",
        "time",
        "`10m`",
        "SQL Server: how long the server may be silent while a statement of ours runs.",
    ),
    key(
        "mirror.elastic_pool",
        "name of an elastic pool",
        "none",
        "Azure SQL: the elastic pool that a database made here goes to. Without it Azure makes a database with its own price.",
    ),
    key(
        "mirror.spill_bytes",
        "size",
        "`32MiB`",
        "Cells of one batch kept in memory before they go to a temporary file.",
    ),
    key("mirror.spill_directory", "path", "the system's", "Where such files go."),
    key(
        "mirror.keys",
        "table of lists",
        "first column",
        "Key columns of tables whose first column is not their key: `TABLE = [\"COLUMN\", ...]` in `[mirror.keys]`.",
    ),
    key("plugins.directory", "path", "`plugins`, if it exists", "The plug-ins' folder."),
    key(
        "plugins.cache_directory",
        "path",
        "`.cache` in the plug-ins' folder",
        "Compiled code, and which versions of plug-ins are approved. Only the account that runs the host may write there; a folder that others can write to is not used.",
    ),
    key(
        "plugins.watch",
        "`auto`, `poll`, `off`",
        "`auto`",
        "How a running host learns of changed plug-ins: told by the system and by looking, by looking only, not at all.",
    ),
    key("plugins.poll_interval", "time", "`10s`", "How often the plug-ins' folder is looked at; 100 ms to 1 h."),
    key(
        "plugins.approval",
        "`on`, `off`",
        "`on`",
        "Whether a new version of a plug-in that imports or asks for more than the approved one waits for `speil plugin approve`, while the approved one runs on.",
    ),
    key(
        "plugins.http_certificates",
        "list of paths",
        "none",
        "PEM files of certificates that HTTPS requests of plug-ins trust, beside those this machine trusts: of an authority of your own.",
    ),
    key(
        "plugins.instances",
        "1 to 1000",
        "`1000`",
        "Instances of all plug-ins at once, beside the limit that each has in its sidecar. A call has one of each plug-in it uses.",
    ),
    key(
        "plugins.compile_time",
        "time",
        "`2m`",
        "How long compiling one plug-in may take; 1 s to 1 h. It is done in a process of its own, which is ended then.",
    ),
    key(
        "plugins.compile_memory",
        "size",
        "`2GiB`",
        "How much memory that process may take; 64 MiB to 1 TiB. Watched on Linux only.",
    ),
    key("log.format", "`text`, `json`", "`text`", "How log lines look."),
    key(
        "log.filter",
        "filter",
        "`info`",
        "What is logged, for example `warn,speil=debug`. The variable `RUST_LOG` wins.",
    ),
    key(
        "status.late_after",
        "time",
        "`10h`",
        "A tenant without a completed cycle for this long is late. The vendor's Task pauses at night.",
    ),
    key("status.silent_after", "time", "`24h`", "A tenant without any call for this long is silent."),
];

/// The tables that hold no key of their own in [`KEYS`], but tables.
const PARENTS: [&str; 7] = ["server", "server.tls", "application", "mirror", "plugins", "log", "status"];

/// Whether a path is a key or a table.
pub(super) fn is_known(path: &str) -> bool {
    KEYS.iter().any(|key| key.path == path) || PARENTS.contains(&path)
}

/// The names that may stand in a table; an empty prefix is the whole file.
pub(super) fn of_table(prefix: &str) -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|key| key.path).chain(PARENTS).filter_map(move |path| {
        let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
        (parent == prefix).then_some(name)
    })
}

/// The key of any table that has this name, if only one has it.
pub(super) fn with_last_name(name: &str) -> Option<&'static str> {
    let mut found =
        KEYS.iter().map(|key| key.path).filter(|path| path.rsplit_once('.').is_some_and(|(_, last)| last == name));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}
