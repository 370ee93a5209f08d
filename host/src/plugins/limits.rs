//! Every knob of the sandbox, with its default, and the errors of those that trip.
//!
//! None depends on another: each is on by default and trips on its own. What trips says which limit it was, its value,
//! what was asked for, and the line of the sidecar that changes it.

use std::fmt;
use std::time::Duration;

use wasmtime::ResourceLimiter;

/// `[limits]` of a sidecar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// `memory`: linear memory of one instance, all its memories together. Default 256 MiB.
    pub memory: usize,
    /// `table_elements`: entries of one instance's tables, all together. Default 100,000.
    pub table_elements: usize,
    /// `time`: wall time of one hook, waiting in host imports included. Default 10 s. `transform.apply` gets
    /// [`Limits::TIME_PER_ROW`] more for each row.
    pub time: Duration,
    /// `call_time`: wall time of all hooks of one incoming call together, rows counted as above. Default 2 min: many
    /// tables times a slow hook must not hold a call for hours.
    pub call_time: Duration,
    /// `output`: bytes that cross from the plug-in to the host at once: a hook's answer, an import's arguments.
    /// Default 64 MiB.
    pub output: usize,
    /// `log_lines`: log lines of one incoming call. Default 1,000.
    pub log_lines: usize,
    /// `log_bytes`: bytes of log lines of one incoming call. Default 256 KiB.
    pub log_bytes: usize,
    /// `instances`: instances at once, that is: incoming calls that can use the plug-in at the same time. Default 64.
    pub instances: usize,
    /// `http_requests`: outgoing requests of one incoming call. Default 1,000.
    pub http_requests: usize,
    /// `http_bytes`: bytes of bodies sent and received in one incoming call. Default 64 MiB.
    pub http_bytes: usize,
}

impl Limits {
    /// What `transform.apply` gets beside [`Limits::time`].
    pub const TIME_PER_ROW: Duration = Duration::from_micros(200);
    /// The stack, the same for every plug-in: the engine has one setting.
    pub const STACK: usize = 1 << 20;
    /// The most `memory` can be set to: what an address space of 32 bits holds.
    pub const MAX_MEMORY: usize = 4 << 30;
    /// The most `table_elements` can be set to.
    pub const MAX_TABLE_ELEMENTS: usize = 1_000_000;
    /// One log line, in bytes; the rest is cut off.
    pub const LOG_LINE: usize = 8 << 10;
    /// A plug-in's text inside one of our messages, in characters.
    pub const MESSAGE: usize = 500;
    /// What `resolve-connection` and `authenticated` may answer, in bytes.
    pub const ANSWER: usize = 64 << 10;
    /// Handles of host resources that one instance holds at once, the same for every plug-in.
    pub const HANDLES: usize = 10_000;
    /// The most instances that all plug-ins together can be allowed.
    pub const MAX_INSTANCES: u32 = 1_000;
    /// Core instances, memories and tables of one component, of each so many; the same for every plug-in.
    pub const PARTS: usize = 64;
    /// Random bytes in one answer, the same for every plug-in.
    pub const RANDOM: u64 = 1 << 20;

    /// The time `function` gets for so many rows.
    #[must_use]
    pub fn time_for(&self, rows: usize) -> Duration {
        self.time.saturating_add(rows_time(rows))
    }
}

/// What rows add to every time limit.
#[must_use]
pub fn rows_time(rows: usize) -> Duration {
    Limits::TIME_PER_ROW.saturating_mul(u32::try_from(rows).unwrap_or(u32::MAX))
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 256 << 20,
            table_elements: 100_000,
            time: Duration::from_secs(10),
            call_time: Duration::from_mins(2),
            output: 64 << 20,
            log_lines: 1_000,
            log_bytes: 256 << 10,
            instances: 64,
            http_requests: 1_000,
            http_bytes: 64 << 20,
        }
    }
}

/// A limit that tripped. The sentence needs the sidecar's name: [`Tripped::sentence`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tripped {
    Memory {
        limit: usize,
        asked: usize,
    },
    TableElements {
        limit: usize,
        asked: usize,
    },
    /// `rows`: how many the function was given, which add to the limit. `took`: until it was cut.
    Time {
        limit: Duration,
        rows: usize,
        took: Duration,
    },
    /// The same for all functions of the call together.
    CallTime {
        limit: Duration,
        rows: usize,
        took: Duration,
    },
    Output {
        limit: usize,
    },
    Stack,
    Handles,
    /// It is put together of too many parts.
    Parts,
    /// Random bytes.
    Random {
        asked: u64,
    },
    Instances {
        limit: usize,
        waited: Duration,
    },
    /// All plug-ins together.
    AllInstances {
        limit: usize,
        waited: Duration,
    },
}

