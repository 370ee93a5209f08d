//! Which database is a tenant's, on which server, and what is there already.
//!
//! | question | file |
//! |---|---|
//! | which database is a tenant's | [`template`] |
//! | which server, login and database, when a plug-in has a say | [`route`], [`allowed`] |
//! | who makes a database that is not there | [`create`] |
//! | which databases are mirrors | [`found`] |
//! | could mirrors be made and written | [`probe`] |
//! | what would taking over the vendor's mirrors do | [`preview`] |

pub(in crate::store::sqlserver) mod allowed;
pub(in crate::store::sqlserver) mod create;
pub(in crate::store::sqlserver) mod found;
pub(in crate::store::sqlserver) mod preview;
pub(in crate::store::sqlserver) mod probe;
pub(in crate::store::sqlserver) mod route;
pub(in crate::store::sqlserver) mod template;
