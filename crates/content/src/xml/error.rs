//! Why a document can't be read, and where.

use std::fmt;

/// A document that is not well-formed, or that has more than a limit allows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct XmlError {
    /// What is wrong, as the end of a sentence.
    pub reason: String,
    /// The line, from 1.
    pub line: usize,
    /// The character within the line, from 1.
    pub column: usize,
}

impl XmlError {
    /// Describes a fault at a byte of a text.
    pub(super) fn at(text: &str, offset: usize, reason: impl Into<String>) -> Self {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &text[..offset];
        let line_start = before.rfind('\n').map_or(0, |place| place + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        Self { reason: reason.into(), line, column: before[line_start..].chars().count() + 1 }
    }
}

impl fmt::Display for XmlError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, line, column } = self;
        write!(formatter, "{reason} at line {line}, column {column}")
    }
}

impl std::error::Error for XmlError {}
