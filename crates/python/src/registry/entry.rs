//! The registrations of one descriptor (callbacks, `sock_*` operations, transports) and those that an event concerns.

use std::os::fd::RawFd;

use reactor::{Interest, Readiness};

use crate::ffi::handle_object::{Flags, Handle};
use crate::ffi::object::Object;
use crate::ffi::weak_reference::WeakReference;

/// The direction of a callback or an operation: `selectors.EVENT_READ` or `selectors.EVENT_WRITE`.
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

    pub(super) const fn other(self) -> Self {
        match self {
            Self::Read => Self::Write,
            Self::Write => Self::Read,
        }
    }
}

/// One value for each direction, or none.
pub(crate) struct ByDirection<T> {
    reader: Option<T>,
    writer: Option<T>,
}

impl<T> ByDirection<T> {
    const NONE: Self = Self { reader: None, writer: None };

    pub(super) const fn place(&mut self, direction: Direction) -> &mut Option<T> {
        match direction {
            Direction::Read => &mut self.reader,
            Direction::Write => &mut self.writer,
        }
    }

    pub(super) const fn get(&self, direction: Direction) -> Option<&T> {
        match direction {
            Direction::Read => self.reader.as_ref(),
            Direction::Write => self.writer.as_ref(),
        }
    }

    pub(super) fn take_all(&mut self) -> impl Iterator<Item = T> + use<T> {
        self.reader.take().into_iter().chain(self.writer.take())
    }

    /// Iterates over the values that an event concerns.
    #[inline(always)]
    pub(crate) fn due(&self, readiness: Readiness) -> impl Iterator<Item = &T> {
        let reader = self.reader.as_ref().filter(|_| readiness.readable());
        let writer = self.writer.as_ref().filter(|_| readiness.writable());
        reader.into_iter().chain(writer)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.reader.iter().chain(self.writer.iter())
    }

    pub(super) const fn is_empty(&self) -> bool {
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

/// The callbacks of `add_reader` and `add_writer`.
pub(crate) struct Callbacks {
    pub(crate) handles: ByDirection<Handle>,
    /// The object of the first of them: a number, or an object that may be closed by now.
    pub(crate) object: Option<Object>,
}

/// The waiting `sock_*` operations, and the kernel's interest on their behalf.
///
/// The kernel's registration stays when an operation is done, so that the next one on the same socket need not
/// register; an event without a waiting operation ends it.
pub(crate) struct Waits {
    pub(crate) operations: ByDirection<Object>,
    pub(super) armed: Interest,
    pub(super) socket: WeakReference,
    /// Whether the descriptor is known to have no transport and no callbacks.
    pub(super) is_checked: bool,
    /// Whether the last read returned all bytes, so that the next one would block.
    pub(super) is_drained: bool,
}

impl Waits {
    pub(super) const fn new(socket: WeakReference) -> Self {
        Self {
            operations: ByDirection::NONE,
            armed: Interest::NONE,
            socket,
            is_checked: true,
            is_drained: false,
        }
    }

    /// Returns the interest for which no operation waits.
    pub(super) fn idle(&self) -> Interest {
        self.armed.without(self.operations.interest())
    }

    /// Returns whether no operation waits for an event.
    pub(crate) fn is_idle(&self, readiness: Readiness) -> bool {
        !readiness.answers(self.idle()).is_empty()
    }
}

/// The class of a [`Source`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SourceKind {
    Stream,
    Datagram,
    Listener,
    ReadPipe,
    WritePipe,
}

impl SourceKind {
    /// Whether the number may have a second source: a terminal may be read by one transport and written by another.
    pub(crate) const fn is_pipe(self) -> bool {
        matches!(self, Self::ReadPipe | Self::WritePipe)
    }

    /// Returns the method that ends a source which the kernel refuses to watch.
    pub(crate) const fn end_method(self) -> &'static str {
        match self {
            // asyncio's reading transport has no `abort()`; its `close()` waits for nothing.
            Self::ReadPipe => "close",
            Self::Stream | Self::Datagram | Self::Listener | Self::WritePipe => "abort",
        }
    }
}

/// A native transport or listener, which gets its events without a handle in between.
pub(crate) struct Source {
    pub(crate) kind: SourceKind,
    /// The object, or a weak reference to it while the kernel is asked for nothing: a transport that is neither read nor
    /// blocked is referenced by its user alone.
    pub(crate) object: Object,
    pub(super) interest: Interest,
}

/// The receiver of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Recipient {
    Source(SourceKind),
    /// A waiting `sock_*` operation.
    Operation,
}

/// An event of the last `epoll_wait` that is delivered without a handle.
pub(crate) struct ReadyEvent {
    pub(crate) recipient: Recipient,
    pub(crate) object: Object,
    pub(crate) readiness: Readiness,
}

