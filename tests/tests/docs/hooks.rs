//! The author's guide lists the hooks there are.

use speil::plugins::{FailureRule, Function, Hook};

use super::markdown::{page, root};

/// What `wit/world.wit` exports.
fn exported() -> Vec<String> {
    let world = std::fs::read_to_string(root().join("wit/world.wit")).expect("the world is there");
    let names = world.lines().filter_map(|line| line.trim().strip_prefix("export ")?.strip_suffix(';'));
    names.map(str::to_owned).collect()
}

#[test]
fn the_table_of_hooks_names_exactly_what_the_world_exports() {
    let guide = page("docs/plugin-authors-guide.md");
    let rows = guide.table_under("## The hooks");
    let mut listed: Vec<&str> = rows.iter().filter_map(|row| row[0].strip_prefix("[`")?.split('`').next()).collect();
    let mut exported = exported();
    let mut known = Hook::ALL.map(Hook::name);
    listed.sort_unstable();
    exported.sort_unstable();
    known.sort_unstable();
    assert_eq!(listed, exported);
    assert_eq!(listed, known);
    for name in listed {
        assert!(guide.anchors().iter().any(|anchor| anchor == name), "{name} has no section");
        let file = std::fs::read_to_string(root().join(format!("wit/{name}.wit"))).expect("a file for each interface");
        assert!(file.contains(&format!("interface {name} {{")), "{name}");
    }
}

#[test]
fn the_table_of_hooks_says_what_each_failure_means() {
    let guide = page("docs/plugin-authors-guide.md");
    let rows = guide.table_under("## The hooks");
    for hook in Hook::ALL {
        let row = rows.iter().find(|row| row[0].starts_with(&format!("[`{}`]", hook.name()))).expect("listed");
        let words: Vec<&str> = Function::ALL
            .into_iter()
            .filter(|function| function.hook() == hook)
            .map(|function| match function.failure_rule() {
                FailureRule::FailsCall => "fails the call",
                FailureRule::Logged => "is logged",
                FailureRule::Ignored => "is ignored",
            })
            .collect();
        for word in ["fails the call", "is logged", "is ignored"] {
            assert_eq!(row[2].contains(word), words.contains(&word), "{hook}: {}", row[2]);
        }
    }
}

#[test]
fn the_vendors_hooks_lead_to_interfaces_that_are_there() {
    let mapping = page("docs/coming-from-the-vendors-package.md");
    let mut linked: Vec<&str> = mapping
        .links()
        .into_iter()
        .filter_map(|(_, link)| link.strip_prefix("../wit/")?.strip_suffix(".wit"))
        .collect();
    linked.sort_unstable();
    linked.dedup();
    let mut exported = exported();
    exported.sort_unstable();
    assert_eq!(linked, exported);
}
