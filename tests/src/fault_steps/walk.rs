//! One walk: every step of every call, with one action.

use speil::faults::Step;
use speil::protocol::messages::RowOp;
use speil::protocol::sql_type::{Length, SqlType};
use speil::task::batching::Batcher;
use speil::task::client::{CallError, Client};
use speil::task::cycle::{self, CycleEnd, CycleOptions};
use speil::task::progress::Unwatched;
use speil::task::shape::{ColumnShape, TableShape};
use speil::task::source::{Need, SchemaChange, Source};
use speil::task::spelling::Batch;

use super::orders::{Action, Orders};
use crate::kit::{At, Speil, Tenant, wait};

/// A step that a call passed, and what came of the action there.
#[derive(Debug, Clone)]
pub struct Passed {
    pub call: &'static str,
    step: Step,
    /// Which pass of the same step, from 1.
    number: usize,
    pub outcome: String,
}

impl Passed {
    /// The step, and which pass of it.
    pub fn step(&self) -> String {
        match self.number {
            1 => self.step.name().to_owned(),
            number => format!("{} ({number})", self.step.name()),
        }
    }

    pub fn place(&self) -> String {
        format!("{} {}", self.call, self.step())
    }
}

/// A call with a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A column grows.
    TableSchema,
    Wipe,
    /// A batch of inserts, updates and deletes.
    RowData,
    ReplicationCompleted,
    Authenticate,
}

/// In the order of a cycle.
pub const CALLS: [Call; 5] =
    [Call::Authenticate, Call::TableSchema, Call::Wipe, Call::RowData, Call::ReplicationCompleted];

impl Call {
    /// As the contract names it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TableSchema => "TableSchema",
            Self::Wipe => "Wipe",
            Self::RowData => "RowData",
            Self::ReplicationCompleted => "ReplicationCompleted",
            Self::Authenticate => "Authenticate",
        }
    }
}

const TABLE: &str = "story";
const COLUMN: &str = "name";

fn source(seed: u64) -> Source {
    let columns = vec![
        ColumnShape::new("story_id", SqlType::Int, false),
        ColumnShape::new(COLUMN, SqlType::NVarChar(Length::Limited(200)), true),
        ColumnShape::new("rank", SqlType::SmallInt, false),
    ];
    Source::of(seed, vec![TableShape { name: TABLE.into(), columns, rows: 24 }])
}

/// Walks over all steps of these calls with this action.
///
/// # Panics
/// When anything is lost, a repeated call does not come through, or another tenant is not served.
pub async fn walk(at: At, calls: &[Call], action: Action) -> Vec<Passed> {
    let mut speil = at.speil();
    let orders = Orders::to(&mut speil);
    speil.start();
    let (tenant, other) = (Tenant::new(&speil, "Cust1", source(1)), Tenant::new(&speil, "Cust2", source(2)));
    let mut walk = Walk { speil, orders, tenant, other, width: 200 };
    walk.tenant.is_mirrored().await;
    walk.other.is_mirrored().await;
    let mut all = Vec::new();
    for &call in calls {
        for step in Step::ALL {
            // How many pieces a body comes in, and how many connections are opened, is the network's affair.
            let most = if matches!(step, Step::BodyPiece | Step::Accept) { 1 } else { usize::MAX };
            for skip in 0..most {
                let Some(outcome) = walk.one(call, step, skip, action).await else { break };
                all.push(Passed { call: call.name(), step, number: skip + 1, outcome });
            }
        }
    }
    walk.other.is_mirrored().await;
    all
}

struct Walk {
    speil: Speil,
    orders: Orders,
    tenant: Tenant,
    other: Tenant,
    /// How wide the column was made last.
    width: u16,
}

/// What a mirror holds, as far as calls change it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    lsn: i64,
    hash: String,
    rows: Vec<Vec<Option<String>>>,
}

impl Walk {
    /// One action at one step of one call; `None` when the call does not come there.
    async fn one(&mut self, call: Call, step: Step, skip: usize, action: Action) -> Option<String> {
        let what = format!("{} at {} after {skip}: {action:?}", call.name(), step.name());
        let batches = self.prepare(call).await;
        let before = self.held().await;
        let client = self.tenant.client.another().with_retries(0);
        let source = self.tenant.source.clone();
        self.orders.give(step, action, skip);
        let saw = {
            let (batches, source) = (batches.clone(), source.clone());
            let mut calling = tokio::spawn(async move { make(client, call, &source, &batches).await });
            if action == Action::Hold {
                tokio::select! {
                    () = self.carried_out() => {
                        self.other_is_served(&what).await;
                        self.orders.release();
                        calling.await.expect("no panic")
                    }
                    made = &mut calling => made.expect("no panic"),
                }
            } else {
                calling.await.expect("no panic")
            }
        };
        if self.orders.is_waiting() {
            self.orders.withdraw();
            saw.unwrap_or_else(|error| panic!("{what}: nothing was done there, and yet: {error}"));
            self.heals(&what).await;
            return None;
        }
        if action == Action::Crash {
            let (status, _) = self.speil.stopped().await;
            assert!(!status.success(), "{what}: {status}");
            self.speil.start();
            self.tenant.call_again(&self.speil);
            self.other.call_again(&self.speil);
        }
        let left = self.left(call, &before, &what).await;
        let client = self.tenant.client.another().with_retries(0);
        let again = make(client, call, &source, &batches).await;
        assert!(matches!(again, Ok(true)), "{what}: the repeated call: {again:?}");
        self.other_is_served(&what).await;
        self.heals(&what).await;
        let saw = match saw {
            Ok(true) => "done",
            Ok(false) => "table left out",
            Err(CallError::Refused { .. }) => "refused",
            Err(CallError::Fault { .. }) => "fault",
            Err(CallError::Transport { .. }) => "no answer",
            Err(error) => panic!("{what}: {error}"),
        };
        Some(if left.is_empty() { saw.to_owned() } else { format!("{saw}; {left}") })
    }

