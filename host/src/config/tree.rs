//! The raw configuration: TOML as a tree in which every value knows where it was written, with the environment laid
//! over it.
//!
//! `SPEIL__SERVER__LISTEN` sets `listen` in `[server]`; `SPEIL__APPLICATION__0__ID` sets `id` in the first
//! `[[application]]`, and makes that table when the file has none. What comes from the environment is text and is read
//! as whatever its key wants.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::error::{Place, Problem};

/// What the names of our variables begin with.
const PREFIX: &str = "SPEIL__";

pub(super) type Table = BTreeMap<String, Node>;

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Where its key stands.
    pub key: Place,
    /// Where it stands itself.
    pub place: Place,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Boolean(bool),
    /// A kind that no key takes: its name.
    Other(&'static str),
    List(Vec<Node>),
    Table(Table),
}

impl Value {
    /// For people.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Integer(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::Other(name) => name,
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Reads TOML.
pub(super) fn parse(text: &str) -> Result<Table, Vec<Problem>> {
    let lines = Lines::new(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        return Ok(table(document.get_ref(), &lines));
    }
    Err(errors
        .iter()
        .map(|error| Problem::Syntax {
            place: error.span().map_or(Place::Absent, |span| lines.place(&span)),
            message: explained(error.message(), text, error.span()),
        })
        .collect())
}

/// A parser's sentence; with the way out, when it is a Windows path that it stumbled over.
fn explained(message: &str, text: &str, span: Option<Range<usize>>) -> String {
    let before = span.and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    if line.contains('"') && line.contains('\\') {
        format!(
            "{message}: in \"double quotes\" a backslash begins an escape; if this is a path, write it with / or in 'single \
             quotes'"
        )
    } else {
        message.to_owned()
    }
}

fn table(raw: &DeTable<'_>, lines: &Lines) -> Table {
    raw.iter()
        .map(|(key, value)| {
            let place = lines.place(&value.span());
            let node = Node { key: lines.place(&key.span()), place, value: self::value(value.get_ref(), lines) };
            (key.get_ref().to_string(), node)
        })
        .collect()
}

fn value(raw: &DeValue<'_>, lines: &Lines) -> Value {
    match raw {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Value::Other("a number too large"), Value::Integer),
        DeValue::Boolean(truth) => Value::Boolean(*truth),
        DeValue::Float(_) => Value::Other("a number with a fraction"),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(list) => Value::List(
            list.iter()
                .map(|item| {
                    let place = lines.place(&item.span());
                    Node { key: place.clone(), place, value: value(item.get_ref(), lines) }
                })
                .collect(),
        ),
        DeValue::Table(inner) => Value::Table(table(inner, lines)),
    }
}

/// Byte offsets to lines and columns.
struct Lines {
    text: String,
}

impl Lines {
    fn new(text: &str) -> Self {
        Self { text: text.to_owned() }
    }

    fn place(&self, span: &Range<usize>) -> Place {
        let before = self.text.get(..span.start).unwrap_or(&self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place::File { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }
}

/// One step of a variable's name. Numbers come first, so that elements are made in order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Element(usize),
    Key(String),
}

/// The rest of a variable's name when it is ours. Case does not count, since it does not on Windows.
fn ours_without_prefix(name: &str) -> Option<&str> {
    name.split_at_checked(PREFIX.len()).and_then(|(prefix, rest)| prefix.eq_ignore_ascii_case(PREFIX).then_some(rest))
}

/// Whether a variable is meant for us.
pub(super) fn is_ours(name: &str) -> bool {
    ours_without_prefix(name).is_some()
}

/// Lays the environment over the file; the environment wins.
pub(super) fn overlay(root: &mut Table, variables: &BTreeMap<String, String>, problems: &mut Vec<Problem>) {
    let mut ours = variables
        .iter()
        .filter_map(|(name, value)| {
            let steps = ours_without_prefix(name)?.split("__").map(|step| match step.parse() {
                Ok(index) => Step::Element(index),
                Err(_) => Step::Key(step.to_ascii_lowercase()),
            });
            Some((steps.collect::<Vec<_>>(), name, value))
        })
        .collect::<Vec<_>>();
    ours.sort();
    for (steps, name, value) in ours {
        if let Err(message) = set(root, &steps, name, value) {
            problems.push(Problem::BadValue { place: Place::Variable(name.clone()), key: written(&steps), message });
        }
    }
}

/// As the file would spell it.
fn written(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        match step {
            Step::Element(index) => text.extend(["[", &index.to_string(), "]"]),
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.extend([".", key]),
        }
    }
    text
}

fn set(table: &mut Table, steps: &[Step], name: &str, value: &str) -> Result<(), String> {
    let place = Place::Variable(name.to_owned());
    match steps {
        [] => Err("has no name".into()),
        [Step::Element(_), ..] => Err("is no list, and the variable's name has a number there".into()),
        [Step::Key(key), rest @ ..] => {
            let fresh = Node { key: place.clone(), place, value: empty(rest) };
            descend(table.entry(key.clone()).or_insert(fresh), rest, name, value)
        }
    }
}

/// What a value that is not there yet begins as.
fn empty(rest: &[Step]) -> Value {
    match rest {
        [] => Value::Text(String::new()),
        [Step::Element(_), ..] => Value::List(Vec::new()),
        [Step::Key(_), ..] => Value::Table(Table::new()),
    }
}

fn descend(node: &mut Node, rest: &[Step], name: &str, value: &str) -> Result<(), String> {
    let place = Place::Variable(name.to_owned());
    // A plain value of the file gives way to a table or list of the environment; one of the environment does not.
    let plain = !matches!(node.value, Value::Table(_) | Value::List(_));
    if !rest.is_empty() && plain && matches!(node.place, Place::File { .. }) {
        *node = Node { key: place.clone(), place: place.clone(), value: empty(rest) };
    }
    match (rest, &mut node.value) {
        ([], _) => {
            *node = Node { key: place.clone(), place, value: Value::Text(value.to_owned()) };
            Ok(())
        }
        ([Step::Key(_), ..], Value::Table(inner)) => set(inner, rest, name, value),
        ([Step::Element(index), after @ ..], Value::List(list)) => {
            let length = list.len();
            if *index > length {
                let plural = if length == 1 { "" } else { "s" };
                return Err(format!("has {length} element{plural}, so the next is number {length} and not {index}"));
            }
            if *index == length {
                list.push(Node { key: place.clone(), place, value: empty(after) });
            }
            descend(&mut list[*index], after, name, value)
        }
        (_, other) => Err(format!("is {} elsewhere, which this variable's name contradicts", other.kind())),
    }
}
