//! Creates the classes whose objects hold a Rust value, from the tables of their methods and attributes.
//!
//! The values are not known here.

use std::ffi::{c_int, c_ulong, c_void};
use std::marker::PhantomData;
use std::ptr::null_mut;

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::error::new_error;
use super::getter::{Getter, Repr};
use super::heap_type::{self, Specification, getter_rows, leaked, method_table, slot};
use super::instance::{Class, ClassValue, Head as _, Instance, clear, dealloc, finalize, traverse};
use super::interned::Name;
use super::make;
use super::method::{Method, function};
use super::this::{Borrowed, Held, This};
use super::trampoline::{ErrorSet, trampoline};

/// The definition of a class whose objects hold a `T`.
pub(crate) struct Definition<'py, T> {
    pub(crate) name: &'static str,
    pub(crate) doc: &'static str,
    /// The first has every slot that the others have. An empty list stands for `object`.
    pub(crate) bases: Vec<Bound<'py, PyType>>,
    pub(crate) methods: Vec<Method<T>>,
    pub(crate) getters: Vec<Getter<T>>,
    pub(crate) repr: Option<Repr<T>>,
    /// Whether the class is known only by its objects.
    pub(crate) is_hidden: bool,
    pub(crate) more: More<T>,
}

/// Additional parts of a class, which only this folder can create.
pub(crate) struct More<T> {
    pub(super) slots: Vec<ffi::PyType_Slot>,
    pub(super) members: Vec<ffi::PyMemberDef>,
    pub(super) getters: Vec<ffi::PyGetSetDef>,
    pub(super) flags: c_ulong,
    pub(super) receiver: PhantomData<fn(&T)>,
}

impl<T> Default for More<T> {
    fn default() -> Self {
        let (slots, members, getters) = (Vec::new(), Vec::new(), Vec::new());
        Self { slots, members, getters, flags: 0, receiver: PhantomData }
    }
}

impl<'py, T: ClassValue> Definition<'py, T> {
    /// An empty class.
    pub(crate) fn new(name: &'static str, doc: &'static str) -> Self {
        let (bases, methods, getters, more) = (Vec::new(), Vec::new(), Vec::new(), More::default());
        Self { name, doc, bases, methods, getters, repr: None, is_hidden: false, more }
    }

    /// Creates the class and, unless it is hidden, adds it to the module.
    pub(crate) fn make(
        self,
        module: &Bound<'py, PyModule>,
        class: &'static Class<T>,
    ) -> PyResult<Bound<'py, PyType>> {
        let py = module.py();
        self.check_bases()?;
        let More { mut slots, mut members, mut getters, flags, .. } = self.more;
        slots.extend([
            slot(ffi::Py_tp_dealloc, dealloc::<T> as ffi::destructor as *mut c_void),
            slot(ffi::Py_tp_traverse, traverse::<T> as ffi::traverseproc as *mut c_void),
            slot(ffi::Py_tp_clear, clear::<T> as ffi::inquiry as *mut c_void),
            slot(ffi::Py_tp_methods, method_table(self.methods)?),
        ]);
        if !self.doc.is_empty() {
            slots.push(slot(ffi::Py_tp_doc, heap_type::text(self.doc)?));
        }
        if T::FINALIZE.is_some() {
            slots.push(slot(ffi::Py_tp_finalize, finalize::<T> as ffi::destructor as *mut c_void));
        }
        if let Some(repr) = self.repr {
            slots.push(slot(ffi::Py_tp_repr, repr.function as *mut c_void));
        }
        getters.extend(T::Head::getters());
        getters.extend(getter_rows(self.getters)?);
        slots.push(slot(ffi::Py_tp_getset, leaked(getters, ffi::PyGetSetDef::default())));
        members.extend(T::Head::members(Instance::<T>::HEAD));
        slots.push(slot(ffi::Py_tp_members, leaked(members, ffi::PyMemberDef::default())));
        let bases = match self.bases.len() {
            0 => None,
            _ => Some(make::tuple(py, self.bases.into_iter().map(Bound::into_any))?),
        };
        let specification = Specification {
            name: self.name,
            object_size: size_of::<Instance<T>>(),
            flags: ffi::Py_TPFLAGS_HAVE_GC | flags,
            slots,
            bases: bases.as_ref(),
        };
        let made = heap_type::make_type(py, Some(module), specification)?;
        if !self.is_hidden {
            module.add(self.name, &made)?;
        }
        // SAFETY: a complete type with that layout. The reference that is leaked here keeps it alive.
        unsafe { class.set(made.clone().into_ptr().cast()) };
        Ok(made)
    }

    /// Refuses bases that do not fit before the value.
    fn check_bases(&self) -> PyResult<()> {
        for base in &self.bases {
            // SAFETY: a live type object.
            let size = unsafe { (*base.as_type_ptr()).tp_basicsize }.unsigned_abs();
            if size > T::Head::BASE_SIZE {
                let text =
                    format!("this Python's asyncio.{} has more slots than vitok knows of", base.name()?);
                return Err(new_error::<PyImportError>(text));
            }
        }
        Ok(())
    }
}

