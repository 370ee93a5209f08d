//! The calls that are walked over, and which of their steps.

use std::ops::RangeInclusive;

use speil::faults::Step;

/// A call with a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Call {
    Authenticate,
    TableSchema,
    FirstOpen,
    Create,
    Recreate,
    Drop,
    Wipe,
    RowData,
    InPieces,
    ThreeBatches,
    LongBatch,
    Unwiped,
    KeptAside,
    ReplicationCompleted,
}

/// All of them. The one that needs a new tenant each time comes last.
pub const CALLS: [Call; 14] = [
    Call::Authenticate,
    Call::TableSchema,
    Call::Create,
    Call::Recreate,
    Call::Drop,
    Call::Wipe,
    Call::RowData,
    Call::InPieces,
    Call::ThreeBatches,
    Call::LongBatch,
    Call::Unwiped,
    Call::KeptAside,
    Call::ReplicationCompleted,
    Call::FirstOpen,
];

const ALL: RangeInclusive<usize> = 1..=usize::MAX;
#[expect(clippy::reversed_empty_ranges, reason = "no time at all")]
const NONE: RangeInclusive<usize> = 1..=0;

impl Call {
    /// What it is, for people: a heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Authenticate => "Authenticate",
            Self::TableSchema => "TableSchema",
            Self::FirstOpen => "TableSchema, the first of a tenant",
            Self::Create => "TableSchema with a new table",
            Self::Recreate => "TableSchema with a renamed column",
            Self::Drop => "TableSchema without a table",
            Self::Wipe => "Wipe",
            Self::RowData => "RowData",
            Self::InPieces => "RowData in pieces",
            Self::ThreeBatches => "RowData of three batches",
            Self::LongBatch => "RowData of a long batch",
            Self::Unwiped => "RowData without a Wipe",
            Self::KeptAside => "RowData with a row that goes aside",
            Self::ReplicationCompleted => "ReplicationCompleted",
        }
    }

    /// What happens in it.
    pub const fn about(self) -> &'static str {
        match self {
            Self::Authenticate => "The answer is signed; no mirror is changed.",
            Self::TableSchema => "A column has grown and is changed in place.",
            Self::FirstOpen => "There is no mirror; it is made, and two tables in it.",
            Self::Create => "A table more is listed and made.",
            Self::Recreate => "A column has another name, so its table is made anew and must be filled again.",
            Self::Drop => "A table is not listed any more and is dropped.",
            Self::Wipe => "A table with rows is emptied.",
            Self::RowData => {
                "One batch: an insert, updates, a delete and the LSN, through a transform that changes nothing."
            }
            Self::InPieces => "The same; its body comes in three pieces, each after the one before it was read.",
            Self::ThreeBatches => {
                "A table's only batch, then two of another table of which the second has the LSN. *n of 3* counts batches in the mirror."
            }
            Self::LongBatch => {
                "260 rows, of which all but the last go through a temporary file, written in four stretches within one transaction."
            }
            Self::Unwiped => {
                "The rows of a table that answered -1, without the Wipe that belongs before them: it is emptied first."
            }
            Self::KeptAside => {
                "A transform cannot take one of two rows, which is kept aside in the transaction of the other."
            }
            Self::ReplicationCompleted => "The cycle is closed in the mirror's history.",
        }
    }

    /// Which passes of a step are walked over with mirrors in files: of the five operations nearly all, of the further calls those that
    /// only they have. A step that would show what another shows already is left out, since all of this is to be done in a minute or
    /// two.
    pub const fn walked(self, step: Step) -> RangeInclusive<usize> {
        // The first three transactions of a TableSchema are the ticket, the tables seen, and the cycle begun.
        const OWN: RangeInclusive<usize> = 4..=usize::MAX;
        match self {
            Self::Authenticate | Self::TableSchema | Self::RowData => match step {
                // How many pieces a body comes in, and how many connections are opened, is the network's affair.
                Step::BodyPiece | Step::Accept => 1..=1,
                Step::WriteBegun if !matches!(self, Self::RowData) => NONE,
                _ => ALL,
            },
            Self::Wipe | Self::ReplicationCompleted => match step {
                // The same for all operations.
                Step::Accept
                | Step::RequestHead
                | Step::BodyPiece
                | Step::MessageHead
                | Step::Token
                | Step::Room
                | Step::Counted
                | Step::AnswerHead => NONE,
                Step::WriteBegun if matches!(self, Self::Wipe) => NONE,
                _ => ALL,
            },
            Self::FirstOpen => match step {
                Step::MirrorMade | Step::Opened | Step::SchemaChange => ALL,
                Step::WriteCommitted => OWN,
                _ => NONE,
            },
            Self::Create | Self::Recreate | Self::Drop => match step {
                Step::SchemaChange => ALL,
                Step::WriteCommit => OWN,
                _ => NONE,
            },
            Self::InPieces => match step {
                Step::BodyPiece => 2..=3,
                _ => NONE,
            },
            Self::ThreeBatches => match step {
                Step::BatchDecoded | Step::Turn | Step::RowsApplied => 2..=3,
                Step::Committed => ALL,
                _ => NONE,
            },
            Self::LongBatch => match step {
                Step::BatchDecoded | Step::Deleted | Step::Commit | Step::Committed => ALL,
                Step::Spilled | Step::SpillRead => 2..=3,
                Step::Transformed | Step::Staged | Step::RowsApplied => 2..=2,
                _ => NONE,
            },
            Self::Unwiped => match step {
                Step::RowsBegun
                | Step::Emptied
                | Step::Transformed
                | Step::RowsApplied
                | Step::LsnWrite
                | Step::LsnWritten
                | Step::Commit
                | Step::Committed => ALL,
                _ => NONE,
            },
            Self::KeptAside => match step {
                Step::Transformed
                | Step::RowsApplied
                | Step::Aside
                | Step::LsnWritten
                | Step::Commit
                | Step::Committed => ALL,
                _ => NONE,
            },
        }
    }

    /// The same over a SQL Server, which is slower: the steps that are the engine's own. What is before and behind them does not know
    /// which engine it is.
    pub const fn walked_over_a_server(self, step: Step) -> RangeInclusive<usize> {
        match (self, step) {
            (
                Self::RowData,
                Step::RowsBegun
                | Step::RowsApplied
                | Step::LsnWrite
                | Step::LsnWritten
                | Step::CommitSent
                | Step::Committed
                | Step::WriteCommit
                | Step::WriteCommitted,
            )
            | (Self::LongBatch, Step::Loaded | Step::CommitSent)
            | (Self::Unwiped, Step::Emptied | Step::LsnWritten | Step::CommitSent)
            | (Self::KeptAside, Step::Aside | Step::CommitSent)
            | (Self::ReplicationCompleted, Step::WriteBegun | Step::WriteCommit | Step::CommitSent)
            | (Self::TableSchema | Self::Wipe, Step::Ticket | Step::WriteCommit | Step::CommitSent)
            | (Self::Create | Self::Recreate | Self::Drop | Self::ThreeBatches, Step::CommitSent)
            | (Self::FirstOpen, Step::MirrorMade | Step::Opened | Step::CommitSent) => ALL,
            _ => NONE,
        }
    }
}

