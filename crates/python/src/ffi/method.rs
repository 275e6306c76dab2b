//! Methods of the vectorcall kind for a `#[pyclass]`: no tuple and no dict is built for a call.
//!
//! PyO3 gathers `*args` into a tuple; these methods read the interpreter's own stack. It knows nothing of what they do.

use std::ffi::CString;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};
use pyo3::{PyClass, PyTypeInfo, ffi};

use super::error::new_error;
use super::heap_type::make_immutable;
use super::make;
use super::trampoline::{ErrorSet, owned, trampoline};

/// The C signature of a method that takes positional arguments and keyword names from the stack.
pub(crate) type Fastcall = unsafe extern "C" fn(
    *mut ffi::PyObject,
    *const *mut ffi::PyObject,
    ffi::Py_ssize_t,
    *mut ffi::PyObject,
) -> *mut ffi::PyObject;

/// The C signature of a method without arguments.
pub(crate) type NoArguments =
    unsafe extern "C" fn(*mut ffi::PyObject, *mut ffi::PyObject) -> *mut ffi::PyObject;

/// One argument, borrowed from the caller's stack.
pub(crate) type Argument<'py> = Borrowed<'py, 'py, PyAny>;

/// One call: who was called and with what.
pub(crate) struct Call<'py> {
    pub(crate) py: Python<'py>,
    receiver: *mut ffi::PyObject,
    arguments: &'py [Argument<'py>],
    positional: usize,
    names: *mut ffi::PyObject,
    unsendable: PhantomData<*mut ()>,
}

impl<'py> Call<'py> {
    /// The object whose method was called, as Python sees it.
    #[inline(always)]
    pub(crate) fn receiver(&self) -> Argument<'py> {
        // SAFETY: the interpreter keeps the receiver alive for the length of the call.
        unsafe { Borrowed::from_ptr(self.py, self.receiver) }
    }

    #[inline(always)]
    pub(crate) fn positional(&self) -> &'py [Argument<'py>] {
        &self.arguments[..self.positional]
    }

    #[inline(always)]
    pub(crate) fn has_keywords(&self) -> bool {
        !self.names.is_null()
    }

    /// Keyword arguments as pairs of name and value.
    pub(crate) fn keywords(&self) -> Vec<(Bound<'py, PyAny>, Argument<'py>)> {
        if self.names.is_null() {
            return Vec::new();
        }
        // SAFETY: the interpreter passes a tuple of names, alive for the length of the call.
        let names = unsafe { Borrowed::<PyAny>::from_ptr(self.py, self.names) };
        // SAFETY: `names` is a tuple by the calling convention.
        let names = unsafe { names.cast_unchecked::<PyTuple>() };
        names.iter().zip(self.arguments[self.positional..].iter().copied()).collect()
    }

    /// The value of the only keyword argument if its name is known to be the wanted one without comparing strings.
    #[inline(always)]
    pub(crate) fn only_keyword(&self, wanted: &Keyword) -> Option<Argument<'py>> {
        if self.names.is_null() {
            return None;
        }
        if self.names == wanted.seen.load(Ordering::Relaxed) {
            return Some(self.arguments[self.positional]);
        }
        // SAFETY: the interpreter passes a tuple of names.
        let count = unsafe { ffi::PyTuple_GET_SIZE(self.names) };
        if count != 1 {
            return None;
        }
        // SAFETY: the tuple has one item.
        let first = unsafe { ffi::PyTuple_GET_ITEM(self.names, 0) };
        (first == wanted.name.as_ptr()).then(|| self.arguments[self.positional])
    }

    /// The rare call that names its positional parameters: they are put in order and the class's own method is called
    /// again, not what a subclass made of it.
    #[cold]
    pub(crate) fn by_keyword<T: PyTypeInfo>(
        &self,
        method: &str,
        parameters: &[&str],
    ) -> Result<Bound<'py, PyAny>, ErrorSet> {
        let py = self.py;
        if self.positional >= parameters.len() {
            let (most, given) = (parameters.len(), self.positional);
            let text = format!("{method}() takes {most} positional arguments but {given} were given");
            return Err(new_error::<PyTypeError>(text).into());
        }
        let (mut leading, options) = self.unbound()?;
        for &parameter in &parameters[self.positional.min(parameters.len())..] {
            let Some(value) = options.get_item(parameter)? else {
                let text = format!("{method}() missing required argument: '{parameter}'");
                return Err(new_error::<PyTypeError>(text).into());
            };
            leading.push(value);
            options.del_item(parameter)?;
        }
        let own = T::type_object(py).getattr(method)?;
        Ok(own.call(make::tuple(py, leading)?, Some(&options))?)
    }

    /// The call as one of a function that takes the receiver first: its positional arguments and its keywords.
    pub(crate) fn unbound(&self) -> PyResult<(Vec<Bound<'py, PyAny>>, Bound<'py, PyDict>)> {
        let options = make::dict(self.py)?;
        for (name, value) in self.keywords() {
            options.set_item(name, value)?;
        }
        let mut arguments = vec![self.receiver().to_owned()];
        arguments.extend(self.positional().iter().map(|value| (*value).to_owned()));
        Ok((arguments, options))
    }

    /// Refuses keywords where all parameters were given by position.
    pub(crate) fn refuse_keywords(&self, method: &str) -> Result<(), ErrorSet> {
        match self.keywords().first() {
            None => Ok(()),
            Some((name, _)) => {
                let text = format!("{method}() got an unexpected keyword argument '{name}'");
                Err(new_error::<PyTypeError>(text).into())
            }
        }
    }

    /// Remembers the caller's tuple of names as one that holds `wanted` and nothing else.
    pub(crate) fn remember_names(&self, wanted: &Keyword) {
        // SAFETY: the interpreter passes a tuple of names.
        if self.names.is_null() || unsafe { ffi::PyTuple_GET_SIZE(self.names) } != 1 {
            return;
        }
        let unset = std::ptr::null_mut();
        if wanted.seen.compare_exchange(unset, self.names, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            // SAFETY: a live object. The reference is never given back: while the tuple lives, its address is its own.
            unsafe { ffi::Py_INCREF(self.names) };
        }
    }
}

