//! An hour of mixed load, or half a minute: the program's memory, its file handles and the time it needs for the same work stay
//! what they were. The first third of the run is compared with each of the two after it. Afterwards, called by nobody, it is at rest.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use speil::protocol::sql_type::{Length, SqlType};
use speil::task::cycle::CycleEnd;
use speil::task::endpoint::Endpoint;
use speil::task::shape::{ColumnShape, TableShape};
use speil::task::source::Source;
use speil_tests::kit::{self, Engine, Speil, wait};

use super::run::with_plugins;
use super::shared::Shared;
use super::tenant::Tenant;

/// Tenants whose sources live as in a run with kills.
const TENANTS: u64 = 3;
/// Rows that the measured tenant's cycle brings each time.
const MEASURED_ROWS: i64 = 40;
/// What is not yet at rest: caches fill, the allocator finds its size.
const WARM_UP: f64 = 0.1;
/// Between two rounds of the one who reads pages.
const PAGES: Duration = Duration::from_millis(500);
/// In so long a time a program at rest takes less than a twentieth of it.
const AT_REST: Duration = Duration::from_secs(1);
/// From here on a run tells more of the program than of the machine's other work.
const LONG: Duration = Duration::from_mins(10);

/// One look at the program, right after a cycle of the measured tenant.
struct Sample {
    /// Resident, in bytes.
    memory: u64,
    handles: u64,
    /// How long that cycle took.
    cycle: Duration,
}

/// What was measured in a part of a run.
#[derive(Debug)]
pub struct Part {
    samples: usize,
    memory: u64,
    handles: u64,
    cycle: Duration,
    /// One cycle in twenty took longer.
    slow_cycle: Duration,
}

/// A run's first and last third.
#[derive(Debug)]
pub struct Soaked {
    parts: [Part; 3],
    took: Duration,
    calls: u64,
    /// Pages read.
    pages: u64,
}

impl Soaked {
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:.0} s of mixed load, {} calls beside the measured ones, {} pages read\n",
            self.took.as_secs_f64(),
            self.calls,
            self.pages
        );
        for (name, part) in ["first", "second", "last"].iter().zip(&self.parts) {
            let _ = writeln!(
                text,
                "{name} third: {:.1} MiB resident, {} file handles, a cycle in {:.1} ms, one in twenty slower than {:.1} ms ({} cycles)",
                mebibytes(part.memory),
                part.handles,
                part.cycle.as_secs_f64() * 1e3,
                part.slow_cycle.as_secs_f64() * 1e3,
                part.samples
            );
        }
        text
    }

    /// What has grown beyond its tolerance, in the second third or the last: memory by a tenth and four megabytes, file handles by eight,
    /// the usual time of the same work by half, the time that one in twenty is slower than to twice as much. In a short run the machine's
    /// other work weighs more, so there the times may triple and quadruple.
    pub fn grown(&self) -> Vec<String> {
        let [first, second, last] = &self.parts;
        let is_long = self.took >= LONG;
        let usual = if is_long { first.cycle * 3 / 2 } else { first.cycle * 3 } + Duration::from_millis(10);
        let slow = if is_long { first.slow_cycle * 2 } else { first.slow_cycle * 4 } + Duration::from_millis(40);
        let mut grown = Vec::new();
        for (third, part) in [("second", second), ("last", last)] {
            if part.memory > first.memory + first.memory / 10 + (4 << 20) {
                let (from, to) = (mebibytes(first.memory), mebibytes(part.memory));
                grown.push(format!("memory from {from:.1} to {to:.1} MiB in the {third} third"));
            }
            if part.handles > first.handles + 8 {
                grown.push(format!("file handles from {} to {} in the {third} third", first.handles, part.handles));
            }
            if part.cycle > usual {
                grown.push(format!("a cycle from {:?} to {:?} in the {third} third", first.cycle, part.cycle));
            }
            if part.slow_cycle > slow {
                let (from, to) = (first.slow_cycle, part.slow_cycle);
                grown.push(format!("one cycle in twenty from {from:?} to {to:?} in the {third} third"));
            }
        }
        grown
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}

/// Does it for so long.
///
/// # Panics
/// When anything but a measurement is wrong.
pub async fn soak(binary: &'static str, plugins: &[(&str, &[u8])], seed: u64, time: Duration) -> Soaked {
    let mut speil = Speil::new(binary, Engine::Sqlite);
    with_plugins(&speil, plugins);
    tokio::task::block_in_place(|| speil.start());
    let shared = Arc::new(Shared::new());
    shared.comes_up();
    let endpoint = Endpoint::new(&speil.url(), None).expect("a URL");
    let living: Vec<_> = (1..=TENANTS)
        .map(|number| {
            let mirrors = speil.folder().join("mirrors");
            let tenant = Tenant::new(number, seed, &mirrors, endpoint.clone(), shared.clone());
            let mut tenant = tenant.with_a_steady_schema(seed, number);
            tokio::spawn(async move {
                tenant.live().await;
                tenant
            })
        })
        .collect();
    let mut measured = kit::Tenant::new(&speil, "Measured", measured_source(seed));
    measured.is_mirrored().await;
    let reading = {
        let (address, shared) = (speil.address(), shared.clone());
        tokio::spawn(async move { read_pages(address, &shared).await })
    };

    let (began, mut samples) = (Instant::now(), Vec::new());
    while began.elapsed() < time && !shared.ends() {
        for key in 1..=MEASURED_ROWS {
            assert!(measured.source.update(0, key), "row {key} is there");
        }
        let began = Instant::now();
        let end = measured.cycle().await.end;
        let cycle = began.elapsed();
        let findings = measured.findings();
        assert!(end == CycleEnd::Completed && findings.is_empty(), "{findings:#?}");
        measured.forget();
        samples.push(Sample {
            memory: speil.memory_now().unwrap_or(0),
            handles: speil.handles_now().unwrap_or(0),
            cycle,
        });
    }
    let took = began.elapsed();
    shared.end();
    let pages = reading.await.expect("no panic");
    let mut calls = 0;
    let mut wrong = shared.all_wrong();
    for tenant in living {
        let mut tenant = tenant.await.expect("no panic");
        calls += tenant.lived.calls;
        if let Err(what) = tenant.is_mirrored().await {
            wrong.push(format!("{}: {what}", tenant.name));
        }
    }
    assert!(wrong.is_empty(), "SPEIL_ENDURANCE_SEED={seed}\n{wrong:#?}");
    measured.is_mirrored().await;
    comes_to_rest(&speil).await;
    Soaked { parts: thirds(samples), took, calls, pages }
}

