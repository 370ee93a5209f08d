//! The status reference lists every member of the JSON, and no other.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use speil::http::overview::{Overview, Unreadable};
use speil::mirror::report::{CycleReport, QuarantineReport, TableReport};
use speil::mirror::state::CycleState;
use speil::mirror::{RefusedCalls, TableState, TenantReport, TenantState};
use speil::protocol::context_id::ContextId;
use speil::protocol::lsn::Lsn;
use speil::store::TableKind;
use speil::store::history::{CycleRecord, EventLevel, EventRecord, TableError};

use super::markdown::page;

fn refused() -> RefusedCalls {
    RefusedCalls {
        tenant: ContextId::new("Cust1").ok(),
        reason: "reason".into(),
        fix: Some("fix".into()),
        path: "/path".into(),
        first_at: 1,
        last_at: 2,
        count: 3,
    }
}

/// A report in which everything is there.
fn report() -> TenantReport {
    TenantReport {
        format: TenantReport::FORMAT,
        tenant: ContextId::new("Cust1").expect("a tenant"),
        place: "place".into(),
        state: TenantState::Failing,
        advice: vec!["advice".into()],
        last_call_at: Some(1),
        last_completed_at: Some(1),
        last_refused_at: Some(1),
        refill_deadline: Some(1),
        refill_in: Some(1),
        newest_lsn: Some(Lsn(1)),
        rows: 1,
        quarantined: 1,
        table_states: BTreeMap::from([("failing", 1)]),
        tables: vec![TableReport {
            table: "contact".into(),
            state: TableState::Failing,
            advice: Some("advice".into()),
            lsn: Some(Lsn(1)),
            kind: Some(TableKind::TakenOver),
            rows: 1,
            quarantined: 1,
            last_change_at: Some(1),
            last_confirmed_at: Some(1),
            fill_started_at: Some(1),
            gone_at: Some(1),
            error: Some(TableError { at: 1, message: "error".into(), row: Some(1), column: Some("name".into()) }),
            cycle_inserts: 1,
            cycle_updates: 1,
            cycle_deletes: 1,
        }],
        cycles: vec![CycleReport {
            state: CycleState::Completed,
            cycle: CycleRecord {
                id: 1,
                started_at: 1,
                last_call_at: 1,
                completed_at: Some(1),
                calls: 1,
                failed_calls: 1,
                inserts: 1,
                updates: 1,
                deletes: 1,
                reported: Some((1, 1, 1)),
                mismatches: vec!["mismatch".into()],
            },
        }],
        events: vec![EventRecord {
            at: 1,
            level: EventLevel::Warning,
            kind: "schema".into(),
            operation: Some("Wipe".into()),
            table: Some("contact".into()),
            message: "message".into(),
            advice: Some("advice".into()),
        }],
        refusals: vec![refused()],
        quarantine: vec![QuarantineReport {
            table: "contact".into(),
            key: "1".into(),
            at: 1,
            plugin: "plugin".into(),
            version: "version".into(),
            error: "error".into(),
        }],
    }
}

/// `tables[].error.row`, and so on. An object of counts has no members of its own.
fn members(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) if path != "table_states" => {
            for (key, value) in object {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                found.insert(path.clone());
                members(value, &path, found);
            }
        }
        Value::Array(items) if items.iter().all(Value::is_object) => {
            for item in items {
                members(item, &format!("{path}[]"), found);
            }
        }
        _ => {}
    }
}

fn listed(heading: &str) -> BTreeSet<String> {
    let page = page("docs/reference-status-json.md");
    page.table_under(heading).iter().map(|row| row[0].trim_matches(['`', ' ', '|']).to_owned()).collect()
}

#[test]
fn the_reference_lists_every_member_of_a_tenants_report() {
    let json = serde_json::to_value(report()).expect("JSON");
    let mut found = BTreeSet::new();
    members(&json, "", &mut found);
    assert_eq!(listed("## The report of a tenant"), found);
    assert_eq!(json["tables"][0]["kind"], "takenover");
    assert_eq!(json["cycles"][0]["reported"], serde_json::json!([1, 1, 1]));
    assert_eq!(json["format"], 1);
}

#[test]
fn the_reference_lists_every_member_of_the_overview() {
    let unreadable = Unreadable { name: "Cust2".into(), place: "place".into(), error: "error".into() };
    let overview = Overview { tenants: vec![], unreadable: vec![unreadable], refused: vec![refused()] };
    let json = serde_json::to_value(overview).expect("JSON");
    let mut found = BTreeSet::new();
    members(&json, "", &mut found);
    assert_eq!(listed("## The overview"), found);
}
