//! A host in a process of its own, for what belongs to a process: its memory and its start.

use std::io::{BufRead as _, BufReader};
use std::process::{Child as Process, Command, Stdio};

use super::setup::Setup;
use crate::cli::CliError;

/// `speil serve`. It ends when this is dropped.
pub(super) struct Child {
    process: Process,
    pub address: String,
}

impl Child {
    /// Starts it and waits until it says where it listens.
    pub fn start(setup: &Setup) -> Result<Self, CliError> {
        let program = std::env::current_exe().map_err(CliError::failed)?;
        let mut command = Command::new(program);
        // What this machine's environment says is left out: the bench is the same everywhere.
        let settings = std::env::vars_os().map(|(name, _)| name);
        for name in settings.filter(|name| name.to_string_lossy().starts_with("SPEIL_")) {
            command.env_remove(name);
        }
        command.args(["serve", "--config"]).arg(setup.path("speil.toml"));
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().map_err(CliError::failed)?;
        let out = process.stdout.take();
        let mut child = Self { process, address: String::new() };
        let mut lines = BufReader::new(out.ok_or_else(|| CliError::failed("a host's output cannot be read"))?);
        let mut line = String::new();
        lines.read_line(&mut line).map_err(CliError::failed)?;
        child.address = line
            .trim()
            .rsplit_once("http://")
            .map(|(_, address)| address.to_owned())
            .ok_or_else(|| CliError::Failed(format!("a host of the bench did not start; it said {line:?}")))?;
        // What it says later must not fill the pipe. The thread ends with the process.
        std::thread::spawn(move || lines.lines().map_while(Result::ok).for_each(drop));
        Ok(child)
    }

    /// The most memory it ever had, in megabytes; `None` where the system does not tell.
    #[cfg(target_os = "linux")]
    pub fn peak_megabytes(&self) -> Option<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1024.0 / 1e6)
    }

    /// The most memory it ever had, in megabytes; `None` where the system does not tell.
    #[cfg(not(target_os = "linux"))]
    pub fn peak_megabytes(&self) -> Option<f64> {
        None
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // It is ours, and nobody needs what it holds: a host that has ended already is as good.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