/// When nobody calls any more, the program has nothing to do: neither its watch over the plug-ins nor anything else wakes it again
/// and again.
async fn comes_to_rest(speil: &Speil) {
    if speil.processor_time().is_none() {
        return;
    }
    wait::until("the program, which nobody calls, to take no processor time", async || {
        let before = speil.processor_time()?;
        tokio::time::sleep(AT_REST).await;
        (speil.processor_time()?.saturating_sub(before) < AT_REST / 20).then_some(())
    })
    .await;
}

/// Reads what an operator's monitoring reads, which looks into every mirror, over a connection of its own each time. Answers how often.
async fn read_pages(address: SocketAddr, shared: &Shared) -> u64 {
    let mut pages = 0;
    let mut often = tokio::time::interval(PAGES);
    while !shared.ends() {
        for (page, shown) in [("/status", "Measured"), ("/metrics", "speil_calls_total")] {
            let answer = kit::client::get(address, page, "Connection: close\r\n").await;
            assert!(answer.status == 200 && answer.body.contains(shown), "{page}: {answer:?}");
            pages += 1;
        }
        often.tick().await;
    }
    pages
}

fn measured_source(seed: u64) -> Source {
    let columns = vec![
        ColumnShape::new("measure_id", SqlType::Int, false),
        ColumnShape::new("name", SqlType::NVarChar(Length::Limited(100)), true),
        ColumnShape::new("registered", SqlType::DateTime, true),
    ];
    Source::of(seed, vec![TableShape { name: "measure".into(), columns, rows: 400 }])
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a tenth of a count, roughly"
)]
fn thirds(samples: Vec<Sample>) -> [Part; 3] {
    let cold = (samples.len() as f64 * WARM_UP) as usize;
    let mut warm = samples.into_iter().skip(cold).collect::<Vec<_>>();
    let third = warm.len() / 3;
    assert!(third > 0, "too short to compare anything");
    let last = warm.split_off(2 * third);
    let second = warm.split_off(third);
    [warm, second, last].map(|samples| Part::of(&samples))
}

impl Part {
    fn of(samples: &[Sample]) -> Self {
        let mut cycles: Vec<Duration> = samples.iter().map(|sample| sample.cycle).collect();
        let mut memory: Vec<u64> = samples.iter().map(|sample| sample.memory).collect();
        cycles.sort_unstable();
        memory.sort_unstable();
        Self {
            samples: samples.len(),
            memory: memory[memory.len() / 2],
            handles: samples.iter().map(|sample| sample.handles).max().unwrap_or_default(),
            cycle: cycles[cycles.len() / 2],
            slow_cycle: cycles[cycles.len() * 19 / 20],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Sample, Soaked, thirds};

    /// A run of half an hour whose second third and last third are these.
    fn soaked(second: (u64, u64, u64), last: (u64, u64, u64)) -> Vec<String> {
        let sample = |(memory, handles, millis)| Sample { memory, handles, cycle: Duration::from_millis(millis) };
        let third = |at: u64| [USUAL, second, last][usize::try_from(at / 100).expect("three")];
        // What comes first is left out as warming up.
        let samples = (0..34).map(|_| sample(USUAL)).chain((0..300).map(|at| sample(third(at))));
        Soaked { parts: thirds(samples.collect()), took: Duration::from_mins(30), calls: 0, pages: 0 }.grown()
    }

    const USUAL: (u64, u64, u64) = (100 << 20, 40, 50);

    #[test]
    fn growth_beyond_a_tolerance_is_seen_and_growth_within_it_is_not() {
        assert_eq!(soaked(USUAL, (113 << 20, 48, 84)), Vec::<String>::new());
        assert_eq!(soaked(USUAL, (115 << 20, 40, 50)), ["memory from 100.0 to 115.0 MiB in the last third"]);
        assert_eq!(soaked((115 << 20, 40, 50), USUAL), ["memory from 100.0 to 115.0 MiB in the second third"]);
        assert_eq!(soaked(USUAL, (100 << 20, 49, 50)), ["file handles from 40 to 49 in the last third"]);
        assert_eq!(soaked(USUAL, (100 << 20, 40, 86)), ["a cycle from 50ms to 86ms in the last third"]);
    }

    #[test]
    fn a_few_cycles_that_grow_slow_are_seen_though_the_usual_one_does_not() {
        let sample = |millis| Sample { memory: 1, handles: 1, cycle: Duration::from_millis(millis) };
        let at_times = |at: u64, slow| sample(if at.is_multiple_of(10) { slow } else { 50 });
        let samples = (0..334).map(|at| at_times(at, if at < 200 { 60 } else { 161 }));
        let grown =
            Soaked { parts: thirds(samples.collect()), took: Duration::from_mins(30), calls: 0, pages: 0 }.grown();
        assert_eq!(grown, ["one cycle in twenty from 60ms to 161ms in the last third"]);
    }
}
