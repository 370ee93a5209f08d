//! The database is there and of no use: read-only or offline. The caller is told, another tenant is served, and when the cause is gone
//! the next call comes through.

use speil::task::cycle::{CycleEnd, CycleOptions};
use speil::task::hand::Hand;
use speil_tests::kit::tenant::small;
use speil_tests::kit::{At, Engine, Speil, Tenant};
use speil_tests::sqlserver::{Case, Feature, Place};

pub fn cases() -> Vec<Case> {
    vec![
        Case::new("environment_a_read_only_database", read_only).needing(&[Feature::ReadOnly]),
        Case::new("environment_a_database_that_is_offline", offline).needing(&[Feature::Offline]),
    ]
}

/// A tenant that will be in trouble, and one that will not.
struct Two {
    _speil: Speil,
    place: Place,
    troubled: Tenant,
    other: Tenant,
}

impl Two {
    async fn mirrored(place: Place) -> Self {
        let at = At { binary: env!("CARGO_BIN_EXE_speil-under-test"), engine: Engine::SqlServer(place.clone()) };
        let mut speil = at.speil();
        speil.start();
        let (troubled, other) = (Tenant::new(&speil, "Cust1", small(1)), Tenant::new(&speil, "Cust2", small(2)));
        let mut two = Self { _speil: speil, place, troubled, other };
        two.troubled.is_mirrored().await;
        two.other.is_mirrored().await;
        two.troubled.source.work(20);
        two
    }

    /// Sets the troubled tenant's database.
    async fn set(&self, how: &str) {
        let database = self.place.hand("Cust1").database().to_owned();
        let server = Hand::SqlServer(self.place.server());
        let statement = format!("ALTER DATABASE \"{database}\" SET {how} WITH ROLLBACK IMMEDIATE");
        server.run(&statement).await.unwrap_or_else(|error| panic!("{error}"));
    }

    /// A cycle of the one fails and says this; one of the other comes through meanwhile.
    async fn is_told(&mut self, texts: &[&str]) {
        self.other.source.work(20);
        let (troubled, other) = (&mut self.troubled, &mut self.other);
        let options = CycleOptions::default();
        let (told, served) = tokio::join!(troubled.cycle_with(&options), other.cycle_with(&options));
        assert_eq!((served.end, &served.problems), (CycleEnd::Completed, &Vec::new()));
        assert_eq!(told.end, CycleEnd::Failed, "{told:#?}");
        let problems = told.problems.join("\n");
        assert!(texts.iter().any(|text| problems.contains(text)), "{texts:?} is not told: {problems}");
    }

    async fn comes_back(mut self) {
        for tenant in [&mut self.troubled, &mut self.other] {
            tenant.forget();
            tenant.is_mirrored().await;
        }
    }
}

async fn read_only(place: Place) {
    let mut two = Two::mirrored(place).await;
    two.set("READ_ONLY").await;
    two.is_told(&["the database is read-only"]).await;
    two.set("READ_WRITE").await;
    two.comes_back().await;
}

async fn offline(place: Place) {
    let mut two = Two::mirrored(place).await;
    two.set("OFFLINE").await;
    // By the server's error where a connection is still there, by the state of the database where not.
    two.is_told(&["the database is offline", "is OFFLINE; an administrator must bring it online"]).await;
    two.set("ONLINE").await;
    two.comes_back().await;
}
