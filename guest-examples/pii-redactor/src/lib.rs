//! `pii-redactor`: keeps personal data out of the mirror.
//!
//! Each entry of `[config]` says what becomes of a column:
//!
//! ```toml
//! [config]
//! salt           = "a long secret of your own"
//! "person.email" = "hash"      # 64 hex digits; the same text gives the same hash, so joins and counts still work
//! "person.phone" = "hash:16"   # the first 16 of them, for short columns
//! "person.notes" = "blank"     # an empty text; NULL in columns that hold no text
//! "person.photo" = "drop"      # the column is not in the mirror at all
//! "person.name"  = "keep"      # nothing: through this plug-in and back as it is, to measure what that costs
//! ```
//!
//! The host asks `plan` about each table and keeps the answer; `apply` then gets the columns named there and no others.

wit_bindgen::generate!({
    path: "../../wit",
    inline: r#"
        package example:pii-redactor;

        world pii-redactor {
            import wasi:config/store@0.2.0-rc.1;
            export speil:mirror/transform@0.1.0;
        }
    "#,
    generate_all,
});

use exports::speil::mirror::transform::{
    Applied, Batch, ColumnValues, Context, Guest, NamedColumn, RowsPlan, Table, TablePlan,
};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use speil::mirror::types::{Column, ValueKind};
use wasi::config::store;

struct PiiRedactor;
export!(PiiRedactor);

/// What becomes of a column.
#[derive(Clone, Copy)]
enum Action {
    /// A keyed hash, this many hex digits of it.
    Hash(usize),
    Blank,
    Drop,
    Keep,
}

impl Guest for PiiRedactor {
    fn plan(_context: Context, table: Table) -> Result<Option<TablePlan>, String> {
        let entries = entries()?;
        complain(&entries, &table)?;
        let mut plan = RowsPlan { drop: vec![], add: vec![], inputs: vec![], outputs: vec![], filter: false };
        for column in &table.columns {
            match action(&entries, &table.name, &column.name)? {
                None => {}
                Some(Action::Drop) => plan.drop.push(column.name.clone()),
                Some(action) => {
                    check(column, action).map_err(|why| format!("{}.{}: {why}", table.name, column.name))?;
                    plan.inputs.push(column.name.clone());
                    plan.outputs.push(column.name.clone());
                }
            }
        }
        let touched = !(plan.drop.is_empty() && plan.outputs.is_empty());
        Ok(touched.then_some(TablePlan::Rows(plan)))
    }

    fn apply(_context: Context, table: String, batch: Batch) -> Result<Applied, String> {
        let entries = entries()?;
        let hasher = Hasher::of(salt(&entries));
        let mut columns = Vec::with_capacity(batch.columns.len());
        for NamedColumn { name, values } in batch.columns {
            let values = match (action(&entries, &table, &name)?, values) {
                (Some(Action::Hash(digits)), ColumnValues::Text(texts)) => {
                    ColumnValues::Text(each(texts, |text| hasher.hash(&text, digits)))
                }
                (Some(Action::Blank), ColumnValues::Text(texts)) => ColumnValues::Text(each(texts, |_| String::new())),
                (Some(Action::Blank), values) => nulls(&values),
                (Some(Action::Keep), values) => values,
                _ => return Err(format!("{table}.{name} came, but the plan did not ask for it")),
            };
            columns.push(NamedColumn { name, values });
        }
        Ok(Applied { columns, keep: vec![] })
    }
}

/// Refuses what redacts nothing: a misspelled column must not let personal data through in silence.
fn complain(entries: &[(String, String)], table: &Table) -> Result<(), String> {
    let mut hashes = false;
    for (key, value) in entries {
        if key == "salt" {
            continue;
        }
        let (named, column) =
            key.split_once('.').ok_or_else(|| format!("[config] {key:?}: write the key as \"table.column\""))?;
        hashes |= value.starts_with("hash");
        let known = table.columns.iter().any(|known| known.name.to_lowercase() == column.to_lowercase());
        if named.to_lowercase() == table.name.to_lowercase() && !known {
            return Err(format!("[config] {key:?}: the table {} has no column {column}", table.name));
        }
    }
    if hashes && salt(entries).is_empty() {
        return Err("[config] has no salt, and without one hashes of names are easily tried out".into());
    }
    Ok(())
}

