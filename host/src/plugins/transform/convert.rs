//! Values cross into WIT types and back. Out: borrowed where they lie. Back: every value is checked against its
//! column, since what a plug-in returns is not to be believed.

use crate::plugins::bindings::exports::speil::mirror::transform::{ColumnValuesParam, ColumnValuesResult};
use crate::plugins::bindings::speil::mirror::types::ValueKind;
use crate::plugins::transform::violation::Violation;
use crate::protocol::columns::{Column, Fixed, Spans};
use crate::protocol::datetime;
use crate::protocol::sql_type::{Family, SqlType};
use crate::protocol::table_def::ColumnDef;

/// How a type's values cross (`types.wit`).
#[must_use]
pub const fn kind(sql_type: SqlType) -> ValueKind {
    match sql_type.family() {
        Family::Text | Family::Guid | Family::TimestampOffset => ValueKind::Text,
        Family::Integer => ValueKind::Integer,
        Family::Real => ValueKind::Real,
        Family::Decimal => ValueKind::Decimal,
        Family::Timestamp | Family::Time => ValueKind::Timestamp,
        Family::Binary => ValueKind::Binary,
    }
}

/// Texts that had to be made for a column whose values cross as text but do not lie about as text.
#[derive(Default)]
pub struct Texts {
    buffer: String,
    ends: Vec<Option<usize>>,
}

impl Texts {
    /// Makes them for the rows of a column; nothing for columns that need none.
    #[must_use]
    pub fn of(column: &Column, sql_type: SqlType, rows: &[usize]) -> Self {
        let mut texts = Self::default();
        for &row in rows {
            let text = match column {
                Column::Decimal(values) => values.get(row).map(|value| decimal_text(value, sql_type.decimal_scale())),
                Column::Guid(values) => values.get(row).map(guid_text),
                Column::TimestampOffset(values) => values.get(row).map(|(ticks, offset)| {
                    // ISO 8601 with its T, as types.wit promises.
                    datetime::format_iso_offset(ticks, offset, sql_type).replacen(' ', "T", 1)
                }),
                _ => return texts,
            };
            if let Some(text) = &text {
                texts.buffer.push_str(text);
            }
            texts.ends.push(text.map(|_| texts.buffer.len()));
        }
        texts
    }

    fn iter(&self) -> impl Iterator<Item = Option<&str>> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            end.map(|end| {
                let text = &self.buffer[start..end];
                start = end;
                text
            })
        })
    }
}

