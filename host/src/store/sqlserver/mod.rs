//! Mirrors in SQL Server: one database per tenant, on a server that any number of hosts share.
#![allow(dead_code, reason = "being built")]

mod alter;
mod alter_plan;
mod catalog;
mod conn;
mod connection_string;
mod ddl;
mod errors;
#[cfg(test)]
mod golden;
mod ident;
mod indexes;
#[cfg(test)]
mod live;
mod login;
mod pool;
mod session;
mod types;
