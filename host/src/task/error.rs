//! Why a run of the simulator could not go on. What an endpoint does wrong is no error here: it is the finding
//! (`super::run`).

/// A run could not go on.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// What was asked for cannot be done as asked. A sentence.
    #[error("{0}")]
    Usage(String),
    /// The endpoint could not be called at all.
    #[error("{doing}: {source}")]
    Transport { doing: String, source: super::connection::TransportError },
    /// The mirror could not be read for comparing.
    #[error("the mirror {place} cannot be read: {message}")]
    Mirror { place: String, message: String },
    /// A scenario asks the simulated source for what it cannot do.
    #[error(transparent)]
    Source(#[from] super::source::schema_change::ChangeError),
    /// A mistake of ours.
    #[error("the simulator is at fault: {0}")]
    Internal(String),
}

impl TaskError {
    /// What was asked for cannot be done.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage(message.into())
    }

    /// Whether the command line is to blame: exit code 2.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::Usage(_))
    }
}
