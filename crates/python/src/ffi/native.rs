//! Objects with a Rust value inside, of a class that inherits from one of Python's: transports.
//!
//! PyO3 lets a class inherit only from what it knows. asyncio's transport classes are ordinary Python classes with
//! slots, so the object has room for those, for a dict and for weak references, and the value behind them.
//! The interpreter's own release of such objects is not inherited: it would call ours again; so everything is released
//! here. It knows nothing of what the values are.

use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, offset_of};
use std::ptr::null_mut;

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};

use super::class::Getter;
use super::error::new_error;
use super::heap_type::{
    Specification, add_constant, add_type, getter_rows, new_object, place, slot, surface,
};
use super::make;
use super::method::{Argument, Method};
use super::name::Name;
use super::object::Object;
use super::trampoline::{ErrorSet, trampoline};

/// A value that lives inside a Python object. It is reached through shared references only.
pub(crate) trait Native: Sized + 'static {
    /// Shows the collector every object that the value holds.
    fn visit(&self, visit: &mut Visit);

    /// Lets go of what may be part of a cycle.
    fn clear(&self, py: Python<'_>);

    /// `__del__`: called once, before the object goes.
    fn finalize(object: Argument<'_>) -> PyResult<()>;
}

/// The collector's function, to be shown objects.
pub(crate) struct Visit {
    pub(super) function: ffi::visitproc,
    pub(super) argument: *mut c_void,
    pub(super) stopped: c_int,
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

    pub(super) fn raw(&mut self, object: *mut ffi::PyObject) {
        if self.stopped == 0 && !object.is_null() {
            // SAFETY: the collector's own function, called as it asks to be, with a live object.
            self.stopped = unsafe { (self.function)(object, self.argument) };
        }
    }
}

/// Slots of `asyncio.transports._FlowControlMixin`, the largest of asyncio's classes that a transport inherits from.
const BASE_SLOTS: usize = 5;

#[repr(C)]
struct NativeObject<T> {
    head: ffi::PyObject,
    /// The slots of asyncio's class; properties of our classes hide them, so they stay null.
    base_slots: [*mut ffi::PyObject; BASE_SLOTS],
    dict: *mut ffi::PyObject,
    weak_references: *mut ffi::PyObject,
    value: ManuallyDrop<T>,
}

/// What a class with native values consists of.
pub(crate) struct NativeClass<'py> {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    pub(crate) base: Bound<'py, PyType>,
    pub(crate) methods: Vec<Method>,
    pub(crate) getters: Vec<Getter>,
    pub(crate) represent: ffi::reprfunc,
}

/// A class whose instances hold a `T`. It lives as long as the process.
pub(crate) struct NativeType<T> {
    class: *mut ffi::PyTypeObject,
    value: PhantomData<fn() -> T>,
}

impl<T> Clone for NativeType<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for NativeType<T> {}

// SAFETY: type objects are immortal here (the module's state holds them).
unsafe impl<T> Send for NativeType<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for NativeType<T> {}

impl<T: Native> NativeType<T> {
    /// Makes the class and puts it into the module.
    pub(crate) fn make(module: &Bound<'_, PyModule>, class: NativeClass<'_>) -> PyResult<Self> {
        let bases = make::tuple(module.py(), [class.base.clone().into_any()])?;
        Self::make_with(module, class, &bases)
    }

    /// Makes a class with several bases. `class.base` is the first of them and has every slot that the others have.
    pub(crate) fn make_with(
        module: &Bound<'_, PyModule>,
        class: NativeClass<'_>,
        bases: &Bound<'_, PyTuple>,
    ) -> PyResult<Self> {
        let base = class.base.as_type_ptr();
        // SAFETY: a live type object.
        let base_size = unsafe { (*base).tp_basicsize }.unsigned_abs();
        if base_size > offset_of!(NativeObject<T>, dict) {
            let text =
                format!("this Python's asyncio.{} has more slots than vitok knows of", class.base.name()?);
            return Err(new_error::<PyImportError>(text));
        }
        let mut slots = vec![
            slot(ffi::Py_tp_dealloc, release::<T> as ffi::destructor as *mut c_void),
            slot(ffi::Py_tp_traverse, traverse::<T> as ffi::traverseproc as *mut c_void),
            slot(ffi::Py_tp_clear, clear::<T> as ffi::inquiry as *mut c_void),
            slot(ffi::Py_tp_finalize, finalize::<T> as ffi::destructor as *mut c_void),
        ];
        let mut getters = getter_rows(class.getters)?;
        getters.insert(0, dict_getter());
        let members = vec![
            place(c"__dictoffset__", offset_of!(NativeObject<T>, dict)),
            place(c"__weaklistoffset__", offset_of!(NativeObject<T>, weak_references)),
        ];
        slots.extend(surface(class.doc, class.represent, class.methods, getters, members)?);
        let specification = Specification {
            name: class.name,
            object_size: size_of::<NativeObject<T>>(),
            flags: ffi::Py_TPFLAGS_HAVE_GC,
            slots,
            bases: Some(bases),
        };
        Ok(Self { class: add_type(module, specification)?, value: PhantomData })
    }

