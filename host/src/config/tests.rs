//! Configurations, good and bad, with the exact texts people get; and the reference held to the code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::*;

const ID: &str = "0123456789abcdef0123456789abcdef";
const REFERENCE: &str = include_str!("../../../docs/reference-configuration.md");

fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A folder with a key file that nobody reads as a key here.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("private.xml"), "\u{feff}<RSAKeyValue/>\r\n").expect("written");
    folder
}

fn application() -> String {
    format!("[[application]]\nid = \"{ID}\"\nenvironment = \"sod\"\nprivate_key = \"private.xml\"\n")
}

fn load_with(text: &str, pairs: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let folder = folder();
    Config::from_text(text, folder.path(), &variables(pairs)).map_err(|problems| {
        let path = folder.path().display().to_string();
        problems.iter().map(|problem| problem.to_string().replace(&path, "DIR")).collect()
    })
}

fn mistakes(text: &str) -> Vec<String> {
    load_with(text, &[]).expect_err("refused")
}

/// What is wrong with one line put into a table of an otherwise good configuration.
fn mistake(table: &str, line: &str) -> String {
    let text = match table {
        "" => format!("{line}\n{}", application()),
        "application" => format!("{}{line}\n", application()),
        _ => format!("{}[{table}]\n{line}\n", application()),
    };
    let found = mistakes(&text);
    assert_eq!(found.len(), 1, "{found:?}");
    let text = &found[0];
    text.split_once(": ").map_or(text.clone(), |(_, rest)| rest.to_owned())
}

#[test]
fn the_smallest_configuration_has_the_documented_defaults() {
    let folder = folder();
    let base = folder.path();
    let config = Config::from_text(&application(), base, &BTreeMap::new()).expect("good");
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!((config.server.public_url, config.server.max_request_bytes), (None, 2_147_483_648));
    assert_eq!((config.server.max_connections, config.server.max_calls), (1_024, 64));
    let seconds = [
        config.server.header_timeout,
        config.server.body_timeout,
        config.server.idle_timeout,
        config.server.shutdown_timeout,
    ];
    assert_eq!(seconds.map(|time| time.as_secs()), [15, 30, 120, 60]);
    assert!(config.server.tls.is_none() && config.server.admin_token.is_none());
    let [application] = &config.applications[..] else { panic!("one application") };
    assert_eq!((application.id.as_str(), application.path.as_str()), (ID, "/MirroringClientService.svc"));
    assert_eq!(application.environment, Environment::Sod);
    assert_eq!(application.private_key.expose(), "<RSAKeyValue/>");
    assert!(application.check_audience && application.certificates.is_empty());
    assert_eq!(application.clock_skew.as_secs(), 300);
    let StoreConfig::Sqlite { directory, max_open } = config.mirror.store else { panic!("SQLite") };
    assert_eq!((directory, max_open), (base.join("mirrors"), 64));
    assert!(config.mirror.keys.is_empty() && config.mirror.spill_directory.is_none());
    assert_eq!(config.mirror.spill_bytes, 33_554_432);
    assert!(config.plugins.directory.is_none() && config.plugins.cache_directory.is_none());
    assert_eq!((config.log.format, config.log.filter.as_str()), (LogFormat::Text, "info"));
    assert_eq!([config.status.late_after, config.status.silent_after].map(|time| time.as_secs()), [36_000, 86_400]);
}

#[test]
fn the_plug_in_folder_is_found_beside_the_file() {
    let folder = folder();
    fs::create_dir(folder.path().join("plugins")).expect("made");
    let config = Config::from_text(&application(), folder.path(), &BTreeMap::new()).expect("good");
    assert_eq!(config.plugins.directory, Some(folder.path().join("plugins")));
}

