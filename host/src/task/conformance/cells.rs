//! RowData: what a cell may say and what it may not (protocol.md sections 2 and 7). Nothing is rounded or guessed.

use super::evidence::{Evidence, Got, Outcome, Want};
use super::probe::Probe;
use super::story::{Story, table};
use super::{Check, check};
use crate::protocol::messages::RowOp::Insert;

pub(super) const ALL: &[Check] = &[
    check!("cells/error-named", "section 7", "an error names table, row, column and text", error_named),
    check!("cells/too-few", "section 7", "an insert with too few cells is refused", too_few),
    check!("cells/too-many", "section 7", "an insert with too many cells is refused", too_many),
    check!("cells/null-in-not-null", "section 7", "a nil in a NOT NULL column is refused", null_in_not_null),
    check!("cells/empty-number", "section 7", "an empty cell, or an empty [I:], is NULL for a number", empty_number),
    check!("cells/text-verbatim", "section 7", "a character column takes any text as it is", text_verbatim),
    check!("cells/text-too-long", "section 7", "a text longer than its column is refused", text_too_long),
    check!("cells/integers", "section 7", "integers, marked and unmarked, to both ends of their range", integers),
    check!("cells/bad-integers", "section 7", "what is no integer of the column's range is refused", bad_integers),
    check!("cells/decimals", "section 7", "floats, decimals and money", decimals),
    check!("cells/bad-decimals", "section 7", "too many digits, signs and words are refused", bad_decimals),
    check!("cells/dates", "section 7", "dates and times, marked and unmarked, and the null date", dates),
    check!("cells/bad-dates", "section 7", "days that are none and times out of range are refused", bad_dates),
    check!("cells/binary", "section 7", "binary values in base64", binary),
    check!("cells/bad-binary", "section 7", "base64 is strict", bad_binary),
    check!("cells/guids", "section 5", "unique identifiers", guids),
    check!("cells/key-null", "section 7", "a row without a key is refused", key_null),
    check!("cells/operation", "section 7", "an operation that is not I, U or D is not taken", operation),
];

/// A table with one column of a type beside its key.
fn story_of(probe: &Probe, name: &str, sql_type: &str) -> Story {
    Story::of(probe, table(&probe.table(name), &[("id", "int", false), ("x", sql_type, true)]))
}

/// Sends every text to a table with a column of this type, one call each: each must be taken, or each refused.
async fn each(probe: &Probe, want: Want, cases: &[(&str, &[&str])]) -> Outcome {
    let mut tried = 0;
    for (at, (sql_type, texts)) in cases.iter().enumerate() {
        let mut story = story_of(probe, &format!("c{at}"), sql_type);
        story.expect_lsn(-1).await?;
        for text in *texts {
            let batch = story.batch(0, &[(Insert, &[Some("[I:1]"), Some(text)])]);
            let got = story.send(&[batch]).await;
            if !got.is(want) {
                let sent = format!("a row with {text:?} for a column {sql_type}");
                return Err(Evidence::new(sent, want.describe(), got.describe()));
            }
            tried += 1;
        }
    }
    Ok(Evidence::new(format!("{tried} texts for {} types", cases.len()), want.describe(), "the same for each"))
}

async fn error_named(probe: &Probe) -> Outcome {
    let mut story = Story::new(probe);
    story.fill(17).await?;
    let batch = story.batch(
        18,
        &[
            (Insert, &[Some("[I:2]"), Some("good"), Some("[I:2]")]),
            (Insert, &[Some("[I:3]"), Some("bad"), Some("[I:twelve]")]),
        ],
    );
    let got = story.send(&[batch]).await;
    let table = story.table.table_name.clone();
    let expected = format!("a refusal whose ErrorMessage names {table}, row 2, column number and the text twelve");
    let named = matches!(&got, Got::Refused(message)
        if message.contains(&table) && message.contains('2') && message.contains("number") && message.contains("twelve"));
    story.evidence(expected, got.describe()).when(named)?;
    story.expect_lsn(17).await
}

