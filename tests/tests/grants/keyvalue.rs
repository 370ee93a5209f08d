//! `wasi:keyvalue`: of one plug-in, in one tenant's mirror.

use super::{Mirrored, grants, powers, run};
use crate::plugins::{File, Lines, begin, host};
use speil::protocol::names::Operation;

fn guest(script: &str) -> speil::plugins::PluginHost {
    powers(&grants("none", "").replace("database = \"none\"", "database = \"read\""), script)
}

#[tokio::test]
async fn values_outlive_the_call() {
    let mirrored = Mirrored::new().await;
    let script =
        "get a\nset a one\nset b two\nincrement n\nincrement n\nget a\nboth a x b\nkeys\nopen default\nopen other";
    insta::assert_snapshot!(run(&guest(script), Some(&mirrored)).await, @r#"
    none
    set
    set
    5
    10
    one
    one,none,two
    a,b,n
    opened
    ERROR no such store
    "#);
    insta::assert_snapshot!(run(&guest("get a\nget n\ndelete a\nget a\nkeys\nincrement b"), Some(&mirrored)).await, @r#"
    one
    10
    deleted
    none
    b,n
    ERROR the value of this key is no number that `increment` wrote
    "#);
}

#[tokio::test]
async fn another_plug_in_and_another_tenant_see_nothing_of_it() {
    let mirrored = Mirrored::new().await;
    run(&guest("set a one"), Some(&mirrored)).await;
    let sidecar = format!("[config]\nscript = \"get a\\nkeys\"\n{}", grants("read", ""));
    for name in ["powers0", "power", "other"] {
        let files: [File<'_>; 2] =
            [(&format!("{name}.wasm"), speil_test_guests::POWERS), (&format!("{name}.toml"), sidecar.as_bytes())];
        let lines = Lines::listen();
        let mut call = begin(&host(&files), Operation::ReplicationCompleted);
        call.attach(mirrored.db.clone());
        call.replication_completed(&[]).await;
        assert_eq!(lines.take(), [format!("INFO {name} none"), format!("INFO {name} ")]);
    }
    let other = Mirrored::new().await;
    assert_eq!(run(&guest("get a"), Some(&other)).await, "none");
}

#[tokio::test]
async fn sizes_are_bounded() {
    let mirrored = Mirrored::new().await;
    let mut script = String::from("set big *1048577\nset fits *1048576\nget \nset  x\n");
    script.extend((0..17).map(|number| format!("set key{number} *1000000\n")));
    let answers = run(&guest(&script), Some(&mirrored)).await;
    let answers: Vec<&str> = answers.lines().collect();
    assert_eq!(answers[0], "ERROR a value has at most 1048576 bytes, not 1048577");
    assert_eq!(answers[1], "set");
    assert!(answers[2].contains("a key has 1 to 256 characters"), "{}", answers[2]);
    assert!(answers.last().unwrap().contains("at most 16 MiB"), "{answers:?}");
    assert!(mirrored.number("SELECT sum(length(value)) FROM speil_values") <= 16 << 20);
}
