//! Random changes against a model, which says what the table must hold and what must have been counted.

use std::collections::BTreeMap;

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::protocol::columns::OwnedValue::{Integer, Null, Text};
use crate::protocol::sql_type::Length;

#[tokio::test]
async fn random_changes_leave_what_the_model_says() {
    let mut place = place!("model");
    let def = table(
        "contact",
        vec![
            column("id", SqlType::Int, false),
            column("name", SqlType::NVarChar(Length::Limited(40)), true),
            column("note", SqlType::NVarChar(Length::Limited(3000)), true),
            column("n", SqlType::Int, true),
        ],
    );
    place.create(&def).await;
    for seed in 0..12 {
        let mut dice = ChaCha8Rng::seed_from_u64(seed);
        let mut model: BTreeMap<i64, Row> = BTreeMap::new();
        place.conn.run(&ddl::delete_all("dbo", "contact")).await.unwrap();
        for round in 0..6 {
            let stretches = dice.gen_range(1..=3);
            let mut expected = Applied::default();
            let mut sent = Vec::new();
            for _ in 0..stretches {
                let size = if dice.gen_bool(0.5) { dice.gen_range(0..40) } else { dice.gen_range(60..300) };
                let mut rows: BTreeMap<i64, (RowOp, Row)> = BTreeMap::new();
                for _ in 0..size {
                    let id = dice.gen_range(-200..200);
                    let op = [RowOp::Insert, RowOp::Update, RowOp::Delete][dice.gen_range(0..3)];
                    let heavy = dice.gen_ratio(1, 60);
                    let row = match op {
                        RowOp::Delete => vec![Integer(id), Null, Null, Null],
                        _ => vec![
                            Integer(id),
                            if dice.gen_bool(0.2) {
                                Null
                            } else {
                                Text(format!("name {} æ", dice.gen_range(0..1_000)))
                            },
                            if heavy { Text("long ".repeat(600)) } else { Null },
                            Integer(dice.gen_range(0..1_000)),
                        ],
                    };
                    rows.insert(id, (op, row));
                }
                let rows: Vec<_> = rows.into_values().collect();
                for (op, row) in &rows {
                    let Integer(id) = row[0] else { unreachable!() };
                    if *op == RowOp::Delete {
                        expected.deleted += u64::from(model.remove(&id).is_some());
                    } else if model.insert(id, row.clone()).is_some() {
                        expected.updated += 1;
                    } else {
                        expected.inserted += 1;
                    }
                }
                sent.push(rows);
            }
            let sent: Vec<&[_]> = sent.iter().map(Vec::as_slice).collect();
            let applied = place.stretches(&def, dice.gen_bool(0.5), &sent).await.unwrap();
            assert_eq!(applied, expected, "seed {seed}, round {round}");
            let expected: Vec<Row> = model.values().cloned().collect();
            assert!(place.rows(&def).await == expected, "seed {seed}, round {round}: the rows differ");
        }
    }
    place.done().await;
}