async fn refused_row(probe: &Probe, cells: &[Option<&str>]) -> Outcome {
    let mut story = Story::new(probe);
    story.table.columns[2].is_nullable = false;
    story.expect_lsn(-1).await?;
    story.expect_rows(Want::Refused, 5, &[(Insert, cells)]).await?;
    story.expect_lsn(-1).await
}

async fn too_few(probe: &Probe) -> Outcome {
    refused_row(probe, &[Some("[I:1]"), Some("x")]).await
}

async fn too_many(probe: &Probe) -> Outcome {
    refused_row(probe, &[Some("[I:1]"), Some("x"), Some("[I:1]"), Some("[I:1]")]).await
}

async fn null_in_not_null(probe: &Probe) -> Outcome {
    refused_row(probe, &[Some("[I:1]"), Some("x"), None]).await
}

async fn key_null(probe: &Probe) -> Outcome {
    refused_row(probe, &[None, Some("x"), Some("[I:1]")]).await
}

async fn empty_number(probe: &Probe) -> Outcome {
    each(probe, Want::Success, &[("int", &["", "[I:]"]), ("datetime", &["", "[DT:]"]), ("varbinary(5)", &["", "[B:]"])])
        .await
}

async fn text_verbatim(probe: &Probe) -> Outcome {
    let texts: &[&str] = &[
        "",
        " ",
        "[I:5] not a number",
        "[I:5]",
        "[B:]",
        "a\r\nb",
        "\u{b}\u{1}\u{0}",
        "\u{fffe}",
        "]]>&<",
        "👍 æøå",
        "  x  ",
    ];
    each(probe, Want::Success, &[("nvarchar(100)", texts), ("nvarchar(max)", texts), ("ntext", texts)]).await
}

async fn text_too_long(probe: &Probe) -> Outcome {
    each(probe, Want::Refused, &[("nvarchar(3)", &["four", "👍👍"]), ("nchar(2)", &["abc"])]).await
}

async fn integers(probe: &Probe) -> Outcome {
    each(
        probe,
        Want::Success,
        &[
            ("int", &["[I:0]", "[I:-2147483648]", "[I:2147483647]", "17", "[S:5]"]),
            ("smallint", &["[S:-32768]", "[S:32767]", "[I:4]"]),
            ("tinyint", &["[I:0]", "[I:255]"]),
            ("bigint", &["[I:-9223372036854775808]", "[I:9223372036854775807]"]),
            ("bit", &["[I:0]", "[I:1]"]),
        ],
    )
    .await
}

async fn bad_integers(probe: &Probe) -> Outcome {
    each(
        probe,
        Want::Refused,
        &[
            (
                "int",
                &["[I:1e3]", "[I: 5 ]", "[I:2147483648]", "[I:1.0]", "[I:five]", "[Q:5]", "[I:5", "0x10", "[I:1,000]"],
            ),
            ("smallint", &["[S:32768]"]),
            ("tinyint", &["[I:-1]", "[I:256]"]),
            ("bigint", &["[I:9223372036854775808]"]),
        ],
    )
    .await
}

async fn decimals(probe: &Probe) -> Outcome {
    each(
        probe,
        Want::Success,
        &[
            ("float", &["[F:123.4]", "[F:-0.5]", "[F:1E+15]", "0.25", "[F:0]"]),
            ("real", &["[F:1.5]"]),
            ("decimal(10,2)", &["[F:123.4]", "[F:-99999999.99]", "[F:5]"]),
            ("money", &["[M:123.45]", "[M:-922337203685477.5808]", "[M:922337203685477.5807]"]),
            ("smallmoney", &["[M:-214748.3648]"]),
        ],
    )
    .await
}

async fn bad_decimals(probe: &Probe) -> Outcome {
    each(
        probe,
        Want::Refused,
        &[
            ("float", &["[F:abc]", "[F:1,5]", "[F:1e999]"]),
            ("decimal(5,2)", &["[F:1.234]", "[F:1000]", "[F:]x"]),
            ("money", &["[M:1.23456]", "[M:922337203685477.5808]", "[M:$5]"]),
        ],
    )
    .await
}

