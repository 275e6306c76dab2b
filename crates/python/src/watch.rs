//! `add_reader`, `add_writer` and their removal: which descriptor has which callbacks, and what the kernel is told of it.
//!
//! The table is the truth; the kernel follows it. It is exact about descriptors that were closed elsewhere: each
//! registration has a token with a generation, so an event of an old one reaches nobody, and a number that was closed and
//! opened again starts with a clean entry.

use std::collections::HashMap;
use std::io;
use std::os::fd::RawFd;

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use reactor::{Interest, Readiness, Rearmed, Slots, Token, Trigger};

use crate::error::os_error;
use crate::fastcall;
use crate::ffi::handle_object::{Flags, Handle};
use crate::ffi::method::{Call, Method, inside, wrong_arguments};
use crate::ffi::raised::Raised;
use crate::loop_state::{EventLoop, Kernel};

/// Which callback of a descriptor is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Direction {
    Read,
    Write,
}

impl Direction {
    const fn other(self) -> Self {
        match self {
            Self::Read => Self::Write,
            Self::Write => Self::Read,
        }
    }
}

/// The callbacks of one descriptor.
pub(crate) struct Watch {
    pub(crate) descriptor: RawFd,
    reader: Option<Handle>,
    writer: Option<Handle>,
}

impl Watch {
    fn place(&mut self, direction: Direction) -> &mut Option<Handle> {
        match direction {
            Direction::Read => &mut self.reader,
            Direction::Write => &mut self.writer,
        }
    }

    fn interest(&self) -> Interest {
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
    slots: Slots<Watch>,
    tokens: HashMap<RawFd, Token>,
    /// Descriptors whose entry changed while the loop's thread was asleep in the kernel: told to it afterwards.
    unsettled: Vec<RawFd>,
}

impl Watches {
    pub(crate) fn new() -> Self {
        Self {
            slots: Slots::new(),
            tokens: HashMap::new(),
            unsettled: Vec::new(),
        }
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
    fn entry(&mut self, descriptor: RawFd) -> (Token, bool) {
        if let Some(&token) = self.tokens.get(&descriptor) {
            return (token, false);
        }
        let token = self.slots.insert(Watch {
            descriptor,
            reader: None,
            writer: None,
        });
        self.tokens.insert(descriptor, token);
        (token, true)
    }

    pub(crate) fn forget(&mut self, descriptor: RawFd) -> Option<Watch> {
        let token = self.tokens.remove(&descriptor)?;
        self.slots.remove(token)
    }
}

/// Handles that a change displaced: to be cancelled and dropped outside every borrow.
type Displaced = Vec<Handle>;

impl Kernel {
    fn watch(
        &mut self,
        descriptor: RawFd,
        direction: Direction,
        handle: Handle,
    ) -> (Displaced, io::Result<()>) {
        let (token, new) = self.watches.entry(descriptor);
        let Some(watch) = self.watches.slots.get_mut(token) else {
            return (vec![handle], Ok(()));
        };
        let mut displaced: Displaced = watch.place(direction).replace(handle).into_iter().collect();
        let interest = watch.interest();
        let Some(poller) = self.poller.as_mut() else {
            self.watches.unsettled.push(descriptor);
            return (displaced, Ok(()));
        };
        let told = if new {
            poller
                .register(descriptor, token, interest, Trigger::Level)
                .map(|()| Rearmed::Kept)
        } else {
            poller.reregister(descriptor, token, interest, Trigger::Level)
        };
        match told {
            Ok(Rearmed::Kept) => (displaced, Ok(())),
            Ok(Rearmed::Renewed) => {
                // The number had been closed and opened again: the other direction's callback was for the old file.
                displaced.extend(watch.place(direction.other()).take());
                let told = poller.reregister(descriptor, token, watch.interest(), Trigger::Level);
                (displaced, told.map(drop))
            }
            Err(error) => {
                displaced.extend(
                    self.watches
                        .forget(descriptor)
                        .into_iter()
                        .flat_map(Watch::into_handles),
                );
                (displaced, Err(error))
            }
        }
    }

