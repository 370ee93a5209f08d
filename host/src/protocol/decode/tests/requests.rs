//! What each request means, however it is spelled.

use super::*;
use crate::protocol::lsn::Lsn;
use crate::protocol::messages::{ColumnInfo, ReplicationSummary};

#[test]
fn the_head_is_read_without_the_rest() {
    let body = envelope("<m:RowDataRequest><m:DataBatches>");
    let end = body.find("<m:DataBatches>").unwrap();
    let head = read_head(&body.as_bytes()[..end], false, &Limits::default()).unwrap();
    assert_eq!(head, Head { token: "t".into(), operation: Operation::RowData });
    // One byte less, and the operation's tag is not whole.
    let fault = read_head(&body.as_bytes()[..end - 1], false, &Limits::default()).unwrap_err();
    assert_eq!(fault.message, "The part before the operation, with the SOAP header, exceeds the limit of 65536 bytes.");
    let fault = read_head(&body.as_bytes()[..end - 1], true, &Limits::default()).unwrap_err();
    assert!(fault.message.starts_with("The body ends in the middle of the message, after "), "{fault}");
}

#[test]
fn the_head_of_utf_16_is_read_as_well_and_its_token_trimmed() {
    let body = envelope("<m:WipeRequest/>").replace(">t<", ">\r\n  a.b.c <");
    for unit in [u16::to_le_bytes, u16::to_be_bytes] {
        let bytes: Vec<u8> = std::iter::once(0xFEFF).chain(body.encode_utf16()).flat_map(unit).collect();
        let head = read_head(&bytes, true, &Limits::default()).unwrap();
        assert_eq!(head, Head { token: "a.b.c".into(), operation: Operation::Wipe });
    }
}

#[test]
fn an_authenticate_request_holds_a_client_state_or_none() {
    let read = |content: &str| {
        let body = envelope(&format!("<m:AuthenticateRequest>{content}</m:AuthenticateRequest>"));
        authenticate(body.as_bytes(), &Limits::default()).unwrap().client_state
    };
    assert_eq!(read("<m:ClientState> a\t</m:ClientState>").as_deref(), Some(" a\t"));
    assert_eq!(read("<m:ClientState/>").as_deref(), Some(""));
    assert_eq!(read("<m:ClientState i:nil='true'/>"), None);
    assert_eq!(read("<m:ClientState i:nil='1'> <!-- nothing --> </m:ClientState>"), None);
    assert_eq!(read(""), None);
}

#[test]
fn a_header_may_hold_more_than_the_token() {
    let body = envelope("<m:WipeRequest/>").replace(
        "<s:Header>",
        "<s:Header><w:To xmlns:w='http://www.w3.org/2005/08/addressing'>x</w:To>\
         <w:Other xmlns:w='urn:w' s:mustUnderstand='0'><w:Deep>&#1;</w:Deep></w:Other>\
         <w:Theirs xmlns:w='urn:w' s:mustUnderstand='1' s:actor='urn:somebody-else'/>\
         <m:SignedToken s:actor='urn:somebody-else'>not ours</m:SignedToken>",
    );
    assert_eq!(read_head(body.as_bytes(), true, &Limits::default()).unwrap().token, "t");
    assert_eq!(wipe(body.as_bytes(), &Limits::default()).unwrap(), WipeRequest::default());
}

