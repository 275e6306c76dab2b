//! Why a command ends early, and whose fault it is: the caller's, the kernel's, or that of the server it
//! talks to. It does not know who reads it.

use std::fmt;
use std::io;

#[derive(Debug)]
pub(crate) enum Failure {
    /// The caller gave options that make no sense.
    Usage(String),
    /// The kernel refused something.
    Kernel { doing: &'static str, error: io::Error },
    /// The other side closed, or answered what it was not asked.
    Peer(String),
    /// The other side kept silent.
    Silence(String),
}

impl Failure {
    /// How the table calls it.
    pub(crate) fn status(&self) -> &'static str {
        match self {
            Self::Usage(_) | Self::Kernel { .. } => "n/a",
            Self::Peer(_) => "wrong",
            Self::Silence(_) => "hang",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Peer(text) | Self::Silence(text) => formatter.write_str(text),
            Self::Kernel { doing, error } => write!(formatter, "{doing}: {error}"),
        }
    }
}

/// Says what was tried when the kernel refused it.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, Failure>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str) -> Result<T, Failure> {
        self.map_err(|error| Failure::Kernel { doing, error })
    }
}