/// A keyword that the hot path looks for.
///
/// Python code passes the interned name. The C code of asyncio's tasks passes a tuple of its own with a name that is not
/// interned, always the same one: that tuple is remembered at the first call.
pub(crate) struct Keyword {
    name: Py<PyString>,
    seen: AtomicPtr<ffi::PyObject>,
}

impl Keyword {
    pub(crate) fn new(name: Py<PyString>) -> Self {
        Self { name, seen: AtomicPtr::new(std::ptr::null_mut()) }
    }
}

/// Runs a vectorcall method body behind the border.
///
/// # Safety
/// Called only by the functions that [`fastcall`](crate::fastcall) makes, with what the interpreter passed to them.
#[inline(always)]
pub(crate) unsafe fn enter(
    receiver: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
    body: impl for<'py> FnOnce(&Call<'py>) -> Result<Bound<'py, PyAny>, ErrorSet>,
) -> *mut ffi::PyObject {
    // SAFETY: the caller's duty.
    unsafe { enter_with(receiver, arguments, positional, names, |call| body(call).map(Bound::into_ptr)) }
}

/// The same for a body that may give no object although nothing went wrong.
///
/// # Safety
/// As of [`enter`].
#[inline(always)]
pub(super) unsafe fn enter_with(
    receiver: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
    body: impl for<'py> FnOnce(&Call<'py>) -> Result<*mut ffi::PyObject, ErrorSet>,
) -> *mut ffi::PyObject {
    trampoline(std::ptr::null_mut(), |py| {
        let positional = positional.unsigned_abs();
        let mut total = positional;
        if !names.is_null() {
            // SAFETY: the names are a tuple by the calling convention.
            total += unsafe { ffi::PyTuple_GET_SIZE(names) }.unsigned_abs();
        }
        let arguments = if total == 0 {
            &[]
        } else {
            // SAFETY: the stack holds `total` live references, and `Borrowed` has the layout of a pointer.
            unsafe { std::slice::from_raw_parts(arguments.cast::<Argument<'_>>(), total) }
        };
        let call = Call { py, receiver, arguments, positional, names, unsendable: PhantomData };
        body(&call)
    })
}

/// Runs the body of a method without arguments behind the border.
///
/// # Safety
/// `receiver` is the live object that the interpreter passed.
#[inline(always)]
pub(crate) unsafe fn enter_plain(
    receiver: *mut ffi::PyObject,
    body: impl for<'py> FnOnce(Argument<'py>) -> Result<Bound<'py, PyAny>, ErrorSet>,
) -> *mut ffi::PyObject {
    trampoline(std::ptr::null_mut(), |py| {
        // SAFETY: the caller's duty.
        let receiver = unsafe { Borrowed::from_ptr(py, receiver) };
        body(receiver).map(Bound::into_ptr)
    })
}

/// Makes the C function of a vectorcall method out of a Rust one that takes [`Call`].
#[macro_export]
macro_rules! fastcall {
    ($body:path) => {{
        unsafe extern "C" fn entry(
            receiver: *mut pyo3::ffi::PyObject,
            arguments: *const *mut pyo3::ffi::PyObject,
            count: pyo3::ffi::Py_ssize_t,
            names: *mut pyo3::ffi::PyObject,
        ) -> *mut pyo3::ffi::PyObject {
            // SAFETY: the interpreter calls this with the arguments of the vectorcall convention.
            unsafe { $crate::ffi::method::enter(receiver, arguments, count, names, $body) }
        }
        $crate::ffi::method::Entry::Fastcall(entry)
    }};
}

/// Makes the C function of a method without arguments out of a Rust one that takes the receiver.
#[macro_export]
macro_rules! no_arguments {
    ($body:path) => {{
        unsafe extern "C" fn entry(
            receiver: *mut pyo3::ffi::PyObject,
            _unused: *mut pyo3::ffi::PyObject,
        ) -> *mut pyo3::ffi::PyObject {
            // SAFETY: the interpreter passes a live receiver.
            unsafe { $crate::ffi::method::enter_plain(receiver, $body) }
        }
        $crate::ffi::method::Entry::NoArguments(entry)
    }};
}

/// The C function behind a method.
pub(crate) enum Entry {
    Fastcall(Fastcall),
    NoArguments(NoArguments),
}

/// A method to be hung into a class: its name, its C function, its signature line and its docstring.
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) entry: Entry,
    pub(crate) signature: String,
    pub(crate) doc: &'static str,
}