/// What the configuration says of a column; case does not count in names.
fn action(entries: &[(String, String)], table: &str, column: &str) -> Result<Option<Action>, String> {
    let wanted = format!("{table}.{column}").to_lowercase();
    let Some((key, value)) = entries.iter().find(|(key, _)| key.to_lowercase() == wanted) else {
        return Ok(None);
    };
    let action = match value.split_once(':') {
        None if value == "hash" => Some(Action::Hash(64)),
        None if value == "blank" => Some(Action::Blank),
        None if value == "drop" => Some(Action::Drop),
        None if value == "keep" => Some(Action::Keep),
        Some(("hash", digits)) => digits.parse().ok().filter(|digits| (8..=64).contains(digits)).map(Action::Hash),
        _ => None,
    };
    match action {
        Some(action) => Ok(Some(action)),
        None => Err(format!("[config] {key:?} is {value:?}: write hash, hash:8 to hash:64, blank, drop or keep")),
    }
}

/// Refuses what cannot work before any row comes: the operator reads it at once, not at the first long text.
fn check(column: &Column, action: Action) -> Result<(), String> {
    match action {
        Action::Hash(_) if column.kind != ValueKind::Text => {
            Err(format!("only text can be hashed, and this is {}; use blank or drop", column.sql_type))
        }
        Action::Hash(digits) if length(&column.sql_type).is_some_and(|length| length < digits) => Err(format!(
            "a hash of {digits} digits does not fit {}; use a shorter one, such as hash:8",
            column.sql_type
        )),
        Action::Blank if column.kind != ValueKind::Text && !column.nullable => {
            Err(format!("a {} that may not be NULL cannot be blanked; use drop", column.sql_type))
        }
        _ => Ok(()),
    }
}

/// The length in `nvarchar(255)`; `None` for `nvarchar(max)` and types without one.
fn length(sql_type: &str) -> Option<usize> {
    sql_type.split_once('(')?.1.strip_suffix(')')?.parse().ok()
}

/// HMAC-SHA-256: without the salt nobody can try out names until a hash agrees.
struct Hasher {
    /// With the salt taken in: that is half of the work for a short text, and the same for all.
    salted: Hmac<Sha256>,
}

impl Hasher {
    fn of(salt: &str) -> Self {
        Self { salted: Hmac::new_from_slice(salt.as_bytes()).expect("HMAC takes a key of any length") }
    }

    /// The first digits of a text's hash.
    fn hash(&self, text: &str, digits: usize) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut mac = self.salted.clone();
        mac.update(text.as_bytes());
        let bytes = mac.finalize().into_bytes();
        let halves = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let mut hex = String::with_capacity(digits);
        hex.extend(halves.take(digits).map(|half| char::from(DIGITS[usize::from(half)])));
        hex
    }
}

/// Changes every text that is there; NULL stays NULL.
fn each(texts: Vec<Option<String>>, change: impl Fn(String) -> String) -> Vec<Option<String>> {
    texts.into_iter().map(|text| text.map(&change)).collect()
}

/// As many NULLs of the same kind.
fn nulls(values: &ColumnValues) -> ColumnValues {
    match values {
        ColumnValues::Text(v) => ColumnValues::Text(vec![None; v.len()]),
        ColumnValues::Integer(v) => ColumnValues::Integer(vec![None; v.len()]),
        ColumnValues::Real(v) => ColumnValues::Real(vec![None; v.len()]),
        ColumnValues::Decimal(v) => ColumnValues::Decimal(vec![None; v.len()]),
        ColumnValues::Timestamp(v) => ColumnValues::Timestamp(vec![None; v.len()]),
        ColumnValues::Binary(v) => ColumnValues::Binary(vec![None; v.len()]),
    }
}

fn entries() -> Result<Vec<(String, String)>, String> {
    store::get_all().map_err(|error| format!("cannot read [config]: {error:?}"))
}

fn salt(entries: &[(String, String)]) -> &str {
    entries.iter().find(|(key, _)| key == "salt").map_or("", |(_, salt)| salt)
}
