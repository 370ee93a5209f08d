//! Every limit, at its edge.

use super::*;

fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

fn row_data_with(limits: &Limits, body: &str) -> Result<(), String> {
    let mut recorder = Recorder { told: Vec::new(), wanted: usize::MAX };
    row_data(body.as_bytes(), limits, SpillSettings::default(), &mut recorder).map_err(|fault| fault.message)
}

fn row(cells: &str) -> String {
    batch_envelope(&format!(
        "<d:Data><d:RowData><d:ColumnValues>{cells}</d:ColumnValues><d:Operation>I</d:Operation></d:RowData></d:Data>"
    ))
}

#[test]
fn a_cell_s_text_is_bounded_however_it_is_written() {
    let limits = limits(|limits| limits.text_bytes = 5);
    let over = Err("The text of a cell exceeds the limit of 5 bytes.".to_owned());
    for text in ["12345", "<![CDATA[12345]]>", "12<!-- long comment -->345", "1234&#65;", "&#x20AC;ab"] {
        assert_eq!(row_data_with(&limits, &row(&format!("<a:string>{text}</a:string>"))), Ok(()), "{text}");
    }
    for text in ["123456", "<![CDATA[123456]]>", "12<!-- -->3456", "12345&#65;", "&#x20AC;abc", "12345<![CDATA[6]]>"] {
        assert_eq!(row_data_with(&limits, &row(&format!("<a:string>{text}</a:string>"))), over, "{text}");
    }
}

#[test]
fn a_row_is_bounded_in_cells_and_bytes() {
    let cells = "<a:string>12</a:string><a:string i:nil='true'/><a:string>34</a:string>";
    assert_eq!(row_data_with(&limits(|l| (l.columns, l.row_bytes) = (3, 4)), &row(cells)), Ok(()));
    assert_eq!(
        row_data_with(&limits(|l| l.columns = 2), &row(cells)),
        Err("The number of cells in a row exceeds the limit of 2 cells.".into())
    );
    assert_eq!(
        row_data_with(&limits(|l| l.row_bytes = 3), &row(cells)),
        Err("The text of all cells of a row exceeds the limit of 3 bytes.".into())
    );
}

#[test]
fn the_head_is_bounded_and_the_rest_is_not_bounded_with_it() {
    let body = row(&format!("<a:string>{}</a:string>", "x".repeat(5_000)));
    let head = body.find("<m:ClientState/>").unwrap();
    assert_eq!(row_data_with(&limits(|l| l.header_bytes = head), &body), Ok(()));
    let over = limits(|l| l.header_bytes = head - 1);
    let message =
        format!("The part before the operation, with the SOAP header, exceeds the limit of {} bytes.", head - 1);
    assert_eq!(row_data_with(&over, &body), Err(message.clone()));
    assert_eq!(read_head(body.as_bytes(), true, &over).unwrap_err().message, message);
    assert!(read_head(&body.as_bytes()[..head], false, &Limits::default()).is_ok());
}

#[test]
fn depth_is_bounded_inside_unknown_elements_too() {
    let nested = |depth: usize| {
        let inner = "<x>".repeat(depth) + &"</x>".repeat(depth);
        envelope(&format!("<m:WipeRequest>{inner}</m:WipeRequest>"))
    };
    // Envelope, Body and WipeRequest stand around them.
    assert!(wipe(nested(61).as_bytes(), &Limits::default()).is_ok());
    assert_eq!(
        wipe(nested(62).as_bytes(), &Limits::default()).unwrap_err().message,
        "The depth of elements inside each other exceeds the limit of 64 elements."
    );
}

#[test]
fn tags_comments_white_space_and_references_are_bounded_before_they_are_gathered() {
    let small = limits(|l| (l.tag_bytes, l.comment_bytes, l.blank_bytes) = (200, 20, 10));
    let read = |inner: &str| {
        let body = envelope(&format!("<m:AuthenticateRequest>{inner}</m:AuthenticateRequest>"));
        // The envelope's own tag is longer.
        let body = body.replace("<s:Envelope", "<s:Envelope ");
        authenticate(body.as_bytes(), &Limits { tag_bytes: small.tag_bytes + 400, ..small.clone() })
            .map(|_| ())
            .map_err(|fault| fault.message)
    };
    assert_eq!(read("<!--1234567890123-->          "), Ok(()));
    assert_eq!(read("<!--12345678901234-->"), Err("A comment exceeds the limit of 20 bytes.".into()));
    assert_eq!(read(&" ".repeat(11)), Err("White space between elements exceeds the limit of 10 bytes.".into()));
    assert_eq!(read(&format!("<x y='{}'/>", "z".repeat(600))), Err("A tag exceeds the limit of 600 bytes.".into()));
    assert_eq!(
        read(&format!("<x>&#{}1;</x>", "0".repeat(64))),
        Err("A reference exceeds the limit of 64 bytes.".into())
    );
}

#[test]
fn values_and_descriptions_are_bounded() {
    let read = |limits: &Limits| {
        let body = envelope(
            "<m:TableSchemaRequest><m:Tables><d:TableSchemaInfo><d:TableName>abc</d:TableName><d:Columns>\
             <d:ColumnInfo><d:Name>de</d:Name></d:ColumnInfo><d:ColumnInfo><d:Type>f</d:Type></d:ColumnInfo>\
             </d:Columns></d:TableSchemaInfo><d:TableSchemaInfo><d:Columns><d:ColumnInfo/></d:Columns>\
             </d:TableSchemaInfo></m:Tables></m:TableSchemaRequest>",
        );
        table_schema(body.as_bytes(), limits).map(|_| ()).map_err(|fault| fault.message)
    };
    let exact = limits(|l| (l.value_bytes, l.tables, l.columns, l.all_columns, l.description_bytes) = (3, 2, 2, 3, 6));
    assert_eq!(read(&exact), Ok(()));
    for (less, message) in [
        (Limits { value_bytes: 2, ..exact.clone() }, "The text of an element exceeds the limit of 2 bytes."),
        (Limits { tables: 1, ..exact.clone() }, "The number of tables exceeds the limit of 1 tables."),
        (Limits { columns: 1, ..exact.clone() }, "The number of columns of a table exceeds the limit of 1 columns."),
        (
            Limits { all_columns: 2, ..exact.clone() },
            "The number of columns of all tables together exceeds the limit of 2 columns.",
        ),
        (
            Limits { description_bytes: 5, ..exact.clone() },
            "The text of all table descriptions together exceeds the limit of 5 bytes.",
        ),
    ] {
        assert_eq!(read(&less), Err(message.into()));
    }
}

#[test]
fn namespace_declarations_in_scope_are_bounded() {
    let declare = |level: usize| {
        let declarations = (0..50).fold(String::new(), |text, n| format!("{text} xmlns:p{level}n{n}='urn:x'"));
        format!("<x{declarations}>")
    };
    let nested = |levels: usize| {
        let starts: String = (0..levels).map(declare).collect();
        envelope(&format!("<m:WipeRequest>{starts}{}</m:WipeRequest>", "</x>".repeat(levels)))
    };
    assert!(wipe(nested(5).as_bytes(), &Limits::default()).is_ok());
    assert_eq!(
        wipe(nested(6).as_bytes(), &Limits::default()).unwrap_err().message,
        "The number of namespace declarations in scope exceeds the limit of 256 declarations."
    );
}
