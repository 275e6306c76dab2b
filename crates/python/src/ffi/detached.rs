//! Running code while the thread is detached: it has no thread state, and the GIL, where there is one, is others'.
//!
//! References to objects are `Send`, because any attached thread may have them, and are released by attached threads
//! only. So code that runs detached must not drop one. It is given as a closure that is `Copy`: what such a closure
//! captures, it cannot drop. Clippy refuses PyO3's `Python::detach` elsewhere, which asks for `Send` only.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use pyo3::prelude::*;
use reactor::Poller;

/// A value without references to Python objects.
pub(crate) trait Plain: Send {}

impl Plain for OwnedFd {}
impl Plain for Box<Poller> {}
impl Plain for &mut [MaybeUninit<u8>] {}

/// Runs `body` while the thread is detached.
#[inline]
pub(crate) fn detached<R: Send>(py: Python<'_>, body: impl FnOnce() -> R + Copy + Send) -> R {
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    py.detach(body)
}

/// Does the same, and passes it a value.
#[inline]
pub(crate) fn detached_with<V: Plain, R: Send>(
    py: Python<'_>,
    value: V,
    body: impl FnOnce(V) -> R + Copy + Send,
) -> R {
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    py.detach(move || body(value))
}
