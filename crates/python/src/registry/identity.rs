//! Whether the file behind a number is still the one that was registered, and what follows if it is not.
//!
//! A program may close a registered number, and the next file that it opens gets the same number; the kernel tells nobody.
//! Five signs remain, and each means something else by "the same":
//!
//! - The registration is the same while its [`Token`] finds its entry: index and generation agree. An event under an older
//!   token reaches nobody. So an entry that is another file's from now on moves to a fresh token, because the old file may
//!   live on under another number, and epoll goes on reporting it.
//! - The open file is the same while the kernel's set has it under the number. `EPOLL_CTL_MOD` answers `ENOENT` if it has
//!   not ([`Modified::Renewed`]); kqueue does not tell. [`Registry::tell`] decides by that.
//! - The socket is the same while it is the object that an operation was made for. A weak reference tells
//!   ([`Registry::known_socket`]), and the number inside the object tells that it was not closed (`ffi::socket_object`).
//! - The object that was given to `add_reader` is the same by `is`, as in asyncio, also when its `fileno()` is -1
//!   ([`Registry::entry_of_object`]). The number may stand for another file then, so the kernel is asked for nothing under it.
//! - Two files are the same if device and inode are (`reactor::file_behind`). It is all that can be asked of a number that
//!   was not registered here: the wake-up descriptor of signals, and the number that two transports of a terminal share.

use std::io;
use std::os::fd::RawFd;

use pyo3::prelude::*;
use pyo3::types::PyInt;
use reactor::{Interest, Modified, Token, Trigger};

use super::Registry;
use super::entry::{Direction, Entry, Evicted};
use crate::ffi::interpreter::refers_to;
use crate::ffi::method::Argument;

/// On whose behalf the kernel is told of a change. It decides what becomes of the entry if the number stands for another file.
#[derive(Clone, Copy)]
pub(super) enum Asker {
    /// A callback or an operation that begins to wait in this direction, for the file that is there now: the entry is that
    /// file's from now on. What waited in the other direction waited for the old one and is taken out.
    Newcomer(Direction),
    /// A transport or a listener. It owns its descriptor, so the number was closed behind its back: `EBADF`, and the file
    /// that is there now is left alone.
    Source,
    /// A callback, an operation or a source that waits no more. What is left in the entry waited for the old file: the one
    /// that is there now is left alone.
    Leaver,
}

/// What the table knows of a socket before anything is tried.
#[derive(Clone, Copy)]
pub(crate) struct KnownSocket {
    pub(super) token: Token,
    /// The kernel tells when there is something to read, and there is nothing now.
    pub(crate) is_drained: bool,
}

impl Registry {
    /// Tells the kernel what an entry asks for, which was `before` until now. An entry that asks for nothing leaves the
    /// table, unless it has a source.
    pub(super) fn tell(
        &mut self,
        token: Token,
        before: Interest,
        asker: Asker,
        evicted: &mut Evicted,
    ) -> io::Result<()> {
        let Some(entry) = self.table.get(token) else { return Ok(()) };
        let (descriptor, interest) = (entry.descriptor, entry.interest());
        // A newcomer has the kernel look at the number in any case.
        if interest == before && !matches!(asker, Asker::Newcomer(_)) {
            return Ok(());
        }
        if interest.is_empty() && !entry.has_source() {
            evicted.take_entry(self.table.remove(descriptor));
        }
        let Some(poller) = self.poller.as_mut() else {
            self.unsettled.push(descriptor);
            return Ok(());
        };
        let told = if interest.is_empty() {
            poller.deregister(descriptor, before).map(|()| Modified::Kept)
        } else if before.is_empty() {
            poller.register(descriptor, token, interest, Trigger::Level).map(|()| Modified::Kept)
        } else {
            poller.reregister(descriptor, token, interest, Trigger::Level)
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

    /// The entry is another file's from now on, which `direction` is for.
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
            // As the newcomer left it.
            waits.is_checked = is_checked;
        }
        evicted.rest.extend(self.table.replace_object(descriptor));
        self.renew(descriptor)
    }