#[test]
fn relative_paths_begin_at_the_files_folder() {
    let folder = folder();
    let text = format!(
        "{}certificates = [\"a.crt\", \"/b.crt\"]\n[mirror]\ndirectory = \"data/m\"\nspill_directory = \"s\"\n[server.tls]\ncertificate = \"c\"\nkey = \"k\"\n",
        application()
    );
    let file = folder.path().join("speil.toml");
    fs::write(&file, text).expect("written");
    let config = Config::load_with(&file, &BTreeMap::new()).expect("good");
    let at = |name: &str| folder.path().join(name);
    assert_eq!(config.applications[0].certificates, [at("a.crt"), at("/b.crt")]);
    assert_eq!(config.mirror.spill_directory, Some(at("s")));
    let tls = config.server.tls.expect("TLS");
    assert_eq!((tls.certificate, tls.key), (at("c"), at("k")));
}

#[test]
fn unknown_keys_are_errors_with_what_was_meant() {
    let cases = [
        ("server", "listn = \"x\"", "there is no key `server.listn`; did you mean `server.listen`?"),
        ("server", "max-calls = 1", "there is no key `server.max-calls`; did you mean `server.max_calls`?"),
        (
            "server",
            "clock_skew = \"5m\"",
            "there is no key `server.clock_skew` here; `application.clock_skew` is where it belongs",
        ),
        ("server", "colour = 1", "there is no key `server.colour`"),
        (
            "application",
            "enviroment = \"sod\"",
            "there is no key `application[0].enviroment`; did you mean `application.environment`?",
        ),
        ("", "listen = \"x\"", "there is no key `listen` here; `server.listen` is where it belongs"),
        ("", "[plugin]", "there is no key `plugin`; did you mean `plugins`?"),
        (
            "server.tls",
            "certificate = \"c\"\nkey = \"k\"\nkeys = \"k\"",
            "there is no key `server.tls.keys`; did you mean `server.tls.key`?",
        ),
    ];
    for (table, line, expected) in cases {
        assert_eq!(mistake(table, line), expected);
    }
}

#[test]
fn a_mistake_names_line_and_column_and_all_are_reported_at_once() {
    let text = "[server]\nlisten = \"localhost\"\n  max_calls = 0\n[[application]]\nid = \"17\"\nprivate_key = \"private.xml\"\n[mirror]\nstore = \"oracle\"\n";
    assert_eq!(
        mistakes(text),
        [
            "line 2, column 10: `server.listen` should be an IP address and a port, for example \"127.0.0.1:8080\", \"0.0.0.0:8080\" (every network of this machine) or \"[::1]:8080\", and is \"localhost\"",
            "line 3, column 15: `server.max_calls` should be a number from 1 to 100000",
            "line 5, column 6: `application[0].id` should be the application's id as SuperOffice gave it, 32 hex digits, and is \"17\"",
            "line 4, column 1: `application[0].environment` is missing: whose tokens to believe: \"sod\", \"stage\", \"production\" or \"custom\"",
            "line 8, column 9: `mirror.store` should be \"sqlite\" or \"sqlserver\", and is \"oracle\"",
        ]
    );
    assert_eq!(
        mistakes("[server]\nlisten = \nmax_calls = \n[[application]]\n").len(),
        2,
        "every place that is not TOML"
    );
    assert!(mistakes("a = \"b\n")[0].starts_with("line 1, column "));
}

#[test]
fn what_is_not_supported_yet_says_so() {
    assert_eq!(
        mistake("server", "tls = { acme = true }"),
        "`server.tls.acme` is not supported yet; give `certificate` and `key`, or put a proxy in front that fetches certificates itself"
    );
}

#[test]
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
            "`mirror.connection` is missing: the connection string of the SQL Server, ADO.NET syntax",
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
    let lost = "[mirror]\nstore = \"sqlserver\"\nconnection = \"Server=x;Password=geheim\"\ndatabase = \"Mirror\"\n";
    let found = mistakes(&format!("{}{lost}", application()));
    assert_eq!(
        found,
        [
            "line 8, column 12: `mirror.database` should hold [contextId], so that every tenant has a database of its own, and is \"Mirror\""
        ]
    );
}

