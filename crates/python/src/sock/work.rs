//! The system calls of an operation: one attempt, which succeeds, fails, or has to wait.
//!
//! The kernel's calls move the bytes of streams. Operations with addresses and new sockets call the method of the
//! Python socket, which has errors and types for every family. Tasks and waiting are not known here.

use std::io;

use pyo3::exceptions::{PyBlockingIOError, PyInterruptedError, PyOSError};
use pyo3::prelude::*;
use pyo3::types::{PyMemoryView, PyString};
use reactor::socket;

use super::attempt::{Attempt, Place};
use super::send_file::FileWork;
use crate::buffer::View;
use crate::error::os_error;
use crate::ffi::bytes;
use crate::ffi::call::call_method;
use crate::ffi::error::new_numbered_error;
use crate::ffi::instance::Visit;
use crate::ffi::make;
use crate::ffi::object::Object;
use crate::ffi::this::Borrowed;
use crate::ffi::trampoline::ErrorSet;
use crate::name;
use crate::registry::Direction;
use crate::transport;

/// The size up to which a read goes through the loop's buffer and is copied: seldom are all requested bytes there.
const SHARED: usize = 256 * 1024;

/// The task of an operation.
pub(super) enum Work {
    Receive { size: usize },
    ReceiveInto { buffer: Object },
    ReceiveFrom { size: Object },
    ReceiveFromInto { buffer: Object, size: Option<Object> },
    SendAll { data: Object, sent: usize },
    SendTo { data: Object, address: Object },
    SendFile(Box<FileWork>),
    Accept,
    Connect { address: Object, is_begun: bool },
}

impl Work {
    pub(super) const fn direction(&self) -> Direction {
        match self {
            Self::Receive { .. }
            | Self::ReceiveInto { .. }
            | Self::ReceiveFrom { .. }
            | Self::ReceiveFromInto { .. }
            | Self::Accept => Direction::Read,
            Self::SendAll { .. } | Self::SendTo { .. } | Self::SendFile(_) | Self::Connect { .. } => {
                Direction::Write
            }
        }
    }

    /// Returns whether the kernel's interest is kept for the next operation. A socket that was just connected, or has
    /// taken a whole file, can nearly always be written, so that would be a useless event.
    pub(super) const fn lingers(&self) -> bool {
        !matches!(self, Self::Connect { .. } | Self::SendFile(_))
    }

    /// Returns whether there is nothing to be tried before the socket is ready.
    pub(super) const fn is_begun(&self) -> bool {
        matches!(self, Self::Connect { is_begun: true, .. })
    }

    /// Returns whether the first attempt could only find that there is nothing to be read yet.
    pub(super) fn may_wait_untried(&self, py: Python<'_>) -> bool {
        match self {
            Self::Receive { size } => *size > 0,
            Self::ReceiveInto { buffer } => match View::writable(buffer.bind_borrowed(py)) {
                Ok(view) => view.len() > 0,
                Err(raised) => {
                    drop(raised.take(py));
                    false
                }
            },
            _ => false,
        }
    }

    /// Makes an attempt. Python code may run.
    pub(super) fn attempt<'py>(&mut self, place: &Place<'_, 'py>) -> Result<Attempt<'py>, ErrorSet> {
        let py = place.py;
        match self {
            Self::Receive { size } => receive(place, *size),
            Self::ReceiveInto { buffer } => receive_into(place, buffer.bind_borrowed(py)),
            Self::ReceiveFrom { size } => {
                let attempt = ask(place, name!("recvfrom"), &[size.bind_borrowed(py)])?;
                attempt.count(|result| result.get_item(0)?.len(), &place.owner.counters.bytes_received)
            }
            Self::ReceiveFromInto { buffer, size } => {
                let size = settled_size(buffer.bind(py), size)?;
                let arguments = [buffer.bind_borrowed(py), size.bind_borrowed(py)];
                let attempt = ask(place, name!("recvfrom_into"), &arguments)?;
                attempt.count(|result| result.get_item(0)?.extract(), &place.owner.counters.bytes_received)
            }
            Self::SendAll { data, sent } => {
                let attempt = send(place, data.bind_borrowed(py), sent)?;
                if matches!(attempt, Attempt::Wait) && bytes::Bytes::of(data.bind_borrowed(py)).is_none() {
                    // Memory that is half sent must not be resized meanwhile: asyncio holds such a view as well.
                    pin(py, data)?;
                }
                Ok(attempt)
            }
            Self::SendTo { data, address } => {
                let arguments = [data.bind_borrowed(py), address.bind_borrowed(py)];
                let attempt = ask(place, name!("sendto"), &arguments)?;
                attempt.count(|count| count.extract(), &place.owner.counters.bytes_sent)
            }
            Self::SendFile(work) => work.attempt(place),
            Self::Accept => accept(place),
            Self::Connect { address, is_begun } => {
                let begun = std::mem::replace(is_begun, true);
                connect(place, address.bind_borrowed(py), begun)
            }
        }
    }

    pub(super) fn visit(&self, visit: &mut Visit) {
        match self {
            Self::Receive { .. } | Self::Accept => {}
            Self::ReceiveInto { buffer: object }
            | Self::ReceiveFrom { size: object }
            | Self::SendAll { data: object, .. }
            | Self::Connect { address: object, .. } => visit.object(object),
            Self::ReceiveFromInto { buffer, size } => {
                visit.object(buffer);
                visit.maybe(size.as_ref());
            }
            Self::SendFile(work) => work.visit(visit),
            Self::SendTo { data, address } => {
                visit.object(data);
                visit.object(address);
            }
        }
    }
}