    fn unwatch(&mut self, descriptor: RawFd, direction: Direction) -> (Option<Handle>, io::Result<()>) {
        let Some(&token) = self.watches.tokens.get(&descriptor) else {
            return (None, Ok(()));
        };
        let Some(watch) = self.watches.slots.get_mut(token) else {
            return (None, Ok(()));
        };
        let before = watch.interest();
        let removed = watch.place(direction).take();
        let left = watch.interest();
        if left == before {
            return (removed, Ok(()));
        }
        if left.is_empty() {
            self.watches.forget(descriptor);
        }
        let Some(poller) = self.poller.as_mut() else {
            self.watches.unsettled.push(descriptor);
            return (removed, Ok(()));
        };
        let told = if left.is_empty() {
            poller.deregister(descriptor, before)
        } else {
            poller
                .reregister(descriptor, token, left, Trigger::Level)
                .map(drop)
        };
        (removed, told)
    }

    /// Ceases to watch for callbacks that were cancelled without being removed; the caller drops them.
    pub(crate) fn drop_cancelled(&mut self) -> Vec<Handle> {
        let cancelled = |handle: &Option<Handle>| handle.as_ref().is_some_and(|handle| !is_live(handle));
        let mut found = Vec::new();
        for (_, watch) in self.watches.slots.iter() {
            for (direction, handle) in [
                (Direction::Read, &watch.reader),
                (Direction::Write, &watch.writer),
            ] {
                if cancelled(handle) {
                    found.push((watch.descriptor, direction));
                }
            }
        }
        // A kernel that refuses to forget a descriptor goes on reporting it, and the stale events are counted there.
        found
            .into_iter()
            .filter_map(|(descriptor, direction)| self.unwatch(descriptor, direction).0)
            .collect()
    }

    /// Tells the kernel what other threads changed while it was waited in. What is refused is returned with its reason.
    pub(crate) fn settle(&mut self) -> Vec<(Watch, io::Error)> {
        let Some(poller) = self.poller.as_mut() else {
            return Vec::new();
        };
        let mut refused = Vec::new();
        for descriptor in std::mem::take(&mut self.watches.unsettled) {
            let entry = self.watches.tokens.get(&descriptor).copied();
            let watch = entry.and_then(|token| {
                self.watches
                    .slots
                    .get(token)
                    .map(|watch| (token, watch.interest()))
            });
            let told = match watch {
                Some((token, interest)) => poller
                    .reregister(descriptor, token, interest, Trigger::Level)
                    .map(drop),
                None => poller.deregister(descriptor, Interest::BOTH),
            };
            if let (Err(error), Some(watch)) = (told, self.watches.forget_if(descriptor, watch.is_some())) {
                refused.push((watch, error));
            }
        }
        refused
    }
}

impl Watches {
    fn forget_if(&mut self, descriptor: RawFd, known: bool) -> Option<Watch> {
        if known { self.forget(descriptor) } else { None }
    }
}

impl Watch {
    pub(crate) fn into_handles(self) -> impl Iterator<Item = Handle> {
        self.reader.into_iter().chain(self.writer)
    }
}

pub(crate) fn methods() -> Vec<Method> {
    let watching = "($self, fd, callback, *args)";
    let removing = "($self, fd)";
    let method = |name, entry, signature: &str, doc| Method {
        name,
        entry,
        signature: signature.to_owned(),
        doc,
    };
    vec![
        method(
            "add_reader",
            fastcall!(add_reader),
            watching,
            "Call callback(*args) whenever fd can be read.",
        ),
        method(
            "add_writer",
            fastcall!(add_writer),
            watching,
            "Call callback(*args) whenever fd can be written.",
        ),
        method(
            "remove_reader",
            fastcall!(remove_reader),
            removing,
            "Stop watching fd for reading; whether it was.",
        ),
        method(
            "remove_writer",
            fastcall!(remove_writer),
            removing,
            "Stop watching fd for writing; whether it was.",
        ),
        method(
            "_add_reader",
            fastcall!(own_add_reader),
            watching,
            "add_reader() of the loop's own transports.",
        ),
        method(
            "_add_writer",
            fastcall!(own_add_writer),
            watching,
            "add_writer() of the loop's own transports.",
        ),
        method(
            "_remove_reader",
            fastcall!(own_remove_reader),
            removing,
            "remove_reader() of the loop's own transports.",
        ),
        method(
            "_remove_writer",
            fastcall!(own_remove_writer),
            removing,
            "remove_writer() of the loop's own transports.",
        ),
    ]
}

fn add_reader<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, Raised> {
    refuse_transports(call)?;
    add(call, Direction::Read)?;
    Ok(call.py.None().into_bound(call.py))
}

fn add_writer<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, Raised> {
    refuse_transports(call)?;
    add(call, Direction::Write)?;
    Ok(call.py.None().into_bound(call.py))
}

fn remove_reader<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, Raised> {
    refuse_transports(call)?;
    remove(call, Direction::Read)
}

fn remove_writer<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, Raised> {
    refuse_transports(call)?;
    remove(call, Direction::Write)
}

fn own_add_reader<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, Raised> {
    add(call, Direction::Read)
}

fn own_add_writer<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, Raised> {
    add(call, Direction::Write)
}

fn own_remove_reader<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, Raised> {
    remove(call, Direction::Read)
}

fn own_remove_writer<'py>(call: &Call<'py>) -> Result<Bound<'py, PyAny>, Raised> {
    remove(call, Direction::Write)
}

