//! The program itself, over HTTP: every story of the simulator, each with a tenant of its own, several at a time against one
//! host; a tenant as large and wide as a real one; keys of every kind. At the end the mirror is the source, always.

use std::time::Duration;

use speil::task::cycle::CycleEnd;
use speil::task::scenario::{self, Scenario};
use speil::task::shape::{self, ShapeOptions};
use speil::task::source::Source;
use speil::task::spelling::Spelling;

use super::At;
use crate::kit::tenant::small;
use crate::kit::{Speil, Tenant};
use crate::sqlserver::Feature;

/// Tenants at work at a time.
const SIDE_BY_SIDE: usize = 4;

async fn tell(story: Scenario, mut tenant: Tenant) -> Vec<String> {
    if let Err(error) = story.tell(&mut tenant).await {
        return vec![format!("{}: it could not be told: {error}", story.name)];
    }
    let mut wrong: Vec<String> =
        tenant.findings().into_iter().map(|finding| format!("{}: {finding}", story.name)).collect();
    match &tenant.comparison {
        None => wrong.push(format!("{}: nothing was compared", story.name)),
        Some(found) if !found.equal() => wrong.push(format!("{}: {:#?}", story.name, found.differences)),
        Some(found) if found.rows == 0 => wrong.push(format!("{}: no row was compared", story.name)),
        Some(_) => {}
    }
    wrong
}

