//! The arguments of a vectorcall method: its receiver, and arguments by position or by name, refused with Python's own
//! messages.
//!
//! PyO3 collects `*args` in a tuple; these are read where the interpreter has put them. Their meaning is not known
//! here.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};
use pyo3::{PyTypeInfo, ffi};

use super::error::new_error;
use super::make;
use super::this::{Borrowed, Held, This};
use super::trampoline::ErrorSet;

/// One call of a method of a class whose objects hold a `T`: its receiver, and its arguments.
pub(crate) struct Call<'py, T> {
    given: Arguments<'py>,
    receiver: PhantomData<&'py T>,
}

impl<'py, T> Call<'py, T> {
    /// Wraps what the interpreter passes to a vectorcall method.
    ///
    /// # Safety
    /// It follows the vectorcall convention, with objects that live for `'py`, and the receiver holds a `T`.
    #[inline(always)]
    pub(super) unsafe fn new(
        py: Python<'py>,
        receiver: *mut ffi::PyObject,
        arguments: *const *mut ffi::PyObject,
        positional: ffi::Py_ssize_t,
        names: *mut ffi::PyObject,
    ) -> Self {
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
            unsafe { std::slice::from_raw_parts(arguments.cast::<Borrowed<'_>>(), total) }
        };
        let given = Arguments { py, receiver, arguments, positional, names, unsendable: PhantomData };
        Self { given, receiver: PhantomData }
    }
}

impl<'py, T> Deref for Call<'py, T> {
    type Target = Arguments<'py>;

    #[inline(always)]
    fn deref(&self) -> &Arguments<'py> {
        &self.given
    }
}

impl<'py, T: Held> Call<'py, T> {
    /// Returns the object whose method was called.
    #[inline(always)]
    pub(crate) fn this(&self) -> This<'py, T> {
        // SAFETY: the interpreter keeps the receiver alive for the length of the call, and the method's descriptor has
        // checked that its class is one of `T`: a `Method<T>` is added to no other.
        unsafe { This::from_ptr(self.py, self.given.receiver) }
    }
}

/// The arguments of one call.
pub(crate) struct Arguments<'py> {
    pub(crate) py: Python<'py>,
    receiver: *mut ffi::PyObject,
    arguments: &'py [Borrowed<'py>],
    positional: usize,
    names: *mut ffi::PyObject,
    unsendable: PhantomData<*mut ()>,
}

