//! A host and two tenants: one meets the trouble, the other must not notice.

use std::fmt::Write as _;

use speil::protocol::sql_type::{Length, SqlType};
use speil::task::cycle::{CycleEnd, CycleOptions};
use speil::task::shape::{ColumnShape, TableShape};
use speil::task::source::Source;
use speil_tests::kit::{Speil, Tenant};

pub struct Two {
    pub speil: Speil,
    pub troubled: Tenant,
    pub other: Tenant,
}

fn source(seed: u64, rows: u64) -> Source {
    let columns = vec![
        ColumnShape::new("story_id", SqlType::Int, false),
        ColumnShape::new("name", SqlType::NVarChar(Length::Limited(200)), true),
        ColumnShape::new("registered", SqlType::DateTime, true),
    ];
    Source::of(seed, vec![TableShape { name: "story".into(), columns, rows }])
}

impl Two {
    /// Both are mirrored by a host that runs.
    pub async fn mirrored(speil: Speil, rows: u64) -> Self {
        let mut speil = speil;
        speil.start();
        let (troubled, other) =
            (Tenant::new(&speil, "Cust1", source(1, rows)), Tenant::new(&speil, "Cust2", source(2, 20)));
        let mut two = Self { speil, troubled, other };
        two.troubled.is_mirrored().await;
        two.other.is_mirrored().await;
        two
    }

    /// The host, which was killed, starts anew.
    pub fn start(&mut self) {
        self.speil.start();
        self.troubled.call_again(&self.speil);
        self.other.call_again(&self.speil);
    }

    /// Changes of the troubled tenant do not come through; what its calls are told.
    pub async fn told(&mut self) -> String {
        told(&mut self.troubled).await
    }

    /// The other tenant makes a cycle with changes, and is mirrored.
    pub async fn other_is_served(&mut self) {
        self.other.source.work(5);
        self.other.is_mirrored().await;
    }

    /// The cause is gone: the next cycle comes through.
    pub async fn recovers(&mut self) {
        self.troubled.is_mirrored().await;
        self.other_is_served().await;
    }
}

/// Changes of this tenant do not come through; what its calls are told.
pub async fn told(tenant: &mut Tenant) -> String {
    tenant.source.work(5);
    let report = tenant.cycle_with(&CycleOptions::default()).await;
    assert_eq!(report.end, CycleEnd::Failed, "{report:#?}");
    let told = report.problems.iter().fold(String::new(), |mut text, problem| {
        // A String takes everything.
        let _ = writeln!(text, "{problem}");
        text
    });
    tenant.forget();
    told
}

/// Whether what was told is this, word for word, somewhere.
#[track_caller]
pub fn says(told: &str, words: &str) {
    assert!(told.contains(words), "{words:?} is not in:\n{told}");
}
