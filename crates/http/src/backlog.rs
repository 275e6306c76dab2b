//! Bytes received after the request that is being answered: kept until their turn, up to a limit.

/// The capacity that an empty buffer keeps. More is given back, since few connections pipeline.
const KEPT_BYTES: usize = 4 * 1024;

/// Received bytes that wait to be read.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    pub(crate) bytes: Vec<u8>,
    /// The index of the first byte that was not read yet.
    pub(crate) start: usize,
}

impl Backlog {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Moves bytes from `input` to the buffer, until the buffer holds `most` bytes.
    #[cold]
    pub(crate) fn keep(&mut self, input: &mut &[u8], most: usize) {
        self.tidy();
        let count = most.saturating_sub(self.len()).min(input.len());
        let (taken, rest) = input.split_at(count);
        self.bytes.extend_from_slice(taken);
        *input = rest;
    }

    /// Returns this many of the bytes that were read last.
    #[inline]
    pub(crate) fn latest(&self, count: usize) -> &[u8] {
        &self.bytes[self.start - count..self.start]
    }

    /// Takes the bytes that were not read yet.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let unread = self.bytes.split_off(self.start);
        *self = Self::default();
        unread
    }

    /// Removes the bytes that were read, once they are the larger part: so removal never costs more than keeping did.
    fn tidy(&mut self) {
        if self.is_empty() {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_BYTES);
            self.start = 0;
        } else if self.start > self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Backlog;

    #[test]
    fn what_is_taken_is_what_was_not_read() {
        let mut backlog = Backlog::default();
        backlog.keep(&mut &b"a head and a frame"[..], 64);
        backlog.start = 11;
        assert_eq!(backlog.take(), b"a frame");
        assert!(backlog.is_empty());
        assert_eq!(backlog.take(), b"");
    }
}
