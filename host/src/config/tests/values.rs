//! What each value may look like, and where secrets come from.

use super::*;

#[test]
#[expect(clippy::too_many_lines, reason = "one list of cases")]
fn values_that_cannot_be_meant_are_refused_with_what_could() {
    let cases = [
        (
            "server",
            "max_request_bytes = \"2 gallons\"",
            "`server.max_request_bytes` should be a size: a number of bytes, or a number with a unit such as \"64KiB\", \"32MiB\", \"2GiB\"",
        ),
        (
            "server",
            "max_request_bytes = 3",
            "`server.max_request_bytes` should be a size from 1024 to 1099511627776 bytes",
        ),
        (
            "server",
            "header_timeout = 15",
            "`server.header_timeout` needs a unit: \"15s\" for seconds, \"15m\" for minutes",
        ),
        (
            "server",
            "header_timeout = \"soon\"",
            "`server.header_timeout` should be a time such as \"90s\", \"5m\", \"10h\" or \"1h 30m\"",
        ),
        ("server", "header_timeout = \"2h\"", "`server.header_timeout` should be a time from \"1s\" to \"1h\""),
        ("server", "max_calls = \"64\"", "`server.max_calls` should be a number, and is a text"),
        ("server", "max_calls = 6.5", "`server.max_calls` should be a number, and is a number with a fraction"),
        (
            "server",
            "public_url = \"mirror.example.com\"",
            "`server.public_url` should be an address such as \"https://mirror.example.com\", and is \"mirror.example.com\"",
        ),
        (
            "server",
            "tls = true",
            "`server.tls` should be { certificate = \"...\", key = \"...\" }, and is true or false",
        ),
        (
            "server",
            "tls = { certificate = \"c\" }",
            "`server.tls.key` is missing: the certificate's private key, a PEM file",
        ),
        ("server", "admin_token = \"\"", "`server.admin_token` is empty"),
        (
            "server",
            "admin_token = { env = \"NOT_SET\" }",
            "`server.admin_token` names the environment variable NOT_SET, which is not set (or is not Unicode)",
        ),
        (
            "server",
            "admin_token = { vault = \"x\" }",
            "`server.admin_token` should be a text, { env = \"NAME\" } or { file = \"path\" }",
        ),
        (
            "application",
            "check_audience = \"no\"",
            "`application[0].check_audience` should be true or false, and is a text",
        ),
        ("application", "clock_skew = \"2h\"", "`application[0].clock_skew` should be a time from \"0ms\" to \"1h\""),
        (
            "application",
            "certificates = \"a.crt\"",
            "`application[0].certificates` should be a list in brackets, and is a text",
        ),
        (
            "application",
            "path = \"svc\"",
            "`application[0].path` should be the path of an address, for example \"/MirroringClientService.svc\": a slash, then letters, digits and -._~ only, and is \"svc\"",
        ),
        (
            "application",
            "path = \"/Metrics\"",
            "`application[0].path` is \"/Metrics\", which this server answers itself",
        ),
        (
            "mirror",
            "connection = \"Server=x\"",
            "`mirror.connection` belongs to store = \"sqlserver\", which is not the one chosen",
        ),
        (
            "mirror",
            "store = \"sqlserver\"",
            "`mirror.connection` is missing: SQL Server's connection string: \"Server=...;User ID=...;Password=...\"",
        ),
        ("mirror.keys", "a = []", "`mirror.keys.a` names no column"),
        ("mirror.keys", "a = \"x\"\nA = \"y\"", "`mirror.keys.a` is there twice: the names of tables have no case"),
        ("mirror.keys", "a = [1]", "`mirror.keys.a` should be a text, and is a number"),
        (
            "log",
            "filter = \"speil=loud\"",
            "`log.filter` should be a filter such as \"info\" or \"warn,speil=debug\", and is \"speil=loud\": error parsing level filter: expected one of \"off\", \"error\", \"warn\", \"info\", \"debug\", \"trace\", or a number 0-5",
        ),
        ("", "plugins = \"x\"", "`plugins` should be a table, [plugins], and is a text"),
    ];
    for (table, line, expected) in cases {
        assert_eq!(mistake(table, line), expected);
    }
    let lost =
        "[mirror]\nstore = \"sqlserver\"\nconnection = \"Server=x;User ID=u;Password=geheim\"\ndatabase = \"Mirror\"\n";
    let found = mistakes(&format!("{}{lost}", application()));
    assert_eq!(
        found,
        [
            "line 8, column 12: `mirror.database` should hold [contextId], so that every tenant has a database of its own, and is \"Mirror\""
        ]
    );
}

