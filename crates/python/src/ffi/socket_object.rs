//! [`SocketObject`]: a `socket.socket` whose descriptor is read from its memory, which runs no code.
//!
//! A transport over a socket object reads the number right before each system call: if the user has closed the socket
//! and the number is another file by now, that file is neither read nor written. A call of `fileno()` would cost as
//! much as the rest of a write and may run user code; CPython keeps the number in the first field of the object.
//!
//! With the GIL no other thread can close the socket between the read and the system call. Without it one that calls
//! `close()` on a socket that the loop uses, which asyncio forbids, may do so in those few instructions. asyncio has the
//! same gap, and has it with the GIL as well: `socket.recv` and its kin give the GIL up and then read the number
//! (`sock_recv_impl` in CPython's socketmodule.c), and `close()` takes no lock that a caller could hold. Descriptors that
//! a transport owns itself have no such gap: only the thread that reads from them closes them.
//!
//! The class is found once, at import, by its base and not by the name `socket.socket`, which tests and libraries
//! replace. Subclasses are refused, since their methods may do more than the system calls. Two objects of the running
//! interpreter, one without a descriptor and one with, confirm the offset of the field. If it is elsewhere, nothing is
//! a `SocketObject` and asyncio's own code is used.

use std::os::fd::RawFd;
use std::ptr::{self, null_mut};
use std::sync::atomic::{AtomicI32, AtomicPtr, Ordering};

use crate::name;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyType};

use super::error::new_error;
use super::object::Object;

/// A reference to an object whose class is exactly the standard library's `socket.socket`. The descriptor of such objects was
/// confirmed to be their first field, so [`descriptor`](Self::descriptor) is a safe read that runs no code.
pub(crate) struct SocketObject(Object);

/// The start of such an object.
#[repr(C)]
struct Layout {
    head: ffi::PyObject,
    descriptor: AtomicI32,
}

/// The standard library's class, and the function `fileno` of its base, which is in C.
struct SocketClass {
    class: Py<PyType>,
    fileno: Py<PyAny>,
}

static CLASS: PyOnceLock<Option<SocketClass>> = PyOnceLock::new();

/// The class in `CLASS`, once an open socket has confirmed the offset of the descriptor.
static CONFIRMED: AtomicPtr<ffi::PyTypeObject> = AtomicPtr::new(null_mut());

/// Finds the class. It is called when the module is imported.
pub(crate) fn find_class(py: Python<'_>) -> PyResult<()> {
    CLASS.get_or_try_init(py, || find(py)).map(drop)
}

/// Returns the class of [`SocketObject`]s; TypeError if there is none.
pub(crate) fn socket_class(py: Python<'_>) -> PyResult<&Bound<'_, PyType>> {
    match CLASS.get(py) {
        Some(Some(known)) => Ok(known.class.bind(py)),
        _ => Err(new_error::<PyTypeError>("the standard library's class of sockets was not found")),
    }
}

impl SocketObject {
    /// Returns a reference to an object if it is such a socket. A closed socket is recognised only after an open one
    /// was.
    #[inline(always)]
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> Option<Self> {
        let is_known = object.get_type_ptr() == CONFIRMED.load(Ordering::Relaxed) || confirm(object);
        is_known.then(|| Self(object.clone().into()))
    }

    /// Returns the same for an object that the caller has checked; TypeError if it is not such a socket.
    pub(crate) fn expect(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        Self::of(object)
            .ok_or_else(|| new_error::<PyTypeError>("sock must be an open socket.socket, not a subclass"))
    }

    /// Returns the number that the socket owns now, or -1 once it is closed or detached.
    #[inline(always)]
    pub(crate) fn descriptor(&self, _py: Python<'_>) -> RawFd {
        // SAFETY: a value of this type exists only for objects of the class.
        unsafe { first_field(self.0.as_ptr()) }
    }

    #[inline(always)]
    pub(crate) fn clone_ref(&self, py: Python<'_>) -> Self {
        Self(self.0.clone_ref(py))
    }

    pub(crate) const fn object(&self) -> &Object {
        &self.0
    }

    #[inline(always)]
    pub(crate) fn bind<'a, 'py>(&'a self, py: Python<'py>) -> &'a Bound<'py, PyAny> {
        self.0.bind(py)
    }
}

/// Returns whether an object is of the class. The first open one confirms the offset of the descriptor.
#[cold]
fn confirm(object: &Bound<'_, PyAny>) -> bool {
    static IS_FIRST: PyOnceLock<bool> = PyOnceLock::new();
    let py = object.py();
    let Some(Some(known)) = CLASS.get(py) else { return false };
    if !ptr::eq(object.get_type_ptr(), known.class.bind(py).as_type_ptr()) {
        return false;
    }
    let number = known.fileno.bind(py).call1((object,)).and_then(|number| number.extract::<RawFd>());
    let Ok(number @ 0..) = number else { return false };
    // SAFETY: the class was compared above.
    let first = unsafe { first_field(object.as_ptr()) };
    let is_first = *IS_FIRST.get_or_init(py, || first == number);
    if is_first {
        CONFIRMED.store(object.get_type_ptr(), Ordering::Relaxed);
    }
    is_first
}

/// Returns the subclass of `_socket.socket` that the module `socket` defines, whatever object its name is bound to by
/// now.
fn find(py: Python<'_>) -> PyResult<Option<SocketClass>> {
    py.import(name!("socket"))?;
    let Ok(base) = py.import(name!("_socket"))?.getattr(name!("socket"))?.cast_into::<PyType>() else {
        return Ok(None);
    };
    for class in base.call_method0(name!("__subclasses__"))?.cast_into::<PyList>()? {
        let class = class.cast_into::<PyType>()?;
        let is_standard = class.getattr(name!("__module__"))?.eq(name!("socket"))?
            && class.getattr(name!("__qualname__"))?.eq(name!("socket"))?;
        if is_standard && class.getattr(name!("__basicsize__"))?.extract::<usize>()? >= size_of::<Layout>() {
            let unborn = base.call_method1(name!("__new__"), (&class,))?;
            let fileno = base.getattr(name!("fileno"))?.unbind();
            // SAFETY: an object of the class, or of one that inherits from it.
            let is_expected = unborn.is_instance(&class)? && unsafe { first_field(unborn.as_ptr()) } == -1;
            return Ok(is_expected.then(|| SocketClass { class: class.unbind(), fileno }));
        }
    }
    Ok(None)
}

/// Returns what follows the header of an object.
///
/// # Safety
/// The object is alive, and of a class whose objects are at least as large as [`Layout`].
#[inline(always)]
unsafe fn first_field(object: *mut ffi::PyObject) -> RawFd {
    // SAFETY: the caller's promise. The interpreter writes the field with the GIL held, and by atomic stores without one.
    unsafe { &(*object.cast::<Layout>()).descriptor }.load(Ordering::Relaxed)
}
