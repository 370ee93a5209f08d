//! What came of a fixture in the fixture's own words; compared with what was expected, or written in its place.

use std::fmt::Write as _;
use std::path::Path;

use toml::{Table, Value};

use crate::plugins::trial::{Answer, Expect, Outcome, table};
use crate::protocol::messages::RowOp;
use crate::protocol::table_def::TableDef;

/// What came, all of it but what stands in the mirror.
pub(super) fn found(plugin: &str, outcome: &Outcome) -> Expect {
    let lines = |lines: Vec<String>| Some(lines).filter(|lines| !lines.is_empty());
    let mut found = Expect {
        error: outcome.error.as_deref().map(|error| bare(plugin, error)),
        log: lines(outcome.log.iter().map(|(level, text)| format!("{level}: {text}")).collect()),
        calls: lines(outcome.calls.clone()),
        ..Expect::default()
    };
    match &outcome.answer {
        Answer::Nothing => {}
        Answer::Text(text) => found.answer.clone_from(text),
        Answer::Table { touched: false, .. } => found.untouched = Some(true),
        Answer::Table { target: None, .. } => found.skipped = Some(true),
        Answer::Table { target: Some(def), batches, .. } => {
            found.columns = Some(table::columns(def));
            let (mut keep, mut rows) = (Vec::new(), Vec::new());
            for (sent, made) in batches {
                // Without a key a row that is left out is nowhere; with one it has become a delete.
                for row in 0..made.len() {
                    let deleted = made.ops[row] == RowOp::Delete;
                    let was_deleted = sent.len() == made.len() && sent[row] == RowOp::Delete;
                    keep.push(!deleted || was_deleted);
                    if !deleted {
                        rows.push(table::row(def, made, row));
                    }
                }
            }
            found.keep = Some(keep).filter(|keep| keep.contains(&false));
            found.rows = Some(rows);
        }
    }
    found
}

/// What a hook made, in a few lines for people: the whole of it is what `--bless` writes.
pub(super) fn made(found: &Expect) -> Vec<String> {
    /// Of many rows, and of a wide one.
    const ROWS: usize = 5;
    const WIDTH: usize = 160;
    let cut = |line: String| match line.char_indices().nth(WIDTH) {
        None => line,
        Some((at, _)) => format!("{}…", &line[..at]),
    };
    let mut lines = Vec::new();
    lines.extend(found.answer.as_ref().map(|answer| cut(answer.clone())));
    lines.extend(found.untouched.map(|_| "the table is left alone".to_owned()));
    lines.extend(found.skipped.map(|_| "the table is left out".to_owned()));
    lines.extend(found.columns.as_ref().map(|columns| cut(format!("columns {}", columns.join(", ")))));
    if let Some(rows) = &found.rows {
        lines.extend(rows.iter().take(ROWS).map(|row| cut(inline(row))));
        if let Some(more) = rows.len().checked_sub(ROWS).filter(|more| *more > 0) {
            lines.push(format!("and {more} rows more"));
        }
    }
    if let Some(keep) = &found.keep {
        lines.push(format!("{} of {} rows are left out", keep.iter().filter(|kept| !**kept).count(), keep.len()));
    }
    lines.extend(found.keyvalue.iter().flatten().map(|(key, value)| cut(format!("keyvalue {key} = {value:?}"))));
    lines
}

/// A failure's own part: without the plug-in's name, which is the file's.
fn bare(plugin: &str, error: &str) -> String {
    let rest = error.strip_prefix(&format!("plug-in {plugin}, hook ")).and_then(|rest| rest.split_once(": "));
    rest.map_or_else(|| error.to_owned(), |(_, rest)| rest.to_owned())
}

/// What differs, a sentence each.
pub(super) fn compare(expected: &Expect, found: &Expect) -> Vec<String> {
    let mut problems = Vec::new();
    match (&expected.error, &found.error) {
        (Some(wanted), Some(error)) if error.contains(wanted.as_str()) && !wanted.is_empty() => {}
        (None, None) => {}
        // It came to nothing, so all else differs too.
        (None, Some(error)) => return vec![format!("it failed: {error}")],
        (Some(wanted), Some(error)) => problems.push(format!("error\n  expected {wanted}\n  came     {error}")),
        (Some(wanted), None) => problems.push(format!("error\n  expected {wanted}\n  came     no error")),
    }
    if let Some(wanted) = &expected.answer
        && found.answer.as_ref() != Some(wanted)
    {
        let came = found.answer.as_deref().unwrap_or("nothing");
        problems.push(format!("answer\n  expected {wanted}\n  came     {came}"));
    }
    let flag = |name: &str, wanted: Option<bool>, came: Option<bool>| {
        let (wanted, came) = (wanted?, came.unwrap_or(false));
        (wanted != came).then(|| format!("{name}\n  expected {wanted}\n  came     {came}"))
    };
    problems.extend(flag("untouched", expected.untouched, found.untouched));
    problems.extend(flag("skipped", expected.skipped, found.skipped));
    list(&mut problems, "columns", expected.columns.as_deref(), found.columns.as_deref(), Clone::clone);
    keep(&mut problems, expected, found);
    rows(&mut problems, expected, found);
    list(&mut problems, "log", expected.log.as_deref(), found.log.as_deref(), Clone::clone);
    list(&mut problems, "calls", expected.calls.as_deref(), found.calls.as_deref(), Clone::clone);
    if let Some(wanted) = &expected.keyvalue {
        let came = found.keyvalue.clone().unwrap_or_default();
        if *wanted != came {
            problems.push(format!("keyvalue\n  expected {wanted:?}\n  came     {came:?}"));
        }
    }
    for (wanted, came) in expected.queries.iter().flatten().zip(found.queries.iter().flatten()) {
        let name = format!("query {:?}", wanted.sql);
        list(&mut problems, &name, Some(&wanted.rows), Some(&came.rows), inline);
    }
    problems
}

