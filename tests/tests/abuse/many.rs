//! Thousands of connections, from a process of its own and from many addresses of this machine.

use std::io::BufRead as _;
use std::process::{Child, Command, Stdio};

use speil_tests::kit::client::Connection;
use speil_tests::kit::skipped;
use speil_tests::kit::wait::until;
use tokio::io::AsyncReadExt as _;

use super::victim::{AT_MOST, Victim};

const MANY: u64 = 10_000;
/// What the default allows.
const ALLOWED: u64 = 1_024;
/// Several times that. Not ten times: the system lets callers in a full queue try again only every
/// other second, so that each thousand takes its time.
const CROWD: u64 = 4_000;
/// What both processes need beside their connections.
const BESIDE: u64 = 500;

/// How many connections there can be: as many as wanted, if the system gives a process so many handles. Raises what this
/// process may have, which processes it starts inherit. `None` where that cannot be known, or is less than makes sense.
fn as_many_as_allowed(wanted: u64, least: u64) -> Option<u64> {
    if !cfg!(target_os = "linux") {
        skipped(&format!("{wanted} connections, which need Linux's loopback addresses and limits"));
        return None;
    }
    // Where there is no such program, what is allowed now must do.
    let raise = format!("prlimit --pid {} --nofile=$(ulimit -Hn):$(ulimit -Hn)", std::process::id());
    let _ = Command::new("sh").args(["-c", &raise]).stderr(Stdio::null()).status();
    let limits = std::fs::read_to_string("/proc/self/limits").expect("Linux tells it");
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("Linux tells it");
    let allowed = line.split_whitespace().next().expect("a number").parse().unwrap_or(u64::MAX);
    let many = wanted.min(allowed.saturating_sub(BESIDE));
    let many = if many < least { 0 } else { many };
    if many < wanted {
        skipped(&format!("{} of {wanted} connections, since a process may have {allowed} open files", wanted - many));
    }
    (many > 0).then_some(many)
}

/// Connections held by another process; let go when dropped.
struct Holder(Child);

impl Holder {
    fn start(victim: &Victim, number: u64) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_hold-connections"))
            .args([victim.address().to_string(), number.to_string(), "spread".to_owned()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        Self(child)
    }

    /// Waits until it has tried them all.
    async fn holds(&mut self) {
        let told = self.0.stdout.take().expect("piped");
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            std::io::BufReader::new(told).read_line(&mut line).map(|_| line)
        });
        assert_eq!(line.await.expect("no panic").expect("readable").trim(), "held");
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        self.0.wait().expect("it ends");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_connections_are_held_in_bounded_memory_where_the_configuration_allows_them() {
    let Some(many) = as_many_as_allowed(MANY, 1) else { return };
    let victim = Victim::start(&format!(
        "max_connections = {}\nmax_connections_per_address = 600\nheader_timeout = \"10m\"",
        many + BESIDE / 2
    ))
    .await;
    let mut holder = Holder::start(&victim, many);
    victim
        .endures(&format!("{many} silent connections, all of them held"), async {
            holder.holds().await;
            until("all to be in", async || (victim.number("speil_connections").await >= many).then_some(())).await;
        })
        .await;
    victim.stayed_below(300);
    drop(holder);
    victim.is_calm().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_connections_give_way_to_callers_where_only_one_thousand_is_allowed() {
    let Some(many) = as_many_as_allowed(CROWD, 2 * ALLOWED) else { return };
    // The default of a thousand, and a header time that nobody could wait for.
    let victim = Victim::start("max_connections_per_address = 600\nheader_timeout = \"10m\"").await;
    let mut holder = Holder::start(&victim, many);
    victim
        .endures(&format!("{many} silent connections where {ALLOWED} are allowed"), async {
            holder.holds().await;
            let rest = many - ALLOWED - BESIDE;
            victim.has_told("gave_way", rest).await;
        })
        .await;
    assert!(victim.number("speil_connections").await <= ALLOWED);
    victim.stayed_below(150);
    drop(holder);
    victim.is_calm().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_take_all_places() {
    let victim = Victim::start("max_connections = 40\nheader_timeout = \"10m\"").await;
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..60 {
        let mut caller = tokio::net::TcpStream::connect(victim.address()).await.expect("it listens");
        callers.spawn(async move { caller.read_u8().await.expect_err("nobody was asked anything") });
    }
    // Half of the places are theirs, and all others are sent away. Callers that left before they were looked at would
    // free a place for the next, so each is waited for.
    for _ in 0..40 {
        let sent_away = tokio::time::timeout(AT_MOST, callers.join_next()).await.expect("it is sent away in time");
        sent_away.expect("there are sixty").expect("no panic");
    }
    let told = async || victim.speil.log().contains("max_connections_per_address").then_some(());
    until("the log to say so", told).await;
    // Nobody else from here is let in: not even who asks for the numbers.
    drop(callers);
    until("the places to be free again", async || {
        let mut caller = Connection::open(victim.address()).await;
        let ask = "GET /livez HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
        (caller.try_send(ask).await && caller.closed().await.starts_with(b"HTTP/1.1 200 ")).then_some(())
    })
    .await;
    victim.has_told("one_address", 40).await;
    victim.is_calm().await;
}
