//! Checks whether the file behind a number is still the one that was registered, and handles the case that it is not.
//!
//! A program may close a registered number, and the next file that it opens gets the same number. The kernel does not report
//! this. Five tests are used instead, and each has its own meaning of "the same":
//!
//! - A registration is the same if its [`Token`] finds its entry: index and generation agree. An event under an older token
//!   is dropped. An entry that another file takes over moves to a new token, because the old file may still be open under
//!   another number, and epoll then still reports it.
//! - An open file is the same if the kernel's set has it under the number. `EPOLL_CTL_MOD` fails with `ENOENT` otherwise
//!   ([`Modified::Renewed`]); kqueue has no such test. [`Registry::tell`] uses it.
//! - A socket is the same if it is the object that an operation was made for, by a weak reference
//!   ([`Registry::known_socket`]). The number inside the object shows whether it was closed (`ffi::socket_object`).
//! - An object that was given to `add_reader` is the same by `is`, as in asyncio, also if its `fileno()` is -1
//!   ([`Registry::entry_of_object`]). Another file may have its number then, so the kernel is asked for nothing under
//!   that number.
//! - Two files are the same if their device and inode are (`reactor::file_behind`). This test is used for numbers that are
//!   not registered here: the previous wake-up descriptor of signals, and a terminal's number whose other transport is closed.

use std::io;
use std::os::fd::RawFd;

use pyo3::prelude::*;
use pyo3::types::PyInt;
use reactor::{Interest, Modified, Token};

use super::Registry;
use super::entry::{Direction, Entry, Evicted};
use crate::ffi::this::Borrowed;

/// The party that asks for a change. It decides what happens to the entry if another file has the number.
#[derive(Clone, Copy)]
pub(super) enum Asker {
    /// A callback or an operation that begins to wait in this direction, for the new file: the new file takes the entry
    /// over. The callback or operation of the other direction waited for the old file and is taken out.
    Newcomer(Direction),
    /// A transport or a listener. It owns its descriptor, so the user has closed the number: `EBADF`, and the new file is not
    /// watched.
    Source,
    /// A callback, an operation or a source that ceases to wait. The rest of the entry waits for the old file, so the new one
    /// is not watched.
    Leaver,
}

/// The state of a socket from earlier operations.
#[derive(Clone, Copy)]
pub(crate) struct KnownSocket {
    pub(super) token: Token,
    /// Whether the last read returned all bytes, and the kernel reports when more arrives.
    pub(crate) is_drained: bool,
}

impl Registry {
    /// Passes the interest of an entry to the kernel; `before` is the interest until now. An entry without interest is
    /// removed from the table, unless it has a source.
    pub(super) fn tell(
        &mut self,
        token: Token,
        before: Interest,
        asker: Asker,
        evicted: &mut Evicted,
    ) -> io::Result<()> {
        let Some(entry) = self.table.get(token) else { return Ok(()) };
        let (descriptor, interest) = (entry.descriptor, entry.interest());
        // The kernel checks the number for each newcomer.
        if interest == before && !matches!(asker, Asker::Newcomer(_)) {
            return Ok(());
        }
        if interest.is_empty() && !entry.has_source() {
            evicted.take_entry(self.table.remove(descriptor));
        }
        let trigger = self.trigger_of(descriptor);
        let Some(poller) = self.poller.as_mut() else {
            self.unsettled.push(descriptor);
            return Ok(());
        };
        let told = if interest.is_empty() {
            poller.deregister(descriptor, before).map(|()| Modified::Kept)
        } else if before.is_empty() {
            poller.register(descriptor, token, interest, trigger).map(|()| Modified::Kept)
        } else {
            poller.reregister(descriptor, token, interest, trigger)
        };
        match (told, asker) {
            (Ok(Modified::Kept), _) => Ok(()),
            (Ok(Modified::Renewed), Asker::Newcomer(direction)) => {
                self.take_over(descriptor, direction, evicted)
            }
            (Ok(Modified::Renewed), Asker::Source) => {
                poller.deregister(descriptor, interest).and(Err(io::Error::from_raw_os_error(libc::EBADF)))
            }
            (Ok(Modified::Renewed), Asker::Leaver) => poller.deregister(descriptor, interest),
            (Err(error), Asker::Newcomer(_)) => {
                evicted.take_entry(self.table.remove(descriptor));
                Err(error)
            }
            (Err(error), Asker::Source | Asker::Leaver) => Err(error),
        }
    }

