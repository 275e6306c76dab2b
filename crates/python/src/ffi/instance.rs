//! The objects of the classes here: a head that belongs to the interpreter, a Rust value, and the one set of functions
//! by which such an object is freed, visited by the garbage collector and cleared.
//!
//! PyO3's classes cost a borrow flag for each call, inherit from nothing that Python code has made, and have no free
//! list. The interpreter's own `tp_dealloc` of a subclass is not inherited: it would call this one again. The values
//! are not known here.

use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, offset_of};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;

use super::error::new_error;
use super::free_list::FreeList;
pub(crate) use super::head::{Head, Plain, Subclass, Visit, Weak};
use super::immortal::make_immortal;
use super::this::{Borrowed, Held, Layout, This};
use super::trampoline::{ErrorSet, owned, trampoline};

/// A value in the objects of a class of this crate. It is reached through shared references only.
pub(crate) trait ClassValue: Sized + Sync + 'static {
    /// The further fields of its objects.
    type Head: Head;

    /// `__del__`: called once, before an object is freed.
    const FINALIZE: Option<fn(This<'_, Self>) -> PyResult<()>> = None;

    /// The classes whose objects hold such values: statics.
    fn classes() -> &'static [Class<Self>];

    /// Returns the class, if there is only one.
    #[inline(always)]
    fn class() -> &'static Class<Self> {
        &Self::classes()[0]
    }

    /// Visits every object that the value holds.
    fn visit(&self, visit: &mut Visit);

    /// Releases objects that may be part of a cycle.
    fn clear(&self, py: Python<'_>);

    /// Called when the last reference is gone, before the value is dropped.
    #[inline(always)]
    fn on_dealloc(&self, _py: Python<'_>) -> Result<(), ErrorSet> {
        Ok(())
    }

    /// Returns whether the collector tracks the object.
    #[inline(always)]
    fn is_tracked(&self) -> bool {
        true
    }

    /// Returns where the memory of released objects is kept for new ones, if it is.
    #[inline(always)]
    fn spare() -> Option<&'static FreeList<Self>> {
        None
    }

    /// Releases the value, the references and the memory of an object.
    ///
    /// # Safety
    /// No reference to the object exists, and the collector does not track it.
    #[inline(always)]
    unsafe fn deallocate(py: Python<'_>, object: NonNull<Instance<Self>>) {
        // SAFETY: the caller's duty: this is the only borrow.
        let fields = unsafe { &mut *object.as_ptr() };
        fields.head.release();
        // SAFETY: the value is dropped once, here.
        unsafe { ManuallyDrop::drop(&mut fields.value) };
        if let Some(spare) = Self::spare()
            // SAFETY: released just now.
            && unsafe { spare.keep(py, object.cast()) }
        {
            return;
        }
        let class = fields.header.ob_type;
        // SAFETY: memory that `PyObject_GC_New` gave.
        unsafe { ffi::PyObject_GC_Del(object.as_ptr().cast()) };
        // SAFETY: an instance of a heap type owns a reference to it.
        unsafe { ffi::Py_DECREF(class.cast()) };
    }
}

/// Implements [`ClassValue::classes`] for values of one class.
macro_rules! one_class {
    ($value:ty) => {
        fn classes() -> &'static [$crate::ffi::instance::Class<Self>] {
            static CLASS: [$crate::ffi::instance::Class<$value>; 1] = [$crate::ffi::instance::Class::new()];
            &CLASS
        }
    };
}
pub(crate) use one_class;

impl<T: ClassValue> Held for T {
    type Layout = Instance<T>;
}

/// An object.
#[repr(C)]
pub(crate) struct Instance<T: ClassValue> {
    header: ffi::PyObject,
    head: T::Head,
    value: ManuallyDrop<T>,
}

impl<T: ClassValue> Instance<T> {
    /// The offset of the head.
    pub(super) const HEAD: usize = offset_of!(Self, head);

    /// The offset of the value.
    pub(super) const VALUE: usize = offset_of!(Self, value);

    /// Returns the value of a live object.
    ///
    /// # Safety
    /// The object lives for `'a`, and its value is set.
    #[inline(always)]
    pub(super) unsafe fn value_of<'a>(object: NonNull<Self>) -> &'a T {
        // SAFETY: the caller's duty.
        unsafe { &(*object.as_ptr()).value }
    }

    /// Empties the head of an object that is created in the memory of another.
    ///
    /// # Safety
    /// No other code can reach the object, and the references of its head are released.
    #[inline(always)]
    pub(super) unsafe fn reset_head(object: NonNull<Self>) {
        // SAFETY: the caller's duty.
        let head = unsafe { &raw mut (*object.as_ptr()).head };
        // SAFETY: as above.
        unsafe { head.write(T::Head::empty()) };
    }
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

/// A class whose objects hold a `T`, once it is created. It lives as long as the process.
pub(crate) struct Class<T> {
    class: AtomicPtr<ffi::PyTypeObject>,
    value: PhantomData<fn() -> T>,
}

impl<T: ClassValue> Class<T> {
    pub(crate) const fn new() -> Self {
        Self { class: AtomicPtr::new(null_mut()), value: PhantomData }
    }

