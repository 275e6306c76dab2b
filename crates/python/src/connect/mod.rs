//! `create_connection` to one literal address, without options: a coroutine that connects, creates the protocol and its
//! transport, and waits until `connection_made` was called.
//!
//! This file has the method. Every other call (names, TLS, several addresses, options, debug mode, a loop whose methods
//! were replaced, a program with audit hooks) goes to `vitok._connect`.
//!
//! | File       | Contents                                                                |
//! |------------|-------------------------------------------------------------------------|
//! | `request`  | the calls that are answered here                                        |
//! | `replaced` | whether a method or class that asyncio would use is not the known one   |
//! | `task`     | the coroutine: connecting, waiting, opening the transport               |

mod replaced;
mod request;
mod task;

use pyo3::prelude::*;

pub(crate) use replaced::{is_replaceable, know_loop_class};
pub(crate) use task::at_turn_end;

use crate::ffi::coroutine_method::{add_coroutine_methods, coroutine_method};
use crate::ffi::make;
use crate::ffi::method::Call;
use crate::ffi::trampoline::ErrorSet;
use crate::imports;
use crate::loop_state::EventLoop;
use crate::name;

/// Adds the class of the coroutines to the module, and the method to the class of the loop.
pub(crate) fn add(module: &Bound<'_, PyModule>) -> PyResult<()> {
    task::make_class(module)?;
    let base = imports::class(module.py(), "asyncio.base_events", "BaseEventLoop")?;
    add_coroutine_methods::<EventLoop, 1>(
        module.py(),
        &base,
        [coroutine_method("create_connection", |call| match request::of(call)? {
            Some(request) => task::create(call, request).map(Some),
            None => in_python(call),
        })],
    )
}

/// Returns the coroutine of the function in Python, which `vitok.Loop` has as a method.
fn in_python<'py>(call: &Call<'py, EventLoop>) -> Result<Option<Bound<'py, PyAny>>, ErrorSet> {
    let Some(method) = call.receiver().getattr_opt(name!("_create_connection"))? else { return Ok(None) };
    let (mut arguments, options) = call.unbound()?;
    let arguments = make::tuple(call.py, arguments.drain(1..))?;
    Ok(Some(method.call(arguments, Some(&options))?))
}