/// The first line that differs, and how many there are.
fn list<T: PartialEq>(
    problems: &mut Vec<String>,
    name: &str,
    wanted: Option<&[T]>,
    came: Option<&[T]>,
    show: impl Fn(&T) -> String,
) {
    let (Some(wanted), came) = (wanted, came.unwrap_or_default()) else { return };
    if wanted == came {
        return;
    }
    let at = wanted.iter().zip(came).take_while(|(wanted, came)| wanted == came).count();
    let line = |all: &[T]| all.get(at).map_or_else(|| "nothing more".to_owned(), &show);
    problems.push(format!(
        "{name}, number {} (expected {}, came {})\n  expected {}\n  came     {}",
        at + 1,
        wanted.len(),
        came.len(),
        line(wanted),
        line(came)
    ));
}

/// A list of nothing but `true` is the same as none.
fn keep(problems: &mut Vec<String>, expected: &Expect, found: &Expect) {
    let Some(wanted) = expected.keep.as_deref() else { return };
    let came = found.keep.as_deref().unwrap_or_default();
    let all_kept = came.is_empty() && !wanted.contains(&false);
    if !all_kept {
        list(problems, "keep", Some(wanted), Some(came), ToString::to_string);
    }
}

/// Rows are compared as values of their columns: `12.5` and `"12.50"` are one decimal.
fn rows(problems: &mut Vec<String>, expected: &Expect, found: &Expect) {
    let Some(wanted) = expected.rows.as_deref() else { return };
    let typed = || {
        let def = table::define("expect", found.columns.as_deref()?, Some(&[])).ok()?;
        normal(&def, wanted).ok()
    };
    // What cannot be read as such rows differs from them in any case.
    let wanted = typed().unwrap_or_else(|| wanted.to_vec());
    list(problems, "rows", Some(&wanted), found.rows.as_deref(), inline);
}

fn normal(def: &TableDef, rows: &[Table]) -> Result<Vec<Table>, String> {
    let batches = table::batches(def, rows, &[])?;
    Ok(batches.iter().flat_map(|batch| (0..batch.len()).map(|row| table::row(def, batch, row))).collect())
}

/// Writes what came as the fixture's `[expect]`.
pub(super) fn bless(path: &Path, found: &Expect) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{} cannot be written: {error}", path.display());
    let old = std::fs::read_to_string(path).map_err(failed)?;
    let kept = without_expect(&old).ok_or_else(|| {
        format!("{}: [expect] must be the last part of a fixture, to be written anew", path.display())
    })?;
    let new = format!("{}\n\n{}", kept.trim_end(), written(found));
    // Whole or not at all: the author's own part is in it.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    std::io::Write::write_all(&mut temporary, new.as_bytes()).map_err(failed)?;
    temporary.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// `None`: something else stands behind it.
fn without_expect(text: &str) -> Option<&str> {
    let is_ours =
        |line: &str| line.starts_with("[expect]") || line.starts_with("[expect.") || line.starts_with("[[expect.");
    let mut at = 0;
    let mut cut = None;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_start();
        match cut {
            None if is_ours(trimmed) => cut = Some(at),
            Some(_) if is_header(trimmed) && !is_ours(trimmed) => return None,
            _ => {}
        }
        at += line.len();
    }
    Some(&text[..cut.unwrap_or(text.len())])
}

/// `[name]` or `[[name]]`, and no value of a list that begins a line.
fn is_header(line: &str) -> bool {
    let name = line.trim_start_matches('[').trim_end().trim_end_matches(']');
    let is_name = |one: char| one.is_ascii_alphanumeric() || matches!(one, '_' | '-' | '.');
    line.starts_with('[')
        && line.trim_end().ends_with(']')
        && !name.is_empty()
        && name.chars().all(is_name)
        && !name.starts_with(|one: char| one.is_ascii_digit())
}

