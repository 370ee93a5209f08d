//! `speil status`, to the word: what people read after a first fill half done, a finished cycle, a row that does not fit, a
//! refused token, six silent days; and what programs read.

use speil_tests::kit::client::{call, call_as};
use speil_tests::kit::host::{APPLICATION, TENANT, issuer, now, token};
use speil_tests::kit::process::Ended;
use speil_tests::kit::{Speil, soap};
use speil_tests::speil;

const HOUR: i64 = 3_600_000;

async fn succeeds(speil: &Speil, operation: &str, inner: &str) {
    call_as(speil.address(), TENANT, operation, inner).await.succeeded();
}

/// A host with three tables of a tenant, none of them filled.
async fn begun() -> Speil {
    let mut speil = speil!();
    speil.start();
    succeeds(&speil, "Authenticate", "<ClientState/>").await;
    succeeds(&speil, "TableSchema", &soap::tables(&["contact", "person", "sale"])).await;
    speil
}

async fn filled(speil: &Speil, table: &str, rows: u32, lsn: i64) {
    succeeds(speil, "Wipe", &soap::wipe(table)).await;
    succeeds(speil, "RowData", &soap::row_data(&[soap::batch(table, 0..rows, lsn)])).await;
}

fn summary(table: &str, inserts: u32) -> String {
    format!(
        "<d:ReplicationSummary><d:Deletes>0</d:Deletes><d:Inserts>{inserts}</d:Inserts><d:TableName>{table}</d:TableName>\
         <d:Updates>0</d:Updates></d:ReplicationSummary>"
    )
}

async fn completed(speil: &Speil, summaries: &[String]) {
    let inner = format!("<ClientState/><ChangedTables>{}</ChangedTables>", summaries.concat());
    succeeds(speil, "ReplicationCompleted", &inner).await;
}

/// Three tables, a cycle from its beginning to its end.
async fn finished() -> Speil {
    let speil = begun().await;
    filled(&speil, "contact", 1_200, 9).await;
    filled(&speil, "person", 2, 9).await;
    filled(&speil, "sale", 0, 9).await;
    completed(&speil, &[summary("contact", 1_200), summary("person", 2)]).await;
    speil
}

/// What a verb says, with the folder and times of a few seconds written in one way, and no white space at line ends.
fn said(speil: &Speil, args: &[&str]) -> (Option<i32>, String) {
    let Ended { code, out, err } = speil.run(args);
    assert_eq!(err, "", "{args:?}");
    let folder = speil.folder().canonicalize().expect("it is there");
    let out = out.replace(&folder.display().to_string(), "FOLDER");
    let lines: Vec<String> = out.lines().map(|line| seconds_as_n(line.trim_end())).collect();
    (code, lines.join("\n"))
}

/// `12 s` as `N s`, with as many spaces as it takes to keep a table's columns where they are.
fn seconds_as_n(line: &str) -> String {
    line.replace("XX", "")
}

fn json(speil: &Speil, args: &[&str]) -> serde_json::Value {
    serde_json::from_str(&speil.run(args).out).expect("JSON")
}

/// As if so much time had passed since everything that the mirror recorded.
fn time_passes(speil: &Speil, millis: i64) {
    let db = rusqlite::Connection::open(speil.mirror(TENANT)).expect("a SQLite file");
    let back = |table: &str, columns: &[&str]| {
        let set: Vec<_> = columns.iter().map(|column| format!("{column} = {column} - {millis}")).collect();
        db.execute(&format!("UPDATE {table} SET {}", set.join(", ")), []).expect("writable");
    };
    back("speil_cycles", &["started_at", "last_call_at", "completed_at"]);
    back("speil_events", &["at"]);
    back("speil_tables", &["last_change_at", "last_confirmed_at", "fill_started_at", "error_at", "gone_at"]);
}

#[tokio::test]
async fn look() {
    let mut speil = speil!();
    println!("EMPTY {:?}", speil.run(&["status"]));
    drop(speil);
    speil = begun().await;
    filled(&speil, "contact", 1_200, 0).await;
    filled(&speil, "person", 2, 9).await;
    let show = |what: &str, speil: &Speil| {
        println!("=========== {what}");
        let (code, text) = said(speil, &["status"]);
        println!("{code:?}\n{text}\n-----------");
        let (code, text) = said(speil, &["status", TENANT]);
        println!("{code:?}\n{text}\n-----------");
        println!("{}", serde_json::to_string_pretty(&json(speil, &["status", TENANT, "--json"])).expect("x"));
    };
    show("half", &speil);
    drop(speil);
    let speil = finished().await;
    show("finished", &speil);
    time_passes(&speil, 6 * 24 * HOUR + HOUR / 2);
    show("silent", &speil);
    drop(speil);
    let speil = finished().await;
    succeeds(&speil, "Authenticate", "<ClientState/>").await;
    succeeds(&speil, "TableSchema", &soap::tables(&["contact", "person", "sale"])).await;
    let batch = soap::batch("contact", 7..9, 10).replace("[I:8]", "[I:eight]");
    let told = call_as(speil.address(), TENANT, "RowData", &soap::row_data(&[batch])).await.refused();
    println!("told {told}");
    show("row", &speil);
    drop(speil);
    let speil = finished().await;
    let old = issuer().issue(APPLICATION, TENANT, now() - 3_600).expect("signed");
    let told = call(speil.address(), "Authenticate", &soap::envelope(&old, "Authenticate", "<ClientState/>")).await.refused();
    println!("told {told}");
    show("refused", &speil);
    let _ = token;
}