impl Tripped {
    /// Its key under `[limits]`; those that are the same for all plug-ins have none, and the instances of all plug-ins together
    /// are limited in `speil.toml`.
    #[must_use]
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Memory { .. } => "memory",
            Self::TableElements { .. } => "table_elements",
            Self::Time { .. } => "time",
            Self::CallTime { .. } => "call_time",
            Self::Output { .. } => "output",
            Self::Stack => "stack",
            Self::Handles => "handles",
            Self::Parts => "parts",
            Self::Random { .. } => "random",
            Self::Instances { .. } | Self::AllInstances { .. } => "instances",
        }
    }

    /// What happened and what to do, for a plug-in's sidecar `NAME.toml`.
    #[must_use]
    pub fn sentence(&self, sidecar: &str) -> String {
        match *self {
            Self::Memory { limit, asked } => format!(
                "it asked for {} of memory, more than its limit of {}; raise `memory` under [limits] in {sidecar} if it \
                 needs that much",
                size(asked),
                size(limit)
            ),
            Self::TableElements { limit, asked } => format!(
                "it asked for {asked} table elements, more than its limit of {limit}; raise `table_elements` under \
                 [limits] in {sidecar} if it needs that many"
            ),
            Self::Time { limit, rows, took } => format!(
                "it took longer than its limit of {}{} (cut after {}); raise `time` under [limits] in {sidecar} if it needs \
                 longer",
                duration(limit),
                of_rows(rows),
                millis(took)
            ),
            Self::CallTime { limit, rows, took } => format!(
                "all its hooks of this call together took longer than its limit of {}{} (cut after {}); raise `call_time` \
                 under [limits] in {sidecar} if it needs longer",
                duration(limit),
                of_rows(rows),
                millis(took)
            ),
            Self::Output { limit } => format!(
                "it handed over more than its limit of {} at once; raise `output` under [limits] in {sidecar} if it \
                 needs that much",
                size(limit)
            ),
            Self::Stack => format!(
                "it used up its stack of {}, which is the same for every plug-in: a recursion without an end?",
                size(Limits::STACK)
            ),
            Self::Handles => format!(
                "it holds more than {} handles, which is the most for every plug-in; streams, waits and answers that are not \
                 dropped?",
                Limits::HANDLES
            ),
            Self::Parts => format!(
                "it is put together of more than {} core instances, memories or tables, which is the most for every plug-in; \
                 build it as one module",
                Limits::PARTS
            ),
            Self::Random { asked } => format!(
                "it asked for {asked} random bytes at once, more than the limit of {}, which is the same for every plug-in",
                size(usize::try_from(Limits::RANDOM).unwrap_or(usize::MAX))
            ),
            Self::Instances { limit, waited } => format!(
                "all {limit} instances it may have at once were busy for {}; raise `instances` under [limits] in \
                 {sidecar}, or look at what keeps them busy",
                duration(waited)
            ),
            Self::AllInstances { limit, waited } => format!(
                "all {limit} instances that all plug-ins together may have at once were busy for {}; raise `instances` under \
                 [plugins] in speil.toml, or look at what keeps them busy",
                duration(waited)
            ),
        }
    }

    /// The same with the time it was cut after, where that is what it is about.
    #[must_use]
    pub fn after(self, took: Duration) -> Self {
        match self {
            Self::Time { limit, rows, .. } => Self::Time { limit, rows, took },
            Self::CallTime { limit, rows, .. } => Self::CallTime { limit, rows, took },
            other => other,
        }
    }
}

/// What rows add to a limit of time, where there were any.
fn of_rows(rows: usize) -> String {
    let more = rows_time(rows);
    // Too few to have made a difference.
    if more < Duration::from_millis(1) {
        return String::new();
    }
    format!(" and {} more for {rows} rows", millis(more))
}

/// A measured time.
fn millis(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

impl fmt::Display for Tripped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence("its sidecar"))
    }
}

impl std::error::Error for Tripped {}

/// Watches over one instance's memory and tables.
#[derive(Debug)]
pub struct Meter {
    memory_limit: usize,
    memory: usize,
    elements_limit: usize,
    elements: usize,
    /// The most that was asked for of each, granted or not.
    most: (usize, usize),
}

impl Meter {
    /// A meter at zero.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            memory_limit: limits.memory,
            memory: 0,
            elements_limit: limits.table_elements,
            elements: 0,
            most: (0, 0),
        }
    }

    /// The most memory and table elements that were asked for, granted or not.
    #[must_use]
    pub const fn most(&self) -> (usize, usize) {
        self.most
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            // The component's own maximum, which it may be ready to meet.
            return Ok(false);
        }
        let asked = self.memory.saturating_add(desired.saturating_sub(current));
        self.most.0 = self.most.0.max(asked);
        if asked > self.memory_limit {
            // A trap rather than a refusal: a language runtime that meets a refusal aborts without saying why.
            return Err(Tripped::Memory { limit: self.memory_limit, asked }.into());
        }
        self.memory = asked;
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let asked = self.elements.saturating_add(desired.saturating_sub(current));
        self.most.1 = self.most.1.max(asked);
        if asked > self.elements_limit {
            return Err(Tripped::TableElements { limit: self.elements_limit, asked }.into());
        }
        self.elements = asked;
        Ok(true)
    }

    fn instances(&self) -> usize {
        Limits::PARTS
    }

    fn tables(&self) -> usize {
        Limits::PARTS
    }

    fn memories(&self) -> usize {
        Limits::PARTS
    }
}

