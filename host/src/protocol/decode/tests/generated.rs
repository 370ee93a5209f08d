//! Whole RowData messages as no sender would write them: made up together with what they mean, from rows whose spelling changes
//! in the middle, so that what the short way has learnt is used, left and used again. However they are read, and wherever they
//! are cut, that is what was said.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::protocol::messages::ColumnInfo;

/// A cell's text, as it is written and what that means.
#[derive(Debug, Clone, Default)]
struct Text {
    written: String,
    meant: String,
}

/// A cell. The numbers choose a spelling.
#[derive(Debug, Clone)]
enum Cell {
    Nil(usize),
    Empty(usize),
    Text(Text),
}

/// What the names of cells mean, and where that is said.
#[derive(Debug, Clone, Copy)]
enum Naming {
    /// By a prefix of the envelope's.
    Envelope,
    /// By a prefix of `ColumnValues`, which may have had another meaning further out.
    Values(&'static str),
    /// Each cell by itself, without a prefix.
    EachPlain,
    /// Each cell by itself, with a prefix of its own.
    EachPrefixed,
}

/// How some rows in succession are written.
#[derive(Debug, Clone, Copy)]
struct Style {
    naming: Naming,
    /// Whether `RowData` declares what its own name means.
    own_row: bool,
    /// Between elements.
    gap: &'static str,
    operation_first: bool,
    operations: [&'static str; 3],
}

type Cells = Vec<Cell>;

#[derive(Debug, Clone)]
struct Stretch {
    style: Style,
    rows: Vec<(usize, Cells)>,
}

#[derive(Debug, Clone)]
struct Made {
    stretches: Vec<Stretch>,
    lsn: i64,
    table: String,
    rows_last: bool,
}

/// References, and what they mean: those of the short way, others, and those that XML forbids and .NET writes.
const REFERENCES: [(&str, &str); 16] = [
    ("&amp;", "&"),
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", "\""),
    ("&apos;", "'"),
    ("&#xD;", "\r"),
    ("&#xd;\n", "\r\n"),
    ("&#13;", "\r"),
    ("&#65;", "A"),
    ("&#x1F600;", "😀"),
    ("&#x0;", "\0"),
    ("&#x1;", "\u{1}"),
    ("&#xB;", "\u{B}"),
    ("&#xFFFE;", "\u{FFFE}"),
    ("]]&gt;", "]]>"),
    ("a\r\nb", "a\nb"),
];

fn same(text: String) -> Text {
    Text { written: text.clone(), meant: text }
}

/// A text without markup.
fn plain() -> impl Strategy<Value = Text> {
    prop_oneof![
        3 => "[ -%'-;=?-\\[^-~]{0,24}".prop_map(same),
        1 => "[ \t\n]{1,4}".prop_map(same),
        2 => "[a-z æøåÆØÅé日本語😀🙂\u{85}\u{FEFF}\u{FFFD}\u{E000}]{1,20}".prop_map(same),
        1 => "\\[(I|F|M|D):[0-9]{1,9}\\]".prop_map(same),
    ]
}

/// A piece of a text, of any kind.
fn piece() -> impl Strategy<Value = Text> {
    prop_oneof![
        3 => plain(),
        2 => "[a-z>]{1,9}".prop_map(same),
        4 => select(&REFERENCES[..]).prop_map(|(written, meant)| Text { written: written.into(), meant: meant.into() }),
        1 => "[ a-z<&\"'\n\\]æ😀]{0,12}".prop_map(|meant| Text { written: format!("<![CDATA[{meant}]]>"), meant }),
        1 => "[ a-z<>&\n]{0,9}".prop_map(|said| Text { written: format!("<!--{said}-->"), meant: String::new() }),
    ]
}

fn joined(pieces: Vec<Text>) -> Text {
    pieces.into_iter().fold(Text::default(), |text, piece| Text {
        written: text.written + &piece.written,
        meant: text.meant + &piece.meant,
    })
}

fn cell() -> impl Strategy<Value = Cell> {
    prop_oneof![
        12 => plain().prop_map(Cell::Text),
        3 => (0..5_usize).prop_map(Cell::Nil),
        3 => (0..4_usize).prop_map(Cell::Empty),
        5 => prop::collection::vec(piece(), 1..6).prop_map(|pieces| Cell::Text(joined(pieces))),
        1 => (piece(), 1..400_usize).prop_map(|(piece, times)| Cell::Text(Text {
            written: piece.written.repeat(times),
            meant: piece.meant.repeat(times),
        })),
    ]
}

fn style() -> impl Strategy<Value = Style> {
    let naming = select(vec![
        Naming::Envelope,
        Naming::Envelope,
        Naming::Values("c"),
        Naming::Values("c"),
        Naming::Values("a"),
        Naming::Values("d4p1"),
        Naming::EachPlain,
        Naming::EachPrefixed,
    ]);
    let gap = select(vec!["", "", "", " ", "\n\t", "\r\n  ", "<!-- a comment -->"]);
    let operations = select(vec![["I", "U", "D"], ["I", "U", "D"], [" I\n", "<![CDATA[U]]>", "&#68;"]]);
    (naming, any::<bool>(), gap, prop::bool::weighted(0.2), operations).prop_map(
        |(naming, own_row, gap, operation_first, operations)| Style {
            naming,
            own_row,
            gap,
            operation_first,
            operations,
        },
    )
}

fn stretch() -> impl Strategy<Value = Stretch> {
    let cells = prop::collection::vec(cell(), 0..7);
    (style(), prop::collection::vec((0..3_usize, cells), 0..15)).prop_map(|(style, rows)| Stretch { style, rows })
}

/// Up to four batches of up to sixty rows.
fn message() -> impl Strategy<Value = Vec<Made>> {
    let made = (prop::collection::vec(stretch(), 0..5), any::<i64>(), "[a-z]{1,9}", any::<bool>())
        .prop_map(|(stretches, lsn, table, rows_last)| Made { stretches, lsn, table, rows_last });
    prop::collection::vec(made, 1..5)
}

impl Style {
    /// A name of a row's own: `d:Operation`.
    const fn data(self) -> &'static str {
        if self.own_row { "e" } else { "d" }
    }

