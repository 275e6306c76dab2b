//! The peer's window for the content of all streams (RFC 9113 section 6.9), followed by the frames of both sides: h2 has
//! it, and says nothing of it.

use super::walk::Part;

/// What a connection begins with (section 6.9.2).
const FIRST: i64 = 65_535;

/// The window of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    left: i64,
    /// The increment of the current WINDOW_UPDATE, as far as it has arrived.
    increment: u32,
}

impl Window {
    pub(super) const fn new() -> Self {
        Self { left: FIRST, increment: 0 }
    }

    /// Takes a part of a WINDOW_UPDATE of the connection. What is wrong with one, h2 finds.
    pub(super) fn open(&mut self, part: Part<'_>) {
        let bytes = part.payload.iter();
        self.increment = bytes.fold(self.increment, |value, byte| value << 8 | u32::from(*byte));
        if part.ends {
            // The first bit is reserved.
            self.left = self.left.saturating_add(i64::from(self.increment & (u32::MAX >> 1)));
            self.increment = 0;
        }
    }

    /// Takes the length of content that is sent.
    pub(super) fn use_up(&mut self, length: u32) {
        self.left = self.left.saturating_sub(i64::from(length));
    }

    /// Returns how much content may be sent.
    pub(super) fn left(&self) -> u64 {
        u64::try_from(self.left).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::Window;
    use crate::http2::walk::{Header, Part};

    #[test]
    fn an_increment_may_arrive_in_parts() {
        let header = Header { length: 4, kind: 8, flags: 0, stream: 0 };
        let mut window = Window::new();
        window.use_up(65_535);
        assert_eq!(window.left(), 0);
        window.open(Part { header, begins: true, payload: &[0x80, 1], ends: false });
        assert_eq!(window.left(), 0);
        window.open(Part { header, begins: false, payload: &[2, 3], ends: true });
        assert_eq!(window.left(), 0x01_0203);
        window.open(Part { header, begins: true, payload: &[0, 0, 0, 1], ends: true });
        assert_eq!(window.left(), 0x01_0204);
    }
}
