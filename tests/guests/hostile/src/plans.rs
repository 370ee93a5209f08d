//! Plans that cannot be.

use crate::exports::speil::mirror::transform::{NewColumn, RowsPlan, TablePlan};
use crate::speil::mirror::types::Table;

fn none() -> RowsPlan {
    RowsPlan { drop: vec![], add: vec![], inputs: vec![], outputs: vec![], filter: false }
}

fn column(name: &str, sql_type: &str) -> NewColumn {
    NewColumn { name: name.into(), sql_type: sql_type.into() }
}

/// A good one, which `apply` breaks.
pub fn for_apply() -> TablePlan {
    TablePlan::Rows(RowsPlan {
        add: vec![column("added", "nvarchar(5)")],
        inputs: vec!["id".into(), "name".into()],
        outputs: vec!["name".into(), "age".into(), "added".into()],
        filter: true,
        ..none()
    })
}

pub fn wrong(behaviour: &str, table: &Table) -> Option<TablePlan> {
    let first = table.columns[0].name.clone();
    Some(TablePlan::Rows(match behaviour {
        "drop-key" => RowsPlan { drop: vec![first], ..none() },
        "output-key" => RowsPlan { outputs: vec![first], ..none() },
        "drop-unknown" => RowsPlan { drop: vec!["nobody".into()], ..none() },
        "input-unknown" => RowsPlan { inputs: vec!["nobody".into()], filter: true, ..none() },
        "output-unknown" => RowsPlan { outputs: vec!["nobody".into()], ..none() },
        "output-dropped" => RowsPlan { drop: vec!["name".into()], outputs: vec!["name".into()], ..none() },
        "add-existing" => RowsPlan { add: vec![column("NAME", "int")], ..none() },
        "add-twice" => RowsPlan { add: vec![column("a", "int"), column("A", "int")], ..none() },
        "add-bad-type" => RowsPlan { add: vec![column("a", "varchar(5); drop table x")], ..none() },
        "add-many" => {
            RowsPlan { add: (0..5_000).map(|number| column(&format!("a{number}"), "int")).collect(), ..none() }
        }
        "add-bad-name" => RowsPlan { add: vec![column("", "int")], ..none() },
        "output-twice" => RowsPlan { outputs: vec!["name".into(), "NAME".into()], ..none() },
        "input-many" => RowsPlan { inputs: vec!["name".into(); 100_000], filter: true, ..none() },
        "huge-name" => RowsPlan { drop: vec!["n".repeat(1 << 20)], ..none() },
        _ => return None,
    }))
}