/// Sets a constant on a class of this module, which all other code is refused.
pub(crate) fn add_constant(class: &Bound<'_, PyType>, name: &Name, value: &Bound<'_, PyAny>) -> PyResult<()> {
    heap_type::add_constant(class, name, value)
}

/// Creates comparison and hash from Rust functions. `_compare` takes two objects, of which one may be of another class,
/// and Python's operator (`Py_LT` to `Py_GE`).
pub(crate) fn order<T, C, H>(_compare: C, _hash: H) -> More<T>
where
    T: Held,
    C: Copy + 'static + for<'py> Fn(Borrowed<'py>, Borrowed<'py>, c_int) -> PyResult<Bound<'py, PyAny>>,
    H: Copy + 'static + for<'py> Fn(This<'py, T>) -> Result<isize, ErrorSet>,
{
    unsafe extern "C" fn compare<C>(
        left: *mut ffi::PyObject,
        right: *mut ffi::PyObject,
        operator: c_int,
    ) -> *mut ffi::PyObject
    where
        C: Copy + 'static + for<'py> Fn(Borrowed<'py>, Borrowed<'py>, c_int) -> PyResult<Bound<'py, PyAny>>,
    {
        // SAFETY: `order` received a function of this type.
        let body = unsafe { function::<C>() };
        // SAFETY: the interpreter calls this, so the thread is attached.
        let py = unsafe { Python::assume_attached() };
        trampoline(py, null_mut(), || {
            // SAFETY: the interpreter passes live objects.
            let left = unsafe { Borrowed::from_ptr(py, left) };
            // SAFETY: as above.
            let right = unsafe { Borrowed::from_ptr(py, right) };
            Ok(body(left, right, operator)?.into_ptr())
        })
    }
    unsafe extern "C" fn hash<T, H>(object: *mut ffi::PyObject) -> ffi::Py_hash_t
    where
        T: Held,
        H: Copy + 'static + for<'py> Fn(This<'py, T>) -> Result<isize, ErrorSet>,
    {
        // SAFETY: `order` received a function of this type.
        let body = unsafe { function::<H>() };
        // SAFETY: the interpreter calls this, so the thread is attached.
        let py = unsafe { Python::assume_attached() };
        // SAFETY: a live receiver of a class of `T`.
        let this = unsafe { This::from_ptr(py, object) };
        trampoline(py, -1, || body(this))
    }
    let slots = vec![
        slot(ffi::Py_tp_richcompare, compare::<C> as ffi::richcmpfunc as *mut c_void),
        slot(ffi::Py_tp_hash, hash::<T, H> as ffi::hashfunc as *mut c_void),
    ];
    More { slots, ..More::default() }
}
