//! Rows into and out of one table.
//!
//! | question | file |
//! |---|---|
//! | which way a stretch of rows goes | [`plan`] |
//! | what each column travels as | [`carrier`], [`values`] (one cell) |
//! | which columns the table really has | [`targets`] |
//! | loading in bulk, and by parameter what cannot be | [`bulk`] |
//! | changes by way of a temporary table | [`stage`] |
//! | which row it was that the server refused | [`refused`] |
//! | rows out | [`read`] |

pub(in crate::store::sqlserver) mod bulk;
pub(in crate::store::sqlserver) mod carrier;
#[cfg(test)]
pub(in crate::store::sqlserver) mod live;
pub(in crate::store::sqlserver) mod plan;
pub(in crate::store::sqlserver) mod read;
pub(in crate::store::sqlserver) mod refused;
pub(in crate::store::sqlserver) mod stage;
pub(in crate::store::sqlserver) mod targets;
pub(in crate::store::sqlserver) mod values;
