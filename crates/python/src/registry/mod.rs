//! The loop's dealings with the kernel: its poller, and telling it what the table of watched descriptors says.
//!
//! The table is the truth; the kernel follows it. It is exact about descriptors that were closed elsewhere: a number that
//! was closed and opened again starts with a clean entry. Nothing here calls Python: what a change displaced is returned,
//! to be cancelled and dropped outside every borrow.

mod closed_objects;
mod operations;
mod table;

use std::io;
use std::os::fd::RawFd;

use reactor::{Interest, Modified, Poller, SignalPipe, Token, Trigger};

use crate::ffi::handle_object::Handle;
use crate::ffi::object::Object;
pub(crate) use table::{
    Direction, Entry, Half, ReadyEvent, Recipient, Source, SourceKind, Table, Waits, is_live,
};

/// The loop's dealings with the kernel.
pub(crate) struct Registry {
    /// Absent while the loop's thread sleeps in it without the GIL, and after `close()`. Boxed, because it is moved for
    /// each sleep.
    pub(crate) poller: Option<Box<Poller>>,
    pub(crate) table: Table,
    pub(crate) signals: Option<SignalPipe>,
    /// Whether the loop has handlers of signals, for whose numbers it has to poll.
    pub(crate) has_signal_handlers: bool,
    /// The end of the pipe that is the process's wake-up descriptor, from when the loop took it until it is given back.
    pub(crate) wakeup: Option<RawFd>,
    /// Whether somebody else wants to hear of signals, for whose numbers it has to poll.
    pub(crate) hands_signals_on: bool,
    /// The process that the descriptors belong to: after `fork()` they are shared and have to be made anew.
    pub(crate) process: u32,
    /// Events of late that reached nobody.
    pub(crate) stale_events: u32,
}

/// What a change displaced: handles are to be cancelled, and all of it dropped outside every borrow.
#[derive(Default)]
pub(crate) struct Evicted {
    pub(crate) handles: Vec<Handle>,
    /// Operations of `sock_*`; the table takes them over, in case that their sockets are closed.
    pub(crate) operations: Vec<Object>,
    /// What is to be dropped and nothing else.
    pub(crate) rest: Vec<Object>,
}

impl Evicted {
    pub(crate) fn direction(&mut self, entry: &mut Entry, direction: Direction) {
        self.handles.extend(entry.callbacks.place(direction).take());
        self.operations.extend(entry.take_operation(direction));
    }

    /// The object that was registered, once no callback is left.
    pub(crate) fn forget_object(&mut self, entry: &mut Entry) {
        if entry.callbacks.is_empty() {
            self.rest.extend(entry.callbacks.object.take());
        }
    }

    /// What waits in the other direction than this, which is left as it is, with what is known of its socket.
    fn other_direction(&mut self, entry: &mut Entry, direction: Direction) {
        let is_checked = entry.waits.as_ref().is_some_and(|waits| waits.is_checked);
        self.direction(entry, direction.other());
        if let Some(waits) = entry.waits.as_deref_mut() {
            waits.is_checked = is_checked;
        }
    }

    pub(crate) fn entry(&mut self, entry: Option<Entry>) {
        let Some(mut entry) = entry else { return };
        self.direction(&mut entry, Direction::Read);
        self.direction(&mut entry, Direction::Write);
        self.rest.extend(entry.callbacks.object.take());
        self.rest.extend(entry.waits.map(|waits| waits.socket));
        self.rest.extend(entry.source.into_iter().chain(entry.second).map(|source| source.object));
    }

    /// Whether anybody was displaced.
    pub(crate) const fn is_empty(&self) -> bool {
        self.handles.is_empty() && self.operations.is_empty()
    }
}

impl Registry {
    pub(crate) fn new(poller: Poller) -> Self {
        Self {
            poller: Some(Box::new(poller)),
            table: Table::new(),
            signals: None,
            has_signal_handlers: false,
            wakeup: None,
            hands_signals_on: false,
            process: std::process::id(),
            stale_events: 0,
        }
    }

    /// Whether a poll can bring anything but the end of a sleep.
    pub(crate) fn has_anything_to_poll(&self) -> bool {
        self.has_signal_handlers || self.hands_signals_on || !self.table.slots.is_empty()
    }

    /// Whether any descriptor may be watched for room to write. A large table is not looked through for it.
    pub(crate) fn may_watch_a_writer(&mut self) -> bool {
        const FEW: usize = 16;
        let Some(poller) = self.poller.as_mut() else { return true };
        if poller.may_watch_a_writer() && self.table.slots.len() <= FEW {
            let is_watched = |entry: &Entry| entry.interest().contains(Interest::WRITABLE);
            poller.note_writers(self.table.entries().any(is_watched));
        }
        poller.may_watch_a_writer()
    }

