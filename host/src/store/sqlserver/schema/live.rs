//! Definitions and indexes on a live server, when `SPEIL_TEST_SQLSERVER` names one; else these tests say that they did nothing.

use tiberius::Row;

use super::alter::{RENAME_COLUMN, RENAME_TABLE, alter, respell};
use super::catalog::{columns, count, describe, find_object, server, tables};
use super::ddl::{check, create_table, delete_all, drop_table, truncate};
use super::ident::qualified;
use super::indexes;
use crate::protocol::default_value::DefaultValue;
use crate::protocol::sql_type::{Length, SqlType};
use crate::protocol::table_def::{ColumnDef, TableDef};
use crate::protocol::table_name::TableName;
use crate::store::records::IndexColumn;
use crate::store::sqlserver::connection::conn::Conn;
use crate::store::sqlserver::connection::connection_string::Target;
use crate::store::sqlserver::connection::pool::{Lease, Pool};
use crate::store::sqlserver::golden::sample::{self, NASTY, column};
use crate::store::sqlserver::live_server;
use crate::store::{IndexDef, StoreErrorKind};

/// A database of a test's own.
struct Database {
    master: Lease,
    conn: Lease,
    name: String,
}

/// Babelfish refuses to make or drop two databases at once ("tuple concurrently updated").
async fn server_wide(conn: &mut Conn, sql: &str) {
    let mut refused = None;
    for _ in 0..20 {
        match conn.run(sql).await {
            Ok(()) => return,
            Err(error) => refused = Some(error),
        }
    }
    panic!("{sql}: {refused:?}");
}

impl Database {
    async fn new(test: &str) -> Option<Self> {
        let connection = live_server::server(test)?;
        let pool = Pool::new(std::sync::Arc::new(Target::parse(&connection).unwrap()), 2);
        let name = format!("t_ddl_{test}_{}", std::process::id());
        let mut master = pool.lease("master").await.unwrap();
        server_wide(&mut master, &format!("CREATE DATABASE [{name}]")).await;
        let conn = pool.lease(&name).await.unwrap();
        Some(Self { master, conn, name })
    }

    async fn close(mut self) {
        drop(self.conn);
        server_wide(&mut self.master, &format!("DROP DATABASE [{}]", self.name)).await;
    }

    async fn make(&mut self, def: &TableDef) {
        check(def).unwrap();
        let sql = create_table("dbo", def.name.as_str(), def);
        self.conn.run(&sql).await.unwrap_or_else(|error| panic!("{error}\n{sql}"));
        self.is(def, def).await;
    }

    /// The table is described as it was made.
    async fn is(&mut self, asked: &TableDef, def: &TableDef) {
        let found = find_object(&mut self.conn, "dbo", asked.name.as_str()).await.unwrap().expect("it is there");
        assert!(found.is_table());
        let described = describe(&mut self.conn, "dbo", &found.name, Some(def)).await.unwrap();
        let seen: Vec<_> = described.columns.iter().map(|c| (c.name.as_str(), c.sql_type, c.nullable)).collect();
        let expected: Vec<_> = def.columns.iter().map(|c| (c.name.as_str(), Some(c.sql_type), c.nullable)).collect();
        assert_eq!(seen, expected, "{}", def.name);
        let key: Vec<&str> = def.key.iter().map(|&at| def.columns[at].name.as_str()).collect();
        assert_eq!(described.key, key);
    }

    async fn query(&mut self, sql: &str) -> Vec<Row> {
        self.conn.query(sql, &[]).await.unwrap_or_else(|error| panic!("{error}\n{sql}"))
    }

    /// Alters in a transaction as the engine does, and looks at the outcome.
    async fn altered(&mut self, old: &TableDef, new: &TableDef) {
        let found = find_object(&mut self.conn, "dbo", old.name.as_str()).await.unwrap().expect("it is there");
        self.conn.run("BEGIN TRANSACTION").await.unwrap();
        alter(&mut self.conn, "dbo", &found.name, old, new).await.unwrap_or_else(|error| panic!("{error}"));
        self.conn.run("COMMIT TRANSACTION").await.unwrap();
        self.is(new, new).await;
    }

