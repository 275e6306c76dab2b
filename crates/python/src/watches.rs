//! The table of watched descriptors: which descriptor has which callbacks, under which token.
//!
//! A token has a generation, so an event of an old registration reaches nobody. What the kernel is told of the table is
//! `kernel`'s affair.

use std::collections::HashMap;
use std::os::fd::RawFd;

use reactor::{Interest, Readiness, Slots, Token, Trigger};

use crate::ffi::handle_object::{Flags, Handle};

/// Which callback of a descriptor is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl Direction {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Read => Self::Write,
            Self::Write => Self::Read,
        }
    }
}

/// The callbacks of one descriptor.
pub(crate) struct Watch {
    pub(crate) descriptor: RawFd,
    pub(crate) reader: Option<Handle>,
    pub(crate) writer: Option<Handle>,
}

impl Watch {
    pub(crate) fn place(&mut self, direction: Direction) -> &mut Option<Handle> {
        match direction {
            Direction::Read => &mut self.reader,
            Direction::Write => &mut self.writer,
        }
    }

    pub(crate) fn interest(&self) -> Interest {
        let mut interest = Interest::NONE;
        if self.reader.is_some() {
            interest = interest.with(Interest::READABLE);
        }
        if self.writer.is_some() {
            interest = interest.with(Interest::WRITABLE);
        }
        interest
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
}

/// All watched descriptors of a loop.
pub(crate) struct Watches {
    pub(crate) slots: Slots<Watch>,
    pub(crate) tokens: HashMap<RawFd, Token>,
    /// Descriptors whose entry changed while the loop's thread was asleep in the kernel: told to it afterwards.
    pub(crate) unsettled: Vec<RawFd>,
}

impl Watches {
    pub(crate) fn new() -> Self {
        Self { slots: Slots::new(), tokens: HashMap::new(), unsettled: Vec::new() }
    }

    pub(crate) fn get(&self, token: Token) -> Option<&Watch> {
        self.slots.get(token)
    }

    pub(crate) fn is_unsettled(&self) -> bool {
        !self.unsettled.is_empty()
    }

    /// Descriptor, whether it is watched for reading, whether for writing.
    pub(crate) fn describe(&self) -> Vec<(RawFd, bool, bool)> {
        let row =
            |(_, watch): (Token, &Watch)| (watch.descriptor, watch.reader.is_some(), watch.writer.is_some());
        self.slots.iter().map(row).collect()
    }

    /// What a new kernel object has to be told.
    pub(crate) fn registrations(&self) -> Vec<(RawFd, Token, Interest, Trigger)> {
        let entry =
            |(token, watch): (Token, &Watch)| (watch.descriptor, token, watch.interest(), Trigger::Level);
        self.slots.iter().map(entry).collect()
    }

    pub(crate) fn handles(&self) -> impl Iterator<Item = &Handle> {
        self.slots.iter().flat_map(|(_, watch)| watch.handles())
    }

    /// Empties the table; the caller drops what comes out.
    pub(crate) fn drain(&mut self) -> Vec<Watch> {
        self.tokens.clear();
        self.unsettled.clear();
        self.slots.drain()
    }

    /// The entry of a descriptor, made where there is none.
    pub(crate) fn entry(&mut self, descriptor: RawFd) -> (Token, bool) {
        if let Some(&token) = self.tokens.get(&descriptor) {
            return (token, false);
        }
        let token = self.slots.insert(Watch { descriptor, reader: None, writer: None });
        self.tokens.insert(descriptor, token);
        (token, true)
    }

    /// Moves the entry of a descriptor to a fresh token, so that events under the old one reach nobody.
    pub(crate) fn renew(&mut self, descriptor: RawFd) -> Option<Token> {
        let watch = self.forget(descriptor)?;
        let token = self.slots.insert(watch);
        self.tokens.insert(descriptor, token);
        Some(token)
    }

    pub(crate) fn forget(&mut self, descriptor: RawFd) -> Option<Watch> {
        let token = self.tokens.remove(&descriptor)?;
        self.slots.remove(token)
    }
}

impl Watch {
    pub(crate) fn into_handles(self) -> impl Iterator<Item = Handle> {
        self.reader.into_iter().chain(self.writer)
    }
}

/// Whether a handle that an event called for still wants to run.
pub(crate) fn is_live(handle: &Handle) -> bool {
    !handle.flags().has(Flags::CANCELLED)
}