    /// Moves an entry to a fresh token, also in the kernel's set.
    fn renew(&mut self, descriptor: RawFd) -> io::Result<()> {
        let Some(token) = self.table.renew(descriptor) else { return Ok(()) };
        let interest = self.table.get(token).map_or(Interest::NONE, Entry::interest);
        let Some(poller) = self.poller.as_mut() else { return Ok(()) };
        poller.reregister(descriptor, token, interest, Trigger::Level).map(drop)
    }

    /// Tells the kernel of an entry that changed while the poller was away. The kernel may not know the number yet, or the
    /// number may stand for another file; a fresh token does for both. A source knows its token, so it keeps it.
    pub(super) fn tell_late(&mut self, descriptor: RawFd) -> io::Result<()> {
        let Some(poller) = self.poller.as_mut() else { return Ok(()) };
        let token = self.table.token_of(descriptor);
        let registered = token.and_then(|token| Some((token, self.table.get(token)?)));
        let Some((token, entry)) = registered.filter(|(_, entry)| !entry.interest().is_empty()) else {
            return poller.deregister(descriptor, Interest::BOTH);
        };
        match poller.reregister(descriptor, token, entry.interest(), Trigger::Level)? {
            Modified::Renewed if !entry.has_source() => self.renew(descriptor),
            Modified::Renewed | Modified::Kept => Ok(()),
        }
    }

    /// Whether the number of an entry stands for the file that it was registered for. If the kernel is asked for nothing it
    /// cannot be told, and is assumed. A file that is not the same is left alone.
    pub(super) fn is_same_file(&mut self, token: Token) -> bool {
        let Some(entry) = self.table.get(token) else { return false };
        let (descriptor, interest) = (entry.descriptor, entry.interest());
        let Some(poller) = self.poller.as_mut().filter(|_| !interest.is_empty()) else { return true };
        let is_same =
            matches!(poller.reregister(descriptor, token, interest, Trigger::Level), Ok(Modified::Kept));
        if !is_same {
            drop(poller.deregister(descriptor, interest));
        }
        is_same
    }

    /// What is known of a socket; nothing if another one stood under its number.
    #[inline]
    pub(crate) fn known_socket(&self, descriptor: RawFd, socket: Argument<'_>) -> Option<KnownSocket> {
        let token = self.table.token_of(descriptor)?;
        let waits = self.table.get(token)?.waits.as_deref()?;
        if !waits.is_checked || !refers_to(&waits.socket, socket) {
            return None;
        }
        let is_watched = waits.armed.contains(Direction::Read.interest());
        Some(KnownSocket { token, is_drained: waits.is_drained && is_watched })
    }

    /// The token under which a socket is registered that nothing is known of. It is a fresh one, for the case that the file of
    /// a socket that stood here lives on under another number; a source knows its token, and the descriptor is its own.
    pub(super) fn token_of_unknown(
        &mut self,
        descriptor: RawFd,
        socket: Argument<'_>,
        evicted: &mut Evicted,
    ) -> Token {
        let is_owned = self.table.source_of(descriptor).is_some();
        let renewed = if is_owned { None } else { self.table.renew(descriptor) };
        let token = renewed.unwrap_or_else(|| self.table.token_or_new(descriptor));
        // A callback that was registered by number may be this socket's.
        let is_for_another = |object: &Py<PyAny>| {
            !object.is(&*socket) && !object.bind_borrowed(socket.py()).is_instance_of::<PyInt>()
        };
        let object = self.table.get(token).and_then(|entry| entry.callbacks.object.as_ref());
        if object.is_some_and(|object| is_for_another(object)) {
            evicted.rest.extend(self.table.replace_object(descriptor));
        }
        token
    }

    /// The entry whose callbacks were registered for this object, whatever its `fileno()` is by now.
    pub(super) fn entry_of_object(&mut self, object: Argument<'_>) -> Option<&mut Entry> {
        let is_for_it =
            |entry: &Entry| entry.callbacks.object.as_ref().is_some_and(|registered| registered.is(&*object));
        let token = self.table.iter().find(|(_, entry)| is_for_it(entry)).map(|(token, _)| token)?;
        self.table.get_mut(token)
    }
}