/// Whether a call that is held at the step has a table's turn, a transaction or the mirror itself, so that its repetition must wait.
pub const fn keeps_others_out(step: Step) -> bool {
    match step {
        Step::Accept
        | Step::RequestHead
        | Step::BodyPiece
        | Step::MessageHead
        | Step::Token
        | Step::Room
        | Step::Decode
        | Step::Spilled
        | Step::BatchDecoded
        | Step::HooksBefore
        | Step::Resolved
        | Step::Opened
        | Step::Ticket
        | Step::EventsTold
        | Step::HooksAfter
        | Step::Record
        | Step::Signed
        | Step::Counted
        | Step::AnswerHead
        | Step::AnswerBody => false,
        Step::MirrorMade
        | Step::Turn
        | Step::SchemaChange
        | Step::SpillRead
        | Step::Typed
        | Step::RowsBegun
        | Step::Emptied
        | Step::Transformed
        | Step::Staged
        | Step::Loaded
        | Step::Deleted
        | Step::RowsApplied
        | Step::Aside
        | Step::LsnWrite
        | Step::LsnWritten
        | Step::Commit
        | Step::CommitSent
        | Step::Committed
        | Step::RowsTold
        | Step::WriteBegun
        | Step::WriteCommit
        | Step::WriteCommitted => true,
    }
}
