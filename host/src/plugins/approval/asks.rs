//! What a plug-in asks for, as lines that can be compared and shown: `import wasi:http/outgoing-handler`,
//! `hook transform`, `grant http "api.example.com:443"`.

use std::collections::BTreeSet;

use toml::{Table, Value};

use crate::plugins::events::printable;
use crate::plugins::hook::Hook;

/// Lines, each once, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asks(pub BTreeSet<String>);

/// The tables of a sidecar that give something.
const GIVING: [(&str, &str); 2] = [("grants", "grant"), ("secrets", "secret")];

impl Asks {
    /// What a component imports, the hooks it is for, and what its sidecar gives it. Versions of interfaces are left
    /// out: a newer one is not more. The sidecar is taken as it is written, so that no grant is forgotten here.
    pub fn of<'a>(imports: impl Iterator<Item = &'a str>, hooks: &[Hook], sidecar: &Table) -> Self {
        let imports = imports.map(|name| format!("import {}", printable(name.split('@').next().unwrap_or(name))));
        let hooks = hooks.iter().map(|hook| format!("hook {hook}"));
        let mut lines: BTreeSet<String> = imports.chain(hooks).collect();
        for (key, word) in GIVING {
            if let Some(Value::Table(table)) = sidecar.get(key) {
                for (name, value) in table {
                    given(&mut lines, &format!("{word} {}", printable(name)), value);
                }
            }
        }
        Self(lines)
    }

    /// What is here and not in `approved`.
    #[must_use]
    pub fn beyond(&self, approved: &Self) -> Vec<String> {
        self.0.difference(&approved.0).cloned().collect()
    }
}

/// A line for each thing given; what is refused explicitly is nothing.
fn given(lines: &mut BTreeSet<String>, start: &str, value: &Value) {
    match value {
        Value::Boolean(false) => {}
        // Only there: a variable may be named so.
        Value::String(text) if text == "none" && start == "grant database" => {}
        Value::Boolean(true) => {
            lines.insert(start.to_owned());
        }
        Value::Array(list) => list.iter().for_each(|one| given(lines, start, one)),
        // One line for all its keys: a folder that becomes writable is another one. Who may write there may read, so that to
        // be given less is never more; and what is false is not given.
        Value::Table(table) => {
            let mut less = table.clone();
            less.retain(|_, value| value.as_bool() != Some(false));
            let all = less.len();
            let whole = less.clone();
            less.retain(|_, value| !value.is_bool());
            if all > less.len() {
                lines.insert(format!("{start} {}", printable(&Value::Table(whole).to_string())));
            }
            let least = less.get("host").filter(|_| less.len() == 1).cloned().unwrap_or(Value::Table(less));
            lines.insert(format!("{start} {}", printable(&least.to_string())));
        }
        other => {
            if start == "grant database" && other.as_str() == Some("write") {
                lines.insert(format!("{start} \"read\""));
            }
            lines.insert(format!("{start} {}", printable(&other.to_string())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(imports: &[&str], hooks: &[Hook], sidecar: &str) -> Asks {
        Asks::of(imports.iter().copied(), hooks, &sidecar.parse().unwrap())
    }

    #[test]
    fn everything_that_gives_something_is_a_line() {
        let all = asks(
            &["wasi:http/outgoing-handler@0.2.6", "speil:mirror/log@0.1.0"],
            &[Hook::Transform, Hook::Wiped],
            r#"
            [config]
            color = "blue"
            [secrets]
            key = { env = "API_KEY" }
            [grants]
            database = "write"
            keyvalue = true
            http = ["a.example:443", "b.example:443"]
            environment = []
            folders = [{ host = "data", guest = "/data", write = false }]
            "#,
        );
        let lines: Vec<&str> = all.0.iter().map(String::as_str).collect();
        assert_eq!(
            lines,
            [
                "grant database \"read\"",
                "grant database \"write\"",
                "grant folders { guest = \"/data\", host = \"data\" }",
                "grant http \"a.example:443\"",
                "grant http \"b.example:443\"",
                "grant keyvalue",
                "hook transform",
                "hook wiped",
                "import speil:mirror/log",
                "import wasi:http/outgoing-handler",
                "secret key { env = \"API_KEY\" }",
            ]
        );
    }

    #[test]
    fn more_is_what_was_not_there_before() {
        let old = asks(&["wasi:io/poll@0.2.0"], &[Hook::Wiped], "[grants]\ndatabase = \"read\"");
        let newer = asks(&["wasi:io/poll@0.2.12"], &[Hook::Wiped], "[grants]\ndatabase = \"none\"\nkeyvalue = false");
        assert_eq!(newer.beyond(&old), Vec::<String>::new());
        assert_eq!(asks(&[], &[], "[grants]\nenvironment = [\"none\"]").0.len(), 1);
        let more = asks(&[], &[Hook::Wiped, Hook::LogEvent], "[grants]\ndatabase = \"write\"");
        assert_eq!(more.beyond(&old), ["grant database \"write\"", "hook log-event"]);
        let much = "[grants]\nfolders = [{ host = \"h\", guest = \"/g\", write = true }]\nhttp = [{ host = \"a:1\", private = true }]";
        let less = "[grants]\nfolders = [{ host = \"h\", guest = \"/g\", write = false }]\nhttp = [\"a:1\"]";
        assert_eq!(asks(&[], &[], less).beyond(&asks(&[], &[], much)), Vec::<String>::new());
        assert_eq!(
            asks(&[], &[], much).beyond(&asks(&[], &[], less)),
            [
                "grant folders { guest = \"/g\", host = \"h\", write = true }",
                "grant http { host = \"a:1\", private = true }"
            ]
        );
        let lines = asks(&["evil\nhook none"], &[], "");
        assert_eq!(lines.0.len(), 1, "a name cannot make a line of its own");
    }
}