/// All tenants' stories happen at once: what one tenant does may not be seen in another's mirror.
pub async fn every_story_ends_with_the_mirror_equal_to_the_source(at: At) {
    let mut speil = at.speil();
    speil.start();
    let mut running = tokio::task::JoinSet::new();
    let mut wrong = Vec::new();
    let mut told = 0;
    for (number, story) in scenario::all().into_iter().enumerate() {
        if running.len() >= SIDE_BY_SIDE
            && let Some(done) = running.join_next().await
        {
            wrong.extend(done.expect("no panic"));
        }
        let tenant = Tenant::new(&speil, &format!("Cust{number}"), small(number as u64));
        running.spawn(tell(story, tenant));
        told += 1;
    }
    while let Some(done) = running.join_next().await {
        wrong.extend(done.expect("no panic"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(told >= 40, "{told} stories were told");
}

/// The real tenant's 413 tables and 5,270 columns, its widest table 111 columns wide.
pub async fn a_tenant_as_large_as_a_real_one_is_filled_and_then_answered_at_once(at: At) {
    let mut speil = at.speil();
    speil.start();
    // One table in eight is empty; the widest shall not be among them.
    let is_wide =
        |source: &Source| source.tables().iter().any(|table| table.columns().len() == shape::WIDEST && table.len() > 4);
    let source = (1..50).map(|seed| {
        let mut tables = shape::tenant(ShapeOptions { seed, rows: 6_000, ..ShapeOptions::default() });
        if !at.engine.has(Feature::TypeNamesForTables) {
            tables.iter_mut().filter(|table| table.name == "text").for_each(|table| table.name.push_str("_of_it"));
        }
        Source::of(seed, tables)
    });
    let source = { source }.find(is_wide).expect("a tenant whose widest table has rows");
    assert_eq!((source.tables().len(), source.columns()), (shape::REAL_TABLES, shape::REAL_COLUMNS));
    let mut tenant = Tenant::new(&speil, "Cust10195", source);

    if !at.engine.is_sqlite() {
        // A server may be slow to make hundreds of tables. Only that is waited for.
        let patient = tenant.client.another().with_timeout(Duration::from_mins(15));
        tenant.client = patient;
    }
    let report = tenant.cycle().await;
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!((report.end, report.filled(), report.rows()), (CycleEnd::Completed, 413, 6_000));
    tenant.call_again(&speil);
    tenant.source.work(400);
    let report = tenant.cycle().await;
    assert_eq!((report.end, report.filled()), (CycleEnd::Completed, 0));
    tenant.is_mirrored().await;

    // The last cycle found nothing changed. In milliseconds when built for release; this is a debug build on a busy machine.
    let unchanged = tenant.cycles.last().expect("made").table_schema_ms;
    eprintln!("unchanged TableSchema of 413 tables, 5,270 columns: {unchanged:.1} ms");
    assert!(unchanged < 5_000.0, "an unchanged TableSchema took {unchanged} ms");
}

pub async fn every_type_and_every_kind_of_key_is_mirrored_in_both_spellings(at: At) {
    let mut speil = at.speil();
    speil.start();
    for (number, spelling) in Spelling::ALL.into_iter().enumerate() {
        let mut tables = shape::tenant(ShapeOptions { seed: 7, tables: 3, rows: 90, extras: true });
        if !at.engine.has(Feature::UnicodeNames) {
            tables.retain(|table| table.name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_'));
        }
        let source = Source::of(7, tables);
        let mut tenant = Tenant::new(&speil, &format!("Cust{number}"), source);
        let spelled = tenant.client.spelled(spelling);
        tenant.client = spelled;
        tenant.cycle().await;
        tenant.source.work(200);
        tenant.is_mirrored().await;
    }
}

/// A tenant's name is the caller's: it may hold what no file name may, and differ from another's by case alone.
pub async fn tenants_whose_names_are_no_file_names_have_mirrors_apart(at: At) {
    let mut speil = at.speil();
    speil.start();
    let names = ["Cust7", "../Cust7", "Cust7:x", "CON", "Kunde Ærlig/7"];
    let mut tenants = Vec::new();
    for (number, name) in names.into_iter().enumerate() {
        let mut tenant = Tenant::new(&speil, name, small(number as u64));
        tenant.mirror = None;
        tenant.cycle().await;
        tenants.push(tenant);
    }
    // Each is told apart by its rows, which come from seeds of their own.
    let mirrors = mirrors(&speil);
    for tenant in &mut tenants {
        assert_eq!(tenant.findings(), Vec::<String>::new(), "{:?}", tenant.name);
        let place = mirrors.iter().find(|(name, _)| *name == tenant.name).map(|(_, place)| place.clone());
        let place = place.unwrap_or_else(|| panic!("{:?} has no mirror: {mirrors:?}", tenant.name));
        tenant.mirror = Some(if at.engine.is_sqlite() {
            speil::task::mirror_place::MirrorPlace::file(place, tenant.name.clone())
        } else {
            speil.mirror(&tenant.name)
        });
        tenant.is_mirrored().await;
    }
    assert_eq!(mirrors.len(), tenants.len());
    if !at.engine.is_sqlite() {
        return;
    }
    // On some systems this would be the file of Cust7: refused on all of them.
    let mut other_case = Tenant::new(&speil, "cust7", small(9));
    other_case.mirror = None;
    let report = other_case.cycle().await;
    assert_eq!(report.end, CycleEnd::Failed);
    assert!(
        report.problems[0].contains("belongs to a tenant whose name differs by case only"),
        "{:?}",
        report.problems
    );
    tenants[0].compare().await.expect("readable");
    tenants[0].is_equal();
    let outside = std::fs::read_dir(speil.folder()).expect("readable").filter_map(Result::ok);
    let outside: Vec<_> = outside.filter(|entry| entry.path().extension().is_some_and(|kind| kind == "db")).collect();
    assert!(outside.is_empty(), "a mirror was put outside its folder: {outside:?}");
}

/// Tenant and place of every mirror, as `speil status --json` tells.
fn mirrors(speil: &Speil) -> Vec<(String, String)> {
    let told = speil.run(&["status", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&told.out).expect("JSON");
    let tenants = report["tenants"].as_array().expect("a list");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    tenants.iter().map(|tenant| (text(&tenant["tenant"]), text(&tenant["place"]))).collect()
}
