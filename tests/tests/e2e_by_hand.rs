//! What happens to a mirror behind the program's back: another package's mirror taken over, a file put back from a copy, tables
//! and columns whose names change by case alone, hand edits at the worst moment. The mirror is the source in the end, and
//! nothing is filled anew that need not be.

use speil_tests::kit::host::TENANT;
use speil_tests::kit::tenant::{many_calls, small};
use speil_tests::kit::{Speil, Tenant, client, soap};
use speil_tests::speil;

use speil::task::cycle::{CycleEnd, CycleOptions, CycleReport};
use speil::task::mirror_file::quoted;
use speil::task::source::{RefillReason, SchemaChange};

/// The names of the tables that a cycle filled, sorted.
fn filled(report: &CycleReport) -> Vec<String> {
    let mut names: Vec<_> =
        report.tables.iter().filter(|sent| sent.filled.is_some()).map(|sent| sent.table.clone()).collect();
    names.sort();
    names
}

/// Tables by their rows, those with most first.
fn largest(tenant: &Tenant) -> Vec<String> {
    let mut tables: Vec<_> = tenant.source.tables().iter().collect();
    tables.sort_by_key(|table| std::cmp::Reverse(table.len()));
    tables.into_iter().map(|table| table.name().to_owned()).collect()
}

/// Leaves in the file what another package would: the tables, and its own metadata table.
fn as_another_package_made_it(tenant: &Tenant) {
    let metadata = tenant.file().metadata();
    let script = format!(
        "BEGIN;
         CREATE TABLE kept AS SELECT tablename, LSN FROM {metadata};
         DROP TABLE {metadata};
         CREATE TABLE {metadata} (tablename nvarchar(128) NOT NULL PRIMARY KEY, schemahash varbinary(32) NULL, LSN bigint NULL);
         INSERT INTO {metadata} SELECT tablename, x'00112233', LSN FROM kept;
         DROP TABLE kept;
         DROP TABLE speil_meta; DROP TABLE speil_tables; DROP TABLE speil_cycles; DROP TABLE speil_events;
         CREATE TABLE of_the_administrator (id integer PRIMARY KEY, note text);
         INSERT INTO of_the_administrator VALUES (1, 'mine');
         COMMIT;"
    );
    tenant.sql().execute_batch(&script).expect("an administrator may do this");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_of_another_package_is_taken_over_where_it_agrees() {
    let mut speil = speil!();
    speil.start();
    let mut tenant = Tenant::new(&speil, "Cust10195", small(1));
    tenant.is_mirrored().await;
    speil.kill();
    as_another_package_made_it(&tenant);
    let tables = largest(&tenant);
    let (differs, agrees) = (tables[0].clone(), tables[1].clone());
    let column = tenant.source.table(&differs).expect("it is there").columns()[1].name().to_owned();
    let drop = format!("ALTER TABLE {} DROP COLUMN {}", quoted(&differs), quoted(&column));
    tenant.sql().execute_batch(&drop).expect("possible");
    let lsn = tenant.lsn(&agrees);
    assert!(lsn > 0);

    speil.start();
    tenant.call_again(&speil);
    let at = tenant.source.index_of(&agrees).expect("it is there");
    tenant.source.update(at, 1);
    let report = tenant.cycle().await.clone();
    assert_eq!((report.end, filled(&report)), (CycleEnd::Completed, vec![differs]));
    let sent = report.table(&agrees).expect("its one change came");
    assert_eq!((sent.filled, sent.counts.updates), (None, 1));
    tenant.is_mirrored().await;

    let sql = tenant.sql();
    let note: String = sql.query_row("SELECT note FROM of_the_administrator", [], |row| row.get(0)).expect("it stays");
    assert_eq!(note, "mine");
    let hash: Vec<u8> = sql
        .query_row(&format!("SELECT schemahash FROM {} LIMIT 1", tenant.file().metadata()), [], |row| row.get(0))
        .expect("the other package's column stays");
    assert_eq!(hash, [0x00, 0x11, 0x22, 0x33]);
}

/// A table of the same name that is in nobody's metadata is somebody's own: it is neither dropped nor overwritten.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_the_administrators_is_not_mirrored_over() {
    let mut speil = speil!();
    speil.start();
    let mut tenant = Tenant::new(&speil, "Cust10195", small(1));
    let name = largest(&tenant)[0].clone();
    tenant.client.authenticate().await.expect("answered");
    let info = tenant.source.tables()[0].info();
    tenant.client.table_schema(&[info]).await.expect("answered");
    let first = tenant.source.tables()[0].name().to_owned();
    let theirs = largest(&tenant).into_iter().find(|name| *name != first).expect("another table");
    let make = format!("CREATE TABLE {0} (mine text); INSERT INTO {0} VALUES ('kept')", quoted(&theirs));
    tenant.sql().execute_batch(&make).expect("an administrator may do this");

    let report = tenant.cycle().await;
    assert_eq!(report.end, CycleEnd::Failed);
    assert!(report.problems.iter().all(|problem| problem.contains(&theirs)), "{:#?}", report.problems);
    let kept: String =
        tenant.sql().query_row(&format!("SELECT mine FROM {}", quoted(&theirs)), [], |row| row.get(0)).expect("kept");
    assert_eq!(kept, "kept");
    // The others are there.
    assert!(tenant.lsn(&first) > 0 && (name == theirs || tenant.lsn(&name) > 0));

    // Once it is out of the way, all is well.
    tenant.sql().execute_batch(&format!("ALTER TABLE {} RENAME TO theirs", quoted(&theirs))).expect("possible");
    tenant.forget();
    tenant.is_mirrored().await;
}

