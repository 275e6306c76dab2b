//! The driver of a connection: it gives its machine inputs and performs the actions. No other file acts.
//!
//! User code may run in an action, and call in here again. The machine stands for that: it has decided before, and
//! every action is still right when it is performed.

use std::mem;

use pyo3::prelude::*;
use wire::{
    Action, Actions, Connection, Context, Finished, Input, Message, Outcome, Received, RequestId, SendError,
    Sent,
};
use wire::{Shutdown, Wait, Wire as _};

use super::access_log;
use super::connection::{Protocol, Sink, State};
use super::streams;
use super::transport::AnyTransport;
use super::waiters::wake;
use crate::ffi::bytes::Bytes;
use crate::ffi::make;
use crate::ffi::this::This;
use crate::ffi::trampoline::{ErrorSet, and_also, take_all};
use crate::name;
use crate::tasks;

/// The capacity that the encoding buffer keeps.
const SCRATCH_AT_MOST: usize = 64 * 1024;

/// What the machine has encoded: the first `split` bytes, then `content`, then the rest.
#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    content: Option<Bytes>,
    split: usize,
}

/// Gives the machine an input and performs what follows. Requests are started one after the other, without recursion.
pub(super) fn feed(protocol: This<'_, Protocol>, mut input: Input<'_>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let mut outcome = Ok(());
    loop {
        let actions = take_input(protocol, input);
        let starts = matches!(actions, Ok((actions, _)) if has_start(actions));
        let performed = actions.and_then(|(actions, bytes)| perform(protocol, actions, Output::of(bytes)));
        // The first exception counts.
        if let Err(raised) = performed {
            outcome = outcome.and(Err(raised.take(py)));
        }
        if !starts {
            return Ok(outcome?);
        }
        input = Input::Started;
    }
}

/// Takes bytes that have arrived.
#[inline]
pub(super) fn take_bytes(protocol: This<'_, Protocol>, data: &[u8]) -> Result<(), ErrorSet> {
    if protocol.value().http_server.get().settings.measures {
        count_received(protocol, data.len());
    }
    feed(protocol, Input::Bytes(data))
}

#[cold]
#[inline(never)]
fn count_received(protocol: This<'_, Protocol>, count: usize) {
    let http_server = protocol.value().http_server.get();
    http_server.shared.with(protocol.py(), |shared| shared.measures.received_bytes += count as u64);
}

#[cold]
#[inline(never)]
fn count_output(protocol: This<'_, Protocol>, output: &Output) {
    let content = output.content.as_ref().map_or(0, |content| content.as_ref().len());
    count_sent(protocol, output.bytes.len() + content);
}

/// Counts bytes that are sent.
#[cold]
pub(super) fn count_sent(protocol: This<'_, Protocol>, count: usize) {
    let http_server = protocol.value().http_server.get();
    http_server.shared.with(protocol.py(), |shared| shared.measures.sent_bytes += count as u64);
}

const fn has_start(actions: Actions) -> bool {
    actions.has(Action::Start) || actions.has(Action::Upgrade)
}

/// Gives the machine an input. A connection whose content can't be kept is aborted, and callers that wait for the content
/// are woken: they would wait for ever.
#[inline]
fn take_input(protocol: This<'_, Protocol>, input: Input<'_>) -> Result<(Actions, Vec<u8>), ErrorSet> {
    let py = protocol.py();
    let ((actions, failure), bytes) = protocol.decide(py, |state, context, out| {
        let State { wire, exchange, .. } = state;
        let mut sink = Sink { py, exchange, failure: None };
        let actions = wire.on(input, context, &mut sink, out);
        (actions, sink.failure)
    });
    let Some(raised) = failure else { return Ok((actions, bytes)) };
    let aborted = and_also(py, Err(raised), || feed(protocol, Input::Shutdown(Shutdown::Immediate)));
    // The machine takes them for woken.
    and_also(py, aborted, || wake_receivers(protocol)).map(|()| (actions, bytes))
}

/// What came of a message.
pub(super) struct Delivered {
    pub(super) wait: Wait,
    /// Whether content of its kind goes to the peer.
    pub(super) is_sent: bool,
}

/// Sends a message of the application that answers a request.
#[inline]
pub(super) fn send(
    protocol: This<'_, Protocol>,
    request: RequestId,
    message: Message<Bytes>,
) -> Result<Result<Delivered, SendError>, ErrorSet> {
    deliver(protocol, |wire, context, out| wire.send(request, message, context, out))
}

