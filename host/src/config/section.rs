//! One table of the configuration while it is read: keys are taken out one by one, and what is left over at the end is
//! unknown. Mistakes are collected, so that all are reported at once.

use super::error::{Hint, Place, Problem};
use super::keys;
use super::tree::{Node, Table};

/// A table being read.
pub(super) struct Section<'a> {
    /// As the reference spells it: `server`, `application`, empty for the whole file.
    prefix: &'static str,
    /// As it is shown: `server`, `application[1]`.
    shown: String,
    place: Place,
    table: Table,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Section<'a> {
    pub(super) fn new(
        prefix: &'static str,
        shown: String,
        place: Place,
        table: Table,
        problems: &'a mut Vec<Problem>,
    ) -> Self {
        Self { prefix, shown, place, table, problems }
    }

    fn join(prefix: &str, key: &str) -> String {
        if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") }
    }

    /// A key's name as it is shown.
    pub(super) fn name(&self, key: &str) -> String {
        Self::join(&self.shown, key)
    }

    pub(super) fn problems(&mut self) -> &mut Vec<Problem> {
        self.problems
    }

    /// Whether a key is there, and where.
    pub(super) fn place_of(&self, key: &str) -> Option<Place> {
        self.table.get(key).map(|node| node.key.clone())
    }

    /// Takes a key's raw value.
    pub(super) fn node(&mut self, key: &'static str) -> Option<Node> {
        debug_assert!(
            keys::is_known(&Self::join(self.prefix, key)),
            "{key} of {:?} is missing from the reference",
            self.prefix
        );
        self.table.remove(key)
    }

    /// Takes a key and reads its value; nothing when it is absent, or wrong and so recorded.
    pub(super) fn get<T>(&mut self, key: &'static str, read: impl FnOnce(&Node) -> Result<T, String>) -> Option<T> {
        let node = self.node(key)?;
        match read(&node) {
            Ok(value) => Some(value),
            Err(message) => {
                let key = self.name(key);
                self.problems.push(Problem::BadValue { place: node.place, key, message });
                None
            }
        }
    }

    /// The same, with a default.
    pub(super) fn or<T>(&mut self, key: &'static str, default: T, read: impl FnOnce(&Node) -> Result<T, String>) -> T {
        self.get(key, read).unwrap_or(default)
    }

    /// The same, for a key that must be there. When nothing is returned, a problem is recorded.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        wanted: &'static str,
        read: impl FnOnce(&Node) -> Result<T, String>,
    ) -> Option<T> {
        if !self.table.contains_key(key) {
            self.missing(key, wanted);
        }
        self.get(key, read)
    }

    /// Records that a key is missing.
    pub(super) fn missing(&mut self, key: &str, wanted: &'static str) {
        let problem = Problem::Missing { place: self.place.clone(), key: self.name(key), wanted };
        self.problems.push(problem);
    }

    /// Records a mistake that no single value shows.
    pub(super) fn bad(&mut self, key: &str, place: Place, message: impl Into<String>) {
        let problem = Problem::BadValue { place, key: self.name(key), message: message.into() };
        self.problems.push(problem);
    }

    /// Whatever was not taken is unknown.
    pub(super) fn finish(self) {
        for (key, node) in self.table {
            let hint = hint(self.prefix, &key);
            self.problems.push(Problem::UnknownKey { place: node.key, key: Self::join(&self.shown, &key), hint });
        }
    }
}

/// What an unknown key of a table probably means.
fn hint(prefix: &str, key: &str) -> Hint {
    let folded = key.to_ascii_lowercase().replace('-', "_");
    let nearest = keys::of_table(prefix)
        .map(|known| (strsim::damerau_levenshtein(&folded, known), known))
        .filter(|(distance, known)| *distance <= (known.chars().count() / 3).max(1))
        .min();
    if let Some((_, known)) = nearest {
        return Hint::Nearest(Section::join(prefix, known));
    }
    keys::with_last_name(&folded).map_or(Hint::None, |path| Hint::Elsewhere(path.to_owned()))
}
