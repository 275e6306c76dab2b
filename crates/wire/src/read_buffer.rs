//! Input that is kept until its turn comes, and the pause of reading: input that has no room stays in the kernel.

use crate::action::{Action, Actions};

/// Bytes that have arrived, the first of which were processed.
#[derive(Debug, Default)]
pub(crate) struct ReadBuffer {
    bytes: Vec<u8>,
    /// The number of bytes that were processed.
    start: usize,
}

impl ReadBuffer {
    pub(crate) const fn new() -> Self {
        Self { bytes: Vec::new(), start: 0 }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    pub(crate) fn push(&mut self, data: &[u8]) {
        self.bytes.extend_from_slice(data);
    }

    /// Returns the bytes that were not processed.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Drops all bytes but the last `rest`. They are moved once the dropped ones are the larger part: a request of a few
    /// bytes does not move all those behind it.
    pub(crate) fn keep(&mut self, rest: usize) {
        self.start = self.bytes.len().saturating_sub(rest);
        if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }
}

/// Pauses reading, or resumes it, if that is a change to what the transport was told.
#[inline]
pub(crate) fn pause_reading(reads_paused: &mut bool, is_full: bool) -> Actions {
    let changes = is_full != *reads_paused;
    *reads_paused = is_full;
    match (changes, is_full) {
        (false, _) => Actions::NONE,
        (true, true) => Action::PauseReading.into(),
        (true, false) => Action::ResumeReading.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::ReadBuffer;

    #[test]
    fn what_is_kept_is_what_was_not_processed() {
        let mut buffer = ReadBuffer::new();
        assert!(buffer.is_empty());
        buffer.push(b"abcdefgh");
        for rest in [&b"bcdefgh"[..], b"cdefgh", b"gh", b"h", b""] {
            buffer.keep(rest.len());
            assert_eq!((buffer.rest(), buffer.is_empty()), (rest, rest.is_empty()));
        }
        buffer.push(b"more");
        assert_eq!(buffer.rest(), b"more");
    }

    #[test]
    fn many_small_steps_move_each_byte_a_few_times() {
        let mut buffer = ReadBuffer::new();
        buffer.push(&[0; 1 << 20]);
        let mut moved = 0;
        while !buffer.is_empty() {
            let (before, rest) = (buffer.bytes.len(), buffer.rest().len().saturating_sub(20));
            buffer.keep(rest);
            moved += if buffer.bytes.len() < before { rest } else { 0 };
        }
        assert!(moved <= 1 << 20, "{moved}");
    }
}