/// The file is put back from a copy while the host is stopped: it carries its own LSNs and catches up.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_put_back_from_an_older_copy_catches_up() {
    let mut speil = speil!();
    speil.start();
    let mut tenant = Tenant::new(&speil, "Cust10195", small(2));
    tenant.is_mirrored().await;
    let copy = speil.folder().join("copy.db");
    tenant.file().backup(&copy).expect("a copy can be made while the host runs");
    let old_schema = tenant.source.clone();
    tenant.source.work(200);
    let changed = largest(&tenant)[0].clone();
    let column = old_schema.table(&changed).expect("it is there").columns()[1].name().to_owned();
    let rename = SchemaChange::RenameColumn { table: changed.clone(), column, to: "its_new_name".into() };
    tenant.source.alter(rename).expect("possible");
    tenant.is_mirrored().await;

    speil.kill();
    let file = tenant.file().path().to_owned();
    for suffix in ["-wal", "-shm"] {
        let beside = std::path::PathBuf::from(format!("{}{suffix}", file.display()));
        if beside.exists() {
            std::fs::remove_file(beside).expect("writable");
        }
    }
    std::fs::copy(&copy, &file).expect("writable");
    speil.start();
    tenant.call_again(&speil);
    tenant.source.work(50);
    let report = tenant.cycle().await;
    // Only the table whose schema the copy does not know is filled.
    assert_eq!((report.end, filled(report)), (CycleEnd::Completed, vec![changed]));
    tenant.is_mirrored().await;
}

/// The mirror's file is deleted while the host runs, with its log, as an administrator does who wants everything anew.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn a_file_deleted_while_the_host_runs_is_made_anew() {
    let mut speil = speil!();
    speil.start();
    let mut tenant = Tenant::new(&speil, "Cust10195", small(2));
    tenant.is_mirrored().await;
    let file = tenant.file().path().to_owned();
    for suffix in ["", "-wal", "-shm"] {
        let part = std::path::PathBuf::from(format!("{}{suffix}", file.display()));
        if part.exists() {
            std::fs::remove_file(part).expect("writable");
        }
    }
    let tables = tenant.source.tables().len();
    let report = tenant.cycle().await;
    assert_eq!((report.end, report.filled()), (CycleEnd::Completed, tables), "{:#?}", report.problems);
    tenant.is_mirrored().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_change_by_case_alone_keep_their_rows() {
    let mut speil = speil!();
    speil.start();
    let mut tenant = Tenant::new(&speil, "Cust10195", small(3));
    tenant.is_mirrored().await;
    let name = largest(&tenant)[0].clone();
    let upper = if name == name.to_uppercase() { name.to_lowercase() } else { name.to_uppercase() };
    let column = tenant.source.table(&name).expect("it is there").columns()[1].name().to_owned();
    let to = if column == column.to_uppercase() { column.to_lowercase() } else { column.to_uppercase() };
    let rename = SchemaChange::RenameColumn { table: name.clone(), column, to };
    tenant.source.alter(rename).expect("possible");
    tenant.source.alter(SchemaChange::RenameTable { table: name, to: upper.clone() }).expect("possible");

    let report = tenant.cycle().await;
    assert_eq!((report.end, filled(report)), (CycleEnd::Completed, Vec::<String>::new()));
    let at = tenant.source.index_of(&upper).expect("it is there");
    tenant.source.update(at, 1);
    tenant.is_mirrored().await;
}

