//! How much of everything a message may hold. Every breach is a fault that names the limit and its value; the
//! total size of a body is bounded by whoever hands over the bytes.

/// The bounds of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Everything before the content of the operation: the envelope's tags and the SOAP header with its token.
    pub header_bytes: usize,
    /// Elements inside each other. The contract needs nine.
    pub depth: usize,
    /// The name of one element or attribute, prefix included.
    pub name_bytes: usize,
    /// One tag with its attributes.
    pub tag_bytes: usize,
    /// Attributes of one element, namespace declarations included.
    pub attributes: usize,
    /// Namespace declarations on one element. Below quick-xml's own cap of 256.
    pub namespaces: usize,
    /// Namespace declarations in force at one place.
    pub namespaces_in_scope: usize,
    /// One comment.
    pub comment_bytes: usize,
    /// White space between two elements.
    pub blank_bytes: usize,
    /// The text of one cell. Below 1 GiB, which is what a segment of rows can hold.
    pub text_bytes: usize,
    /// All cells of one row together. At most 1 GiB.
    pub row_bytes: usize,
    /// Any other text: a name, a type, a client state.
    pub value_bytes: usize,
    /// Tables in one TableSchema or ReplicationCompleted.
    pub tables: usize,
    /// Columns of one table, and cells of one row. SQL Server's own limit is 30,000, for sparse tables.
    pub columns: usize,
    /// Columns of all tables in one TableSchema.
    pub all_columns: usize,
    /// Text of all table descriptions in one TableSchema.
    pub description_bytes: usize,
    /// Cells and rows written as real senders write them may be told by their bytes. Without it all goes through the general
    /// reader and gives the same, which is what tests hold it against.
    pub short_way: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: 64 << 10,
            depth: 64,
            name_bytes: 256,
            tag_bytes: 32 << 10,
            attributes: 128,
            namespaces: 64,
            namespaces_in_scope: 256,
            comment_bytes: 1 << 20,
            blank_bytes: 1 << 20,
            text_bytes: 512 << 20,
            row_bytes: 1 << 30,
            value_bytes: 1 << 20,
            tables: 20_000,
            columns: 30_000,
            all_columns: 500_000,
            description_bytes: 64 << 20,
            short_way: true,
        }
    }
}
