//! Classes of read-only mappings: what `collections.abc.Mapping` has, over two functions of a Rust value.
//!
//! The classes do not inherit from `Mapping`, whose metaclass makes no classes of slots, but are registered with it.
//! Their contents are not known here.

use std::ffi::{c_int, c_void};
use std::ptr::null_mut;

use pyo3::exceptions::{PyKeyError, PyTypeError, PyUnicodeEncodeError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyType};

use super::arguments::{named, one};
use super::at_import::AtImport;
use super::call::call_one;
use super::class::Definition;
use super::constants::{none, truth};
use super::error::new_error;
use super::heap_type::slot;
use super::instance::{Class, ClassValue};
use super::interned::Name;
use super::make;
use super::method::{Call, Method, fastcall, no_arguments};
use super::this::{Borrowed, This};
use super::trampoline::{ErrorSet, trampoline};
use crate::name;

/// A value that is read as a mapping.
pub(crate) trait Mapping: ClassValue {
    /// Returns the value of a key, if there is one. A key of another type is in no mapping.
    fn item<'py>(this: This<'py, Self>, key: Borrowed<'py>) -> Result<Option<Bound<'py, PyAny>>, ErrorSet>;

    /// Returns the keys, each once, in order.
    fn keys(this: This<'_, Self>) -> Result<Bound<'_, PyList>, ErrorSet>;

    /// Returns the number of keys.
    fn length(this: This<'_, Self>) -> Result<usize, ErrorSet>;
}

/// The views of `collections.abc`, which work for any mapping, and the class itself.
struct Views {
    mapping: Py<PyAny>,
    keys: Py<PyAny>,
    items: Py<PyAny>,
    values: Py<PyAny>,
}

static VIEWS: AtImport<Views> = AtImport::new();

/// Creates a class of mappings, with what all of them have added to the definition.
pub(crate) fn make_class<'py, T: Mapping>(
    module: &Bound<'py, PyModule>,
    class: &'static Class<T>,
    mut definition: Definition<'py, T>,
) -> PyResult<Bound<'py, PyType>> {
    let py = module.py();
    VIEWS.make(py, || {
        let module = py.import(name!("collections.abc"))?;
        let class = |name: &Name| Ok::<_, PyErr>(module.getattr(name)?.unbind());
        let [keys, items] = [class(name!("KeysView"))?, class(name!("ItemsView"))?];
        Ok::<_, PyErr>(Views {
            mapping: class(name!("Mapping"))?,
            keys,
            items,
            values: class(name!("ValuesView"))?,
        })
    })?;
    definition.methods.extend(methods::<T>());
    definition.more.flags |= ffi::Py_TPFLAGS_MAPPING;
    definition.more.slots.extend([
        slot(ffi::Py_mp_subscript, subscript::<T> as ffi::binaryfunc as *mut c_void),
        slot(ffi::Py_mp_length, length::<T> as ffi::lenfunc as *mut c_void),
        slot(ffi::Py_sq_contains, contains::<T> as ffi::objobjproc as *mut c_void),
        slot(ffi::Py_tp_iter, iterate::<T> as ffi::getiterfunc as *mut c_void),
        slot(ffi::Py_tp_richcompare, compare::<T> as ffi::richcmpfunc as *mut c_void),
        slot(ffi::Py_tp_hash, ffi::PyObject_HashNotImplemented as ffi::hashfunc as *mut c_void),
    ]);
    let made = definition.make(module, class)?;
    VIEWS.get(py)?.mapping.bind(py).call_method1(name!("register"), (&made,))?;
    Ok(made)
}

fn methods<T: Mapping>() -> Vec<Method<T>> {
    vec![
        Method::new(
            "get",
            fastcall(get::<T>),
            "($self, key, default=None, /)",
            "The value of the key, or the default.",
        ),
        Method::new("keys", no_arguments(keys::<T>), "($self)", "A view of the keys."),
        Method::new("items", no_arguments(items::<T>), "($self)", "A view of the pairs of key and value."),
        Method::new("values", no_arguments(values::<T>), "($self)", "A view of the values."),
    ]
}

fn get<'py, T: Mapping>(call: &Call<'py, T>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let (key, default) = match call.positional() {
        [key] if !call.has_keywords() => (*key, None),
        [key, default] if !call.has_keywords() => (*key, Some(*default)),
        _ => return odd_get(call),
    };
    let default = || default.map_or_else(|| none(call.py), |default| default.to_owned());
    Ok(T::item(call.this(), key)?.unwrap_or_else(default))
}

/// Takes a call of `get` with the name of its default, or refuses it.
#[cold]
fn odd_get<'py, T: Mapping>(call: &Call<'py, T>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let found = named(call, "get", &["key", "default"])?;
    let missing = "get() missing 1 required positional argument: 'key'";
    let key = found[0].ok_or_else(|| new_error::<PyTypeError>(missing))?;
    let default = found[1].map_or_else(|| none(call.py), |default| default.to_owned());
    Ok(T::item(call.this(), key)?.unwrap_or(default))
}

fn keys<T: Mapping>(this: This<'_, T>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    call_one(VIEWS.get(this.py())?.keys.bind_borrowed(this.py()), this.object())
}

fn items<T: Mapping>(this: This<'_, T>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    call_one(VIEWS.get(this.py())?.items.bind_borrowed(this.py()), this.object())
}

fn values<T: Mapping>(this: This<'_, T>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    call_one(VIEWS.get(this.py())?.values.bind_borrowed(this.py()), this.object())
}