fn receive<'py>(place: &Place<'_, 'py>, size: usize) -> Result<Attempt<'py>, ErrorSet> {
    let py = place.py;
    if size == 0 {
        // As in `socket.recv(0)`, which makes no system call.
        return make::bytes(py, &[]).map(|data| Attempt::done(data.into_any()));
    }
    let counters = &place.owner.counters;
    let received = if size > SHARED {
        bytes::filled(py, size, |room| counters.received(socket::receive(place.descriptor(), room)))?
    } else {
        transport::receive(py, place.owner, |room| {
            counters.received(socket::receive(place.descriptor(), &mut room[..size]))
        })?
    };
    match received {
        Ok(Some(data)) => {
            let is_drained = data.len()? < size;
            Ok(Attempt::Done { result: data, is_drained })
        }
        Ok(None) => make::bytes(py, &[]).map(|data| Attempt::done(data.into_any())),
        Err(error) => wait_or_fail(&error),
    }
}

fn receive_into<'py>(place: &Place<'_, 'py>, buffer: Borrowed<'_>) -> Result<Attempt<'py>, ErrorSet> {
    let mut view = match View::writable(buffer) {
        Ok(view) => view,
        Err(raised) => {
            // The socket's own method raises the error.
            drop(raised.take(place.py));
            return ask(place, name!("recv_into"), &[buffer]);
        }
    };
    let size = view.len();
    let received = if size == 0 {
        Ok(0)
    } else {
        let received = socket::receive(place.descriptor(), view.room());
        place.owner.counters.received(received).map(|received| received.len())
    };
    drop(view);
    match received {
        Ok(count) => {
            let result = make::count(place.py, count)?;
            Ok(Attempt::Done { result, is_drained: count > 0 && count < size })
        }
        Err(error) => wait_or_fail(&error),
    }
}

/// Sends the rest. As in asyncio, a part that was taken is no reason to try again at once.
fn send<'py>(place: &Place<'_, 'py>, data: Borrowed<'_>, sent: &mut usize) -> Result<Attempt<'py>, ErrorSet> {
    let view = match View::of(data) {
        Ok(view) => view,
        Err(raised) => {
            drop(raised.take(place.py));
            return ask(place, name!("send"), &[data]);
        }
    };
    let size = view.len();
    let taken = socket::send(place.descriptor(), view.bytes().get(*sent..).unwrap_or_default());
    drop(view);
    match taken {
        Ok(count) => {
            place.owner.counters.bytes_sent.add(count);
            *sent += count;
            let is_done = *sent >= size;
            Ok(if is_done { Attempt::done(place.py.None().into_bound(place.py)) } else { Attempt::Wait })
        }
        Err(error) => wait_or_fail(&error),
    }
}

fn pin(py: Python<'_>, data: &mut Object) -> Result<(), ErrorSet> {
    let view = PyMemoryView::from(data.bind(py))?.into_any().into();
    let before = std::mem::replace(data, view);
    drop(before);
    Ok(())
}

/// Returns the size of `sock_recvfrom_into`: by default, or with zero, the whole buffer.
fn settled_size<'a>(buffer: &Bound<'_, PyAny>, size: &'a mut Option<Object>) -> PyResult<&'a Object> {
    let py = buffer.py();
    let said = match size.take() {
        Some(said) if said.bind(py).is_truthy()? => said,
        _ => make::count(py, buffer.len()?)?.into(),
    };
    Ok(size.insert(said))
}

fn accept<'py>(place: &Place<'_, 'py>) -> Result<Attempt<'py>, ErrorSet> {
    let attempt = ask(place, name!("accept"), &[])?;
    if let Attempt::Done { result, .. } = &attempt {
        result.get_item(0)?.call_method1(name!("setblocking"), (false,))?;
    }
    Ok(attempt)
}

/// Starts to connect, or reads the result.
fn connect<'py>(
    place: &Place<'_, 'py>,
    address: Borrowed<'_>,
    is_begun: bool,
) -> Result<Attempt<'py>, ErrorSet> {
    if !is_begun {
        return ask(place, name!("connect"), &[address]);
    }
    let pending = socket::pending_error(place.descriptor()).map_err(|error| os_error(&error))?;
    let Some(error) = pending else { return Ok(Attempt::done(place.py.None().into_bound(place.py))) };
    if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) {
        return Ok(Attempt::Wait);
    }
    let text = format!("Connect call failed {}", address.str()?);
    Err(new_numbered_error::<PyOSError>(error.raw_os_error().unwrap_or_default(), text).into())
}

/// Calls a method of the socket object. That it would block is no error.
fn ask<'py, const COUNT: usize>(
    place: &Place<'_, 'py>,
    method: &Py<PyString>,
    arguments: &[pyo3::Borrowed<'_, '_, PyAny>; COUNT],
) -> Result<Attempt<'py>, ErrorSet> {
    let py = place.py;
    match call_method(place.socket.bind(py).as_borrowed(), method, arguments) {
        Ok(result) => Ok(Attempt::done(result)),
        Err(raised) => {
            let error = raised.take(py);
            if error.is_instance_of::<PyBlockingIOError>(py) || error.is_instance_of::<PyInterruptedError>(py)
            {
                return Ok(Attempt::Wait);
            }
            Err(error.into())
        }
    }
}

fn wait_or_fail<'py>(error: &io::Error) -> Result<Attempt<'py>, ErrorSet> {
    if error.kind() == io::ErrorKind::WouldBlock {
        return Ok(Attempt::Wait);
    }
    Err(os_error(error).into())
}
