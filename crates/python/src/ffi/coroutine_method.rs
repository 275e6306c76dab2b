//! Methods that make native coroutines in the place of inherited ones made by `async def`.
//!
//! To the interpreter such a method is a vectorcall method; to everybody who asks, it is the function that it stands in
//! front of: `inspect` takes name, signature and the mark of a coroutine function from that. A call that is not the plain
//! case goes to that function as it is.

use std::ffi::c_void;
use std::mem::offset_of;
use std::ptr::null_mut;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::heap_type::{self, Specification, leaked, place, slot};
use super::make;
use super::method::{Call, enter_with};
use super::trampoline::{ErrorSet, owned, trampoline};
use crate::name;

/// Makes a coroutine, or says that the call is not the plain case.
pub(crate) type Maker = for<'py> fn(&Call<'py>) -> Result<Option<Bound<'py, PyAny>>, ErrorSet>;

#[repr(C)]
struct MethodObject {
    head: ffi::PyObject,
    vectorcall: Option<ffi::vectorcallfunc>,
    /// The class whose instances are receivers.
    class: *mut ffi::PyTypeObject,
    inherited: *mut ffi::PyObject,
    make: Maker,
}

/// What a function is asked for by `inspect` and by documentation: taken from the inherited one.
const ATTRIBUTES: [&std::ffi::CStr; 7] = [
    c"__name__",
    c"__qualname__",
    c"__doc__",
    c"__code__",
    c"__defaults__",
    c"__kwdefaults__",
    c"__annotations__",
];

/// Hangs methods into a class, each in front of the function of the same name that `base` has.
pub(crate) fn add_coroutine_methods(
    class: &Bound<'_, PyType>,
    base: &Bound<'_, PyAny>,
    methods: &[(&str, Maker)],
) -> PyResult<()> {
    let kind = make_type(class.py())?;
    for &(name, make) in methods {
        // SAFETY: a complete heap type without the collector: what it refers to lives as long as the process.
        let object = unsafe { ffi::PyType_GenericAlloc(kind.as_type_ptr(), 0) };
        let method = owned(class.py(), object).map_err(|raised| raised.take(class.py()))?;
        // SAFETY: fresh memory of that type, which nobody else knows.
        let fields = unsafe { &mut *object.cast::<MethodObject>() };
        fields.vectorcall = Some(call);
        fields.class = class.as_type_ptr();
        fields.inherited = base.getattr(name)?.into_ptr();
        fields.make = make;
        class.setattr(name, &method)?;
        // A class that goes at the end of the process would release what the C code may still be in.
        std::mem::forget(method);
    }
    Ok(())
}

fn make_type(py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
    let members = vec![place(c"__vectorcalloffset__", offset_of!(MethodObject, vectorcall))];
    let slots = vec![
        slot(ffi::Py_tp_call, ffi::PyVectorcall_Call as *mut c_void),
        slot(ffi::Py_tp_descr_get, bind as ffi::descrgetfunc as *mut c_void),
        slot(ffi::Py_tp_repr, represent as ffi::reprfunc as *mut c_void),
        slot(ffi::Py_tp_getset, getters()),
        slot(ffi::Py_tp_members, leaked(members, ffi::PyMemberDef::default())),
    ];
    let specification = Specification {
        name: "_CoroutineMethod",
        object_size: size_of::<MethodObject>(),
        flags: ffi::Py_TPFLAGS_HAVE_VECTORCALL | ffi::Py_TPFLAGS_METHOD_DESCRIPTOR,
        slots,
        bases: None,
    };
    heap_type::make_type(py, None, specification)
}

fn getters() -> *mut c_void {
    let table = ATTRIBUTES
        .iter()
        .map(|name| ffi::PyGetSetDef {
            name: name.as_ptr(),
            get: Some(attribute),
            set: None,
            doc: std::ptr::null(),
            closure: name.as_ptr().cast_mut().cast(),
        })
        .collect();
    leaked(table, ffi::PyGetSetDef::default())
}

/// The call: the receiver comes first.
unsafe extern "C" fn call(
    method: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: the interpreter passes a live object of ours.
    let fields = unsafe { &*method.cast::<MethodObject>() };
    let positional = count & !ffi::PY_VECTORCALL_ARGUMENTS_OFFSET;
    if positional > 0
        // SAFETY: there is a first argument, and it is alive.
        && let receiver = unsafe { *arguments }
        // SAFETY: live objects.
        && unsafe { ffi::PyObject_TypeCheck(receiver, fields.class) } != 0
    {
        let mut made = false;
        let make = |call: &Call<'_>| {
            let coroutine = (fields.make)(call)?;
            made = coroutine.is_some();
            Ok(coroutine.map_or(null_mut(), Bound::into_ptr))
        };
        // SAFETY: one argument is there to be left out.
        let rest = unsafe { arguments.add(1) };
        // SAFETY: what the interpreter passed, but for the receiver in front.
        let coroutine = unsafe { enter_with(receiver, rest, (positional - 1).cast_signed(), names, make) };
        // SAFETY: this thread is attached.
        if made || unsafe { !ffi::PyErr_Occurred().is_null() } {
            return coroutine;
        }
    }
    // SAFETY: the call as it came, to a live function.
    unsafe { ffi::PyObject_Vectorcall(fields.inherited, arguments, positional, names) }
}

/// `tp_descr_get`: a bound method, as a function gives one.
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
    /// A bound method. pyo3's bindings leave it out.
    fn PyMethod_New(function: *mut ffi::PyObject, receiver: *mut ffi::PyObject) -> *mut ffi::PyObject;
}

unsafe extern "C" fn attribute(method: *mut ffi::PyObject, name: *mut c_void) -> *mut ffi::PyObject {
    // SAFETY: the interpreter passes a live object of ours.
    let inherited = unsafe { (*method.cast::<MethodObject>()).inherited };
    // SAFETY: a live object, and the name that stands in the table.
    unsafe { ffi::PyObject_GetAttrString(inherited, name.cast()) }
}

unsafe extern "C" fn represent(method: *mut ffi::PyObject) -> *mut ffi::PyObject {
    trampoline(null_mut(), |py| {
        // SAFETY: the interpreter passes a live object of ours.
        let inherited = unsafe { (*method.cast::<MethodObject>()).inherited };
        // SAFETY: a live object.
        let inherited = unsafe { Borrowed::<PyAny>::from_ptr(py, inherited) };
        let name: String = inherited.getattr(name!("__name__"))?.extract()?;
        let text = format!("<method '{name}' of 'vitok._native.EventLoop' objects>");
        Ok(make::text(py, &text)?.into_any().into_ptr())
    })
}
