//! The words people see, and what they are advised to do: design.md, "What people see".

use std::time::Duration;

use super::kit::{I, Kit, START, batch, contact, info, person, tenant};
use crate::config::StatusConfig;
use crate::mirror::report::TenantReport;
use crate::mirror::state::{CycleState, Derived, Facts, TableState, TenantState, derive};
use crate::mirror::{NewRefusal, RefusedCalls, report};
use crate::protocol::lsn::Lsn;
use crate::protocol::table_name::TableName;
use crate::store::history::{CycleRecord, EventLevel, EventRecord, TableError, TableHistory};
use crate::store::{MirrorDb, SchemaHash, TableKind, TableRecord};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

const STATUS: StatusConfig =
    StatusConfig { late_after: Duration::from_hours(10), silent_after: Duration::from_hours(24) };

/// Facts that tests change one at a time: a tenant whose one table is current and whose one cycle has completed at 0.
struct Known {
    now: i64,
    records: Vec<TableRecord>,
    histories: Vec<TableHistory>,
    cycles: Vec<CycleRecord>,
    events: Vec<EventRecord>,
    refusals: Vec<RefusedCalls>,
}

fn cycle(id: i64, started_at: i64, last_call_at: i64, completed_at: Option<i64>) -> CycleRecord {
    CycleRecord {
        id,
        started_at,
        last_call_at,
        completed_at,
        calls: 3,
        failed_calls: 0,
        inserts: 0,
        updates: 0,
        deletes: 0,
        reported: None,
        mismatches: Vec::new(),
    }
}

fn event(at: i64, level: EventLevel, kind: &str) -> EventRecord {
    EventRecord { at, level, kind: kind.into(), operation: None, table: None, message: "m".into(), advice: None }
}

impl Known {
    fn current() -> Self {
        Self {
            now: HOUR,
            records: vec![TableRecord {
                table: TableName::new("Person").unwrap(),
                hash: Some(SchemaHash([1; 32])),
                lsn: Lsn(10),
                kind: TableKind::Mirrored,
                fill_begun: false,
                def: None,
            }],
            histories: vec![TableHistory {
                table: "person".into(),
                rows: 2,
                last_change_at: Some(0),
                last_confirmed_at: Some(0),
                fill_started_at: None,
                last_error: None,
                gone_at: None,
                cycle_inserts: 0,
                cycle_updates: 0,
                cycle_deletes: 0,
            }],
            cycles: vec![cycle(1, -HOUR, 0, Some(0))],
            events: Vec::new(),
            refusals: Vec::new(),
        }
    }

    fn derived(&self) -> Derived {
        derive(&Facts {
            now: self.now,
            late_after: STATUS.late_after,
            silent_after: STATUS.silent_after,
            records: &self.records,
            histories: &self.histories,
            cycles: &self.cycles,
            events: &self.events,
            refusals: &self.refusals,
        })
    }

    fn state(&self) -> TenantState {
        self.derived().state
    }

    fn table(&self) -> TableState {
        self.derived().tables["person"]
    }

    fn error(&mut self, at: i64) {
        self.histories[0].last_error = Some(TableError { at, message: "m".into(), row: Some(3), column: None });
    }
}

#[test]
fn a_tenant_whose_cycle_has_completed_is_current_and_then_late_silent_and_lost() {
    let mut known = Known::current();
    for (now, state) in [
        (HOUR, TenantState::Current),
        (10 * HOUR, TenantState::Current),
        (10 * HOUR + 1, TenantState::Late),
        (24 * HOUR + 1, TenantState::Silent),
        (7 * DAY, TenantState::Silent),
        (7 * DAY + 1, TenantState::Lost),
    ] {
        known.now = now;
        assert_eq!(known.state(), state, "at {now}");
        assert_eq!(known.derived().refill_deadline, Some(7 * DAY));
    }
}

