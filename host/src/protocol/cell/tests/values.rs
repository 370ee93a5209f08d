//! Which texts are values of which type, and which never are.

use super::*;

fn reads(sql_type: &str, text: &str, expected: &OwnedValue) {
    assert_eq!(cell(sql_type, Some(text)).as_ref(), Ok(expected), "{text:?} as {sql_type}");
}

fn refused(sql_type: &str, text: &str, reason: &str) {
    let canonical = sql_type.parse::<SqlType>().unwrap();
    let shown = crate::protocol::shown::shown(text);
    assert_eq!(cell(sql_type, Some(text)), Err(format!("{shown} does not fit {canonical}: {reason}")));
}

fn at(text: &str) -> OwnedValue {
    OwnedValue::Timestamp(crate::protocol::datetime::parse_iso(text, SqlType::DateTime2(7)).unwrap())
}

const WHOLE: &str = "it is not a whole number";
const RANGE: &str = "it is outside what the type can hold";
const UNKNOWN: &str = "its marker is none of I, S, F, M, D, DT, T and B";

#[test]
fn whole_numbers_are_read_with_any_number_marker_or_none() {
    for text in ["[I:123]", "[S:123]", "[F:123]", "[M:123]", "123", "0123"] {
        for sql_type in ["tinyint", "smallint", "int", "bigint"] {
            reads(sql_type, text, &OwnedValue::Integer(123));
        }
    }
    reads("bigint", "[I:-9223372036854775808]", &OwnedValue::Integer(i64::MIN));
    reads("bigint", "9223372036854775807", &OwnedValue::Integer(i64::MAX));
    reads("bigint", "-000000000000000000000000000000017", &OwnedValue::Integer(-17));
    reads("int", "-0", &OwnedValue::Integer(0));
}

#[test]
fn whole_numbers_are_never_guessed() {
    for text in [
        "[I:1e3]", "[F:1e3]", "[I: 5 ]", "[I:5 ]", " 5", "5 ", "[I:+5]", "-", "[I:-]", "--5", "0x10", "1,000",
        "[I:5]]", "[I:٣]", "five", "NULL", "[I]", "[I:5", "[", "[]",
    ] {
        refused("int", text, WHOLE);
    }
    for text in ["[F:5.5]", "[F:5.0]", "5.25", "-0.0", "12345678901234567890.5"] {
        refused("int", text, "it has digits after the point, and the type has none");
    }
    for text in ["[X:5]", "[i:5]", "[II:5]", "[:5]", "[G:5]", "[X:]", "[ I:5]", "[DTX:5]"] {
        refused("int", text, UNKNOWN);
    }
    for text in ["[D:05/18/2020]", "[DT:05/18/2020 10:40:43]", "[T:10:40]", "[B:AAAA]"] {
        refused("int", text, "its marker is not one for a whole number");
    }
}

#[test]
fn whole_numbers_stay_in_their_types_range() {
    for (sql_type, first, last) in [
        ("tinyint", "0", "255"),
        ("smallint", "-32768", "32767"),
        ("int", "-2147483648", "2147483647"),
        ("bigint", "-9223372036854775808", "9223372036854775807"),
    ] {
        reads(sql_type, first, &OwnedValue::Integer(first.parse().unwrap()));
        reads(sql_type, last, &OwnedValue::Integer(last.parse().unwrap()));
        refused(sql_type, &(last.parse::<i128>().unwrap() + 1).to_string(), RANGE);
        refused(sql_type, &(first.parse::<i128>().unwrap() - 1).to_string(), RANGE);
        refused(sql_type, &"9".repeat(40), RANGE);
    }
}

#[test]
fn a_bit_is_a_number_or_a_truth_value() {
    for (text, value) in [("[I:1]", 1), ("[I:0]", 0), ("1", 1), ("00", 0), ("true", 1), ("False", 0), ("[I:True]", 1)] {
        reads("bit", text, &OwnedValue::Integer(value));
    }
    refused("bit", "[I:2]", RANGE);
    refused("bit", "-1", RANGE);
    refused("bit", "yes", "it is not 0, 1, true or false");
}

