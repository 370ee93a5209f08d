//! Mirrors in SQL Server: one database per tenant, on a server that any number of hosts share.
#![allow(dead_code, reason = "being built")]

mod address;
mod browser;
mod bulk;
mod carrier;
mod catalog;
mod conn;
mod connection_string;
mod ddl;
mod errors;
#[cfg(test)]
mod golden;
mod ident;
#[cfg(test)]
mod live_tests;
mod login;
mod patient;
mod pool;
mod prelogin;
mod read;
mod refused;
mod rows;
#[cfg(test)]
mod rows_live;
mod session;
mod stage;
mod targets;
mod token;
mod types;
mod values;