#[test]
fn a_table_is_waiting_until_rows_come_then_filling_then_current() {
    let mut known = Known::current();
    known.records[0].lsn = Lsn::REFILL;
    known.histories[0].rows = 0;
    known.histories[0].last_confirmed_at = None;
    assert_eq!((known.table(), known.state()), (TableState::Waiting, TenantState::Filling));
    known.records[0].fill_begun = true;
    assert_eq!(known.table(), TableState::Waiting);
    known.histories[0].rows = 5;
    assert_eq!((known.table(), known.state()), (TableState::Filling, TenantState::Filling));
    known.records[0].lsn = Lsn(3);
    known.records[0].fill_begun = false;
    assert_eq!((known.table(), known.state()), (TableState::Current, TenantState::Current));
}

#[test]
fn a_table_that_has_no_rows_at_the_source_does_not_keep_its_tenant_filling_for_ever() {
    let mut known = Known::current();
    known.records[0].lsn = Lsn::REFILL;
    known.histories[0].rows = 0;
    known.histories[0].fill_started_at = Some(-HOUR);
    assert_eq!((known.table(), known.state()), (TableState::Waiting, TenantState::Current));
    known.histories[0].fill_started_at = Some(1);
    assert_eq!(known.state(), TenantState::Filling);
}

#[test]
fn a_first_fill_that_takes_longer_than_late_after_is_filling_while_calls_come() {
    let mut known = Known::current();
    known.records[0].lsn = Lsn::REFILL;
    known.records[0].fill_begun = true;
    known.cycles = vec![cycle(1, 0, 19 * HOUR, None)];
    known.histories[0].last_confirmed_at = None;
    known.now = 20 * HOUR;
    assert_eq!(known.state(), TenantState::Filling);
    known.now = 20 * HOUR + 1;
    assert_eq!(known.state(), TenantState::Late);
}

#[test]
fn an_error_lasts_until_a_cycle_that_began_after_it_has_completed() {
    let mut known = Known::current();
    known.error(HOUR);
    known.events = vec![event(HOUR, EventLevel::Error, "error")];
    assert_eq!((known.table(), known.state()), (TableState::Failing, TenantState::Failing));
    known.cycles.insert(0, cycle(2, 2 * HOUR, 2 * HOUR, None));
    known.now = 2 * HOUR;
    assert_eq!(known.state(), TenantState::Failing, "not over yet");
    known.cycles[0].completed_at = Some(2 * HOUR);
    assert_eq!((known.table(), known.state()), (TableState::Current, TenantState::Current));
    known.error(2 * HOUR);
    assert_eq!(known.table(), TableState::Failing, "failed in the cycle that completed");
}

#[test]
fn a_call_that_failed_without_a_table_makes_the_tenant_failing_until_a_cycle_completes() {
    let mut known = Known::current();
    known.events = vec![event(1, EventLevel::Warning, "overtaken")];
    assert_eq!(known.state(), TenantState::Current, "a warning is no failure");
    known.events = vec![event(1, EventLevel::Error, "plugin")];
    assert_eq!(known.state(), TenantState::Failing);
    known.cycles.insert(0, cycle(2, 2, 3, Some(3)));
    assert_eq!(known.state(), TenantState::Current);
}

#[test]
fn refused_calls_count_until_one_is_accepted() {
    let mut known = Known::current();
    let refused = |at| RefusedCalls {
        tenant: Some(tenant()),
        reason: "expired".into(),
        fix: None,
        path: "/".into(),
        first_at: at,
        last_at: at,
        count: 1,
    };
    known.refusals = vec![refused(-1)];
    assert_eq!(known.state(), TenantState::Current);
    known.refusals = vec![refused(1)];
    assert_eq!(known.state(), TenantState::Refused);
    known.now = 2 * DAY;
    assert_eq!(known.state(), TenantState::Refused, "they call, so they are not silent");
    known.refusals.clear();
    known.events = vec![event(1, EventLevel::Warning, "refused")];
    assert_eq!(known.state(), TenantState::Refused, "remembered by the mirror after a restart");
    known.cycles[0].last_call_at = DAY + DAY;
    known.cycles[0].completed_at = Some(2 * DAY);
    assert_eq!(known.state(), TenantState::Current);
}