#[test]
fn an_application_must_be_whole() {
    assert_eq!(
        mistakes(""),
        ["`application` is missing: at least one [[application]] with id, environment and private_key"]
    );
    assert_eq!(
        mistakes("[application]\n"),
        [
            "line 1, column 1: `application` should be a list of tables: write [[application]] with two brackets on each side"
        ]
    );
    assert_eq!(
        mistakes("[[application]]\nenvironment = \"custom\"\n"),
        [
            "line 1, column 1: `application[0].id` is missing: the application's id at SuperOffice, 32 hex digits",
            "line 1, column 1: `application[0].private_key` is missing: the file with the application's RSA key (`speil keygen` makes one)",
            "line 1, column 1: `application[0].certificates` is missing: environment = \"custom\" trusts only the signers listed there",
        ]
    );
    let absent = application().replace("private.xml", "absent.xml");
    let found = mistakes(&absent);
    let expected =
        "line 4, column 15: `application[0].private_key` names the file DIR/absent.xml, which cannot be read: ";
    assert!(found[0].replace('\\', "/").starts_with(expected), "{found:?}");
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
        "{}[server]\nadmin_token = {{ env = \"PW\" }}\n[mirror]\nstore = \"sqlserver\"\nconnection = \"Password=geheim\"\n",
        application()
    );
    let config = load_with(&text, &set).expect("good");
    assert!(!format!("{config:?}").contains("geheim"));
    assert!(format!("{config:?}").contains("Secret(…)"));
}

#[test]
fn files_written_by_windows_are_read() {
    let folder = folder();
    let file = folder.path().join("speil.toml");
    let wide = |text: &str| {
        let units = text.encode_utf16().flat_map(u16::to_le_bytes);
        [0xFF, 0xFE].into_iter().chain(units).collect::<Vec<u8>>()
    };
    fs::write(folder.path().join("private.xml"), wide("<RSAKeyValue/>\r\n")).expect("written");
    for bytes in [wide(&application()), [b"\xEF\xBB\xBF", application().as_bytes()].concat()] {
        fs::write(&file, bytes).expect("written");
        let config = Config::load_with(&file, &BTreeMap::new()).expect("good");
        assert_eq!(config.applications[0].private_key.expose(), "<RSAKeyValue/>");
    }
    fs::write(&file, b"\xFF\xFE\x00").expect("written");
    let error = Config::load_with(&file, &BTreeMap::new()).expect_err("refused");
    assert!(matches!(error, ConfigError::NotText { .. }), "{error}");
}

#[test]
fn the_environment_wins_over_the_file() {
    let pairs = [
        ("SPEIL__SERVER__LISTEN", "0.0.0.0:80"),
        ("SPEIL__SERVER__MAX_CALLS", "7"),
        ("SPEIL__SERVER__TLS__CERTIFICATE", "c.pem"),
        ("SPEIL__SERVER__TLS__KEY", "k.pem"),
        ("SPEIL__APPLICATION__0__CHECK_AUDIENCE", "false"),
        ("SPEIL__APPLICATION__0__CERTIFICATES__0", "a.crt"),
        ("SPEIL__APPLICATION__0__CERTIFICATES__1", "b.crt"),
        ("SPEIL__APPLICATION__0__PRIVATE_KEY__ENV", "KEY"),
        ("SPEIL__APPLICATION__1__ID", "ffffffffffffffffffffffffffffffff"),
        ("SPEIL__APPLICATION__1__ENVIRONMENT", "stage"),
        ("SPEIL__APPLICATION__1__PRIVATE_KEY", "private.xml"),
        ("SPEIL__MIRROR__KEYS__TEXTLINK__0", "source_id"),
        ("SPEIL__MIRROR__KEYS__TEXTLINK__1", "target_id"),
        ("SPEIL_ADMIN_TOKEN", "not ours"),
        ("KEY", "<RSAKeyValue>k</RSAKeyValue>"),
    ];
    let text = format!("{}certificates = [\"z.crt\"]\n[server]\nlisten = \"1.2.3.4:5\"\n", application());
    let config = load_with(&text, &pairs).expect("good");
    assert_eq!((config.server.listen.to_string().as_str(), config.server.max_calls), ("0.0.0.0:80", 7));
    assert!(config.server.tls.expect("TLS").key.ends_with("k.pem"));
    let [first, second] = &config.applications[..] else { panic!("two applications") };
    assert_eq!((first.id.as_str(), first.check_audience, first.certificates.len()), (ID, false, 2));
    assert_eq!(first.private_key.expose(), "<RSAKeyValue>k</RSAKeyValue>");
    assert_eq!((second.environment, second.check_audience), (Environment::Stage, true));
    assert_eq!(config.mirror.keys["textlink"], ["source_id", "target_id"]);
}

