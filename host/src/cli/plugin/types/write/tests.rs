use super::*;
use crate::plugins::trial::table::define;

fn odd() -> TableDef {
    let columns = [
        "person_id int not null",
        "type nvarchar(50)",
        "[a name] nvarchar(255) not null",
        "height float",
        "paid decimal(18,4)",
        "born datetime not null",
        "photo varbinary(max)",
        "row_guid uniqueidentifier",
        "class int",
    ];
    define("odd_person", &columns.map(str::to_owned), None).unwrap()
}

/// Compiled here as an author would have it, beside the words that the bindings bring.
#[allow(dead_code, reason = "every case of the interface is there, and the table uses some")]
mod compiled {
    pub enum ColumnValues {
        Text(Vec<Option<String>>),
        Integer(Vec<Option<i64>>),
        Real(Vec<Option<f64>>),
        Decimal(Vec<Option<String>>),
        Timestamp(Vec<Option<i64>>),
        Binary(Vec<Option<Vec<u8>>>),
    }

    pub struct NamedColumn {
        pub name: String,
        pub values: ColumnValues,
    }

    include!("odd_person.rs");
}

/// `UPDATE_TYPES=1` writes the files anew.
#[test]
fn the_types_are_those_kept_here() {
    let kept = [
        (Lang::Rust, "odd_person.rs", include_str!("odd_person.rs")),
        (Lang::Js, "odd_person.js", include_str!("odd_person.js")),
        (Lang::Python, "odd_person.py", include_str!("odd_person.py")),
        (Lang::C, "odd_person.c", include_str!("odd_person.c")),
    ];
    for (lang, name, text) in kept {
        let made = row_type(&odd(), lang);
        if std::env::var_os("UPDATE_TYPES").is_some() {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cli/plugin/types/write/");
            std::fs::write(format!("{folder}{name}"), made).unwrap();
        } else {
            assert_eq!(made, text.replace("\r\n", "\n"), "{name}");
        }
    }
}

#[test]
fn the_rust_type_gets_rows_out_of_a_batch() {
    use compiled::{ColumnValues, NamedColumn, OddPerson};
    let text = |text: &str| ColumnValues::Text(vec![Some(text.to_owned())]);
    let all = |name: ColumnValues| {
        let values = [
            ColumnValues::Integer(vec![Some(7)]),
            text("t"),
            name,
            ColumnValues::Real(vec![None]),
            ColumnValues::Decimal(vec![Some("1.5000".into())]),
            ColumnValues::Timestamp(vec![Some(0)]),
            ColumnValues::Binary(vec![None]),
            ColumnValues::Text(vec![None]),
            ColumnValues::Integer(vec![Some(1)]),
        ];
        let names = OddPerson::COLUMNS.iter().map(|name| (*name).to_owned());
        names.zip(values).map(|(name, values)| NamedColumn { name, values }).collect::<Vec<_>>()
    };
    let rows = OddPerson::rows(&all(text("Ann"))).unwrap();
    assert_eq!((rows.len(), rows[0].person_id, rows[0].a_name.as_str(), rows[0].class), (1, 7, "Ann", Some(1)));
    assert_eq!(rows[0].r#type.as_deref(), Some("t"));
    // A NULL where there is none, and a column of another kind: another table's batch.
    assert!(OddPerson::rows(&all(ColumnValues::Text(vec![None]))).is_none());
    assert!(OddPerson::rows(&all(ColumnValues::Integer(vec![None]))).is_none());
}

/// Python reads it. Where there is none this is said; `.ci/run` has one.
#[test]
fn python_reads_its_type() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("odd_person.py");
    let ask = "from types import SimpleNamespace as N\n\
               made = OddPerson.rows([N(values=N(value=[one])) for one in [7, 't', 'Ann', None, '1', 0, None, None, 1]])\n\
               assert len(made) == 1 and made[0].person_id == 7 and made[0].a_name == 'Ann', made\n\
               assert len(OddPerson.COLUMNS) == 9\n";
    std::fs::write(&file, format!("{}\n{ask}", row_type(&odd(), Lang::Python))).unwrap();
    match std::process::Command::new("python3").arg(&file).output() {
        Ok(output) => assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => eprintln!("NOT RUN: there is no python3 here"),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn a_hostile_name_ends_neither_comment_nor_text() {
    let def = define("t", &["id int not null".into(), "[*/ \"\\ `x] int".into()], None).unwrap();
    for lang in [Lang::Rust, Lang::Js, Lang::Python, Lang::C] {
        let text = row_type(&def, lang);
        assert!(text.contains(r#""*/ \"\\ `x""#), "{text}");
        assert!(!text.replace(r#""*/ \"\\ `x""#, "").contains("*/ \""), "{text}");
    }
}
