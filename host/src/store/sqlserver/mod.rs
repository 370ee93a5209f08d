//! Mirrors in SQL Server: one database per tenant, on a server that any number of hosts share.
#![allow(dead_code, reason = "being built")]

mod conn;
mod connection_string;
mod errors;
mod login;
mod pool;
mod session;