    /// A new object with `value` inside.
    pub(crate) fn instance<'py>(self, py: Python<'py>, value: T) -> Result<Bound<'py, PyAny>, ErrorSet> {
        let fill = |fields: &mut NativeObject<T>| {
            fields.base_slots = [null_mut(); BASE_SLOTS];
            fields.dict = null_mut();
            fields.weak_references = null_mut();
            fields.value = ManuallyDrop::new(value);
        };
        // SAFETY: a complete type of ours, every field of whose objects is set here.
        unsafe { new_object(py, self.class, fill) }
    }

    /// Puts a constant on the class.
    pub(crate) fn add_constant(self, name: &Name, value: &Bound<'_, PyAny>) -> PyResult<()> {
        add_constant(self.class(value.py()).cast::<PyType>()?, name, value)
    }

    /// The class itself.
    pub(crate) fn class<'py>(self, py: Python<'py>) -> Bound<'py, PyAny> {
        // SAFETY: the type lives as long as the process.
        unsafe { Bound::from_borrowed_ptr(py, self.class.cast()) }
    }
}

/// The value inside an object whose class is known to be `T`'s: the receiver of one of its methods, or an object that this
/// class has made.
#[inline(always)]
pub(crate) fn value_of<'py, T: Native>(object: Argument<'py>) -> &'py T {
    // SAFETY: the caller knows the class; the object is alive for 'py, for the caller holds a reference.
    unsafe { &(*object.as_ptr().cast::<NativeObject<T>>()).value }
}

fn dict_getter() -> ffi::PyGetSetDef {
    ffi::PyGetSetDef {
        name: c"__dict__".as_ptr(),
        get: Some(ffi::PyObject_GenericGetDict),
        set: Some(ffi::PyObject_GenericSetDict),
        doc: std::ptr::null(),
        closure: null_mut(),
    }
}

/// `tp_dealloc`.
unsafe extern "C" fn release<T: Native>(object: *mut ffi::PyObject) {
    // SAFETY: the interpreter passes an object of ours whose last reference is gone.
    if unsafe { ffi::PyObject_CallFinalizerFromDealloc(object) } < 0 {
        // Its finalizer brought it back to life.
        return;
    }
    // SAFETY: as above.
    unsafe { ffi::PyObject_GC_UnTrack(object.cast()) };
    let native = object.cast::<NativeObject<T>>();
    // SAFETY: as above.
    if unsafe { !(*native).weak_references.is_null() } {
        // SAFETY: as above; runs weak reference callbacks.
        unsafe { ffi::PyObject_ClearWeakRefs(object) };
    }
    // SAFETY: nobody refers to the object any more, so this is the only borrow.
    let fields = unsafe { &mut *native };
    // SAFETY: the field owned one reference, or was null.
    unsafe { ffi::Py_XDECREF(fields.dict) };
    for slot in fields.base_slots {
        // SAFETY: as above.
        unsafe { ffi::Py_XDECREF(slot) };
    }
    // SAFETY: the value is dropped once, here.
    unsafe { ManuallyDrop::drop(&mut fields.value) };
    let class = fields.head.ob_type;
    // SAFETY: memory that `PyObject_GC_New` gave.
    unsafe { ffi::PyObject_GC_Del(object.cast()) };
    // SAFETY: an instance of a heap type owns a reference to it.
    unsafe { ffi::Py_DECREF(class.cast()) };
}

/// `tp_traverse`.
unsafe extern "C" fn traverse<T: Native>(
    object: *mut ffi::PyObject,
    function: ffi::visitproc,
    argument: *mut c_void,
) -> c_int {
    let mut visit = Visit { function, argument, stopped: 0 };
    // SAFETY: the collector passes a live object of ours and lets nobody change it meanwhile.
    let fields = unsafe { &*object.cast::<NativeObject<T>>() };
    visit.raw(fields.head.ob_type.cast());
    visit.raw(fields.dict);
    fields.base_slots.into_iter().for_each(|slot| visit.raw(slot));
    fields.value.visit(&mut visit);
    visit.stopped
}

/// `tp_clear`.
unsafe extern "C" fn clear<T: Native>(object: *mut ffi::PyObject) -> c_int {
    trampoline(0, |py| {
        // SAFETY: the collector passes a live object of ours.
        let fields = unsafe { &mut *object.cast::<NativeObject<T>>() };
        let dict = std::mem::replace(&mut fields.dict, null_mut());
        let slots = std::mem::replace(&mut fields.base_slots, [null_mut(); BASE_SLOTS]);
        fields.value.clear(py);
        // SAFETY: the field owned one reference, or was null.
        unsafe { ffi::Py_XDECREF(dict) };
        for slot in slots {
            // SAFETY: as above.
            unsafe { ffi::Py_XDECREF(slot) };
        }
        Ok(0)
    })
}

/// `tp_finalize`. An exception that is on its way stays; one that is raised here is printed, as `__del__`'s is.
unsafe extern "C" fn finalize<T: Native>(object: *mut ffi::PyObject) {
    trampoline((), |py| {
        let pending = PyErr::take(py);
        // SAFETY: the interpreter passes a live object of ours.
        let receiver = unsafe { Borrowed::<PyAny>::from_ptr(py, object) };
        if let Err(error) = T::finalize(receiver) {
            error.write_unraisable(py, Some(&receiver));
        }
        if let Some(pending) = pending {
            pending.restore(py);
        }
        Ok(())
    });
}