impl<'py> Arguments<'py> {
    /// Returns the object whose method was called, as Python sees it.
    #[inline(always)]
    pub(crate) fn receiver(&self) -> Borrowed<'py> {
        // SAFETY: the interpreter keeps the receiver alive for the length of the call.
        unsafe { Borrowed::from_ptr(self.py, self.receiver) }
    }

    #[inline(always)]
    pub(crate) fn positional(&self) -> &'py [Borrowed<'py>] {
        &self.arguments[..self.positional]
    }

    #[inline(always)]
    pub(crate) fn has_keywords(&self) -> bool {
        !self.names.is_null()
    }

    /// Returns the keyword arguments as pairs of name and value.
    pub(crate) fn keywords(&self) -> Vec<(Bound<'py, PyAny>, Borrowed<'py>)> {
        self.each_keyword().map(|(name, value)| ((*name).to_owned(), value)).collect()
    }

    /// Goes through the keyword arguments: name and value.
    #[inline(always)]
    pub(crate) fn each_keyword(&self) -> impl Iterator<Item = (Borrowed<'py>, Borrowed<'py>)> {
        let (py, names) = (self.py, self.names);
        let values = self.arguments[self.positional..].iter().copied();
        values.zip(0..).map(move |(value, place)| {
            // SAFETY: there is a value, so the interpreter has passed a tuple of names, with one for each value.
            let name = unsafe { ffi::PyTuple_GET_ITEM(names, place) };
            // SAFETY: the tuple and its items are alive for the length of the call.
            (unsafe { Borrowed::from_ptr(py, name) }, value)
        })
    }

    /// Returns the value of the only keyword argument if its name is known to be the wanted one without comparing
    /// strings.
    #[inline(always)]
    pub(crate) fn only_keyword(&self, wanted: &Keyword) -> Option<Borrowed<'py>> {
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

    /// Handles the rare call that names its positional parameters: they are put in order and the class's own method is
    /// called again, not an override in a subclass.
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
        let mut missing = Vec::new();
        for &parameter in &parameters[self.positional.min(parameters.len())..] {
            match options.get_item(parameter)? {
                Some(value) => {
                    leading.push(value);
                    options.del_item(parameter)?;
                }
                None => missing.push(format!("'{parameter}'")),
            }
        }
        if !missing.is_empty() {
            let (count, plural) = (missing.len(), if missing.len() == 1 { "" } else { "s" });
            let names = missing.join(" and ");
            let text = format!("{method}() missing {count} required positional argument{plural}: {names}");
            return Err(new_error::<PyTypeError>(text).into());
        }
        let own = T::type_object(py).getattr(method)?;
        Ok(own.call(make::tuple(py, leading)?, Some(&options))?)
    }

    /// Returns the call as one of a function that takes the receiver first: its positional arguments and its keywords.
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

    /// Remembers the caller's tuple of names as one that has `wanted` as its only item.
    pub(crate) fn remember_names(&self, wanted: &Keyword) {
        // SAFETY: the interpreter passes a tuple of names.
        if self.names.is_null() || unsafe { ffi::PyTuple_GET_SIZE(self.names) } != 1 {
            return;
        }
        let unset = std::ptr::null_mut();
        if wanted.seen.compare_exchange(unset, self.names, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            // SAFETY: a live object. The reference is never released, so that the tuple keeps its address for ever.
            unsafe { ffi::Py_INCREF(self.names) };
        }
    }
}

/// A keyword that the hot path looks for.
///
/// Python code passes the interned name. The C code of asyncio's tasks passes a tuple of its own with a name that is
/// not interned, always the same tuple, which is remembered at the first call.
pub(crate) struct Keyword {
    name: Py<PyString>,
    seen: AtomicPtr<ffi::PyObject>,
}

impl Keyword {
    pub(crate) fn new(name: Py<PyString>) -> Self {
        Self { name, seen: AtomicPtr::new(std::ptr::null_mut()) }
    }
}

/// Returns the one argument of a method, by position or by its name.
#[inline(always)]
pub(crate) fn one<'py>(call: &Arguments<'py>, method: &str, name: &str) -> Result<Borrowed<'py>, ErrorSet> {
    match call.positional() {
        [only] if !call.has_keywords() => Ok(*only),
        _ => named(call, method, &[name]).map(|found| found[0]).and_then(|found| {
            found.ok_or_else(|| {
                new_error::<PyTypeError>(format!(
                    "{method}() missing 1 required positional argument: '{name}'"
                ))
                .into()
            })
        }),
    }
}

/// Returns arguments by position or by name.
#[cold]
pub(crate) fn named<'py>(
    call: &Arguments<'py>,
    method: &str,
    names: &[&str],
) -> Result<Vec<Option<Borrowed<'py>>>, ErrorSet> {
    let given = call.positional();
    if given.len() > names.len() {
        let (most, count) = (names.len(), given.len());
        let text = format!("{method}() takes {most} positional arguments but {count} were given");
        return Err(new_error::<PyTypeError>(text).into());
    }
    let mut found: Vec<_> = given.iter().map(|&argument| Some(argument)).collect();
    found.resize(names.len(), None);
    for (name, value) in call.keywords() {
        let name = name.to_string();
        match names.iter().position(|known| *known == name) {
            Some(place) if found[place].is_none() => found[place] = Some(value),
            Some(_) => {
                let text = format!("{method}() got multiple values for argument '{name}'");
                return Err(new_error::<PyTypeError>(text).into());
            }
            None => {
                let text = format!("{method}() got an unexpected keyword argument '{name}'");
                return Err(new_error::<PyTypeError>(text).into());
            }
        }
    }
    Ok(found)
}