#[test]
fn eleven_applications_come_from_the_environment_in_order() {
    let pairs = (0..11)
        .flat_map(|n| {
            [("ID", format!("{n:032x}")), ("ENVIRONMENT", "sod".into()), ("PRIVATE_KEY", "private.xml".into())]
                .map(|(key, value)| (format!("SPEIL__APPLICATION__{n}__{key}"), value))
        })
        .collect::<Vec<_>>();
    let pairs = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>();
    let config = load_with("", &pairs).expect("good");
    assert_eq!(config.applications[10].id, format!("{:032x}", 10));
}

#[test]
fn mistakes_of_the_environment_name_the_variable() {
    let cases = [
        (
            ("SPEIL__SERVER__LISTN", "x"),
            "environment variable SPEIL__SERVER__LISTN: there is no key `server.listn`; did you mean `server.listen`?",
        ),
        (
            ("SPEIL__SERVER__MAX_CALLS", "many"),
            "environment variable SPEIL__SERVER__MAX_CALLS: `server.max_calls` should be a number from 1 to 100000",
        ),
        (
            ("SPEIL__APPLICATION__2__ID", "x"),
            "environment variable SPEIL__APPLICATION__2__ID: `application[2].id` has 1 element, so the next is number 1 and not 2",
        ),
        (
            ("SPEIL__APPLICATION__ID", "x"),
            "environment variable SPEIL__APPLICATION__ID: `application.id` is a list elsewhere, which this variable's name contradicts",
        ),
        (
            ("SPEIL__APPLICATION__0__CERTIFICATES", "a.crt"),
            "environment variable SPEIL__APPLICATION__0__CERTIFICATES: `application[0].certificates` is a list: set its elements one by one, the first as SPEIL__APPLICATION__0__CERTIFICATES__0",
        ),
        (
            ("SPEIL__APPLICATION__0__CHECK_AUDIENCE", "no"),
            "environment variable SPEIL__APPLICATION__0__CHECK_AUDIENCE: `application[0].check_audience` should be true or false, and is \"no\"",
        ),
    ];
    for (pair, expected) in cases {
        assert_eq!(load_with(&application(), &[pair]).expect_err("refused"), [expected]);
    }
}

#[test]
fn without_a_file_the_environment_must_say_everything() {
    let folder = folder();
    let file = folder.path().join("speil.toml");
    let error = Config::load_with(&file, &variables(&[("PATH", "x")])).expect_err("refused");
    assert_eq!(
        error.to_string(),
        format!(
            "there is no configuration file {} (name another with --config; docs/reference-configuration.md has one to copy, and `speil keygen` makes the key it needs)",
            file.display()
        )
    );
    let all = variables(&[
        ("SPEIL__APPLICATION__0__ID", ID),
        ("SPEIL__APPLICATION__0__ENVIRONMENT", "production"),
        ("SPEIL__APPLICATION__0__PRIVATE_KEY", "private.xml"),
    ]);
    assert_eq!(Config::load_with(&file, &all).expect("good").applications.len(), 1);
    let error = Config::load_with(&file, &variables(&[("SPEIL__LOG__FORMAT", "xml")])).expect_err("refused");
    assert_eq!(error.problems().len(), 2);
    assert_eq!(
        error.to_string().lines().skip(1).collect::<Vec<_>>(),
        [
            "  `application` is missing: at least one [[application]] with id, environment and private_key",
            "  environment variable SPEIL__LOG__FORMAT: `log.format` should be \"text\" or \"json\", and is \"xml\"",
        ]
    );
}