/// The rows of one column as they cross, borrowed.
pub enum Values<'a> {
    Text(Vec<Option<&'a str>>),
    Integer(Vec<Option<i64>>),
    Real(Vec<Option<f64>>),
    Decimal(Vec<Option<&'a str>>),
    Timestamp(Vec<Option<i64>>),
    Binary(Vec<Option<&'a [u8]>>),
}

impl<'a> Values<'a> {
    /// Those of these rows.
    #[must_use]
    pub fn of(column: &'a Column, texts: &'a Texts, rows: &[usize]) -> Self {
        let each = rows.iter();
        match column {
            Column::Integer(values) => Self::Integer(each.map(|&row| values.get(row)).collect()),
            Column::Real(values) => Self::Real(each.map(|&row| values.get(row)).collect()),
            Column::Decimal(_) => Self::Decimal(texts.iter().collect()),
            Column::Timestamp(values) | Column::Time(values) => {
                Self::Timestamp(each.map(|&row| values.get(row)).collect())
            }
            Column::TimestampOffset(_) | Column::Guid(_) => Self::Text(texts.iter().collect()),
            Column::Text(values) => Self::Text(values.get_strs(rows)),
            Column::Binary(values) => Self::Binary(each.map(|&row| values.get(row)).collect()),
        }
    }

    /// As wasmtime wants them.
    #[must_use]
    pub fn as_param(&'a self) -> ColumnValuesParam<'a> {
        match self {
            Self::Text(values) => ColumnValuesParam::Text(values),
            Self::Integer(values) => ColumnValuesParam::Integer(values),
            Self::Real(values) => ColumnValuesParam::Real(values),
            Self::Decimal(values) => ColumnValuesParam::Decimal(values),
            Self::Timestamp(values) => ColumnValuesParam::Timestamp(values),
            Self::Binary(values) => ColumnValuesParam::Binary(values),
        }
    }
}

/// Takes back what a plug-in returned for a column.
///
/// # Errors
/// What is wrong, with the column and, where it is one row's, the row (counted among the rows it got); never a value.
pub fn column(values: ColumnValuesResult, def: &ColumnDef, rows: usize) -> Result<Column, Violation> {
    let sql_type = def.sql_type;
    let (count, came) = shape(&values);
    let wanted = kind(sql_type);
    if came != wanted {
        return Err(Violation::of_column(
            &def.name,
            format!(
                "it returned {} values for the column `{}`, whose type {sql_type} takes {} values",
                word(came),
                def.name,
                word(wanted)
            ),
        ));
    }
    if count != rows {
        let text = format!("it returned {count} values for the column `{}`, and got {rows} rows", def.name);
        return Err(Violation::of_column(&def.name, text));
    }
    let at = |row: usize, what: &str| Violation::of_value(&def.name, row, what);
    if !def.nullable
        && let Some(row) = first_null(&values)
    {
        return Err(at(row, "NULL, which the column does not allow"));
    }
    Ok(match values {
        ColumnValuesResult::Text(values) => texts(&values, def, at)?,
        ColumnValuesResult::Integer(values) => {
            let (least, most) = sql_type.integer_range().unwrap_or((i64::MIN, i64::MAX));
            Column::Integer(fixed(values, |row, value| {
                if (least..=most).contains(&value) { Ok(value) } else { Err(at(row, &beyond(sql_type))) }
            })?)
        }
        ColumnValuesResult::Real(values) => Column::Real(fixed(values, |row, value| {
            #[expect(clippy::cast_possible_truncation, reason = "a `real` column holds no more")]
            let value = if sql_type == SqlType::Real { f64::from(value as f32) } else { value };
            if value.is_finite() { Ok(value) } else { Err(at(row, &beyond(sql_type))) }
        })?),
        ColumnValuesResult::Decimal(values) => {
            Column::Decimal(fixed(values, |row, text| decimal(&text, sql_type).map_err(|what| at(row, &what)))?)
        }
        ColumnValuesResult::Timestamp(values) => {
            let (first, last) = datetime::range(sql_type);
            let ticks = fixed(values, |row, ticks| {
                if (first..=last).contains(&ticks) {
                    Ok(datetime::cut(ticks, sql_type))
                } else {
                    Err(at(row, &beyond(sql_type)))
                }
            })?;
            if sql_type.family() == Family::Time { Column::Time(ticks) } else { Column::Timestamp(ticks) }
        }
        ColumnValuesResult::Binary(values) => {
            let most = sql_type.max_bytes().map_or(usize::MAX, usize::from);
            if let Some(row) = values.iter().position(|value| value.as_ref().is_some_and(|bytes| bytes.len() > most)) {
                return Err(at(row, &format!("longer than {sql_type} holds")));
            }
            Column::Binary(spans(values.iter().map(Option::as_deref), &def.name)?)
        }
    })
}

fn texts(
    values: &[Option<String>],
    def: &ColumnDef,
    at: impl Fn(usize, &str) -> Violation,
) -> Result<Column, Violation> {
    let sql_type = def.sql_type;
    let each = || values.iter().map(Option::as_deref);
    Ok(match sql_type.family() {
        Family::Guid => Column::Guid(fixed(each(), |row, text: &str| {
            guid(text).ok_or_else(|| at(row, "not a uniqueidentifier such as 6F9619FF-8B86-D011-B42D-00C04FC964FF"))
        })?),
        Family::TimestampOffset => Column::TimestampOffset(fixed(each(), |row, text: &str| {
            datetime::parse_iso_offset(&text.replacen('T', " ", 1), sql_type)
                .ok_or_else(|| at(row, "not a date, time and offset such as 2020-05-18T10:40:43.1234567+02:00"))
        })?),
        _ => {
            if let Some(most) = sql_type.max_units() {
                for (row, text) in each().enumerate() {
                    let Some(text) = text else { continue };
                    // UTF-8 has at least one byte for each UTF-16 unit: most texts need not be counted.
                    if text.len() > usize::from(most) && text.encode_utf16().count() > usize::from(most) {
                        return Err(at(row, &format!("longer than {sql_type} holds")));
                    }
                }
            }
            Column::Text(spans(each().map(|text| text.map(str::as_bytes)), &def.name)?)
        }
    })
}

fn fixed<V, T: Copy + Default>(
    values: impl IntoIterator<Item = Option<V>>,
    mut check: impl FnMut(usize, V) -> Result<T, Violation>,
) -> Result<Fixed<T>, Violation> {
    let values = values.into_iter();
    let mut column = Fixed::with_capacity(values.size_hint().0);
    for (row, value) in values.enumerate() {
        column.push(value.map(|value| check(row, value)).transpose()?);
    }
    Ok(column)
}

/// A column of bytes; refuses what its spans could not address.
fn spans<'a>(values: impl Iterator<Item = Option<&'a [u8]>> + Clone, name: &str) -> Result<Spans, Violation> {
    let total: usize = values.clone().map(|value| value.map_or(0, <[u8]>::len)).sum();
    if u32::try_from(total).is_err() {
        let text = format!("it returned more than 4 GiB for the column `{name}`");
        return Err(Violation::of_column(name, text));
    }
    Ok(Spans::from_values(values))
}

fn shape(values: &ColumnValuesResult) -> (usize, ValueKind) {
    match values {
        ColumnValuesResult::Text(values) => (values.len(), ValueKind::Text),
        ColumnValuesResult::Integer(values) => (values.len(), ValueKind::Integer),
        ColumnValuesResult::Real(values) => (values.len(), ValueKind::Real),
        ColumnValuesResult::Decimal(values) => (values.len(), ValueKind::Decimal),
        ColumnValuesResult::Timestamp(values) => (values.len(), ValueKind::Timestamp),
        ColumnValuesResult::Binary(values) => (values.len(), ValueKind::Binary),
    }
}

fn first_null(values: &ColumnValuesResult) -> Option<usize> {
    match values {
        ColumnValuesResult::Text(values) | ColumnValuesResult::Decimal(values) => {
            values.iter().position(Option::is_none)
        }
        ColumnValuesResult::Integer(values) | ColumnValuesResult::Timestamp(values) => {
            values.iter().position(Option::is_none)
        }
        ColumnValuesResult::Real(values) => values.iter().position(Option::is_none),
        ColumnValuesResult::Binary(values) => values.iter().position(Option::is_none),
    }
}

const fn word(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Text => "text",
        ValueKind::Integer => "integer",
        ValueKind::Real => "real",
        ValueKind::Decimal => "decimal",
        ValueKind::Timestamp => "timestamp",
        ValueKind::Binary => "binary",
    }
}

fn beyond(sql_type: SqlType) -> String {
    format!("outside what {sql_type} holds")
}

/// `-12.3400`.
#[must_use]
pub fn decimal_text(unscaled: i128, scale: u8) -> String {
    let sign = if unscaled < 0 { "-" } else { "" };
    let digits = unscaled.unsigned_abs().to_string();
    let scale = usize::from(scale);
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let digits = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

/// Reads a decimal without rounding: digits beyond the scale must be zeros.
fn decimal(text: &str, sql_type: SqlType) -> Result<i128, String> {
    let wrong = || "not a decimal number such as -12.3400".to_string();
    let scale = usize::from(sql_type.decimal_scale());
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || digits.ends_with('.') {
        return Err(wrong());
    }
    let significant = fraction.trim_end_matches('0');
    if significant.len() > scale {
        return Err(format!("more decimals than {sql_type} holds"));
    }
    let mut unscaled = 0i128;
    for digit in whole.bytes().chain(significant.bytes()).chain(std::iter::repeat_n(b'0', scale - significant.len())) {
        unscaled = unscaled
            .checked_mul(10)
            .and_then(|value| value.checked_add(i128::from(digit - b'0')))
            .ok_or_else(|| beyond(sql_type))?;
    }
    let unscaled = if negative { -unscaled } else { unscaled };
    let (least, most) = sql_type.decimal_range().unwrap_or((i128::MIN, i128::MAX));
    if (least..=most).contains(&unscaled) { Ok(unscaled) } else { Err(beyond(sql_type)) }
}

/// `6F9619FF-8B86-D011-B42D-00C04FC964FF`, as SQL Server shows it.
fn guid_text(bytes: [u8; 16]) -> String {
    let hex = format!("{:032X}", u128::from_be_bytes(bytes));
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

fn guid(text: &str) -> Option<[u8; 16]> {
    let well_formed = text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        });
    if !well_formed {
        return None;
    }
    let hex = text.replace('-', "");
    let mut bytes = [0; 16];
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(&hex[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: SqlType = SqlType::Decimal { precision: 10, scale: 4 };

    #[test]
    fn decimals_cross_as_text_and_back_unchanged() {
        for (unscaled, text) in [(0, "0.0000"), (-123_400, "-12.3400"), (5, "0.0005"), (9_999_999_999, "999999.9999")] {
            assert_eq!(decimal_text(unscaled, 4), text);
            assert_eq!(decimal(text, D), Ok(unscaled));
        }
        assert_eq!(decimal_text(-7, 0), "-7");
        assert_eq!(decimal("12", D), Ok(120_000));
        assert_eq!(decimal("1.50000", D), Ok(15_000));
        for wrong in ["", "-", ".5", "5.", "1e3", "+1", " 1", "1,5", "--1", "1.2.3"] {
            assert_eq!(decimal(wrong, D), Err("not a decimal number such as -12.3400".into()), "{wrong:?}");
        }
        assert_eq!(decimal("1.00001", D), Err("more decimals than decimal(10,4) holds".into()));
        assert_eq!(decimal("1000000", D), Err("outside what decimal(10,4) holds".into()));
        assert_eq!(decimal(&"9".repeat(80), D), Err("outside what decimal(10,4) holds".into()));
    }

    #[test]
    fn guids_cross_as_text_and_back_unchanged() {
        let text = "6F9619FF-8B86-D011-B42D-00C04FC964FF";
        assert_eq!(guid_text(guid(text).unwrap()), text);
        assert_eq!(guid(&text.to_lowercase()), guid(text));
        for wrong in ["", "6F9619FF8B86D011B42D00C04FC964FF", "6F9619FF-8B86-D011-B42D-00C04FC964Fø", "{6F9619FF}"] {
            assert_eq!(guid(wrong), None);
        }
    }

    fn refused(values: ColumnValuesResult, sql_type: SqlType) -> String {
        let def = ColumnDef { name: "c".into(), sql_type, nullable: true, default: None };
        let violation = column(values, &def, 1).expect_err("must be refused");
        assert_eq!(violation.column.as_deref(), Some("c"));
        let row = violation.row.map(|row| format!("row {row}: ")).unwrap_or_default();
        format!("{row}{}", violation.text)
    }

    #[test]
    fn every_value_is_checked_against_its_column() {
        use ColumnValuesResult as V;
        let text = |text: &str| V::Text(vec![Some(text.into())]);
        let refusals = [
            refused(text("1"), SqlType::Int),
            refused(V::Integer(vec![]), SqlType::Int),
            refused(V::Integer(vec![Some(2)]), SqlType::Bit),
            refused(V::Integer(vec![Some(1 << 31)]), SqlType::Int),
            refused(V::Real(vec![Some(f64::NAN)]), SqlType::Float),
            refused(V::Real(vec![Some(1e300)]), SqlType::Real),
            refused(V::Timestamp(vec![Some(-1)]), SqlType::DateTime2(7)),
            refused(V::Timestamp(vec![Some(864_000_000_000)]), SqlType::Time(7)),
            refused(text("ååå"), SqlType::NChar(2)),
            refused(text("x"), SqlType::UniqueIdentifier),
            refused(text("2020-05-18"), SqlType::DateTimeOffset(7)),
            refused(V::Binary(vec![Some(vec![0; 3])]), SqlType::Binary(2)),
            refused(V::Decimal(vec![Some("x".into())]), SqlType::Money),
        ];
        insta::assert_snapshot!(refusals.join("\n"), @r#"
        it returned text values for the column `c`, whose type int takes integer values
        it returned 0 values for the column `c`, and got 1 rows
        row 0: its value for the column `c`: outside what bit holds
        row 0: its value for the column `c`: outside what int holds
        row 0: its value for the column `c`: outside what float holds
        row 0: its value for the column `c`: outside what real holds
        row 0: its value for the column `c`: outside what datetime2(7) holds
        row 0: its value for the column `c`: outside what time(7) holds
        row 0: its value for the column `c`: longer than nchar(2) holds
        row 0: its value for the column `c`: not a uniqueidentifier such as 6F9619FF-8B86-D011-B42D-00C04FC964FF
        row 0: its value for the column `c`: not a date, time and offset such as 2020-05-18T10:40:43.1234567+02:00
        row 0: its value for the column `c`: longer than binary(2) holds
        row 0: its value for the column `c`: not a decimal number such as -12.3400
        "#);
    }

    #[test]
    fn null_is_refused_where_the_column_does_not_allow_it() {
        let def = ColumnDef { name: "c".into(), sql_type: SqlType::Int, nullable: false, default: None };
        let error = column(ColumnValuesResult::Integer(vec![Some(1), None]), &def, 2).unwrap_err();
        assert_eq!(error.text, "its value for the column `c`: NULL, which the column does not allow");
        assert_eq!((error.row, error.column.as_deref()), (Some(1), Some("c")));
    }

    #[test]
    fn sixteen_bit_units_count_and_not_bytes() {
        let def = ColumnDef { name: "c".into(), sql_type: SqlType::NChar(2), nullable: true, default: None };
        for fits in ["åå", "😀", ""] {
            assert!(column(ColumnValuesResult::Text(vec![Some(fits.into())]), &def, 1).is_ok(), "{fits}");
        }
    }
}
