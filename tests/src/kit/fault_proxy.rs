//! What lies between a host and its database when the network is bad: connections are cut, reset and stalled after random
//! numbers of bytes, in both directions. The same seed gives every connection the same fate, in the order they are made.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use speil::task::dice::Dice;
use tokio::io::AsyncWriteExt as _;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to a connection once its bytes have been counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Both ends see an orderly end of the stream.
    Cut,
    /// Both ends see a reset.
    Reset,
    /// Nothing goes on for a while; then it goes on as if nothing had been.
    Stall(Duration),
    /// Nothing goes on for a while; then it is reset.
    StallAndReset(Duration),
}

/// The fate of one connection.
struct Fate {
    /// How many bytes pass, both directions together, before it strikes.
    after: u64,
    fault: Fault,
}

/// A proxy at work until it is dropped.
pub struct FaultProxy {
    pub address: SocketAddr,
    /// The seed of the faults; `None`: no faults.
    seed: watch::Sender<Option<u64>>,
    struck: Arc<AtomicU64>,
    accepting: tokio::task::JoinHandle<()>,
}

impl FaultProxy {
    /// Starts on a free port, in front of this server, without faults.
    pub async fn start(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let (seed, noticed) = watch::channel(None);
        let struck = Arc::new(AtomicU64::new(0));
        let counted = struck.clone();
        let accepting = tokio::spawn(async move {
            for number in 0_u64.. {
                let (stream, _) = listener.accept().await.expect("the listener is open");
                let (noticed, counted) = (noticed.clone(), counted.clone());
                tokio::spawn(async move {
                    // What breaks here is what the proxy is for.
                    let _ = pass(stream, server, number, noticed, &counted).await;
                });
            }
        });
        Self { address, seed, struck, accepting }
    }

    /// From now on every connection has a fate.
    pub fn begin(&self, seed: u64) {
        self.seed.send_replace(Some(seed));
    }

    /// From now on all goes well: what is stalled goes on, and no connection's fate strikes any more.
    pub fn end(&self) {
        self.seed.send_replace(None);
    }

    /// How many faults struck.
    pub fn struck(&self) -> u64 {
        self.struck.load(Ordering::Relaxed)
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Fate {
    fn of(seed: u64, connection: u64) -> Self {
        let mut dice = Dice::named(&[0xfa17, seed, connection]);
        // Within the login, within the first statements, within the rows.
        let scale = dice.pick(&[400, 4_000, 4_000, 20_000, 20_000, 100_000]);
        let pause = Duration::from_millis(dice.below(1_500));
        let fault = match dice.below(4) {
            0 => Fault::Cut,
            1 => Fault::Reset,
            2 => Fault::Stall(pause),
            _ => Fault::StallAndReset(pause),
        };
        Self { after: dice.below(scale) + 1, fault }
    }
}

async fn pass(
    near: TcpStream,
    server: SocketAddr,
    number: u64,
    mut faults: watch::Receiver<Option<u64>>,
    struck: &AtomicU64,
) -> std::io::Result<()> {
    let far = TcpStream::connect(server).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let mut there = Way { from: near_in, to: far_out };
    let mut back = Way { from: far_in, to: near_out };
    let budget = Budget { left: AtomicU64::new(u64::MAX), spent: watch::Sender::new(false) };
    let mut begun = faults.clone();
    // A connection that was made while all went well has its fate from the moment on that faults begin.
    let fate = async {
        let seed = begun.wait_for(Option::is_some).await.map_or(0, |seed| seed.unwrap_or_default());
        let fate = Fate::of(seed, number);
        budget.left.store(fate.after, Ordering::Relaxed);
        fate
    };
    let (fate, (up, down)) = {
        let passing = async { tokio::join!(there.pass_on(&budget), back.pass_on(&budget)) };
        let mut passing = std::pin::pin!(passing);
        tokio::select! {
            biased;
            fate = fate => (fate, passing.await),
            // Nothing ever struck: it came to its own end.
            _ = &mut passing => return Ok(()),
        }
    };
    if !(up? && down?) {
        return Ok(());
    }
    // `end` may have been called while the bytes were counted.
    if faults.borrow().is_none() {
        return through(there, back).await;
    }
    struck.fetch_add(1, Ordering::Relaxed);
    match fate.fault {
        Fault::Cut => Ok(()),
        Fault::Reset => reset(&there, &back),
        Fault::Stall(pause) => {
            // Ended early when all is to go well again.
            let _ = tokio::time::timeout(pause, faults.wait_for(Option::is_none)).await;
            through(there, back).await
        }
        Fault::StallAndReset(pause) => {
            let _ = tokio::time::timeout(pause, faults.wait_for(Option::is_none)).await;
            reset(&there, &back)
        }
    }
}

/// Both ends are told that something went wrong, and not that the other has finished.
fn reset(there: &Way, back: &Way) -> std::io::Result<()> {
    there.from.as_ref().set_zero_linger()?;
    back.from.as_ref().set_zero_linger()
}

/// All that still comes, in both directions.
async fn through(mut there: Way, mut back: Way) -> std::io::Result<()> {
    let (up, down) =
        tokio::join!(tokio::io::copy(&mut there.from, &mut there.to), tokio::io::copy(&mut back.from, &mut back.to));
    up.and(down).map(|_| ())
}

/// How many bytes may still pass, both directions together.
struct Budget {
    left: AtomicU64,
    spent: watch::Sender<bool>,
}

impl Budget {
    /// Takes so many, or what is left.
    fn take(&self, wanted: usize) -> usize {
        let wanted = wanted as u64;
        let left =
            self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left.saturating_sub(wanted)));
        let (Ok(left) | Err(left)) = left;
        usize::try_from(left.min(wanted)).unwrap_or(usize::MAX)
    }
}

struct Way {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
}

impl Way {
    /// Passes on what comes until the budget is spent. Whether it was; else the stream came to its end.
    async fn pass_on(&mut self, budget: &Budget) -> std::io::Result<bool> {
        let mut spent = budget.spent.subscribe();
        let mut buffer = vec![0; 16 << 10];
        loop {
            // Only waiting for bytes is ever broken off; what was read is written.
            tokio::select! {
                ready = self.from.readable() => ready?,
                _ = spent.wait_for(|spent| *spent) => return Ok(true),
            }
            let most = budget.take(buffer.len());
            if most == 0 {
                budget.spent.send_replace(true);
                return Ok(true);
            }
            let read = match self.from.try_read(&mut buffer[..most]) {
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => 0,
                Ok(0) => {
                    budget.spent.send_replace(true);
                    return Ok(false);
                }
                other => other?,
            };
            budget.left.fetch_add((most - read) as u64, Ordering::Relaxed);
            self.to.write_all(&buffer[..read]).await?;
        }
    }
}
