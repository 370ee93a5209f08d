//! Names, types, tables and indexes: how they are spelled in T-SQL, what is really there, how one becomes the other.
//!
//! | question | file |
//! |---|---|
//! | how a name or a literal is quoted | [`ident`] |
//! | which type a column has in the mirror | [`types`] |
//! | making and dropping tables | [`ddl`] |
//! | changing a table with its rows | [`alter_plan`] (which steps), [`alter`] (taking them) |
//! | what the database really holds | [`catalog`] |
//! | indexes | [`indexes`] |
//! | what would be sent, without a server | [`draft`] |

pub(in crate::store::sqlserver) mod alter;
pub(in crate::store::sqlserver) mod alter_plan;
pub(in crate::store::sqlserver) mod catalog;
pub(in crate::store::sqlserver) mod ddl;
pub(in crate::store::sqlserver) mod draft;
pub(in crate::store::sqlserver) mod ident;
pub(in crate::store::sqlserver) mod indexes;
#[cfg(test)]
pub(in crate::store::sqlserver) mod live;
pub(in crate::store::sqlserver) mod types;
