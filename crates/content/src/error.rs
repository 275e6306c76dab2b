//! What is wrong with content, where, and with which status it is refused.

use std::error::Error;
use std::fmt;

/// Content that a peer sent and that is refused: what is wrong, and at which byte.
///
/// ```
/// let refused = content::media_type::MediaType::parse(b"text/").unwrap_err();
/// assert_eq!((refused.status(), refused.at()), (400, 5));
/// assert_eq!(refused.to_string(), "a media type without a subtype, at byte 5");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContentError {
    because: &'static str,
    limit: Option<u64>,
    at: u64,
}

impl ContentError {
    /// The bytes break a rule of their format.
    pub(crate) const fn malformed(because: &'static str, at: u64) -> Self {
        Self { because, limit: None, at }
    }

    /// There is more than a limit allows. The phrase ends in "than", and the limit follows it.
    pub(crate) const fn too_large(because: &'static str, limit: u64, at: u64) -> Self {
        Self { because, limit: Some(limit), at }
    }

    /// The same error in content that begins at this byte of the whole.
    pub(crate) const fn after(self, at: u64) -> Self {
        Self { at: self.at.saturating_add(at), ..self }
    }

    /// The status code of the response: 413 for what passes a limit, 400 for everything else.
    #[must_use]
    pub const fn status(&self) -> u16 {
        if self.limit.is_some() { 413 } else { 400 }
    }

    /// The first byte that is wrong or too much, counted from 0.
    #[must_use]
    pub const fn at(&self) -> u64 {
        self.at
    }
}

impl fmt::Display for ContentError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.because)?;
        if let Some(limit) = self.limit {
            write!(formatter, " {limit}")?;
        }
        write!(formatter, ", at byte {}", self.at)
    }
}

impl Error for ContentError {}