    /// Sets the class.
    ///
    /// # Safety
    /// It is complete, lives as long as the process, and its objects have the layout of [`Instance<T>`].
    pub(super) unsafe fn set(&self, class: *mut ffi::PyTypeObject) {
        self.class.store(class, Ordering::Relaxed);
    }

    /// Returns memory for an object. Only the object header is set.
    #[inline(always)]
    pub(super) fn allocate(&self) -> Result<NonNull<Instance<T>>, ErrorSet> {
        let class = NonNull::new(self.class.load(Ordering::Relaxed)).ok_or_else(not_made)?;
        // SAFETY: a complete type of the collected kind, whose objects are such instances.
        NonNull::new(unsafe { ffi::PyObject_GC_New(class.as_ptr()) }).ok_or_else(ErrorSet::by_interpreter)
    }

    /// Creates an object that lives as long as the process, to which references are not counted.
    pub(crate) fn immortal<'py>(&self, py: Python<'py>, value: T) -> Result<Bound<'py, T>, ErrorSet> {
        let made = self.instance(py, value)?;
        // SAFETY: made just now.
        unsafe { make_immortal(&made) };
        Ok(made)
    }

    /// Creates an object.
    #[inline(always)]
    pub(crate) fn instance<'py>(&self, py: Python<'py>, value: T) -> Result<Bound<'py, T>, ErrorSet> {
        let instance = match T::spare().and_then(|spare| spare.take(py)) {
            Some(instance) => instance.cast(),
            None => self.allocate()?,
        };
        // SAFETY: memory of that type, which no other code has.
        unsafe { Instance::reset_head(instance) };
        // SAFETY: as above.
        let place = unsafe { &raw mut (*instance.as_ptr()).value };
        // SAFETY: as above.
        unsafe { place.write(ManuallyDrop::new(value)) };
        // SAFETY: every field that the collector visits is set.
        unsafe { ffi::PyObject_GC_Track(instance.as_ptr().cast()) };
        // SAFETY: a new reference, or null.
        let object = unsafe { owned(py, instance.as_ptr().cast()) }?;
        // SAFETY: it holds a `T`.
        Ok(unsafe { object.cast_into_unchecked() })
    }
}

#[cold]
fn not_made() -> ErrorSet {
    new_error::<PyImportError>("vitok._native was not initialised").into()
}

/// Implements `tp_dealloc`.
pub(super) unsafe extern "C" fn dealloc<T: ClassValue>(object: *mut ffi::PyObject) {
    // SAFETY: the interpreter passes an object of ours whose last reference is gone.
    if T::FINALIZE.is_some() && unsafe { ffi::PyObject_CallFinalizerFromDealloc(object) } < 0 {
        // Its finalizer made a new reference.
        return;
    }
    let instance = object.cast::<Instance<T>>();
    // SAFETY: as above; no other code uses the object.
    let fields = unsafe { &*instance };
    if fields.value.is_tracked() {
        // SAFETY: this is a live object of a class with the GC flag.
        unsafe { ffi::PyObject_GC_UnTrack(object.cast()) };
    }
    if fields.head.is_referred_to() {
        // SAFETY: as above; runs weak reference callbacks.
        unsafe { ffi::PyObject_ClearWeakRefs(object) };
    }
    // SAFETY: the interpreter calls this, so the thread is attached.
    let py = unsafe { Python::assume_attached() };
    trampoline(py, (), || fields.value.on_dealloc(py));
    // SAFETY: objects are deallocated by attached threads.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: the address of a live object is not null.
    let instance = unsafe { NonNull::new_unchecked(instance) };
    // SAFETY: no reference to the object exists, and the collector does not track it any more.
    unsafe { T::deallocate(py, instance) };
}

/// Implements `tp_traverse`.
pub(super) unsafe extern "C" fn traverse<T: ClassValue>(
    object: *mut ffi::PyObject,
    function: ffi::visitproc,
    argument: *mut c_void,
) -> c_int {
    // SAFETY: the collector passes its own function.
    let mut visit = unsafe { Visit::new(function, argument) };
    // SAFETY: the collector passes a live object of this class, which does not change meanwhile.
    let fields = unsafe { &*object.cast::<Instance<T>>() };
    visit.raw(fields.header.ob_type.cast());
    fields.head.visit(&mut visit);
    fields.value.visit(&mut visit);
    visit.outcome()
}

/// Implements `tp_clear`.
pub(super) unsafe extern "C" fn clear<T: ClassValue>(object: *mut ffi::PyObject) -> c_int {
    // SAFETY: the interpreter calls this, so the thread is attached.
    let py = unsafe { Python::assume_attached() };
    trampoline(py, 0, || {
        let instance = object.cast::<Instance<T>>();
        // SAFETY: the collector passes a live object of ours.
        unsafe { &(*instance).value }.clear(py);
        // SAFETY: as above.
        unsafe { &(*instance).head }.clear();
        Ok(0)
    })
}

/// Implements `tp_finalize`. An exception that is being raised is kept; one that is raised here is printed, as that of
/// `__del__`.
pub(super) unsafe extern "C" fn finalize<T: ClassValue>(object: *mut ffi::PyObject) {
    // SAFETY: the interpreter calls this, so the thread is attached.
    let py = unsafe { Python::assume_attached() };
    trampoline(py, (), || {
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