async fn dates(probe: &Probe) -> Outcome {
    each(
        probe,
        Want::Success,
        &[
            (
                "datetime",
                &[
                    "[DT:05/18/2020 10:40:43.0000000]",
                    "[DT:01/01/1760 00:00:00.0000000]",
                    "2020-05-18 10:40:43",
                    "[DT:12/31/9999 23:59:59.9970000]",
                ],
            ),
            ("date", &["[D:05/18/2020]", "[D:01/01/0001]", "2020-05-18"]),
            ("time(7)", &["[T:14:52]", "[T:23:59:59.9999999]"]),
            ("datetime2(7)", &["[DT:01/01/0001 00:00:00.0000000]"]),
            ("smalldatetime", &["[DT:05/18/2020 10:40:00]"]),
        ],
    )
    .await
}

async fn bad_dates(probe: &Probe) -> Outcome {
    each(
        probe,
        Want::Refused,
        &[
            (
                "datetime",
                &["[DT:02/30/2020 00:00:00]", "[DT:05/18/2020 24:00:00]", "[DT:18/05/2020 10:00:00]", "[DT:soon]"],
            ),
            ("date", &["[D:02/29/2019]", "[D:00/01/2019]"]),
            ("time(7)", &["[T:24:00]", "[T:10:60]"]),
        ],
    )
    .await
}

async fn binary(probe: &Probe) -> Outcome {
    each(probe, Want::Success, &[("varbinary(max)", &["[B:AAEC/w==]", "[B:AA==]"]), ("binary(3)", &["[B:AAEC]"])]).await
}

async fn bad_binary(probe: &Probe) -> Outcome {
    each(
        probe,
        Want::Refused,
        &[
            ("varbinary(max)", &["[B:AAEC/w]", "[B:A A==]", "[B:AAEC_w==]", "[B:AB==]"]),
            ("varbinary(2)", &["[B:AAEC]"]),
        ],
    )
    .await
}

async fn guids(probe: &Probe) -> Outcome {
    each(
        probe,
        Want::Success,
        &[("uniqueidentifier", &["6F9619FF-8B86-D011-B42D-00C04FC964FF", "6f9619ff-8b86-d011-b42d-00c04fc964ff"])],
    )
    .await?;
    each(probe, Want::Refused, &[("uniqueidentifier", &["6F9619FF-8B86-D011-B42D", "not a guid"])]).await
}

async fn operation(probe: &Probe) -> Outcome {
    use super::probe::{envelope, header};
    use crate::protocol::names::{NS_ARRAYS, NS_DATA, NS_MIRRORING, Operation};
    let mut story = story_of(probe, "op", "int");
    story.expect_lsn(-1).await?;
    let request = format!(
        "<RowDataRequest xmlns=\"{NS_MIRRORING}\" xmlns:a=\"{NS_DATA}\" xmlns:b=\"{NS_ARRAYS}\"><DataBatches><a:RowDataBatch><a:Data>\
         <a:RowData><a:ColumnValues><b:string>[I:1]</b:string><b:string/></a:ColumnValues><a:Operation>X</a:Operation></a:RowData>\
         </a:Data><a:LSN>5</a:LSN><a:TableInfo><a:Columns><a:ColumnInfo><a:DefaultValue/><a:IsNullable>false</a:IsNullable>\
         <a:Name>id</a:Name><a:Type>int</a:Type></a:ColumnInfo><a:ColumnInfo><a:DefaultValue/><a:IsNullable>true</a:IsNullable>\
         <a:Name>x</a:Name><a:Type>int</a:Type></a:ColumnInfo></a:Columns><a:TableName>{}</a:TableName></a:TableInfo>\
         </a:RowDataBatch></DataBatches></RowDataRequest>",
        story.table.table_name
    );
    let call = probe.request(Operation::RowData, envelope(&header(&probe.good()?), &request));
    Want::NotDone.outcome("RowData with Operation X", &probe.send(Operation::RowData, &call).await)?;
    story.expect_lsn(-1).await
}
