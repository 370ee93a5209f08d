//! The reference page, the sample and the list of keys, held to each other and to what is read.

use super::*;

const REFERENCE: &str = include_str!("../../../../docs/reference-configuration.md");

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
    assert_eq!(found.len(), 7, "{found:?}");
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
    let head = "| key | takes | default | environment | meaning |\n|---|---|---|---|---|\n".to_owned();
    keys::KEYS.iter().fold(head, |text, key| {
        let (variable, keys::Key { path, takes, default, meaning }) = (key.variable(), key);
        text + &format!("| `{path}` | {takes} | {default} | `{variable}` | {meaning} |\n")
    })
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