impl Method {
    pub(super) fn leak(self) -> PyResult<&'static mut ffi::PyMethodDef> {
        let doc = CString::new(format!("{}{}\n--\n\n{}", self.name, self.signature, self.doc))?;
        let (pointer, flags) = match self.entry {
            Entry::Fastcall(function) => (
                ffi::PyMethodDefPointer { PyCFunctionFastWithKeywords: function },
                ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
            ),
            Entry::NoArguments(function) => {
                (ffi::PyMethodDefPointer { PyCFunction: function }, ffi::METH_NOARGS)
            }
        };
        // The interpreter keeps pointers to definitions for as long as a type lives, and types live as long as the process.
        Ok(Box::leak(Box::new(ffi::PyMethodDef {
            ml_name: CString::new(self.name)?.into_raw(),
            ml_meth: pointer,
            ml_flags: flags,
            ml_doc: doc.into_raw(),
        })))
    }
}

/// Hangs vectorcall methods into the class `T`, until that is [finished](finish).
pub(crate) fn add_methods<T: PyTypeInfo>(py: Python<'_>, methods: Vec<Method>) -> PyResult<()> {
    let class = T::type_object(py);
    for method in methods {
        let name = method.name;
        let definition = method.leak()?;
        // SAFETY: the definition is leaked, so it outlives the type; the receiver's class is checked by the descriptor.
        let descriptor = unsafe { ffi::PyDescr_NewMethod(class.as_type_ptr(), definition) };
        let descriptor = owned(py, descriptor).map_err(|raised| raised.take(py))?;
        class.setattr(name, descriptor)?;
    }
    Ok(())
}

/// The class `T` has all of its methods: nothing is put on it from now on.
pub(crate) fn finish<T: PyTypeInfo>(py: Python<'_>) {
    make_immutable(&T::type_object(py));
}

/// The Rust value inside an instance of a frozen class, when the interpreter has already checked the class.
#[inline(always)]
pub(crate) fn inside<'py, T>(object: Argument<'py>) -> &'py T
where
    T: PyClass<Frozen = pyo3::pyclass::boolean_struct::True> + Sync,
{
    debug_assert!(object.is_instance_of::<T>());
    // SAFETY: `object` is the receiver of a method of `T`, whose descriptor refuses other classes, or was checked by us.
    let object = unsafe { object.cast_unchecked::<T>() };
    let value: *const T = object.get();
    // SAFETY: the object is alive for 'py: the interpreter (or the caller) holds a reference for the length of the call.
    unsafe { &*value }
}

/// Whether `callable` is the C function that `entry` made, bound to some object.
pub(crate) fn is_entry(callable: &Bound<'_, PyAny>, entry: NoArguments) -> bool {
    // SAFETY: `callable` is a live object.
    if unsafe { ffi::PyCFunction_Check(callable.as_ptr()) } == 0 {
        return false;
    }
    // SAFETY: it was just seen to be a C function.
    let function = unsafe { ffi::PyCFunction_GetFunction(callable.as_ptr()) };
    function.is_some_and(|function| std::ptr::fn_addr_eq(function, entry))
}

/// A function that is bound to an object of any class: what Python code gets when it asks an object for a method.
pub(crate) struct BoundFunction(&'static ffi::PyMethodDef);

// SAFETY: the definition is leaked and never written to.
unsafe impl Send for BoundFunction {}
// SAFETY: as above.
unsafe impl Sync for BoundFunction {}

impl BoundFunction {
    /// Keeps the definition of a method for as long as the process lives.
    pub(crate) fn new(method: Method) -> PyResult<Self> {
        Ok(Self(method.leak()?))
    }

    /// The function, bound to `receiver`.
    #[inline(always)]
    pub(crate) fn bind<'py>(&self, receiver: Argument<'py>) -> Result<Bound<'py, PyAny>, ErrorSet> {
        let definition = std::ptr::from_ref(self.0).cast_mut();
        // SAFETY: the definition is leaked, and the interpreter only reads it; the receiver is alive.
        let function = unsafe { ffi::PyCFunction_NewEx(definition, receiver.as_ptr(), std::ptr::null_mut()) };
        owned(receiver.py(), function)
    }
}
