//! Polls, and repeating registrations with the kernel: after a sleep in which other threads changed them, in a forked
//! child, and when the kernel keeps reporting a file that is gone.

use std::io;
use std::os::fd::RawFd;

use reactor::{Interest, Timeout, Token, Trigger, Waker};

use super::Registry;
use super::entry::Entry;
use crate::ffi::object::Object;

/// The token of the pipe for signal numbers. No table of descriptors reaches its index.
pub(crate) const SIGNALS: Token = Token::new(u32::MAX - 1, 0);

/// The number of successive events for registrations that no longer exist after which the kernel's set is created
/// again: the sign of a descriptor that was closed while a duplicate of it is open, which epoll reports for ever.
const STALE_EVENTS: u32 = 16;

fn trigger_of(shared: &[RawFd], descriptor: RawFd) -> Trigger {
    if shared.contains(&descriptor) { Trigger::Exclusive } else { Trigger::Level }
}

/// Registrations that the kernel refused, with its errors.
type Refused = Vec<(Entry, io::Error)>;

impl Registry {
    /// Returns whether a poll can find anything but the end of a sleep.
    pub(crate) fn has_anything_to_poll(&self) -> bool {
        self.has_signal_handlers || self.hands_signals_on || self.table.len() > 0
    }

    /// Returns whether a poll may find anything: as exact as asyncio, which polls at every turn, for everything that
    /// this process does.
    #[inline(always)]
    pub(crate) fn may_be_ready(&mut self) -> bool {
        self.has_anything_to_poll() && self.poller.as_mut().is_some_and(|poller| poller.may_be_ready())
    }

    /// Polls without blocking, unless the poll would find nothing.
    pub(crate) fn poll(&mut self) -> io::Result<usize> {
        if !self.may_be_ready() {
            return Ok(0);
        }
        self.poller.as_mut().map_or(Ok(0), |poller| poller.wait(Timeout::Now))
    }

    /// Records whether other processes accept from the listening socket with this number, or forgets that.
    pub(crate) fn set_shared(&mut self, descriptor: RawFd, is_shared: bool) {
        self.shared.retain(|other| *other != descriptor);
        if is_shared {
            self.shared.push(descriptor);
        }
    }

    pub(crate) fn is_shared(&self, descriptor: RawFd) -> bool {
        self.shared.contains(&descriptor)
    }

    pub(super) fn trigger_of(&self, descriptor: RawFd) -> Trigger {
        trigger_of(&self.shared, descriptor)
    }

    /// Lets the other processes that watch a shared socket have its next event: the kernel wakes the one that has waited
    /// the longest, and otherwise always the same one.
    pub(crate) fn move_behind_others(&mut self, descriptor: RawFd) -> io::Result<()> {
        let Some(poller) = self.poller.as_mut() else { return Ok(()) };
        let watched = self.table.token_of(descriptor).and_then(|token| Some((token, self.table.get(token)?)));
        match watched {
            Some((token, entry)) if !entry.interest().is_empty() => {
                poller.reregister(descriptor, token, entry.interest(), Trigger::Exclusive).map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Returns whether any descriptor may be watched for room to write. A large table is not searched for that.
    pub(crate) fn may_watch_a_writer(&mut self) -> bool {
        const FEW: usize = 16;
        let Some(poller) = self.poller.as_mut() else { return true };
        if poller.may_watch_a_writer() && self.table.len() <= FEW {
            let is_watched = |entry: &Entry| entry.interest().contains(Interest::WRITABLE);
            poller.note_writers(self.table.entries().any(is_watched));
        }
        poller.may_watch_a_writer()
    }

    /// Returns whether other threads made changes during a wait, which the kernel has to be told of.
    #[inline(always)]
    pub(crate) fn is_unsettled(&self) -> bool {
        !self.unsettled.is_empty()
    }

    /// Passes the changes that other threads made during a wait to the kernel.
    #[cold]
    pub(crate) fn settle(&mut self) -> Refused {
        if self.poller.is_none() {
            return Vec::new();
        }
        let mut refused = Vec::new();
        for descriptor in std::mem::take(&mut self.unsettled) {
            if let Err(error) = self.tell_late(descriptor)
                && let Some(entry) = self.table.remove(descriptor)
            {
                refused.push((entry, error));
            }
        }
        refused
    }

    /// Creates the kernel's set again with the same registrations. The waker of the loop may change.
    pub(crate) fn rebuild(&mut self) -> io::Result<(Refused, Option<Waker>)> {
        let Some(poller) = self.poller.as_mut() else { return Ok((Vec::new(), None)) };
        let watched = self.table.iter().filter(|(_, entry)| !entry.interest().is_empty());
        let trigger = |descriptor| trigger_of(&self.shared, descriptor);
        let live = watched
            .map(|(token, entry)| (entry.descriptor, token, entry.interest(), trigger(entry.descriptor)));
        let pipe = self.signals.iter();
        let pipe = pipe.map(|pipe| (pipe.read_fd(), SIGNALS, Interest::READABLE, Trigger::Level));
        let refused = poller.rebuild(live.chain(pipe))?;
        let waker = poller.waker();
        let dropped = |(descriptor, error)| Some((self.table.remove(descriptor)?, error));
        Ok((refused.into_iter().filter_map(dropped).collect(), Some(waker)))
    }

    /// Counts events that concerned no entry. Returns whether there were so many that the kernel's set has to be
    /// created again.
    pub(crate) const fn note_stale(&mut self, events: u32) -> bool {
        self.stale_events += events;
        let too_many = self.stale_events >= STALE_EVENTS;
        if too_many {
            self.stale_events = 0;
        }
        too_many
    }

    /// Returns the writing end of the signal pipe, which is created and watched at the first call.
    pub(crate) fn signal_descriptor(&mut self) -> io::Result<i32> {
        if let Some(pipe) = &self.signals {
            return Ok(pipe.write_fd());
        }
        let pipe = reactor::SignalPipe::new()?;
        if let Some(poller) = self.poller.as_mut() {
            poller.register(pipe.read_fd(), SIGNALS, Interest::READABLE, Trigger::Level)?;
        }
        let descriptor = pipe.write_fd();
        self.signals = Some(pipe);
        Ok(descriptor)
    }

    /// Empties the table; the caller drops the contents.
    pub(crate) fn drain(&mut self) -> (Vec<Entry>, Vec<Object>) {
        self.unsettled.clear();
        let (entries, mut objects, replaced) = self.table.drain();
        objects.extend(replaced.into_values());
        (entries, objects)
    }
}
