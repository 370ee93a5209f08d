//! The program itself as a child process: `speil serve` over a folder of its own, stopped, killed and started again at
//! will, and its other verbs beside it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use speil::store::Store;
use speil::task::hand::Hand;
use speil::task::mirror_place::MirrorPlace;

use super::engine::Engine;
use super::host::{APPLICATION, PATH, issuer, private_key};
use super::skipped;
use super::wait::{self, PATIENCE};
use crate::sqlserver::factory::store_of;

/// Bytes of a host's log that are kept, the newest.
const MAX_LOG: usize = 64 << 20;

/// A folder with a configuration, and the host that runs over it, if one does.
pub struct Speil {
    binary: &'static str,
    engine: Engine,
    /// What reads mirrors in a server beside the host; made when it is first asked for.
    store: OnceLock<Arc<dyn Store>>,
    folder: tempfile::TempDir,
    environment: Vec<(String, String)>,
    through: Vec<String>,
    serving: Option<Serving>,
}

/// A host at work, or on its way there.
struct Serving {
    child: Child,
    telling: Mutex<Receiver<Result<SocketAddr, std::net::AddrParseError>>>,
    /// Once it has said where it listens.
    address: OnceLock<SocketAddr>,
    log: Arc<Mutex<String>>,
}

/// How a verb ended.
#[derive(Debug)]
pub struct Ended {
    /// `None`: by a signal.
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// The program that cargo built for these tests.
#[macro_export]
macro_rules! speil {
    () => {
        $crate::kit::Speil::new(env!("CARGO_BIN_EXE_speil-under-test"), $crate::kit::Engine::Sqlite)
    };
}

impl Speil {
    /// A folder with a configuration; see the macro [`speil!`](crate::speil).
    pub fn new(binary: &'static str, engine: Engine) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let speil = Self {
            binary,
            engine,
            store: OnceLock::new(),
            folder,
            environment: Vec::new(),
            through: Vec::new(),
            serving: None,
        };
        let file = |name: &str, text: &str| std::fs::write(speil.folder.path().join(name), text).expect("writable");
        file("signer.pem", &issuer().public_key_pem().expect("a text"));
        file("private.pem", private_key());
        speil.configure("", "");
        speil
    }

    /// Writes the configuration, with further lines under `[server]` and `[mirror]`.
    pub fn configure(&self, server: &str, mirror: &str) {
        let place = match &self.engine {
            Engine::Sqlite => "directory = \"mirrors\"".to_owned(),
            Engine::SqlServer(place) => place.lines(),
        };
        self.configure_with(server, &format!("{place}\n{mirror}"));
    }

