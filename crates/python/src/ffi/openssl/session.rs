//! The `SSL*` of an `ssl.SSLObject`, and the raw calls on it.
//!
//! The pointer is the second field after the header of the object, behind the socket that an object over BIOs has not.
//! Two things prove it: OpenSSL's first extra data of the connection is the object itself, as CPython sets it for its
//! callbacks, and its context is the one that the object was made from.
//!
//! Without the GIL the object's methods lock the object (a critical section), and so do the raw calls. A method that may
//! wait (`read`, `write`, `do_handshake`, `shutdown`) lets go of that lock, as it lets go of the GIL, and two of those at
//! once are no more allowed here than in CPython, where they too would call OpenSSL at the same time for one connection.

use std::ffi::{c_int, c_void};
use std::ptr::NonNull;

use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::critical_section::with_critical_section;

use super::channel::{Channel, make_bio};
use super::library::{Functions, Ssl, find_functions};
use crate::ffi::error::{new_error, no_memory};
use crate::ffi::make;
use crate::ffi::object::Object;
use crate::ffi::room::Room;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// `SSL_ERROR_WANT_READ`, `SSL_ERROR_WANT_WRITE` and `SSL_ERROR_ZERO_RETURN` of ssl.h.
const WANT_READ: c_int = 2;
const WANT_WRITE: c_int = 3;
const ZERO_RETURN: c_int = 6;

/// The newest CPython in whose objects the pointer was seen.
const NEWEST: (u8, u8) = (3, 15);

/// What came of a raw call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// So many bytes were read or written.
    Moved(usize),
    /// The peer has to send more first.
    Want,
    /// The peer has said goodbye: close_notify.
    Closed,
}

/// The start of a `_ssl._SSLSocket`.
#[repr(C)]
struct SocketLayout {
    head: ffi::PyObject,
    socket: *mut ffi::PyObject,
    ssl: *mut Ssl,
}

/// The start of a `_ssl._SSLContext`.
#[repr(C)]
struct ContextLayout {
    head: ffi::PyObject,
    context: *mut c_void,
}

/// A connection of OpenSSL, inside a Python object that owns it.
pub(crate) struct Session {
    /// The `_ssl._SSLSocket`, which frees the connection, and its BIO with the channel.
    object: Object,
    ssl: NonNull<Ssl>,
    channel: NonNull<Channel>,
    functions: &'static Functions,
    /// Whether there is a callback for messages. Before 3.15 the object keeps its exception for its own methods.
    is_reporting: bool,
}

// SAFETY: a connection of OpenSSL may be used by one thread after the other. What else has the connection and its channel
// is the object, whose lock is taken for each use.
unsafe impl Send for Session {}

impl Session {
    /// Returns the reason for which no connection of this process can be used in this way.
    pub(crate) fn obstacle(py: Python<'_>) -> PyResult<Option<String>> {
        let version = py.version_info();
        let is_known = (version.major, version.minor) <= NEWEST && cfg!(not(any(PyPy, GraalPy)));
        if !is_known {
            let text = format!("the objects of Python {}.{} are not known", version.major, version.minor);
            return Ok(Some(text));
        }
        Ok(find_functions(py)?.err().map(str::to_owned))
    }

    /// Takes over the connection of a `_ssl._SSLSocket` that was made over memory BIOs: they are replaced by one of
    /// ours. Returns why that can't be done.
    pub(crate) fn of(
        object: &Bound<'_, PyAny>,
        context: &Bound<'_, PyAny>,
    ) -> PyResult<Result<Self, String>> {
        let py = object.py();
        if let Some(obstacle) = Self::obstacle(py)? {
            return Ok(Err(obstacle));
        }
        let functions = match find_functions(py)? {
            Ok(functions) => functions,
            Err(reason) => return Ok(Err(reason.to_owned())),
        };
        let module = py.import(name!("_ssl"))?;
        let is_plain = object.get_type().is(&module.getattr(name!("_SSLSocket"))?)
            && context.is_instance(&module.getattr(name!("_SSLContext"))?)?
            && has_size::<SocketLayout>(object)?
            && has_size::<ContextLayout>(context)?;
        if !is_plain {
            return Ok(Err("the object is not one of the standard library's".to_owned()));
        }
        // SAFETY: an object of the class, which is at least as large as the layout.
        let ssl = unsafe { (*object.as_ptr().cast::<SocketLayout>()).ssl };
        // SAFETY: as above.
        let expected = unsafe { (*context.as_ptr().cast::<ContextLayout>()).context };
        let Some(ssl) = NonNull::new(ssl).filter(|ssl| ssl.as_ptr().addr() % align_of::<usize>() == 0) else {
            return Ok(Err("the object has no connection where it was expected".to_owned()));
        };
        let (owner, context) = with_critical_section(object, || {
            // SAFETY: in the versions that `obstacle` lets pass the field is the connection.
            let owner = unsafe { (functions.extra_data)(ssl.as_ptr(), 0) };
            // SAFETY: as above.
            (owner, unsafe { (functions.context_of)(ssl.as_ptr()) })
        });
        if owner != object.as_ptr().cast() || context != expected {
            return Ok(Err("the connection does not belong to the object".to_owned()));
        }
        let Some((bio, channel)) = make_bio(functions) else { return Err(no_memory()) };
        with_critical_section(object, || {
            // SAFETY: a connection of this library, and a new BIO that is given to it for both directions. It releases
            // the BIOs that it had.
            unsafe { (functions.set_bio)(ssl.as_ptr(), bio.as_ptr(), bio.as_ptr()) };
        });
        Ok(Ok(Self { object: object.clone().into(), ssl, channel, functions, is_reporting: false }))
    }

