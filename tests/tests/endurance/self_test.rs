//! Whether the one who watches, and the comparison at the end, can see a fault: each is put into a mirror by hand, and each must
//! be found.

use std::sync::Arc;

use speil::task::endpoint::Endpoint;
use speil_tests::kit::Speil;

use super::judge::{equal, judge};
use super::look::{self, Look};
use super::shared::Shared;
use super::tenant::Tenant;

/// A tenant that has made a whole cycle against a host that is alive.
async fn mirrored() -> (Speil, Tenant) {
    let mut speil = speil_tests::speil!();
    tokio::task::block_in_place(|| speil.start());
    let endpoint = Endpoint::new(&speil.url(), None).expect("a URL");
    let mut tenant = Tenant::new(1, 7, &speil.folder().join("mirrors"), endpoint, Arc::new(Shared::new()));
    tenant.is_mirrored().await.expect("nothing is wrong yet");
    (speil, tenant)
}

fn look(tenant: &Tenant) -> Look {
    look::take(&tenant.file(), &tenant.name).expect("readable").mirror().expect("a mirror")
}

fn by_hand(tenant: &Tenant, sql: &str) {
    rusqlite::Connection::open(tenant.file()).and_then(|db| db.execute_batch(sql)).expect("done by hand");
}

/// Each fault on a mirror that was right before: what was done, and what must be said of it.
const FAULTS: [(&str, &str); 5] = [
    ("DELETE FROM contact WHERE contact_id = 17", "row 17 is missing"),
    ("UPDATE contact SET name = 'somebody else' WHERE contact_id = 18", "row 18, which was not written since"),
    ("UPDATE sale SET amount = amount + 1e-9, rank = rank + 1 WHERE sale_id = 3", "row 3, which was not written since"),
    ("INSERT INTO note (note_id, rank) VALUES (4000, 1)", "row 4000, which was not written since"),
    ("UPDATE Cust1_mirroring SET LSN = LSN + 1 WHERE tablename = 'person'", "LSN 1001, which no cycle ever sent"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_put_into_a_mirror_is_seen_by_the_watcher_and_by_the_comparison() {
    for (fault, told) in FAULTS {
        let (_speil, mut tenant) = mirrored().await;
        let moments = tenant.history.now();
        let newest = moments.sources.back().expect("a cycle began").clone();
        let before = judge(&look(&tenant), &moments);
        assert!(before.wrong.is_empty() && before.rows == newest.rows(), "{before:#?}");
        assert_eq!(equal(&look(&tenant), &newest), Vec::<String>::new());

        by_hand(&tenant, fault);
        let after = judge(&look(&tenant), &moments);
        assert!(after.wrong.len() == 1 && after.wrong[0].contains(told), "{fault}: {after:#?}");
        assert!(!equal(&look(&tenant), &newest).is_empty(), "{fault}");
        // A comparison does not look at LSNs above zero; but a mirror ahead of its source is filled anew, which heals it.
        if fault.contains("LSN") {
            continue;
        }
        let compared = tenant.is_mirrored().await.expect_err("a difference that the next cycle cannot know of");
        assert!(compared.contains("1 differ") || compared.contains("2 differ"), "{fault}: {compared}");
    }
}

/// The case that the whole harness is there for: the LSN of a cycle without all of its rows.
#[tokio::test(flavor = "multi_thread")]
async fn an_lsn_that_came_before_its_rows_is_seen_and_rows_before_their_lsn_are_right() {
    let (_speil, mut tenant) = mirrored().await;
    tenant.writes(60);
    let written = tenant.history.begins(tenant.source());
    let moments = tenant.history.now();
    assert!(judge(&look(&tenant), &moments).wrong.is_empty(), "a mirror that has not been told yet is right");

    // One row of the new cycle comes through: it is ahead of the LSN, which is right.
    let table = written.table("contact").expect("there");
    let key = table.keys().last().expect("rows");
    let was = format!("SELECT count(*) FROM contact WHERE contact_id = {key}");
    let count: i64 = rusqlite::Connection::open(tenant.file())
        .and_then(|db| db.query_row(&was, [], |row| row.get(0)))
        .expect("counted");
    assert_eq!(count, 0, "the last key is new");
    let seen = look(&tenant);
    tenant.cycle().await;
    let whole = look(&tenant);
    let mut half = seen;
    let (contact, filled) = (table_of(&mut half, "contact"), table_of(&mut whole.clone(), "contact").clone());
    let new = filled.rows.iter().find(|row| row[0] == rusqlite::types::Value::Integer(key)).expect("mirrored").clone();
    contact.rows.push(new);
    assert!(judge(&half, &moments).wrong.is_empty(), "rows ahead of their LSN are right");

    // The LSN comes through without the other rows.
    table_of(&mut half, "contact").lsn = written.version();
    let wrong = judge(&half, &moments).wrong;
    assert!(!wrong.is_empty(), "an LSN ahead of its rows is not seen");
    assert!(judge(&whole, &moments).wrong.is_empty());
}

/// A commit that was acknowledged and has vanished whole, LSN and rows: the mirror it leaves behind is right in itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_was_acknowledged_and_has_vanished_is_seen() {
    let (_speil, mut tenant) = mirrored().await;
    let before = look(&tenant);
    tenant.writes(60);
    tenant.cycle().await;
    let (after, given) = (look(&tenant), tenant.promises.now());
    let tables = tenant.source().tables().len() as u64;
    assert_eq!(given.broken(&after, &given), (tables, Vec::new()), "what was promised is there");

    let is_right = judge(&before, &tenant.history.now()).wrong;
    assert!(is_right.is_empty(), "the cells say nothing of it: {is_right:#?}");
    let (_, broken) = given.broken(&before, &given);
    let of =
        |table: &str| broken.iter().any(|what| what.starts_with(table) && what.contains("what it brought is gone"));
    assert!(of("contact") && of("person"), "{broken:#?}");

    // With a table of which nobody knows any more, too.
    let mut less = after.clone();
    less.tables.retain(|table| table.name != "sale");
    let (_, broken) = given.broken(&less, &given);
    assert!(broken.len() == 1 && broken[0].starts_with("sale is gone"), "{broken:#?}");
}

/// What has a reason is no fault; and only of the table that it is about.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_may_fall_behind_what_was_acknowledged_for_a_reason() {
    let (_speil, mut tenant) = mirrored().await;
    let before = look(&tenant);
    tenant.writes(60);
    tenant.cycle().await;
    let given = tenant.promises.now();
    let count = |given: &super::promises::Given| given.broken(&before, &tenant.promises.now()).1.len();
    let all = count(&given);
    tenant.promises.by_hand(Some("contact"));
    assert_eq!(count(&given), all - 1, "an administrator set its LSN");
    assert_eq!(count(&tenant.promises.now()), all - 1, "nothing is promised of it any more");

    let mut source = tenant.source().clone();
    let person = source.index_of("person").expect("there");
    source.truncate(person);
    tenant.promises.before_cycle(&source);
    assert_eq!(count(&given), all - 2, "the source cannot go on from there");
    tenant.promises.by_hand(None);
    assert_eq!(count(&given), 0, "the mirror was put back from a copy");
}

fn table_of<'l>(look: &'l mut Look, name: &str) -> &'l mut look::SeenTable {
    look.tables.iter_mut().find(|table| table.name == name).expect("there")
}
