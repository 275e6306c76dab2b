//! Audit events: PEP 578. The arguments of an event are made only if a program has hooks, and so it is seen whether it
//! has any.

use std::ffi::{CStr, c_char, c_int, c_void};

use pyo3::ffi;

use super::this::Borrowed;
use super::trampoline::ErrorSet;

unsafe extern "C" {
    // pyo3's bindings omit it.
    fn PySys_Audit(event: *const c_char, format: *const c_char, ...) -> c_int;
}

/// Raises an audit event with two arguments, and returns whether any hook was called. A hook may raise an exception.
pub(crate) fn has_hooks(event: &CStr, first: Borrowed<'_>, second: Borrowed<'_>) -> Result<bool, ErrorSet> {
    let mut called = Asked { first: first.as_ptr(), is_asked: false };
    let converter = note as extern "C" fn(*mut c_void) -> *mut ffi::PyObject;
    // SAFETY: as `O&O` says, a function with its argument, and a live object. `called` outlives the call.
    let outcome =
        unsafe { PySys_Audit(event.as_ptr(), c"O&O".as_ptr(), converter, &raw mut called, second.as_ptr()) };
    if outcome != 0 {
        return Err(ErrorSet::by_interpreter());
    }
    Ok(called.is_asked)
}

struct Asked {
    first: *mut ffi::PyObject,
    is_asked: bool,
}

/// Returns the first argument of the event for the hooks.
extern "C" fn note(asked: *mut c_void) -> *mut ffi::PyObject {
    let asked = asked.cast::<Asked>();
    // SAFETY: `has_hooks` passes its own value, which nobody else uses meanwhile.
    let asked = unsafe { &mut *asked };
    asked.is_asked = true;
    // SAFETY: the caller's argument is alive for the length of the call.
    unsafe { ffi::Py_NewRef(asked.first) }
}

/// Raises the event of `socket.getaddrinfo`. `numbers`: family, type and protocol.
#[inline(always)]
pub(crate) fn getaddrinfo(
    host: Borrowed<'_>,
    port: Borrowed<'_>,
    numbers: [c_int; 3],
) -> Result<(), ErrorSet> {
    let [family, kind, proto] = numbers;
    let (event, format) = (c"socket.getaddrinfo".as_ptr(), c"OOiii".as_ptr());
    // SAFETY: as the format says, live objects and three numbers.
    let outcome = unsafe { PySys_Audit(event, format, host.as_ptr(), port.as_ptr(), family, kind, proto) };
    if outcome == 0 { Ok(()) } else { Err(ErrorSet::by_interpreter()) }
}

/// Raises the event of `socket.getnameinfo`.
pub(crate) fn getnameinfo(sockaddr: Borrowed<'_>) -> Result<(), ErrorSet> {
    let (event, format) = (c"socket.getnameinfo".as_ptr(), c"(O)".as_ptr());
    // SAFETY: as the format says, a live object.
    let outcome = unsafe { PySys_Audit(event, format, sockaddr.as_ptr()) };
    if outcome == 0 { Ok(()) } else { Err(ErrorSet::by_interpreter()) }
}