/// Returns the mapping as a dict.
pub(crate) fn as_dict<T: Mapping>(this: This<'_, T>) -> Result<Bound<'_, PyDict>, ErrorSet> {
    let dict = make::dict(this.py())?;
    for key in T::keys(this)? {
        if let Some(value) = T::item(this, key.as_borrowed())? {
            dict.set_item(&key, value)?;
        }
    }
    Ok(dict)
}

/// Returns a key as text. None for an object that is no text, or has surrogates, as no text that has arrived has.
#[inline]
pub(crate) fn text_of(key: Borrowed<'_>) -> Result<Option<&str>, ErrorSet> {
    // SAFETY: a live object.
    if unsafe { ffi::PyUnicode_Check(key.as_ptr()) } == 0 {
        return Ok(None);
    }
    let mut length = 0;
    // SAFETY: a live string, which keeps its UTF-8.
    let start = unsafe { ffi::PyUnicode_AsUTF8AndSize(key.as_ptr(), &raw mut length) };
    if start.is_null() {
        let error = ErrorSet::by_interpreter().take(key.py());
        return if error.is_instance_of::<PyUnicodeEncodeError>(key.py()) {
            Ok(None)
        } else {
            Err(error.into())
        };
    }
    // SAFETY: as long as said, and alive and unchanged for as long as the string is borrowed.
    let bytes = unsafe { std::slice::from_raw_parts(start.cast::<u8>(), length.unsigned_abs()) };
    // SAFETY: UTF-8 by the interpreter's word.
    Ok(Some(unsafe { std::str::from_utf8_unchecked(bytes) }))
}

/// Returns the only argument of a method, a string. TypeError for another object.
pub(crate) fn name_argument<'py, T>(call: &Call<'py, T>, method: &str) -> Result<&'py str, ErrorSet> {
    let name = one(call, method, "name")?;
    text_of(name)?.ok_or_else(|| new_error::<PyTypeError>(format!("{method}() takes a str")).into())
}

/// Implements `mp_subscript`.
unsafe extern "C" fn subscript<T: Mapping>(
    object: *mut ffi::PyObject,
    key: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this, so the thread is attached.
    let py = unsafe { Python::assume_attached() };
    trampoline(py, null_mut(), || {
        // SAFETY: the interpreter passes a live object of ours.
        let this = unsafe { This::<T>::from_ptr(py, object) };
        // SAFETY: the interpreter passes a live object.
        let key = unsafe { Borrowed::from_ptr(py, key) };
        match T::item(this, key)? {
            Some(value) => Ok(value.into_ptr()),
            None => Err(missing(key)?),
        }
    })
}

/// Raises KeyError with the key.
#[cold]
fn missing(key: Borrowed<'_>) -> Result<ErrorSet, ErrorSet> {
    let py = key.py();
    // A key that is a tuple would be taken for the arguments.
    let arguments = make::tuple(py, [key.to_owned()])?;
    let error = py.get_type::<PyKeyError>().call1(arguments)?;
    Ok(PyErr::from_value(error).into())
}

/// Implements `mp_length`.
unsafe extern "C" fn length<T: Mapping>(object: *mut ffi::PyObject) -> ffi::Py_ssize_t {
    // SAFETY: the interpreter calls this, so the thread is attached.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: the interpreter passes a live object of ours.
    let this = unsafe { This::<T>::from_ptr(py, object) };
    trampoline(py, -1, || Ok(T::length(this)?.cast_signed()))
}

/// Implements `sq_contains`.
unsafe extern "C" fn contains<T: Mapping>(object: *mut ffi::PyObject, key: *mut ffi::PyObject) -> c_int {
    // SAFETY: the interpreter calls this, so the thread is attached.
    let py = unsafe { Python::assume_attached() };
    trampoline(py, -1, || {
        // SAFETY: the interpreter passes a live object of ours.
        let this = unsafe { This::<T>::from_ptr(py, object) };
        // SAFETY: the interpreter passes a live object.
        let key = unsafe { Borrowed::from_ptr(py, key) };
        Ok(T::item(this, key)?.is_some().into())
    })
}

/// Implements `tp_iter`: goes through the keys as they are now.
unsafe extern "C" fn iterate<T: Mapping>(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this, so the thread is attached.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: the interpreter passes a live object of ours.
    let this = unsafe { This::<T>::from_ptr(py, object) };
    trampoline(py, null_mut(), || Ok(T::keys(this)?.try_iter()?.into_ptr()))
}

/// Implements `tp_richcompare`: equal to any mapping with the same items, as `Mapping.__eq__`.
unsafe extern "C" fn compare<T: Mapping>(
    object: *mut ffi::PyObject,
    other: *mut ffi::PyObject,
    operator: c_int,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this, so the thread is attached.
    let py = unsafe { Python::assume_attached() };
    trampoline(py, null_mut(), || {
        // SAFETY: the interpreter passes live objects, the first of which is ours.
        let this = unsafe { This::<T>::from_ptr(py, object) };
        // SAFETY: as above.
        let other = unsafe { Borrowed::from_ptr(py, other) };
        let is_known = matches!(operator, ffi::Py_EQ | ffi::Py_NE);
        if !is_known || !other.is_instance(VIEWS.get(py)?.mapping.bind(py))? {
            return Ok(py.NotImplemented().into_ptr());
        }
        let other = py.get_type::<PyDict>().call1((other,))?;
        let is_equal = as_dict(this)?.eq(other)?;
        Ok(truth(py, is_equal == (operator == ffi::Py_EQ)).into_ptr())
    })
}
