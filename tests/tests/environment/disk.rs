//! No room on the disk.

use std::path::{Path, PathBuf};
use std::process::Command;

use speil::task::cycle::{CycleEnd, CycleOptions};
use speil::task::mirror_place::MirrorPlace;
use speil_tests::kit::{Speil, skipped};
use speil_tests::speil;

use super::two::{Two, says, told};

/// Sets a limit of the running host, or lifts it.
pub fn limit(speil: &Speil, which: &str) {
    let done = Command::new("prlimit").args(["--pid", &speil.process_id().to_string(), which]).status();
    assert!(done.expect("prlimit is there").success(), "{which}");
}

fn largest(folder: &Path) -> u64 {
    let files =
        std::fs::read_dir(folder).expect("readable").map(|file| file.expect("readable").metadata().expect("there"));
    files.map(|file| file.len()).max().expect("files")
}

/// A quota, as far as one file meets it: one tenant's file may not grow, those of others have room.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_may_not_grow_stops_its_tenant_alone_until_it_may() {
    let mut speil = speil!();
    // Else the system ends the program at the first byte too many.
    speil.start_through(&["sh", "-c", "trap '' XFSZ; exec \"$0\" \"$@\""]);
    let mut two = Two::mirrored(speil, 3_000).await;
    let mirrors = two.speil.folder().join("mirrors");
    limit(&two.speil, &format!("--fsize={}:", largest(&mirrors) + 200_000));
    for _ in 0..6_000 {
        two.troubled.source.insert(0);
    }
    let told = two.told().await;
    says(&told, "Cust1.db: the operating system failed to read or write the mirror file (disk I/O error");
    says(&told, "check the disk");
    two.other_is_served().await;
    two.troubled.is_nowhere_ahead().await;
    limit(&two.speil, "--fsize=unlimited:");
    two.recovers().await;
}

/// A disk of its own for the mirrors, four megabytes large, which only the host sees.
fn own_disk(speil: &mut Speil) -> bool {
    std::fs::create_dir_all(speil.folder().join("mirrors")).expect("writable");
    let mount = "mount -t tmpfs -o size=4m tmpfs mirrors";
    let possible = Command::new("unshare").args(["-rm", "sh", "-c", mount]).current_dir(speil.folder()).status();
    if !possible.is_ok_and(|status| status.success()) {
        skipped("a full disk, since this machine lets no program mount one for itself");
        return false;
    }
    speil.start_through(&["unshare", "-rm", "sh", "-c", &format!("{mount} && exec \"$0\" \"$@\"")]);
    true
}

/// The folder of mirrors as the host sees it.
fn seen(speil: &Speil) -> PathBuf {
    let folder = speil.folder().join("mirrors");
    Path::new("/proc")
        .join(speil.process_id().to_string())
        .join("root")
        .join(folder.strip_prefix("/").expect("absolute"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_told_and_once_there_is_room_the_next_call_comes_through() {
    let mut speil = speil!();
    if !own_disk(&mut speil) {
        return;
    }
    // Their mirrors cannot be read from here while they are on the host's own disk.
    speil.start();
    let mut tenants = ["Cust1", "Cust2"].map(|name| {
        let source = speil_tests::kit::tenant::small(name.len() as u64);
        speil_tests::kit::Tenant::new(&speil, name, source)
    });
    for tenant in &mut tenants {
        assert_eq!(tenant.cycle().await.end, CycleEnd::Completed);
    }
    let ballast = seen(&speil).join("ballast");
    // Until there is no room.
    let full = std::fs::write(&ballast, vec![0; 5_000_000]).expect_err("the disk is smaller");
    assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    for tenant in &mut tenants {
        let told = told(tenant).await;
        says(
            &told,
            &format!("{}.db: the disk is full; free some space, the next call carries on from there", tenant.name),
        );
    }
    std::fs::remove_file(&ballast).expect("ours");
    for tenant in &mut tenants {
        assert_eq!(tenant.cycle().await.end, CycleEnd::Completed);
        assert!(tenant.cycle_with(&CycleOptions::default()).await.tables.is_empty(), "nothing is left to send");
        // Nobody writes now, so a copy of file and log is the mirror.
        for suffix in ["", "-wal"] {
            let name = format!("{}.db{suffix}", tenant.name);
            std::fs::copy(seen(&speil).join(&name), speil.folder().join(&name)).expect("copied");
        }
        tenant.mirror = Some(MirrorPlace::file(speil.folder().join(format!("{}.db", tenant.name)), &tenant.name));
        tenant.compare().await.expect("readable");
        tenant.is_equal();
    }
}
