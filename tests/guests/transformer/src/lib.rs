//! A transform that does what its configuration says, so that one component serves every test of transforms.
//!
//! | key | value | meaning |
//! |---|---|---|
//! | `TABLE` | `skip` | the table is left out |
//! | `TABLE.drop` | `a,b` | columns dropped |
//! | `TABLE.add` | `name nvarchar(20);other int` | columns added |
//! | `TABLE.inputs` | `a,b` | columns asked for |
//! | `TABLE.outputs` | `a,b` | columns promised |
//! | `TABLE.filter` | `TEXT` | rows whose first input is this text are not kept |
//! | `TABLE.suffix` | `TEXT` | what outputs of text get appended |
//! | `TABLE.trap` | `TEXT` | it traps on a row whose first input is this text |
//! | `TABLE.refuse` | `TEXT` | it answers an error on such a row |
//! | `TABLE.loop` | `TEXT` | it never comes back from such a row |
//! | `TABLE.long` | `TEXT` | outputs of text get 5,000 letters in such a row |
//! | `TABLE.clock` | `yes` | outputs of text get the time of day appended |
//!
//! Outputs: an output that is also an input is that input, changed (texts get the suffix, numbers one more, others stay);
//! any other is made from the first input: its text form and the suffix, or the row's number in the batch for numbers.

wit_bindgen::generate!({
    path: "../../../wit",
    inline: r"
        package test:transformer;

        world transformer {
            import wasi:config/store@0.2.0-rc.1;
            export speil:mirror/transform@0.1.0;
        }
    ",
    generate_all,
});

use exports::speil::mirror::transform::{
    Applied, Batch, ColumnValues, Context, Guest, NamedColumn, NewColumn, RowsPlan, Table, TablePlan,
};
use wasi::config::store;

struct Transformer;
export!(Transformer);

fn config(table: &str, what: &str) -> Option<String> {
    store::get(&format!("{table}.{what}")).expect("this host's configuration can be read")
}

fn list(table: &str, what: &str) -> Vec<String> {
    config(table, what).map(|text| text.split(',').map(Into::into).collect()).unwrap_or_default()
}

impl Guest for Transformer {
    fn plan(_context: Context, table: Table) -> Result<Option<TablePlan>, String> {
        let name = table.name.as_str();
        if store::get(name).expect("this host's configuration can be read").as_deref() == Some("skip") {
            return Ok(Some(TablePlan::Skip));
        }
        let add = config(name, "add").unwrap_or_default();
        let add = add.split(';').filter(|text| !text.is_empty()).map(|text| {
            let (name, sql_type) = text.split_once(' ').expect("NAME TYPE");
            NewColumn { name: name.into(), sql_type: sql_type.into() }
        });
        let plan = RowsPlan {
            drop: list(name, "drop"),
            add: add.collect(),
            inputs: list(name, "inputs"),
            outputs: list(name, "outputs"),
            filter: config(name, "filter").is_some(),
        };
        let nothing = plan.drop.is_empty() && plan.add.is_empty() && plan.inputs.is_empty() && plan.outputs.is_empty();
        Ok((!nothing || plan.filter).then_some(TablePlan::Rows(plan)))
    }

    fn apply(_context: Context, table: String, batch: Batch) -> Result<Applied, String> {
        let suffix = config(&table, "suffix").unwrap_or_default();
        let filter = config(&table, "filter");
        let first = batch.columns.first().map(|column| texts(&column.values)).unwrap_or_default();
        let meets = |what: &str| {
            let text = config(&table, what);
            text.is_some_and(|text| first.iter().any(|value| value.as_deref() == Some(&text)))
        };
        if meets("trap") {
            std::process::abort();
        }
        if meets("refuse") {
            return Err("a row that it does not like".into());
        }
        while meets("loop") {}
        let long = config(&table, "long");
        let clock = config(&table, "clock").is_some();
        let ending = |row: usize| match &long {
            Some(text) if first.get(row).is_some_and(|value| value.as_deref() == Some(text)) => "x".repeat(5_000),
            _ if clock => {
                let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                since.expect("a clock after 1970").subsec_nanos().to_string()
            }
            _ => suffix.clone(),
        };
        let columns = list(&table, "outputs").into_iter().map(|name| {
            let input = batch.columns.iter().find(|column| column.name == name);
            let values = match input.map(|column| &column.values) {
                Some(ColumnValues::Text(values)) => ColumnValues::Text(ended(values, &ending)),
                Some(ColumnValues::Integer(values)) => {
                    ColumnValues::Integer(values.iter().map(|value| value.map(|number| number + 1)).collect())
                }
                Some(values) => values.clone(),
                None if first.is_empty() => {
                    ColumnValues::Integer((0..batch.operations.len() as i64).map(Some).collect())
                }
                None => ColumnValues::Text(ended(&first, &ending)),
            };
            NamedColumn { name, values }
        });
        // In another order than promised, which is allowed.
        let columns = columns.rev().collect();
        let keep = filter.map(|text| first.iter().map(|value| value.as_deref() != Some(&text)).collect());
        Ok(Applied { columns, keep: keep.unwrap_or_default() })
    }
}

/// Texts, each with its ending.
fn ended(values: &[Option<String>], ending: impl Fn(usize) -> String) -> Vec<Option<String>> {
    let each = values.iter().enumerate();
    each.map(|(row, value)| value.as_ref().map(|text| format!("{text}{}", ending(row)))).collect()
}

/// Values as text.
fn texts(values: &ColumnValues) -> Vec<Option<String>> {
    match values {
        ColumnValues::Text(values) | ColumnValues::Decimal(values) => values.clone(),
        ColumnValues::Integer(values) | ColumnValues::Timestamp(values) => {
            values.iter().map(|value| value.map(|number| number.to_string())).collect()
        }
        ColumnValues::Real(values) => values.iter().map(|value| value.map(|number| number.to_string())).collect(),
        ColumnValues::Binary(values) => {
            values.iter().map(|value| value.as_ref().map(|bytes| format!("{bytes:?}"))).collect()
        }
    }
}
