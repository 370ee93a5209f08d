//! What can be wrong with a configuration: everything at once, each with its place and what to write instead.

use std::fmt;
use std::path::PathBuf;

/// Why there is no configuration. A text for people; several lines when several things are wrong.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error(
        "there is no configuration file {} (name another with --config; docs/reference-configuration.md has one to copy, \
         and `speil keygen` makes the key it needs)",
        file.display()
    )]
    NotFound { file: PathBuf },
    #[error("the configuration file {} cannot be read: {source}", file.display())]
    Unreadable { file: PathBuf, source: std::io::Error },
    #[error("the configuration file {} is not text in UTF-8 or UTF-16", file.display())]
    NotText { file: PathBuf },
    #[error("{}", listed(file, problems))]
    Invalid { file: PathBuf, problems: Vec<Problem> },
}

impl ConfigError {
    /// What is wrong inside the file, one by one; empty when it could not be read at all.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Invalid { problems, .. } => problems,
            Self::NotFound { .. } | Self::Unreadable { .. } | Self::NotText { .. } => &[],
        }
    }
}

fn listed(file: &std::path::Path, problems: &[Problem]) -> String {
    if let [only] = problems {
        return format!("{}: {only}", file.display());
    }
    let mut lines = vec![format!("{} has {} mistakes:", file.display(), problems.len())];
    lines.extend(problems.iter().map(ToString::to_string));
    lines.join("\n  ")
}

/// Where something was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the file; both counted from one.
    File { line: usize, column: usize },
    /// In this environment variable.
    Variable(String),
    /// Nowhere: it is missing from the file altogether.
    Absent,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { line, column } => write!(f, "line {line}, column {column}: "),
            Self::Variable(name) => write!(f, "environment variable {name}: "),
            Self::Absent => Ok(()),
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Not TOML.
    #[error("{place}this is not TOML: {message}")]
    Syntax { place: Place, message: String },
    /// A key that means nothing; `hint` names the nearest that does.
    #[error("{place}there is no key `{key}`{hint}")]
    UnknownKey { place: Place, key: String, hint: Hint },
    /// A key that is planned and does nothing yet.
    #[error("{place}`{key}` is not supported yet; {instead}")]
    NotSupportedYet { place: Place, key: String, instead: &'static str },
    /// A key without which it does not work.
    #[error("{place}`{key}` is missing: {wanted}")]
    Missing { place: Place, key: String, wanted: &'static str },
    /// A value that cannot be meant.
    #[error("{place}`{key}` {message}")]
    BadValue { place: Place, key: String, message: String },
    /// A secret's file cannot be read.
    #[error("{place}`{key}` names the file {}, which cannot be read: {error}", file.display())]
    SecretFile { place: Place, key: String, file: PathBuf, error: String },
    /// A secret's environment variable is not set.
    #[error("{place}`{key}` names the environment variable {variable}, which is not set (or is not Unicode)")]
    SecretVariable { place: Place, key: String, variable: String },
}

/// What was probably meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    None,
    /// A key of the same table, spelled alike.
    Nearest(String),
    /// The same key in another table.
    Elsewhere(String),
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Nearest(key) => write!(f, "; did you mean `{key}`?"),
            Self::Elsewhere(key) => write!(f, " here; `{key}` is where it belongs"),
        }
    }
}
