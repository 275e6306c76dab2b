//! Registrations of objects that were closed since: they are found by the object, as in asyncio, whose `fileno()` is -1 by now.
//!
//! The number of such an object may stand for another file, so the kernel is never asked for anything under it. Nothing here
//! calls Python.

use std::io;

use pyo3::prelude::*;
use pyo3::types::PyInt;
use reactor::Token;

use super::table::{Direction, Entry, Table};
use super::{Evicted, Registry};
use crate::ffi::handle_object::Handle;
use crate::ffi::method::Argument;

impl Registry {
    /// Puts a callback in place for an object that is registered and was closed since; asyncio does not tell its selector
    /// of the same direction either. `Err` gives the callback back if nothing is registered for the object.
    pub(crate) fn watch_object(
        &mut self,
        object: Argument<'_>,
        direction: Direction,
        handle: Handle,
    ) -> Result<(Evicted, io::Result<()>), Handle> {
        let found = self.table.token_of_object(object);
        let Some(entry) = found.and_then(|token| self.table.slots.get_mut(token)) else {
            return Err(handle);
        };
        let mut evicted = Evicted::default();
        match entry.callbacks.place(direction) {
            Some(place) => {
                evicted.handles.push(std::mem::replace(place, handle));
                Ok((evicted, Ok(())))
            }
            None => {
                let descriptor = entry.descriptor;
                evicted.handles.push(handle);
                evicted.entry(self.table.forget(descriptor));
                Ok((evicted, Err(io::Error::from_raw_os_error(libc::EBADF))))
            }
        }
    }

    /// Takes the callback of an object that was closed since out of the table; `None` if nothing is registered for it.
    pub(crate) fn unwatch_object(
        &mut self,
        object: Argument<'_>,
        direction: Direction,
    ) -> Option<(Evicted, io::Result<()>)> {
        let token = self.table.token_of_object(object)?;
        let entry = self.table.slots.get_mut(token)?;
        let (descriptor, before) = (entry.descriptor, entry.interest());
        let mut removed = Evicted::default();
        removed.direction(entry, direction);
        removed.forget_object(entry);
        if entry.interest().is_empty() && entry.sources().next().is_none() {
            removed.entry(self.table.forget(descriptor));
        }
        // Also where the other direction is left.
        let told = match self.poller.as_mut() {
            Some(poller) => poller.deregister(descriptor, before),
            None => Ok(()),
        };
        Some((removed, told))
    }
}

impl Table {
    /// The entry whose callbacks were registered for this object, whatever its `fileno()` is by now.
    fn token_of_object(&self, object: Argument<'_>) -> Option<Token> {
        let is_for_it =
            |entry: &Entry| entry.callbacks.object.as_ref().is_some_and(|registered| registered.is(&*object));
        self.slots.iter().find(|(_, entry)| is_for_it(entry)).map(|(token, _)| token)
    }

    /// Whether the object is one that [`replace_object`](Self::replace_object) has kept.
    pub(crate) fn is_replaced(&self, object: Argument<'_>) -> bool {
        self.replaced.values().any(|replaced| replaced.is(&*object))
    }

    /// Whether the callbacks of an entry were registered for another object than this. A number may be this one's.
    pub(crate) fn is_for_another(&self, token: Token, object: Argument<'_>) -> bool {
        self.get(token).and_then(|entry| entry.callbacks.object.as_ref()).is_some_and(|registered| {
            !registered.is(&*object) && !registered.bind_borrowed(object.py()).is_instance_of::<PyInt>()
        })
    }
}