    async fn refuses(&mut self, old: &TableDef, new: &TableDef) {
        self.conn.run("BEGIN TRANSACTION").await.unwrap();
        let refused = alter(&mut self.conn, "dbo", old.name.as_str(), old, new).await.unwrap_err();
        assert_eq!(refused.kind, StoreErrorKind::Schema, "{refused}");
        self.conn.run("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION").await.unwrap();
        self.is(old, old).await;
    }
}

fn named(name: &str) -> TableName {
    TableName::new(name).expect("a legal name")
}

fn index(name: &str, columns: &[(&str, bool)], unique: bool) -> IndexDef {
    let columns = columns.iter().map(|&(name, descending)| IndexColumn { name: name.into(), descending }).collect();
    IndexDef { name: name.into(), columns, unique }
}

#[tokio::test]
async fn tables_of_every_type_default_and_name_are_made_found_and_dropped() {
    let Some(mut db) = Database::new("make").await else { return };
    for def in [sample::contact(), sample::every_type(), sample::every_default(), sample::text_key(40)] {
        // PostgreSQL keeps no NUL in a text.
        let def = TableDef {
            columns: def
                .columns
                .into_iter()
                .filter(|c| c.default != Some(DefaultValue::Text("nul\0nul".into())))
                .collect(),
            ..def
        };
        db.make(&def).await;
    }
    for name in NASTY {
        db.make(&TableDef { name: named(name), ..sample::nasty_names() }).await;
        let sql = format!("INSERT INTO {} ([id]) VALUES (1)", qualified("dbo", name));
        db.conn.run(&sql).await.unwrap();
        assert_eq!(count(&mut db.conn, "dbo", name).await.unwrap(), 1);
        db.conn.run(&truncate("dbo", name)).await.unwrap();
        db.conn.run(&delete_all("dbo", name)).await.unwrap();
        assert_eq!(count(&mut db.conn, "dbo", name).await.unwrap(), 0);
        db.conn.run(&drop_table("dbo", name)).await.unwrap();
        assert_eq!(find_object(&mut db.conn, "dbo", name).await.unwrap(), None);
    }
    db.query("SELECT * FROM [dbo].[every_default]").await;
    db.conn.run("INSERT INTO [dbo].[every_default] ([id]) VALUES (1)").await.unwrap();
    let row = &db.query("SELECT [c2], [c9], [c13], [c14], [c15] FROM [dbo].[every_default]").await[0];
    assert_eq!(row.get::<&str, _>(2), Some("it's'; DROP TABLE x; --"));
    assert_eq!(row.get::<&str, _>(3), Some("日本語 🙂 ]\""));
    assert_eq!(row.get::<&str, _>(4), Some("line\\\nline\u{1}"));
    let names: Vec<String> = tables(&mut db.conn, "dbo").await.unwrap().into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, ["by_text", "contact", "every_default", "every_type"]);
    for (asked, name) in [("CONTACT", "contact"), ("\u{212a}elvin", ""), ("by_TEXT", "by_text")] {
        let found = find_object(&mut db.conn, "dbo", asked).await.unwrap();
        assert_eq!(found.map(|found| found.name.to_lowercase()).unwrap_or_default(), name);
    }
    db.conn.run("CREATE VIEW [dbo].[Åsyn] AS SELECT 7 AS a").await.unwrap();
    let view = find_object(&mut db.conn, "dbo", "åSYN").await.unwrap().unwrap();
    assert!(!view.is_table());
    db.close().await;
}

