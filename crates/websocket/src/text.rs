//! UTF-8 that is checked while it arrives: an invalid byte is found in the part that has it (RFC 6455 section 8.1).

use crate::error::ProtocolError;

/// The check of a text that grows at its end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TextCheck {
    /// Bytes at the end that are the beginning of a character: at most three.
    incomplete: u8,
}

impl TextCheck {
    /// Checks the text from `start` on, and the character that was incomplete before it.
    pub(crate) fn grow(&mut self, text: &[u8], start: usize) -> Result<(), ProtocolError> {
        let unchecked = &text[start - usize::from(self.incomplete)..];
        self.incomplete = match simdutf8::compat::from_utf8(unchecked) {
            Ok(_) => 0,
            Err(error) if error.error_len().is_none() => {
                u8::try_from(unchecked.len() - error.valid_up_to()).unwrap_or(u8::MAX)
            }
            Err(_) => return Err(ProtocolError::Text),
        };
        Ok(())
    }

    /// Checks that the text does not end inside a character.
    pub(crate) fn end(self) -> Result<(), ProtocolError> {
        if self.incomplete == 0 { Ok(()) } else { Err(ProtocolError::Text) }
    }
}