#[test]
fn skipped_and_gone_tables_trouble_nobody() {
    let mut known = Known::current();
    known.records[0].kind = TableKind::Skipped;
    known.records[0].lsn = Lsn::REFILL;
    assert_eq!((known.table(), known.state()), (TableState::Skipped, TenantState::Current));
    known.records.clear();
    known.histories[0].gone_at = Some(1);
    known.error(1);
    assert_eq!((known.table(), known.state()), (TableState::Gone, TenantState::Current));
}

#[test]
fn a_table_that_could_not_be_made_at_all_is_failing_too() {
    let mut known = Known::current();
    known.records.clear();
    known.error(0);
    assert_eq!((known.table(), known.state()), (TableState::Failing, TenantState::Failing));
}

#[test]
fn a_cycle_without_its_end_is_open_until_another_begins_or_nothing_comes_for_long() {
    let mut known = Known::current();
    known.cycles = vec![cycle(3, 3, 3, None), cycle(2, 2, 2, None), cycle(1, 1, 1, Some(1))];
    assert_eq!(known.derived().cycles, [CycleState::Open, CycleState::Interrupted, CycleState::Completed]);
    known.now = 11 * HOUR;
    assert_eq!(known.derived().cycles[0], CycleState::Interrupted);
}

#[test]
fn what_a_clock_that_ran_ahead_has_written_says_nothing_of_now() {
    let mut known = Known::current();
    let ahead = known.now + HOUR;
    known.events = vec![event(ahead, EventLevel::Warning, "refused"), event(ahead, EventLevel::Error, "error")];
    assert_eq!(known.state(), TenantState::Current);
    assert_eq!(known.derived().last_refused_at, None);
    known.now = ahead;
    assert_eq!(known.state(), TenantState::Failing);
}

#[test]
fn the_worst_word_wins() {
    let mut known = Known::current();
    known.error(1);
    known.events = vec![event(2, EventLevel::Warning, "refused")];
    known.now = 2 * DAY;
    assert_eq!(known.state(), TenantState::Failing);
    known.histories[0].last_error = None;
    assert_eq!(known.state(), TenantState::Refused);
    known.events.clear();
    assert_eq!(known.state(), TenantState::Silent);
    known.now = 8 * DAY;
    known.error(1);
    assert_eq!(known.state(), TenantState::Lost);
    let mut order = [TenantState::Lost, TenantState::Current, TenantState::Failing, TenantState::Filling];
    order.sort();
    assert_eq!(order, [TenantState::Current, TenantState::Filling, TenantState::Failing, TenantState::Lost]);
}

async fn told(kit: &Kit) -> TenantReport {
    let now = crate::mirror::clock::Clock::now(&*kit.clock);
    report(&*kit.db(), now, &STATUS, &kit.mirror.refusals().all()).await.unwrap()
}

#[tokio::test]
async fn a_first_fill_half_done_shows_its_rows_so_far() {
    let kit = Kit::new();
    kit.schema(&[person(), contact()]).await.unwrap();
    kit.wipe("person").await.unwrap();
    kit.rows(batch(person(), 0, &[(I, &["1", "Ann"]), (I, &["2", "Bo"])])).await.unwrap();
    let report = told(&kit).await;
    assert_eq!(report.state, TenantState::Filling);
    let tables: Vec<_> =
        report.tables.iter().map(|table| (table.table.as_str(), table.state.word(), table.advice.as_deref())).collect();
    assert_eq!(
        tables,
        [
            ("contact", "waiting", Some("its rows come with the next cycle")),
            ("person", "filling", Some("2 rows so far")),
        ]
    );
}

