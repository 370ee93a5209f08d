//! Fault points: named steps between the first byte of a call and the last of its answer, at which a test can let the program
//! die, fail or be held up, to see that nothing is lost (`tests/`, docs/safety.md).
//!
//! They are in the program only with the feature `fault-points`, which nothing but the tests' development dependencies turns
//! on. Without it every point is a function that returns at once and whose error cannot exist, so nothing of it is left.
//! With it a point does nothing either unless the environment names a folder in `SPEIL_FAULTS`; `armed.rs` says how it gives orders.

#[cfg(feature = "fault-points")]
mod armed;
#[cfg(not(feature = "fault-points"))]
mod unarmed;

#[cfg(feature = "fault-points")]
pub use armed::{Injected, is_ordered, now, pass, pass_blocking, pass_unread};
#[cfg(not(feature = "fault-points"))]
pub use unarmed::{Injected, is_ordered, now, pass, pass_blocking, pass_unread};

/// A step of a call, in about the order in which calls come to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// A connection was accepted.
    Accept,
    /// The head of the HTTP request is here.
    RequestHead,
    /// A piece of the body came.
    BodyPiece,
    /// The message's own head is read: which operation, which token.
    MessageHead,
    /// The token is good.
    Token,
    /// There is room for the call.
    Room,
    /// The decoder begins.
    Decode,
    /// Rows of a large batch are in a temporary file.
    Spilled,
    /// A batch is decoded.
    BatchDecoded,
    /// Before the hooks that come before the operation.
    HooksBefore,
    /// The hooks have said where the mirror is.
    Resolved,
    /// A mirror that was not there is made: its file, with nothing of ours in it; its database, without settings. And once more
    /// when it can be used.
    MirrorMade,
    /// The mirror is open.
    Opened,
    /// The call has its ticket.
    Ticket,
    /// It is the call's turn at a table.
    Turn,
    /// A table is about to be made to fit.
    SchemaChange,
    /// Rows are back from the temporary file.
    SpillRead,
    /// The first rows are typed. No transaction has begun, unless the store begins ahead.
    Typed,
    /// The transaction of rows has begun.
    RowsBegun,
    /// A table that is to be filled and was not wiped has been emptied.
    Emptied,
    /// Rows have been through the transforms.
    Transformed,
    /// Rows are ready to be written.
    Staged,
    /// SQL Server: rows have been sent by bulk load, into the table or into the temporary one beside it.
    Loaded,
    /// SQLite: rows are deleted, and those to be written are not.
    Deleted,
    /// Rows are written.
    RowsApplied,
    /// Rows that a transform could not take are kept aside.
    Aside,
    /// The LSN is about to be written.
    LsnWrite,
    /// The LSN is written.
    LsnWritten,
    /// The rows are about to be committed.
    Commit,
    /// SQL Server: the commit is sent, and its answer not read.
    CommitSent,
    /// The rows are committed.
    Committed,
    /// Plug-ins are about to be told of the rows.
    RowsTold,
    /// A transaction without rows has begun: a ticket, a change of schema, a wipe, history.
    WriteBegun,
    /// It is about to be committed.
    WriteCommit,
    /// It is committed.
    WriteCommitted,
    /// Events have been told.
    EventsTold,
    /// After the hooks that come after the operation.
    HooksAfter,
    /// The call is about to be written into the mirror's history.
    Record,
    /// The answer of Authenticate is signed.
    Signed,
    /// Log line and counters are about to be written.
    Counted,
    /// The answer's head is about to be written.
    AnswerHead,
    /// The answer's body is about to be written.
    AnswerBody,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 42] = [
        Self::Accept,
        Self::RequestHead,
        Self::BodyPiece,
        Self::MessageHead,
        Self::Token,
        Self::Room,
        Self::Decode,
        Self::Spilled,
        Self::BatchDecoded,
        Self::HooksBefore,
        Self::Resolved,
        Self::MirrorMade,
        Self::Opened,
        Self::Ticket,
        Self::Turn,
        Self::SchemaChange,
        Self::SpillRead,
        Self::Typed,
        Self::RowsBegun,
        Self::Emptied,
        Self::Transformed,
        Self::Staged,
        Self::Loaded,
        Self::Deleted,
        Self::RowsApplied,
        Self::Aside,
        Self::LsnWrite,
        Self::LsnWritten,
        Self::Commit,
        Self::CommitSent,
        Self::Committed,
        Self::RowsTold,
        Self::WriteBegun,
        Self::WriteCommit,
        Self::WriteCommitted,
        Self::EventsTold,
        Self::HooksAfter,
        Self::Record,
        Self::Signed,
        Self::Counted,
        Self::AnswerHead,
        Self::AnswerBody,
    ];

    /// Its name in an order and in the table of outcomes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::RequestHead => "request-head",
            Self::BodyPiece => "body-piece",
            Self::MessageHead => "message-head",
            Self::Token => "token",
            Self::Room => "room",
            Self::Decode => "decode",
            Self::Spilled => "spilled",
            Self::BatchDecoded => "batch-decoded",
            Self::HooksBefore => "hooks-before",
            Self::Resolved => "resolved",
            Self::MirrorMade => "mirror-made",
            Self::Opened => "opened",
            Self::Ticket => "ticket",
            Self::Turn => "turn",
            Self::SchemaChange => "schema-change",
            Self::SpillRead => "spill-read",
            Self::Typed => "typed",
            Self::RowsBegun => "rows-begun",
            Self::Emptied => "emptied",
            Self::Transformed => "transformed",
            Self::Staged => "staged",
            Self::Loaded => "loaded",
            Self::Deleted => "deleted",
            Self::RowsApplied => "rows-applied",
            Self::Aside => "aside",
            Self::LsnWrite => "lsn-write",
            Self::LsnWritten => "lsn-written",
            Self::Commit => "commit",
            Self::CommitSent => "commit-sent",
            Self::Committed => "committed",
            Self::RowsTold => "rows-told",
            Self::WriteBegun => "write-begun",
            Self::WriteCommit => "write-commit",
            Self::WriteCommitted => "write-committed",
            Self::EventsTold => "events-told",
            Self::HooksAfter => "hooks-after",
            Self::Record => "record",
            Self::Signed => "signed",
            Self::Counted => "counted",
            Self::AnswerHead => "answer-head",
            Self::AnswerBody => "answer-body",
        }
    }
}

/// A step at which nothing can fail but by a mistake of ours: the error is a panic.
///
/// # Panics
/// When that was ordered.
pub async fn pass_or_panic(step: Step) {
    if let Err(injected) = pass(step).await {
        panic!("{injected}");
    }
}
