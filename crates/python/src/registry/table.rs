//! The table of watched descriptors: which descriptor belongs to whom, under which token.
//!
//! An entry is a pair of callbacks (`add_reader`, `add_writer`, and the waits of `sock_*`) or a source of the loop's own:
//! a transport or a listener, which gets its events without a handle in between. A token has a generation, so
//! an event of an old registration reaches nobody. What the kernel is told of the table is `kernel`'s affair.

use std::collections::HashMap;
use std::os::fd::RawFd;

use pyo3::prelude::*;
use reactor::{Interest, Readiness, Slab, Token, Trigger};

use crate::ffi::handle_object::{Flags, Handle};
use crate::ffi::object::Object;

/// Which callback of a descriptor is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl Direction {
    pub(crate) const fn interest(self) -> Interest {
        match self {
            Self::Read => Interest::READABLE,
            Self::Write => Interest::WRITABLE,
        }
    }

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Read => Self::Write,
            Self::Write => Self::Read,
        }
    }
}

/// The callbacks of one descriptor.
pub(crate) struct Callbacks {
    pub(crate) reader: Option<Handle>,
    pub(crate) writer: Option<Handle>,
    /// What the first of them was registered for: a number, or an object that may be closed by now.
    pub(crate) object: Option<Object>,
}

impl Callbacks {
    pub(crate) fn place(&mut self, direction: Direction) -> &mut Option<Handle> {
        match direction {
            Direction::Read => &mut self.reader,
            Direction::Write => &mut self.writer,
        }
    }

    /// The callbacks that an event calls for.
    pub(crate) fn due(&self, readiness: Readiness) -> impl Iterator<Item = &Handle> {
        let reader = self.reader.as_ref().filter(|_| readiness.readable());
        let writer = self.writer.as_ref().filter(|_| readiness.writable());
        reader.into_iter().chain(writer)
    }

    pub(crate) fn handles(&self) -> impl Iterator<Item = &Handle> {
        self.reader.iter().chain(self.writer.iter())
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.reader.is_none() && self.writer.is_none()
    }

    fn interest(&self) -> Interest {
        let mut interest = Interest::NONE;
        if self.reader.is_some() {
            interest = interest.with(Interest::READABLE);
        }
        if self.writer.is_some() {
            interest = interest.with(Interest::WRITABLE);
        }
        interest
    }
}

/// The operations of `sock_*` that wait for a descriptor, and what the kernel was asked for on their behalf.
///
/// That stays when an operation is done, so that the next one on the same socket finds it in place; an event that nobody
/// waits for takes it away.
pub(crate) struct Waits {
    pub(crate) reader: Option<Object>,
    pub(crate) writer: Option<Object>,
    pub(crate) armed: Interest,
    /// A weak reference to the socket object: another one under the same number is another socket.
    pub(crate) socket: Object,
    /// Whether the descriptor is known to be no transport's, and to have no callbacks.
    pub(crate) is_checked: bool,
    /// Whether the last read took all there was: the next one would only be told to wait.
    pub(crate) is_drained: bool,
}

impl Waits {
    pub(crate) const fn new(socket: Object) -> Self {
        Self {
            reader: None,
            writer: None,
            armed: Interest::NONE,
            socket,
            is_checked: true,
            is_drained: false,
        }
    }

    pub(crate) fn place(&mut self, direction: Direction) -> &mut Option<Object> {
        match direction {
            Direction::Read => &mut self.reader,
            Direction::Write => &mut self.writer,
        }
    }

    /// The operations that an event is for.
    pub(crate) fn due(&self, readiness: Readiness) -> impl Iterator<Item = &Object> {
        let reader = self.reader.as_ref().filter(|_| readiness.readable());
        let writer = self.writer.as_ref().filter(|_| readiness.writable());
        reader.into_iter().chain(writer)
    }

    /// The directions in which an operation waits.
    pub(crate) fn wanted(&self) -> Interest {
        let mut wanted = Interest::NONE;
        if self.reader.is_some() {
            wanted = wanted.with(Interest::READABLE);
        }
        if self.writer.is_some() {
            wanted = wanted.with(Interest::WRITABLE);
        }
        wanted
    }

    /// Whether the event is for a direction that is asked for and that nobody waits for any more.
    pub(crate) fn is_idle(&self, readiness: Readiness) -> bool {
        !readiness.answers(self.armed.without(self.wanted())).is_empty()
    }
}

