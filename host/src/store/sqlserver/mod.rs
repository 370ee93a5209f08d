//! Mirrors in SQL Server: one database per tenant, on a server that any number of hosts share.
#![allow(dead_code, reason = "being built")]

mod address;
mod browser;
mod catalog;
mod conn;
mod connection_string;
mod ddl;
mod empty;
mod errors;
#[cfg(test)]
mod golden;
mod history;
mod ident;
mod known;
#[cfg(test)]
mod live_tests;
mod login;
mod metadata;
mod mirror;
mod patient;
mod pool;
mod prelogin;
mod session;
mod sets;
mod side_tables;
mod statement;
mod tables;
mod token;
mod types;
mod writer;
