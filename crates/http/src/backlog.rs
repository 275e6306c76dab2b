//! What came behind the request that is being answered: kept until its turn, and never more than allowed.

/// What is kept of the buffer when it is empty: nothing larger, since few connections pipeline.
const KEPT_BYTES: usize = 4 * 1024;

/// Bytes that wait.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    pub(crate) bytes: Vec<u8>,
    /// Where the bytes begin that were not read yet.
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

    /// Moves as much of `input` here as there is room for.
    #[cold]
    pub(crate) fn keep(&mut self, input: &mut &[u8], most: usize) {
        self.tidy();
        let count = most.saturating_sub(self.len()).min(input.len());
        let (taken, rest) = input.split_at(count);
        self.bytes.extend_from_slice(taken);
        *input = rest;
    }

    /// Takes the bytes that were not read yet.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let unread = self.bytes.split_off(self.start);
        *self = Self::default();
        unread
    }

    /// Closes the gap in front when it is the larger part, so that closing gaps costs no more than keeping did.
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