    /// Writes the configuration with all its lines under `[mirror]`: another way to the same place, say.
    pub fn configure_with(&self, server: &str, mirror: &str) {
        let text = format!(
            "[[application]]\nid = \"{APPLICATION}\"\nenvironment = \"custom\"\nprivate_key = \"private.pem\"\n\
             certificates = [\"signer.pem\"]\n[server]\nlisten = \"127.0.0.1:0\"\n{server}\n\
             [mirror]\n{mirror}\n"
        );
        std::fs::write(self.folder.path().join("speil.toml"), text).expect("writable");
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What the mirrors are in.
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// A tenant's mirror, for a tenant whose name can be a database's.
    pub fn mirror(&self, tenant: &str) -> MirrorPlace {
        match &self.engine {
            Engine::Sqlite => MirrorPlace::file(self.file(tenant), tenant),
            Engine::SqlServer(place) => {
                let store = self.store.get_or_init(|| store_of(&place.lines()));
                MirrorPlace::in_store(store.clone(), Hand::SqlServer(place.hand(tenant)), tenant)
            }
        }
    }

    /// The file of a tenant's mirror, where mirrors are files.
    pub fn file(&self, tenant: &str) -> PathBuf {
        self.folder.path().join("mirrors").join(format!("{tenant}.db"))
    }

    /// Every program started from now on has this in its environment.
    pub fn set_environment(&mut self, name: &str, value: &str) {
        self.environment.push((name.to_owned(), value.to_owned()));
    }

    /// Every program started from now on is started by this one, which ends by becoming the program that its last arguments
    /// name.
    pub fn start_through(&mut self, words: &[&str]) {
        self.through = words.iter().map(ToString::to_string).collect();
    }

    /// Starts the host and waits until it says where it listens. A port of its own each time.
    pub fn start(&mut self) {
        self.launch();
        self.await_listening();
    }

    /// Starts the host and does not wait: it may be killed while it starts.
    pub fn launch(&mut self) {
        assert!(self.serving.is_none(), "the host runs already");
        let mut child =
            self.command().arg("serve").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
        let log = Arc::new(Mutex::new(String::new()));
        let stderr = child.stderr.take().expect("piped");
        let kept = log.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = kept.lock().expect("not poisoned");
                log.push_str(&line);
                log.push('\n');
                // An hour of load tells more than anybody reads.
                if log.len() > MAX_LOG {
                    let half = log.len() / 2;
                    let end = log.bytes().skip(half).position(|byte| byte == b'\n').map_or(0, |at| half + at + 1);
                    log.drain(..end);
                }
            }
        });
        let stdout = child.stdout.take().expect("piped");
        let (told, telling) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some((_, address)) = line.split_once(" listens on http://") {
                    // Whoever waited may have given up.
                    let _ = told.send(address.trim().parse());
                }
            }
        });
        self.serving = Some(Serving { child, telling: Mutex::new(telling), address: OnceLock::new(), log });
    }

    /// Waits until the host that was launched says where it listens.
    pub fn await_listening(&self) {
        let serving = self.serving();
        let telling = serving.telling.lock().expect("not poisoned");
        serving.address.get_or_init(|| listening(&telling, &serving.log));
    }

    /// Whether it has said where it listens by now.
    pub fn listens(&self) -> bool {
        let serving = self.serving();
        let told = serving.telling.lock().expect("not poisoned").try_recv();
        if let Ok(address) = told {
            serving.address.get_or_init(|| address.expect("an address"));
        }
        serving.address.get().is_some()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        *self.serving().address.get().expect("the host has said where it listens")
    }

    /// The address of its endpoint.
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.address())
    }

    /// What it has logged since it started.
    pub fn log(&self) -> String {
        self.serving().log.lock().expect("not poisoned").clone()
    }

    /// SIGKILL: no destructor runs, nothing is flushed.
    pub fn kill(&mut self) {
        let mut serving = self.serving.take().expect("the host runs");
        serving.child.kill().expect("it is a child of ours");
        serving.child.wait().expect("it is a child of ours");
    }

    /// Kills it and starts it again.
    pub fn kill_and_start(&mut self) {
        self.kill();
        self.start();
    }

    /// SIGTERM: it finishes what it has begun. See [`Speil::stopped`]. Whether it could be sent: not every system has it.
    #[must_use]
    pub fn terminate(&self) -> bool {
        if !cfg!(unix) {
            skipped("SIGTERM, which this system has not");
            return false;
        }
        let id = self.serving().child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status().expect("kill is there");
        assert!(sent.success(), "SIGTERM was sent");
        true
    }

    /// Waits for the end that [`Speil::terminate`] asked for; the log with it.
    pub async fn stopped(&mut self) -> (ExitStatus, String) {
        let mut serving = self.serving.take().expect("the host runs");
        let status = wait::until("the host to stop", async || serving.child.try_wait().expect("a child of ours")).await;
        // The reader of the log ends with the process.
        let log = wait::until("the log's end", async || {
            (Arc::strong_count(&serving.log) == 1).then(|| serving.log.lock().expect("not poisoned").clone())
        });
        (status, log.await)
    }

    /// Its number among the system's processes.
    pub fn process_id(&self) -> u32 {
        self.serving().child.id()
    }

    /// The most memory it ever had, in bytes; `None` where that cannot be known.
    pub fn peak_memory(&self) -> Option<u64> {
        self.memory("VmHWM:")
    }

    /// The memory it has now, in bytes; likewise.
    pub fn memory_now(&self) -> Option<u64> {
        self.memory("VmRSS:")
    }

    fn memory(&self, which: &str) -> Option<u64> {
        if !cfg!(target_os = "linux") {
            skipped("a process's memory, which is read from /proc, which this system has not");
            return None;
        }
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process_id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix(which)).expect("Linux tells it");
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().expect("a number");
        Some(kib * 1024)
    }

    /// The processor time that its threads have taken so far, to a hundredth of a second; likewise.
    pub fn processor_time(&self) -> Option<Duration> {
        if !cfg!(target_os = "linux") {
            skipped("a process's processor time, which is read from /proc, which this system has not");
            return None;
        }
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process_id())).expect("it runs");
        // Its name comes before in parentheses, and may hold anything.
        let (_, numbers) = stat.rsplit_once(')').expect("Linux tells it");
        let hundredths = |place: usize| numbers.split_whitespace().nth(place)?.parse::<u64>().ok();
        let (user, system) = hundredths(11).zip(hundredths(12)).expect("two numbers");
        Some(Duration::from_millis((user + system) * 10))
    }

    /// The file handles it has open; likewise.
    pub fn handles_now(&self) -> Option<u64> {
        if !cfg!(target_os = "linux") {
            skipped("a process's file handles, which are counted in /proc, which this system has not");
            return None;
        }
        let open = std::fs::read_dir(format!("/proc/{}/fd", self.process_id())).expect("it runs");
        Some(open.count() as u64)
    }

    /// Runs another verb to its end.
    pub fn run(&self, args: &[&str]) -> Ended {
        let mut child = self.command().args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
        let mut stderr = child.stderr.take().expect("piped");
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).map(|_| text)
        });
        let mut out = String::new();
        child.stdout.take().expect("piped").read_to_string(&mut out).expect("UTF-8");
        let code = child.wait().expect("a child of ours").code();
        Ended { code, out, err: errors.join().expect("no panic").expect("UTF-8") }
    }

    fn serving(&self) -> &Serving {
        self.serving.as_ref().expect("the host runs")
    }

    fn command(&self) -> Command {
        let mut command = match self.through.split_first() {
            None => Command::new(self.binary),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(self.binary);
                command
            }
        };
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("SPEIL") || text == "RUST_LOG" || text == "COLUMNS" {
                command.env_remove(&name);
            }
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Drop for Speil {
    fn drop(&mut self) {
        if let Some(serving) = &mut self.serving {
            // A test that failed leaves it running; nothing can be done about a child that cannot be killed.
            let _ = serving.child.kill();
            let _ = serving.child.wait();
            if std::thread::panicking() {
                let log = serving.log.lock().map(|log| log.clone()).unwrap_or_default();
                let from = log.len().saturating_sub(6_000);
                let tail = log.get(from..).unwrap_or(&log);
                eprintln!("the host's log, its end:\n{tail}");
            }
        }
    }
}

fn listening(telling: &Receiver<Result<SocketAddr, std::net::AddrParseError>>, log: &Mutex<String>) -> SocketAddr {
    match telling.recv_timeout(PATIENCE) {
        Ok(address) => address.expect("an address"),
        Err(error) => {
            let why = match error {
                RecvTimeoutError::Timeout => "did not say where it listens",
                RecvTimeoutError::Disconnected => "ended before it listened",
            };
            panic!("speil serve {why}; its log:\n{}", log.lock().expect("not poisoned"));
        }
    }
}
