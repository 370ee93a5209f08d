//! Strategies shared by this room's property tests: every column type, and for each any value it can hold.

use proptest::prelude::*;

use super::columns::OwnedValue;
use super::datetime;
use super::sql_type::{Family, Length, SqlType};

fn length(most: u16) -> impl Strategy<Value = Length> {
    prop_oneof![4 => (1..=most).prop_map(Length::Limited), 1 => Just(Length::Max)]
}

/// Any column type, with any legal length.
pub(crate) fn any_type() -> impl Strategy<Value = SqlType> {
    let plain = proptest::sample::select(vec![
        SqlType::Bit,
        SqlType::TinyInt,
        SqlType::SmallInt,
        SqlType::Int,
        SqlType::BigInt,
        SqlType::Money,
        SqlType::SmallMoney,
        SqlType::Float,
        SqlType::Real,
        SqlType::Date,
        SqlType::SmallDateTime,
        SqlType::DateTime,
        SqlType::Text,
        SqlType::NText,
        SqlType::Image,
        SqlType::UniqueIdentifier,
        SqlType::Xml,
        SqlType::Json,
        SqlType::RowVersion,
        SqlType::SqlVariant,
        SqlType::HierarchyId,
        SqlType::Geometry,
        SqlType::Geography,
    ]);
    prop_oneof![
        6 => plain,
        1 => (1u8..=38).prop_flat_map(|precision| (Just(precision), 0..=precision))
            .prop_map(|(precision, scale)| SqlType::Decimal { precision, scale }),
        1 => (0u8..=7).prop_map(SqlType::Time),
        1 => (0u8..=7).prop_map(SqlType::DateTime2),
        1 => (0u8..=7).prop_map(SqlType::DateTimeOffset),
        1 => (1u16..=8000).prop_map(SqlType::Char),
        1 => length(8000).prop_map(SqlType::VarChar),
        1 => (1u16..=4000).prop_map(SqlType::NChar),
        1 => length(4000).prop_map(SqlType::NVarChar),
        1 => (1u16..=8000).prop_map(SqlType::Binary),
        1 => length(8000).prop_map(SqlType::VarBinary),
    ]
}

/// Any value the type can hold, other than NULL and, since the wire cannot tell it from NULL, an empty binary.
pub(crate) fn any_value(sql_type: SqlType) -> BoxedStrategy<OwnedValue> {
    match sql_type.family() {
        Family::Integer => {
            let (first, last) = sql_type.integer_range().expect("an integer type");
            prop_oneof![8 => first..=last, 1 => Just(first), 1 => Just(last)].prop_map(OwnedValue::Integer).boxed()
        }
        Family::Real if sql_type == SqlType::Real => any::<f32>()
            .prop_filter("a number", |number| number.is_finite())
            .prop_map(|number| OwnedValue::Real(f64::from(number)))
            .boxed(),
        Family::Real => {
            any::<f64>().prop_filter("a number", |number| number.is_finite()).prop_map(OwnedValue::Real).boxed()
        }
        Family::Decimal => {
            let (first, last) = sql_type.decimal_range().expect("a decimal type");
            let scale = sql_type.decimal_scale();
            prop_oneof![6 => first..=last, 2 => (-100i128..100).prop_map(move |n| n.clamp(first, last)), 1 => Just(first), 1 => Just(last)]
                .prop_map(move |unscaled| OwnedValue::Decimal { unscaled, scale })
                .boxed()
        }
        Family::Timestamp => {
            let (first, last) = datetime::range(sql_type);
            (first..=last).prop_map(move |ticks| OwnedValue::Timestamp(datetime::cut(ticks, sql_type))).boxed()
        }
        Family::Time => {
            (0..datetime::TICKS_PER_DAY).prop_map(move |ticks| OwnedValue::Time(datetime::cut(ticks, sql_type))).boxed()
        }
        Family::TimestampOffset => {
            (datetime::TICKS_PER_DAY..datetime::MAX_TICKS - datetime::TICKS_PER_DAY, -840i16..=840)
                .prop_map(move |(ticks, offset)| OwnedValue::TimestampOffset(datetime::cut(ticks, sql_type), offset))
                .boxed()
        }
        Family::Text => {
            let most = usize::from(sql_type.max_units().unwrap_or(100)).min(100);
            proptest::collection::vec(any::<char>(), 0..=most)
                .prop_map(move |chars| {
                    let mut units = 0;
                    let fits = |c: &char| {
                        units += c.len_utf16();
                        units <= most
                    };
                    OwnedValue::Text(chars.into_iter().take_while(fits).collect())
                })
                .boxed()
        }
        Family::Binary => {
            let most = usize::from(sql_type.max_bytes().unwrap_or(100)).min(100);
            let least = if sql_type == SqlType::RowVersion { most } else { 1 };
            proptest::collection::vec(any::<u8>(), least..=most).prop_map(OwnedValue::Binary).boxed()
        }
        Family::Guid => any::<[u8; 16]>().prop_map(OwnedValue::Guid).boxed(),
    }
}
