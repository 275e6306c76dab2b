//! The streams of a connection of HTTP/2, as protocols of their own: they begin, have news, send, and end.
//!
//! The connection is flushed once for all that its streams send in a turn. What feeds a machine is the driver's, and is
//! passed to the functions here.

use std::mem;

use pyo3::prelude::*;
use wire::{Connection, Input, RequestId, StreamNews, Wire as _};

use super::connection::Protocol;
use super::shared::HttpServer;
use crate::ffi::bytes::Bytes;
use crate::ffi::object::Object;
use crate::ffi::this::This;
use crate::ffi::trampoline::{ErrorSet, and_also, take_all};
use crate::name;

/// Gives the machine of a connection or stream an input.
type Feed = fn(This<'_, Protocol>, Input<'_>) -> Result<(), ErrorSet>;
/// Sends a head that waits for content.
type TurnEnds = fn(This<'_, Protocol>) -> Result<(), ErrorSet>;

/// Gives each stream that begins or has news its input, then flushes the connection.
pub(super) fn serve(connection: This<'_, Protocol>, feed: Feed) -> Result<(), ErrorSet> {
    let py = connection.py();
    let was_due = connection.state.with(py, |state| {
        let streams = state.streams.get_or_insert_default();
        mem::replace(&mut streams.is_flush_due, true)
    });
    let mut outcome = Ok(());
    while let Some(news) = connection.state.with(py, |state| state.wire.next_stream()) {
        let served = match news {
            StreamNews::Begins(number, wire) => begin(connection, number, wire, feed),
            StreamNews::Has(number) => tell(connection, number, feed),
        };
        // The first exception counts, and every stream is served.
        if let Err(raised) = served {
            outcome = outcome.and(Err(raised.take(py)));
        }
    }
    let outcome = and_also(py, outcome.map_err(ErrorSet::from), || feed(connection, Input::Flush));
    and_also(py, outcome, || settle(connection, was_due))
}

/// Has the connection flushed when the turn ends, if a stream waits for that or it was due before: a transport that was
/// written to meanwhile may have made the call already.
fn settle(connection: This<'_, Protocol>, was_due: bool) -> Result<(), ErrorSet> {
    let is_due = connection.state.with(connection.py(), |state| {
        let Some(streams) = &mut state.streams else { return false };
        streams.is_flush_due = was_due || !streams.held.is_empty();
        streams.is_flush_due
    });
    if is_due { schedule(connection, false) } else { Ok(()) }
}

fn begin(
    connection: This<'_, Protocol>,
    number: RequestId,
    wire: Connection<Bytes>,
    feed: Feed,
) -> Result<(), ErrorSet> {
    let py = connection.py();
    let stream = Protocol::make_stream(connection, wire)?;
    let begun = feed(This::from(&stream), Input::Connected { ends_with_peer: true });
    let (is_open, found) = This::from(&stream).state.with(py, |state| {
        let copy = |ends: &[_; 2]| ends.each_ref().map(|end: &Object| end.clone_ref(py));
        let found = (state.addresses.as_ref().map(copy), state.tls.as_ref().map(|tls| tls.clone_ref(py)));
        (!state.wire.is_closed(), found)
    });
    connection.state.with(py, |state| {
        if is_open && let Some(streams) = &mut state.streams {
            streams.open.insert(number.0, stream.into());
        }
        // What the first stream has looked up, the next ones know.
        if state.addresses.is_none() {
            state.addresses = found.0;
        }
        if state.tls.is_none() {
            state.tls = found.1;
        }
    });
    begun
}

fn tell(connection: This<'_, Protocol>, number: RequestId, feed: Feed) -> Result<(), ErrorSet> {
    let py = connection.py();
    let stream = connection
        .state
        .with(py, |state| state.streams.as_ref()?.open.get(&number.0).map(|stream| stream.clone_ref(py)));
    // One that has ended has no news any more.
    stream.map_or(Ok(()), |stream| feed(stream.this(py), Input::News))
}

/// Has the connection of a stream flushed when the turn ends.
pub(super) fn flush_soon(stream: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = stream.py();
    let (parent, holds_head) = stream.state.with(py, |state| {
        (state.parent.as_ref().map(|parent| parent.clone_ref(py)), state.wire.holds_head())
    });
    let Some(parent) = parent else { return Ok(()) };
    let connection = parent.this(py);
    let held = holds_head.then(|| stream.to_owned().into());
    let (was_due, sent) = connection.state.with(py, |state| {
        let streams = state.streams.get_or_insert_default();
        // Most heads wait no longer than until the next message.
        let sent = if holds_head { None } else { streams.held.pop_if(|last| last.is(stream.object())) };
        streams.held.extend(held);
        (mem::replace(&mut streams.is_flush_due, true), sent)
    });
    drop(sent);
    schedule(connection, was_due)
}

/// Has the connection called when the turn ends, unless it is called anyway. A transport that was written to since makes no
/// call that was asked for before.
fn schedule(connection: This<'_, Protocol>, is_called: bool) -> Result<(), ErrorSet> {
    let py = connection.py();
    let Some(transport) = connection.transport(py) else { return Ok(()) };
    match transport.tell_at_turn_end(py)? {
        true => Ok(()),
        false if is_called => Ok(()),
        false => {
            let callback = connection.object().getattr(name!("_turn_ends"))?;
            connection.value().http_server.get().call_soon(callback)
        }
    }
}

/// Sends the heads that wait, and flushes the connection, if that is due.
pub(super) fn turn_ends(
    connection: This<'_, Protocol>,
    send_head: TurnEnds,
    feed: Feed,
) -> Result<(), ErrorSet> {
    let py = connection.py();
    let held = connection.state.with(py, |state| {
        let streams = state.streams.as_mut().filter(|streams| streams.is_flush_due)?;
        Some(mem::take(&mut streams.held))
    });
    let Some(held) = held else { return Ok(()) };
    let sent = take_all(py, held.iter().map(|stream| send_head(stream.this(py))));
    let flushed = and_also(py, sent, || feed(connection, Input::Flush));
    and_also(py, flushed, || settle(connection, false))
}

/// Takes a step with every connection of a server and its streams, whatever one raises.
pub(super) fn for_each(
    http_server: &HttpServer,
    py: Python<'_>,
    mut step: impl FnMut(This<'_, Protocol>) -> Result<(), ErrorSet>,
) -> Result<(), ErrorSet> {
    let protocols = http_server.protocols(py);
    let connections = protocols.iter().filter_map(|object| This::cast(object.as_borrowed()));
    take_all(py, connections.map(|connection| with_streams(connection, &mut step)))
}

/// Takes a step with each of the streams of a connection, then with itself: streams that find it ended take that for the
/// client's leaving.
pub(super) fn with_streams(
    connection: This<'_, Protocol>,
    step: &mut impl FnMut(This<'_, Protocol>) -> Result<(), ErrorSet>,
) -> Result<(), ErrorSet> {
    let py = connection.py();
    let streams = open(connection);
    let taken = take_all(py, streams.iter().map(|stream| step(This::from(stream))));
    and_also(py, taken, || step(connection))
}

/// Returns the streams that are open.
fn open<'py>(connection: This<'py, Protocol>) -> Vec<Bound<'py, Protocol>> {
    let py = connection.py();
    connection.state.with(py, |state| {
        let open = state.streams.iter().flat_map(|streams| streams.open.values());
        open.map(|stream| stream.bind(py).clone()).collect()
    })
}

/// Forgets a stream that is over.
pub(super) fn end(stream: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = stream.py();
    let (parent, number) = stream
        .state
        .with(py, |state| (state.parent.as_ref().map(|parent| parent.clone_ref(py)), state.wire.latest()));
    let Some(parent) = parent else { return Ok(()) };
    let released = parent.this(py).state.with(py, |state| state.streams.as_mut()?.open.remove(&number.0));
    let told = stream.http_server.get().notify(py, name!("stream_ended"), (stream,));
    drop(released);
    Ok(told?)
}
