//! The numbers of a loop, for `python/vitok/_metrics.py`, which names and documents them.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::ffi::arguments::Call;
use crate::ffi::constants::none;
use crate::ffi::error::new_error;
use crate::ffi::make;
use crate::ffi::method::{Method, fastcall};
use crate::ffi::name::Text;
use crate::ffi::object::Object;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::{EventLoop, Modes};
use crate::registry::{Entry, SourceKind};
use crate::stream::Stream;
use crate::tls::Tls;
use crate::transport::alive;

pub(crate) fn methods() -> Vec<Method<EventLoop>> {
    vec![
        Method {
            name: "_measure",
            entry: fastcall(measure),
            signature: "($self, reader)".to_owned(),
            doc: "Return the numbers of the loop. The longest callback is that since the last call of this reader, 0 or 1.",
        },
        Method {
            name: "_set_timed",
            entry: fastcall(set_timed),
            signature: "($self, enabled)".to_owned(),
            doc: "Set whether the time of callbacks and polls is measured from the next turn on.",
        },
    ]
}

fn set_timed<'py>(call: &Call<'py, EventLoop>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let enabled = only_argument(call)?.is_truthy()?;
    call.this().modes.set(Modes::TIMED, enabled);
    Ok(none(call.py))
}

fn measure<'py>(call: &Call<'py, EventLoop>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    let py = call.py;
    let reader: usize = only_argument(call)?.extract()?;
    let this = call.this();
    let state = this.value();
    if !state.remote_queue.is_empty() && state.is_own_thread() {
        state.collect_mail(py);
    }
    let facts = make::dict(py)?;
    let counters = &state.counters;
    let counts = [
        ("turns", counters.turns.get()),
        ("callbacks", counters.callbacks.get()),
        ("polls", counters.polls.get()),
        ("wakeups", counters.wakeups.get()),
        ("events", counters.events.get()),
        ("bytes_received", counters.bytes_received.get()),
        ("bytes_sent", counters.bytes_sent.get()),
    ];
    for (name, count) in counts {
        facts.set_item(Text(name), count)?;
    }
    let times = [
        ("callback_seconds", counters.in_callbacks.get()),
        ("poll_seconds", counters.in_polls.get()),
        ("longest_callback", counters.take_longest(reader)),
    ];
    for (name, nanoseconds) in times {
        facts.set_item(Text(name), make::float(py, reactor::seconds(nanoseconds))?)?;
    }
    let (ready, timers) = state.queues.with(py, |queues| (queues.ready.len(), queues.live_timers()));
    facts.set_item(Text("ready"), make::count(py, ready)?)?;
    facts.set_item(Text("timers"), make::count(py, timers)?)?;
    facts.set_item(Text("transports"), transports(py, state)?)?;
    Ok(facts.into_any())
}

fn only_argument<'py>(call: &Call<'py, EventLoop>) -> Result<Bound<'py, PyAny>, ErrorSet> {
    match call.positional() {
        [argument] if !call.has_keywords() => Ok((*argument).to_owned()),
        _ => Err(new_error::<PyTypeError>("expected one positional argument").into()),
    }
}

/// Returns the number of open transports by their kind.
fn transports<'py>(py: Python<'py>, state: &EventLoop) -> Result<Bound<'py, PyDict>, ErrorSet> {
    let sources: Vec<(SourceKind, Object)> = state.registry.with(py, |registry| {
        let sources = registry.table.entries().flat_map(Entry::sources);
        sources.map(|source| (source.kind, source.object.clone_ref(py))).collect()
    });
    let mut counts = KINDS.map(|_| 0_usize);
    for (kind, object) in sources {
        if let Some(index) = index_of(object.into_bound(py), kind) {
            counts[index] += 1;
        }
    }
    let facts = make::dict(py)?;
    for (name, count) in KINDS.iter().zip(counts) {
        facts.set_item(Text(name), make::count(py, count)?)?;
    }
    Ok(facts)
}

/// The names of the kinds.
const KINDS: [&str; 5] = ["stream", "tls", "datagram", "read_pipe", "write_pipe"];

/// Returns the index of a kind in [`KINDS`]. TLS runs over a stream whose protocol is the TLS transport. Listeners are
/// no transports, and those with TLS are asyncio's own.
fn index_of(object: Bound<'_, PyAny>, kind: SourceKind) -> Option<usize> {
    match kind {
        SourceKind::Stream => Some(usize::from(carries_tls(object))),
        SourceKind::Datagram => Some(2),
        SourceKind::ReadPipe => Some(3),
        SourceKind::WritePipe => Some(4),
        SourceKind::Listener => None,
    }
}

fn carries_tls(object: Bound<'_, PyAny>) -> bool {
    let py = object.py();
    let Some(transport) = alive(object) else { return false };
    let stream = This::<Stream>::cast(transport.as_borrowed());
    let protocol = stream.and_then(|stream| stream.callee(py)).map(|callee| callee.protocol);
    protocol.is_some_and(|protocol| This::<Tls>::cast(protocol.as_borrowed()).is_some())
}