    pub(crate) fn watch(
        &mut self,
        descriptor: RawFd,
        direction: Direction,
        handle: Handle,
        object: Object,
    ) -> (Evicted, io::Result<()>) {
        let token = match self.table.tokens.get(&descriptor) {
            Some(&token) => token,
            None => self.table.insert(Entry::new(descriptor, None)).0,
        };
        let Some(entry) = self.table.slots.get_mut(token) else {
            let (handles, rest) = (vec![handle], vec![object]);
            return (Evicted { handles, rest, ..Evicted::default() }, Ok(()));
        };
        let is_new = entry.interest().is_empty();
        let mut evicted = Evicted::default();
        evicted.direction(entry, direction);
        *entry.callbacks.place(direction) = Some(handle);
        let (mut evicted, told) = self.ask_more(token, direction, is_new, evicted);
        // As in asyncio, the object that came first stands for the registration.
        match self.table.entry_mut(descriptor).map(|entry| &mut entry.callbacks.object) {
            Some(place @ None) => *place = Some(object),
            _ => evicted.rest.push(object),
        }
        (evicted, told)
    }

    /// Tells the kernel that an entry asks for a direction from now on. `is_new`: it asked for nothing before.
    pub(crate) fn ask_more(
        &mut self,
        token: Token,
        direction: Direction,
        is_new: bool,
        mut evicted: Evicted,
    ) -> (Evicted, io::Result<()>) {
        let Some(entry) = self.table.slots.get_mut(token) else { return (evicted, Ok(())) };
        let (descriptor, interest) = (entry.descriptor, entry.interest());
        let Some(poller) = self.poller.as_mut() else {
            self.table.unsettled.push(descriptor);
            return (evicted, Ok(()));
        };
        let told = if is_new {
            poller.register(descriptor, token, interest, Trigger::Level).map(|()| Modified::Kept)
        } else {
            poller.reregister(descriptor, token, interest, Trigger::Level)
        };
        match told {
            Ok(Modified::Kept) => (evicted, Ok(())),
            Ok(Modified::Renewed) => {
                // The number had been closed and opened again: what waited in the other direction did so for the old
                // file. If that lives on under another number, its events must not come under the new file's token.
                evicted.other_direction(entry, direction);
                let interest = entry.interest();
                evicted.rest.extend(self.table.replace_object(descriptor));
                let Some(token) = self.table.renew(descriptor) else { return (evicted, Ok(())) };
                let told = poller.reregister(descriptor, token, interest, Trigger::Level);
                (evicted, told.map(drop))
            }
            Err(error) => {
                evicted.entry(self.table.forget(descriptor));
                (evicted, Err(error))
            }
        }
    }

    pub(crate) fn unwatch(&mut self, descriptor: RawFd, direction: Direction) -> (Evicted, io::Result<()>) {
        let mut removed = Evicted::default();
        let Some(&token) = self.table.tokens.get(&descriptor) else {
            return (removed, Ok(()));
        };
        let Some(entry) = self.table.slots.get_mut(token) else {
            return (removed, Ok(()));
        };
        let before = entry.interest();
        removed.direction(entry, direction);
        removed.forget_object(entry);
        let left = entry.interest();
        if left == before {
            return (removed, Ok(()));
        }
        if left.is_empty() && entry.sources().next().is_none() {
            removed.entry(self.table.forget(descriptor));
        }
        let Some(poller) = self.poller.as_mut() else {
            self.table.unsettled.push(descriptor);
            return (removed, Ok(()));
        };
        let told = if left.is_empty() {
            poller.deregister(descriptor, before)
        } else {
            poller.reregister(descriptor, token, left, Trigger::Level).map(drop)
        };
        (removed, told)
    }

    /// Puts a source into the table. The kernel is asked for nothing yet.
    pub(crate) fn attach(
        &mut self,
        descriptor: RawFd,
        kind: SourceKind,
        object: Object,
    ) -> (Token, Option<Entry>) {
        let source = Some(Source { kind, object, interest: Interest::NONE });
        let other = self.other_half(descriptor, kind);
        if let Some(token) = other
            && let Some(entry) = self.table.slots.get_mut(token)
        {
            *entry.half(kind.half()) = source;
            return (token, None);
        }
        let mut entry = Entry::new(descriptor, None);
        *entry.half(kind.half()) = source;
        let before = self.table.replace_object(descriptor);
        let (token, mut evicted) = self.table.insert(entry);
        if let Some(evicted) = &mut evicted {
            evicted.callbacks.object = before;
        }
        if let Some(waits) = evicted.as_mut().and_then(|entry| entry.waits.as_deref_mut()) {
            self.table.orphans.extend(waits.reader.take().into_iter().chain(waits.writer.take()));
        }
        (token, evicted)
    }

    /// The entry with the other transport of a pipe that is read and written under one number.
    fn other_half(&mut self, descriptor: RawFd, kind: SourceKind) -> Option<Token> {
        let token = *self.table.tokens.get(&descriptor)?;
        let entry = self.table.slots.get_mut(token)?;
        if entry.half(kind.half()).is_some()
            || !kind.is_pipe()
            || !entry.sources().all(|other| other.kind.is_pipe())
        {
            return None;
        }
        let interest = entry.interest();
        let Some(poller) = self.poller.as_mut().filter(|_| !interest.is_empty()) else {
            return Some(token);
        };
        match poller.reregister(descriptor, token, interest, Trigger::Level) {
            Ok(Modified::Kept) => Some(token),
            // The number had been closed and opened again, and the other transport was for the old file.
            Ok(Modified::Renewed) | Err(_) => {
                drop(poller.deregister(descriptor, interest));
                None
            }
        }
    }