/// A transport's descriptor is the transport's: asyncio's own check.
fn refuse_transports(call: &Call<'_>) -> Result<(), Raised> {
    if let Some(descriptor) = call.positional().first() {
        call.receiver()
            .call_method1("_ensure_fd_no_transport", (*descriptor,))?;
    }
    Ok(())
}

fn add<'py>(call: &Call<'py>, direction: Direction) -> Result<Bound<'py, PyAny>, Raised> {
    let py = call.py;
    let this = inside::<EventLoop>(call.receiver());
    let [descriptor, rest @ ..] = call.positional() else {
        return Err(wrong_arguments(
            "add_reader",
            "a descriptor, a callback and its arguments",
        ));
    };
    if rest.is_empty() || call.has_keywords() {
        return Err(wrong_arguments(
            "add_reader",
            "a descriptor, a callback and its arguments, by position",
        ));
    }
    this.check_open()?;
    let number = descriptor_of(descriptor)?;
    let rest = PyTuple::new(py, rest.iter().map(|argument| (*argument).to_owned()))?;
    let object = call.receiver().call_method1("_make_handle", rest)?;
    let handle = Handle::of_receiver(object.as_borrowed());
    let (displaced, told) = this
        .kernel
        .with(py, |kernel| kernel.watch(number, direction, handle));
    for old in displaced {
        old.to_object(py).call_method0("cancel")?;
    }
    told.map_err(|error| os_error(&error, &format!("descriptor {number} cannot be watched")))?;
    this.wake_if_elsewhere()?;
    Ok(object)
}

fn remove<'py>(call: &Call<'py>, direction: Direction) -> Result<Bound<'py, PyAny>, Raised> {
    let py = call.py;
    let this = inside::<EventLoop>(call.receiver());
    let [descriptor] = call.positional() else {
        return Err(wrong_arguments("remove_reader", "a descriptor"));
    };
    if this.modes.any(crate::loop_state::Modes::CLOSED) {
        return Ok(false
            .into_pyobject(py)
            .map_err(PyErr::from)?
            .to_owned()
            .into_any());
    }
    let number = descriptor_of(descriptor)?;
    let (removed, told) = this.kernel.with(py, |kernel| kernel.unwatch(number, direction));
    let found = removed.is_some();
    if let Some(handle) = removed {
        handle.to_object(py).call_method0("cancel")?;
    }
    told.map_err(|error| os_error(&error, &format!("descriptor {number}")))?;
    this.wake_if_elsewhere()?;
    Ok(found
        .into_pyobject(py)
        .map_err(PyErr::from)?
        .to_owned()
        .into_any())
}

/// A number, or what `fileno()` says, by the standard library's own rule.
fn descriptor_of(object: &Bound<'_, PyAny>) -> PyResult<RawFd> {
    if let Ok(number) = object.extract::<RawFd>()
        && number >= 0
    {
        return Ok(number);
    }
    crate::imports::Imports::of(object.py())?
        .hooks
        .bind(object.py())
        .call_method1("descriptor_of", (object,))?
        .extract()
}

impl EventLoop {
    /// A loop that sleeps has to hear of a change that another thread made.
    fn wake_if_elsewhere(&self) -> PyResult<()> {
        if self.doorbell.is_asleep() && !self.is_own_thread() {
            self.doorbell
                .ring()
                .map_err(|error| os_error(&error, "waking the loop"))?;
        }
        Ok(())
    }
}

/// Whether a handle that an event called for still wants to run.
pub(crate) fn is_live(handle: &Handle) -> bool {
    !handle.flags().has(Flags::CANCELLED)
}
