//! From a server's name to an open socket.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

use super::browser;
use super::connection_string::{AddressPreference, At, Server, Target};

/// Idle connections die silently in firewalls and load balancers (Azure's after four minutes): knock before.
const KEEP_ALIVE: TcpKeepalive =
    TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(5));

/// Opens a socket to a server: its name resolved, a named instance's port asked for.
pub(in crate::store::sqlserver) async fn open(server: &Server, target: &Target) -> io::Result<TcpStream> {
    let port = match &server.at {
        At::Port(port) => *port,
        At::Instance(name) => {
            let addresses = resolve(&server.host, browser::PORT, target.address_preference).await?;
            browser::port(&addresses, &server.host, name, browser::PATIENCE).await?
        }
    };
    let addresses = resolve(&server.host, port, target.address_preference).await?;
    let socket =
        if target.multi_subnet_failover { first_of_all(&addresses).await } else { one_after_another(&addresses).await };
    let socket = socket.map_err(|error| {
        let host = &server.host;
        io::Error::new(error.kind(), format!("{host} does not answer at port {port}: {error}"))
    })?;
    socket.set_nodelay(true)?;
    // A system that refuses goes without.
    let _ = SockRef::from(&socket).set_tcp_keepalive(&KEEP_ALIVE);
    Ok(socket)
}

async fn resolve(host: &str, port: u16, preference: AddressPreference) -> io::Result<Vec<SocketAddr>> {
    let mut addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port))
        .await
        .map_err(|error| io::Error::new(error.kind(), format!("the name {host} cannot be resolved: {error}")))?
        .collect();
    match preference {
        AddressPreference::AsResolved => {}
        AddressPreference::V4First => addresses.sort_by_key(|address| matches!(address.ip(), IpAddr::V6(_))),
        AddressPreference::V6First => addresses.sort_by_key(|address| matches!(address.ip(), IpAddr::V4(_))),
    }
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, format!("the name {host} has no address")));
    }
    Ok(addresses)
}

fn nothing_tried() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "it has no address")
}

async fn one_after_another(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut first = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(socket) => return Ok(socket),
            Err(error) => drop(first.get_or_insert(error)),
        }
    }
    Err(first.unwrap_or_else(nothing_tried))
}

/// An availability group's listener has an address in each subnet, of which one answers: all at once.
async fn first_of_all(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut attempts: FuturesUnordered<_> = addresses.iter().map(TcpStream::connect).collect();
    let mut first = None;
    while let Some(attempt) = attempts.next().await {
        match attempt {
            Ok(socket) => return Ok(socket),
            Err(error) => drop(first.get_or_insert(error)),
        }
    }
    Err(first.unwrap_or_else(nothing_tried))
}