/// Sends a whole response by a call of the machine.
#[inline]
pub(super) fn respond(
    protocol: This<'_, Protocol>,
    call: impl FnOnce(&mut Connection<Bytes>, Context<'_>, &mut Vec<u8>) -> Result<Sent<Bytes>, SendError>,
) -> Result<Result<Delivered, SendError>, ErrorSet> {
    deliver(protocol, call)
}

/// Performs what follows from a call of the machine that sends.
#[inline(always)]
fn deliver(
    protocol: This<'_, Protocol>,
    call: impl FnOnce(&mut Connection<Bytes>, Context<'_>, &mut Vec<u8>) -> Result<Sent<Bytes>, SendError>,
) -> Result<Result<Delivered, SendError>, ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let (sent, bytes) = value.decide(py, |state, context, out| {
        // It may be some time until the loop reports that: an application that never waits would go on for ever.
        if state.transport.as_ref().is_some_and(|transport| transport.is_lost(py)) {
            return None;
        }
        Some(call(&mut state.wire, context, out))
    });
    let Sent { actions, content, split, is_sent, left_out } = match sent {
        Some(Ok(sent)) => sent,
        Some(Err(error)) => return Ok(Err(error)),
        None => return feed(protocol, Input::Broken).map(|()| Err(SendError::Disconnected)),
    };
    perform(protocol, actions, Output { bytes, content, split })?;
    if let Some(status) = left_out {
        // The client has its complete response.
        let text = format!("A response with status {status} has no content: what was sent is left out");
        value.http_server.get().report(py, &text, None)?;
    }
    let wait = value.state.with(py, |state| state.wire.wait(&value.http_server.get().settings.wire));
    Ok(Ok(Delivered { wait, is_sent }))
}

/// Asks for an event of a request.
pub(super) fn receive(protocol: This<'_, Protocol>, request: RequestId) -> Result<Received, ErrorSet> {
    let py = protocol.py();
    let ((received, actions), bytes) =
        protocol.decide(py, |state, context, out| state.wire.receive(request, context, out));
    perform(protocol, actions, Output::of(bytes))?;
    Ok(received)
}

/// Takes the end of an application, or an answer instead of one.
#[inline]
pub(super) fn finish(
    protocol: This<'_, Protocol>,
    request: RequestId,
    outcome: Outcome<'_>,
) -> (Finished, Result<(), ErrorSet>) {
    let (finished, bytes) = protocol
        .decide(protocol.py(), |state, context, out| state.wire.finished(request, outcome, context, out));
    (finished, perform(protocol, finished.actions, Output::of(bytes)))
}

/// Sends a head that waits for content, at the end of the turn.
pub(super) fn turn_ends(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let http_server = value.http_server.get();
    let held = value
        .state
        .with(py, |state| state.wire.holds_head().then(|| (state.exchange.key, state.wire.latest())));
    let Some((key, request)) = held else { return streams::turn_ends(protocol, turn_ends, feed) };
    // An application that has ended is handled at once: an error response may be possible.
    if let Some(task) = http_server.task(py, key)
        && tasks::is_done(task.as_borrowed())?
    {
        return Ok(());
    }
    match value.decide(py, |state, context, out| state.wire.turn_ends(context, out)) {
        (Ok(actions), bytes) => perform(protocol, actions, Output::of(bytes)),
        (Err(error), _) => {
            http_server.report(py, &format!("A response can't be sent: {error}"), None)?;
            finish(protocol, request, Outcome::Ended).1
        }
    }
}

/// Handles a peer whose time is over.
pub(super) fn expire(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let unsent = unsent(protocol)?;
    feed(protocol, Input::Tick(unsent))
}

/// Handles the loss of the connection, with or without an error.
pub(super) fn lose(protocol: This<'_, Protocol>, by_error: bool) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let mut step =
        |one: This<'_, Protocol>| and_also(py, feed(one, Input::Lost { by_error }), || cancel_file(one));
    let lost = streams::with_streams(protocol, &mut step);
    // Also after an exception: a connection that is not removed would count for ever.
    and_also(py, lost, || forget(protocol))
}

/// Returns the bytes that wait for the peer to read.
pub(super) fn unsent(protocol: This<'_, Protocol>) -> Result<usize, ErrorSet> {
    let py = protocol.py();
    protocol.transport(py).map_or(Ok(0), |transport| transport.unsent(py))
}

impl Output {
    fn of(bytes: Vec<u8>) -> Self {
        Self { split: bytes.len(), bytes, content: None }
    }
}

/// Performs actions: all of them, whatever one raises.
#[inline]
fn perform(protocol: This<'_, Protocol>, actions: Actions, mut output: Output) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let outcome = take_all(py, actions.map(|action| act(protocol, action, &mut output)));
    let mut scratch = output.bytes;
    if scratch.capacity() > 0 && scratch.capacity() <= SCRATCH_AT_MOST {
        scratch.clear();
        protocol.http_server.get().shared.with(py, |shared| shared.scratch = scratch);
    }
    outcome
}

#[inline]
fn act(protocol: This<'_, Protocol>, action: Action, output: &mut Output) -> Result<(), ErrorSet> {
    let http_server = protocol.value().http_server.get();
    match action {
        Action::Write => write(protocol, output),
        Action::Start => http_server.interface.start(protocol.object()),
        _ => act_rarely(protocol, action),
    }
}

/// Performs what a request that is sent and answered in one piece does not need.
fn act_rarely(protocol: This<'_, Protocol>, action: Action) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let http_server = value.http_server.get();
    match action {
        Action::Log => return access_log::take(protocol),
        Action::Streams => return streams::serve(protocol, feed),
        Action::FlushConnection => return streams::flush_soon(protocol),
        Action::EndStream => return streams::end(protocol),
        Action::WakeReceive => return wake_receivers(protocol),
        Action::WakeSend => {
            let drains = value.state.with(py, |state| mem::take(&mut state.exchange.drains));
            return wake(py, drains);
        }
        _ => {}
    }
    let Some(transport) = value.transport(py) else { return Ok(()) };
    match action {
        Action::PauseReading => transport.pause_reading(py),
        Action::ResumeReading => transport.resume_reading(py),
        Action::Upgrade => upgrade(protocol, &transport),
        Action::NotifyTurnEnd => match transport.tell_at_turn_end(py)? {
            true => Ok(()),
            false => http_server.call_soon(protocol.object().getattr(name!("_turn_ends"))?),
        },
        Action::YieldTurn => http_server.call_soon(protocol.object().getattr(name!("_resume_input"))?),
        Action::ShutdownWrite => feed(protocol, Input::WriteShutdown(transport.end_writing(py)?)),
        Action::Close => {
            let noted = transport.unsent(py).and_then(|unsent| feed(protocol, Input::Unsent(unsent)));
            and_also(py, noted, || transport.close(py))
        }
        Action::Abort | Action::Reset => {
            // While its descriptor is open, so that the task releases it.
            let cancelled = cancel_file(protocol);
            and_also(py, cancelled, || match action {
                Action::Abort => transport.abort(py),
                _ => transport.reset(py),
            })
        }
        _ => Ok(()),
    }
}

#[inline]
fn write(protocol: This<'_, Protocol>, output: &mut Output) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let Some(transport) = protocol.transport(py) else { return Ok(()) };
    if protocol.value().http_server.get().settings.measures {
        count_output(protocol, output);
    }
    let (head, tail) = output.bytes.split_at(output.split);
    transport.write(py, head, output.content.take(), tail)?;
    if transport.reports_loss() {
        return Ok(());
    }
    // The sender of a response that goes on learns of it.
    let goes_on = protocol.state.with(py, |state| state.wire.is_answering());
    if goes_on && transport.is_closing(py)? { feed(protocol, Input::Broken) } else { Ok(()) }
}

/// Wakes the calls that wait for an event. Those that learn of the end of their client are noted.
fn wake_receivers(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let (receivers, watcher) = protocol.state.with(py, |state| {
        let has_lost = state.wire.has_lost_client();
        if has_lost && !state.exchange.receivers.is_empty() {
            state.exchange.note_listener(state.wire.latest());
        }
        let latest = state.wire.latest();
        let watcher = state.exchange.watcher.take_if(|(request, _)| has_lost && *request == latest);
        (mem::take(&mut state.exchange.receivers), watcher)
    });
    let woken = wake(py, receivers);
    match watcher {
        Some((_, task)) => {
            and_also(py, woken, || Ok(task.bind(py).call_method0(name!("cancel")).map(drop)?))
        }
        None => woken,
    }
}

/// Offers the connection to another protocol: calls `hooks.upgrade(protocol, transport, received, has_ended)`, which
/// creates a protocol of its own for the transport, or returns a false value. `has_ended` means that the peer has ended
/// its side after the received bytes.
fn upgrade(protocol: This<'_, Protocol>, transport: &AnyTransport) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let (received, has_ended, request) = value
        .state
        .with(py, |state| (state.wire.upgrade(), state.wire.is_disconnected(), state.wire.latest()));
    let hooks = value.http_server.get().hooks.bind(py);
    let taken = make::bytes(py, &received).and_then(|received| {
        let arguments = (protocol, transport.object().bind(py), received, has_ended);
        Ok(hooks.call_method1(name!("upgrade"), arguments)?.is_truthy()?)
    });
    match taken {
        Ok(true) => and_also(py, feed(protocol, Input::TakenOver), || forget(protocol)),
        Ok(false) => finish(protocol, request, Outcome::NotTakenOver).1,
        Err(raised) => {
            // The transport may have another protocol by now, so this one would not get `connection_lost`.
            let told = and_also(py, Err(raised), || feed(protocol, Input::TakenOver));
            let ended = and_also(py, told, || transport.abort(py));
            and_also(py, ended, || forget(protocol))
        }
    }
}

/// Cancels the task that sends a file.
fn cancel_file(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    match protocol.state.with(py, |state| state.exchange.file.take()) {
        Some(task) => Ok(task.bind(py).call_method0(name!("cancel")).map(drop)?),
        None => Ok(()),
    }
}

/// Removes the connection from the server.
fn forget(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let released = value.state.with(py, |state| (state.transport.take(), state.addresses.take()));
    drop(released);
    value.http_server.get().end_connection(protocol.object())
}
