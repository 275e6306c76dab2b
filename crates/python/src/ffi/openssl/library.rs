//! The functions of the libssl that the interpreter's module `_ssl` has loaded.
//!
//! Another libssl of the same process would be a different library with other structures, so the functions are looked
//! up in the module's own file and what it depends on. An interpreter that has OpenSSL linked into itself has no such
//! file, or exports no such names.

use std::ffi::{CStr, CString, c_char, c_int, c_ulong, c_void};
use std::mem::transmute_copy;
use std::ptr::NonNull;
use std::sync::OnceLock;

use pyo3::prelude::*;

use crate::name;

/// An `SSL`, of which only the address is known here.
#[repr(C)]
pub(super) struct Ssl([u8; 0]);

/// A `BIO`.
#[repr(C)]
pub(super) struct Bio([u8; 0]);

/// A `BIO_METHOD`.
#[repr(C)]
pub(super) struct BioMethod([u8; 0]);

pub(super) type ReadFunction = unsafe extern "C" fn(*mut Bio, *mut c_char, c_int) -> c_int;
pub(super) type WriteFunction = unsafe extern "C" fn(*mut Bio, *const c_char, c_int) -> c_int;
pub(super) type ControlFunction =
    unsafe extern "C" fn(*mut Bio, c_int, std::ffi::c_long, *mut c_void) -> std::ffi::c_long;
pub(super) type DestroyFunction = unsafe extern "C" fn(*mut Bio) -> c_int;

/// Defines the table of functions, and its loading.
macro_rules! functions {
    ($($field:ident: $symbol:literal = fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions, by their names in C.
        pub(super) struct Functions {
            $(pub(super) $field: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Functions {
            /// Finds the functions in a library and what it depends on, or returns the name of a missing one.
            fn find(file: &Loaded) -> Result<Self, &'static str> {
                Ok(Self {
                    $($field: {
                        let address = file.find($symbol).ok_or_else(|| $symbol.to_str().unwrap_or("a function"))?;
                        // SAFETY: the function of this name has this type in every OpenSSL since 1.1.1.
                        unsafe { transmute_copy(&address) }
                    },)*
                })
            }
        }
    };
}

functions! {
    read: c"SSL_read_ex" = fn(*mut Ssl, *mut c_void, usize, *mut usize) -> c_int;
    write: c"SSL_write_ex" = fn(*mut Ssl, *const c_void, usize, *mut usize) -> c_int;
    error_of: c"SSL_get_error" = fn(*const Ssl, c_int) -> c_int;
    extra_data: c"SSL_get_ex_data" = fn(*const Ssl, c_int) -> *mut c_void;
    context_of: c"SSL_get_SSL_CTX" = fn(*const Ssl) -> *mut c_void;
    set_bio: c"SSL_set_bio" = fn(*mut Ssl, *mut Bio, *mut Bio);
    first_error: c"ERR_peek_error" = fn() -> c_ulong;
    clear_errors: c"ERR_clear_error" = fn();
    new_method: c"BIO_meth_new" = fn(c_int, *const c_char) -> *mut BioMethod;
    new_index: c"BIO_get_new_index" = fn() -> c_int;
    set_read: c"BIO_meth_set_read" = fn(*mut BioMethod, ReadFunction) -> c_int;
    set_write: c"BIO_meth_set_write" = fn(*mut BioMethod, WriteFunction) -> c_int;
    set_control: c"BIO_meth_set_ctrl" = fn(*mut BioMethod, ControlFunction) -> c_int;
    set_destroy: c"BIO_meth_set_destroy" = fn(*mut BioMethod, DestroyFunction) -> c_int;
    new_bio: c"BIO_new" = fn(*const BioMethod) -> *mut Bio;
    set_data: c"BIO_set_data" = fn(*mut Bio, *mut c_void);
    data: c"BIO_get_data" = fn(*mut Bio) -> *mut c_void;
    set_init: c"BIO_set_init" = fn(*mut Bio, c_int);
    set_flags: c"BIO_set_flags" = fn(*mut Bio, c_int);
    clear_flags: c"BIO_clear_flags" = fn(*mut Bio, c_int);
}

impl Functions {
    /// Removes errors that other code of this thread has left: OpenSSL would take them for those of the next call.
    #[inline]
    pub(super) fn forget_errors(&self) {
        // Clearing costs several times as much as looking, also if there are none.
        // SAFETY: has no preconditions: the errors of this thread.
        if unsafe { (self.first_error)() } != 0 {
            // SAFETY: as above.
            unsafe { (self.clear_errors)() };
        }
    }
}

/// A library that the process has loaded.
struct Loaded(NonNull<c_void>);

impl Loaded {
    /// Returns the library of a file if it is loaded. It stays loaded for ever.
    fn of(path: &str) -> Option<Self> {
        let path = CString::new(path).ok()?;
        // SAFETY: a path that ends with a zero; with this flag nothing is loaded and no code of the library runs.
        let handle = unsafe { libc::dlopen(path.as_ptr(), libc::RTLD_LAZY | libc::RTLD_NOLOAD) };
        NonNull::new(handle).map(Self)
    }

    fn find(&self, symbol: &CStr) -> Option<NonNull<c_void>> {
        // SAFETY: an open handle, and a name that ends with a zero.
        NonNull::new(unsafe { libc::dlsym(self.0.as_ptr(), symbol.as_ptr()) })
    }
}

static FUNCTIONS: OnceLock<Result<Functions, String>> = OnceLock::new();

/// Returns the functions, which are looked for at the first call, or why there are none.
pub(super) fn find_functions(py: Python<'_>) -> PyResult<Result<&'static Functions, &'static str>> {
    if FUNCTIONS.get().is_none() {
        let found = find(py)?;
        // A thread that was faster has found the same.
        drop(FUNCTIONS.set(found));
    }
    let found = FUNCTIONS.get().map(|found| found.as_ref().map_err(String::as_str));
    Ok(found.unwrap_or(Err("they were not looked for")))
}

/// Returns the functions that were found before; the thread need not be attached.
pub(super) fn functions() -> Option<&'static Functions> {
    FUNCTIONS.get()?.as_ref().ok()
}

fn find(py: Python<'_>) -> PyResult<Result<Functions, String>> {
    let version: String = py.import(name!("ssl"))?.getattr(name!("OPENSSL_VERSION"))?.extract()?;
    if !version.starts_with("OpenSSL ") || version.contains("compatible") {
        return Ok(Err(format!("{version} is not OpenSSL")));
    }
    let Some(file) = py.import(name!("_ssl"))?.getattr_opt(name!("__file__"))? else {
        return Ok(Err("the interpreter has OpenSSL linked into itself".to_owned()));
    };
    let file: String = file.extract()?;
    let Some(loaded) = Loaded::of(&file) else { return Ok(Err(format!("{file} is not loaded"))) };
    Ok(Functions::find(&loaded).map_err(|missing| format!("{file} has no {missing}")))
}