    /// Gives the entry to another file; `direction` waits for that file.
    #[cold]
    fn take_over(
        &mut self,
        descriptor: RawFd,
        direction: Direction,
        evicted: &mut Evicted,
    ) -> io::Result<()> {
        let Some(entry) = self.table.entry_mut(descriptor) else { return Ok(()) };
        let is_checked = entry.waits.as_ref().is_some_and(|waits| waits.is_checked);
        evicted.take_direction(entry, direction.other());
        if let Some(waits) = entry.waits.as_deref_mut() {
            // `take_direction` has cleared what the newcomer had set.
            waits.is_checked = is_checked;
        }
        evicted.rest.extend(self.table.replace_object(descriptor));
        self.renew(descriptor)
    }

    /// Moves an entry to a new token, also in the kernel's set.
    fn renew(&mut self, descriptor: RawFd) -> io::Result<()> {
        let Some(token) = self.table.renew(descriptor) else { return Ok(()) };
        let interest = self.table.get(token).map_or(Interest::NONE, Entry::interest);
        let trigger = self.trigger_of(descriptor);
        let Some(poller) = self.poller.as_mut() else { return Ok(()) };
        poller.reregister(descriptor, token, interest, trigger).map(drop)
    }

    /// Passes an entry that changed while the loop's thread had the poller to the kernel. Either the number is new to
    /// the kernel, or another file has it: the entry gets a new token in both cases. A source keeps the token that it
    /// was given.
    pub(super) fn tell_late(&mut self, descriptor: RawFd) -> io::Result<()> {
        let trigger = self.trigger_of(descriptor);
        let Some(poller) = self.poller.as_mut() else { return Ok(()) };
        let token = self.table.token_of(descriptor);
        let registered = token.and_then(|token| Some((token, self.table.get(token)?)));
        let Some((token, entry)) = registered.filter(|(_, entry)| !entry.interest().is_empty()) else {
            return poller.deregister(descriptor, Interest::BOTH);
        };
        match poller.reregister(descriptor, token, entry.interest(), trigger)? {
            Modified::Renewed if !entry.has_source() => self.renew(descriptor),
            Modified::Renewed | Modified::Kept => Ok(()),
        }
    }

    /// Returns whether the file that was registered still has the number of an entry. Without a registration in the
    /// kernel there is no test, and the answer is yes. Another file is not watched afterwards.
    pub(super) fn is_same_file(&mut self, token: Token) -> bool {
        let Some(entry) = self.table.get(token) else { return false };
        let (descriptor, interest) = (entry.descriptor, entry.interest());
        let trigger = self.trigger_of(descriptor);
        let Some(poller) = self.poller.as_mut().filter(|_| !interest.is_empty()) else { return true };
        let is_same = matches!(poller.reregister(descriptor, token, interest, trigger), Ok(Modified::Kept));
        if !is_same {
            drop(poller.deregister(descriptor, interest));
        }
        is_same
    }

    /// Returns the state of this socket; `None` if the entry of its number belongs to another socket.
    #[inline]
    pub(crate) fn known_socket(&self, descriptor: RawFd, socket: Borrowed<'_>) -> Option<KnownSocket> {
        let token = self.table.token_of(descriptor)?;
        let waits = self.table.get(token)?.waits.as_deref()?;
        if !waits.is_checked || !waits.socket.refers_to(socket) {
            return None;
        }
        let is_watched = waits.armed.contains(Direction::Read.interest());
        Some(KnownSocket { token, is_drained: waits.is_drained && is_watched })
    }

    /// Returns the token for a socket that the table does not know. It is a new one, in case an earlier socket of this
    /// number is still open under another number. A source keeps the token that it was given.
    pub(super) fn token_of_unknown(
        &mut self,
        descriptor: RawFd,
        socket: Borrowed<'_>,
        evicted: &mut Evicted,
    ) -> Token {
        let is_owned = self.table.source_of(descriptor).is_some();
        let renewed = if is_owned { None } else { self.table.renew(descriptor) };
        let token = renewed.unwrap_or_else(|| self.table.token_or_new(descriptor));
        // A callback that was registered by number may be for this socket.
        let is_for_another = |object: &Py<PyAny>| {
            !object.is(&*socket) && !object.bind_borrowed(socket.py()).is_instance_of::<PyInt>()
        };
        let object = self.table.get(token).and_then(|entry| entry.callbacks.object.as_ref());
        if object.is_some_and(|object| is_for_another(object)) {
            evicted.rest.extend(self.table.replace_object(descriptor));
        }
        token
    }

    /// Returns the entry whose callbacks were registered for this object, whatever its `fileno()` is by now.
    pub(super) fn entry_of_object(&mut self, object: Borrowed<'_>) -> Option<&mut Entry> {
        let is_for_it =
            |entry: &Entry| entry.callbacks.object.as_ref().is_some_and(|registered| registered.is(&*object));
        let token = self.table.iter().find(|(_, entry)| is_for_it(entry)).map(|(token, _)| token)?;
        self.table.get_mut(token)
    }
}
