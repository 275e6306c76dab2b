//! The table of registered descriptors: an [`Entry`] for each, found by its number and by its token.

use std::collections::HashMap;
use std::os::fd::RawFd;

use pyo3::prelude::*;
use reactor::{Interest, Slab, Token};

use super::entry::{Entry, Source};
use crate::ffi::object::Object;
use crate::ffi::this::Borrowed;

#[derive(Default)]
pub(crate) struct Table {
    entries: Slab<Entry>,
    tokens: HashMap<RawFd, Token>,
    /// Evicted `sock_*` operations. They wait on, unless their socket is closed.
    pub(crate) orphans: Vec<Object>,
    /// Objects that were closed while they were registered, by the numbers that are other files by now. Removing one of
    /// them later is no error. Only the last of each number is kept, so there are no more than descriptors.
    replaced: HashMap<RawFd, Object>,
}

impl Table {
    #[inline(always)]
    pub(crate) fn get(&self, token: Token) -> Option<&Entry> {
        self.entries.get(token)
    }

    #[inline(always)]
    pub(super) fn get_mut(&mut self, token: Token) -> Option<&mut Entry> {
        self.entries.get_mut(token)
    }

    #[inline(always)]
    pub(crate) fn token_of(&self, descriptor: RawFd) -> Option<Token> {
        self.tokens.get(&descriptor).copied()
    }

    pub(super) fn entry_mut(&mut self, descriptor: RawFd) -> Option<&mut Entry> {
        self.entries.get_mut(self.token_of(descriptor)?)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().map(|(_, entry)| entry)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Token, &Entry)> {
        self.entries.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the transport or listener that a descriptor belongs to; the first, if there are two.
    pub(crate) fn source_of(&self, descriptor: RawFd) -> Option<&Source> {
        self.get(self.token_of(descriptor)?)?.sources().next()
    }

    /// Empties the table; the caller drops the contents. Earlier tokens find nothing afterwards.
    pub(super) fn drain(&mut self) -> (Vec<Entry>, Vec<Object>, HashMap<RawFd, Object>) {
        self.tokens.clear();
        let (orphans, replaced) = (std::mem::take(&mut self.orphans), std::mem::take(&mut self.replaced));
        (self.entries.drain(), orphans, replaced)
    }

    /// Adds an entry, and returns the one that had the same number.
    pub(super) fn insert(&mut self, entry: Entry) -> (Token, Option<Entry>) {
        let evicted = self.remove(entry.descriptor);
        let descriptor = entry.descriptor;
        let token = self.entries.insert(entry);
        self.tokens.insert(descriptor, token);
        (token, evicted)
    }

    pub(super) fn token_or_new(&mut self, descriptor: RawFd) -> Token {
        self.token_of(descriptor).unwrap_or_else(|| self.insert(Entry::new(descriptor)).0)
    }

    pub(super) fn remove(&mut self, descriptor: RawFd) -> Option<Entry> {
        let token = self.tokens.remove(&descriptor)?;
        self.entries.remove(token)
    }

    /// Moves the entry of a descriptor to a new token.
    pub(super) fn renew(&mut self, descriptor: RawFd) -> Option<Token> {
        let entry = self.remove(descriptor)?;
        Some(self.insert(entry).0)
    }

    /// Keeps the object of an entry's callbacks as one that was replaced, since another file has the number from now
    /// on. Returns the one kept before it.
    pub(super) fn replace_object(&mut self, descriptor: RawFd) -> Option<Object> {
        let object = self.entry_mut(descriptor)?.callbacks.object.take()?;
        self.replaced.insert(descriptor, object)
    }

    /// Returns whether the object is one that [`replace_object`](Self::replace_object) has kept.
    pub(crate) fn is_replaced(&self, object: Borrowed<'_>) -> bool {
        self.replaced.values().any(|replaced| replaced.is(&*object))
    }

    /// Iterates over every waiting operation, including evicted ones.
    pub(crate) fn operations(&self) -> impl Iterator<Item = &Object> {
        let waits = self.entries().filter_map(|entry| entry.waits.as_deref());
        waits.flat_map(|waits| waits.operations.iter()).chain(&self.orphans)
    }

    /// Returns the descriptor, whether it is watched for reading and for writing, and the registered object, if any.
    pub(crate) fn repr(&self, py: Python<'_>) -> Vec<(RawFd, bool, bool, Option<Object>)> {
        let row = |entry: &Entry| {
            let interest = entry.wanted();
            let (reads, writes) =
                (interest.contains(Interest::READABLE), interest.contains(Interest::WRITABLE));
            let object = || entry.callbacks.object.as_ref().map(|object| object.clone_ref(py));
            (reads || writes).then(|| (entry.descriptor, reads, writes, object()))
        };
        self.entries().filter_map(row).collect()
    }

    /// Iterates over every object that is held, except the handles.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Object> {
        self.entries().flat_map(Entry::objects).chain(&self.orphans).chain(self.replaced.values())
    }
}
