//! What a test leaves out because this machine lacks something for it. The test passes all the same, and a passing test's
//! output is kept back: so the line goes past the test harness, to whoever runs it and into the log that `.ci/run` looks through.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

/// Says what is left out and why, once in a process.
pub fn skipped(what: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(what.to_owned()) {
        // In one piece, since other tests write too. Whoever closed the stream does not want to know.
        let _ = std::io::stderr().write_all(format!("SKIPPED: {what}\n").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    /// Set in the process that plays the machine which lacks something.
    const LACKING: &str = "SPEIL_TEST_LACKING";

    #[test]
    fn whoever_runs_the_tests_reads_it_once_although_the_test_passes() {
        if std::env::var_os(LACKING).is_some() {
            super::skipped("a unicorn, which this machine has not");
            super::skipped("a unicorn, which this machine has not");
            println!("this is kept back");
            return;
        }
        let this = "kit::skipped::tests::whoever_runs_the_tests_reads_it_once_although_the_test_passes";
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        let ended = command.args(["--exact", this]).env(LACKING, "1").output().expect("it starts");
        let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        assert!(ended.status.success() && out.contains("1 passed"), "{out}{err}");
        assert!(!out.contains("kept back"), "the harness hides what a passing test prints: {out}");
        assert_eq!(err, "SKIPPED: a unicorn, which this machine has not\n");
    }
}