#[test]
fn decimals_are_read_exactly_or_not_at_all() {
    let decimal = |unscaled, scale| OwnedValue::Decimal { unscaled, scale };
    for (sql_type, text, expected) in [
        ("decimal(9,2)", "[F:123.4]", decimal(12_340, 2)),
        ("decimal(9,2)", "[I:-5]", decimal(-500, 2)),
        ("decimal(9,2)", ".5", decimal(50, 2)),
        ("decimal(9,2)", "-0.00", decimal(0, 2)),
        ("decimal(38,0)", "99999999999999999999999999999999999999", decimal(10i128.pow(38) - 1, 0)),
        ("decimal(38,38)", "-0.00000000000000000000000000000000000001", decimal(-1, 38)),
        ("decimal(5,0)", "0000000000000000000000000000000000000000000000000012345", decimal(12_345, 0)),
        ("money", "[M:123.45]", decimal(1_234_500, 4)),
        ("money", "922337203685477.5807", decimal(i64::MAX.into(), 4)),
        ("money", "-922337203685477.5808", decimal(i64::MIN.into(), 4)),
        ("smallmoney", "[F:-214748.3648]", decimal(i32::MIN.into(), 4)),
    ] {
        reads(sql_type, text, &expected);
    }
    refused("decimal(9,2)", "[F:1.234]", "it has more than 2 digits after the point");
    refused("decimal(9,2)", "[F:1.230]", "it has more than 2 digits after the point");
    refused("decimal(9,0)", "[F:1.0]", "it has digits after the point, and the type has none");
    refused("decimal(3,2)", "10", RANGE);
    refused("decimal(38,0)", &"9".repeat(39), RANGE);
    refused("decimal(38,10)", &"9".repeat(4000), RANGE);
    refused("money", "922337203685477.5808", RANGE);
    refused("smallmoney", "214748.3648", RANGE);
    for text in ["[F:1E+20]", "1e3", "1.", "-", ".", "[M:$5]", "[M:1,5]", "inf", "NaN", " 1"] {
        refused("decimal(38,4)", text, "it is not a decimal number");
    }
}

#[test]
fn floats_take_what_dotnet_writes() {
    for (sql_type, text, expected) in [
        ("float", "[F:1E+20]", 1e20),
        ("float", "[F:1.5e-7]", 1.5e-7),
        ("float", "[F:123.4]", 123.4),
        ("float", "[I:-3]", -3.0),
        ("float", "0.1", 0.1),
        ("float", "1.7976931348623157E+308", f64::MAX),
        ("float", "5e-324", 5e-324),
        ("float", "1e-999", 0.0),
        ("float", "12345678", 12_345_678.0),
        ("real", "0.1", f64::from(0.1f32)),
        ("real", "[F:3.4028235E+38]", f64::from(f32::MAX)),
        ("real", "16777217", 16_777_216.0),
    ] {
        reads(sql_type, text, &OwnedValue::Real(expected));
    }
    refused("float", "1.8E+308", RANGE);
    refused("real", "3.5E+38", RANGE);
    for text in [
        "[I:1e3]", "[S:1e3]", "[M:1e3]", "NaN", "inf", "Infinity", "-∞", "1e", "1e+", "1e5.0", "0x1p3", "1_000", "+1",
        "[F:1 ]", "1.",
    ] {
        refused("float", text, "it is not a number");
    }
}

#[test]
fn dates_are_read_in_their_two_forms() {
    let moment = at("2020-05-18 10:40:43.1230000");
    for text in [
        "[DT:05/18/2020 10:40:43.1230000]",
        "[DT:05/18/2020 10:40:43.123]",
        "[DT:2020-05-18T10:40:43.123]",
        "2020-05-18 10:40:43.123",
        "2020-05-18T10:40:43.1239999",
    ] {
        reads("datetime", text, &moment);
    }
    for text in
        ["[D:05/18/2020]", "[D:2020-05-18]", "2020-05-18", "[DT:05/18/2020 00:00:00.0000000]", "2020-05-18T00:00"]
    {
        for sql_type in ["date", "datetime", "datetime2", "smalldatetime", "datetime2(0)"] {
            reads(sql_type, text, &at("2020-05-18 00:00:00"));
        }
    }
    reads("datetime", "[DT:01/01/1760 00:00:00.0000000]", &at("1760-01-01 00:00:00"));
    reads("datetime2", "[DT:12/31/9999 23:59:59.9999999]", &at("9999-12-31 23:59:59.9999999"));
    reads("datetime2", "0001-01-01", &at("0001-01-01 00:00:00"));
}

#[test]
fn fractions_beyond_the_types_precision_are_cut_off() {
    let text = "[DT:12/31/1999 23:59:59.9999999]";
    reads("datetime2(7)", text, &at("1999-12-31 23:59:59.9999999"));
    reads("datetime2(3)", text, &at("1999-12-31 23:59:59.9990000"));
    reads("datetime2(0)", text, &at("1999-12-31 23:59:59"));
    reads("datetime", text, &at("1999-12-31 23:59:59.9990000"));
    reads("smalldatetime", text, &at("1999-12-31 23:59:00"));
    reads("datetime2(7)", "1999-12-31 23:59:59.999999987654321", &at("1999-12-31 23:59:59.9999999"));
}

