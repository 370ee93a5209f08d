//! The mirror's file or its folder may not be written, or somebody holds the file locked.

use std::path::Path;

use rusqlite::Connection;
use speil_tests::kit::Speil;
#[cfg(unix)]
use speil_tests::kit::{Tenant, tenant};
use speil_tests::speil;

use super::two::{Two, says};

/// What a tenant is told whose mirror cannot be made.
#[cfg(unix)]
const NOT_OPENED: &str = "the mirror file cannot be opened; check that its folder exists, that the account that runs speil may read and \
                          write there, and that it may have more files open than now";

const NOT_WRITTEN: &str =
    "the mirror file may not be written; give the account that runs speil write permission on it and its folder";

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
    says(&told, &format!("{}: {NOT_WRITTEN}", file.display()));
    two.other_is_served().await;
    may_be_written(&file, true);
    two.recovers().await;
}

/// The folder, while the host has files in it open. Their tenants go on; a newcomer's mirror cannot be made. After a restart those
/// whose log is gone cannot have one either.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_becomes_read_only_stops_whoever_needs_a_new_file_there_until_it_may_be_written() {
    let mut speil = speil!();
    without_the_right_to_override(&mut speil);
    let mut two = Two::mirrored(speil, 60).await;
    let mirrors = two.speil.folder().join("mirrors");
    let mut newcomer = Tenant::new(&two.speil, "Cust3", tenant::small(3));
    may_be_written(&mirrors, false);
    let told = super::two::told(&mut newcomer).await;
    says(&told, &format!("{}/Cust3.db: ", mirrors.display()));
    says(&told, NOT_OPENED);
    two.recovers().await;

    two.speil.kill();
    may_be_written(&mirrors, true);
    for tenant in ["Cust1", "Cust2"] {
        let db = Connection::open(two.speil.file(tenant)).expect("a SQLite file");
        db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("nobody else writes");
    }
    may_be_written(&mirrors, false);
    two.start();
    newcomer.call_again(&two.speil);
    says(&two.told().await, &format!("{}: {NOT_WRITTEN}", two.speil.file("Cust1").display()));
    may_be_written(&mirrors, true);
    two.recovers().await;
    newcomer.is_mirrored().await;
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
