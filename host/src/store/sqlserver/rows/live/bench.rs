//! How fast rows go, against a bare bulk load of the same rows in the same run: `cargo test --lib sqlserver::rows_live::bench --
//! --ignored --nocapture`.

use std::time::{Duration, Instant};

use tiberius::{ColumnData, TokenRow};

use super::*;
use crate::protocol::columns::OwnedValue::{Integer, Null, Real, Text, Timestamp};
use crate::protocol::sql_type::Length;

const ROWS: i64 = 40_000;
const STRETCH: i64 = 5_000;

fn contact(name: &str) -> TableDef {
    let text = |units| SqlType::NVarChar(Length::Limited(units));
    table(
        name,
        vec![
            column("contact_id", SqlType::Int, false),
            column("name", text(220), false),
            column("department", text(220), true),
            column("business_idx", SqlType::Int, false),
            column("category_idx", SqlType::Int, false),
            column("country_id", SqlType::SmallInt, false),
            column("registered", SqlType::DateTime, false),
            column("updated", SqlType::DateTime, true),
            column("associate_id", SqlType::Int, true),
            column("orgnr", text(50), true),
            column("deleted", SqlType::SmallInt, false),
            column("turnover", SqlType::Float, true),
            column("kananame", text(200), true),
            column("xstop", SqlType::SmallInt, false),
        ],
    )
}

fn row(id: i64, version: i64) -> Row {
    let when = 636_000_000_000_000_000 + id * 10_000_000;
    vec![
        Integer(id),
        Text(format!("Company number {id} of {version} AS")),
        Text(format!("Department {}", id % 17)),
        Integer(id % 31),
        Integer(id % 7),
        Integer(578),
        Timestamp(when),
        Timestamp(when + version * 10_000_000),
        Integer(id % 400),
        Text(format!("NO{:09}", id * 7 % 999_999_999)),
        Integer(0),
        #[expect(clippy::cast_precision_loss, reason = "small")]
        Real(id as f64 * 1.25),
        if id % 3 == 0 { Null } else { Text(format!("kana {id}")) },
        Integer(0),
    ]
}

/// The same rows with nothing around the driver's load but a transaction for each stretch.
async fn bare(place: &mut Place, def: &TableDef, stretches: &[RowChanges]) -> Duration {
    let names: Vec<String> = def.columns.iter().map(|column| format!("[{}]", column.name)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let began = Instant::now();
    let into = format!("[dbo].[{}]", def.name);
    for stretch in stretches {
        place.conn.run("BEGIN TRANSACTION").await.unwrap();
        let driver = place.conn.begin_raw();
        let mut load = driver.bulk_insert_columns(&into, &names).await.unwrap();
        for row in 0..stretch.batch.len() {
            let mut cells = TokenRow::with_capacity(names.len());
            for (column, values) in def.columns.iter().zip(&stretch.batch.columns) {
                cells.push(
                    crate::store::sqlserver::rows::values::cell(values, row, column.sql_type)
                        .unwrap_or(ColumnData::I32(None)),
                );
            }
            load.send(cells).await.unwrap();
        }
        load.finalize().await.unwrap();
        place.conn.done();
        place.conn.run("COMMIT TRANSACTION").await.unwrap();
    }
    began.elapsed()
}

async fn ours(place: &mut Place, def: &TableDef, filling: bool, stretches: &[RowChanges]) -> (Duration, Applied) {
    let began = Instant::now();
    let mut all = Applied::default();
    let mut parts = [Duration::ZERO; 4];
    for stretch in stretches {
        let mut last = Instant::now();
        let mut part = |at: usize| {
            parts[at] += last.elapsed();
            last = Instant::now();
        };
        place.conn.run("BEGIN TRANSACTION").await.unwrap();
        part(0);
        let mut plan = RowPlan::new(&mut place.conn, "dbo", def.name.as_str(), def, filling).await.unwrap();
        part(1);
        let applied = plan.apply(&mut place.conn, stretch).await.unwrap();
        part(2);
        all.inserted += applied.inserted;
        all.updated += applied.updated;
        all.deleted += applied.deleted;
        place.conn.run("COMMIT TRANSACTION").await.unwrap();
        part(3);
    }
    println!("  begin, plan, apply, commit: {parts:.0?}");
    (began.elapsed(), all)
}

#[tokio::test]
#[ignore = "a measurement"]
async fn how_fast() {
    let mut place = place!("bench");
    let bare_def = contact("bare");
    let def = contact("contact");
    place.create(&bare_def).await;
    place.create(&def).await;
    let fill: Vec<RowChanges> = (0..ROWS / STRETCH)
        .map(|s| {
            let rows: Vec<_> = (s * STRETCH..(s + 1) * STRETCH).map(|id| (RowOp::Insert, row(id, 1))).collect();
            changes(&def, &rows)
        })
        .collect();
    // Half updates, a quarter inserts, a quarter deletes, spread over the table.
    let change: Vec<RowChanges> = (0..ROWS / STRETCH)
        .map(|s| {
            let rows: Vec<_> = (0..STRETCH)
                .map(|i| match i % 4 {
                    0 | 1 => (RowOp::Update, row((s * STRETCH + i) % ROWS, 2)),
                    2 => (RowOp::Insert, row(ROWS + s * STRETCH + i, 2)),
                    _ => {
                        let mut cells = vec![Null; def.columns.len()];
                        cells[0] = Integer((s * STRETCH + i) % ROWS);
                        (RowOp::Delete, cells)
                    }
                })
                .collect();
            changes(&def, &rows)
        })
        .collect();
    for round in 0..3 {
        place.conn.run("TRUNCATE TABLE [bare]; TRUNCATE TABLE [contact]").await.unwrap();
        let bare = bare(&mut place, &bare_def, &fill).await;
        let (filled, applied) = ours(&mut place, &def, true, &fill).await;
        assert_eq!(applied.inserted, u64::try_from(ROWS).unwrap());
        let (changed, applied) = ours(&mut place, &def, false, &change).await;
        let rate = |time: Duration| f64::from(u32::try_from(ROWS).unwrap()) / time.as_secs_f64();
        println!(
            "round {round}: bare load {:.0} rows/s; fill {:.0} rows/s, ratio {:.2}; changes {:.0} rows/s, ratio {:.2} ({applied:?})",
            rate(bare),
            rate(filled),
            rate(filled) / rate(bare),
            rate(changed),
            rate(changed) / rate(bare),
        );
    }
    place.done().await;
}
