//! Waits for a descriptor on behalf of `sock_*`, without telling the kernel of each wait.
//!
//! The kernel's interest for an operation stays when the operation is done. The next one on the same socket needs no
//! system call; an event without a waiting operation ends it. As all registrations here are level-triggered, none is
//! missed in between.

use std::io;
use std::os::fd::RawFd;

use reactor::{Interest, Readiness, Token};

use super::Registry;
use super::entry::{Direction, Evicted, Waits};
use super::identity::{Asker, KnownSocket};
use crate::ffi::object::Object;
use crate::ffi::this::Borrowed;
use crate::ffi::weak_reference::WeakReference;

impl Registry {
    fn waits_of(&mut self, token: Token) -> Option<&mut Waits> {
        self.table.get_mut(token)?.waits.as_deref_mut()
    }

    /// Records whether a read has left anything.
    #[inline]
    pub(crate) fn note_read(&mut self, known: KnownSocket, is_drained: bool) {
        if let Some(waits) = self.waits_of(known.token) {
            waits.is_drained = is_drained;
        }
    }

    /// Makes an operation wait on a socket that is known. The operation that it evicts is never woken, as in asyncio.
    pub(crate) fn wait_again(
        &mut self,
        known: KnownSocket,
        direction: Direction,
        operation: Object,
        evicted: &mut Evicted,
    ) -> io::Result<()> {
        let Some(waits) = self.waits_of(known.token) else {
            evicted.rest.push(operation);
            return Err(io::Error::from_raw_os_error(libc::EBADF));
        };
        evicted.operations.extend(waits.operations.place(direction).replace(operation));
        if waits.armed.contains(direction.interest()) {
            return Ok(());
        }
        self.arm(known.token, direction, evicted)
    }

    /// Makes an operation wait on a socket of which nothing is known yet. `reference` is a weak reference to it.
    pub(crate) fn wait_first(
        &mut self,
        descriptor: RawFd,
        direction: Direction,
        operation: Object,
        (socket, reference): (Borrowed<'_>, WeakReference),
        evicted: &mut Evicted,
    ) -> io::Result<()> {
        let token = self.token_of_unknown(descriptor, socket, evicted);
        let Some(entry) = self.table.get_mut(token) else {
            evicted.rest.extend([operation, reference.into_object()]);
            return Err(io::Error::from_raw_os_error(libc::EBADF));
        };
        evicted.take_direction(entry, direction);
        evicted.take_unused_object(entry);
        let mut waits = match entry.waits.take() {
            Some(mut waits) => {
                let before = std::mem::replace(&mut waits.socket, reference);
                evicted.rest.push(before.into_object());
                waits
            }
            None => Box::new(Waits::new(reference)),
        };
        waits.is_checked = true;
        *waits.operations.place(direction) = Some(operation);
        entry.waits = Some(waits);
        self.arm(token, direction, evicted)
    }

    /// Asks the kernel for one more direction.
    fn arm(&mut self, token: Token, direction: Direction, evicted: &mut Evicted) -> io::Result<()> {
        let Some(entry) = self.table.get_mut(token) else { return Ok(()) };
        let before = entry.interest();
        if let Some(waits) = entry.waits.as_deref_mut() {
            waits.armed = waits.armed.with(direction.interest());
        }
        self.tell(token, before, Asker::Newcomer(direction), evicted)
    }

    /// Ends a wait, if it was not evicted. The kernel's interest stays if `lingers`.
    pub(crate) fn end_wait(
        &mut self,
        descriptor: RawFd,
        direction: Direction,
        operation: Borrowed<'_>,
        lingers: bool,
        evicted: &mut Evicted,
    ) -> io::Result<()> {
        let Some(token) = self.table.token_of(descriptor) else { return Ok(()) };
        let Some(waits) = self.waits_of(token) else { return Ok(()) };
        let place = waits.operations.place(direction);
        if !place.as_ref().is_some_and(|waiting| waiting.is(operation.as_any())) {
            return Ok(());
        }
        evicted.rest.extend(place.take());
        if lingers { Ok(()) } else { self.disarm(token, direction.interest(), evicted) }
    }

    /// Removes the interest for which no operation waits, after an event that concerned none.
    pub(crate) fn end_lingering(
        &mut self,
        token: Token,
        readiness: Readiness,
        evicted: &mut Evicted,
    ) -> io::Result<()> {
        let Some(waits) = self.waits_of(token) else { return Ok(()) };
        waits.is_drained = false;
        let idle = readiness.answers(waits.idle());
        if idle.is_empty() { Ok(()) } else { self.disarm(token, idle, evicted) }
    }

    fn disarm(&mut self, token: Token, directions: Interest, evicted: &mut Evicted) -> io::Result<()> {
        let Some(entry) = self.table.get_mut(token) else { return Ok(()) };
        let before = entry.interest();
        if let Some(waits) = entry.waits.as_deref_mut() {
            waits.armed = waits.armed.without(directions);
        }
        self.tell(token, before, Asker::Leaver, evicted)
    }
}
