//! Tables to make statements for: ordinary, of every type and default, and with names that try to break out.

use crate::protocol::default_value::DefaultValue;
use crate::protocol::sql_type::{Length, SqlType};
use crate::protocol::table_def::{ColumnDef, TableDef};
use crate::protocol::table_name::TableName;

/// Names that a careless engine would stumble over.
pub(in crate::store::sqlserver) const NASTY: [&str; 12] = [
    "it's \"a\" [table]; DROP TABLE x; --",
    "]",
    "\"",
    "'",
    "order",
    "with space",
    "a.b.c",
    "semi;colon",
    "--comment",
    "/* comment",
    "日本語 🙂",
    "ÆØÅ",
];

/// A column without a default.
pub(in crate::store::sqlserver) fn column(name: &str, sql_type: SqlType, nullable: bool) -> ColumnDef {
    ColumnDef { name: name.into(), sql_type, nullable, default: None }
}

fn with(name: &str, sql_type: SqlType, nullable: bool, default: DefaultValue) -> ColumnDef {
    ColumnDef { default: Some(default), ..column(name, sql_type, nullable) }
}

/// A table; its first column is the key.
pub(in crate::store::sqlserver) fn table(name: &str, columns: Vec<ColumnDef>) -> TableDef {
    TableDef { name: TableName::new(name).expect("a legal name"), columns, key: vec![0] }
}

/// An ordinary table, as real tenants have them.
pub(in crate::store::sqlserver) fn contact() -> TableDef {
    let text = |text: &str| DefaultValue::Text(text.into());
    let nvarchar = |n| SqlType::NVarChar(Length::Limited(n));
    table(
        "contact",
        vec![
            column("contact_id", SqlType::Int, false),
            with("Name", nvarchar(220), false, text("")),
            with("registered", SqlType::DateTime, false, text("17600101 00:00:00")),
            with("business_idx", SqlType::Int, false, DefaultValue::Number("0".into())),
            column("amount", SqlType::Money, true),
            column("notes", SqlType::NVarChar(Length::Max), true),
        ],
    )
}

/// A table whose key is a text.
pub(in crate::store::sqlserver) fn text_key(units: u16) -> TableDef {
    let key = column("code", SqlType::NVarChar(Length::Limited(units)), false);
    table("by_text", vec![key, column("value", SqlType::Float, true)])
}

/// Names that try to break out, of the table and of every column.
pub(in crate::store::sqlserver) fn nasty_names() -> TableDef {
    let mut columns = vec![column("id", SqlType::Int, false)];
    columns.extend(NASTY.map(|name| column(name, SqlType::NVarChar(Length::Limited(50)), true)));
    table(NASTY[0], columns)
}

/// Every type a column can have.
pub(in crate::store::sqlserver) fn every_type() -> TableDef {
    use SqlType as T;
    let types = [
        T::Bit,
        T::TinyInt,
        T::SmallInt,
        T::Int,
        T::BigInt,
        T::Decimal { precision: 38, scale: 10 },
        T::Money,
        T::SmallMoney,
        T::Float,
        T::Real,
        T::Date,
        T::Time(3),
        T::SmallDateTime,
        T::DateTime,
        T::DateTime2(7),
        T::DateTimeOffset(0),
        T::Char(10),
        T::Char(8000),
        T::VarChar(Length::Limited(4000)),
        T::VarChar(Length::Max),
        T::NChar(10),
        T::NVarChar(Length::Limited(4000)),
        T::NVarChar(Length::Max),
        T::Text,
        T::NText,
        T::Binary(16),
        T::VarBinary(Length::Limited(8000)),
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
    let mut columns = vec![column("id", T::BigInt, false)];
    columns
        .extend(types.into_iter().enumerate().map(|(i, sql_type)| column(&format!("c{i} {sql_type}"), sql_type, true)));
    table("every_type", columns)
}

/// Every kind of default, with texts that try to break out.
pub(in crate::store::sqlserver) fn every_default() -> TableDef {
    let text = |text: &str| DefaultValue::Text(text.into());
    let number = |text: &str| DefaultValue::Number(text.into());
    let nvarchar = SqlType::NVarChar(Length::Limited(100));
    let defaults = vec![
        (SqlType::Int, number("-1")),
        (SqlType::Bit, number("1")),
        (SqlType::Decimal { precision: 38, scale: 38 }, number("0.12345678901234567890123456789012345678")),
        (SqlType::Money, number("-922337203685477.5808")),
        (SqlType::Float, number("0.1")),
        (SqlType::Real, number("1.5")),
        (SqlType::Date, text("1760-01-01")),
        (SqlType::Time(7), text("10:40:43.1234567")),
        (SqlType::SmallDateTime, text("2020-05-18 10:40")),
        (SqlType::DateTime, text("1760-01-01 00:00:00")),
        (SqlType::DateTime2(3), text("2020-05-18 10:40:43.123")),
        (SqlType::DateTimeOffset(0), text("2020-05-18 10:40:43 -05:30")),
        (nvarchar, text("")),
        (nvarchar, text("it's'; DROP TABLE x; --")),
        (nvarchar, text("日本語 🙂 ]\"")),
        (nvarchar, text("line\\\nline\u{1}")),
        (nvarchar, text("nul\0nul")),
        (SqlType::VarChar(Length::Limited(10)), text("æøå")),
        (SqlType::NText, text("x")),
        (SqlType::VarBinary(Length::Limited(4)), DefaultValue::Binary(vec![0, 1, 254, 255])),
        (SqlType::Image, DefaultValue::Binary(vec![])),
        (SqlType::UniqueIdentifier, text("6f9619ff-8b86-d011-b42d-00c04fc964ff")),
        (SqlType::UniqueIdentifier, DefaultValue::NewGuid),
        (SqlType::DateTime, DefaultValue::Now { utc: false }),
        (SqlType::DateTime2(7), DefaultValue::Now { utc: true }),
        (SqlType::DateTimeOffset(7), DefaultValue::Now { utc: false }),
        (SqlType::Int, DefaultValue::Null),
    ];
    let mut columns = vec![column("id", SqlType::Int, false)];
    let named = |(i, (sql_type, default)): (usize, (SqlType, DefaultValue))| {
        let nullable = default == DefaultValue::Null;
        with(&format!("c{i}"), sql_type, nullable, default)
    };
    columns.extend(defaults.into_iter().enumerate().map(named));
    table("every_default", columns)
}
