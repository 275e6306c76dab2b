//! The part of an object between its header and its value: fields for the interpreter, and the slots of a base class.

use std::ffi::{CStr, c_int, c_void};
use std::mem::offset_of;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;

use super::object::Object;

/// The collector's function, which is called with each object.
pub(crate) struct Visit {
    function: ffi::visitproc,
    argument: *mut c_void,
    stopped: c_int,
}

impl Visit {
    /// # Safety
    /// The collector passed both to `tp_traverse`, which does not return while this value lives.
    pub(super) unsafe fn new(function: ffi::visitproc, argument: *mut c_void) -> Self {
        Self { function, argument, stopped: 0 }
    }

    /// Returns the result for `tp_traverse`.
    pub(super) fn outcome(&self) -> c_int {
        self.stopped
    }

    pub(crate) fn object<T>(&mut self, object: &Object<T>) {
        self.raw(object.as_ptr());
    }

    pub(crate) fn maybe<T>(&mut self, object: Option<&Object<T>>) {
        if let Some(object) = object {
            self.raw(object.as_ptr());
        }
    }

    pub(crate) fn reference<T>(&mut self, object: &Py<T>) {
        self.raw(object.as_ptr());
    }

    pub(super) fn raw(&mut self, object: *mut ffi::PyObject) {
        if self.stopped == 0 && !object.is_null() {
            // SAFETY: the collector's own function, called as it requires, with a live object.
            self.stopped = unsafe { (self.function)(object, self.argument) };
        }
    }
}

/// The fields of an object between its header and its value. Each is null or owns a reference.
pub(crate) trait Head: Sized + 'static {
    /// The size of the largest object of a base for which there is room.
    const BASE_SIZE: usize = size_of::<ffi::PyObject>();

    /// The head of a new object.
    fn empty() -> Self;

    /// The fields that the interpreter uses itself, for a head at this offset.
    fn members(offset: usize) -> Vec<ffi::PyMemberDef>;

    fn getters() -> Vec<ffi::PyGetSetDef> {
        Vec::new()
    }

    /// Returns whether there are weak references to the object.
    fn is_referred_to(&self) -> bool;

    fn visit(&self, visit: &mut Visit);

    /// Releases the references of the head of an object that is freed.
    fn release(&mut self);

    /// Releases them for the collector. Other threads may look at the object: finalizers of the same garbage may have
    /// handed it to one.
    fn clear(&self);
}

/// An empty head.
pub(crate) struct Plain;

/// Weak references to the object. The list belongs to the interpreter, which changes it in any thread.
pub(crate) struct Weak {
    references: AtomicPtr<ffi::PyObject>,
}

/// The slots of `asyncio.transports._FlowControlMixin`, the largest of asyncio's classes that a class here inherits
/// from.
const BASE_SLOTS: usize = 5;

/// The head of an object of a subclass of an ordinary Python class with slots.
#[repr(C)]
pub(crate) struct Subclass {
    /// The slots of asyncio's class; properties of the classes here hide them, so they stay null.
    slots: [AtomicPtr<ffi::PyObject>; BASE_SLOTS],
    /// The interpreter makes it in whichever thread first asks for it.
    dict: AtomicPtr<ffi::PyObject>,
    weak: Weak,
}

impl Head for Plain {
    #[inline(always)]
    fn empty() -> Self {
        Self
    }

    fn members(_offset: usize) -> Vec<ffi::PyMemberDef> {
        Vec::new()
    }

    #[inline(always)]
    fn is_referred_to(&self) -> bool {
        false
    }

    fn visit(&self, _visit: &mut Visit) {}

    #[inline(always)]
    fn release(&mut self) {}

    fn clear(&self) {}
}

impl Head for Weak {
    #[inline(always)]
    fn empty() -> Self {
        Self { references: AtomicPtr::new(null_mut()) }
    }

    fn members(offset: usize) -> Vec<ffi::PyMemberDef> {
        vec![member(c"__weaklistoffset__", offset)]
    }

    #[inline(always)]
    fn is_referred_to(&self) -> bool {
        // What another thread has done with the last weak reference comes before the end of this object.
        !self.references.load(Ordering::Acquire).is_null()
    }

    /// The list of weak references is not shown.
    fn visit(&self, _visit: &mut Visit) {}

    #[inline(always)]
    fn release(&mut self) {}

    fn clear(&self) {}
}

impl Head for Subclass {
    const BASE_SIZE: usize = size_of::<ffi::PyObject>() + offset_of!(Self, dict);

    fn empty() -> Self {
        let slots = [const { AtomicPtr::new(null_mut()) }; BASE_SLOTS];
        Self { slots, dict: AtomicPtr::new(null_mut()), weak: Weak::empty() }
    }

    fn members(offset: usize) -> Vec<ffi::PyMemberDef> {
        vec![
            member(c"__dictoffset__", offset + offset_of!(Self, dict)),
            member(c"__weaklistoffset__", offset + offset_of!(Self, weak)),
        ]
    }

    fn getters() -> Vec<ffi::PyGetSetDef> {
        vec![ffi::PyGetSetDef {
            name: c"__dict__".as_ptr(),
            get: Some(ffi::PyObject_GenericGetDict),
            set: Some(ffi::PyObject_GenericSetDict),
            doc: std::ptr::null(),
            closure: null_mut(),
        }]
    }

    #[inline(always)]
    fn is_referred_to(&self) -> bool {
        self.weak.is_referred_to()
    }

    fn visit(&self, visit: &mut Visit) {
        visit.raw(self.dict.load(Ordering::Relaxed));
        self.slots.iter().for_each(|slot| visit.raw(slot.load(Ordering::Relaxed)));
    }

    fn release(&mut self) {
        for place in self.slots.iter_mut().chain([&mut self.dict]) {
            let owned = std::mem::replace(place.get_mut(), null_mut());
            // SAFETY: the field owned one reference, or was null.
            unsafe { ffi::Py_XDECREF(owned) };
        }
    }

    fn clear(&self) {
        for place in self.slots.iter().chain([&self.dict]) {
            let owned = place.swap(null_mut(), Ordering::AcqRel);
            // SAFETY: the field owned one reference, or was null, and nobody else has taken it out.
            unsafe { ffi::Py_XDECREF(owned) };
        }
    }
}

/// A field of objects that the interpreter uses itself.
pub(super) fn member(name: &'static CStr, offset: usize) -> ffi::PyMemberDef {
    ffi::PyMemberDef {
        name: name.as_ptr(),
        type_code: ffi::Py_T_PYSSIZET,
        offset: offset.cast_signed(),
        flags: ffi::Py_READONLY,
        doc: std::ptr::null(),
    }
}