    fn row(self, number: usize, operation: usize, cells: &[Cell]) -> String {
        let (d, gap) = (self.data(), self.gap);
        let declares = if self.own_row { format!(" xmlns:e=\"{NS_DATA}\"") } else { String::new() };
        let values = match self.naming {
            Naming::Values(prefix) => format!(" xmlns:{prefix}='{NS_ARRAYS}'"),
            Naming::Envelope | Naming::EachPlain | Naming::EachPrefixed => String::new(),
        };
        let mut written = String::new();
        for (at, cell) in cells.iter().enumerate() {
            written.push_str(&self.cell(number * 10 + at, cell));
            written.push_str(gap);
        }
        let values = format!("<{d}:ColumnValues{values}>{gap}{written}</{d}:ColumnValues>");
        let operation = format!("<{d}:Operation>{}</{d}:Operation>", self.operations[operation]);
        let (first, second) = if self.operation_first { (&operation, &values) } else { (&values, &operation) };
        format!("<{d}:RowData{declares}>{gap}{first}{gap}{second}{gap}</{d}:RowData>{gap}")
    }

    fn cell(self, number: usize, cell: &Cell) -> String {
        let (name, declares) = match self.naming {
            Naming::Envelope => ("a:string".to_owned(), String::new()),
            Naming::Values(prefix) => (format!("{prefix}:string"), String::new()),
            Naming::EachPlain => ("string".to_owned(), format!(" xmlns=\"{NS_ARRAYS}\"")),
            Naming::EachPrefixed => (format!("q{number}:string"), format!(" xmlns:q{number}=\"{NS_ARRAYS}\"")),
        };
        match cell {
            Cell::Text(text) => format!("<{name}{declares}>{}</{name}>", text.written),
            Cell::Empty(0) => format!("<{name}{declares}></{name}>"),
            Cell::Empty(1) => format!("<{name}{declares} />"),
            Cell::Empty(2) => format!("<{name}{declares} i:nil=\"false\"></{name} >"),
            Cell::Empty(_) => format!("<{name}{declares}/>"),
            Cell::Nil(0) => format!("<{name}{declares} i:nil=\"true\"></{name}>"),
            Cell::Nil(1) => format!("<{name}{declares} i:nil='1' />"),
            Cell::Nil(2) => format!("<{name}{declares} x:nil='true' xmlns:x='{NS_XSI}'/>"),
            Cell::Nil(_) => format!("<{name}{declares} i:nil=\"true\"/>"),
        }
    }
}