#[tokio::test]
async fn a_table_is_changed_with_its_rows_in_it() {
    let Some(mut db) = Database::new("alter").await else { return };
    let lacks_nullability = server(&mut db.conn).await.unwrap().is_babelfish;
    let old = sample::contact();
    db.make(&old).await;
    db.conn
        .run("INSERT INTO [dbo].[contact] ([contact_id], [Name], [amount]) VALUES (1, N'Ada', 1.25); INSERT INTO [dbo].[contact] ([contact_id], [amount]) VALUES (2, NULL)")
        .await
        .unwrap();
    db.conn.run("CREATE INDEX [by_name] ON [dbo].[contact] ([Name], [amount] DESC)").await.unwrap();
    db.conn.run("CREATE INDEX [by_notes] ON [dbo].[contact] ([business_idx]) INCLUDE ([registered])").await.unwrap();

    // Added at both ends, with and without defaults; one dropped, with its index; types widened, that of the key too.
    let mut new = old.clone();
    new.columns[0].sql_type = SqlType::BigInt;
    new.columns[1].sql_type = SqlType::NVarChar(Length::Limited(400));
    new.columns[4].sql_type = SqlType::Decimal { precision: 38, scale: 10 };
    new.columns.remove(3);
    let with = |name: &str, sql_type, nullable, default| ColumnDef {
        default: Some(default),
        ..column(name, sql_type, nullable)
    };
    new.columns.insert(1, column("extra", SqlType::Int, true));
    new.columns.push(with("strict", SqlType::SmallInt, false, DefaultValue::Number("-1".into())));
    new.columns.push(with("filled", SqlType::NVarChar(Length::Max), true, DefaultValue::Text("it's".into())));
    new.columns.push(column(NASTY[5], SqlType::Int, true));
    new.columns.push(with(NASTY[0], SqlType::Date, false, DefaultValue::Text("1760-01-01".into())));
    db.altered(&old, &new).await;
    let rows = db
        .query("SELECT [contact_id], [strict], [filled], CAST([amount] AS nvarchar(60)), [extra] FROM [dbo].[contact] ORDER BY [contact_id]")
        .await;
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0].get::<i64, _>(0), Some(1));
    assert_eq!(rows[1].get::<i16, _>(1), Some(-1));
    assert_eq!(rows[1].get::<&str, _>(2), Some("it's"));
    assert_eq!(rows[0].get::<&str, _>(3), Some("1.2500000000"));
    assert_eq!(rows[0].get::<i32, _>(4), None);
    let names: Vec<String> = indexes::list(&mut db.conn, "dbo", "contact", Some(&new))
        .await
        .unwrap()
        .into_iter()
        .map(|index| index.name)
        .collect();
    assert_eq!(names, ["by_name"]);

    // Defaults: changed, removed, added.
    let old = new.clone();
    let at = |name: &str| old.column_index(name).unwrap();
    new.columns[at("Name")].default = Some(DefaultValue::Text("anon".into()));
    new.columns[at("filled")].default = None;
    new.columns[at("extra")].default = Some(DefaultValue::Number("7".into()));
    db.altered(&old, &new).await;
    db.conn.run("INSERT INTO [dbo].[contact] ([contact_id]) VALUES (3)").await.unwrap();
    let row = &db.query("SELECT [Name], [filled], [extra] FROM [dbo].[contact] WHERE [contact_id] = 3").await[0];
    assert_eq!(row.get::<&str, _>(0), Some("anon"));
    assert_eq!(row.get::<&str, _>(1), None);
    assert_eq!(row.get::<i32, _>(2), Some(7));

    // The key: another one, none, the first again.
    let mut keyless = new.clone();
    keyless.key = vec![];
    db.altered(&new, &keyless).await;
    let mut two = new.clone();
    two.key = vec![0, at("strict")];
    db.altered(&keyless, &two).await;
    db.altered(&two, &new).await;
    db.conn.run("INSERT INTO [dbo].[contact] ([contact_id], [strict]) VALUES (4, -1)").await.unwrap();
    let mut twice = new.clone();
    twice.key = vec![at("strict")];
    db.refuses(&new, &twice).await;

    // Nullability, there and back, where the server can.
    let mut nullable = new.clone();
    nullable.columns[at("Name")].nullable = true;
    if lacks_nullability {
        live_server::skipped("nullability", "this server cannot change whether a column may be NULL");
        db.refuses(&new, &nullable).await;
    } else {
        db.altered(&new, &nullable).await;
        db.altered(&nullable, &new).await;
    }
    let mut must = new.clone();
    must.columns.push(column("must", SqlType::Int, false));
    db.refuses(&new, &must).await;
    let mut spelled = new.clone();
    spelled.columns[at("Name")].name = "NAME".into();
    spelled.name = named("Contact");
    db.altered(&new, &spelled).await;
    // Babelfish has no spelling, so the engine changes none there; the statements are run all the same.
    respell(&mut db.conn, RENAME_COLUMN, "[dbo].[contact]", NASTY[5], "With Space").await.unwrap();
    respell(&mut db.conn, RENAME_TABLE, "[dbo]", "contact", "CONTACT").await.unwrap();
    assert_eq!(count(&mut db.conn, "dbo", "Contact").await.unwrap(), 4);
    db.close().await;
}