#[test]
fn dates_are_never_guessed() {
    for text in [
        "05/18/2020",
        "05/18/2020 10:40:43",
        "[DT:18/05/2020 10:40:43]",
        "[DT:5/18/2020 10:40:43]",
        "[DT:05/18/2020]",
        "[D:05/18/2020 00:00:00]",
        "[DT:02/30/2020 00:00:00]",
        "[DT:05/18/2020 24:00:00]",
        "[DT:05/18/2020 10:40:60]",
        "[DT:05/18/2020 10:40:43.]",
        "[DT:05/18/2020 10:40:43 ]",
        "[DT: 05/18/2020 10:40:43]",
        "[DT:05/18/2020  10:40:43]",
        "[DT:05/18/2020 10:40:43 PM]",
        "[DT:05/18/2020 10:40:43Z]",
        "20200518",
        "2020-5-18",
        "[DT:05/18/0000 10:40:43]",
        "now",
        "[DT:05-18-2020 10:40:43]",
        "2020-05-18 10",
        "[DT:05/18/2020 10:40:4]",
        "[DT:05/18/2020 10:40:43.12x]",
    ] {
        refused("datetime", text, "it is not a date and time");
    }
    refused("datetime", "[I:5]", "its marker is not one for a date and time");
    refused("datetime", "[T:10:40]", "its marker is not one for a date and time");
    refused("datetime", "[Dt:05/18/2020 10:40:43]", UNKNOWN);
    refused("date", "[DT:05/18/2020 00:00:01]", "it has a time of day other than midnight");
    refused("date", "2020-05-18 00:00:00.0000001", "it has a time of day other than midnight");
    refused("date", "soon", "it is not a date");
    refused("datetime", "1752-12-31", RANGE);
    refused("smalldatetime", "1899-12-31", RANGE);
    refused("smalldatetime", "2079-06-07", RANGE);
}

#[test]
fn times_of_day_are_read_and_nothing_else() {
    let time = |hours: i64, minutes: i64, ticks: i64| OwnedValue::Time((hours * 60 + minutes) * 600_000_000 + ticks);
    reads("time", "[T:14:52]", &time(14, 52, 0));
    reads("time", "14:52:10", &time(14, 52, 100_000_000));
    reads("time", "[T:14:52:10.1234567]", &time(14, 52, 101_234_567));
    reads("time(0)", "[T:23:59:59.9999999]", &time(23, 59, 590_000_000));
    for text in ["[T:24:00]", "[T:14]", "14:5", "[T:14:52:]", "[T:2:52 PM]", "[T:-01:00]", "[T: 14:52]", "14.52"] {
        refused("time", text, "it is not a time of day");
    }
    refused("time", "[DT:05/18/2020 14:52:00]", "its marker is not one for a time of day");
}

#[test]
fn offsets_are_kept() {
    let ticks = |text| crate::protocol::datetime::parse_iso(text, SqlType::DateTime2(7)).unwrap();
    let local = ticks("2020-05-18 10:40:43");
    for (text, offset) in [
        ("[DT:05/18/2020 10:40:43.0000000 +02:00]", 120),
        ("[DT:05/18/2020 10:40:43-05:30]", -330),
        ("2020-05-18T10:40:43Z", 0),
        ("2020-05-18 10:40:43", 0),
        ("[DT:05/18/2020 10:40:43.0000000]", 0),
        ("2020-05-18 10:40:43 +14:00", 840),
    ] {
        reads("datetimeoffset", text, &OwnedValue::TimestampOffset(local, offset));
    }
    refused("datetimeoffset", "2020-05-18 10:40:43 +14:01", RANGE);
    refused("datetimeoffset", "0001-01-01 00:00:00 +00:01", RANGE);
    refused("datetimeoffset", "2020-05-18 10:40:43 +0200", "it is not a date and time with an offset");
    refused("datetimeoffset", "2020-05-18 10:40:43  +02:00", "it is not a date and time with an offset");
}

#[test]
fn base64_is_strict() {
    reads("varbinary(max)", "[B:AP8=]", &OwnedValue::Binary(vec![0, 255]));
    reads("varbinary(max)", "AP8=", &OwnedValue::Binary(vec![0, 255]));
    for text in ["[B:AP8]", "[B:AP9=]", "[B:AP8= ]", "[B:A-8=]", "[B:AP8==]", "[B:A]", "[B:AP\n8=]", "0xFF!"] {
        refused("image", text, "it is not base64");
    }
    refused("varbinary(1)", "[B:AP8=]", "it is 2 bytes long");
    refused("rowversion", "[B:AP8=]", "it is 2 bytes long");
    reads("rowversion", "[B:AAAAAAAAB9E=]", &OwnedValue::Binary(vec![0, 0, 0, 0, 0, 0, 7, 0xd1]));
    refused("varbinary(9)", "[I:1234]", "its marker is not one for base64");
}

