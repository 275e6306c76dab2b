//! The descriptor inside a `socket.socket`, as it is at this moment: -1 once somebody has closed or detached it.
//!
//! A transport that was given a socket object asks before each call, so that a number which the user has closed behind its
//! back, and which stands for another file by now, is neither read nor written. Calling `fileno()` each time would cost as
//! much as the rest of a write; so the number is read where CPython keeps it, in the first field of the object, once that
//! was seen to hold on a socket of this very interpreter.

use std::os::fd::RawFd;

use crate::name;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

#[repr(C)]
struct SocketObject {
    head: ffi::PyObject,
    descriptor: std::ffi::c_int,
}

static FIRST_FIELD: PyOnceLock<bool> = PyOnceLock::new();

/// The number that the socket object owns now, or -1. The object is a `_socket.socket` or of a subclass.
#[inline(always)]
pub(crate) fn descriptor_of(socket: &Bound<'_, PyAny>) -> RawFd {
    if FIRST_FIELD.get(socket.py()) == Some(&true) {
        return first_field(socket);
    }
    asked(socket)
}

/// What `fileno()` says. The first open socket shows whether the descriptor lies where it is expected; a closed one has
/// nothing to show.
#[cold]
fn asked(socket: &Bound<'_, PyAny>) -> RawFd {
    let py = socket.py();
    let number = socket.call_method0(name!("fileno")).and_then(|number| number.extract()).unwrap_or(-1);
    if number >= 0 && FIRST_FIELD.get(py).is_none() && is_socket(socket) {
        FIRST_FIELD.get_or_init(py, || first_field(socket) == number);
    }
    number
}

fn is_socket(object: &Bound<'_, PyAny>) -> bool {
    let class = object.py().import(name!("_socket")).and_then(|module| module.getattr(name!("socket")));
    class.and_then(|class| object.is_instance(&class)).unwrap_or(false)
}

fn first_field(socket: &Bound<'_, PyAny>) -> RawFd {
    // SAFETY: callers pass objects of `_socket.socket` or of a subclass, which are larger than this.
    unsafe { (*socket.as_ptr().cast::<SocketObject>()).descriptor }
}