/// The administrator asks for a table anew while it is being filled, and while its changes come.
#[tokio::test(flavor = "multi_thread")]
async fn a_resync_by_hand_in_the_middle_of_a_cycle_is_honoured() {
    let mut speil = speil!();
    speil.start();
    let mut tenant = Tenant::new(&speil, "Cust10195", small(4));
    tenant.is_mirrored().await;
    let table = largest(&tenant)[0].clone();
    let at = tenant.source.index_of(&table).expect("it is there");

    // Between TableSchema and RowData: the rows that come now are changes to a table that is to be filled.
    tenant.source.update(at, 1);
    let infos: Vec<_> = tenant.source.tables().iter().map(speil::task::source::SourceTable::info).collect();
    tenant.client.table_schema(&infos).await.expect("answered");
    tenant.file().delete_a_row(&table).expect("writable");
    tenant.file().set_refill(Some(&table)).expect("writable");
    let source = tenant.source.clone();
    let rows = [(1, speil::protocol::messages::RowOp::Update)];
    let batches: Vec<_> =
        speil::task::batching::Batcher::new(&source.tables()[at], rows.into_iter(), 1_000_000, source.version())
            .collect();
    // Taken or refused, it must not end the wish for a refill.
    let _answered = tenant.client.row_data(&batches).await;
    assert_eq!(tenant.lsn(&table), -1, "changes that came after the hand edit made the table pass for filled");
    let report = tenant.cycle().await;
    assert_eq!(filled(report), vec![table.clone()]);
    assert_eq!(report.table(&table).and_then(|sent| sent.filled), Some(RefillReason::New));
    tenant.is_mirrored().await;

    // In the middle of a fill.
    tenant.file().set_refill(Some(&table)).expect("writable");
    tenant.cycle_with(&CycleOptions { stop_after: Some(1), ..many_calls() }).await;
    tenant.file().set_refill(None).expect("writable");
    tenant.is_mirrored().await;
}

/// The administrators' command line does the same as their hands.
#[tokio::test(flavor = "multi_thread")]
async fn resync_and_wipe_from_the_command_line_fill_anew() {
    let mut speil = speil!();
    speil.start();
    let mut tenant = Tenant::new(&speil, "Cust10195", small(5));
    tenant.is_mirrored().await;
    let tables = largest(&tenant);
    let done = speil.run(&["resync", "cust10195-is-not-there", &tables[0]]);
    assert_eq!(done.code, Some(1), "{done:?}");
    let done = speil.run(&["resync", "Cust10195", &tables[0].to_uppercase()]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{done:?}");
    assert_eq!(done.out, format!("1 table of Cust10195 will be filled anew in its next cycle: {}\n", tables[0]));
    let done = speil.run(&["wipe", "Cust10195", &tables[1], "--yes"]);
    assert_eq!((done.code, done.err.as_str()), (Some(0), ""), "{done:?}");
    let mut wanted = vec![tables[0].clone(), tables[1].clone()];
    wanted.sort();
    let report = tenant.cycle().await;
    assert_eq!(filled(report), wanted);
    tenant.is_mirrored().await;
}

/// By hand in the file of the usual tenant.
fn by_hand(speil: &Speil) -> rusqlite::Connection {
    rusqlite::Connection::open(speil.mirror(TENANT)).expect("a SQLite file")
}

async fn schema(speil: &Speil, infos: &[String]) -> client::Answer {
    let tables =
        infos.iter().fold(String::new(), |tables, info| tables + "<d:TableSchemaInfo>" + info + "</d:TableSchemaInfo>");
    client::call_as(speil.address(), TENANT, "TableSchema", &format!("<ClientState/><Tables>{tables}</Tables>")).await
}

/// Every value of the query's first column.
fn column(speil: &Speil, query: &str) -> Vec<String> {
    let db = by_hand(speil);
    let mut statement = db.prepare(query).expect("a query");
    let values = statement.query_map([], |row| row.get(0)).expect("it runs");
    values.collect::<Result<_, _>>().expect("texts")
}

/// Databases disagree whether `person` and `person ` are one table: such a table is not mirrored, and takes no other along.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_with_a_space_at_an_end_takes_no_other_table_along() {
    let mut speil = speil!();
    speil.start();
    let infos = ["other", " person", "contact "].map(soap::table_info);
    for round in 0..3 {
        let answer = schema(&speil, &infos).await;
        answer.succeeded();
        assert!(!answer.body.contains("person") && !answer.body.contains("contact"), "{}", answer.body);
        let why = "SELECT message FROM speil_events WHERE message LIKE '%\" person\"%white space%'";
        assert!(!column(&speil, why).is_empty());
        if round == 0 {
            let script = "CREATE TABLE person (mine text); INSERT INTO person VALUES ('kept')";
            by_hand(&speil).execute_batch(script).expect("an administrator may do this");
        }
        assert_eq!(column(&speil, "SELECT mine FROM person"), ["kept"]);
        assert_eq!(column(&speil, &format!("SELECT tablename FROM \"{TENANT}_mirroring\"")), ["other"]);
    }
    let rows = soap::row_data(&[soap::batch(" person", 0..2, 5)]);
    assert!(client::call_as(speil.address(), TENANT, "RowData", &rows).await.refused().contains("white space"));
}

