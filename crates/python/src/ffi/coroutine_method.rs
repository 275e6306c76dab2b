//! Methods that create native coroutines, in place of functions made by `async def`, most of them inherited ones.
//!
//! For the interpreter such a method is a vectorcall method; for inspection it is the function that it replaces:
//! `inspect` gets name, signature and the mark of a coroutine function from that. A call that is not the plain case
//! goes to that function unchanged.

use std::ffi::{CStr, c_void};
use std::marker::PhantomData;
use std::mem::offset_of;
use std::ptr::null_mut;

use pyo3::prelude::*;
use pyo3::{PyTypeInfo, ffi};

use super::arguments::Call;
use super::class::{Definition, More};
use super::getter::repr;
use super::head::member;
use super::heap_type::slot;
use super::instance::{ClassValue, Instance, Plain, Visit, one_class};
use super::make;
use super::method::{enter_with, function};
use super::object::Object;
use super::this::{Held, This};
use super::trampoline::{ErrorSet, trampoline};
use crate::name;

/// Creates a coroutine, or returns `None` if the call is not the plain case.
pub(crate) trait Maker<T>:
    Copy + 'static + for<'a, 'py> Fn(&'a Call<'py, T>) -> Result<Option<Bound<'py, PyAny>>, ErrorSet>
{
}

impl<T, F> Maker<T> for F where
    F: Copy + 'static + for<'a, 'py> Fn(&'a Call<'py, T>) -> Result<Option<Bound<'py, PyAny>>, ErrorSet>
{
}

/// A method of the objects that hold a `T`, to be added to their class.
pub(crate) struct CoroutineMethod<T> {
    name: &'static str,
    vectorcall: ffi::vectorcallfunc,
    receiver: PhantomData<fn(&T)>,
}

/// Creates a method from a Rust function.
pub(crate) fn coroutine_method<T: Held, F: Maker<T>>(name: &'static str, _make: F) -> CoroutineMethod<T> {
    CoroutineMethod { name, vectorcall: call::<T, F>, receiver: PhantomData }
}

/// The value of the object in the class's dictionary.
struct Descriptor {
    vectorcall: ffi::vectorcallfunc,
    /// The class whose instances are receivers. It lives until the process ends.
    class: *mut ffi::PyTypeObject,
    inherited: Object,
}

// SAFETY: no field is ever changed.
unsafe impl Sync for Descriptor {}

impl ClassValue for Descriptor {
    type Head = Plain;

    one_class!(Descriptor);

    fn visit(&self, visit: &mut Visit) {
        visit.object(&self.inherited);
    }

    fn clear(&self, _py: Python<'_>) {}
}

/// Attributes that `inspect` and documentation tools read: they are taken from the inherited function.
const ATTRIBUTES: [&CStr; 7] = [
    c"__name__",
    c"__qualname__",
    c"__doc__",
    c"__code__",
    c"__defaults__",
    c"__kwdefaults__",
    c"__annotations__",
];

/// Creates the class of the methods. The module calls this once.
pub(crate) fn make_class(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let vectorcall = Instance::<Descriptor>::VALUE + offset_of!(Descriptor, vectorcall);
    let more = More {
        slots: vec![
            slot(ffi::Py_tp_call, ffi::PyVectorcall_Call as *mut c_void),
            slot(ffi::Py_tp_descr_get, bind as ffi::descrgetfunc as *mut c_void),
        ],
        members: vec![member(c"__vectorcalloffset__", vectorcall)],
        getters: getters(),
        flags: ffi::Py_TPFLAGS_HAVE_VECTORCALL | ffi::Py_TPFLAGS_METHOD_DESCRIPTOR,
        receiver: PhantomData,
    };
    // The docstring of a class would hide the one that each method takes from the inherited function.
    let doc = "";
    let definition = Definition {
        repr: Some(repr(representation)),
        is_hidden: true,
        more,
        ..Definition::new("_CoroutineMethod", doc)
    };
    definition.make(module, Descriptor::class()).map(drop)
}

/// Adds methods to the class of `T`, each in place of the function of the same name in `base`, a class or a module.
pub(crate) fn add_coroutine_methods<T: Held + PyTypeInfo, const COUNT: usize>(
    py: Python<'_>,
    base: &Bound<'_, PyAny>,
    methods: [CoroutineMethod<T>; COUNT],
) -> PyResult<()> {
    let class = T::type_object(py);
    for CoroutineMethod { name, vectorcall, .. } in methods {
        let inherited = base.getattr(name)?.into();
        let value = Descriptor { vectorcall, class: class.as_type_ptr(), inherited };
        let method = Descriptor::class().instance(py, value).map_err(|raised| raised.take(py))?;
        class.setattr(name, method.as_any())?;
        // A class that is released at the end of the process would release what the C code may still use.
        std::mem::forget(method);
    }
    Ok(())
}

fn getters() -> Vec<ffi::PyGetSetDef> {
    let getter = |name: &&'static CStr| ffi::PyGetSetDef {
        name: name.as_ptr(),
        get: Some(attribute),
        set: None,
        doc: std::ptr::null(),
        closure: name.as_ptr().cast_mut().cast(),
    };
    ATTRIBUTES.iter().map(getter).collect()
}

