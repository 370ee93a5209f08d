//! The front door: HTTP in, the pipeline's answers out (protocol.md section 2; design.md, "The way of a row").
//!
//! | idea | file |
//! |---|---|
//! | accept, stop | [`server`] |
//! | one connection, its TLS and its clocks | `connection`, [`tls`], `timed_io` |
//! | who may stay connected, what is told of who may not | `places`, `troubles` |
//! | who may work, in which turn | `room` |
//! | which path is what | `router` |
//! | a SOAP call from head to answer | `soap/` |
//! | service page and WSDL for people and their tools | `page` |
//! | is it alive, is it ready | [`health`] |
//! | numbers for machines, states for administrators | `metrics`, `admin`, [`overview`] |
//!
//! What is below this room knows no HTTP: the vendor's next protocol is another room like this one.

mod admin;
mod connection;
pub mod health;
mod metrics;
pub mod overview;
mod page;
mod parts;
mod places;
mod room;
mod router;
mod server;
mod soap;
mod timed_io;
pub mod tls;
mod troubles;
mod work;

pub use parts::Parts;
pub use server::{RunningServer, ServeError, Server, StopReport};
