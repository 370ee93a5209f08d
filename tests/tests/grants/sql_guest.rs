//! `speil:mirror/database` as a plug-in sees it.

use speil::protocol::names::Operation;

use super::{Mirrored, answers, grants, powers, run};
use crate::plugins::{Lines, begin, person};

#[tokio::test]
async fn a_plug_in_reads_and_writes_what_it_is_granted() {
    let mirrored = Mirrored::new().await;
    let script = "engine
        prefix
        query SELECT id, name FROM sale ORDER BY id
        query SELECT value FROM json_each('[1,2,3,4,5,6]')
        query SELECT word FROM secret
        execute CREATE TABLE plugin_powers_t (x)
        many INSERT INTO plugin_powers_t VALUES (?1)
        query SELECT sum(x) FROM plugin_powers_t
        execute DELETE FROM sale";
    insta::assert_snapshot!(run(&powers(&grants("write", ""), script), Some(&mirrored)).await, @r#"
    sqlite
    plugin_powers_
    id,name: 1,'one' 2,'two' 3,NULL
    value: 1 2 3 4 5 and more
    ERROR denied: it may not read "secret": a plug-in reads the mirrored tables and its own, whose names begin with plugin_powers_
    0
    3
    sum(x): 6
    ERROR denied: it may not write "sale": a plug-in writes only what is its own, with names that begin with plugin_powers_
    "#);
    assert_eq!(mirrored.number("SELECT count(*) FROM sale"), 3);
    insta::assert_snapshot!(run(&powers(&grants("read", ""), script), Some(&mirrored)).await, @r#"
    sqlite
    plugin_powers_
    id,name: 1,'one' 2,'two' 3,NULL
    value: 1 2 3 4 5 and more
    ERROR denied: it may not read "secret": a plug-in reads the mirrored tables and its own, whose names begin with plugin_powers_
    ERROR denied: it may only read: add `database = "write"` under [grants] in its sidecar
    ERROR denied: it may only read: add `database = "write"` under [grants] in its sidecar
    sum(x): 6
    ERROR denied: it may only read: add `database = "write"` under [grants] in its sidecar
    "#);
}

#[tokio::test]
async fn there_is_no_database_in_transform_and_none_before_the_mirror_is_open() {
    let mirrored = Mirrored::new().await;
    let script = "query SELECT 1\nexecute CREATE TABLE plugin_powers_t (x)\nget a";
    let host = powers(&format!("in-transform = \"yes\"\n{}", grants("write", "")), script);
    let lines = Lines::listen();
    let mut call = begin(&host, Operation::TableSchema);
    call.attach(mirrored.db.clone());
    call.plan(&person()).await.unwrap();
    insta::assert_snapshot!(lines.take().join("\n"), @r#"
    INFO powers ERROR unavailable: `database` cannot be used in transform, while the call itself writes to the mirror; use rows-committed or replication-completed
    INFO powers ERROR unavailable: `database` cannot be used in transform, while the call itself writes to the mirror; use rows-committed or replication-completed
    INFO powers ERROR wasi:keyvalue cannot be used in transform, while the call itself writes to the mirror; use rows-committed or replication-completed
    "#);
    let mut call = begin(&host, Operation::ReplicationCompleted);
    insta::assert_snapshot!(answers(&lines, &mut *call).await, @r#"
    ERROR unavailable: the tenant's mirror is not open in this hook; use before-replicate-table, rows-committed or replication-completed
    ERROR unavailable: the tenant's mirror is not open in this hook; use before-replicate-table, rows-committed or replication-completed
    ERROR the tenant's mirror is not open in this hook; use before-replicate-table, rows-committed or replication-completed
    "#);
}

#[tokio::test]
async fn a_statement_without_an_end_costs_the_hook_its_time_and_nobody_else() {
    let mirrored = Mirrored::new().await;
    let script = "execute INSERT INTO plugin_powers_t WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) SELECT x FROM n";
    run(&powers(&grants("write", ""), "execute CREATE TABLE plugin_powers_t (x)"), Some(&mirrored)).await;
    let host = powers(&format!("{}[limits]\ntime = \"500ms\"", grants("write", "")), script);
    let told = run(&host, Some(&mirrored)).await;
    assert!(
        told.contains("took longer than its limit of 500 ms")
            || told.contains("the statement took longer than the hook may"),
        "{told}"
    );
    assert_eq!(mirrored.number("SELECT count(*) FROM plugin_powers_t"), 0);
    mirrored.db.ticket().await.unwrap();
}
