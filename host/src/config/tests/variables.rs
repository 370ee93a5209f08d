//! The environment over the file, and without one.

use super::*;

#[test]
fn the_environment_wins_over_the_file() {
    let pairs = [
        ("SPEIL__SERVER__LISTEN", "0.0.0.0:80"),
        ("Speil__Server__Max_Calls", "7"),
        ("SPEIL__SERVER__TLS__CERTIFICATE", "c.pem"),
        ("SPEIL__SERVER__TLS__KEY", "k.pem"),
        ("SPEIL__APPLICATION__0__CHECK_AUDIENCE", "false"),
        ("SPEIL__APPLICATION__0__CERTIFICATES__0", "a.crt"),
        ("SPEIL__APPLICATION__0__CERTIFICATES__1", "b.crt"),
        ("SPEIL__APPLICATION__0__PRIVATE_KEY__ENV", "KEY"),
        ("SPEIL__APPLICATION__1__ID", "ffffffffffffffffffffffffffffffff"),
        ("SPEIL__APPLICATION__1__ENVIRONMENT", "stage"),
        ("SPEIL__APPLICATION__1__PRIVATE_KEY", "private.xml"),
        ("SPEIL__APPLICATION__1__FOLDER", "stage"),
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
            [
                ("ID", format!("{n:032x}")),
                ("ENVIRONMENT", "sod".into()),
                ("PRIVATE_KEY", "private.xml".into()),
                ("FOLDER", format!("app{n}")),
            ]
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
