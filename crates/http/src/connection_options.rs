//! The options of Connection fields that mean something here: close, keep-alive, upgrade (RFC 9110 section 7.6.1).

use crate::bytes;

/// The options of all Connection fields of a head.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ConnectionOptions {
    pub(crate) closes: bool,
    pub(crate) keeps_alive: bool,
    pub(crate) upgrades: bool,
}

impl ConnectionOptions {
    /// Notes a Connection field.
    #[inline]
    pub(crate) fn note(&mut self, value: &[u8]) {
        match value {
            b"keep-alive" => self.keeps_alive = true,
            b"close" => self.closes = true,
            _ => self.note_list(value),
        }
    }

    #[cold]
    fn note_list(&mut self, value: &[u8]) {
        for option in bytes::members(value) {
            self.closes |= option.eq_ignore_ascii_case(b"close");
            self.keeps_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            self.upgrades |= option.eq_ignore_ascii_case(b"upgrade");
        }
    }
}
