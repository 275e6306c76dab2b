//! Datagrams out: each is sent at once; those for which the kernel has no room wait, in order.
//!
//! Waiting datagrams are sent several per call when the kernel has room again. An error concerns one datagram: it is
//! reported to the protocol, and the endpoint stays open.

use std::collections::TryReserveError;
use std::io;

use pyo3::exceptions::{
    PyBlockingIOError, PyInterruptedError, PyKeyboardInterrupt, PyOSError, PySystemExit, PyTypeError,
};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};
use reactor::Address;
use reactor::socket::{self, DATAGRAMS_PER_CALL};
use stream::Admission;

use super::state::{Endpoint, Inner, Target};
use super::{end, route};
use crate::buffer::View;
use crate::counters::Counters;
use crate::error::os_error;
use crate::ffi::bytes::Bytes;
use crate::ffi::error::{new_error, no_memory};
use crate::ffi::object::Object;
use crate::ffi::this::{Borrowed, This};
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::transport::{after_send, is_bytes_like, pause_if_high, unchanging, update_interest};

const FAILED: &str = "Fatal write error on datagram transport";

/// The result of sending a datagram.
enum Sent {
    Whole,
    /// It waits for room, behind others or alone.
    Later,
    /// The kernel, or the look-up of a name, refused it.
    Refused(PyErr),
    /// An error of the caller.
    Failed(PyErr),
}

/// Implements `transport.sendto(data, address)`.
pub(super) fn send_to(
    endpoint: This<'_, Endpoint>,
    data: Borrowed<'_>,
    address: Option<Borrowed<'_>>,
) -> Result<(), ErrorSet> {
    let py = endpoint.py();
    if !is_bytes_like(data) {
        return Err(wrong_type(data)?.into());
    }
    let target = route::target(endpoint, address)?;
    let (is_gone, waits) = endpoint.inner.with(py, |inner| (inner.is_gone(), !inner.queue.is_empty()));
    if is_gone {
        return drop_datagram(endpoint);
    }
    let sent = match &target {
        _ if waits => Sent::Later,
        Target::Named(name) => send_by_name(endpoint, data, name.bind(py).as_borrowed())?,
        target => send_directly(endpoint, data, target)?,
    };
    match sent {
        Sent::Whole => Ok(()),
        Sent::Later => enqueue(endpoint, data, target),
        Sent::Refused(error) => call_error_received_in_place(endpoint, &error),
        Sent::Failed(error) => end::fail(endpoint, error.into(), FAILED),
    }
}

impl Inner {
    /// Returns whether datagrams are dropped now. An endpoint without a fixed peer sends until its socket is closed, as
    /// in asyncio.
    fn is_gone(&self) -> bool {
        self.socket.is_none() || (self.state.is_lost() && self.remote.is_some())
    }
}

/// Offers a datagram to the kernel.
#[inline(always)]
fn send_directly(
    endpoint: This<'_, Endpoint>,
    data: Borrowed<'_>,
    target: &Target,
) -> Result<Sent, ErrorSet> {
    let py = data.py();
    let to = match target {
        Target::At(address) => Some(address),
        Target::Peer | Target::Named(_) => None,
    };
    let sent = with_content(data, |content| {
        // Exporting the bytes may have run user code, which may have closed the endpoint.
        let descriptor = endpoint.inner.with(py, |inner| inner.descriptor(py));
        endpoint.owner.get().counters.sent(socket::send_to(descriptor, content, to))
    })?;
    Ok(match sent {
        Ok(_) => Sent::Whole,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Sent::Later,
        Err(error) => Sent::Refused(os_error(&error)),
    })
}

/// Sends by the socket object, to an address that only it can resolve: it looks names up, as asyncio's transport does.
fn send_by_name(
    endpoint: This<'_, Endpoint>,
    data: Borrowed<'_>,
    name: Borrowed<'_>,
) -> Result<Sent, ErrorSet> {
    let py = data.py();
    let socket = endpoint.inner.with(py, |inner| inner.socket.as_ref().map(|socket| socket.clone_ref(py)));
    let Some(socket) = socket else { return Ok(Sent::Whole) };
    let error = match socket.bind(py).call_method1(name!("sendto"), (data, name)) {
        Ok(count) => {
            endpoint.owner.get().counters.bytes_sent.add(count.extract()?);
            return Ok(Sent::Whole);
        }
        Err(error) => error,
    };
    if error.is_instance_of::<PyBlockingIOError>(py) || error.is_instance_of::<PyInterruptedError>(py) {
        return Ok(Sent::Later);
    }
    if error.is_instance_of::<PySystemExit>(py) || error.is_instance_of::<PyKeyboardInterrupt>(py) {
        return Err(error.into());
    }
    Ok(if error.is_instance_of::<PyOSError>(py) { Sent::Refused(error) } else { Sent::Failed(error) })
}

/// Queues a datagram. Memory that its owner can change is copied.
fn enqueue(endpoint: This<'_, Endpoint>, data: Borrowed<'_>, target: Target) -> Result<(), ErrorSet> {
    let py = endpoint.py();
    let kept = unchanging(data)?;
    let refused = endpoint.inner.with(py, |inner| {
        // An endpoint that is lost sends nothing more, and the look-up of a name can have closed it.
        if inner.state.is_lost() {
            return Ok(Some((kept, target)));
        }
        inner.queue.push(kept, target)?;
        inner.state.set_blocked(true);
        Ok::<_, TryReserveError>(None)
    });
    drop(refused.map_err(|_| no_memory())?);
    update_interest(endpoint)?;
    pause_if_high(endpoint)
}

