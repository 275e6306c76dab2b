//! Small collected objects with a Rust value inside and methods, of classes that inherit from nothing.
//!
//! A PyO3 class would do but for its cost where one is made for each request. It knows nothing of what the values are.

use std::ffi::{CString, c_int, c_void};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;

use pyo3::ffi;
use pyo3::prelude::*;

use super::heap_type::{Specification, add_type, method_table, new_object, slot};
use super::method::{Argument, Method};
use super::native::Visit;
use super::trampoline::{ErrorSet, trampoline};

/// A value that lives inside a Python object. It is reached through shared references only.
pub(crate) trait Record: Sized + 'static {
    /// Shows the collector every object that the value holds.
    fn visit(&self, visit: &mut Visit);

    /// Lets go of what may be part of a cycle.
    fn clear(&self, py: Python<'_>);
}

#[repr(C)]
struct RecordObject<T> {
    head: ffi::PyObject,
    value: ManuallyDrop<T>,
}

/// A class whose instances hold a `T`. It lives as long as the process.
pub(crate) struct RecordType<T> {
    class: *mut ffi::PyTypeObject,
    value: PhantomData<fn() -> T>,
}

// SAFETY: type objects are immortal here (the module's state holds them).
unsafe impl<T> Send for RecordType<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for RecordType<T> {}

impl<T: Record> RecordType<T> {
    /// Makes the class and puts it into the module.
    pub(crate) fn make(
        module: &Bound<'_, PyModule>,
        name: &'static str,
        doc: &'static str,
        methods: Vec<Method>,
    ) -> PyResult<Self> {
        let slots = vec![
            slot(ffi::Py_tp_dealloc, release::<T> as ffi::destructor as *mut c_void),
            slot(ffi::Py_tp_traverse, traverse::<T> as ffi::traverseproc as *mut c_void),
            slot(ffi::Py_tp_clear, clear::<T> as ffi::inquiry as *mut c_void),
            slot(ffi::Py_tp_doc, CString::new(doc)?.into_raw().cast()),
            slot(ffi::Py_tp_methods, method_table(methods)?),
        ];
        let specification = Specification {
            name,
            object_size: size_of::<RecordObject<T>>(),
            flags: ffi::Py_TPFLAGS_HAVE_GC,
            slots,
            bases: None,
        };
        Ok(Self { class: add_type(module, specification)?, value: PhantomData })
    }

    /// A new object with `value` inside.
    #[inline(always)]
    pub(crate) fn instance<'py>(&self, py: Python<'py>, value: T) -> Result<Bound<'py, PyAny>, ErrorSet> {
        let fill = |fields: &mut RecordObject<T>| fields.value = ManuallyDrop::new(value);
        // SAFETY: a complete type of ours, every field of whose objects is set here.
        unsafe { new_object(py, self.class, fill) }
    }
}

/// The value inside an object whose class is known to be `T`'s.
#[inline(always)]
pub(crate) fn value_of<'py, T: Record>(object: Argument<'py>) -> &'py T {
    // SAFETY: the caller knows the class; the object is alive for 'py, for the caller holds a reference.
    unsafe { &(*object.as_ptr().cast::<RecordObject<T>>()).value }
}

/// `tp_dealloc`.
unsafe extern "C" fn release<T: Record>(object: *mut ffi::PyObject) {
    // SAFETY: the interpreter passes an object of ours whose last reference is gone.
    unsafe { ffi::PyObject_GC_UnTrack(object.cast()) };
    // SAFETY: nobody refers to the object any more, so this is the only borrow.
    let fields = unsafe { &mut *object.cast::<RecordObject<T>>() };
    // SAFETY: the value is dropped once, here.
    unsafe { ManuallyDrop::drop(&mut fields.value) };
    let class = fields.head.ob_type;
    // SAFETY: memory that `PyObject_GC_New` gave.
    unsafe { ffi::PyObject_GC_Del(object.cast()) };
    // SAFETY: an instance of a heap type owns a reference to it.
    unsafe { ffi::Py_DECREF(class.cast()) };
}

/// `tp_traverse`.
unsafe extern "C" fn traverse<T: Record>(
    object: *mut ffi::PyObject,
    function: ffi::visitproc,
    argument: *mut c_void,
) -> c_int {
    let mut visit = Visit { function, argument, stopped: 0 };
    // SAFETY: the collector passes a live object of ours and lets nobody change it meanwhile.
    let fields = unsafe { &*object.cast::<RecordObject<T>>() };
    visit.raw(fields.head.ob_type.cast());
    fields.value.visit(&mut visit);
    visit.stopped
}

/// `tp_clear`.
unsafe extern "C" fn clear<T: Record>(object: *mut ffi::PyObject) -> c_int {
    trampoline(0, |py| {
        // SAFETY: the collector passes a live object of ours.
        let fields = unsafe { &*object.cast::<RecordObject<T>>() };
        fields.value.clear(py);
        Ok(0)
    })
}
