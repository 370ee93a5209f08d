//! Two plug-ins whose names lead to the same names of tables (`a-b`, `a_b`) would own each other's: only one of them runs.
//!
//! Which one must not depend on the order of files, or a file dropped into the folder would have another plug-in's tables
//! after the next start: it is the one that runs already, else the only one that has been approved, else none.

use std::collections::HashMap;

use super::folder::Found;
use crate::store::guest_prefix;

/// How well a plug-in's claim to its names is founded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Claim {
    None,
    /// It ran once.
    Approved,
    Runs,
}

/// Plug-ins by what the names of their tables begin with.
pub struct Prefixes<'a>(HashMap<String, Vec<&'a str>>);

impl<'a> Prefixes<'a> {
    /// Of all plug-ins in the folder.
    pub fn of(all: &'a [Found]) -> Self {
        let mut prefixes = HashMap::<String, Vec<&str>>::new();
        for found in all {
            prefixes.entry(guest_prefix(&found.name)).or_default().push(&found.name);
        }
        Self(prefixes)
    }
}

/// Why this plug-in cannot run beside the others, if it cannot: a sentence without its name.
pub fn clash(name: &str, all: &Prefixes<'_>, claim: impl Fn(&str) -> Claim) -> Option<String> {
    let prefix = guest_prefix(name);
    let same = all.0.get(&prefix).map(Vec::as_slice).unwrap_or_default();
    let others: Vec<&str> = same.iter().copied().filter(|other| *other != name).collect();
    let strongest = others.iter().map(|other| claim(other)).max()?;
    if claim(name) > strongest {
        return None;
    }
    Some(format!(
        "tables of its own would be named {prefix}…, and so would those of the plug-in {}; rename one of them, so that they \
         differ in letters or digits",
        others.join(" and ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clashes(names: &[&str], claim: impl Fn(&str) -> Claim) -> Vec<bool> {
        let found = |name: &&str| Found { name: (*name).into(), component: None, sidecar: None, problem: None };
        let all: Vec<Found> = names.iter().map(found).collect();
        let all = Prefixes::of(&all);
        names.iter().map(|name| clash(name, &all, &claim).is_some()).collect()
    }

    #[test]
    fn of_two_that_share_names_the_one_that_was_there_first_runs() {
        let of = |wanted: &'static str, claim| move |name: &str| if name == wanted { claim } else { Claim::None };
        assert_eq!(clashes(&["a-b", "a_b", "a"], |_| Claim::None), [true, true, false]);
        assert_eq!(clashes(&["a-b", "a_b"], of("a_b", Claim::Runs)), [true, false]);
        assert_eq!(clashes(&["a-b", "a_b"], of("a_b", Claim::Approved)), [true, false]);
        assert_eq!(clashes(&["a-b", "a_b"], |_| Claim::Approved), [true, true]);
        let returned = |name: &str| if name == "A-b" { Claim::Runs } else { Claim::Approved };
        assert_eq!(clashes(&["A-b", "a.b"], returned), [false, true]);
        insta::assert_snapshot!(
            clash("a-b", &Prefixes::of(&[Found { name: "a_b".into(), component: None, sidecar: None, problem: None }]), |_| Claim::None).unwrap(),
            @"tables of its own would be named plugin_a_b_…, and so would those of the plug-in a_b; rename one of them, so that they differ in letters or digits"
        );
    }
}
