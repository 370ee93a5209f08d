//! Folders, environment, secrets.

use speil::protocol::names::Operation;

use super::{grants, powers, run};
use crate::plugins::{begin, host, person};

#[tokio::test]
async fn a_granted_folder_is_there_and_nothing_around_it() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    std::fs::write(inside.join("a.txt"), "content").unwrap();
    std::fs::write(folder.path().join("outside.txt"), "outside").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(folder.path().join("outside.txt"), inside.join("link.txt")).unwrap();
    let script = "read /data/a.txt
        write /data/b.txt
        list /data
        read /data/../outside.txt
        read /data/link.txt
        read /etc/passwd
        list /";
    for (write, written) in [(false, false), (true, true)] {
        let granted = format!(
            "{}folders = [{{ host = '{}', guest = \"/data\", write = {write} }}]",
            grants("read", ""),
            inside.display()
        );
        let answers = run(&powers(&granted, script), None).await;
        let answers: Vec<&str> = answers.lines().collect();
        assert_eq!(answers[0], "content");
        assert_eq!(answers[1] == "written", written, "{answers:?}");
        assert!(answers[3..].iter().all(|answer| answer.starts_with("ERROR ")), "{answers:?}");
        assert_eq!(inside.join("b.txt").exists(), written);
    }
}

#[tokio::test]
async fn without_a_grant_there_is_no_folder_and_no_variable() {
    let answers = run(&powers(&grants("read", ""), "list /\nread /etc/passwd\nenv PATH\nenv HOME"), None).await;
    let answers: Vec<&str> = answers.lines().collect();
    assert!(answers[..2].iter().all(|answer| answer.starts_with("ERROR ")), "{answers:?}");
    assert_eq!(answers[2..], ["none", "none"]);
}

#[tokio::test]
async fn named_variables_and_no_others() {
    // One that is set wherever cargo runs tests.
    let granted = format!("{}environment = [\"CARGO_MANIFEST_DIR\"]", grants("read", ""));
    let answers = run(&powers(&granted, "env CARGO_MANIFEST_DIR\nenv PATH"), None).await;
    assert_eq!(answers, format!("{}\nnone", env!("CARGO_MANIFEST_DIR")));
}

#[tokio::test]
async fn a_secret_is_read_and_never_written_anywhere() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token.txt");
    std::fs::write(&file, "hunter2-hunter2\n").unwrap();
    let granted = format!("{}[secrets]\ntoken = {{ file = '{}' }}", grants("read", ""), file.display());
    let answers = run(&powers(&granted, "config token\nfail the token is hunter2-hunter2"), None).await;
    assert!(answers.starts_with("***\n") && answers.contains("the token is ***"), "{answers}");
    assert!(!answers.contains("hunter2"), "{answers}");
    // Nor in the last words of one that stumbles over it.
    let answers = run(&powers(&granted, "panic token"), None).await;
    assert!(answers.contains("; its last words: panicked at ") && answers.ends_with(": ***"), "{answers}");
    assert!(!answers.contains("hunter2"), "{answers}");
    // Nor where it is taken for a name, and in what administrators are shown.
    let sidecar = format!("[secrets]\n\"person.drop\" = {{ file = '{}' }}", file.display());
    let host = host(&[("t.wasm", speil_test_guests::TRANSFORMER), ("t.toml", sidecar.as_bytes())]);
    let failure = begin(&host, Operation::TableSchema).plan(&person()).await.map(drop).expect_err("no such column");
    assert!(failure.message.contains("its plan drops `***`, and the table has no column of that name"), "{failure}");
    let listed = serde_json::to_string(&host.list()).unwrap();
    assert!(listed.contains("its plan drops `***`") && !listed.contains("hunter2"), "{listed}");
}