    async fn prepare(&mut self, call: Call) -> Vec<Batch> {
        match call {
            Call::TableSchema => {
                self.width += 1;
                let sql_type = SqlType::NVarChar(Length::Limited(self.width));
                let (table, column) = (TABLE.to_owned(), COLUMN.to_owned());
                let wider = SchemaChange::AlterColumn { table, column, sql_type, nullable: true };
                self.tenant.source.alter(wider).expect("possible");
                Vec::new()
            }
            Call::RowData => {
                let lsn = self.tenant.lsn(TABLE).await;
                let source = &mut self.tenant.source;
                let gone = source.insert(0);
                let first = source.tables()[0].keys().next().expect("rows");
                source.update(0, gone);
                source.delete(0, first);
                source.insert(0);
                let table = &source.tables()[0];
                let Need::Changes(changes) = source.need(table, lsn) else { panic!("changes of {lsn}") };
                let rows: Vec<(i64, RowOp)> = changes.into_iter().collect();
                Batcher::new(table, rows.into_iter(), 1_000_000, source.version()).collect()
            }
            Call::Wipe | Call::ReplicationCompleted | Call::Authenticate => Vec::new(),
        }
    }

    async fn held(&self) -> Held {
        let mirror = self.tenant.place().open().await.expect("a mirror");
        let records = mirror.tables().await.expect("readable");
        let record = records.iter().find(|record| record.table.as_str() == TABLE).expect("listed");
        let rows = self.tenant.place().rows(&format!("SELECT * FROM {TABLE} ORDER BY story_id")).await;
        Held { lsn: record.lsn.0, hash: format!("{:?}", record.hash), rows: rows.expect("readable") }
    }

    /// What is left of the call's work in the mirror: the LSN is never ahead of its rows.
    async fn left(&self, call: Call, before: &Held, what: &str) -> &'static str {
        let now = self.held().await;
        let version = self.tenant.source.version();
        match call {
            Call::ReplicationCompleted | Call::Authenticate => {
                assert_eq!(&now, before, "{what}: a call without rows changed some");
                return "";
            }
            // A change in place that fails is followed by a table made anew, which promises nothing.
            Call::TableSchema if now.rows.is_empty() && now.lsn < 0 => return "the table is made anew",
            Call::TableSchema => assert_eq!(now.rows, before.rows, "{what}: rows changed"),
            Call::Wipe => assert_eq!(now.rows.is_empty(), now.lsn < 0, "{what}: {now:?}"),
            Call::RowData => {
                self.tenant.is_nowhere_ahead().await;
                assert_eq!(now.lsn == version, now.rows != before.rows, "{what}: {now:?}");
            }
        }
        if now == *before { "nothing is done" } else { "all is done" }
    }

    async fn carried_out(&self) {
        wait::until("the order to be carried out", async || (!self.orders.is_waiting()).then_some(())).await;
    }

    /// A whole cycle of another tenant.
    async fn other_is_served(&mut self, what: &str) {
        self.other.source.work(2);
        let other = &mut *self.other;
        let report = cycle::run(&mut other.client, &other.source, &CycleOptions::default(), &Unwatched).await;
        assert_eq!((report.end, report.problems), (CycleEnd::Completed, Vec::new()), "{what}: another tenant");
    }

    /// The next cycle mends what is left to be mended.
    async fn heals(&mut self, what: &str) {
        self.tenant.cycle().await;
        self.tenant.compare().await.expect("readable");
        let findings = self.tenant.findings();
        assert!(findings.is_empty(), "{what}: {findings:#?}");
        self.tenant.is_equal();
        self.tenant.forget();
    }
}

/// Makes the call; whether the table was answered for.
async fn make(mut client: Client, call: Call, source: &Source, batches: &[Batch]) -> Result<bool, CallError> {
    match call {
        Call::Authenticate => client.authenticate().await.map(|_| true),
        Call::TableSchema => {
            client.table_schema(&[source.tables()[0].info()]).await.map(|answer| answer.lsns.len() == 1)
        }
        Call::Wipe => client.wipe(TABLE).await.map(|_| true),
        Call::RowData => client.row_data(batches).await.map(|_| true),
        Call::ReplicationCompleted => client.replication_completed(&[]).await.map(|_| true),
    }
}
