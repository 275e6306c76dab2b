//! Transports and listeners: attached when they are created, watched, and detached at their end.

use std::io;
use std::os::fd::RawFd;

use reactor::{Interest, Token};

use super::Registry;
use super::entry::{Entry, Evicted, Source, SourceKind};
use super::identity::Asker;
use crate::ffi::object::Object;

impl Registry {
    /// Adds a source to the table. The kernel is asked for nothing yet. Its descriptor is its own, so registrations
    /// under the number wait for another file and are removed; the other transport of a terminal stays.
    pub(crate) fn attach(
        &mut self,
        descriptor: RawFd,
        kind: SourceKind,
        object: Object,
    ) -> (Token, Option<Entry>) {
        let source = Some(Source { kind, object, interest: Interest::NONE });
        if let Some(token) = self.other_half(descriptor, kind)
            && let Some(entry) = self.table.get_mut(token)
        {
            *entry.source_place(kind) = source;
            return (token, None);
        }
        let mut entry = Entry::new(descriptor);
        *entry.source_place(kind) = source;
        let before = self.table.replace_object(descriptor);
        let (token, mut evicted) = self.table.insert(entry);
        if let Some(evicted) = &mut evicted {
            evicted.callbacks.object = before;
            let waits = evicted.waits.as_deref_mut();
            self.table.orphans.extend(waits.into_iter().flat_map(|waits| waits.operations.take_all()));
        }
        (token, evicted)
    }

    /// Returns the entry with the other transport of a pipe that is read and written under one number.
    fn other_half(&mut self, descriptor: RawFd, kind: SourceKind) -> Option<Token> {
        let token = self.table.token_of(descriptor)?;
        let entry = self.table.get_mut(token)?;
        let is_other_half = kind.is_pipe()
            && entry.source_place(kind).is_none()
            && entry.sources().all(|other| other.kind.is_pipe());
        (is_other_half && self.is_same_file(token)).then_some(token)
    }

    /// Changes the kernel's interest on behalf of a source. `object` is what the table holds from now on: a weak
    /// reference without interest. The object that it held before is returned, to be dropped by the caller.
    pub(crate) fn ask(
        &mut self,
        kind: SourceKind,
        token: Token,
        interest: Interest,
        object: Object,
    ) -> (Object, io::Result<()>) {
        let Some(entry) = self.table.get_mut(token) else { return (object, Ok(())) };
        let before = entry.interest();
        let Some(source) = entry.source_place(kind) else { return (object, Ok(())) };
        source.interest = interest;
        let held = std::mem::replace(&mut source.object, object);
        // An entry with a source stays in the table, so nothing is removed.
        (held, self.tell(token, before, Asker::Source, &mut Evicted::default()))
    }

    /// Removes a source from the table, and from the kernel's set. The other transport of a pipe keeps the same token;
    /// returns whether there is one.
    pub(crate) fn detach(
        &mut self,
        kind: SourceKind,
        token: Token,
        evicted: &mut Evicted,
    ) -> Option<Detached> {
        let entry = self.table.get_mut(token)?;
        let (descriptor, before) = (entry.descriptor, entry.interest());
        let object = entry.source_place(kind).take()?.object;
        let has_other_half = entry.has_source();
        // An error means that the kernel has no such registration any more. Its events are dropped.
        if has_other_half {
            drop(self.tell(token, before, Asker::Leaver, evicted));
        } else {
            evicted.take_entry(self.table.remove(descriptor));
            // The `sock_sendfile` of a transport whose socket is about to be closed: it is told by the next check.
            self.table.orphans.append(&mut evicted.operations);
            match self.poller.as_mut() {
                _ if before.is_empty() => {}
                Some(poller) => drop(poller.deregister(descriptor, before)),
                None => self.unsettled.push(descriptor),
            }
        }
        Some(Detached { object, has_other_half })
    }
}

/// A source that was removed from the table.
pub(crate) struct Detached {
    pub(crate) object: Object,
    pub(crate) has_other_half: bool,
}
