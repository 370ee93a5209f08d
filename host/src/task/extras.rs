//! Tables no real tenant has all of, but any could: every SQL Server type, keys that are not integers, names that want
//! quoting.

use super::cell::Cell;
use super::shape::{ColumnShape, TableShape};
use crate::protocol::sql_type::{Length, SqlType};

/// The name of the table with a column of every type.
pub const EVERY_TYPE: &str = "every_type";

/// The tables.
#[must_use]
pub fn tables() -> Vec<TableShape> {
    vec![
        every_type(),
        keyed("guid_key", SqlType::UniqueIdentifier),
        keyed("text_key", SqlType::NVarChar(Length::Limited(40))),
        keyed("big_key", SqlType::BigInt),
        odd_names(),
    ]
}

/// Every type a SQL Server column can have, once NULL and once NOT NULL.
fn every_type() -> TableShape {
    use SqlType as T;
    let types = [
        T::Bit,
        T::TinyInt,
        T::SmallInt,
        T::Int,
        T::BigInt,
        T::Decimal { precision: 18, scale: 2 },
        T::Decimal { precision: 38, scale: 38 },
        T::Decimal { precision: 38, scale: 0 },
        T::Decimal { precision: 5, scale: 5 },
        T::Money,
        T::SmallMoney,
        T::Float,
        T::Real,
        T::Date,
        T::Time(0),
        T::Time(7),
        T::SmallDateTime,
        T::DateTime,
        T::DateTime2(0),
        T::DateTime2(3),
        T::DateTime2(7),
        T::DateTimeOffset(0),
        T::DateTimeOffset(7),
        T::Char(10),
        T::VarChar(Length::Limited(50)),
        T::VarChar(Length::Max),
        T::NChar(10),
        T::NVarChar(Length::Limited(50)),
        T::NVarChar(Length::Max),
        T::Text,
        T::NText,
        T::Binary(6),
        T::VarBinary(Length::Limited(30)),
        T::VarBinary(Length::Max),
        T::Image,
        T::UniqueIdentifier,
        T::Xml,
        T::Json,
        T::RowVersion,
        T::SqlVariant,
        T::HierarchyId,
        T::Geometry,
        T::Geography,
    ];
    let mut columns = vec![ColumnShape::new("id", T::Int, false)];
    for (at, sql_type) in types.into_iter().enumerate() {
        columns.push(ColumnShape::new(format!("c{at}"), sql_type, true));
        columns.push(ColumnShape::new(format!("c{at}_not_null"), sql_type, false));
    }
    TableShape { name: EVERY_TYPE.into(), columns, rows: 400 }
}

fn keyed(name: &str, key: SqlType) -> TableShape {
    TableShape {
        name: name.into(),
        columns: vec![
            ColumnShape::new("the_key", key, false),
            ColumnShape::new("name", SqlType::NVarChar(Length::Limited(100)), true),
            ColumnShape::new("number", SqlType::Int, false).with_default("default ((0))", Cell::Integer(0)),
        ],
        rows: 150,
    }
}

/// Names with everything that is legal between brackets.
fn odd_names() -> TableShape {
    let names = [
        "select",
        "the key]",
        "quote\"d",
        "it's",
        "semi;colon--",
        "Ærlig talt",
        "列",
        "  spaces  ",
        "percent%s",
        "/*x*/",
    ];
    TableShape {
        name: "order \"by\" [x]; DROP TABLE y--'æ 表".into(),
        columns: names
            .iter()
            .enumerate()
            .map(|(at, name)| {
                if at == 0 {
                    ColumnShape::new(*name, SqlType::Int, false)
                } else {
                    ColumnShape::new(*name, SqlType::NVarChar(Length::Limited(60)), true)
                }
            })
            .collect(),
        rows: 60,
    }
}