impl Made {
    fn written(&self) -> String {
        let mut rows = String::new();
        for stretch in &self.stretches {
            for (number, (operation, cells)) in stretch.rows.iter().enumerate() {
                rows.push_str(&stretch.style.row(number, *operation, cells));
            }
        }
        let rows = format!("<d:Data>{rows}</d:Data>");
        let rest = format!(
            "<d:LSN>{}</d:LSN><d:TableInfo><d:Columns><d:ColumnInfo><d:Name>id</d:Name><d:Type>int</d:Type></d:ColumnInfo>\
             </d:Columns><d:TableName>{}</d:TableName></d:TableInfo>",
            self.lsn, self.table
        );
        let (first, second) = if self.rows_last { (rest, rows) } else { (rows, rest) };
        format!("<d:RowDataBatch>{first}{second}</d:RowDataBatch>")
    }

    fn meant(&self) -> Told {
        let row = |(operation, cells): &(usize, Cells)| {
            let cells = cells.iter().map(|cell| match cell {
                Cell::Nil(_) => None,
                Cell::Empty(_) => Some(String::new()),
                Cell::Text(text) => Some(text.meant.clone()),
            });
            ([RowOp::Insert, RowOp::Update, RowOp::Delete][*operation], cells.collect())
        };
        let column = ColumnInfo { name: "id".into(), sql_type: "int".into(), ..ColumnInfo::default() };
        Told::Batch(Batch {
            rows: self.stretches.iter().flat_map(|stretch| &stretch.rows).map(row).collect(),
            lsn: self.lsn,
            table: TableSchemaInfo { table_name: self.table.clone(), columns: vec![column] },
        })
    }
}

fn written(message: &[Made]) -> String {
    let batches: String = message.iter().map(Made::written).collect();
    envelope(&format!(
        "<m:RowDataRequest><m:ClientState>s</m:ClientState><m:DataBatches>{batches}</m:DataBatches></m:RowDataRequest>"
    ))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_was_written_is_what_is_read_whichever_way_and_however_it_is_cut(
        message in message(),
        sizes in prop::collection::vec(1..700_usize, 1..6),
        finely in prop::collection::vec(1..9_usize, 1..6),
    ) {
        let body = written(&message);
        let meant = std::iter::once(Told::ClientState("s".into())).chain(message.iter().map(Made::meant)).collect();
        let meant = Ok(meant);
        prop_assert_eq!(&row_data_of(body.as_bytes()), &meant, "{}", body);
        let general = Limits { short_way: false, ..Limits::default() };
        prop_assert_eq!(&row_data_within(&general, body.as_bytes()), &meant, "by the general reader: {}", body);
        for sizes in [sizes, finely] {
            let cut = row_data_of(Pieces::new(body.as_bytes(), sizes.clone()));
            prop_assert_eq!(&cut, &meant, "in pieces of {:?}: {}", sizes, body);
        }
    }

    /// With limits that some of them exceed: then all ways refuse the same, in the same words.
    #[test]
    fn what_is_too_large_is_so_whichever_way_it_is_read(
        message in message(),
        (text_bytes, row_bytes, columns) in (20..400_usize, 40..900_usize, 3..9_usize),
        sizes in prop::collection::vec(1..200_usize, 1..6),
    ) {
        let body = written(&message);
        let short = Limits { text_bytes, row_bytes, columns, ..Limits::default() };
        let general = Limits { short_way: false, ..short.clone() };
        let [whole, general, cut] = [
            row_data_within(&short, body.as_bytes()),
            row_data_within(&general, body.as_bytes()),
            row_data_within(&short, Pieces::new(body.as_bytes(), sizes)),
        ].map(|read| read.map_err(super::mutations::without_place));
        prop_assert_eq!(&whole, &general, "{}", body);
        prop_assert_eq!(&whole, &cut, "{}", body);
    }
}
