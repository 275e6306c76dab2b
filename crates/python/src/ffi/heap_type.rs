//! Creates classes from C slots, and their objects: the interpreter's requirements of every class, in one place.
//!
//! The purpose of the classes is not known here. Parts of a specification that a class keeps are leaked: classes live
//! as long as the process.

use std::ffi::{CString, c_int, c_ulong, c_void};
use std::ptr::null_mut;
#[cfg(Py_GIL_DISABLED)]
use std::sync::atomic::Ordering;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};
use pyo3::{PyTypeInfo, ffi};

use super::error::new_error;
use super::getter::Getter;
use super::immortal::make_immortal;
use super::interned::Name;
use super::method::Method;
use super::trampoline::{owned, trampoline};

/// The specification of a class.
pub(super) struct Specification<'a, 'py> {
    /// Its name within `vitok._native`.
    pub(super) name: &'static str,
    pub(super) object_size: usize,
    /// Flags beyond those of every class here: the default ones, no instances made by Python code, and no attributes
    /// set on the class.
    pub(super) flags: c_ulong,
    /// The slots, without the empty one at the end.
    pub(super) slots: Vec<ffi::PyType_Slot>,
    pub(super) bases: Option<&'a Bound<'py, PyTuple>>,
}

/// Creates a class, which need not belong to a module.
pub(super) fn make_type<'py>(
    py: Python<'py>,
    module: Option<&Bound<'py, PyModule>>,
    specification: Specification<'_, '_>,
) -> PyResult<Bound<'py, PyType>> {
    let Specification { name, object_size, flags, mut slots, bases } = specification;
    slots.push(slot(ffi::Py_tp_alloc, refuse_allocation as ffi::allocfunc as *mut c_void));
    slots.push(slot(0, null_mut()));
    let flags = ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION | flags;
    let mut spec = ffi::PyType_Spec {
        name: CString::new(format!("vitok._native.{name}"))?.into_raw(),
        basicsize: c_int::try_from(object_size)?,
        itemsize: 0,
        flags: u32::try_from(flags)?,
        slots: slots.as_mut_ptr(),
    };
    let module = module.map_or(null_mut(), Bound::as_ptr);
    let bases = bases.map_or(null_mut(), Bound::as_ptr);
    // SAFETY: the specification and its tables are complete; what the type keeps of them is leaked.
    let created = unsafe { ffi::PyType_FromModuleAndSpec(module, &raw mut spec, bases) };
    // SAFETY: a new reference, or null.
    let created = unsafe { owned(py, created) }.map_err(|raised| raised.take(py))?.cast_into::<PyType>()?;
    make_immutable(&created);
    // SAFETY: nobody else has the class yet, which lives as long as the process.
    unsafe { make_immortal(&created) };
    Ok(created)
}

/// Implements `tp_alloc`: an object that is not made by `new_object` has no value. A program that gives asyncio's base
/// class a `__new__` of its own would get here.
unsafe extern "C" fn refuse_allocation(
    _class: *mut ffi::PyTypeObject,
    _items: ffi::Py_ssize_t,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this, so the thread is attached.
    let py = unsafe { Python::assume_attached() };
    trampoline(py, null_mut(), || {
        Err(new_error::<PyTypeError>("objects of this class are made by its loop only").into())
    })
}

/// Refuses every later change of a class. A `__new__` set on a class of this module would make objects without a value,
/// and the class is shared by the whole process. It is done afterwards, because from 3.14 on no class of a
/// specification may be immutable while a base of it is not, and asyncio's are Python classes.
pub(super) fn make_immutable(class: &Bound<'_, PyType>) {
    set_flag(class, ffi::Py_TPFLAGS_IMMUTABLETYPE, true);
}

/// Sets a constant on a class, which all other code is refused. The module does this while it is imported: another
/// thread that has the class already could change it meanwhile, but the constant and the end stay the same.
pub(super) fn add_constant(class: &Bound<'_, PyType>, name: &Name, value: &Bound<'_, PyAny>) -> PyResult<()> {
    set_flag(class, ffi::Py_TPFLAGS_IMMUTABLETYPE, false);
    let added = class.setattr(name, value);
    make_immutable(class);
    added
}

/// Sets or clears one flag of a class.
#[cfg(not(Py_GIL_DISABLED))]
fn set_flag(class: &Bound<'_, PyType>, flag: c_ulong, on: bool) {
    // SAFETY: a live type; other threads wait for the GIL.
    let flags = unsafe { &mut (*class.as_type_ptr()).tp_flags };
    if on {
        *flags |= flag;
    } else {
        *flags &= !flag;
    }
}

/// Sets or clears one flag of a class.
#[cfg(Py_GIL_DISABLED)]
fn set_flag(class: &Bound<'_, PyType>, flag: c_ulong, on: bool) {
    // SAFETY: a live type, whose flags every thread changes by atomic operations.
    let flags = unsafe { &(*class.as_type_ptr()).tp_flags };
    if on {
        flags.fetch_or(flag, Ordering::SeqCst);
    } else {
        flags.fetch_and(!flag, Ordering::SeqCst);
    }
}

pub(super) fn slot(number: c_int, value: *mut c_void) -> ffi::PyType_Slot {
    ffi::PyType_Slot { slot: number, pfunc: value }
}

/// Returns a docstring in the form that the interpreter keeps.
pub(super) fn text(text: &str) -> PyResult<*mut c_void> {
    Ok(CString::new(text)?.into_raw().cast())
}

pub(super) fn method_table<T>(methods: Vec<Method<T>>) -> PyResult<*mut c_void> {
    let mut table = Vec::with_capacity(methods.len() + 1);
    for method in methods {
        table.push(*method.leak()?);
    }
    Ok(leaked(table, ffi::PyMethodDef::zeroed()))
}

/// Leaks a table in the form that the interpreter reads, with an empty row at its end.
pub(super) fn leaked<T>(mut table: Vec<T>, end: T) -> *mut c_void {
    table.push(end);
    table.leak().as_mut_ptr().cast()
}

/// Computed attributes, as rows of a table.
pub(super) fn getter_rows<T>(getters: Vec<Getter<T>>) -> PyResult<Vec<ffi::PyGetSetDef>> {
    let row = |getter: Getter<T>| {
        let name = CString::new(getter.name)?.into_raw();
        let (get, set) = (Some(getter.read), getter.write);
        Ok(ffi::PyGetSetDef { name, get, set, doc: std::ptr::null(), closure: null_mut() })
    };
    getters.into_iter().map(row).collect()
}

/// Adds vectorcall methods to the class `T`, until that is [finished](finish).
pub(crate) fn add_methods<T: PyTypeInfo>(py: Python<'_>, methods: Vec<Method<T>>) -> PyResult<()> {
    let class = T::type_object(py);
    for method in methods {
        let name = method.name;
        let definition = method.leak()?;
        // SAFETY: the definition is leaked, so it outlives the type; the receiver's class is checked by the descriptor.
        let descriptor = unsafe { ffi::PyDescr_NewMethod(class.as_type_ptr(), definition) };
        // SAFETY: a new reference, or null.
        let descriptor = unsafe { owned(py, descriptor) }.map_err(|raised| raised.take(py))?;
        class.setattr(name, descriptor)?;
    }
    Ok(())
}

/// Makes the class `T` immutable once it has all of its methods.
pub(crate) fn finish<T: PyTypeInfo>(py: Python<'_>) {
    make_immutable(&T::type_object(py));
}
