//! `speil:mirror/database` as a plug-in sees it.

use speil::plugins::CallHooks as _;
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
    insta::assert_snapshot!(run(&powers(&grants("write", ""), script), Some(&mirrored)).await);
    assert_eq!(mirrored.number("SELECT count(*) FROM sale"), 3);
    insta::assert_snapshot!(run(&powers(&grants("read", ""), script), Some(&mirrored)).await);
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
    insta::assert_snapshot!(lines.take().join("\n"));
    let mut call = begin(&host, Operation::ReplicationCompleted);
    insta::assert_snapshot!(answers(&lines, &mut *call).await);
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
