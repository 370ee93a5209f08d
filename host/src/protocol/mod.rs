//! The wire contract and its vocabulary (protocol.md). Pure: nothing here does I/O on its own, knows HTTP, a
//! database or a plug-in.
//!
//! | idea | file |
//! |---|---|
//! | namespaces, operations, SOAPAction | [`names`] |
//! | tenant = context identifier | [`context_id`] |
//! | table names, which have no case | [`table_name`] |
//! | log sequence numbers | [`lsn`] |
//! | requests and answers | [`messages`] |
//! | SQL Server column types | [`sql_type`] |
//! | column defaults | [`default_value`] |
//! | a table's definition, typed and keyed | [`table_def`] |
//! | a batch as it came: cells as text | [`raw_batch`] |
//! | a batch as values: one typed column after the other | [`columns`] |
//! | one cell's text becomes one value | [`cell`] |
//! | XML: bytes to elements and texts, bounded | [`xml`] |
//! | from bytes to messages | [`decode`] |
//! | from messages to bytes | [`encode`] |
//! | SOAP faults | [`fault`] |
//! | the SOAPAction header | [`soap_action`] |
//! | the service's description | [`wsdl`] |
//! | calendar arithmetic, ISO texts | [`datetime`] |
//! | text from outside, fit to stand in a message | `shown` |

pub mod cell;
pub mod columns;
pub mod context_id;
pub mod datetime;
pub mod decode;
pub mod default_value;
pub mod encode;
pub mod fault;
pub mod lsn;
pub mod messages;
pub mod names;
pub mod raw_batch;
pub(crate) mod shown;
pub mod soap_action;
pub mod sql_type;
pub mod table_def;
pub mod table_name;
#[cfg(test)]
pub(crate) mod testing;
pub mod wsdl;
mod xml;
