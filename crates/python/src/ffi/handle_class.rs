//! Makes the two handle classes: heap types whose memory is `handle_pool`'s and whose methods the caller brings.
//!
//! PyO3's own classes would do but for their cost: a borrow flag per call, and no free list that a loop could own.

use std::ffi::c_void;
use std::mem::offset_of;
use std::ptr::null_mut;

use pyo3::ffi;
use pyo3::prelude::*;

use super::getter::Getter;
use super::handle_object::HandleObject;
use super::handle_pool::{HandleTypes, clear, release, traverse};
use super::heap_type::{Specification, add_type, getter_rows, place, slot, surface};
use super::method::Method;
use super::this::Borrowed;
use super::trampoline::{ErrorSet, trampoline};

/// What a handle class can do.
pub(crate) struct HandleClass {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) methods: Vec<Method>,
    pub(crate) getters: Vec<Getter>,
    pub(crate) represent: ffi::reprfunc,
    /// Ordering and hash: timers have them.
    pub(crate) order: Option<(ffi::richcmpfunc, ffi::hashfunc)>,
}

/// Makes both classes and puts them into the module.
pub(crate) fn make_types(
    module: &Bound<'_, PyModule>,
    handle: HandleClass,
    timer: HandleClass,
) -> PyResult<HandleTypes> {
    Ok(HandleTypes { handle: make(module, handle)?, timer: make(module, timer)? })
}

fn make(module: &Bound<'_, PyModule>, class: HandleClass) -> PyResult<*mut ffi::PyTypeObject> {
    let mut slots = vec![
        slot(ffi::Py_tp_dealloc, release as ffi::destructor as *mut c_void),
        slot(ffi::Py_tp_traverse, traverse as ffi::traverseproc as *mut c_void),
        slot(ffi::Py_tp_clear, clear as ffi::inquiry as *mut c_void),
    ];
    let members = vec![place(c"__weaklistoffset__", offset_of!(HandleObject, weak_references))];
    let getters = getter_rows(class.getters)?;
    slots.extend(surface(class.doc, class.represent, class.methods, getters, members)?);
    if let Some((compare, hash)) = class.order {
        slots.push(slot(ffi::Py_tp_richcompare, compare as *mut c_void));
        slots.push(slot(ffi::Py_tp_hash, hash as *mut c_void));
    }
    let specification = Specification {
        name: class.name,
        object_size: size_of::<HandleObject>(),
        flags: ffi::Py_TPFLAGS_HAVE_GC,
        slots,
        bases: None,
    };
    add_type(module, specification)
}

/// Runs the body of a comparison behind the border; the operator is Python's `Py_LT` to `Py_GE`.
///
/// # Safety
/// Both objects are alive: the interpreter passed them.
pub(crate) unsafe fn compare(
    left: *mut ffi::PyObject,
    right: *mut ffi::PyObject,
    body: impl for<'py> FnOnce(Borrowed<'py>, Borrowed<'py>) -> PyResult<Bound<'py, PyAny>>,
) -> *mut ffi::PyObject {
    trampoline(null_mut(), |py| {
        // SAFETY: the caller's duty.
        let left = unsafe { Borrowed::from_ptr(py, left) };
        // SAFETY: the caller's duty.
        let right = unsafe { Borrowed::from_ptr(py, right) };
        Ok(body(left, right)?.into_ptr())
    })
}

/// Runs the body of `hash()` behind the border.
///
/// # Safety
/// `receiver` is the live object that the interpreter passed.
pub(crate) unsafe fn hash(
    receiver: *mut ffi::PyObject,
    body: impl for<'py> FnOnce(Borrowed<'py>) -> Result<isize, ErrorSet>,
) -> ffi::Py_hash_t {
    trampoline(-1, |py| {
        // SAFETY: the caller's duty.
        body(unsafe { Borrowed::from_ptr(py, receiver) })
    })
}

/// Makes `tp_richcompare` and `tp_hash` out of Rust functions.
#[macro_export]
macro_rules! order {
    ($compare:path, $hash:path) => {{
        unsafe extern "C" fn compare_entry(
            left: *mut pyo3::ffi::PyObject,
            right: *mut pyo3::ffi::PyObject,
            operator: std::ffi::c_int,
        ) -> *mut pyo3::ffi::PyObject {
            // SAFETY: the interpreter passes live objects.
            unsafe {
                $crate::ffi::handle_class::compare(left, right, |left, right| $compare(left, right, operator))
            }
        }
        unsafe extern "C" fn hash_entry(receiver: *mut pyo3::ffi::PyObject) -> pyo3::ffi::Py_hash_t {
            // SAFETY: the interpreter passes a live receiver.
            unsafe { $crate::ffi::handle_class::hash(receiver, $hash) }
        }
        (compare_entry, hash_entry)
    }};
}
