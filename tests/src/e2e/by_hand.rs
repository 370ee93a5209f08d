//! What happens to a mirror behind the program's back: another package's mirror taken over, a file put back from a copy, tables
//! and columns whose names change by case alone, hand edits at the worst moment. The mirror is the source in the end, and
//! nothing is filled anew that need not be.

use speil::task::cycle::{CycleEnd, CycleOptions, CycleReport};
use speil::task::hand::{Rows, quoted};
use speil::task::source::{RefillReason, SchemaChange};

use super::At;
use crate::kit::host::TENANT;
use crate::kit::tenant::{many_calls, small};
use crate::kit::{Engine, Speil, Tenant, client, soap};

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

/// Leaves in the mirror what another package would: the tables, and its own metadata table.
async fn as_another_package_made_it(engine: &Engine, tenant: &Tenant) {
    let metadata = tenant.place().metadata();
    let rows = tenant.place().rows(&format!("SELECT tablename, LSN FROM {metadata}")).await.expect("readable");
    let mut script = format!(
        "DROP TABLE {metadata};
         CREATE TABLE {metadata} (tablename nvarchar(128) NOT NULL PRIMARY KEY, schemahash varbinary(32) NULL, LSN bigint NULL);
         DROP TABLE speil_meta; DROP TABLE speil_tables; DROP TABLE speil_cycles; DROP TABLE speil_events;
         CREATE TABLE of_the_administrator (id integer PRIMARY KEY, note varchar(40));
         INSERT INTO of_the_administrator VALUES (1, 'mine');"
    );
    for row in rows {
        let [Some(table), Some(lsn)] = &row[..] else { panic!("{row:?}") };
        let values = format!("{}, {}, {lsn}", tenant.place().text(table), engine.bytes("00112233"));
        let row = format!("INSERT INTO {metadata} VALUES ({values});");
        script.push_str(&row);
    }
    tenant.by_hand(&script).await;
}

pub async fn a_mirror_of_another_package_is_taken_over_where_it_agrees(at: At) {
    let mut speil = at.speil();
    speil.start();
    let mut tenant = Tenant::new(&speil, "Cust10195", small(1));
    tenant.is_mirrored().await;
    speil.kill();
    as_another_package_made_it(&at.engine, &tenant).await;
    let tables = largest(&tenant);
    let (differs, agrees) = (tables[0].clone(), tables[1].clone());
    let column = tenant.source.table(&differs).expect("it is there").columns()[1].name().to_owned();
    at.engine.drop_column(tenant.place(), &differs, &column).await.expect("possible");
    let lsn = tenant.lsn(&agrees).await;
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

    assert_eq!(seen(&tenant, "SELECT note FROM of_the_administrator").await, ["mine"]);
    let hashes = seen(&tenant, &format!("SELECT schemahash FROM {}", tenant.place().metadata())).await;
    assert!(hashes.contains(&"00112233".to_owned()), "the other package's column stays: {hashes:?}");
}

/// A table of the same name that is in nobody's metadata is somebody's own: it is neither dropped nor overwritten.
pub async fn a_table_of_the_administrators_is_not_mirrored_over(at: At) {
    let mut speil = at.speil();
    speil.start();
    let mut tenant = Tenant::new(&speil, "Cust10195", small(1));
    let name = largest(&tenant)[0].clone();
    tenant.client.authenticate().await.expect("answered");
    let info = tenant.source.tables()[0].info();
    tenant.client.table_schema(&[info]).await.expect("answered");
    let first = tenant.source.tables()[0].name().to_owned();
    let theirs = largest(&tenant).into_iter().find(|name| *name != first).expect("another table");
    let make = format!("CREATE TABLE {0} (mine varchar(9)); INSERT INTO {0} VALUES ('kept')", quoted(&theirs));
    tenant.by_hand(&make).await;

    let report = tenant.cycle().await;
    assert_eq!(report.end, CycleEnd::Failed);
    assert!(report.problems.iter().all(|problem| problem.contains(&theirs)), "{:#?}", report.problems);
    assert_eq!(seen(&tenant, &format!("SELECT mine FROM {}", quoted(&theirs))).await, ["kept"]);
    // The others are there.
    assert!(tenant.lsn(&first).await > 0 && (name == theirs || tenant.lsn(&name).await > 0));

    // Once it is out of the way, all is well.
    at.engine.rename_table(tenant.place(), &theirs, "theirs").await.expect("possible");
    tenant.forget();
    tenant.is_mirrored().await;
}

