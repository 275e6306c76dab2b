//! The objects of our classes: a head that is the interpreter's, a Rust value, and the one set of functions by which such an
//! object is freed, shown to the garbage collector and cleared.
//!
//! PyO3's classes cost a borrow flag for each call, inherit from nothing that Python code has made, and have no free list.
//! The interpreter's own `tp_dealloc` of a subclass is not inherited here: it would call ours again. It knows nothing of what
//! the values are.

use std::ffi::{CStr, c_int, c_void};
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, offset_of};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

use super::error::new_error;
use super::object::Object;
use super::this::{Borrowed, Held, Layout, This};
use super::trampoline::{ErrorSet, owned, trampoline};

/// A value that lies in the objects of a class of ours. It is reached through shared references only.
pub(crate) trait ClassValue: Sized + Sync + 'static {
    /// What else its objects have.
    type Head: Head;

    /// `__del__`: called once, before an object goes.
    const FINALIZE: Option<fn(This<'_, Self>) -> PyResult<()>> = None;

    /// The classes whose objects hold such values: statics.
    fn classes() -> &'static [Class<Self>];

    /// The class, where there is one.
    #[inline(always)]
    fn class() -> &'static Class<Self> {
        &Self::classes()[0]
    }

    /// Shows the collector every object that the value holds.
    fn visit(&self, visit: &mut Visit);

    /// Lets go of what may be part of a cycle.
    fn clear(&self, py: Python<'_>);

    /// Called when the last reference is gone, before the value is dropped.
    #[inline(always)]
    fn on_dealloc(&self, _py: Python<'_>) -> Result<(), ErrorSet> {
        Ok(())
    }
}

impl<T: ClassValue> Held for T {
    type Layout = Instance<T>;
}

/// The collector's function, to be shown objects.
pub(crate) struct Visit {
    function: ffi::visitproc,
    argument: *mut c_void,
    stopped: c_int,
}

impl Visit {
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

    fn raw(&mut self, object: *mut ffi::PyObject) {
        if self.stopped == 0 && !object.is_null() {
            // SAFETY: the collector's own function, called as it asks to be, with a live object.
            self.stopped = unsafe { (self.function)(object, self.argument) };
        }
    }
}

/// What an object has between its header and its value. A field of it is null or owns a reference.
pub(crate) trait Head: Sized + 'static {
    const EMPTY: Self;

    /// The size of the largest object of a base that there is room for.
    const BASE_SIZE: usize = size_of::<ffi::PyObject>();

    /// Where the interpreter finds what is its own, for a head that lies at this offset.
    fn members(offset: usize) -> Vec<ffi::PyMemberDef>;

    fn getters() -> Vec<ffi::PyGetSetDef> {
        Vec::new()
    }

    /// Whether there are weak references to the object.
    fn is_referred_to(&self) -> bool;

    fn visit(&self, visit: &mut Visit);

    /// Gives back what the head owns.
    fn release(&mut self);
}

/// Nothing.
pub(crate) struct Plain;

/// Weak references to the object.
pub(crate) struct Weak {
    references: *mut ffi::PyObject,
}

/// Slots of `asyncio.transports._FlowControlMixin`, the largest of asyncio's classes that a class of ours inherits from.
const BASE_SLOTS: usize = 5;

/// What an object of a subclass of an ordinary Python class with slots has.
#[repr(C)]
pub(crate) struct Subclass {
    /// The slots of asyncio's class; properties of our classes hide them, so they stay null.
    slots: [*mut ffi::PyObject; BASE_SLOTS],
    dict: *mut ffi::PyObject,
    weak: Weak,
}

impl Head for Plain {
    const EMPTY: Self = Self;

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
}

impl Head for Weak {
    const EMPTY: Self = Self { references: null_mut() };

    fn members(offset: usize) -> Vec<ffi::PyMemberDef> {
        vec![member(c"__weaklistoffset__", offset)]
    }

    #[inline(always)]
    fn is_referred_to(&self) -> bool {
        !self.references.is_null()
    }