/// The sample with every commented-out key made real.
fn everything() -> String {
    let uncommented = sample().lines().map(|line| match line.strip_prefix("# ") {
        Some(rest)
            if rest
                .split_once(" = ")
                .is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')) =>
        {
            rest
        }
        _ => line,
    });
    uncommented.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_sample_is_a_configuration_and_every_line_in_it_means_something() {
    let config = load_with(sample(), &[]).expect("good");
    assert_eq!(config.applications.len(), 1);
    let found = load_with(&everything(), &[("SPEIL_ADMIN_TOKEN", "t"), ("SPEIL_SQL", "Server=x")])
        .expect_err("two engines at once");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found.iter().all(|problem| problem.ends_with("belongs to store = \"sqlserver\", which is not the one chosen"))
    );
}

#[test]
fn the_sample_shows_every_key_there_is() {
    for key in keys::KEYS {
        let (table, name) = key.path.rsplit_once('.').expect("a table");
        let shown = match table {
            "server.tls" => format!("{name} = \"server."),
            _ if key.path == "mirror.keys" => "[mirror.keys]".to_owned(),
            _ => format!("{name} = "),
        };
        assert!(sample().contains(&shown), "{} is not in the sample", key.path);
    }
}

#[test]
fn every_key_of_the_reference_is_read() {
    // A date fits no key, so every key that is read complains about its value, and none about its name.
    for key in keys::KEYS {
        let line = match key.path.split_once('.').expect("a table") {
            ("application", name) => format!("[[application]]\n{name} = 2026-01-01\n"),
            _ => format!("{} = 2026-01-01\n{}", key.path, application()),
        };
        let found = mistakes(&line);
        let shown = key.path.replace("application.", "application[0].");
        assert!(
            found.iter().any(|problem| problem.contains(&format!("`{shown}` should be "))),
            "{}: {found:?}",
            key.path
        );
        assert!(!found.iter().any(|problem| problem.contains("there is no key")), "{}: {found:?}", key.path);
    }
}

/// The reference's table of keys.
fn rendered() -> String {
    let mut text = String::from("| key | takes | default | environment | meaning |\n|---|---|---|---|---|\n");
    for key in keys::KEYS {
        text.push_str(&format!(
            "| `{}` | {} | {} | `{}` | {} |\n",
            key.path,
            key.takes,
            key.default,
            key.variable(),
            key.meaning
        ));
    }
    text
}

#[test]
fn the_reference_shows_the_sample_and_every_key() {
    assert!(
        REFERENCE.contains(&format!("```toml\n{}```\n", sample())),
        "docs/reference-configuration.md should show host/src/config/sample.toml"
    );
    assert!(REFERENCE.contains(&rendered()), "docs/reference-configuration.md should hold this table:\n{}", rendered());
    let names = keys::KEYS.iter().map(|key| key.path).collect::<BTreeSet<_>>();
    assert_eq!(names.len(), keys::KEYS.len(), "no key twice");
}

#[test]
fn no_text_makes_it_panic() {
    use proptest::prelude::*;
    proptest!(|(text in any::<String>(), line in "[a-z_.\\[\\]= \"0-9{}\n]{0,200}", name in "SPEIL__[A-Z0-9_]{0,30}", value in any::<String>())| {
        let base = Path::new(".");
        let _ = Config::from_text(&text, base, &BTreeMap::new());
        let found = Config::from_text(&format!("{}{line}", application()), base, &BTreeMap::from([(name, value)]));
        // The key's file is not there, so it is never good; and never refused without a reason.
        prop_assert!(found.is_err_and(|problems| !problems.is_empty()));
    });
}
