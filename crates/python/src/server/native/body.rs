//! The coroutines of `body()`, `text()`, `json()` and the like: each gathers the content, and ends with a value of it.
//!
//! A request of another ASGI server is read by coroutines of Python's (`vitok.http.native.content`) around the same
//! functions.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::{PyRuntimeError, PyStopAsyncIteration};
use pyo3::prelude::*;

use super::reading::{self, Streamed};
use super::request::{Request, Source};
use super::values::{self, Kind};
use crate::ffi::call::call_method;
use crate::ffi::class::Definition;
use crate::ffi::constants::{none, truth};
use crate::ffi::coroutine::{self, Coroutine, Step};
use crate::ffi::error::new_error;
use crate::ffi::gil_cell::GilCell;
use crate::ffi::instance::{ClassValue, Visit, Weak, one_class};
use crate::ffi::object::Object;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// A coroutine that reads content.
pub(super) struct Reader {
    request: Object<Request>,
    what: What,
    /// Whether it is the one that reads.
    is_reading: AtomicBool,
    has_ended: AtomicBool,
    /// The future that the task waits for.
    future: GilCell<Option<Object>>,
}

/// What a coroutine returns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// The whole content, as a value of some kind.
    Value(Kind),
    /// The next part; StopAsyncIteration at the end.
    Part,
    /// No further part: StopAsyncIteration.
    End,
    /// Whether the client has left, after a turn of the loop.
    IsDisconnected,
}

/// Creates the class and adds it to the module.
pub(super) fn make_class(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let definition = Definition::new("HttpReader", "A coroutine that reads the content of a request.");
    coroutine::make_class(module, Reader::class(), definition).map(drop)
}

/// Creates a coroutine that reads the content of a request.
pub(super) fn make(this: This<'_, Request>, what: What) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let [is_reading, has_ended] = [AtomicBool::new(false), AtomicBool::new(false)];
    let (request, future) = (this.to_owned().into(), GilCell::new(None));
    Ok(Reader::class()
        .instance(this.py(), Reader { request, what, is_reading, has_ended, future })?
        .into_any())
}

