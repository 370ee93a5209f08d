//! Mirrors in SQL Server: one database per tenant, on a server that any number of hosts share.
#![allow(dead_code, reason = "being built")]

mod address;
mod browser;
mod conn;
mod connection_string;
mod errors;
#[cfg(test)]
mod fake_server_tests;
#[cfg(test)]
mod live_tests;
mod login;
mod patient;
mod pool;
mod prelogin;
mod session;
mod token;