#[tokio::test]
async fn a_finished_cycle_is_current_with_nothing_to_do() {
    let kit = Kit::new();
    kit.filled().await;
    let report = told(&kit).await;
    assert_eq!((report.state, report.advice.len(), report.rows), (TenantState::Current, 0, 2));
    assert_eq!(report.refill_in, Some(7 * DAY));
    assert_eq!(report.cycles[0].state, CycleState::Completed);
}

#[tokio::test]
async fn a_table_that_fails_on_one_row_is_named_with_row_and_column() {
    let kit = Kit::new();
    kit.filled().await;
    kit.rows(batch(person(), 20, &[(I, &["three", "Cy"])])).await.unwrap_err();
    let report = told(&kit).await;
    assert_eq!(report.state, TenantState::Failing);
    assert!(report.advice[0].starts_with("1 table cannot be mirrored"), "{:?}", report.advice);
    let error = report.tables[0].error.clone().unwrap();
    assert_eq!((error.row, error.column.as_deref()), (Some(1), Some("person_id")));
}

#[tokio::test]
async fn a_refused_token_shows_the_reason_and_the_line_that_mends_it() {
    let kit = Kit::new();
    kit.filled().await;
    kit.clock.advance(Duration::from_mins(1));
    kit.mirror
        .record_refusal(NewRefusal {
            tenant: Some(tenant()),
            reason: "the token is for another application".into(),
            fix: Some("check_audience = false".into()),
            path: "/m.svc".into(),
        })
        .await;
    let report = told(&kit).await;
    assert_eq!(report.state, TenantState::Refused);
    assert_eq!(
        report.advice,
        [
            "the Mirroring Task calls and is refused: the token is for another application",
            "in the configuration: check_audience = false",
            "left until the whole mirror must be filled anew: 6 days 23 hours",
        ]
    );
}

#[tokio::test]
async fn a_tenant_silent_for_six_days_is_told_how_long_is_left() {
    let kit = Kit::new();
    kit.filled().await;
    kit.clock.advance(Duration::from_hours(6 * 24));
    let report = told(&kit).await;
    assert_eq!(report.state, TenantState::Silent);
    assert!(report.advice[0].starts_with("no call for 6 days"), "{:?}", report.advice);
    assert_eq!(report.advice[1], "left until the whole mirror must be filled anew: 1 day");
}

#[tokio::test]
async fn a_table_that_could_not_be_described_is_in_the_events_with_its_name() {
    let kit = Kit::new();
    kit.schema(&[info("shape", &[("id", "sphere", false, "")]), person()]).await.unwrap();
    let report = told(&kit).await;
    assert_eq!(report.state, TenantState::Failing);
    let event = report.events.iter().find(|event| event.level == EventLevel::Error).unwrap();
    assert!(event.message.contains("sphere"), "{}", event.message);
    assert_eq!(event.table.as_deref(), Some("shape"));
}

#[tokio::test]
async fn the_reports_shape_is_stable() {
    let kit = Kit::new();
    kit.filled().await;
    let json = serde_json::to_value(told(&kit).await).unwrap();
    assert_eq!(json["format"], 1);
    assert_eq!((&json["state"], &json["tenant"]), (&"current".into(), &"Cust1".into()));
    assert_eq!(json["last_completed_at"], START);
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(
        keys(&json),
        "advice cycles events format last_call_at last_completed_at last_refused_at newest_lsn place quarantine \
         quarantined refill_deadline refill_in refusals rows state table_states tables tenant"
    );
    assert_eq!(
        keys(&json["tables"][0]),
        "advice cycle_deletes cycle_inserts cycle_updates error fill_started_at gone_at kind last_change_at \
         last_confirmed_at lsn quarantined rows state table"
    );
    assert_eq!(
        keys(&json["cycles"][0]),
        "calls completed_at deletes failed_calls id inserts last_call_at mismatches reported started_at state updates"
    );
    assert_eq!(kit.db().tenant(), &tenant());
}
