//! The way to the database is bad: connections are cut, reset and stalled at random moments, from the login to the commit. When it
//! is good again the mirror becomes the source, and until then no LSN promises rows that are not there.

use std::time::Duration;

use speil::task::cycle::CycleOptions;
use speil::task::dice::Dice;
use speil::task::shape::ShapeOptions;
use speil::task::source::Source;
use speil_tests::kit::{At, Engine, FaultProxy, Tenant};
use speil_tests::sqlserver::Place;

/// A cycle under faults that takes longer is given up by its caller, as the Task gives up.
const PATIENCE: Duration = Duration::from_secs(15);

pub async fn one_run(place: Place, seed: u64) {
    let mut dice = Dice::named(&[0xbad_11e, seed]);
    let proxy = FaultProxy::start(place.address().await).await;
    let at = At { binary: env!("CARGO_BIN_EXE_speil-under-test"), engine: Engine::SqlServer(place.clone()) };
    let mut speil = at.speil();
    speil.configure_with("", &place.through(proxy.address).lines());
    speil.start();
    let source = Source::new(ShapeOptions { seed, tables: 3, rows: 60 + dice.below(400), extras: false });
    let mut tenant = Tenant::new(&speil, "Cust10195", source);
    // Every third run the faults meet a mirror that is filled already.
    if seed.is_multiple_of(3) {
        tenant.is_mirrored().await;
    }
    proxy.begin(seed);
    for _ in 0..2 + dice.below(3) {
        let options = CycleOptions {
            batch_size: 2_000 + dice.index(20_000),
            batches_per_call: 1 + dice.index(4),
            call_bytes: 40_000,
            ..CycleOptions::default()
        };
        if tokio::time::timeout(PATIENCE, tenant.cycle_with(&options)).await.is_err() {
            tenant.call_again(&speil);
        }
        tenant.source.work(20 + dice.below(60));
        if dice.once_in(3) {
            let table = dice.index(tenant.source.tables().len());
            tenant.source.truncate(table);
            tenant.source.insert(table);
        }
    }
    proxy.end();
    println!("seed_{seed:03}: {} faults struck", proxy.struck());
    if tenant.place().open().await.is_ok() {
        tenant.is_nowhere_ahead().await;
    }
    tenant.call_again(&speil);
    tenant.forget();
    tenant.is_mirrored().await;
}