#[test]
fn a_guid_is_an_id() {
    let text = application().replace(ID, "{01234567-89AB-cdef-0123-456789ABCDEF}");
    assert_eq!(load_with(&text, &[]).expect("good").applications[0].id, ID);
}

#[test]
fn sizes_and_times_are_read_in_every_unit() {
    for (text, bytes) in [
        ("4096", 4_096),
        ("\"4096\"", 4_096),
        ("\"64KiB\"", 65_536),
        ("\"1 mib\"", 1_048_576),
        ("\"2GB\"", 2_000_000_000),
        ("0x1000", 4_096),
    ] {
        let text = format!("{}[server]\nmax_request_bytes = {text}\n", application());
        assert_eq!(load_with(&text, &[]).expect("good").server.max_request_bytes, bytes);
    }
    for (text, seconds) in
        [("90s", 90), ("5m", 300), ("1h 30m", 5_400), ("1h30m", 5_400), ("7d", 604_800), ("120000ms", 120)]
    {
        let text = format!("{}[status]\nlate_after = \"{text}\"\n", application());
        assert_eq!(load_with(&text, &[]).expect("good").status.late_after.as_secs(), seconds);
    }
    for text in
        ["", " ", "5", "m", "5 5m", "5m5", "-5m", "5.5m", "99999999999999999999s", "9999999999999999999h", "5mm"]
    {
        let text = format!("{}[status]\nlate_after = \"{text}\"\n", application());
        assert!(load_with(&text, &[]).is_err(), "{text}");
    }
}

#[test]
fn secrets_come_from_the_text_a_file_or_the_environment() {
    let set = [("PW", "s3cret\n")];
    let token = |line: &str| {
        let config = load_with(&format!("{}[server]\nadmin_token = {line}\n", application()), &set).expect("good");
        config.server.admin_token.expect("a token").expose().to_owned()
    };
    assert_eq!(token("\"plain\""), "plain");
    assert_eq!(token("{ env = \"PW\" }"), "s3cret");
    assert_eq!(token("{ file = \"private.xml\" }"), "<RSAKeyValue/>");
    let key = |line: &str| {
        let text = application().replace("\"private.xml\"", line);
        load_with(&text, &[("KEY", "<RSAKeyValue>k</RSAKeyValue>")]).expect("good").applications[0]
            .private_key
            .expose()
            .to_owned()
    };
    assert_eq!(key("{ file = \"private.xml\" }"), "<RSAKeyValue/>");
    assert_eq!(key("{ env = \"KEY\" }"), "<RSAKeyValue>k</RSAKeyValue>");
    assert_eq!(key("\"<RSAKeyValue>inline</RSAKeyValue>\""), "<RSAKeyValue>inline</RSAKeyValue>");
}

#[test]
fn no_secret_is_shown() {
    let set = [("PW", "geheim")];
    let text = format!(
        "{}[server]\nadmin_token = {{ env = \"PW\" }}\n[mirror]\nstore = \"sqlserver\"\nconnection = \"Server=x;User ID=u;Password=geheim\"\n",
        application()
    );
    let config = load_with(&text, &set).expect("good");
    assert!(!format!("{config:?}").contains("geheim"));
    assert!(format!("{config:?}").contains("Secret(…)"));
}

