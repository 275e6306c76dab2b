//! Waiting for a descriptor on behalf of `sock_*`, without telling the kernel of each wait.
//!
//! What an operation has asked the kernel for stays when the operation is done. The next one on the same socket finds it
//! in place and costs no system call; an event that nobody waits for takes it away. As all registrations here are
//! level-triggered, none is missed in between. Another socket object under the same number is another socket: what is
//! known of the old one is forgotten then. Nothing here calls Python.

use std::io;
use std::os::fd::RawFd;

use reactor::{Modified, Readiness, Token, Trigger};

use super::table::{Direction, Entry, Waits};
use super::{Evicted, Registry};
use crate::ffi::interpreter::refers_to;
use crate::ffi::method::Argument;
use crate::ffi::object::Object;

/// What the table knows of a socket before anything is tried.
#[derive(Clone, Copy)]
pub(crate) struct KnownSocket {
    token: Token,
    /// The kernel tells when there is something to read, and there is nothing now.
    pub(crate) is_drained: bool,
}

impl Registry {
    /// What is known of a socket. Nothing, if another one stood under its number.
    #[inline]
    pub(crate) fn acquaintance(&self, descriptor: RawFd, socket: Argument<'_>) -> Option<KnownSocket> {
        let token = *self.table.tokens.get(&descriptor)?;
        let waits = self.table.get(token)?.waits.as_deref()?;
        if !waits.is_checked || !refers_to(&waits.socket, socket) {
            return None;
        }
        let is_watched = waits.armed.contains(Direction::Read.interest());
        Some(KnownSocket { token, is_drained: waits.is_drained && is_watched })
    }

    /// Notes whether a read has left anything.
    #[inline]
    pub(crate) fn note_read(&mut self, known: KnownSocket, is_drained: bool) {
        if let Some(waits) = self.waits_of(known.token) {
            waits.is_drained = is_drained;
        }
    }

    fn waits_of(&mut self, token: Token) -> Option<&mut Waits> {
        self.table.slots.get_mut(token)?.waits.as_deref_mut()
    }

    /// Lets an operation wait on a socket that is known. What it displaces is nobody's concern any more, as in asyncio.
    pub(crate) fn wait_again(
        &mut self,
        known: KnownSocket,
        direction: Direction,
        operation: Object,
    ) -> (Evicted, io::Result<()>) {
        let mut evicted = Evicted::default();
        let Some(entry) = self.table.slots.get_mut(known.token) else {
            evicted.rest.push(operation);
            return (evicted, Err(io::Error::from_raw_os_error(libc::EBADF)));
        };
        let Some(waits) = entry.waits.as_deref_mut() else {
            evicted.rest.push(operation);
            return (evicted, Err(io::Error::from_raw_os_error(libc::EBADF)));
        };
        evicted.operations.extend(waits.place(direction).replace(operation));
        if waits.armed.contains(direction.interest()) {
            return (evicted, Ok(()));
        }
        self.arm(known.token, direction, evicted)
    }

    /// Lets an operation wait on a socket that nothing is known of yet. `reference` is a weak one to it.
    pub(crate) fn wait_first(
        &mut self,
        descriptor: RawFd,
        direction: Direction,
        operation: Object,
        socket: Argument<'_>,
        reference: Object,
    ) -> (Evicted, io::Result<()>) {
        let mut evicted = Evicted::default();
        // A fresh token: if the file of a socket that stood here lives on under another number, its events still come.
        // A source knows its token, and the descriptor is its own.
        let token = match self.table.tokens.get(&descriptor) {
            Some(&token) if self.table.get(token).is_some_and(|entry| entry.sources().next().is_some()) => {
                Some(token)
            }
            _ => self.table.renew(descriptor),
        };
        let token = token.unwrap_or_else(|| self.table.insert(Entry::new(descriptor, None)).0);
        if self.table.is_for_another(token, socket) {
            evicted.rest.extend(self.table.replace_object(descriptor));
        }
        let Some(entry) = self.table.slots.get_mut(token) else {
            evicted.rest.extend([operation, reference]);
            return (evicted, Err(io::Error::from_raw_os_error(libc::EBADF)));
        };
        evicted.direction(entry, direction);
        evicted.forget_object(entry);
        let mut waits = match entry.waits.take() {
            Some(mut waits) => {
                evicted.rest.push(std::mem::replace(&mut waits.socket, reference));
                waits
            }
            None => Box::new(Waits::new(reference)),
        };
        waits.is_checked = true;
        *waits.place(direction) = Some(operation);
        entry.waits = Some(waits);
        self.arm(token, direction, evicted)
    }

    /// Asks the kernel for one more direction.
    fn arm(&mut self, token: Token, direction: Direction, evicted: Evicted) -> (Evicted, io::Result<()>) {
        let Some(entry) = self.table.slots.get_mut(token) else { return (evicted, Ok(())) };
        let is_new = entry.interest().is_empty();
        if let Some(waits) = entry.waits.as_deref_mut() {
            waits.armed = waits.armed.with(direction.interest());
        }
        self.ask_more(token, direction, is_new, evicted)
    }

    /// The end of a wait, if it was not displaced. What was asked for stays if `lingers`.
    pub(crate) fn end_wait(
        &mut self,
        descriptor: RawFd,
        direction: Direction,
        operation: Argument<'_>,
        lingers: bool,
    ) -> (Evicted, io::Result<()>) {
        let mut evicted = Evicted::default();
        let Some(&token) = self.table.tokens.get(&descriptor) else { return (evicted, Ok(())) };
        let Some(waits) = self.waits_of(token) else { return (evicted, Ok(())) };
        if !waits.place(direction).as_ref().is_some_and(|waiting| waiting.is(operation.as_any())) {
            return (evicted, Ok(()));
        }
        evicted.rest.extend(waits.place(direction).take());
        if lingers {
            return (evicted, Ok(()));
        }
        self.disarm(token, direction.interest(), evicted)
    }

    /// An event was for nobody: ceases to ask for what nobody waits for.
    pub(crate) fn end_lingering(&mut self, token: Token, readiness: Readiness) -> (Evicted, io::Result<()>) {
        let evicted = Evicted::default();
        let Some(waits) = self.waits_of(token) else { return (evicted, Ok(())) };
        waits.is_drained = false;
        let idle = readiness.answers(waits.armed.without(waits.wanted()));
        if idle.is_empty() { (evicted, Ok(())) } else { self.disarm(token, idle, evicted) }
    }

    fn disarm(
        &mut self,
        token: Token,
        directions: reactor::Interest,
        mut evicted: Evicted,
    ) -> (Evicted, io::Result<()>) {
        let Some(entry) = self.table.slots.get_mut(token) else { return (evicted, Ok(())) };
        let descriptor = entry.descriptor;
        let before = entry.interest();
        if let Some(waits) = entry.waits.as_deref_mut() {
            waits.armed = waits.armed.without(directions);
        }
        let left = entry.interest();
        if left == before {
            return (evicted, Ok(()));
        }
        if left.is_empty() && entry.sources().next().is_none() {
            evicted.entry(self.table.forget(descriptor));
        }
        let told = match self.poller.as_mut() {
            None => {
                self.table.unsettled.push(descriptor);
                Ok(())
            }
            Some(poller) if left.is_empty() => poller.deregister(descriptor, before),
            Some(poller) => match poller.reregister(descriptor, token, left, Trigger::Level) {
                // The number stands for another file, which nobody here has asked for.
                Ok(Modified::Renewed) => poller.deregister(descriptor, left),
                told => told.map(drop),
            },
        };
        (evicted, told)
    }
}
