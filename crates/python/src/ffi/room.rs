//! Memory that is filled from the front.

use std::mem::MaybeUninit;

/// Room for bytes, of which those at the front are written.
pub(crate) struct Room<'a> {
    memory: &'a mut [MaybeUninit<u8>],
    filled: usize,
    /// Whether all of the memory has a value.
    is_initialised: bool,
}

impl<'a> Room<'a> {
    /// Wraps memory in which nothing is written yet.
    pub(crate) const fn new(memory: &'a mut [MaybeUninit<u8>]) -> Self {
        Self { memory, filled: 0, is_initialised: false }
    }

    /// Wraps bytes that are written over.
    pub(crate) const fn of(bytes: &'a mut [u8]) -> Self {
        let (start, length) = (bytes.as_mut_ptr().cast(), bytes.len());
        // SAFETY: the same memory, borrowed as long; a room only puts values into it.
        let memory = unsafe { std::slice::from_raw_parts_mut(start, length) };
        Self { memory, filled: 0, is_initialised: true }
    }

    /// Wraps memory that has values, of which those that are not written over stay.
    ///
    /// # Safety
    /// All of the memory is initialised.
    pub(crate) unsafe fn over(memory: &'a mut [MaybeUninit<u8>]) -> Self {
        Self { memory, filled: 0, is_initialised: true }
    }

    /// Returns how many bytes are written.
    pub(crate) const fn len(&self) -> usize {
        self.filled
    }

    /// Returns how many more bytes there is room for.
    pub(crate) const fn left(&self) -> usize {
        self.memory.len() - self.filled
    }

    /// Returns whether there is no more room.
    pub(crate) const fn is_full(&self) -> bool {
        self.filled == self.memory.len()
    }

    /// Returns memory behind what is written, at most so much, with values in all of it.
    pub(super) fn initialised_rest(&mut self, at_most: usize) -> &mut [MaybeUninit<u8>] {
        let is_initialised = self.is_initialised;
        let rest = self.rest();
        let length = rest.len().min(at_most);
        let rest = &mut rest[..length];
        if !is_initialised {
            rest.fill(MaybeUninit::new(0));
        }
        rest
    }

    /// Returns the memory behind what is written.
    pub(super) fn rest(&mut self) -> &mut [MaybeUninit<u8>] {
        &mut self.memory[self.filled..]
    }

    /// Takes note of more written bytes.
    ///
    /// # Safety
    /// So many bytes of [`rest`](Self::rest) are written.
    pub(super) unsafe fn advance(&mut self, count: usize) {
        self.filled += count;
    }

    /// Adds a copy of the bytes, as many as there is room for. Returns how many.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> usize {
        let rest = self.rest();
        let count = bytes.len().min(rest.len());
        for (place, byte) in rest.iter_mut().zip(bytes) {
            place.write(*byte);
        }
        self.filled += count;
        count
    }

    /// Returns what is written.
    pub(crate) fn into_filled(self) -> &'a mut [u8] {
        let filled = &mut self.memory[..self.filled];
        // SAFETY: these bytes are written.
        unsafe { std::slice::from_raw_parts_mut(filled.as_mut_ptr().cast(), filled.len()) }
    }
}
