//! Protocols in Rust: a stream hands them its bytes without a call of Python's.
//!
//! To everybody else such a protocol is an ordinary `asyncio.Protocol`; any transport can drive it by its methods. A
//! stream of ours asks once for each connection whether the protocol's class is one of these. It knows no protocol.

use std::sync::{PoisonError, RwLock};

use pyo3::prelude::*;

use crate::ffi::method::Argument;
use crate::ffi::trampoline::ErrorSet;

/// What a class of native protocols does for the stream below it. Both are called with no borrow alive.
pub(crate) struct StreamProtocol {
    /// Some bytes have arrived: `data_received`, in the connection's context, and it may run code of the user's. They
    /// are gone when it returns.
    pub(crate) received: fn(Argument<'_>, &[u8]) -> Result<(), ErrorSet>,
    /// The turn ends, and the stream is about to send what was written: called if the protocol has asked for it, in
    /// whatever context is current.
    pub(crate) turn_ends: fn(Argument<'_>) -> Result<(), ErrorSet>,
}

struct Known {
    /// The address of a class that lives as long as the process.
    class: usize,
    protocol: &'static StreamProtocol,
}

static KNOWN: RwLock<Vec<Known>> = RwLock::new(Vec::new());

/// The addresses of the classes whose objects make such protocols and nothing else.
static FACTORIES: RwLock<Vec<usize>> = RwLock::new(Vec::new());

/// Makes a class known. It must live as long as the process.
pub(crate) fn register(class: &Bound<'_, PyAny>, protocol: &'static StreamProtocol) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    known.push(Known { class: class.as_ptr().addr(), protocol });
}

/// What is native in an object whose class is exactly a known one.
pub(crate) fn of(object: &Bound<'_, PyAny>) -> Option<&'static StreamProtocol> {
    let class = object.get_type().as_ptr().addr();
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    known.iter().find(|known| known.class == class).map(|known| known.protocol)
}

/// Makes a class of protocol factories known, which must live as long as the process.
pub(crate) fn register_factory(class: &Bound<'_, PyAny>) {
    FACTORIES.write().unwrap_or_else(PoisonError::into_inner).push(class.as_ptr().addr());
}

/// Whether a protocol factory makes native protocols: its class is exactly a known one.
pub(crate) fn is_made_by(factory: &Bound<'_, PyAny>) -> bool {
    let class = factory.get_type().as_ptr().addr();
    FACTORIES.read().unwrap_or_else(PoisonError::into_inner).contains(&class)
}
