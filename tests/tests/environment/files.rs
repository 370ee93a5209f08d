//! The mirror's file may not be written, is damaged, or somebody holds it locked.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use speil_tests::kit::Speil;
use speil_tests::speil;

use super::two::{Two, says};

/// The administrator of the machine may write what nobody may write; the program that is tested must not be able to.
fn without_the_right_to_override(speil: &mut Speil) {
    #[cfg(unix)]
    {
        let id = std::process::Command::new("id").arg("-u").output().expect("id is there");
        if id.stdout.trim_ascii() == b"0" {
            speil.start_through(&["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]);
        }
    }
    let _ = speil;
}

fn may_be_written(file: &Path, yes: bool) {
    let mut permissions = std::fs::metadata(file).expect("there").permissions();
    permissions.set_readonly(!yes);
    std::fs::set_permissions(file, permissions).expect("it is ours");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_may_not_be_written_stops_its_tenant_alone_until_it_may() {
    let mut speil = speil!();
    without_the_right_to_override(&mut speil);
    let mut two = Two::mirrored(speil, 60).await;
    let file = two.speil.file("Cust1");
    two.speil.kill();
    may_be_written(&file, false);
    two.start();

    let told = two.told().await;
    says(
        &told,
        &format!(
            "{}: the mirror file may not be written; give the account that runs speil write permission on it and its folder",
            file.display()
        ),
    );
    two.other_is_served().await;
    may_be_written(&file, true);
    two.recovers().await;
}

/// The file and its log as they are.
fn set_aside(file: &Path) -> PathBuf {
    let db = Connection::open(file).expect("a SQLite file");
    db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("nobody else writes");
    drop(db);
    let copy = file.with_extension("copy");
    std::fs::copy(file, &copy).expect("copied");
    copy
}

fn damage(file: &Path, from: usize) {
    let mut bytes = std::fs::read(file).expect("readable");
    let until = bytes.len();
    assert!(until > from, "{until} bytes");
    bytes[from..].iter_mut().enumerate().for_each(|(at, byte)| *byte = u8::try_from(at % 251).expect("small"));
    std::fs::write(file, bytes).expect("writable");
}

/// Damaged while the host is down, from this byte on; mended by putting a copy in its place.
async fn damaged(from: usize, words: &str) {
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
    let words =
        "the mirror file is damaged; restore it from a backup, or remove it so that the tenant is mirrored anew";
    damaged(4_096, words).await;
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

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_another_program_holds_locked_stops_its_tenant_alone_until_it_lets_go() {
    let mut two = Two::mirrored(speil!(), 60).await;
    let file = two.speil.file("Cust1");
    let holder = Connection::open(&file).expect("a SQLite file");
    holder.execute_batch("BEGIN IMMEDIATE").expect("nobody writes");
    // While the one waits for the lock, the other is served.
    let Two { troubled, other, .. } = &mut two;
    other.source.work(5);
    let (told, ()) = tokio::join!(super::two::told(troubled), other.is_mirrored());
    let words = "another program holds the mirror file locked; the same call succeeds once that program has ended its transaction";
    says(&told, &format!("{}: {words}", file.display()));
    holder.execute_batch("ROLLBACK").expect("begun");
    two.recovers().await;
}