/// Bytes for people: `256 MiB`, `100 bytes`. Never rounded up to the limit it exceeds.
#[must_use]
pub fn size(bytes: usize) -> String {
    for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{} {name}", bytes / unit);
        }
    }
    if bytes >= 10 << 10 { format!("{} KiB", bytes.div_ceil(1 << 10)) } else { format!("{bytes} bytes") }
}

/// A duration for people: `10 s`, `250 ms`.
#[must_use]
pub fn duration(duration: Duration) -> String {
    if duration.subsec_millis() == 0 && duration.as_secs() > 0 {
        format!("{} s", duration.as_secs())
    } else {
        format!("{} ms", duration.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_counted_over_all_memories_of_an_instance() {
        let mut meter = Meter::new(&Limits { memory: 3 << 16, ..Limits::default() });
        assert!(meter.memory_growing(0, 1 << 16, None).unwrap());
        assert!(meter.memory_growing(0, 2 << 16, None).unwrap());
        let error = meter.memory_growing(1 << 16, 2 << 16, None).unwrap_err();
        assert_eq!(
            error.downcast_ref::<Tripped>(),
            Some(&Tripped::Memory { limit: 3 << 16, asked: 4 << 16 }),
            "{error}"
        );
    }

    #[test]
    fn a_components_own_maximum_is_a_refusal_and_no_trap() {
        let mut meter = Meter::new(&Limits::default());
        assert!(!meter.memory_growing(0, 2 << 16, Some(1 << 16)).unwrap());
        assert!(!meter.table_growing(0, 11, Some(10)).unwrap());
    }

    #[test]
    fn sizes_and_times_read_well() {
        assert_eq!(size(256 << 20), "256 MiB");
        assert_eq!(size(100), "100 bytes");
        assert_eq!(size((256 << 20) + 1), "262145 KiB");
        assert_eq!(duration(Duration::from_secs(10)), "10 s");
        assert_eq!(duration(Duration::from_millis(250)), "250 ms");
    }

    #[test]
    fn every_limit_names_itself_its_value_and_what_to_change() {
        let sentences: Vec<String> = [
            Tripped::Memory { limit: 256 << 20, asked: 300 << 20 },
            Tripped::TableElements { limit: 10, asked: 11 },
            Tripped::Time { limit: Duration::from_secs(10), rows: 0, took: Duration::from_millis(10_003) },
            Tripped::Time { limit: Duration::from_secs(10), rows: 5_000, took: Duration::from_millis(11_001) },
            Tripped::CallTime { limit: Duration::from_mins(2), rows: 0, took: Duration::from_millis(120_009) },
            Tripped::Output { limit: 64 << 20 },
            Tripped::Stack,
            Tripped::Handles,
            Tripped::Parts,
            Tripped::Random { asked: 2 << 20 },
            Tripped::Instances { limit: 64, waited: Duration::from_secs(10) },
            Tripped::AllInstances { limit: 1_000, waited: Duration::from_secs(10) },
        ]
        .iter()
        .map(|tripped| tripped.sentence("x.toml"))
        .collect();
        insta::assert_snapshot!(sentences.join("\n"), @r#"
        it asked for 300 MiB of memory, more than its limit of 256 MiB; raise `memory` under [limits] in x.toml if it needs that much
        it asked for 11 table elements, more than its limit of 10; raise `table_elements` under [limits] in x.toml if it needs that many
        it took longer than its limit of 10 s (cut after 10003 ms); raise `time` under [limits] in x.toml if it needs longer
        it took longer than its limit of 10 s and 1000 ms more for 5000 rows (cut after 11001 ms); raise `time` under [limits] in x.toml if it needs longer
        all its hooks of this call together took longer than its limit of 120 s (cut after 120009 ms); raise `call_time` under [limits] in x.toml if it needs longer
        it handed over more than its limit of 64 MiB at once; raise `output` under [limits] in x.toml if it needs that much
        it used up its stack of 1 MiB, which is the same for every plug-in: a recursion without an end?
        it holds more than 10000 handles, which is the most for every plug-in; streams, waits and answers that are not dropped?
        it is put together of more than 64 core instances, memories or tables, which is the most for every plug-in; build it as one module
        it asked for 2097152 random bytes at once, more than the limit of 1 MiB, which is the same for every plug-in
        all 64 instances it may have at once were busy for 10 s; raise `instances` under [limits] in x.toml, or look at what keeps them busy
        all 1000 instances that all plug-ins together may have at once were busy for 10 s; raise `instances` under [plugins] in speil.toml, or look at what keeps them busy
        "#);
    }
}