#[test]
fn a_table_schema_request_is_read_in_any_order_with_strangers_passed_over() {
    let body = envelope(
        "<m:TableSchemaRequest><x:Later xmlns:x='urn:x'>text<x:In/><![CDATA[ & ]]></x:Later>\
         <m:Tables><d:TableSchemaInfo i:type='d:TableSchemaInfo'><d:TableName>contact</d:TableName><d:Columns>\
         <d:ColumnInfo><d:Type>int</d:Type><d:Name>contact_id</d:Name><d:Strange><d:Name>no</d:Name></d:Strange>\
         <d:IsNullable> 1 </d:IsNullable><d:DefaultValue>default ((0))</d:DefaultValue></d:ColumnInfo>\
         <d:ColumnInfo/></d:Columns></d:TableSchemaInfo><d:TableSchemaInfo/>\
         <d:TableSchemaInfo><d:Columns i:nil='true'/><d:TableName i:nil='true'/></d:TableSchemaInfo></m:Tables>\
         <m:ClientState>s</m:ClientState></m:TableSchemaRequest>",
    );
    let request = table_schema(body.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(request.client_state.as_deref(), Some("s"));
    let tables: Vec<TableSchemaInfo> = request.tables.iter().map(|table| (**table).clone()).collect();
    assert_eq!(
        tables,
        vec![
            TableSchemaInfo {
                table_name: "contact".into(),
                columns: vec![
                    ColumnInfo {
                        default_value: "default ((0))".into(),
                        is_nullable: true,
                        name: "contact_id".into(),
                        sql_type: "int".into()
                    },
                    ColumnInfo::default(),
                ],
            },
            TableSchemaInfo::default(),
            TableSchemaInfo::default(),
        ]
    );
}

#[test]
fn summaries_are_read() {
    let body = envelope(
        "<m:ReplicationCompletedRequest><m:ChangedTables><d:ReplicationSummary><d:Updates>3</d:Updates>\
         <d:TableName>person</d:TableName><d:Inserts>2</d:Inserts><d:Deletes>1</d:Deletes></d:ReplicationSummary>\
         <d:ReplicationSummary/></m:ChangedTables></m:ReplicationCompletedRequest>",
    );
    let request = replication_completed(body.as_bytes(), &Limits::default()).unwrap();
    assert_eq!(
        request.changed_tables,
        vec![
            ReplicationSummary { deletes: 1, inserts: 2, table_name: "person".into(), updates: 3 },
            ReplicationSummary::default()
        ]
    );
}

#[test]
fn a_batch_is_read_in_the_contract_s_order_and_in_any_other() {
    let data = "<d:Data><d:RowData><d:ColumnValues><a:string>[I:1]</a:string><a:string i:nil='true'/></d:ColumnValues>\
                <d:Operation>U</d:Operation></d:RowData><d:RowData><d:Operation> D\n</d:Operation><d:ColumnValues>\
                <a:string>[I:2]</a:string></d:ColumnValues></d:RowData>\
                <d:RowData><d:Operation>I</d:Operation><d:ColumnValues i:nil='true'/></d:RowData></d:Data>";
    let lsn = "<d:LSN>\n +12 </d:LSN>";
    let info = "<d:TableInfo><d:TableName>contact</d:TableName></d:TableInfo>";
    let expected = Batch {
        rows: vec![
            (RowOp::Update, vec![Some("[I:1]".into()), None]),
            (RowOp::Delete, vec![Some("[I:2]".into())]),
            (RowOp::Insert, vec![]),
        ],
        lsn: 12,
        table: TableSchemaInfo { table_name: "contact".into(), columns: vec![] },
    };
    for content in [[data, lsn, info], [info, lsn, data], [lsn, data, info], [lsn, info, data]] {
        let told = row_data_of(batch_envelope(&content.concat()).as_bytes()).unwrap();
        assert_eq!(told, vec![Told::ClientState(String::new()), Told::Batch(expected.clone())]);
    }
}

#[test]
fn absent_parts_of_a_batch_read_as_net_reads_them() {
    let told = row_data_of(batch_envelope("").as_bytes()).unwrap();
    let empty = Batch { rows: vec![], lsn: Lsn(0).0, table: TableSchemaInfo::default() };
    assert_eq!(told[1], Told::Batch(empty.clone()));
    let told = row_data_of(batch_envelope("<d:Data i:nil='true'/><d:TableInfo i:nil='true'/>").as_bytes()).unwrap();
    assert_eq!(told[1], Told::Batch(empty));
}

#[test]
fn a_cell_s_text_is_itself_however_it_is_written() {
    let texts = [
        ("<a:string>  a\tb\n </a:string>", Some("  a\tb\n ")),
        ("<a:string> </a:string>", Some(" ")),
        ("<a:string>\n</a:string>", Some("\n")),
        ("<a:string>a\r\nb\rc&#xD;&#13;\n</a:string>", Some("a\nb\nc\r\r\n")),
        ("<a:string></a:string>", Some("")),
        ("<a:string/>", Some("")),
        ("<a:string i:nil='false'>x</a:string>", Some("x")),
        ("<a:string i:nil='true'/>", None),
        ("<a:string i:nil='true'></a:string>", None),
        (
            "<a:string>a<!-- - > & no text --><![CDATA[<b> & ]] ]]>c&amp;&lt;&gt;&quot;&apos;</a:string>",
            Some("a<b> & ]] c&<>\"'"),
        ),
        ("<a:string><![CDATA[]]></a:string>", Some("")),
        ("<a:string>&#x0;&#x1;&#xB;&#xFFFE;&#65535;</a:string>", Some("\0\u{1}\u{b}\u{fffe}\u{ffff}")),
        ("<a:string>😀&#x1F600;&#xD83D;&#xDE00;</a:string>", Some("😀😀😀")),
        ("<a:string>]]&gt; ] > ]] </a:string>", Some("]]> ] > ]] ")),
        ("<a:string i:type='x:string' xmlns:x='http://www.w3.org/2001/XMLSchema'>t</a:string>", Some("t")),
        ("<q:string xmlns:q='http://schemas.microsoft.com/2003/10/Serialization/Arrays'>q</q:string>", Some("q")),
        ("<string xmlns='http://schemas.microsoft.com/2003/10/Serialization/Arrays'>q</string >", Some("q")),
        ("<a:string>&lt;a:string&gt;</a:string>", Some("<a:string>")),
    ];
    for (xml, text) in texts {
        assert_eq!(cells(xml), Ok(vec![text.map(str::to_owned)]), "{xml}");
    }
}

#[test]
fn white_space_and_comments_between_elements_mean_nothing() {
    assert_eq!(
        cells(" <!-- a --> <a:string>1</a:string>\r\n\t<!----><![CDATA[ ]]>&#x20;<a:string/>"),
        Ok(vec![Some("1".into()), Some(String::new())])
    );
}

#[test]
fn a_declaration_a_byte_order_mark_and_a_wrong_label_change_nothing() {
    let plain = envelope("<m:WipeRequest><m:TableName>blåbær 😀</m:TableName></m:WipeRequest>");
    let declared = format!("<?xml version=\"1.0\" encoding=\"iso-8859-1\" standalone='yes'?>\n<!-- c -->{plain}\n\t ");
    let marked = format!("\u{feff}{declared}");
    let utf16: Vec<u8> = marked.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for body in [plain.as_bytes(), declared.as_bytes(), marked.as_bytes(), &utf16] {
        assert_eq!(wipe(body, &Limits::default()).unwrap().table_name, "blåbær 😀");
    }
}

#[test]
fn prefixes_may_be_declared_anew_on_any_element() {
    let redeclared = format!(
        "<a:string>1</a:string><m:string xmlns:m='{NS_ARRAYS}'>2</m:string><a:string xmlns:q='urn:q'>3</a:string>\
         <q:string xmlns:q='{NS_ARRAYS}'>4</q:string><a:string>5</a:string>"
    );
    let expected = ["1", "2", "3", "4", "5"].map(|text| Some(text.to_owned())).to_vec();
    assert_eq!(cells(&redeclared), Ok(expected));
    // The same tag means something else where its prefix does.
    assert_eq!(
        cells(&format!("<q:string xmlns:q='{NS_ARRAYS}'>4</q:string><q:string xmlns:q='{NS_DATA}'>4</q:string>")),
        Err("ColumnValues holds an element \"string\" that is not a string of the contract's namespace; it would vanish \
             silently."
            .into())
    );
}
