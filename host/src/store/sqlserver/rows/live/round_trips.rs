//! Every type with its extremes, by every way rows go.

use super::*;
use crate::protocol::columns::OwnedValue::{
    Binary, Decimal, Guid, Integer, Null, Real, Text, Time, Timestamp, TimestampOffset,
};
use crate::protocol::datetime::{self, MAX_TICKS};
use crate::protocol::sql_type::Length;
use crate::store::sqlserver::rows::values::held;

fn nvarchar(units: u16) -> SqlType {
    SqlType::NVarChar(Length::Limited(units))
}

fn texts(most: usize) -> Vec<OwnedValue> {
    [
        "",
        " ",
        "  both ends  ",
        "\t\r\n",
        "\u{1}\u{b}\u{fffe}\u{ffff}",
        "🙂 日本語 æøå",
        "[I:5] no",
        "it's \"q\"",
        "e\u{301}",
        "NULL",
    ]
    .iter()
    .filter(|text| text.encode_utf16().count() <= most)
    .map(|text| Text((*text).to_owned()))
    .chain([Text("x".repeat(most.min(50_000)))])
    .collect()
}

fn cases(is_babelfish: bool) -> Vec<(SqlType, Vec<OwnedValue>)> {
    let mut cases = Vec::new();
    for sql_type in [SqlType::Bit, SqlType::TinyInt, SqlType::SmallInt, SqlType::Int, SqlType::BigInt] {
        let (first, last) = sql_type.integer_range().unwrap();
        cases.push((sql_type, vec![Integer(first), Integer(0), Integer(1), Integer(last)]));
    }
    let doubles = [0.0, 0.1, -1.5, 1e-307, -1.79e308, f64::MAX, f64::MIN_POSITIVE, 1.0 / 3.0];
    cases.push((SqlType::Float, doubles.map(Real).to_vec()));
    cases.push((
        SqlType::Real,
        [0.0f32, 0.1, f32::MAX, f32::MIN, f32::MIN_POSITIVE].map(|v| Real(f64::from(v))).to_vec(),
    ));
    for (precision, scale) in [(1, 0), (9, 2), (15, 15), (18, 0), (18, 2), (19, 4), (38, 0), (38, 10), (38, 38)] {
        let sql_type = SqlType::Decimal { precision, scale };
        let (first, last) = sql_type.decimal_range().unwrap();
        cases.push((
            sql_type,
            [first, first + 1, -1, 0, 1, last / 3, last].map(|unscaled| Decimal { unscaled, scale }).to_vec(),
        ));
    }
    for sql_type in [SqlType::Money, SqlType::SmallMoney] {
        let (first, last) = sql_type.decimal_range().unwrap();
        cases.push((
            sql_type,
            [first, first + 1, -1, 0, 1, last - 1, last].map(|unscaled| Decimal { unscaled, scale: 4 }).to_vec(),
        ));
    }
    let most = if is_babelfish { 6 } else { 7 };
    let no_date = datetime::parse_iso("1760-01-01 00:00:00", SqlType::DateTime).unwrap();
    let mut types = vec![SqlType::Date, SqlType::SmallDateTime, SqlType::DateTime];
    types.extend((0..=most).map(SqlType::DateTime2));
    for sql_type in types {
        let (first, last) = datetime::range(sql_type);
        let odd = datetime::ticks_from_civil(2020, 2, 29, 23, 59, 59, 9_999_999).unwrap();
        let mut ticks = vec![first, last, odd];
        if first <= no_date {
            ticks.push(no_date);
        }
        cases.push((sql_type, ticks.into_iter().map(|ticks| Timestamp(held(ticks, sql_type))).collect()));
    }
    for digits in 0..=most {
        let sql_type = SqlType::Time(digits);
        let (first, last) = datetime::range(sql_type);
        cases.push((
            sql_type,
            [first, last, 522_001_234_567].map(|ticks| Time(datetime::cut(ticks, sql_type))).to_vec(),
        ));
        let sql_type = SqlType::DateTimeOffset(digits);
        let noon = datetime::ticks_from_civil(2020, 5, 18, 12, 0, 0, 1_234_567).unwrap();
        let values = [(0, 0), (MAX_TICKS, 0), (noon, 840), (noon, -840), (noon, 330), (noon, -1)];
        cases.push((
            sql_type,
            values.map(|(ticks, offset)| TimestampOffset(datetime::cut(ticks, sql_type), offset)).to_vec(),
        ));
    }
    for (sql_type, most) in [
        (SqlType::VarChar(Length::Limited(40)), 40),
        (SqlType::NChar(1), 1),
        (nvarchar(1), 1),
        (nvarchar(40), 40),
        (nvarchar(2000), 2000),
        (nvarchar(2001), 2001),
        (nvarchar(4000), 4000),
        (SqlType::NVarChar(Length::Max), 100_000),
        (SqlType::NText, 100_000),
        (SqlType::Text, 100_000),
        (SqlType::Xml, 100_000),
        (SqlType::SqlVariant, 4_000),
    ] {
        let mut values = texts(most);
        if matches!(sql_type, SqlType::NChar(_)) {
            values.retain(|value| *value != Text(String::new()));
        }
        if most > 40 && !is_babelfish {
            values.push(Text("a\0b".to_owned()));
        }
        cases.push((sql_type, values));
    }
    let bytes = |most: usize| {
        let values = [
            vec![],
            vec![0],
            (0..=255).collect(),
            vec![0xff; 8_000],
            vec![7; 65_535],
            vec![8; 65_536],
            vec![9; 300_000],
        ];
        values.into_iter().filter(|value| value.len() <= most).map(Binary).collect::<Vec<_>>()
    };
    cases.push((SqlType::Binary(4), vec![Binary(vec![0; 4]), Binary(vec![1, 2, 3, 255])]));
    cases.push((SqlType::RowVersion, vec![Binary(vec![0; 8]), Binary(vec![1, 2, 3, 255, 0, 0, 0, 0])]));
    cases.push((SqlType::VarBinary(Length::Limited(8000)), bytes(8_000)));
    for sql_type in [SqlType::VarBinary(Length::Max), SqlType::Image, SqlType::Geometry] {
        cases.push((sql_type, bytes(usize::MAX)));
    }
    cases.push((SqlType::HierarchyId, bytes(892)));
    let counting: [u8; 16] = std::array::from_fn(|i| u8::try_from(i).unwrap() * 17);
    cases.push((SqlType::UniqueIdentifier, [[0; 16], [0xff; 16], counting].map(Guid).to_vec()));
    cases
}