    /// The list of them is the interpreter's.
    fn visit(&self, _visit: &mut Visit) {}

    #[inline(always)]
    fn release(&mut self) {}
}

impl Head for Subclass {
    const EMPTY: Self = Self { slots: [null_mut(); BASE_SLOTS], dict: null_mut(), weak: Weak::EMPTY };
    const BASE_SIZE: usize = size_of::<ffi::PyObject>() + offset_of!(Self, dict);

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
        visit.raw(self.dict);
        self.slots.into_iter().for_each(|slot| visit.raw(slot));
    }

    fn release(&mut self) {
        let dict = std::mem::replace(&mut self.dict, null_mut());
        let slots = std::mem::replace(&mut self.slots, [null_mut(); BASE_SLOTS]);
        for owned in slots.into_iter().chain([dict]) {
            // SAFETY: the field owned one reference, or was null.
            unsafe { ffi::Py_XDECREF(owned) };
        }
    }
}

/// Where in its objects the interpreter finds a thing of its own.
pub(super) fn member(name: &'static CStr, offset: usize) -> ffi::PyMemberDef {
    ffi::PyMemberDef {
        name: name.as_ptr(),
        type_code: ffi::Py_T_PYSSIZET,
        offset: offset.cast_signed(),
        flags: ffi::Py_READONLY,
        doc: std::ptr::null(),
    }
}

/// An object.
#[repr(C)]
pub(crate) struct Instance<T: ClassValue> {
    header: ffi::PyObject,
    head: T::Head,
    value: ManuallyDrop<T>,
}

impl<T: ClassValue> Instance<T> {
    /// Where its head lies.
    pub(super) const HEAD: usize = offset_of!(Self, head);
}

// SAFETY: the classes of `T` are made with this layout, have no subclasses, and make no object but by `Class::instance`.
unsafe impl<T: ClassValue> Layout<T> for Instance<T> {
    #[inline(always)]
    fn holds(object: Borrowed<'_>) -> bool {
        // SAFETY: a live object.
        let class = unsafe { ffi::Py_TYPE(object.as_ptr()) };
        T::classes().iter().any(|known| known.class.load(Ordering::Relaxed) == class)
    }

    #[inline(always)]
    unsafe fn value(object: *mut ffi::PyObject) -> *const T {
        // SAFETY: the caller's duty.
        unsafe { (&raw const (*object.cast::<Self>()).value).cast() }
    }
}

/// A class whose objects hold a `T`, once it is made. It lives as long as the process.
pub(crate) struct Class<T> {
    class: AtomicPtr<ffi::PyTypeObject>,
    value: PhantomData<fn() -> T>,
}

impl<T: ClassValue> Class<T> {
    pub(crate) const fn new() -> Self {
        Self { class: AtomicPtr::new(null_mut()), value: PhantomData }
    }

    /// The class is made.
    ///
    /// # Safety
    /// It is complete, lives as long as the process, and its objects have the layout of [`Instance<T>`].
    pub(super) unsafe fn set(&self, class: *mut ffi::PyTypeObject) {
        self.class.store(class, Ordering::Relaxed);
    }

    #[inline(always)]
    fn made(&self) -> Result<NonNull<ffi::PyTypeObject>, ErrorSet> {
        NonNull::new(self.class.load(Ordering::Relaxed)).ok_or_else(not_made)
    }