fn written(found: &Expect) -> String {
    let mut text = String::from("[expect]\n");
    let quoted = |text: &String| Value::String(text.clone()).to_string();
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            writeln!(text, "{name} = {value}").expect("writing to a String cannot fail");
        }
    };
    line("error", found.error.as_ref().map(quoted));
    line("answer", found.answer.as_ref().map(quoted));
    line("untouched", found.untouched.map(|flag| flag.to_string()));
    line("skipped", found.skipped.map(|flag| flag.to_string()));
    let lines = |all: Vec<String>| {
        if all.is_empty() { "[]".to_owned() } else { format!("[\n  {},\n]", all.join(",\n  ")) }
    };
    let texts = |all: &Vec<String>| lines(all.iter().map(quoted).collect());
    line("columns", found.columns.as_ref().map(texts));
    line("keep", found.keep.as_ref().map(|keep| format!("{keep:?}")));
    line("rows", found.rows.as_ref().map(|rows| lines(rows.iter().map(inline).collect())));
    line("log", found.log.as_ref().map(texts));
    line("calls", found.calls.as_ref().map(texts));
    let values = |values: &std::collections::BTreeMap<String, String>| {
        inline(&values.iter().map(|(key, text)| (key.clone(), Value::String(text.clone()))).collect())
    };
    line("keyvalue", found.keyvalue.as_ref().map(values));
    for query in found.queries.iter().flatten() {
        let rows = lines(query.rows.iter().map(inline).collect());
        write!(text, "\n[[expect.query]]\nsql = {}\nrows = {rows}\n", quoted(&query.sql))
            .expect("writing to a String cannot fail");
    }
    text
}

/// `{ id = 1, name = "Ann" }`
fn inline(row: &Table) -> String {
    let name = |name: &str| {
        let is_bare =
            !name.is_empty() && name.bytes().all(|one| one.is_ascii_alphanumeric() || matches!(one, b'_' | b'-'));
        if is_bare { name.to_owned() } else { Value::String(name.to_owned()).to_string() }
    };
    let pairs: Vec<String> = row.iter().map(|(key, value)| format!("{} = {value}", name(key))).collect();
    if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::trial::Fixture;

    fn sample() -> Expect {
        Expect {
            answer: Some("it's \"so\"\nand more".into()),
            columns: Some(vec!["id int not null".into(), "paid decimal(10,2)".into()]),
            keep: Some(vec![true, false]),
            rows: Some(vec!["id = 1\npaid = \"12.50\"".parse().unwrap()]),
            calls: Some(vec!["database.query SELECT 'a'".into()]),
            keyvalue: Some([("a key".to_owned(), "7".to_owned())].into()),
            queries: Some(vec![crate::plugins::trial::Query { sql: "SELECT 1 AS one".into(), rows: vec![] }]),
            ..Expect::default()
        }
    }

    #[test]
    fn what_is_blessed_is_what_is_expected_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.toml");
        std::fs::write(&path, "# mine\nhook = \"authenticated\"\n\n[expect]\nanswer = \"old\"\n").unwrap();
        bless(&path, &sample()).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# mine\nhook = \"authenticated\"\n\n[expect]\n") && !text.contains("old"), "{text}");
        let read = Fixture::parse(&text).unwrap().expect.unwrap();
        assert_eq!(read, sample());
        assert_eq!(compare(&read, &sample()), Vec::<String>::new());
        // Twice is once.
        bless(&path, &sample()).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn nothing_of_the_authors_is_written_over() {
        assert_eq!(without_expect("a = 1\n[expect]\nx = [\n  [1],\n]\n[[table]]\n"), None);
        assert_eq!(without_expect("a = 1\n[expect]\nrows = [\n  { a = 1 },\n]\n"), Some("a = 1\n"));
        assert_eq!(without_expect("a = 1\n"), Some("a = 1\n"));
    }

    #[test]
    fn every_difference_is_told_with_both_sides() {
        let mut came = sample();
        came.rows = Some(vec!["id = 1\npaid = \"12.51\"".parse().unwrap()]);
        came.keep = None;
        came.calls = None;
        let problems = compare(&sample(), &came).join("\n");
        insta::assert_snapshot!(problems, @r#"
        keep, number 1 (expected 2, came 0)
          expected true
          came     nothing more
        rows, number 1 (expected 1, came 1)
          expected { id = 1, paid = "12.50" }
          came     { id = 1, paid = "12.51" }
        calls, number 1 (expected 1, came 0)
          expected database.query SELECT 'a'
          came     nothing more
        "#);
        came.error = Some("it answered an error: no".into());
        assert_eq!(
            compare(&sample(), &came),
            ["it failed: it answered an error: no"],
            "the rest is for want of an answer"
        );
        let wanted = Expect { error: Some("no".into()), ..Expect::default() };
        assert_eq!(compare(&wanted, &came), Vec::<String>::new());
        assert_eq!(compare(&wanted, &Expect::default()).len(), 1);
    }
}
