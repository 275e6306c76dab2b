//! Calling user code in a thread that the interpreter may end while it is in there.
//!
//! Below Python 3.14 a daemon thread that wants the GIL back while the interpreter ends is ended by `pthread_exit`, which
//! unwinds its stack. Through a function that is declared not to unwind, that aborts the process. So user code is called
//! through pointers of the "C-unwind" kind, and a thread that is unwound from there sleeps for ever instead, as all such
//! threads do from Python 3.14 on.

#[cfg(Py_3_14)]
use pyo3::ffi;
use pyo3::ffi::PyObject;

/// `PyObject_Call` without keywords.
///
/// # Safety
/// `callable` is alive and `arguments` is a live tuple.
#[inline(always)]
pub(super) unsafe fn call(callable: *mut PyObject, arguments: *mut PyObject) -> *mut PyObject {
    let none = std::ptr::null_mut();
    #[cfg(Py_3_14)]
    {
        // SAFETY: the caller's duty.
        unsafe { ffi::PyObject_Call(callable, arguments, none) }
    }
    #[cfg(not(Py_3_14))]
    {
        let function = unwinding::pointer(&unwinding::CALL);
        // SAFETY: the caller's duty.
        unwinding::hang_on_unwind(|| unsafe { function(callable, arguments, none) })
    }
}

/// `PyObject_Vectorcall` without keywords.
///
/// # Safety
/// `callable` and the arguments are alive, and `count` says truly how many there are and whether the word before them may
/// be overwritten.
#[inline(always)]
pub(super) unsafe fn vectorcall(
    callable: *mut PyObject,
    arguments: *const *mut PyObject,
    count: usize,
) -> *mut PyObject {
    let none = std::ptr::null_mut();
    #[cfg(Py_3_14)]
    {
        // SAFETY: the caller's duty.
        unsafe { ffi::PyObject_Vectorcall(callable, arguments, count, none) }
    }
    #[cfg(not(Py_3_14))]
    {
        let function = unwinding::pointer(&unwinding::VECTORCALL);
        // SAFETY: the caller's duty.
        unwinding::hang_on_unwind(|| unsafe { function(callable, arguments, count, none) })
    }
}

/// `PyObject_VectorcallMethod` without keywords.
///
/// # Safety
/// `name` is a live string; the arguments, the receiver first, are alive, and `count` says truly how many there are and
/// whether the word before them may be overwritten.
#[inline(always)]
pub(super) unsafe fn vectorcall_method(
    name: *mut PyObject,
    arguments: *const *mut PyObject,
    count: usize,
) -> *mut PyObject {
    let none = std::ptr::null_mut();
    #[cfg(Py_3_14)]
    {
        // SAFETY: the caller's duty.
        unsafe { ffi::PyObject_VectorcallMethod(name, arguments, count, none) }
    }
    #[cfg(not(Py_3_14))]
    {
        let function = unwinding::pointer(&unwinding::VECTORCALL_METHOD);
        // SAFETY: the caller's duty.
        unwinding::hang_on_unwind(|| unsafe { function(name, arguments, count, none) })
    }
}

#[cfg(not(Py_3_14))]
mod unwinding {
    use std::mem::transmute;

    use pyo3::ffi::{self, PyObject};

    type Call = unsafe extern "C-unwind" fn(*mut PyObject, *mut PyObject, *mut PyObject) -> *mut PyObject;
    type Vectorcall = unsafe extern "C-unwind" fn(
        *mut PyObject,
        *const *mut PyObject,
        usize,
        *mut PyObject,
    ) -> *mut PyObject;
    type PlainCall = unsafe extern "C" fn(*mut PyObject, *mut PyObject, *mut PyObject) -> *mut PyObject;
    type PlainVectorcall =
        unsafe extern "C" fn(*mut PyObject, *const *mut PyObject, usize, *mut PyObject) -> *mut PyObject;

    // SAFETY: the two types differ only in whether the caller has to reckon with an unwind.
    pub(super) static CALL: Call = unsafe { transmute::<PlainCall, Call>(ffi::PyObject_Call) };
    // SAFETY: as above.
    pub(super) static VECTORCALL: Vectorcall =
        unsafe { transmute::<PlainVectorcall, Vectorcall>(ffi::PyObject_Vectorcall) };

    // SAFETY: as above.
    pub(super) static VECTORCALL_METHOD: Vectorcall =
        unsafe { transmute::<PlainVectorcall, Vectorcall>(ffi::PyObject_VectorcallMethod) };

    /// The pointer, read so that the compiler can't see which function it is: other code of this library declares the same
    /// functions as never unwinding, and link-time optimisation would believe that here too.
    #[inline(always)]
    pub(super) fn pointer<T: Copy>(place: &'static T) -> T {
        // SAFETY: a live static.
        unsafe { std::ptr::read_volatile(place) }
    }

    struct Hang;

    impl Drop for Hang {
        fn drop(&mut self) {
            loop {
                std::thread::park();
            }
        }
    }

    #[inline(always)]
    pub(super) fn hang_on_unwind<R>(call: impl FnOnce() -> R) -> R {
        let guard = Hang;
        let result = call();
        std::mem::forget(guard);
        result
    }
}
