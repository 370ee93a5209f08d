//! Configurations, good and bad, with the exact texts people get; and the reference held to the code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use super::*;

mod reference;
mod values;
mod variables;

const ID: &str = "0123456789abcdef0123456789abcdef";

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
    let origin = format!("the file {}", base.join("private.xml").display());
    assert_eq!(application.private_key.origin(), Some(origin.as_str()));
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
fn applications_keep_their_mirrors_apart() {
    let second = application().replace("[[application]]", "[[application]]\npath = \"/other.svc\"");
    assert_eq!(
        mistakes(&format!("{}{second}", application())),
        [format!(
            "line 5, column 1: `application[1].folder` must set {ID} (sod) and {ID} (sod) apart, or tenants of one name \
             would meet in one mirror; write for example folder = \"sod\""
        )]
    );
    let good = format!("{}{second}folder = \"other\"\n", application());
    let folder = folder();
    let config = Config::from_text(&good, folder.path(), &BTreeMap::new()).expect("good");
    assert_eq!(config.applications[1].folder.as_deref(), Some("other"));
    assert_eq!(
        mistakes(&good.replace("\"other\"", "\"../other\"")),
        [
            "line 10, column 10: `application[1].folder` should be the name of one folder: 1 to 64 letters, digits, - and _, and is \"../other\""
        ]
    );
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