/// The file is put back from a copy while the host is stopped: it carries its own LSNs and catches up.
pub async fn a_file_put_back_from_an_older_copy_catches_up(at: At) {
    let mut speil = at.speil();
    speil.start();
    let mut tenant = Tenant::new(&speil, "Cust10195", small(2));
    tenant.is_mirrored().await;
    tenant.place().backup("copy").await.expect("a copy can be made while the host runs");
    let old_schema = tenant.source.clone();
    tenant.source.work(200);
    let changed = largest(&tenant)[0].clone();
    let column = old_schema.table(&changed).expect("it is there").columns()[1].name().to_owned();
    let rename = SchemaChange::RenameColumn { table: changed.clone(), column, to: "its_new_name".into() };
    tenant.source.alter(rename).expect("possible");
    tenant.is_mirrored().await;

    speil.kill();
    tenant.place().remove().await.expect("nobody has it open");
    let copy = speil.folder().join("Cust10195.copy");
    std::fs::copy(copy, speil.file("Cust10195")).expect("writable");
    speil.start();
    tenant.call_again(&speil);
    tenant.source.work(50);
    let report = tenant.cycle().await;
    // Only the table whose schema the copy does not know is filled.
    assert_eq!((report.end, filled(report)), (CycleEnd::Completed, vec![changed]));
    tenant.is_mirrored().await;
}

/// The mirror is deleted while the host runs, as an administrator does who wants everything anew.
pub async fn a_mirror_taken_away_while_the_host_runs_is_made_anew(at: At) {
    let mut speil = at.speil();
    speil.start();
    let mut tenant = Tenant::new(&speil, "Cust10195", small(2));
    tenant.is_mirrored().await;
    tenant.place().remove().await.expect("it can be");
    let tables = tenant.source.tables().len();
    let report = tenant.cycle().await;
    assert_eq!((report.end, report.filled()), (CycleEnd::Completed, tables), "{:#?}", report.problems);
    tenant.is_mirrored().await;
}

