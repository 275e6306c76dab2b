//! The errors that end a command early, and who is at fault: the caller, the kernel, or the server.

use std::fmt;
use std::io;

#[derive(Debug)]
pub(crate) enum Failure {
    /// The options of the caller are invalid.
    Usage(String),
    /// The kernel returned an error.
    Kernel { doing: &'static str, error: io::Error },
    /// The other side has not the feature that is measured.
    Lacking(String),
    /// The other side closed, or sent an unexpected answer.
    Peer(String),
    /// The other side did not answer.
    Silence(String),
}

impl Failure {
    /// The status in the table.
    pub(crate) fn status(&self) -> &'static str {
        match self {
            Self::Usage(_) | Self::Kernel { .. } | Self::Lacking(_) => "n/a",
            Self::Peer(_) => "wrong",
            Self::Silence(_) => "hang",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Lacking(text) | Self::Peer(text) | Self::Silence(text) => {
                formatter.write_str(text)
            }
            Self::Kernel { doing, error } => write!(formatter, "{doing}: {error}"),
        }
    }
}

/// A text about what the other side has sent.
impl From<String> for Failure {
    fn from(text: String) -> Self {
        Self::Peer(text)
    }
}

/// Adds what was attempted to an error of the kernel.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, Failure>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T, Failure> {
        self.map_err(|error| Failure::Kernel { doing, error })
    }
}