/// What kind of source an object is: who is to be told of its events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SourceKind {
    Stream,
    Datagram,
    Listener,
    ReadPipe,
    WritePipe,
}

/// Which of the two sources of one descriptor is meant: a terminal may be read by one transport and written by another,
/// under one number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Half {
    First,
    /// The writing transport of a pipe, and nothing else.
    Second,
}

impl SourceKind {
    pub(crate) const fn half(self) -> Half {
        match self {
            Self::WritePipe => Half::Second,
            Self::Stream | Self::Datagram | Self::Listener | Self::ReadPipe => Half::First,
        }
    }

    /// Whether another half may stand beside it.
    pub(crate) const fn is_pipe(self) -> bool {
        matches!(self, Self::ReadPipe | Self::WritePipe)
    }

    /// The method that ends a source which the kernel refuses to watch any more.
    pub(crate) const fn end_method(self) -> &'static str {
        match self {
            // asyncio's reading transport has no `abort()`; there is nothing that its `close()` would wait for.
            Self::ReadPipe => "close",
            Self::Stream | Self::Datagram | Self::Listener | Self::WritePipe => "abort",
        }
    }
}

/// A source of the loop's own.
pub(crate) struct Source {
    pub(crate) kind: SourceKind,
    /// The object, or a weak reference to it while the kernel is asked for nothing: a transport that is neither read nor
    /// blocked belongs to its user alone.
    pub(crate) object: Object,
    pub(crate) interest: Interest,
}

/// What kind of object an event is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Recipient {
    Source(SourceKind),
    /// An operation of `sock_*` that waits.
    Operation,
}

/// An event that has to be delivered at once, without a handle.
pub(crate) struct ReadyEvent {
    pub(crate) recipient: Recipient,
    pub(crate) object: Object,
    pub(crate) readiness: Readiness,
}

/// One watched descriptor: a source of the loop's own, callbacks, or both. asyncio's own `sendfile` waits by a callback on
/// the descriptor of a transport that rests meanwhile.
pub(crate) struct Entry {
    pub(crate) descriptor: RawFd,
    pub(crate) source: Option<Source>,
    /// The second half of a pipe: see [`Half`].
    pub(crate) second: Option<Source>,
    pub(crate) callbacks: Callbacks,
    /// Behind a pointer: few descriptors have them.
    pub(crate) waits: Option<Box<Waits>>,
}

impl Entry {
    pub(crate) const fn new(descriptor: RawFd, source: Option<Source>) -> Self {
        let callbacks = Callbacks { reader: None, writer: None, object: None };
        Self { descriptor, source, second: None, callbacks, waits: None }
    }

    /// What the kernel is asked for.
    pub(crate) fn interest(&self) -> Interest {
        let armed = self.waits.as_ref().map_or(Interest::NONE, |waits| waits.armed);
        self.interest_but(armed)
    }

    /// What somebody waits for.
    fn wanted(&self) -> Interest {
        let wanted = self.waits.as_ref().map_or(Interest::NONE, |waits| waits.wanted());
        self.interest_but(wanted)
    }

    fn interest_but(&self, of_operations: Interest) -> Interest {
        let callbacks = self.callbacks.interest().with(of_operations);
        self.sources().fold(callbacks, |interest, source| interest.with(source.interest))
    }

    /// Takes the operation that waits in one direction out, together with what was asked for on its behalf.
    pub(crate) fn take_operation(&mut self, direction: Direction) -> Option<Object> {
        let waits = self.waits.as_mut()?;
        waits.is_checked = false;
        waits.armed = waits.armed.without(direction.interest());
        waits.place(direction).take()
    }

    pub(crate) fn half(&mut self, half: Half) -> &mut Option<Source> {
        match half {
            Half::First => &mut self.source,
            Half::Second => &mut self.second,
        }
    }

    #[inline(always)]
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.source.iter().chain(self.second.iter())
    }

    /// The sources that asked for such an event.
    #[inline(always)]
    pub(crate) fn due_sources(&self, readiness: Readiness) -> impl Iterator<Item = &Source> {
        self.sources().filter(move |source| !readiness.answers(source.interest).is_empty())
    }
}