pub async fn names_that_change_by_case_alone_keep_their_rows(at: At) {
    let mut speil = at.speil();
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
pub async fn a_resync_by_hand_in_the_middle_of_a_cycle_is_honoured(at: At) {
    let mut speil = at.speil();
    speil.start();
    let mut tenant = Tenant::new(&speil, "Cust10195", small(4));
    tenant.is_mirrored().await;
    let table = largest(&tenant)[0].clone();
    let at = tenant.source.index_of(&table).expect("it is there");

    // Between TableSchema and RowData: the rows that come now are changes to a table that is to be filled.
    tenant.source.update(at, 1);
    let infos: Vec<_> = tenant.source.tables().iter().map(speil::task::source::SourceTable::info).collect();
    tenant.client.table_schema(&infos).await.expect("answered");
    tenant.place().delete_a_row(&table).await.expect("writable");
    tenant.place().set_refill(Some(&table)).await.expect("writable");
    let source = tenant.source.clone();
    let rows = [(1, speil::protocol::messages::RowOp::Update)];
    let batches: Vec<_> =
        speil::task::batching::Batcher::new(&source.tables()[at], rows.into_iter(), 1_000_000, source.version())
            .collect();
    // Taken or refused, it must not end the wish for a refill.
    let _answered = tenant.client.row_data(&batches).await;
    assert_eq!(tenant.lsn(&table).await, -1, "changes that came after the hand edit made the table pass for filled");
    let report = tenant.cycle().await;
    assert_eq!(filled(report), vec![table.clone()]);
    assert_eq!(report.table(&table).and_then(|sent| sent.filled), Some(RefillReason::New));
    tenant.is_mirrored().await;

    // In the middle of a fill.
    tenant.place().set_refill(Some(&table)).await.expect("writable");
    tenant.cycle_with(&CycleOptions { stop_after: Some(1), ..many_calls() }).await;
    tenant.place().set_refill(None).await.expect("writable");
    tenant.is_mirrored().await;
}

/// The administrators' command line does the same as their hands.
pub async fn resync_and_wipe_from_the_command_line_fill_anew(at: At) {
    let mut speil = at.speil();
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

/// By hand in the mirror of the usual tenant.
async fn by_hand(speil: &Speil, script: &str) {
    speil.mirror(TENANT).run(script).await.unwrap_or_else(|error| panic!("{error}"));
}

async fn schema(speil: &Speil, infos: &[String]) -> client::Answer {
    let tables =
        infos.iter().fold(String::new(), |tables, info| tables + "<d:TableSchemaInfo>" + info + "</d:TableSchemaInfo>");
    client::call_as(speil.address(), TENANT, "TableSchema", &format!("<ClientState/><Tables>{tables}</Tables>")).await
}

/// Every value of the query's first column.
fn first(rows: Rows) -> Vec<String> {
    rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()
}

async fn seen(tenant: &Tenant, query: &str) -> Vec<String> {
    first(tenant.place().rows(query).await.unwrap_or_else(|error| panic!("{error}")))
}

/// The same of the usual tenant's mirror, sorted.
async fn values(speil: &Speil, query: &str) -> Vec<String> {
    let mut values = first(speil.mirror(TENANT).rows(query).await.unwrap_or_else(|error| panic!("{error}")));
    values.sort();
    values
}

/// Databases disagree whether `person` and `person ` are one table: such a table is not mirrored, and takes no other along.
pub async fn a_name_with_a_space_at_an_end_takes_no_other_table_along(at: At) {
    let mut speil = at.speil();
    speil.start();
    let infos = ["other", " person", "contact "].map(soap::table_info);
    for round in 0..3 {
        let answer = schema(&speil, &infos).await;
        answer.succeeded();
        assert!(!answer.body.contains("person") && !answer.body.contains("contact"), "{}", answer.body);
        let why = "SELECT message FROM speil_events WHERE message LIKE '%\" person\"%white space%'";
        assert!(!values(&speil, why).await.is_empty());
        if round == 0 {
            let script = "CREATE TABLE person (mine varchar(9)); INSERT INTO person VALUES ('kept')";
            by_hand(&speil, script).await;
        }
        assert_eq!(values(&speil, "SELECT mine FROM person").await, ["kept"]);
        assert_eq!(values(&speil, &format!("SELECT tablename FROM \"{TENANT}_mirroring\"")).await, ["other"]);
    }
    let rows = soap::row_data(&[soap::batch(" person", 0..2, 5)]);
    assert!(client::call_as(speil.address(), TENANT, "RowData", &rows).await.refused().contains("white space"));
}

/// Table and metadata row are deleted by hand; what then comes to have the name is the administrator's.
pub async fn an_own_table_in_the_place_of_one_that_was_reset_stays(at: At) {
    let mut speil = at.speil();
    speil.start();
    let (other, person) = (soap::table_info("other"), soap::table_info("person"));
    schema(&speil, &[other.clone(), person.clone()]).await.succeeded();
    let script = format!(
        "DROP TABLE person; DELETE FROM \"{TENANT}_mirroring\" WHERE tablename = 'person';
         CREATE TABLE person (mine varchar(9)); INSERT INTO person VALUES ('kept')"
    );
    by_hand(&speil, &script).await;
    schema(&speil, std::slice::from_ref(&other)).await.succeeded();
    let answer = schema(&speil, &[other, person]).await;
    answer.succeeded();
    assert!(!answer.body.contains("person"), "{}", answer.body);
    let why = "SELECT message FROM speil_events WHERE message LIKE '%speil did not make%'";
    assert_eq!(values(&speil, why).await.len(), 1);
    assert_eq!(values(&speil, "SELECT mine FROM person").await, ["kept"]);
}

/// Rows of another package that no table of the source's shape can hold: the table is filled anew, like any that differs.
pub async fn a_takeover_whose_rows_cannot_be_kept_is_filled_anew(at: At) {
    let mut speil = at.speil();
    speil.start();
    let person = soap::table_info("person");
    let contact = soap::table_info("contact").replace("<d:IsNullable>true", "<d:IsNullable>false");
    let sale = soap::table_info("sale").replace("nvarchar(255)", "money");
    schema(&speil, &[soap::table_info("other")]).await.succeeded();
    // A file takes anything into any column.
    let no_number = if at.engine.is_sqlite() { "'no number'" } else { "1" };
    let script = format!(
        "CREATE TABLE person (person_id int NOT NULL, name nvarchar(255)); INSERT INTO person VALUES (1, 'a'), (1, 'b');
         CREATE TABLE contact (contact_id int NOT NULL, name nvarchar(255)); INSERT INTO contact VALUES (1, NULL);
         CREATE TABLE sale (sale_id int NOT NULL PRIMARY KEY, name money); INSERT INTO sale VALUES ({no_number}, 1);
         INSERT INTO \"{TENANT}_mirroring\" (tablename, LSN) VALUES ('person', 100), ('contact', 100), ('sale', 100)"
    );
    by_hand(&speil, &script).await;
    let infos = [soap::table_info("other"), person, contact, sale];
    schema(&speil, &infos).await.succeeded();
    let lsns = format!("SELECT LSN FROM \"{TENANT}_mirroring\"");
    let sale_lsn = if at.engine.is_sqlite() { "-1" } else { "100" };
    assert_eq!(values(&speil, &lsns).await, ["-1", "-1", "-1", sale_lsn]);
    let left = "SELECT person_id FROM person UNION ALL SELECT contact_id FROM contact";
    assert_eq!(values(&speil, left).await, [""; 0]);
    if at.engine.is_sqlite() {
        assert_eq!(values(&speil, "SELECT sale_id FROM sale").await, [""; 0]);
    }
    schema(&speil, &infos).await.succeeded();
    let rows = soap::row_data(&[soap::batch("person", 0..2, 5)]);
    client::call_as(speil.address(), TENANT, "RowData", &rows).await.succeeded();
}

/// Without a key a row that is written twice stands there twice, so a batch that is in the mirror already is not applied.
pub async fn a_batch_that_comes_again_for_a_table_without_a_key_is_applied_once(at: At) {
    let mut speil = at.speil();
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
    assert_eq!(values(&speil, "SELECT log_id FROM log").await, ["0", "1", "2", "3", "4"]);
    // A fill from nothing may have any LSN.
    client::call_as(speil.address(), TENANT, "Wipe", &soap::wipe("log")).await.succeeded();
    rows(7..8, 40).await;
    assert_eq!(values(&speil, "SELECT log_id FROM log").await, ["7"]);
}
