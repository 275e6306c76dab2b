//! Protocols in Rust: a stream passes them its bytes without a call of Python's.
//!
//! For all other code such a protocol is an ordinary `asyncio.Protocol`; any transport can drive it by its methods. A
//! native stream checks once per connection whether the protocol's class is one of these. Particular protocols are not
//! known here.

use std::sync::{PoisonError, RwLock};

use pyo3::prelude::*;

use crate::ffi::this::Borrowed;
use crate::ffi::trampoline::ErrorSet;

/// The functions of a class of native protocols. Both are called with no borrow alive.
pub(crate) struct StreamProtocol {
    /// Receives some bytes: `data_received`, in the connection's context; it may run user code. The bytes are valid
    /// until it returns.
    pub(crate) received: fn(Borrowed<'_>, &[u8]) -> Result<(), ErrorSet>,
    /// Called at the end of a turn, before the stream sends what was written, if the protocol has asked for it; in any
    /// context.
    pub(crate) turn_ends: fn(Borrowed<'_>) -> Result<(), ErrorSet>,
    /// What the exception handler is told of an exception of `received`.
    pub(crate) failure: &'static str,
}

struct Known {
    /// The address of a class that lives as long as the process.
    class: usize,
    protocol: &'static StreamProtocol,
}

static KNOWN: RwLock<Vec<Known>> = RwLock::new(Vec::new());

/// The addresses of the classes whose objects create only such protocols.
static FACTORIES: RwLock<Vec<usize>> = RwLock::new(Vec::new());

/// Registers a class, which must live as long as the process.
pub(crate) fn register(class: &Bound<'_, PyAny>, protocol: &'static StreamProtocol) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    known.push(Known { class: class.as_ptr().addr(), protocol });
}

/// Returns the functions of an object whose class is exactly a registered one.
pub(crate) fn of(object: &Bound<'_, PyAny>) -> Option<&'static StreamProtocol> {
    let class = object.get_type().as_ptr().addr();
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    known.iter().find(|known| known.class == class).map(|known| known.protocol)
}

/// Registers a class of protocol factories, which must live as long as the process.
pub(crate) fn register_factory(class: &Bound<'_, PyAny>) {
    FACTORIES.write().unwrap_or_else(PoisonError::into_inner).push(class.as_ptr().addr());
}

/// Returns whether a protocol factory creates native protocols: its class is exactly a registered one.
pub(crate) fn is_made_by(factory: &Bound<'_, PyAny>) -> bool {
    let class = factory.get_type().as_ptr().addr();
    FACTORIES.read().unwrap_or_else(PoisonError::into_inner).contains(&class)
}
