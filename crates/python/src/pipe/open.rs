//! The loop's methods that create the transports of pipes.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use stream::{PipeEnd, WriteQueue};

use super::state::{Inner, Nonblocking};
use crate::ffi::error::new_error;
use crate::ffi::method::{Call, Method, fastcall};
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::EventLoop;
use crate::registry::SourceKind;
use crate::transport::{Common, check_protocol, method, open, schedule_begin};

/// The methods of the loop that create transports.
pub(crate) fn methods() -> Vec<Method<EventLoop>> {
    vec![
        method(
            "_open_read_pipe",
            fastcall(open_read_pipe),
            "($self, pipe, descriptor, protocol, waiter, extra)",
            "The transport of a pipe's reading end. `connection_made` is called at the next turn, then the waiter is woken.",
        ),
        method(
            "_open_write_pipe",
            fastcall(open_write_pipe),
            "($self, pipe, descriptor, protocol, waiter, extra, hears_reader)",
            "The same for the writing end. `hears_reader`: readiness for reading says that the reader has left.",
        ),
    ]
}

fn open_read_pipe<'py>(call: &Call<'py, EventLoop>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    open_end(call, SourceKind::ReadPipe, false)
}

fn open_write_pipe<'py>(call: &Call<'py, EventLoop>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let hears_reader = match call.positional().last() {
        Some(last) => last.is_truthy()?,
        None => false,
    };
    open_end(call, SourceKind::WritePipe, hears_reader)
}

/// Creates a transport. At its next turn the loop calls `connection_made`, then the waiter is woken.
fn open_end<'py>(
    call: &Call<'py, EventLoop>,
    kind: SourceKind,
    hears_reader: bool,
) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let &[file, descriptor, protocol, waiter, extra, ..] = call.positional() else {
        return Err(new_error::<PyTypeError>("a pipe's transport is made of five arguments or more").into());
    };
    call.refuse_keywords("_open_pipe")?;
    let owner = call.this().to_owned();
    owner.get().check_open()?;
    check_protocol(&protocol)?;
    let inner = Inner {
        common: Common::new(descriptor.extract()?, protocol.to_owned(), None)?,
        end: if kind == SourceKind::ReadPipe { PipeEnd::reader() } else { PipeEnd::writer(hears_reader) },
        queue: WriteQueue::new(),
        asks_protocol: false,
        is_sending: false,
        // A file that does not tell of its reader is a terminal or another device.
        writes_at_once: !hears_reader,
        nonblocking: Nonblocking::AsItIs,
        file: Some(file.to_owned().into()),
        extra: extra.to_owned().into(),
    };
    let transport = open(&owner, kind, inner)?;
    schedule_begin(This::from(&transport), Some(waiter))?;
    Ok(transport.into_any())
}
