//! XML as the wire contract needs it: bytes to UTF-8, UTF-8 to elements and texts, every limit checked while
//! reading. Knows the names of the contract and not what its messages mean.
//!
//! | layer | file |
//! |---|---|
//! | which encoding the bytes are in; UTF-8 comes out | [`encoding`] |
//! | the buffer quick-xml reads from, where sizes are bounded | [`feed`] |
//! | prefixes, namespaces and the elements they name | [`namespaces`], [`element`] |
//! | one start tag and its attributes | [`attributes`] |
//! | character data and references | [`text`] |
//! | texts of XSD types | [`values`] |
//! | how much of everything | [`limits`] |
//! | all of it together: a pull reader of elements | [`reader`] |

pub(in crate::protocol) mod attributes;
pub(in crate::protocol) mod element;
mod encoding;
mod feed;
pub(in crate::protocol) mod limits;
pub(in crate::protocol) mod namespaces;
pub(in crate::protocol) mod reader;
mod text;
pub(in crate::protocol) mod values;