#[test]
fn words_and_paths_as_windows_and_superoffice_write_them_get_a_hint() {
    let environment = |word: &str| {
        let found = mistakes(&application().replace("\"sod\"", &format!("\"{word}\"")));
        assert_eq!(found.len(), 1, "{found:?}");
        found[0].clone()
    };
    assert_eq!(
        environment("Development"),
        "line 3, column 15: `application[0].environment` should be \"sod\", \"stage\", \"production\" or \"custom\", and is \"Development\"; what SuperOffice calls Development is \"sod\" here"
    );
    assert!(environment("prod").ends_with("did you mean \"production\"?"));
    assert!(environment("Staging").ends_with("did you mean \"stage\"?"));
    for word in ["Stage", "PRODUCTION"] {
        assert!(load_with(&application().replace("\"sod\"", &format!("\"{word}\"")), &[]).is_ok(), "{word}");
    }
    let windows = mistakes(&application().replace("\"private.xml\"", "\"keys\\private.xml\""));
    assert!(
        windows[0].starts_with("line 4, column ")
            && windows[0].ends_with("if this is a path, write it with / or in 'single quotes'"),
        "{windows:?}"
    );
    let plain = mistakes("[server]\nlisten = \"a\n");
    assert!(!plain[0].contains("backslash"), "{plain:?}");
}

/// `[mirror]` of SQL Server with further lines.
fn sql_server(lines: &str) -> Result<SqlServerConfig, Vec<String>> {
    let text = format!("{}[mirror]\nstore = \"sqlserver\"\n{lines}\n", application());
    load_with(&text, &[("SPEIL_SQL", "Server=sql1;User ID=u;Password=geheim")]).map(|config| {
        match config.mirror.store {
            StoreConfig::SqlServer(config) => config,
            StoreConfig::Sqlite { .. } => panic!("SQL Server"),
        }
    })
}

#[test]
fn sql_server_has_its_defaults() {
    let config = sql_server("connection = { env = \"SPEIL_SQL\" }").expect("good");
    assert_eq!(config.database, "Mirror_[contextId]");
    assert_eq!((config.schema, config.elastic_pool), (None, None));
    assert!(config.allowed_connections.is_empty());
    assert_eq!((config.max_connections, config.command_timeout.as_secs()), (32, 600));
}

#[test]
fn a_connection_string_is_read_when_the_configuration_is() {
    let found = sql_server("connection = \"Server=sql1;User ID=u;Passwort=geheim\"").expect_err("refused");
    let [only] = &found[..] else { panic!("{found:?}") };
    assert!(only.starts_with("line 7, column 1: `mirror.connection` is no connection string: "), "{only}");
    assert!(only.to_lowercase().contains("passwort") && !only.contains("geheim"), "{only}");
}

#[test]
fn the_template_wins_over_a_database_in_the_connection_string() {
    let database = |lines: &str| sql_server(lines).expect("good").database;
    let own = "connection = \"Server=s;User ID=u;Password=p;Database=Own_[contextId]\"";
    assert_eq!(database(own), "Own_[contextId]");
    assert_eq!(database(&format!("{own}\ndatabase = \"M_<contextId>\"")), "M_<contextId>");
    assert_eq!(database("connection = \"Server=s;User ID=u;Password=p;Database=master\""), "Mirror_[contextId]");
}

#[test]
fn what_belongs_to_sql_server_is_looked_at() {
    let refused = |line: &str| {
        let found = sql_server(&format!("connection = {{ env = \"SPEIL_SQL\" }}\n{line}")).expect_err("refused");
        found[0].split_once(": ").map(|(_, what)| what.to_owned()).expect("a place")
    };
    assert!(
        refused("allowed_connections = [\"sql1\"]")
            .starts_with("`mirror.allowed_connections` should be a server and a database")
    );
    assert!(refused("max_connections = 1").contains("should be a number from 2 to 10000"));
    assert!(refused("schema = \" dbo\"").contains("should be a name of at most 128 characters"));
    assert!(refused("directory = \"m\"").contains("belongs to store = \"sqlite\""));
    let good = sql_server(
        "connection = { env = \"SPEIL_SQL\" }\nallowed_connections = [\"*.database.windows.net/Cust*\", \"sql1,1500/M_*\"]",
    );
    assert_eq!(good.expect("good").allowed_connections.len(), 2);
}