    /// A new object.
    #[inline(always)]
    pub(crate) fn instance<'py>(&self, py: Python<'py>, value: T) -> Result<Bound<'py, T>, ErrorSet> {
        let class = self.made()?;
        // SAFETY: a complete type of the collected kind, whose objects are such instances.
        let object = unsafe { ffi::PyObject_GC_New::<Instance<T>>(class.as_ptr()) };
        let Some(instance) = NonNull::new(object) else { return Err(ErrorSet::by_interpreter()) };
        // SAFETY: fresh memory of that type, which nobody else knows.
        let head = unsafe { &raw mut (*instance.as_ptr()).head };
        // SAFETY: as above.
        unsafe { head.write(T::Head::EMPTY) };
        // SAFETY: as above.
        let place = unsafe { &raw mut (*instance.as_ptr()).value };
        // SAFETY: as above.
        unsafe { place.write(ManuallyDrop::new(value)) };
        // SAFETY: every field that the collector visits is set.
        unsafe { ffi::PyObject_GC_Track(object.cast()) };
        let object = owned(py, object.cast())?;
        // SAFETY: it holds a `T`.
        Ok(unsafe { object.cast_into_unchecked() })
    }
}

#[cold]
fn not_made() -> ErrorSet {
    new_error::<PyImportError>("vitok._native was not initialised").into()
}

/// `tp_dealloc`.
pub(super) unsafe extern "C" fn dealloc<T: ClassValue>(object: *mut ffi::PyObject) {
    // SAFETY: the interpreter passes an object of ours whose last reference is gone.
    if T::FINALIZE.is_some() && unsafe { ffi::PyObject_CallFinalizerFromDealloc(object) } < 0 {
        // Its finalizer brought it back to life.
        return;
    }
    // SAFETY: as above.
    unsafe { ffi::PyObject_GC_UnTrack(object.cast()) };
    let instance = object.cast::<Instance<T>>();
    // SAFETY: as above.
    if unsafe { &(*instance).head }.is_referred_to() {
        // SAFETY: as above; runs weak reference callbacks.
        unsafe { ffi::PyObject_ClearWeakRefs(object) };
    }
    // SAFETY: nobody refers to the object any more, so this is the only borrow.
    let fields = unsafe { &mut *instance };
    trampoline((), |py| fields.value.on_dealloc(py));
    fields.head.release();
    // SAFETY: the value is dropped once, here.
    unsafe { ManuallyDrop::drop(&mut fields.value) };
    let class = fields.header.ob_type;
    // SAFETY: memory that `PyObject_GC_New` gave.
    unsafe { ffi::PyObject_GC_Del(object.cast()) };
    // SAFETY: an instance of a heap type owns a reference to it.
    unsafe { ffi::Py_DECREF(class.cast()) };
}

/// `tp_traverse`.
pub(super) unsafe extern "C" fn traverse<T: ClassValue>(
    object: *mut ffi::PyObject,
    function: ffi::visitproc,
    argument: *mut c_void,
) -> c_int {
    let mut visit = Visit { function, argument, stopped: 0 };
    // SAFETY: the collector passes a live object of ours and lets nobody change it meanwhile.
    let fields = unsafe { &*object.cast::<Instance<T>>() };
    visit.raw(fields.header.ob_type.cast());
    fields.head.visit(&mut visit);
    fields.value.visit(&mut visit);
    visit.stopped
}

/// `tp_clear`.
pub(super) unsafe extern "C" fn clear<T: ClassValue>(object: *mut ffi::PyObject) -> c_int {
    trampoline(0, |py| {
        let instance = object.cast::<Instance<T>>();
        // SAFETY: the collector passes a live object of ours.
        unsafe { &(*instance).value }.clear(py);
        // SAFETY: as above; no other borrow of the head is alive.
        unsafe { &mut (*instance).head }.release();
        Ok(0)
    })
}

/// `tp_finalize`. An exception that is on its way stays; one that is raised here is printed, as `__del__`'s is.
pub(super) unsafe extern "C" fn finalize<T: ClassValue>(object: *mut ffi::PyObject) {
    trampoline((), |py| {
        let Some(body) = T::FINALIZE else { return Ok(()) };
        let pending = PyErr::take(py);
        // SAFETY: the interpreter passes a live object of ours.
        let this = unsafe { This::<T>::from_ptr(py, object) };
        if let Err(error) = body(this) {
            error.write_unraisable(py, Some(&this.object()));
        }
        if let Some(pending) = pending {
            pending.restore(py);
        }
        Ok(())
    });
}
