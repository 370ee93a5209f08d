//! An hour of mixed load, or half a minute: the program's memory, its file handles and the time it needs for the same work stay
//! what they were. The first third of the run is compared with the last.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use speil::protocol::sql_type::{Length, SqlType};
use speil::task::cycle::CycleEnd;
use speil::task::endpoint::Endpoint;
use speil::task::shape::{ColumnShape, TableShape};
use speil::task::source::Source;
use speil_tests::kit::{self, Engine, Speil};

use super::shared::Shared;
use super::tenant::Tenant;

/// Tenants whose sources live as in a run with kills.
const TENANTS: u64 = 3;
/// Rows that the measured tenant's cycle brings each time.
const MEASURED_ROWS: i64 = 40;
/// What is not yet at rest: caches fill, the allocator finds its size.
const WARM_UP: f64 = 0.1;
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
}

impl Soaked {
    pub fn table(&self) -> String {
        let mut text =
            format!("{:.0} s of mixed load, {} calls beside the measured ones\n", self.took.as_secs_f64(), self.calls);
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

    /// What has grown beyond its tolerance: memory by a tenth and four megabytes, file handles by eight, the usual time of the same
    /// work by half. In a short run the machine's other work weighs more, so there the time may triple.
    pub fn grown(&self) -> Vec<String> {
        let [first, _, last] = &self.parts;
        let mut grown = Vec::new();
        if last.memory > first.memory + first.memory / 10 + (4 << 20) {
            grown.push(format!("memory from {:.1} to {:.1} MiB", mebibytes(first.memory), mebibytes(last.memory)));
        }
        if last.handles > first.handles + 8 {
            grown.push(format!("file handles from {} to {}", first.handles, last.handles));
        }
        let most = if self.took >= LONG { first.cycle * 3 / 2 } else { first.cycle * 3 };
        if last.cycle > most + Duration::from_millis(10) {
            grown.push(format!("a cycle from {:?} to {:?}", first.cycle, last.cycle));
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
pub async fn soak(binary: &'static str, seed: u64, time: Duration) -> Soaked {
    let mut speil = Speil::new(binary, Engine::Sqlite);
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
    Soaked { parts: thirds(samples), took, calls }
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
    [warm, second, last].map(|part| Part::of(&part))
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

    /// A run of half an hour whose last third is this.
    fn soaked(last: (u64, u64, u64)) -> Vec<String> {
        let sample = |(memory, handles, millis)| Sample { memory, handles, cycle: Duration::from_millis(millis) };
        let usual = || sample((100 << 20, 40, 50));
        let samples = (0..300).map(|at| if at < 200 { usual() } else { sample(last) });
        Soaked { parts: thirds(samples.collect()), took: Duration::from_mins(30), calls: 0 }.grown()
    }

    #[test]
    fn growth_beyond_a_tolerance_is_seen_and_growth_within_it_is_not() {
        assert_eq!(soaked((113 << 20, 48, 84)), Vec::<String>::new());
        assert_eq!(soaked((115 << 20, 40, 50)), ["memory from 100.0 to 115.0 MiB"]);
        assert_eq!(soaked((100 << 20, 49, 50)), ["file handles from 40 to 49"]);
        assert_eq!(soaked((100 << 20, 40, 86)), ["a cycle from 50ms to 86ms"]);
    }
}
