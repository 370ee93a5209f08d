//! A tenant with three small tables, mirrored by a host that has these plug-ins.

use std::path::Path;

use speil::protocol::messages::{ColumnInfo, ReplicationSummary, RowOp, TableSchemaInfo};
use speil::task::client::Client;
use speil::task::endpoint::Endpoint;
use speil::task::spelling::{Batch, Rows, Spelling};
use speil_tests::kit::Host;
use speil_tests::kit::host::{PATH, TENANT, identity};

/// A host over a plug-in folder, and the one that calls it.
pub struct Mirrored {
    pub host: Host,
    client: Client,
    changed: Vec<ReplicationSummary>,
    lsn: i64,
}

/// A row as it is sent.
pub type Row<'a> = (RowOp, &'a [Option<&'a str>]);

impl Mirrored {
    /// Starts a host in which every plug-in of the folder works.
    pub async fn with(plugins: &Path) -> Self {
        let host = Host::start_with(|config| config.plugins = super::plugins(plugins)).await;
        let endpoint = Endpoint::new(&format!("http://{}{PATH}", host.address), None).expect("a URL");
        let client = Client::new(endpoint, identity(TENANT), Spelling::DotNet);
        Self { host, client, changed: Vec::new(), lsn: 0 }
    }

    /// Authenticate and TableSchema.
    pub async fn begin(&mut self) {
        self.client.authenticate().await.expect("answered");
        let all: Vec<TableSchemaInfo> = ["contact", "person", "sale"].map(table).into();
        let answer = self.client.table_schema(&all).await.expect("answered");
        assert!(answer.successful, "{}", answer.error_message);
        assert_eq!(answer.lsns.len(), 3);
        self.lsn += 10;
    }

    /// RowData with one batch.
    pub async fn send(&mut self, name: &str, sent: &[Row<'_>]) {
        let mut rows = Rows::default();
        for (op, cells) in sent {
            rows.push(*op, cells.iter().map(|cell| cell.map(str::to_owned)).collect());
        }
        let batch = Batch { table: table(name), rows, lsn: self.lsn };
        let answer = self.client.row_data(&[batch]).await.expect("answered");
        assert!(answer.successful, "{}", answer.error_message);
        let inserts = i32::try_from(sent.len()).expect("few");
        self.changed.push(ReplicationSummary { deletes: 0, inserts, table_name: name.into(), updates: 0 });
    }

    /// ReplicationCompleted.
    pub async fn complete(&mut self) {
        let changed = std::mem::take(&mut self.changed);
        let answer = self.client.replication_completed(&changed).await.expect("answered");
        assert!(answer.successful, "{}", answer.error_message);
    }

    /// What a query says, in the mirror's file itself: rows of texts.
    pub async fn query(&self, sql: &str) -> Vec<String> {
        let place = self.host.mirror(TENANT).await.place();
        let file = rusqlite::Connection::open(place).expect("a SQLite file");
        let mut statement = file.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let columns = statement.column_count();
        let rows = statement.query_map([], |row| {
            let texts = (0..columns).map(|at| {
                Ok(match row.get_ref(at)? {
                    rusqlite::types::ValueRef::Null => "NULL".to_owned(),
                    rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                    rusqlite::types::ValueRef::Real(number) => number.to_string(),
                    other => other.as_str().expect("a text").to_owned(),
                })
            });
            Ok(texts.collect::<rusqlite::Result<Vec<String>>>()?.join(" "))
        });
        rows.expect("a query").collect::<Result<_, _>>().expect("readable")
    }

    /// What plug-ins did wrong, as the mirror keeps it.
    pub async fn failures(&self) -> Vec<String> {
        self.query("SELECT message FROM speil_events WHERE kind IN ('plugin', 'error')").await
    }
}

fn table(name: &str) -> TableSchemaInfo {
    let columns: &[(&str, &str)] = match name {
        "contact" => &[("contact_id", "int"), ("name", "nvarchar(50)"), ("country_id", "int")],
        "person" => &[("person_id", "int"), ("name", "nvarchar(50)"), ("retired", "smallint")],
        _ => &[("sale_id", "int"), ("associate_id", "int"), ("amount", "float")],
    };
    let column = |(at, (name, sql_type)): (usize, &(&str, &str))| ColumnInfo {
        default_value: String::new(),
        is_nullable: at > 0,
        name: (*name).into(),
        sql_type: (*sql_type).into(),
    };
    TableSchemaInfo { table_name: name.into(), columns: columns.iter().enumerate().map(column).collect() }
}