/// Implements the call: the receiver is the first argument.
unsafe extern "C" fn call<T: Held, F: Maker<T>>(
    method: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: this thread is attached.
    let py = unsafe { Python::assume_attached() };
    // SAFETY: the interpreter passes a live object of the class.
    let descriptor = unsafe { This::<Descriptor>::from_ptr(py, method) };
    let positional = count & !ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
    if positional > 0
        // SAFETY: there is a first argument, and it is alive.
        && let receiver = unsafe { *arguments }
        // SAFETY: live objects.
        && unsafe { ffi::PyObject_TypeCheck(receiver, descriptor.class) } != 0
    {
        // SAFETY: `coroutine_method` received a function of this type.
        let make = unsafe { function::<F>() };
        let mut made = false;
        let body = |call: &Call<'_, T>| {
            let coroutine = make(call)?;
            made = coroutine.is_some();
            Ok(coroutine.map_or(null_mut(), Bound::into_ptr))
        };
        // SAFETY: one argument is there to be left out.
        let rest = unsafe { arguments.add(1) };
        // SAFETY: these are the arguments of the interpreter without the receiver, whose class is that of `T`.
        let coroutine = unsafe { enter_with(receiver, rest, (positional - 1).cast_signed(), names, body) };
        // SAFETY: this thread is attached.
        if made || unsafe { !ffi::PyErr_Occurred().is_null() } {
            return coroutine;
        }
    }
    // SAFETY: the call as it came, to a live function.
    unsafe { ffi::PyObject_Vectorcall(descriptor.inherited.as_ptr(), arguments, positional, names) }
}

/// Implements `tp_descr_get`: returns a bound method, as a function does.
unsafe extern "C" fn bind(
    method: *mut ffi::PyObject,
    receiver: *mut ffi::PyObject,
    _class: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    if receiver.is_null() {
        // SAFETY: a live object.
        return unsafe { ffi::Py_NewRef(method) };
    }
    // SAFETY: live objects.
    unsafe { PyMethod_New(method, receiver) }
}

unsafe extern "C" {
    /// Creates a bound method. pyo3's bindings omit it.
    fn PyMethod_New(function: *mut ffi::PyObject, receiver: *mut ffi::PyObject) -> *mut ffi::PyObject;
}

/// Returns an attribute of the function that the method replaces.
unsafe extern "C" fn attribute(method: *mut ffi::PyObject, name: *mut c_void) -> *mut ffi::PyObject {
    // SAFETY: the interpreter calls this, so the thread is attached.
    let py = unsafe { Python::assume_attached() };
    trampoline(py, null_mut(), || {
        // SAFETY: the interpreter passes a live object of the class.
        let method = unsafe { This::<Descriptor>::from_ptr(py, method) };
        // SAFETY: a live object, and a name from the table.
        Ok(unsafe { ffi::PyObject_GetAttrString(method.inherited.as_ptr(), name.cast()) })
    })
}

fn representation(method: This<'_, Descriptor>) -> PyResult<Bound<'_, PyAny>> {
    let name: String = method.inherited.bind(method.py()).getattr(name!("__name__"))?.extract()?;
    let text = format!("<method '{name}' of 'vitok._native.EventLoop' objects>");
    Ok(make::text(method.py(), &text)?.into_any())
}
