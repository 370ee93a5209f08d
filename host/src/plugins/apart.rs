//! Compiling in a process of its own. A compiler can be made to take hours and all memory by a small component (a function of
//! 256 KB with loops in loops did both), it cannot be interrupted, and where it stumbles it may take its process with it. So it
//! runs where it can be ended, and what it made comes back through the folder of compiled code.
//!
//! Only this very program can do that: it is started once more with [`ARGUMENT`] first. Where another one uses the library, and
//! where no process can be started, the component is compiled here.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use super::cache::CodeCache;
use super::digest;
use super::engine::Machine;
use super::limits::{duration, size};
use super::workshop;

/// The first argument of a process that compiles.
const ARGUMENT: &str = "compile-for-the-host";
/// It needed more memory than it may have.
const TOO_MUCH: u8 = 3;

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// What compiling may take.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// `None`: it is done in this process, which nothing bounds.
    pub program: Option<PathBuf>,
    /// `[plugins] compile_time`
    pub time: Duration,
    /// `[plugins] compile_memory`. Watched on Linux only.
    pub memory: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { program: PROGRAM.get().cloned(), time: Duration::from_mins(2), memory: 2 << 30 }
    }
}

/// To be called first by a program whose `main` calls [`asked`]: from now on components are compiled by starting it once more.
pub fn compile_by_this_program() {
    // The very file that runs, also after another has been put in its place.
    let own = Path::new("/proc/self/exe");
    let program = if own.exists() { Ok(own.to_owned()) } else { std::env::current_exe() };
    match program {
        Ok(program) => {
            // Said once; a second time says the same.
            let _ = PROGRAM.set(program);
        }
        Err(error) => tracing::warn!("plug-ins are compiled in this process, which cannot tell its own file: {error}"),
    }
}

/// Why nothing came of it.
pub(super) enum Apart {
    /// The component's fault: a sentence without its name.
    Refused(String),
    /// There is no such process: the component may be compiled here.
    Unavailable(String),
}

/// Compiles into this folder of compiled code, which nobody else can write to.
pub(super) fn compile(bounds: &Bounds, program: &Path, folder: &Path, bytes: &[u8]) -> Result<(), Apart> {
    let unavailable = |error: std::io::Error| Apart::Unavailable(error.to_string());
    let mut command = Command::new(program);
    command.args([OsStr::new(ARGUMENT), folder.as_os_str()]);
    command.args([bounds.time.as_millis().to_string(), bounds.memory.to_string()]);
    // It needs none of what this process was told, secrets among it. Windows programs do not start without these.
    command
        .env_clear()
        .envs(["SystemRoot", "TEMP", "TMP"].iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let begun = Instant::now();
    let mut child = Ended(command.spawn().map_err(unavailable)?);
    if let Some(mut input) = child.0.stdin.take() {
        // It takes all in before it does anything. If it is gone already, its end says why.
        let _ = input.write_all(bytes);
    }
    let (tell, told) = channel();
    let output = child.0.stdout.take();
    std::thread::spawn(move || {
        let mut words = String::new();
        let read = output.map(|output| output.take(64 << 10).read_to_string(&mut words));
        // Nobody listens any more after the time is over.
        let _ = tell.send(read.map(|_| words));
    });
    let words = match told.recv_timeout(bounds.time.saturating_sub(begun.elapsed())) {
        Ok(words) => words.unwrap_or_default(),
        Err(RecvTimeoutError::Timeout) => return Err(Apart::Refused(too_long(bounds.time))),
        Err(RecvTimeoutError::Disconnected) => String::new(),
    };
    let status = child.0.wait().map_err(unavailable)?;
    match status.code() {
        Some(0) => Ok(()),
        Some(1) if !words.is_empty() => Err(Apart::Refused(words)),
        Some(1) => Err(Apart::Refused(too_long(bounds.time))),
        // Another program by now, which does not know what it is asked.
        Some(2) => Err(Apart::Unavailable(format!("{} is another program by now", program.display()))),
        Some(code) if code == i32::from(TOO_MUCH) => Err(Apart::Refused(format!(
            "compiling it takes more than {} of memory; is it far larger than it should be? If not, raise `compile_memory` under \
             [plugins] in speil.toml",
            size(bounds.memory)
        ))),
        // Whatever ended it, it is not to be tried where that would end the host.
        Some(_) | None => Err(Apart::Refused(format!(
            "the process that compiled it was ended ({status}): has memory run out, or is it made to break compilers?"
        ))),
    }
}

fn too_long(limit: Duration) -> String {
    format!(
        "it could not be compiled within {}; is it far larger than it should be? If not, raise `compile_time` under [plugins] in \
         speil.toml",
        duration(limit)
    )
}

/// A process that does not outlive its purpose.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What this process was started for, if it was to compile for another.
#[must_use]
pub fn asked() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next()? != ARGUMENT {
        return None;
    }
    let folder = PathBuf::from(arguments.next()?);
    let mut number = || arguments.next()?.into_string().ok()?.parse::<u64>().ok();
    let (time, memory) = (Duration::from_millis(number()?), usize::try_from(number()?).unwrap_or(usize::MAX));
    // Whoever asked ends it in time; unless he has been ended himself.
    std::thread::spawn(move || watch(time + Duration::from_secs(5), memory));
    let mut bytes = Vec::new();
    let done = std::io::stdin()
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())
        .and_then(|_| compile_here(&folder, &bytes));
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            print!("{reason}");
            ExitCode::FAILURE
        }
    })
}

fn compile_here(folder: &Path, bytes: &[u8]) -> Result<(), String> {
    let machine = Machine::start(1).map_err(|error| format!("{error:#}"))?;
    let component = workshop::compile(machine.engine(), bytes)?;
    CodeCache::new(folder.to_owned(), false).put(machine.engine(), &digest::of_file(bytes), &component);
    Ok(())
}

/// Ends this process when it has taken too much.
fn watch(time: Duration, memory: usize) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        if resident().is_some_and(|used| used > memory) {
            std::process::exit(i32::from(TOO_MUCH));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    std::process::exit(1);
}

/// Memory of this process, where the system tells it in a file.
fn resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()?.checked_mul(1 << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn memory_is_measured() {
        let used = resident().expect("told");
        assert!(used > 1 << 20 && used < 1 << 40, "{used}");
    }
}
