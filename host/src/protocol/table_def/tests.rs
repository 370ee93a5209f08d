use super::*;
use crate::protocol::sql_type::Length;

fn column(name: &str, sql_type: &str, is_nullable: bool, default_value: &str) -> ColumnInfo {
    ColumnInfo { name: name.into(), sql_type: sql_type.into(), is_nullable, default_value: default_value.into() }
}

fn table(columns: Vec<ColumnInfo>) -> TableSchemaInfo {
    TableSchemaInfo { table_name: "Contact".into(), columns }
}

fn contact() -> TableSchemaInfo {
    table(vec![
        column("contact_id", "int", false, ""),
        column("name", "nvarchar(220)", true, "default (N'')"),
        column("registered", "datetime", false, "default (N'1760-01-01 00:00:00')"),
        column("updatedCount", "smallint", true, "default ((0))"),
    ])
}

fn refused(info: &TableSchemaInfo, key: Option<&[String]>) -> String {
    TableDef::from_wire(info, key).map(|def| format!("{def:?}")).unwrap_err().to_string()
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn the_first_column_is_the_key_when_it_is_not_null() {
    let def = TableDef::from_wire(&contact(), None).unwrap();
    assert_eq!(def.key, [0]);
    assert!(def.is_key(0) && !def.is_key(1));
    assert_eq!(def.columns[1].sql_type, SqlType::NVarChar(Length::Limited(220)));
    assert_eq!(def.columns[3].default, Some(DefaultValue::Number("0".into())));

    let mut nullable = contact();
    nullable.columns[0].is_nullable = true;
    assert!(TableDef::from_wire(&nullable, None).unwrap().key.is_empty());

    let mut large = contact();
    large.columns[0].sql_type = "nvarchar(max)".into();
    assert!(TableDef::from_wire(&large, None).unwrap().key.is_empty());
}

#[test]
fn the_configuration_can_name_other_key_columns_in_any_case() {
    let def = TableDef::from_wire(&contact(), Some(&names(&["REGISTERED", "contact_ID"]))).unwrap();
    assert_eq!(def.key, [2, 0]);
    assert!(TableDef::from_wire(&contact(), Some(&[])).unwrap().key.is_empty());
}

#[test]
fn a_configured_key_that_cannot_be_one_is_refused() {
    for (key, expected) in [
        (
            &["nome"][..],
            "table \"Contact\": the configured key column \"nome\" does not exist; correct the configuration",
        ),
        (&["name"], "table \"Contact\": the configured key column \"name\" may be NULL; correct the configuration"),
        (
            &["contact_id", "Contact_Id"],
            "table \"Contact\": the configured key column \"Contact_Id\" is named twice; correct the configuration",
        ),
    ] {
        assert_eq!(refused(&contact(), Some(&names(key))), expected);
    }
    let mut xml = contact();
    xml.columns.push(column("data", "xml", false, ""));
    assert_eq!(
        refused(&xml, Some(&names(&["data"]))),
        "table \"Contact\": the configured key column \"data\" is of a type that cannot be a key; correct the configuration"
    );
    assert_eq!(
        refused(&contact(), Some(&vec!["x".to_owned(); 33])),
        "table \"Contact\": 33 key columns are configured, more than the 32 that SQL Server allows"
    );
}

#[test]
fn what_is_no_table_of_sql_server_is_refused() {
    let long = "x".repeat(129);
    for (columns, expected) in [
        (vec![], "table \"Contact\" has no columns".to_owned()),
        (
            vec![column("a", "int", false, ""), column("A", "int", false, "")],
            "table \"Contact\" has two columns named \"A\"".into(),
        ),
        (
            vec![column("", "int", false, "")],
            "table \"Contact\", column 1: its name \"\" is empty, which SQL Server does not allow".into(),
        ),
        (
            vec![column("a", "int", false, ""), column(&long, "int", false, "")],
            format!(
                "table \"Contact\", column 2: its name \"{}…\" is longer than 128 characters, which SQL Server does not allow",
                "x".repeat(60)
            ),
        ),
        (
            vec![column("a\0", "int", false, "")],
            "table \"Contact\", column 1: its name \"a\\u{0}\" is one with a NUL character, which SQL Server does not allow".into(),
        ),
        (
            vec![column("a", "blob", false, "")],
            "table \"Contact\", column \"a\": \"blob\" is not a column type of SQL Server".into(),
        ),
        (
            vec![column("a", "int", false, "default (dbo.f())")],
            "table \"Contact\", column \"a\": the default \"default (dbo.f())\" is not understood: only numbers, texts, binary literals, NULL, the current time and new uniqueidentifiers can be mirrored".into(),
        ),
        (
            vec![column("a", "int", false, "default (N'abc')")],
            "table \"Contact\", column \"a\": the default \"abc\" does not fit int: it is not a whole number".into(),
        ),
    ] {
        assert_eq!(refused(&table(columns), None), expected);
    }
    let many = (0..30_001).map(|number| column(&format!("c{number}"), "int", true, "")).collect();
    let mut many = table(many);
    assert_eq!(refused(&many, None), "table \"Contact\" has 30001 columns, more than the 30000 that SQL Server allows");
    many.columns.pop();
    assert_eq!(TableDef::from_wire(&many, None).unwrap().columns.len(), 30_000);
    let reserved = TableSchemaInfo { table_name: "speil_x".into(), ..contact() };
    assert!(refused(&reserved, None).contains("kept for the mirror itself"));
}

#[test]
fn a_name_of_128_characters_outside_the_basic_plane_is_too_long_at_65() {
    assert!(TableDef::from_wire(&table(vec![column(&"😀".repeat(64), "int", false, "")]), None).is_ok());
    assert!(TableDef::from_wire(&table(vec![column(&"😀".repeat(65), "int", false, "")]), None).is_err());
}

#[test]
fn the_digest_is_what_it_has_always_been() {
    let mut info = contact();
    info.columns.extend([
        column("b", "binary(2)", false, "(0x00ff)"),
        column("n", "datetime2", false, "(getdate())"),
        column("u", "datetime2", false, "(getutcdate())"),
        column("g", "uniqueidentifier", false, "(newid())"),
        column("z", "float", true, "(NULL)"),
    ]);
    let def = TableDef::from_wire(&info, None).unwrap();
    // Computed by another program from the description alone.
    let hex = def.digest().iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    assert_eq!(hex, "4b1388d5c7f7dbc73f257cd97f95c49db37e286f48bec0433731f54eadd37fe6");
}

#[test]
fn the_digest_tells_definitions_apart_and_passes_over_case() {
    let def = TableDef::from_wire(&contact(), None).unwrap();
    let mut shouted = contact();
    shouted.table_name = "CONTACT".into();
    shouted.columns.iter_mut().for_each(|column| column.name = column.name.to_uppercase());
    assert_eq!(TableDef::from_wire(&shouted, None).unwrap().digest(), def.digest());

    let changes: [fn(&mut TableDef); 9] = [
        |def| def.name = TableName::new("Contact2").unwrap(),
        |def| def.columns[1].name = "name2".into(),
        |def| def.columns[1].sql_type = SqlType::NVarChar(Length::Max),
        |def| def.columns[1].nullable = false,
        |def| def.columns[1].default = None,
        |def| def.columns[1].default = Some(DefaultValue::Number("0".into())),
        |def| def.columns.swap(1, 2),
        |def| def.key.clear(),
        |def| drop(def.columns.pop()),
    ];
    let mut digests = vec![def.digest()];
    for change in changes {
        let mut other = def.clone();
        change(&mut other);
        assert!(!digests.contains(&other.digest()), "{other:?}");
        digests.push(other.digest());
    }
}

#[test]
fn a_definition_survives_being_stored() {
    let def = TableDef::from_wire(&contact(), None).unwrap();
    let stored = serde_json::to_string(&def).unwrap();
    assert!(stored.contains("\"sql_type\":\"nvarchar(220)\""), "{stored}");
    let damaged = stored.replace("nvarchar(220)", "nvarchar(9999)");
    let error = serde_json::from_str::<TableDef>(&damaged).unwrap_err().to_string();
    assert!(error.starts_with("\"nvarchar(9999)\" is not a column type of SQL Server"), "{error}");
    assert_eq!(serde_json::from_str::<TableDef>(&stored).unwrap(), def);
}