/// All watched descriptors of a loop.
pub(crate) struct Table {
    pub(crate) slots: Slab<Entry>,
    pub(crate) tokens: HashMap<RawFd, Token>,
    /// Descriptors whose entry changed while the loop's thread was asleep in the kernel: told to it afterwards.
    pub(crate) unsettled: Vec<RawFd>,
    /// Operations of `sock_*` in whose place something else was put. They wait on, unless their socket is closed.
    pub(crate) orphans: Vec<Object>,
    /// Objects that were closed while they were registered, by the numbers that stand for other files by now. Whoever removes
    /// one of them later has made no mistake. Only the last of each number is kept, so there are no more than descriptors.
    pub(crate) replaced: HashMap<RawFd, Object>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self {
            slots: Slab::new(),
            tokens: HashMap::new(),
            unsettled: Vec::new(),
            orphans: Vec::new(),
            replaced: HashMap::new(),
        }
    }

    pub(crate) fn get(&self, token: Token) -> Option<&Entry> {
        self.slots.get(token)
    }

    /// Another file has the number from now on: its object is kept as one that was replaced. Gives the one before it, to be
    /// dropped by the caller.
    pub(crate) fn replace_object(&mut self, descriptor: RawFd) -> Option<Object> {
        let object = self.entry_mut(descriptor)?.callbacks.object.take()?;
        self.replaced.insert(descriptor, object)
    }

    pub(crate) fn entry_mut(&mut self, descriptor: RawFd) -> Option<&mut Entry> {
        self.slots.get_mut(*self.tokens.get(&descriptor)?)
    }

    pub(crate) fn is_unsettled(&self) -> bool {
        !self.unsettled.is_empty()
    }

    /// Descriptor, whether it is watched for reading, whether for writing, and the object that was registered, if any.
    pub(crate) fn repr(&self, py: Python<'_>) -> Vec<(RawFd, bool, bool, Option<Object>)> {
        let row = |(_, entry): (Token, &Entry)| {
            let interest = entry.wanted();
            let (reads, writes) =
                (interest.contains(Interest::READABLE), interest.contains(Interest::WRITABLE));
            let object = || entry.callbacks.object.as_ref().map(|object| object.clone_ref(py));
            (reads || writes).then(|| (entry.descriptor, reads, writes, object()))
        };
        self.slots.iter().filter_map(row).collect()
    }

    /// What a new kernel object has to be told.
    pub(crate) fn registrations(&self) -> Vec<(RawFd, Token, Interest, Trigger)> {
        let wanted = self.slots.iter().filter(|(_, entry)| !entry.interest().is_empty());
        wanted.map(|(token, entry)| (entry.descriptor, token, entry.interest(), Trigger::Level)).collect()
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().map(|(_, entry)| entry)
    }

    /// The source that a descriptor belongs to; the first, if there are two.
    pub(crate) fn source_of(&self, descriptor: RawFd) -> Option<&Source> {
        self.slots.get(*self.tokens.get(&descriptor)?)?.sources().next()
    }

    /// Empties the table; the caller drops what comes out.
    pub(crate) fn drain(&mut self) -> (Vec<Entry>, Vec<Object>, HashMap<RawFd, Object>) {
        self.tokens.clear();
        self.unsettled.clear();
        let (orphans, replaced) = (std::mem::take(&mut self.orphans), std::mem::take(&mut self.replaced));
        (self.slots.drain(), orphans, replaced)
    }

    /// Every operation that waits, and those that were displaced.
    pub(crate) fn operations(&self) -> impl Iterator<Item = &Object> {
        let waits = self.entries().filter_map(|entry| entry.waits.as_deref());
        waits.flat_map(|waits| waits.reader.iter().chain(&waits.writer)).chain(&self.orphans)
    }

    /// Puts a new entry in; what stood there under the same number comes out.
    pub(crate) fn insert(&mut self, entry: Entry) -> (Token, Option<Entry>) {
        let evicted = self.forget(entry.descriptor);
        let descriptor = entry.descriptor;
        let token = self.slots.insert(entry);
        self.tokens.insert(descriptor, token);
        (token, evicted)
    }

    /// Moves the entry of a descriptor to a fresh token, so that events under the old one reach nobody.
    pub(crate) fn renew(&mut self, descriptor: RawFd) -> Option<Token> {
        let entry = self.forget(descriptor)?;
        let token = self.slots.insert(entry);
        self.tokens.insert(descriptor, token);
        Some(token)
    }

    pub(crate) fn forget(&mut self, descriptor: RawFd) -> Option<Entry> {
        let token = self.tokens.remove(&descriptor)?;
        self.slots.remove(token)
    }
}

/// Whether a handle that an event called for still wants to run.
pub(crate) fn is_live(handle: &Handle) -> bool {
    !handle.flags().has(Flags::CANCELLED)
}