    /// The `_ssl._SSLSocket`.
    pub(crate) const fn object(&self) -> &Object {
        &self.object
    }

    /// Looks for a callback for messages after the handshake, in which the connection may have got another context.
    pub(crate) fn look_for_callback(&mut self, py: Python<'_>) -> PyResult<()> {
        let context = self.object.bind(py).getattr(name!("context"))?;
        self.is_reporting =
            context.getattr_opt(name!("_msg_callback"))?.is_some_and(|callback| !callback.is_none());
        Ok(())
    }

    fn channel(&self) -> &Channel {
        // SAFETY: the object keeps the connection and so its BIO, which owns the channel.
        unsafe { self.channel.as_ref() }
    }

    /// Calls a method of the object, for which some ciphertext is lent.
    pub(crate) fn with_input<R>(&mut self, input: &mut &[u8], call: impl FnOnce(&Object) -> R) -> R {
        let loan = self.channel().lend(input);
        let result = call(&self.object);
        let left = loan.end().len();
        *input = &input[input.len() - left..];
        result
    }

    /// Decrypts the data of at most one record, from the front of the ciphertext, which advances.
    #[inline]
    pub(crate) fn read(
        &mut self,
        py: Python<'_>,
        input: &mut &[u8],
        room: &mut Room<'_>,
    ) -> Result<Outcome, ErrorSet> {
        let functions = self.functions;
        let loan = self.channel().lend(input);
        let (rest, mut count) = (room.rest(), 0);
        functions.forget_errors();
        let status = self.call(py, |ssl| {
            // SAFETY: a live connection, and room for so many bytes.
            unsafe { (functions.read)(ssl, rest.as_mut_ptr().cast(), rest.len(), &raw mut count) }
        });
        let left = loan.end().len();
        *input = &input[input.len() - left..];
        if status.is_ok() {
            // SAFETY: OpenSSL has written so many bytes.
            unsafe { room.advance(count) };
        }
        self.outcome(py, status, count)
    }

    /// Encrypts data, of which at most one record is made.
    #[inline]
    pub(crate) fn write(&mut self, py: Python<'_>, data: &[u8]) -> Result<Outcome, ErrorSet> {
        let functions = self.functions;
        let mut count = 0;
        functions.forget_errors();
        let status = self.call(py, |ssl| {
            // SAFETY: a live connection, and so many bytes.
            unsafe { (functions.write)(ssl, data.as_ptr().cast(), data.len(), &raw mut count) }
        });
        self.outcome(py, status, count)
    }

    /// Makes a raw call that returns 1 on success. Otherwise the result is OpenSSL's reason.
    #[inline(always)]
    fn call(&self, py: Python<'_>, call: impl FnOnce(*mut Ssl) -> c_int) -> Result<(), c_int> {
        with_critical_section(self.object.bind(py), || match call(self.ssl.as_ptr()) {
            1 => Ok(()),
            // SAFETY: a live connection, right after the call that failed.
            status => Err(unsafe { (self.functions.error_of)(self.ssl.as_ptr(), status) }),
        })
    }

    /// Returns whether memory for what was encrypted was refused since the last call.
    pub(crate) fn was_refused(&self) -> bool {
        self.channel().was_refused()
    }

    /// Returns what was encrypted, and puts an empty buffer in its place, whose capacity is used next.
    #[inline]
    pub(crate) fn exchange_output(&mut self, empty: Vec<u8>) -> Vec<u8> {
        self.channel().exchange_output(empty)
    }

    #[inline]
    fn outcome(&self, py: Python<'_>, status: Result<(), c_int>, count: usize) -> Result<Outcome, ErrorSet> {
        // A callback of the context may have raised: from 3.15 on that is left to whoever made the call.
        if PyErr::occurred(py) {
            return Err(ErrorSet::by_interpreter());
        }
        let outcome = match status {
            Ok(()) => Outcome::Moved(count),
            Err(reason) => self.failure(py, reason)?,
        };
        if self.is_reporting {
            self.raise_kept(py)?;
        }
        Ok(outcome)
    }

    /// Raises the exception of a callback that the object has kept: its method does nothing else after the handshake.
    #[cold]
    fn raise_kept(&self, py: Python<'_>) -> Result<(), ErrorSet> {
        let Err(error) = self.object.bind(py).call_method0(name!("do_handshake")) else { return Ok(()) };
        let ssl_error = py.import(name!("_ssl"))?.getattr(name!("SSLError"))?;
        if error.is_instance(py, &ssl_error) { Ok(()) } else { Err(error.into()) }
    }

    #[cold]
    fn failure(&self, py: Python<'_>, reason: c_int) -> Result<Outcome, ErrorSet> {
        match reason {
            WANT_READ | WANT_WRITE => Ok(Outcome::Want),
            ZERO_RETURN => Ok(Outcome::Closed),
            _ if self.was_refused() => Err(no_memory().into()),
            _ => Err(self.raise(py)),
        }
    }

    /// Raises the exception of a failed call. OpenSSL's errors are still in its queue, and the connection fails again:
    /// so the object makes of them the exception that it would have raised.
    fn raise(&self, py: Python<'_>) -> ErrorSet {
        let one = match make::integer(py, 1) {
            Ok(one) => one,
            Err(raised) => return raised,
        };
        match self.object.bind(py).call_method1(name!("read"), (one,)) {
            Err(error) => error.into(),
            Ok(_) => new_error::<PyRuntimeError>("OpenSSL reports an error and none").into(),
        }
    }
}

/// Returns whether the objects of the class are at least as large as a layout.
fn has_size<T>(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    Ok(object.get_type().getattr(name!("__basicsize__"))?.extract::<usize>()? >= size_of::<T>())
}
