//! The hooks by name: which there are, which functions they have, and what a failure of each means.
//!
//! One file per hook holds its call: what it is told and how its answer is read.

pub(super) mod authenticated;
pub(super) mod before_replicate_table;
pub(super) mod log_event;
pub(super) mod operation;
pub(super) mod replication_completed;
pub(super) mod resolve_connection;
pub(super) mod rows_committed;
pub(super) mod transform;
pub(super) mod wiped;

use std::fmt;

/// An exported interface of `speil:mirror`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Hook {
    ResolveConnection,
    Authenticated,
    BeforeReplicateTable,
    Transform,
    Wiped,
    ReplicationCompleted,
    RowsCommitted,
    Operation,
    LogEvent,
}

impl Hook {
    /// All of them, in the order of design.md's table.
    pub const ALL: [Self; 9] = [
        Self::ResolveConnection,
        Self::Authenticated,
        Self::BeforeReplicateTable,
        Self::Transform,
        Self::Wiped,
        Self::ReplicationCompleted,
        Self::RowsCommitted,
        Self::Operation,
        Self::LogEvent,
    ];

    /// The interface's name, as in `wit/` and in a sidecar's `hooks`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ResolveConnection => "resolve-connection",
            Self::Authenticated => "authenticated",
            Self::BeforeReplicateTable => "before-replicate-table",
            Self::Transform => "transform",
            Self::Wiped => "wiped",
            Self::ReplicationCompleted => "replication-completed",
            Self::RowsCommitted => "rows-committed",
            Self::Operation => "operation",
            Self::LogEvent => "log-event",
        }
    }

    /// The hook of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hook| hook.name() == name)
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a failure means (design.md, the hook table).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureRule {
    /// The incoming call fails.
    FailsCall,
    /// An event is recorded; nothing else changes.
    Logged,
    /// Told in the debug log only: an event about a failed `log-event` would call it again.
    Ignored,
}

/// One exported function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Function {
    ResolveConnection,
    Authenticated,
    BeforeReplicateTable,
    TransformPlan,
    TransformApply,
    Wiped,
    ReplicationCompleted,
    RowsCommitted,
    OperationBefore,
    OperationAfter,
    LogEvent,
}

impl Function {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::ResolveConnection,
        Self::Authenticated,
        Self::BeforeReplicateTable,
        Self::TransformPlan,
        Self::TransformApply,
        Self::Wiped,
        Self::ReplicationCompleted,
        Self::RowsCommitted,
        Self::OperationBefore,
        Self::OperationAfter,
        Self::LogEvent,
    ];

    /// As messages name it: the hook, and the function where the hook has two.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TransformPlan => "transform.plan",
            Self::TransformApply => "transform.apply",
            Self::OperationBefore => "operation.before",
            Self::OperationAfter => "operation.after",
            _ => self.hook().name(),
        }
    }

    /// The hook it belongs to.
    #[must_use]
    pub const fn hook(self) -> Hook {
        match self {
            Self::ResolveConnection => Hook::ResolveConnection,
            Self::Authenticated => Hook::Authenticated,
            Self::BeforeReplicateTable => Hook::BeforeReplicateTable,
            Self::TransformPlan | Self::TransformApply => Hook::Transform,
            Self::Wiped => Hook::Wiped,
            Self::ReplicationCompleted => Hook::ReplicationCompleted,
            Self::RowsCommitted => Hook::RowsCommitted,
            Self::OperationBefore | Self::OperationAfter => Hook::Operation,
            Self::LogEvent => Hook::LogEvent,
        }
    }

    /// What its failure means.
    #[must_use]
    pub const fn failure_rule(self) -> FailureRule {
        match self {
            Self::ResolveConnection
            | Self::Authenticated
            | Self::TransformPlan
            | Self::TransformApply
            | Self::OperationBefore => FailureRule::FailsCall,
            Self::BeforeReplicateTable
            | Self::Wiped
            | Self::ReplicationCompleted
            | Self::RowsCommitted
            | Self::OperationAfter => FailureRule::Logged,
            Self::LogEvent => FailureRule::Ignored,
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
