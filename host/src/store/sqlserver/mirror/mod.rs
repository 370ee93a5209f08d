//! One tenant's mirror: what [`crate::store::MirrorDb`], [`crate::store::History`] and [`crate::store::RowWriter`] promise.
//!
//! | question | file |
//! |---|---|
//! | the traits, and which body runs in which transaction | [`database`] |
//! | transactions, locks, trying again | [`session`] |
//! | which tables of ours there are, whose database it is | [`side_tables`] |
//! | a row of the metadata table | [`metadata`] |
//! | what is known of a table, is it ours | [`known`] |
//! | columns of the tables last written to | [`columns`] |
//! | making, emptying, dropping tables | [`tables`], [`empty`] |
//! | many tables at once | [`sets`] |
//! | a batch of rows and its LSN | [`writer`] |
//! | rows kept aside | [`quarantine`] |
//! | history | [`history`] |
//! | texts of statements with their parameters | [`statement`] |

pub(in crate::store::sqlserver) mod columns;
pub(in crate::store::sqlserver) mod database;
pub(in crate::store::sqlserver) mod empty;
pub(in crate::store::sqlserver) mod history;
pub(in crate::store::sqlserver) mod known;
#[cfg(test)]
mod live;
pub(in crate::store::sqlserver) mod metadata;
pub(in crate::store::sqlserver) mod quarantine;
pub(in crate::store::sqlserver) mod session;
pub(in crate::store::sqlserver) mod sets;
pub(in crate::store::sqlserver) mod side_tables;
pub(in crate::store::sqlserver) mod statement;
pub(in crate::store::sqlserver) mod tables;
pub(in crate::store::sqlserver) mod writer;
