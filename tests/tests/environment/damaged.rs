//! The mirror's file or its log is damaged: before the host starts, or under its hands.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use speil_tests::speil;

use super::two::{Two, says};

const DAMAGED: &str =
    "the mirror file is damaged; restore it from a backup, or remove it so that the tenant is mirrored anew";

/// The file and its log as they are.
fn set_aside(file: &Path) -> PathBuf {
    let db = Connection::open(file).expect("a SQLite file");
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("nobody else writes");
    drop(db);
    let copy = file.with_extension("copy");
    std::fs::copy(file, &copy).expect("copied");
    copy
}

/// Writes something else over it from this byte on, as a program may that has nothing to do with SQLite.
fn damage(file: &Path, from: u64) {
    let mut file = std::fs::OpenOptions::new().write(true).open(file).expect("it is ours");
    let until = file.metadata().expect("there").len();
    assert!(until > from, "{until} bytes");
    let bytes: Vec<u8> = (0..until - from).map(|at| u8::try_from(at % 251).expect("small")).collect();
    file.seek(SeekFrom::Start(from)).expect("a file");
    file.write_all(&bytes).expect("writable");
}

/// Damaged while the host is down, from this byte on; mended by putting a copy in its place.
async fn damaged(from: u64, words: &str) {
    let mut two = Two::mirrored(speil!(), 400).await;
    let file = two.speil.file("Cust1");
    two.speil.kill();
    let copy = set_aside(&file);
    damage(&file, from);
    two.start();

    says(&two.told().await, &format!("{}: {words}", file.display()));
    two.other_is_served().await;
    std::fs::rename(&copy, &file).expect("the host holds no damaged file open");
    two.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_beginning_is_damaged_stops_its_tenant_alone_until_a_backup_is_back() {
    let words = "the file is no SQLite database, or its beginning is damaged; restore it from a backup, or remove it so that the \
                 tenant is mirrored anew";
    damaged(0, words).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_pages_are_damaged_stops_its_tenant_alone_until_a_backup_is_back() {
    damaged(4_096, DAMAGED).await;
}

/// All pages but the first, while the host has the file open and has read them before.
#[tokio::test(flavor = "multi_thread")]
async fn pages_that_are_overwritten_under_the_host_stop_their_tenant_alone_until_a_backup_is_back() {
    let mut two = Two::mirrored(speil!(), 400).await;
    let file = two.speil.file("Cust1");
    let copy = set_aside(&file);
    damage(&file, 4_096);

    says(&two.told().await, &format!("{}: {DAMAGED}", file.display()));
    two.other_is_served().await;
    // What it had read before does not come back, however often it is asked.
    says(&two.told().await, DAMAGED);
    two.other_is_served().await;
    std::fs::rename(&copy, &file).expect("the host holds no damaged file open");
    two.recovers().await;
    // Whole again, not as far as somebody has looked only.
    let db = Connection::open(&file).expect("a SQLite file");
    let check: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("it can be read");
    assert_eq!(check, "ok");
}

/// Its log, after the host was killed: what SQLite finds in it that is whole is an earlier moment, from which the next cycle goes
/// on. Nobody is told anything, since nothing has to be done.
async fn damaged_log(share: u64) {
    let mut two = Two::mirrored(speil!(), 400).await;
    for _ in 0..3 {
        two.troubled.source.work(20);
        two.troubled.cycle().await;
    }
    let log = two.speil.file("Cust1").with_extension("db-wal");
    two.speil.kill();
    let bytes = std::fs::metadata(&log).expect("a killed host leaves its log").len();
    damage(&log, bytes * share / 8);
    two.start();
    if Connection::open(two.speil.file("Cust1")).expect("a file").table_exists(None, "story").expect("readable") {
        two.troubled.is_nowhere_ahead().await;
    }
    two.troubled.source.work(5);
    two.recovers().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_end_is_damaged_costs_the_last_commits_and_the_next_cycle_brings_them_again() {
    damaged_log(7).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_damaged_from_its_middle_on_costs_what_was_in_it_and_the_next_cycle_brings_it_again() {
    damaged_log(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_damaged_from_its_first_byte_on_costs_all_that_was_in_it_and_the_next_cycle_brings_it_again() {
    damaged_log(0).await;
}

/// Removed, as the sentence says, while the host runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_that_is_removed_is_mirrored_anew() {
    let mut two = Two::mirrored(speil!(), 60).await;
    let file = two.speil.file("Cust1");
    two.speil.kill();
    set_aside(&file);
    damage(&file, 0);
    two.start();
    says(&two.told().await, "remove it so that the tenant is mirrored anew");
    std::fs::remove_file(&file).expect("the host holds no damaged file open");
    two.recovers().await;
}
