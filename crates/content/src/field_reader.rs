//! Reading the value of a field from its front, byte by byte.

use crate::error::ContentError;

/// The value of a field, and how far it was read.
pub(crate) struct Reader<'a> {
    pub(crate) value: &'a [u8],
    pub(crate) at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn token(&mut self) -> &'a [u8] {
        self.run(is_token_byte)
    }

    pub(crate) fn skip_space(&mut self) {
        self.run(|byte| byte == b' ' || byte == b'\t');
    }

    pub(crate) fn run(&mut self, is_inside: impl Fn(u8) -> bool) -> &'a [u8] {
        let rest = self.rest();
        let length = rest.iter().position(|byte| !is_inside(*byte)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    pub(crate) fn take(&mut self, byte: u8) -> bool {
        let is_next = self.rest().first() == Some(&byte);
        self.at += usize::from(is_next);
        is_next
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.value[self.at..]
    }

    pub(crate) const fn malformed(&self, because: &'static str) -> ContentError {
        ContentError::malformed(because, self.at as u64)
    }
}

/// Returns whether the byte may stand in a token (RFC 9110 section 5.6.2).
pub(crate) const fn is_token_byte(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
        || byte.is_ascii_alphanumeric()
}
