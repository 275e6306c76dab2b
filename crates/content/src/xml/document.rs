//! The text of a document: its characters and line ends (XML 1.0 sections 2.2 and 2.11).

use std::borrow::Cow;

use super::characters::first_illegal;
use super::error::XmlError;

/// Text that consists of the characters of XML, in which a line ends with a line feed.
pub struct Document<'a>(Cow<'a, str>);

impl<'a> Document<'a> {
    /// Takes the text of a document. A carriage return, alone or before a line feed, becomes a line feed.
    ///
    /// # Errors
    ///
    /// The text contains a character that XML does not allow, or begins with a byte order mark.
    pub fn new(text: &'a str) -> Result<Self, XmlError> {
        let text = match text.contains('\r') {
            true => Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")),
            false => Cow::Borrowed(text),
        };
        let mark = text.starts_with('\u{feff}').then_some(0);
        match mark.or_else(|| first_illegal(&text)) {
            Some(place) => Err(XmlError::at(&text, place, "a character that XML does not allow")),
            None => Ok(Self(text)),
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}