/// Passes on the bytes of an object, for the length of one system call. A view that is not contiguous is copied first.
#[inline(always)]
fn with_content<R>(data: Borrowed<'_>, inner: impl FnOnce(&[u8]) -> R) -> Result<R, ErrorSet> {
    if let Some(content) = Bytes::of(data) {
        return Ok(inner(content.as_ref()));
    }
    match View::of(data) {
        Ok(view) => Ok(inner(view.bytes())),
        Err(raised) => {
            drop(raised.take(data.py()));
            let copy = data.call_method0(name!("tobytes"))?;
            let copy = copy.cast::<PyBytes>().map_err(PyErr::from)?;
            Ok(inner(copy.as_bytes()))
        }
    }
}

/// Handles an error within a call of the user: it is reported to the protocol at once, and the protocol's exceptions go
/// to the caller.
#[cold]
fn call_error_received_in_place(endpoint: This<'_, Endpoint>, error: &PyErr) -> Result<(), ErrorSet> {
    let py = endpoint.py();
    let Some(callee) = endpoint.callee(py) else { return Ok(()) };
    let name = name!("error_received");
    callee.call_here_with(name, &[error.value(py).as_any().as_borrowed()]).map(drop)
}

/// Drops a datagram that comes too late. After a few of them, each is worth a warning.
#[cold]
fn drop_datagram(endpoint: This<'_, Endpoint>) -> Result<(), ErrorSet> {
    if endpoint.inner.with(endpoint.py(), |inner| inner.state.admit(false))
        == (Admission::Drop { warn: true })
    {
        endpoint.owner.get().imports.hooks.warn_of_lost_writes(endpoint.py())?;
    }
    Ok(())
}

/// The result of sending some of the queue.
enum Progress {
    /// Some were taken; there may be room for more.
    Some,
    /// The queue is empty.
    Nothing,
    Full,
    Refused(io::Error),
    /// The first of the queue is for an address that only the socket object can resolve.
    Named(Bytes, Object),
}

/// Sends more when the kernel has room again.
pub(super) fn on_writable(endpoint: This<'_, Endpoint>) -> Result<(), ErrorSet> {
    let py = endpoint.py();
    if !endpoint.inner.with(py, |inner| inner.state.is_blocked()) {
        return Ok(());
    }
    let counters = &endpoint.owner.get().counters;
    loop {
        match endpoint.inner.with(py, |inner| inner.send_some(py, counters)) {
            Progress::Some => {}
            Progress::Nothing | Progress::Full => break,
            Progress::Refused(error) => {
                end::call_error_received(endpoint, &os_error(&error))?;
                break;
            }
            Progress::Named(data, name) => {
                if !send_kept_by_name(endpoint, data, name)? {
                    break;
                }
            }
        }
    }
    after_send(endpoint)
}

impl Inner {
    /// Sends the first datagrams of the queue, as many as one call takes.
    fn send_some(&mut self, py: Python<'_>, counters: &Counters) -> Progress {
        let is_named = matches!(self.queue.iter().next(), Some((_, Target::Named(_))));
        if is_named && let Some((data, Target::Named(name))) = self.queue.pop() {
            return Progress::Named(data, name);
        }
        let sent = {
            let mut batch: Vec<(&[u8], Option<&Address>)> = Vec::new();
            for (data, target) in self.queue.iter().take(DATAGRAMS_PER_CALL) {
                match target {
                    Target::Peer => batch.push((data.as_ref(), None)),
                    Target::At(address) => batch.push((data.as_ref(), Some(address))),
                    Target::Named(_) => break,
                }
            }
            if batch.is_empty() {
                return Progress::Nothing;
            }
            socket::send_many(self.descriptor(py), &batch)
        };
        match sent {
            Ok(count) => {
                for (data, _) in (0..count).filter_map(|_| self.queue.pop()) {
                    counters.bytes_sent.add(data.as_ref().len());
                }
                Progress::Some
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Progress::Full,
            Err(error) => {
                // It was not taken, and never will be.
                drop(self.queue.pop());
                Progress::Refused(error)
            }
        }
    }
}

/// Returns whether there may be room for more.
fn send_kept_by_name(endpoint: This<'_, Endpoint>, data: Bytes, name: Object) -> Result<bool, ErrorSet> {
    let py = endpoint.py();
    let object = data.to_object(py)?;
    match send_by_name(endpoint, object.as_borrowed(), name.bind(py).as_borrowed())? {
        Sent::Whole => Ok(true),
        Sent::Later => {
            let refused = endpoint.inner.with(py, |inner| {
                if inner.state.is_lost() {
                    return Some((data, name));
                }
                inner.queue.put_back(data, Target::Named(name));
                None
            });
            drop(refused);
            Ok(false)
        }
        Sent::Refused(error) => end::call_error_received(endpoint, &error).map(|()| false),
        Sent::Failed(error) => end::fail(endpoint, error.into(), FAILED).map(|()| false),
    }
}

#[cold]
fn wrong_type(data: Borrowed<'_>) -> PyResult<PyErr> {
    let name: Bound<'_, PyString> = data.get_type().name()?;
    let text = format!("data argument must be a bytes-like object, not {}", name.repr()?);
    Ok(new_error::<PyTypeError>(text))
}