    /// Asks the kernel for something else on behalf of a source. `object` is what the table holds from now on: a weak
    /// reference where nothing is asked for. What it held before comes out, to be dropped by the caller.
    pub(crate) fn ask(
        &mut self,
        half: Half,
        token: Token,
        interest: Interest,
        object: Object,
    ) -> (Option<Object>, io::Result<()>) {
        let Some(entry) = self.table.slots.get_mut(token) else {
            return (Some(object), Ok(()));
        };
        let descriptor = entry.descriptor;
        let before = entry.interest();
        let Some(source) = entry.half(half) else {
            return (Some(object), Ok(()));
        };
        source.interest = interest;
        let evicted = Some(std::mem::replace(&mut source.object, object));
        let interest = entry.interest();
        if before == interest {
            return (evicted, Ok(()));
        }
        let Some(poller) = self.poller.as_mut() else {
            self.table.unsettled.push(descriptor);
            return (evicted, Ok(()));
        };
        let told = if interest.is_empty() {
            poller.deregister(descriptor, before)
        } else if before.is_empty() {
            poller.register(descriptor, token, interest, Trigger::Level)
        } else {
            match poller.reregister(descriptor, token, interest, Trigger::Level) {
                // A source owns its descriptor, so somebody has closed it behind its back: what is there now is not its.
                Ok(Modified::Renewed) => poller
                    .deregister(descriptor, interest)
                    .and(Err(io::Error::from_raw_os_error(libc::EBADF))),
                told => told.map(drop),
            }
        };
        (evicted, told)
    }

    /// Takes a source out of the table, and out of the kernel's. The other half of a pipe goes on under the same token.
    pub(crate) fn detach(&mut self, half: Half, token: Token) -> (Option<Entry>, io::Result<()>) {
        let Some(entry) = self.table.slots.get_mut(token) else {
            return (None, Ok(()));
        };
        let (descriptor, before) = (entry.descriptor, entry.interest());
        let own = entry.half(half).take();
        let (left, detached) = if entry.sources().next().is_some() {
            (entry.interest(), Some(Entry::new(descriptor, own)))
        } else {
            *entry.half(half) = own;
            (Interest::NONE, self.table.forget(descriptor))
        };
        let told = match self.poller.as_mut() {
            _ if left == before => Ok(()),
            Some(poller) if left.is_empty() => poller.deregister(descriptor, before),
            Some(poller) => poller.reregister(descriptor, token, left, Trigger::Level).map(drop),
            None => {
                self.table.unsettled.push(descriptor);
                Ok(())
            }
        };
        (detached, told)
    }

    /// Ceases to watch for callbacks that were cancelled without being removed; the caller drops them.
    pub(crate) fn drop_cancelled(&mut self) -> Vec<Evicted> {
        let cancelled = |handle: &Option<Handle>| handle.as_ref().is_some_and(|handle| !is_live(handle));
        let mut found = Vec::new();
        for entry in self.table.entries() {
            let callbacks = &entry.callbacks;
            for (direction, handle) in
                [(Direction::Read, &callbacks.reader), (Direction::Write, &callbacks.writer)]
            {
                if cancelled(handle) {
                    found.push((entry.descriptor, direction));
                }
            }
        }
        // A kernel that refuses to forget a descriptor goes on reporting it, and the stale events are counted there.
        found.into_iter().map(|(descriptor, direction)| self.unwatch(descriptor, direction).0).collect()
    }

    /// Tells the kernel what other threads changed while it was waited in. What is refused is returned with its reason.
    pub(crate) fn settle(&mut self) -> Vec<(Entry, io::Error)> {
        let Some(poller) = self.poller.as_mut() else {
            return Vec::new();
        };
        let mut refused = Vec::new();
        for descriptor in std::mem::take(&mut self.table.unsettled) {
            let entry = self.table.tokens.get(&descriptor).copied();
            let watch =
                entry.and_then(|token| self.table.slots.get(token).map(|watch| (token, watch.interest())));
            let told = match watch {
                Some((_, interest)) if interest.is_empty() => poller.deregister(descriptor, Interest::BOTH),
                Some((token, interest)) => {
                    match poller.reregister(descriptor, token, interest, Trigger::Level) {
                        // New to the kernel, or a new file under an old number: a fresh token does for both.
                        Ok(Modified::Renewed) if self.table.source_of(descriptor).is_some() => Ok(()),
                        Ok(Modified::Renewed) => match self.table.renew(descriptor) {
                            Some(fresh) => {
                                poller.reregister(descriptor, fresh, interest, Trigger::Level).map(drop)
                            }
                            None => Ok(()),
                        },
                        told => told.map(drop),
                    }
                }
                None => poller.deregister(descriptor, Interest::BOTH),
            };
            if let Err(error) = told
                && let Some(watch) = self.table.forget(descriptor)
            {
                refused.push((watch, error));
            }
        }
        refused
    }
}
