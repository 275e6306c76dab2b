//! `call_soon`, `call_later`, `call_at`, `call_soon_threadsafe`: from a call to a handle in a queue. `event_loop`
//! decides when handles run.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use crate::ffi::arguments::Call;
use crate::ffi::error::new_error;
use crate::ffi::handle_object::{Flags, Handle};
use crate::ffi::handle_pool::{Content, make_handle};
use crate::ffi::interpreter::to_seconds;
use crate::ffi::make;
use crate::ffi::method::{Method, fastcall};
use crate::ffi::name::Text;
use crate::ffi::this::Borrowed;
use crate::ffi::trampoline::ErrorSet;
use crate::handle;
use crate::loop_state::{EventLoop, Modes};
use crate::name;
use crate::time;

pub(crate) fn methods() -> Vec<Method<EventLoop>> {
    vec![
        Method {
            name: "call_soon",
            entry: fastcall(call_soon),
            signature: "($self, callback, *args, context=None)".to_owned(),
            doc: "Call callback(*args) at the next turn of the loop, in context or in a copy of the current one.\n\n\
                  Returns a Handle. RuntimeError on a closed loop.",
        },
        Method {
            name: "call_soon_threadsafe",
            entry: fastcall(call_soon_threadsafe),
            signature: "($self, callback, *args, context=None)".to_owned(),
            doc: "call_soon() for other threads and for signal handlers: it wakes the loop.\n\n\
                  Callbacks of one thread keep their order. RuntimeError on a closed loop.",
        },
        Method {
            name: "call_later",
            entry: fastcall(call_later),
            signature: "($self, delay, callback, *args, context=None)".to_owned(),
            doc: "Call callback(*args) after delay seconds, never earlier. Returns a TimerHandle.\n\n\
                  TypeError for a delay of None, RuntimeError on a closed loop.",
        },
        Method {
            name: "call_at",
            entry: fastcall(call_at),
            signature: "($self, when, callback, *args, context=None)".to_owned(),
            doc: "Call callback(*args) when loop.time() has reached when, in seconds. Returns a TimerHandle.\n\n\
                  TypeError for None, RuntimeError on a closed loop.",
        },
    ]
}

/// The arguments of a scheduling method.
struct Request<'py> {
    callback: Borrowed<'py>,
    arguments: &'py [Borrowed<'py>],
    context: Option<Borrowed<'py>>,
}

fn call_soon<'py>(call: &Call<'py, EventLoop>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let Some((callback, arguments)) = call.positional().split_first() else {
        return call.by_keyword::<EventLoop>("call_soon", &["callback"]);
    };
    let request = Request { callback: *callback, arguments, context: handle::context_of(call, "call_soon")? };
    let this = call.this().value();
    let made = make_checked_handle(call, this, &request, "call_soon", Flags::NONE, 0.0)?;
    let object = made.to_object(call.py);
    this.push_ready(call.py, made);
    Ok(object)
}

fn call_soon_threadsafe<'py>(call: &Call<'py, EventLoop>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let Some((callback, arguments)) = call.positional().split_first() else {
        return call.by_keyword::<EventLoop>("call_soon_threadsafe", &["callback"]);
    };
    let request = Request {
        callback: *callback,
        arguments,
        context: handle::context_of(call, "call_soon_threadsafe")?,
    };
    let this = call.this().value();
    let made = make_checked_handle(call, this, &request, "call_soon_threadsafe", Flags::THREADSAFE, 0.0)?;
    let object = made.to_object(call.py);
    this.post(call.py, made)?;
    // Another thread may have closed it after the check.
    this.check_open()?;
    Ok(object)
}

fn call_later<'py>(call: &Call<'py, EventLoop>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let [delay, callback, arguments @ ..] = call.positional() else {
        return call.by_keyword::<EventLoop>("call_later", &["delay", "callback"]);
    };
    if delay.is_none() {
        return Err(new_error::<PyTypeError>("delay must not be None").into());
    }
    let request =
        Request { callback: *callback, arguments, context: handle::context_of(call, "call_later")? };
    let this = call.this().value();
    let now = time::now(this, call.this())?;
    let when = now + to_seconds(*delay).or_else(|raised| wrong_delay(call.py, now, *delay, raised))?;
    at(call, this, &request, "call_at", when)
}

/// Returns the sum of the time and a delay that is no number, less the time, or what the addition raises: asyncio adds
/// them.
#[cold]
fn wrong_delay(py: Python<'_>, now: f64, delay: Borrowed<'_>, raised: ErrorSet) -> Result<f64, ErrorSet> {
    drop(raised.take(py));
    let sum = make::float(py, now)?.add(delay)?;
    Ok(to_seconds(sum.as_borrowed())? - now)
}

fn call_at<'py>(call: &Call<'py, EventLoop>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let [when, callback, arguments @ ..] = call.positional() else {
        return call.by_keyword::<EventLoop>("call_at", &["when", "callback"]);
    };
    if when.is_none() {
        return Err(new_error::<PyTypeError>("when cannot be None").into());
    }
    let request = Request { callback: *callback, arguments, context: handle::context_of(call, "call_at")? };
    at(call, call.this().value(), &request, "call_at", to_seconds(*when)?)
}

#[inline(always)]
fn at<'py>(
    call: &Call<'py, EventLoop>,
    this: &EventLoop,
    request: &Request<'py>,
    method: &'static str,
    when: f64,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let made = make_checked_handle(call, this, request, method, Flags::TIMER.with(Flags::SCHEDULED), when)?;
    let object = made.to_object(call.py);
    this.queues.with(call.py, |queues| queues.push_timer(made));
    Ok(object)
}

/// Makes asyncio's checks, and creates the handle.
#[inline(always)]
fn make_checked_handle<'py>(
    call: &Call<'py, EventLoop>,
    this: &EventLoop,
    request: &Request<'py>,
    method: &'static str,
    flags: Flags,
    when: f64,
) -> Result<Handle, ErrorSet> {
    if this.modes.any(Modes::CLOSED | Modes::DEBUG) {
        check(call, this, request, method)?;
    }
    let content = Content {
        callback: request.callback,
        arguments: request.arguments,
        context: request.context,
        flags,
        when,
        tracked: !waits_in_running_loop(this, flags),
    };
    let handle = make_handle(call.this(), content)?;
    if this.modes.any(Modes::DEBUG) {
        handle::remember_origin(call.py, this, &handle)?;
    }
    Ok(handle)
}

/// Returns whether the handle goes to the queue of a running loop, where the garbage collector need not know it.
#[inline(always)]
fn waits_in_running_loop(this: &EventLoop, flags: Flags) -> bool {
    if flags.has(Flags::TIMER) {
        return false;
    }
    // A posted handle may arrive after the run has ended.
    if flags.has(Flags::THREADSAFE) { this.is_own_thread() } else { this.is_running() }
}

/// Refuses a closed loop; in debug mode also checks the thread and the callback, as asyncio does.
#[cold]
fn check(
    call: &Call<'_, EventLoop>,
    this: &EventLoop,
    request: &Request<'_>,
    method: &str,
) -> Result<(), ErrorSet> {
    this.check_open()?;
    if method != "call_soon_threadsafe" {
        call.receiver().call_method0(name!("_check_thread"))?;
    }
    call.receiver().call_method1(name!("_check_callback"), (request.callback, Text(method)))?;
    Ok(())
}
