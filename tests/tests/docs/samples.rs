//! Every configuration and every sidecar that is shown is one.

use std::collections::BTreeMap;

use speil::config::Config;
use speil::plugins::trial::Fixture;
use speil::plugins::{Hook, Limits, Sidecar};

use super::markdown::{Block, page, pages, root};

/// What a block of TOML is.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Kind {
    Configuration,
    Sidecar,
    Cargo,
    Fixture,
}

fn kind(block: &Block) -> Option<Kind> {
    let has = |start: &str| block.text.lines().any(|line| line.starts_with(start));
    let configuration = ["[server]", "[[application]]", "[mirror", "[plugins]", "[log]", "[status]"];
    if has("[package]") {
        Some(Kind::Cargo)
    } else if configuration.into_iter().any(has) {
        Some(Kind::Configuration)
    } else if has("hook = ") {
        Some(Kind::Fixture)
    } else if ["[config]", "[limits]", "hooks = "].into_iter().any(has) {
        Some(Kind::Sidecar)
    } else {
        None
    }
}

#[test]
fn every_block_of_toml_is_read_by_the_program() {
    let mut wrong = Vec::new();
    let mut read = BTreeMap::new();
    for page in pages() {
        for block in page.blocks().into_iter().filter(|block| block.language == "toml") {
            let Some(kind) = kind(&block) else {
                wrong.push(format!("{}:{}: neither configuration nor sidecar", page.name, block.line));
                continue;
            };
            *read.entry(format!("{kind:?}")).or_insert(0) += 1;
            let result = match kind {
                Kind::Configuration => configuration(&block.text),
                Kind::Sidecar => Sidecar::parse(&block.text).map(drop),
                Kind::Fixture => Fixture::parse(&block.text).map(drop),
                // Built by tests/guests: see `plugin`.
                Kind::Cargo => Ok(()),
            };
            wrong.extend(result.err().map(|why| format!("{}:{}: {why}", page.name, block.line)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(read["Configuration"] >= 6 && read["Sidecar"] >= 4, "{read:?}");
}

/// With every file and variable it names in place, and an application where it shows another part only.
fn configuration(text: &str) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut text = text.to_owned();
    if !text.contains("[[application]]") {
        text.push_str(
            "\n[[application]]\nid = \"0123456789abcdef0123456789abcdef\"\nenvironment = \"sod\"\nprivate_key = \"k.xml\"\n",
        );
    }
    for file in values(&text, "private_key = \"").chain(values(&text, "file = \"")) {
        let file = folder.path().join(file);
        std::fs::create_dir_all(file.parent().expect("in the folder")).map_err(|error| error.to_string())?;
        std::fs::write(file, "a key").map_err(|error| error.to_string())?;
    }
    // A connection string is looked at when it is read; other secrets are any text.
    let secret =
        |name: &str| if name == "SPEIL_SQL" { "Server=sql1;User ID=speil;Password=a secret" } else { "a secret" };
    let variables = values(&text, "env = \"").map(|name| (name.to_owned(), secret(name).to_owned())).collect();
    match Config::from_text(&text, folder.path(), &variables) {
        Ok(_) => Ok(()),
        Err(problems) => Err(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
    }
}

/// What stands behind each `start`, up to the next quotation mark.
fn values<'a>(text: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(start).filter_map(move |(at, _)| text[at + start.len()..].split('"').next())
}

#[test]
fn the_sidecars_of_the_examples_are_read() {
    for name in ["index-manager", "pii-redactor", "connection-router"] {
        let file = root().join("guest-examples").join(name).join(format!("{name}.toml"));
        let text = std::fs::read_to_string(file).expect("an example has its sidecar");
        assert!(!Sidecar::parse(&text).expect(name).config.is_empty(), "{name}");
    }
}

#[test]
fn the_authors_guide_shows_every_limit_with_its_default() {
    let guide = page("docs/plugin-authors-guide.md");
    let block = guide.blocks().into_iter().find(|block| block.text.contains("[limits]")).expect("a sample");
    let shown = Sidecar::parse(&block.text).expect("read by another test");
    assert_eq!(shown.limits, Limits::default(), "the sample shows the defaults");
    assert_eq!(shown.hooks, Some(vec![Hook::Transform]));
    let in_sample: Vec<&str> = block
        .text
        .lines()
        .skip_while(|line| *line != "[limits]")
        .filter_map(|line| line.split_once(" = ").map(|(key, _)| key))
        .collect();
    let rows = guide.table_under("## The sidecar and its limits");
    let in_table: Vec<&str> = rows.iter().map(|row| row[0].trim_matches('`')).collect();
    assert_eq!(in_table, in_sample);
    for key in in_table {
        // Its own parser knows the key: anything but a table or a text is wrong for every one of them.
        let error = Sidecar::parse(&format!("[limits]\n{key} = [1]")).expect_err("a list is no limit");
        assert!(error.starts_with(&format!("`limits.{key}` must be ")), "{error}");
    }
    let d = Limits::default();
    let expected = [
        ("memory", format!("{} MiB", d.memory >> 20)),
        ("time", format!("{} s", d.time.as_secs())),
        ("call_time", format!("{} min", d.call_time.as_secs() / 60)),
        ("output", format!("{} MiB", d.output >> 20)),
        ("log_bytes", format!("{} KiB", d.log_bytes >> 10)),
        ("instances", d.instances.to_string()),
    ];
    for (key, default) in expected {
        assert!(rows.iter().any(|row| row[0] == format!("`{key}`") && row[1] == default), "{key}: {default}");
    }
}