/// Table and metadata row are deleted by hand; what then comes to have the name is the administrator's.
#[tokio::test(flavor = "multi_thread")]
async fn an_own_table_in_the_place_of_one_that_was_reset_stays() {
    let mut speil = speil!();
    speil.start();
    let (other, person) = (soap::table_info("other"), soap::table_info("person"));
    schema(&speil, &[other.clone(), person.clone()]).await.succeeded();
    let script = format!(
        "DROP TABLE person; DELETE FROM \"{TENANT}_mirroring\" WHERE tablename = 'person';
         CREATE TABLE person (mine text); INSERT INTO person VALUES ('kept')"
    );
    by_hand(&speil).execute_batch(&script).expect("an administrator may do this");
    schema(&speil, std::slice::from_ref(&other)).await.succeeded();
    let answer = schema(&speil, &[other, person]).await;
    answer.succeeded();
    assert!(!answer.body.contains("person"), "{}", answer.body);
    assert_eq!(column(&speil, "SELECT message FROM speil_events WHERE message LIKE '%speil did not make%'").len(), 1);
    assert_eq!(column(&speil, "SELECT mine FROM person"), ["kept"]);
}

/// Rows of another package that no table of the source's shape can hold: the table is filled anew, like any that differs.
#[tokio::test(flavor = "multi_thread")]
async fn a_takeover_whose_rows_cannot_be_kept_is_filled_anew() {
    let mut speil = speil!();
    speil.start();
    let person = soap::table_info("person");
    let contact = soap::table_info("contact").replace("<d:IsNullable>true", "<d:IsNullable>false");
    let sale = soap::table_info("sale").replace("nvarchar(255)", "money");
    schema(&speil, &[soap::table_info("other")]).await.succeeded();
    let script = format!(
        "CREATE TABLE person (person_id int NOT NULL, name nvarchar(255)); INSERT INTO person VALUES (1, 'a'), (1, 'b');
         CREATE TABLE contact (contact_id int NOT NULL, name nvarchar(255)); INSERT INTO contact VALUES (1, NULL);
         CREATE TABLE sale (sale_id int NOT NULL PRIMARY KEY, name money); INSERT INTO sale VALUES ('no number', 1);
         INSERT INTO \"{TENANT}_mirroring\" (tablename, LSN) VALUES ('person', 100), ('contact', 100), ('sale', 100)"
    );
    by_hand(&speil).execute_batch(&script).expect("another package did this");
    let infos = [soap::table_info("other"), person, contact, sale];
    schema(&speil, &infos).await.succeeded();
    let lsns = format!("SELECT tablename || ' ' || LSN FROM \"{TENANT}_mirroring\"");
    assert_eq!(column(&speil, &lsns), ["other -1", "person -1", "contact -1", "sale -1"]);
    let left = "SELECT person_id || '' FROM person UNION ALL SELECT contact_id FROM contact UNION ALL SELECT sale_id FROM sale";
    assert_eq!(column(&speil, left), [""; 0]);
    schema(&speil, &infos).await.succeeded();
    let rows = soap::row_data(&[soap::batch("person", 0..2, 5)]);
    client::call_as(speil.address(), TENANT, "RowData", &rows).await.succeeded();
}

/// Without a key a row that is written twice stands there twice, so a batch that is in the mirror already is not applied.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_comes_again_for_a_table_without_a_key_is_applied_once() {
    let mut speil = speil!();
    speil.start();
    let keyless = |text: String| text.replace("<d:IsNullable>false", "<d:IsNullable>true");
    schema(&speil, &[keyless(soap::table_info("log"))]).await.succeeded();
    client::call_as(speil.address(), TENANT, "Wipe", &soap::wipe("log")).await.succeeded();
    let rows = async |keys, lsn| {
        let rows = soap::row_data(&[keyless(soap::batch("log", keys, lsn))]);
        client::call_as(speil.address(), TENANT, "RowData", &rows).await.succeeded();
    };
    rows(0..2, 0).await;
    rows(2..3, 50).await;
    rows(2..3, 50).await;
    rows(1..3, 40).await;
    rows(3..4, 0).await;
    rows(4..5, 51).await;
    assert_eq!(column(&speil, "SELECT log_id || '' FROM log ORDER BY rowid"), ["0", "1", "2", "3", "4"]);
    // A fill from nothing may have any LSN.
    client::call_as(speil.address(), TENANT, "Wipe", &soap::wipe("log")).await.succeeded();
    rows(7..8, 40).await;
    assert_eq!(column(&speil, "SELECT log_id || '' FROM log"), ["7"]);
}
