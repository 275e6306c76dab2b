//! The callbacks of `add_reader` and `add_writer`, found by a number, or by an object that was closed since.

use std::io;
use std::os::fd::RawFd;

use super::Registry;
use super::entry::{Direction, Evicted, is_live};
use super::identity::Asker;
use crate::ffi::handle_object::Handle;
use crate::ffi::object::Object;
use crate::ffi::this::Borrowed;

impl Registry {
    /// Adds a callback, which evicts another of the same direction. `object` is the object that the user registered.
    pub(crate) fn add_callback(
        &mut self,
        descriptor: RawFd,
        direction: Direction,
        (handle, object): (Handle, Object),
        evicted: &mut Evicted,
    ) -> io::Result<()> {
        let token = self.table.token_or_new(descriptor);
        let Some(entry) = self.table.get_mut(token) else { return Ok(()) };
        let before = entry.interest();
        evicted.take_direction(entry, direction);
        *entry.callbacks.handles.place(direction) = Some(handle);
        let told = self.tell(token, before, Asker::Newcomer(direction), evicted);
        // As in asyncio, the registration keeps the object of its first callback.
        match self.table.entry_mut(descriptor).map(|entry| &mut entry.callbacks.object) {
            Some(place @ None) => *place = Some(object),
            _ => evicted.rest.push(object),
        }
        told
    }

    /// Removes the callback or operation of a number in one direction.
    pub(crate) fn remove_callback(
        &mut self,
        descriptor: RawFd,
        direction: Direction,
        evicted: &mut Evicted,
    ) -> io::Result<()> {
        let Some(token) = self.table.token_of(descriptor) else { return Ok(()) };
        let Some(entry) = self.table.get_mut(token) else { return Ok(()) };
        let before = entry.interest();
        evicted.take_direction(entry, direction);
        evicted.take_unused_object(entry);
        self.tell(token, before, Asker::Leaver, evicted)
    }

    /// Replaces the callback of an object that is registered and was closed since; asyncio does not tell its selector
    /// of the same direction either. `Err` returns the callback if nothing is registered for the object.
    pub(crate) fn replace_callback_of_closed(
        &mut self,
        object: Borrowed<'_>,
        direction: Direction,
        handle: Handle,
        evicted: &mut Evicted,
    ) -> Result<io::Result<()>, Handle> {
        let Some(entry) = self.entry_of_object(object) else { return Err(handle) };
        if let Some(place) = entry.callbacks.handles.place(direction) {
            evicted.handles.push(std::mem::replace(place, handle));
            return Ok(Ok(()));
        }
        let descriptor = entry.descriptor;
        evicted.handles.push(handle);
        evicted.take_entry(self.table.remove(descriptor));
        Ok(Err(io::Error::from_raw_os_error(libc::EBADF)))
    }

    /// Removes the callback in one direction of an object that was closed since; `None` if nothing is registered for
    /// it.
    pub(crate) fn remove_callback_of_closed(
        &mut self,
        object: Borrowed<'_>,
        direction: Direction,
        evicted: &mut Evicted,
    ) -> Option<io::Result<()>> {
        let entry = self.entry_of_object(object)?;
        let (descriptor, before) = (entry.descriptor, entry.interest());
        evicted.take_direction(entry, direction);
        evicted.take_unused_object(entry);
        if entry.interest().is_empty() && !entry.has_source() {
            evicted.take_entry(self.table.remove(descriptor));
        }
        // Also if the other direction is left: its file is closed.
        Some(self.poller.as_mut().map_or(Ok(()), |poller| poller.deregister(descriptor, before)))
    }

    /// Stops watching for callbacks that were cancelled without being removed.
    pub(crate) fn drop_cancelled(&mut self, evicted: &mut Evicted) {
        for direction in [Direction::Read, Direction::Write] {
            let cancelled: Vec<_> = self
                .table
                .entries()
                .filter(|entry| entry.callbacks.handles.get(direction).is_some_and(|handle| !is_live(handle)))
                .map(|entry| entry.descriptor)
                .collect();
            for descriptor in cancelled {
                // A kernel that refuses to forget a descriptor keeps reporting it, and the stale events are counted.
                drop(self.remove_callback(descriptor, direction, evicted));
            }
        }
    }
}