/// By parameter, by a load into the table, by the stage; NULLable and not.
#[tokio::test]
async fn every_type_comes_back_by_every_way() {
    let mut place = place!("types");
    let mut wrong = Vec::new();
    for (number, (sql_type, values)) in cases(place.is_babelfish).into_iter().enumerate() {
        for nullable in [true, false] {
            let def = table(
                &format!("t{number}{nullable}"),
                vec![column("id", SqlType::Int, false), column("v", sql_type, nullable)],
            );
            place.create(&def).await;
            let all: Vec<OwnedValue> = values.iter().cloned().chain(nullable.then_some(Null)).collect();
            let few: Vec<Row> = (0..).zip(&all).map(|(id, value)| vec![Integer(id), value.clone()]).collect();
            let many: Vec<Row> = (0..)
                .zip(all.iter().cycle().take(all.len() + 60))
                .map(|(id, value)| vec![Integer(id), value.clone()])
                .collect();
            for (way, rows, op, filling, clear) in [
                ("parameters", &few, RowOp::Insert, true, true),
                ("parameters, updates", &few, RowOp::Update, false, false),
                ("a load", &many, RowOp::Insert, true, true),
                ("the stage", &many, RowOp::Update, false, false),
                ("the stage, inserts", &many, RowOp::Update, false, true),
            ] {
                if clear {
                    place.conn.run(&ddl::delete_all("dbo", def.name.as_str())).await.unwrap();
                }
                let with: Vec<_> = rows.iter().map(|row| (op, row.clone())).collect();
                match place.apply(&def, filling, &with).await {
                    Err(error) => wrong.push(format!("{sql_type}, nullable {nullable}, by {way}: {error}")),
                    Ok(applied) => {
                        let back = place.rows(&def).await;
                        if back != *rows {
                            let at = back.iter().zip(rows).find(|(a, b)| a != b);
                            let shown = format!("{at:?}");
                            wrong.push(format!(
                                "{sql_type}, nullable {nullable}, by {way}: {} rows, {}",
                                back.len(),
                                &shown[..shown.floor_char_boundary(300)]
                            ));
                        }
                        if applied.inserted + applied.updated != rows.len() as u64 {
                            wrong.push(format!("{sql_type}, by {way}: {applied:?} for {} rows", rows.len()));
                        }
                    }
                }
            }
        }
    }
    place.done().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