impl Coroutine for Reader {
    fn step(this: This<'_, Self>, _sends_none: bool) -> Result<Step<'_>, ErrorSet> {
        let py = this.py();
        let reader = this.value();
        if reader.has_ended.load(Ordering::Relaxed) {
            let text = "cannot reuse already awaited coroutine";
            return Err(new_error::<PyRuntimeError>(text).into());
        }
        let before = reader.future.with(py, Option::take);
        drop(before);
        let found = match reader.what {
            What::Value(kind) => reader.value(py, kind),
            What::Part => reader.part(py),
            What::End => Err(end_of_parts()),
            What::IsDisconnected => return reader.is_disconnected(py),
        };
        match found {
            Ok(Some(value)) => {
                reader.end(py);
                Ok(Step::Return(value))
            }
            Ok(None) => reader.wait(py),
            Err(raised) => {
                reader.end(py);
                Err(raised)
            }
        }
    }

    fn abandon(this: This<'_, Self>) -> bool {
        let (py, reader) = (this.py(), this.value());
        if reader.has_ended.load(Ordering::Relaxed) {
            return false;
        }
        let future = reader.future.with(py, Option::take);
        if let (Some(future), Source::Connection { protocol, .. }) =
            (&future, &reader.request.this(py).value().source)
        {
            let is_other = |listed: &Object| !listed.is(&**future);
            // This is not the last reference to it.
            protocol.this(py).state.with(py, |state| state.exchange.receivers.retain(is_other));
        }
        reader.end(py);
        true
    }

    fn qualified_name(this: This<'_, Self>) -> &'static str {
        match this.what {
            What::Value(kind) => kind.method(),
            What::Part | What::End => "HttpStream.__anext__",
            What::IsDisconnected => "Request.is_disconnected",
        }
    }
}

impl Reader {
    /// Returns the value of the content, once all of it has arrived.
    #[inline]
    fn value<'py>(&'py self, py: Python<'py>, kind: Kind) -> Result<Option<Bound<'py, PyAny>>, ErrorSet> {
        let request = self.request.this(py);
        if !self.is_reading.load(Ordering::Relaxed) {
            if values::is_made(request, kind) {
                return values::value(request, kind).map(Some);
            }
            values::check(request, kind)?;
            if reading::begin(request)? {
                return values::value(request, kind).map(Some);
            }
            self.is_reading.store(true, Ordering::Relaxed);
        }
        if !reading::gather(request)? {
            return Ok(None);
        }
        values::value(request, kind).map(Some)
    }

    /// Returns the next part of the content, if it has arrived.
    fn part<'py>(&'py self, py: Python<'py>) -> Result<Option<Bound<'py, PyAny>>, ErrorSet> {
        let request = self.request.this(py);
        let mut streamed = Streamed::Nothing;
        if !self.is_reading.load(Ordering::Relaxed) {
            streamed = reading::begin_part(request)?;
            self.is_reading.store(matches!(streamed, Streamed::Nothing), Ordering::Relaxed);
        }
        if matches!(streamed, Streamed::Nothing) {
            streamed = reading::next_part(request)?;
        }
        match streamed {
            Streamed::Nothing => Ok(None),
            // Content that was empty has no parts.
            Streamed::Part(part) if part.as_ref().is_empty() => Err(end_of_parts()),
            Streamed::Part(part) => part.to_object(py).map(Some),
            Streamed::End => Err(end_of_parts()),
        }
    }

    /// Returns whether the client has left. The loop has a turn before, so that code that asks again and again learns of
    /// it.
    fn is_disconnected<'py>(&'py self, py: Python<'py>) -> Result<Step<'py>, ErrorSet> {
        if !self.is_reading.swap(true, Ordering::Relaxed) {
            return Ok(Step::Yield(none(py)));
        }
        self.has_ended.store(true, Ordering::Relaxed);
        Ok(Step::Return(truth(py, reading::is_disconnected(self.request.this(py)))))
    }

    /// Yields a future that is woken when there may be more content.
    #[cold]
    fn wait<'py>(&'py self, py: Python<'py>) -> Result<Step<'py>, ErrorSet> {
        let request = self.request.this(py).value();
        let Source::Connection { protocol, .. } = &request.source else {
            let text = "the content comes from another server";
            return Err(new_error::<PyRuntimeError>(text).into());
        };
        let protocol = protocol.this(py);
        let owner = protocol.value().http_server.get().owner.bind_borrowed(py);
        let future = call_method(owner, name!("create_future"), &[])?;
        future.setattr(name!("_asyncio_future_blocking"), true)?;
        let (copy, listed) = (future.clone().into(), future.clone().into());
        let before = self.future.with(py, |place| place.replace(copy));
        drop(before);
        protocol.state.with(py, |state| state.exchange.receivers.push(listed));
        Ok(Step::Yield(future))
    }

    /// Ceases to read.
    fn end(&self, py: Python<'_>) {
        self.has_ended.store(true, Ordering::Relaxed);
        if self.is_reading.swap(false, Ordering::Relaxed) && self.what != What::IsDisconnected {
            reading::pause(self.request.this(py));
        }
    }
}

#[cold]
fn end_of_parts() -> ErrorSet {
    new_error::<PyStopAsyncIteration>("").into()
}

impl ClassValue for Reader {
    type Head = Weak;

    one_class!(Reader);

    fn visit(&self, visit: &mut Visit) {
        visit.object(&self.request);
        self.future.peek(|future| visit.maybe(future.as_ref()));
    }

    fn clear(&self, py: Python<'_>) {
        let released = self.future.with(py, Option::take);
        drop(released);
    }

    /// A coroutine that is dropped leaves the content to others.
    fn on_dealloc(&self, py: Python<'_>) -> Result<(), ErrorSet> {
        self.end(py);
        Ok(())
    }
}