#[tokio::test]
async fn indexes_are_made_once_listed_and_dropped() {
    let Some(mut db) = Database::new("index").await else { return };
    let is_babelfish = server(&mut db.conn).await.unwrap().is_babelfish;
    let def = sample::contact();
    db.make(&def).await;
    for wanted in [
        index("ix", &[("Name", false), ("amount", true)], false),
        index("ix", &[("Name", true)], false),
        index("ix", &[("amount", false), ("Name", false)], true),
        index("ix", &[("contact_id", false)], true),
    ] {
        assert!(indexes::ensure(&mut db.conn, "dbo", "contact", &wanted).await.unwrap());
        assert!(!indexes::ensure(&mut db.conn, "dbo", "contact", &wanted).await.unwrap());
        assert_eq!(indexes::list(&mut db.conn, "dbo", "contact", Some(&def)).await.unwrap(), [wanted]);
    }
    // Two NULLs in a unique index are two rows.
    let unique = index("ix", &[("amount", false)], true);
    assert!(indexes::ensure(&mut db.conn, "dbo", "contact", &unique).await.unwrap());
    db.conn.run("INSERT INTO [dbo].[contact] ([contact_id]) VALUES (1); INSERT INTO [dbo].[contact] ([contact_id]) VALUES (2)").await.unwrap();
    db.conn.run("INSERT INTO [dbo].[contact] ([contact_id], [amount]) VALUES (3, 1)").await.unwrap();
    assert!(db.conn.run("INSERT INTO [dbo].[contact] ([contact_id], [amount]) VALUES (4, 1)").await.is_err());
    assert!(indexes::drop(&mut db.conn, "dbo", "contact", "IX").await.unwrap());
    assert!(!indexes::drop(&mut db.conn, "dbo", "contact", "IX").await.unwrap());
    db.conn.run("ALTER TABLE [dbo].[contact] ADD CONSTRAINT [theirs] UNIQUE ([contact_id])").await.unwrap();
    assert!(indexes::list(&mut db.conn, "dbo", "contact", None).await.unwrap().is_empty());
    for name in NASTY {
        if is_babelfish && name.len() > 30 {
            live_server::skipped("index names", "this server cuts the names of indexes that it shows");
            continue;
        }
        let wanted = index(name, &[("Name", false)], false);
        assert!(indexes::ensure(&mut db.conn, "dbo", "contact", &wanted).await.unwrap(), "{name}");
        assert!(!indexes::ensure(&mut db.conn, "dbo", "contact", &wanted).await.unwrap(), "{name}");
        assert!(indexes::drop(&mut db.conn, "dbo", "contact", name).await.unwrap(), "{name}");
    }
    let refused = indexes::ensure(&mut db.conn, "dbo", "contact", &index("x", &[("notes", false)], false)).await;
    assert_eq!(refused.unwrap_err().kind, StoreErrorKind::Schema);
    let twice = indexes::ensure(&mut db.conn, "dbo", "contact", &index("x", &[("Name", false)], true)).await;
    assert_eq!(twice.unwrap_err().kind, StoreErrorKind::Schema);
    // One that cannot take the place of another leaves it where it was.
    let there = index("ix", &[("Name", false)], false);
    assert!(indexes::ensure(&mut db.conn, "dbo", "contact", &there).await.unwrap());
    let twice = indexes::ensure(&mut db.conn, "dbo", "contact", &index("ix", &[("Name", false)], true)).await;
    assert_eq!(twice.unwrap_err().kind, StoreErrorKind::Schema);
    assert_eq!(db.query("SELECT @@TRANCOUNT").await[0].get::<i32, _>(0), Some(0));
    assert_eq!(indexes::list(&mut db.conn, "dbo", "contact", Some(&def)).await.unwrap(), [there]);
    assert_eq!(columns(&mut db.conn, "dbo", "contact").await.unwrap().len(), def.columns.len());
    db.close().await;
}