#[test]
fn uniqueidentifiers_are_read_in_any_case_and_with_braces() {
    let value = OwnedValue::Guid(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef_u128.to_be_bytes());
    for text in ["01234567-89ab-cdef-0123-456789abcdef", "{01234567-89AB-CDEF-0123-456789ABCDEF}"] {
        reads("uniqueidentifier", text, &value);
    }
    for text in [
        "0123456789abcdef0123456789abcdef",
        "{01234567-89ab-cdef-0123-456789abcdef",
        "01234567-89ab-cdef-0123-456789abcdeg",
        "0123456-789ab-cdef-0123-456789abcdef",
        "øøøøøøøøøøøøøøøøøø",
    ] {
        refused("uniqueidentifier", text, "it is not a uniqueidentifier");
    }
    refused("uniqueidentifier", "[G:01234567-89ab-cdef-0123-456789abcdef]", UNKNOWN);
    refused("uniqueidentifier", "[I:5]", "its marker is not one for a uniqueidentifier");
}

#[test]
fn character_columns_take_the_text_verbatim() {
    for text in ["[I:5] not a number", "[I:5]", "[X:]", "", "  \r\n\t", "\u{0}\u{b}\u{ffff}", "😀", "]]>", "{}"] {
        for sql_type in
            ["nvarchar(max)", "varchar(50)", "nchar(50)", "char(50)", "text", "ntext", "xml", "json", "sql_variant"]
        {
            reads(sql_type, text, &OwnedValue::Text(text.into()));
        }
    }
}

#[test]
fn a_text_is_as_long_as_its_utf16_units() {
    reads("nvarchar(4)", "øøøø", &OwnedValue::Text("øøøø".into()));
    reads("nvarchar(4)", "😀😀", &OwnedValue::Text("😀😀".into()));
    refused("nvarchar(4)", "abcde", "it is 5 characters long");
    refused("nvarchar(3)", "😀😀", "it is 4 characters long");
    refused("varchar(4)", "øøøøø", "it is 5 characters long");
    refused("char(1)", "ab", "it is 2 characters long");
}

#[test]
fn values_are_written_as_netserver_writes_them() {
    for (sql_type, text, expected) in [
        ("int", "123", "[I:123]"),
        ("bit", "true", "[I:1]"),
        ("smallint", "0", "[S:0]"),
        ("float", "123.4", "[F:123.4]"),
        ("float", "1e20", "[F:1E+20]"),
        ("float", "1.5e-7", "[F:1.5E-07]"),
        ("float", "-0", "[F:-0]"),
        ("float", "1e14", "[F:100000000000000]"),
        ("float", "0.00001", "[F:0.00001]"),
        ("real", "0.1", "[F:0.1]"),
        ("real", "3.4028235E38", "[F:3.4028235E+38]"),
        ("decimal(9,2)", "-0.5", "[F:-0.50]"),
        ("decimal(9,0)", "17", "[F:17]"),
        ("money", "123.45", "[M:123.4500]"),
        ("date", "2020-05-18", "[D:05/18/2020]"),
        ("datetime", "2020-05-18 10:40:43", "[DT:05/18/2020 10:40:43.0000000]"),
        ("datetimeoffset", "2020-05-18 10:40:43 -01:30", "[DT:05/18/2020 10:40:43.0000000 -01:30]"),
        ("time", "14:52", "[T:14:52]"),
        ("time", "14:52:01", "[T:14:52:01]"),
        ("time", "14:52:00.5", "[T:14:52:00.5000000]"),
        ("varbinary(9)", "AP8=", "[B:AP8=]"),
        ("uniqueidentifier", "{01234567-89AB-CDEF-0123-456789ABCDEF}", "01234567-89ab-cdef-0123-456789abcdef"),
        ("nvarchar(50)", "[I:5] not a number", "[I:5] not a number"),
    ] {
        let value = cell(sql_type, Some(text)).unwrap();
        assert_eq!(
            encode(value.as_value(), sql_type.parse().unwrap()).as_deref(),
            Some(expected),
            "{text} as {sql_type}"
        );
    }
    assert_eq!(encode(Value::Null, SqlType::Int), None);
    assert_eq!(encode(Value::Text(""), SqlType::NText).as_deref(), Some(""));
    assert_eq!(encode(Value::Binary(&[]), SqlType::Image).as_deref(), Some("[B:]"));
}
