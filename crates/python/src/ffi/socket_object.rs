//! The descriptor inside a `socket.socket`, as it is at this moment: -1 once somebody has closed or detached it.
//!
//! A transport that was given a socket object asks before each call, so that a number which the user has closed behind its
//! back, and which stands for another file by now, is neither read nor written. Calling `fileno()` each time would cost as
//! much as the rest of a write; so the number is read where CPython keeps it, in the first field of the object, once that
//! was seen to hold on a socket of this very interpreter.

use std::os::fd::RawFd;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

#[repr(C)]
struct SocketObject {
    head: ffi::PyObject,
    descriptor: std::ffi::c_int,
}

static FIRST_FIELD: PyOnceLock<bool> = PyOnceLock::new();

/// The number that the socket object owns now, or -1.
#[inline(always)]
pub(crate) fn descriptor_of(socket: &Bound<'_, PyAny>) -> RawFd {
    if FIRST_FIELD.get(socket.py()) == Some(&true) {
        return first_field(socket);
    }
    asked(socket)
}

/// Looks whether the descriptor lies where it is expected, on an open socket object.
pub(crate) fn check_layout(socket: &Bound<'_, PyAny>) {
    let py = socket.py();
    FIRST_FIELD.get_or_init(py, || {
        let is_socket = py
            .import("_socket")
            .and_then(|module| module.getattr("socket"))
            .and_then(|class| socket.is_instance(&class));
        let number = asked(socket);
        is_socket.unwrap_or(false) && number >= 0 && first_field(socket) == number
    });
}

#[cold]
fn asked(socket: &Bound<'_, PyAny>) -> RawFd {
    socket.call_method0("fileno").and_then(|number| number.extract()).unwrap_or(-1)
}

fn first_field(socket: &Bound<'_, PyAny>) -> RawFd {
    // SAFETY: callers pass objects of `_socket.socket` or of a subclass, which are larger than this.
    unsafe { (*socket.as_ptr().cast::<SocketObject>()).descriptor }
}