/// One descriptor of the table. It may have a source and an operation at once: `sendfile` waits on the descriptor of a
/// transport that is paused meanwhile; asyncio's own code does so by a callback.
pub(crate) struct Entry {
    pub(crate) descriptor: RawFd,
    source: Option<Source>,
    /// The writing transport of a pipe: see [`SourceKind::is_pipe`].
    pipe_writer: Option<Source>,
    pub(crate) callbacks: Callbacks,
    /// Boxed, since few descriptors have them.
    pub(crate) waits: Option<Box<Waits>>,
}

impl Entry {
    pub(super) const fn new(descriptor: RawFd) -> Self {
        let callbacks = Callbacks { handles: ByDirection::NONE, object: None };
        Self { descriptor, source: None, pipe_writer: None, callbacks, waits: None }
    }

    /// Returns the kernel's interest.
    pub(super) fn interest(&self) -> Interest {
        let armed = self.waits.as_ref().map_or(Interest::NONE, |waits| waits.armed);
        self.interest_with(armed)
    }

    /// Returns the interest of callbacks, operations and sources.
    pub(super) fn wanted(&self) -> Interest {
        let wanted = self.waits.as_ref().map_or(Interest::NONE, |waits| waits.operations.interest());
        self.interest_with(wanted)
    }

    fn interest_with(&self, of_operations: Interest) -> Interest {
        let callbacks = self.callbacks.handles.interest().with(of_operations);
        self.sources().fold(callbacks, |interest, source| interest.with(source.interest))
    }

    /// Removes the operation that waits in one direction, together with the interest on its behalf.
    pub(super) fn take_operation(&mut self, direction: Direction) -> Option<Object> {
        let waits = self.waits.as_mut()?;
        waits.is_checked = false;
        waits.armed = waits.armed.without(direction.interest());
        waits.operations.place(direction).take()
    }

    /// The place of a source of this kind.
    pub(super) const fn source_place(&mut self, kind: SourceKind) -> &mut Option<Source> {
        match kind {
            SourceKind::WritePipe => &mut self.pipe_writer,
            SourceKind::Stream | SourceKind::Datagram | SourceKind::Listener | SourceKind::ReadPipe => {
                &mut self.source
            }
        }
    }

    #[inline(always)]
    pub(crate) fn sources(&self) -> impl Iterator<Item = &Source> {
        self.source.iter().chain(self.pipe_writer.iter())
    }

    pub(super) const fn has_source(&self) -> bool {
        self.source.is_some() || self.pipe_writer.is_some()
    }

    /// Iterates over the sources that asked for such an event.
    #[inline(always)]
    pub(crate) fn due_sources(&self, readiness: Readiness) -> impl Iterator<Item = &Source> {
        self.sources().filter(move |source| !readiness.answers(source.interest).is_empty())
    }

    /// Iterates over every object that is held, except the handles.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &Object> {
        let waits = self.waits.iter().flat_map(|waits| waits.operations.iter());
        self.callbacks.object.iter().chain(self.sources().map(|source| &source.object)).chain(waits)
    }
}

/// The registrations that a change removes from the table. The caller cancels handles, operations wait on (see
/// [`Table::orphans`](super::table::Table::orphans)), and all of it is dropped outside every borrow.
#[derive(Default)]
pub(crate) struct Evicted {
    pub(crate) handles: Vec<Handle>,
    pub(crate) operations: Vec<Object>,
    /// Objects that are only to be dropped.
    pub(super) rest: Vec<Object>,
}

impl Evicted {
    pub(super) fn take_direction(&mut self, entry: &mut Entry, direction: Direction) {
        self.handles.extend(entry.callbacks.handles.place(direction).take());
        self.operations.extend(entry.take_operation(direction));
    }

    /// Removes the object of the registration, once no callback is left.
    pub(super) fn take_unused_object(&mut self, entry: &mut Entry) {
        if entry.callbacks.handles.is_empty() {
            self.rest.extend(entry.callbacks.object.take());
        }
    }

    pub(super) fn take_entry(&mut self, entry: Option<Entry>) {
        let Some(mut entry) = entry else { return };
        self.take_direction(&mut entry, Direction::Read);
        self.take_direction(&mut entry, Direction::Write);
        self.rest.extend(entry.callbacks.object.take());
        self.rest.extend(entry.waits.map(|waits| waits.socket.into_object()));
        self.rest.extend(entry.source.into_iter().chain(entry.pipe_writer).map(|source| source.object));
    }

    /// Returns whether no callback and no operation was removed.
    pub(crate) const fn is_empty(&self) -> bool {
        self.handles.is_empty() && self.operations.is_empty()
    }
}

/// Returns whether a handle that an event concerns was not cancelled.
pub(crate) fn is_live(handle: &Handle) -> bool {
    !handle.flags().has(Flags::CANCELLED)
}
