//! Holds connections open and says nothing over them, from a process of its own: a test that plays five hundred callers
//! and their server would want more open files than many systems give to one process.
//!
//!     hold-connections ADDRESS NUMBER [spread]
//!
//! Prints `held` when all are open, and lets go when its standard input ends. With `spread` they come from many of Linux's
//! loopback addresses, five hundred from each.

use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpSocket, TcpStream};

/// Connections from one address.
const EACH: u32 = 500;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address: SocketAddr = arguments.next().ok_or("which address?")?.parse()?;
    let number: u32 = arguments.next().ok_or("how many?")?.parse()?;
    let spread = arguments.next().is_some_and(|word| word == "spread");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let held = runtime.block_on(async {
        let mut held = Vec::new();
        for one in 0..number {
            held.push(connect(address, spread.then_some(one / EACH)).await?);
        }
        Ok::<_, std::io::Error>(held)
    })?;
    println!("held");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    drop(held);
    Ok(())
}

/// One connection, from the loopback address of this number if there is one.
async fn connect(address: SocketAddr, from: Option<u32>) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if let Some(from) = from {
        let start = u32::from(Ipv4Addr::new(127, 1, 0, 1));
        socket.bind(SocketAddr::from((Ipv4Addr::from(start + from), 0)))?;
    }
    socket.connect(address).await
}
