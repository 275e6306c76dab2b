//! Bytes in: the events of the parser, and what follows from them.
//!
//! Input is processed in steps: one borrow of the connection's state decides what comes next, then that is done with no
//! borrow alive. Pipelined requests are answered one after the other, some of them at once.

use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;

use super::close::Unread;
use super::connection::{Protocol, Request, State};
use super::http_server::HttpServer;
use super::scope::ScopeBuilder;
use super::{access, awaitable, close, request, respond, upgrade};
use crate::ffi::object::Object;
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::name;

/// The next step of the input.
enum Step<'py> {
    /// Wait for more input, or for the application's answer. Calls that wait for content are woken.
    Wait(Vec<Object>),
    /// A request begins. `true` means that there may be more input behind it.
    Begin(ScopeBuilder<'py>, bool),
    /// A CONNECT request, which no application gets.
    Connect,
    /// A request for another protocol, with the input after it.
    Upgrade(Vec<u8>),
    Refuse(http::RemoteProtocolError),
    /// Further input is ignored.
    Close,
}

/// Implements `data_received`, with bytes that are valid until it returns.
pub(super) fn received(protocol: This<'_, Protocol>, data: &[u8]) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let is_for_now = value.state.with(py, |state| {
        if state.is_closing {
            state.deadline.extend_linger(py, value.http_server.get());
            return None;
        }
        if state.is_processing || !state.read_buffer.is_empty() {
            state.read_buffer.extend_from_slice(data);
            return Some(false);
        }
        state.is_processing = true;
        Some(true)
    });
    match is_for_now {
        None => Ok(()),
        Some(true) => process_input(protocol, value, data),
        Some(false) => settle_reading(protocol),
    }
}

/// Resumes the input that has arrived meanwhile; called by the loop.
pub(super) fn resume_input(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let read_buffer = value.state.with(py, |state| {
        state.is_scheduled = false;
        if state.is_closing || state.is_processing || state.transport.is_none() {
            return None;
        }
        state.is_processing = true;
        Some(std::mem::take(&mut state.read_buffer))
    });
    let Some(read_buffer) = read_buffer else { return Ok(()) };
    process_input(protocol, value, &read_buffer)?;
    let is_over = value.state.with(py, |state| state.peer_ended && !state.is_busy());
    if is_over { close::close(protocol) } else { Ok(()) }
}

/// Implements `eof_received`: returns whether the connection stays open for outstanding responses.
pub(super) fn ended(protocol: This<'_, Protocol>) -> Result<bool, ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let may_process = value.state.with(py, |state| {
        state.peer_ended = true;
        state.http.end_input();
        !state.is_closing && !state.is_scheduled && !std::mem::replace(&mut state.is_processing, true)
    });
    if may_process {
        let read_buffer = value.state.with(py, |state| std::mem::take(&mut state.read_buffer));
        process_input(protocol, value, &read_buffer)?;
        if value.transport(py).is_none() {
            // Another protocol has taken over: it was told, and has decided.
            return Ok(true);
        }
    }
    // Calls that wait for the end of the connection are woken; the response may still be wanted.
    let (receivers, is_busy) = value.state.with(py, |state| {
        let is_busy = state.is_busy();
        let receivers = state.request.as_mut().map(|request| std::mem::take(&mut request.receivers));
        let receivers = receivers.unwrap_or_default();
        if !receivers.is_empty() {
            state.note_listener(state.number);
        }
        (receivers, is_busy && !state.is_closing && !state.is_secure)
    });
    awaitable::wake(py, receivers)?;
    if !is_busy {
        close::close(protocol)?;
    }
    Ok(is_busy)
}

/// Schedules processing of the input that has arrived, if there is any and nothing prevents it.
pub(super) fn schedule_if_due(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let is_due = value.state.with(py, |state| {
        let waits = !state.read_buffer.is_empty() || !state.http.is_idle() || state.peer_ended;
        let is_free =
            state.request.is_none() && !state.writes_paused && !state.is_closing && state.transport.is_some();
        waits && is_free && !state.is_processing && !std::mem::replace(&mut state.is_scheduled, true)
    });
    if is_due { schedule(protocol, value) } else { Ok(()) }
}

fn schedule(protocol: This<'_, Protocol>, value: &Protocol) -> Result<(), ErrorSet> {
    value.http_server.get().call_soon(protocol.object().getattr(name!("_resume_input"))?)
}

/// Processes input. The caller has recorded that it is being processed.
fn process_input(protocol: This<'_, Protocol>, value: &Protocol, data: &[u8]) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let http_server = value.http_server.get();
    let mut input = data;
    let outcome = process_requests(protocol, value, &mut input)
        .or_else(|raised| abort_without_memory(protocol, raised));
    let needs_turn = value.state.with(py, |state| {
        state.is_processing = false;
        let mut needs_turn = false;
        if !state.is_closing {
            // The rest comes before input that was put aside meanwhile.
            needs_turn = !input.is_empty() || !state.read_buffer.is_empty();
            state.read_buffer.splice(0..0, input.iter().copied());
        }
        state.settle_deadline(py, http_server);
        needs_turn
    });
    if !matches!(outcome, Ok(Processed::Done)) {
        return outcome
            .map(drop)
            .and_then(|()| schedule_if_due(protocol))
            .and_then(|()| settle_reading(protocol));
    }
    if needs_turn {
        schedule_if_due(protocol)?;
    }
    settle_reading(protocol)
}

/// Aborts the connection after input was lost for lack of memory: callers would wait for it for ever.
#[cold]
fn abort_without_memory(protocol: This<'_, Protocol>, raised: ErrorSet) -> Result<Processed, ErrorSet> {
    let py = protocol.py();
    let error = raised.take(py);
    if error.is_instance_of::<PyMemoryError>(py) {
        close::abort(protocol)?;
    }
    Err(error.into())
}

enum Processed {
    Done,
    /// There may be more, but other connections come first.
    Enough,
}

fn process_requests(
    protocol: This<'_, Protocol>,
    value: &Protocol,
    input: &mut &[u8],
) -> Result<Processed, ErrorSet> {
    let py = protocol.py();
    let http_server = value.http_server.get();
    for _ in 0..http_server.settings.requests_per_turn {
        let step = value.state.with(py, |state| state.advance(py, http_server, input))?;
        match step {
            Step::Begin(draft, more) => {
                if draft.asks_for_upgrade && http_server.settings.reports_to_hooks {
                    http_server.warn(py, "Unsupported upgrade request.")?;
                }
                request::begin_request(protocol, value, draft)?;
                if !more {
                    return Ok(Processed::Done);
                }
            }
            Step::Wait(receivers) => return awaitable::wake(py, receivers).map(|()| Processed::Done),
            Step::Connect => respond::answer(protocol, 501, "this server is no proxy\n")?,
            Step::Upgrade(received) => {
                if http_server.upgrade.take_over(protocol, &received)? {
                    *input = &[];
                    return Ok(Processed::Done);
                }
            }
            Step::Refuse(refusal) => {
                *input = &[];
                access::log_refusal(protocol, refusal.status(), refusal.because())?;
                let write =
                    |http: &mut http::Connection, stamp: http::DefaultHeaders<'_>, out: &mut Vec<u8>| {
                        http.refuse(refusal, stamp, out);
                    };
                close::refuse(protocol, refusal.status(), write)?;
                return Ok(Processed::Done);
            }
            Step::Close => {
                *input = &[];
                let is_over = value.state.with(py, |state| state.request.is_none());
                return if is_over { close::linger(protocol, Unread::Upload) } else { Ok(()) }
                    .map(|()| Processed::Done);
            }
        }
    }
    Ok(Processed::Enough)
}

impl State {
    /// Decides what comes next.
    fn advance<'py>(
        &mut self,
        py: Python<'py>,
        http_server: &HttpServer,
        input: &mut &[u8],
    ) -> Result<Step<'py>, ErrorSet> {
        // A client that does not read its responses gets no further ones, and neither does a connection that closes.
        if self.request.is_none() && (self.writes_paused || self.is_closing) {
            return Ok(Step::Wait(Vec::new()));
        }
        let mut draft = None;
        let mut has_news = false;
        loop {
            let Self { http, request, read_buffer, number, deadline, bytes_since_yield, was_cut, .. } = self;
            match http.receive(input) {
                Ok(http::Event::Request(head)) => {
                    deadline.end_head();
                    *bytes_since_yield = 0;
                    *was_cut = false;
                    *number = number.wrapping_add(1).max(1);
                    let current = request.insert(Request::new());
                    if http_server.settings.logs_access {
                        access::note(current, head);
                    }
                    if head.target_form() == http::TargetForm::Authority {
                        return Ok(Step::Connect);
                    }
                    if http_server.upgrade.is_wanted(head) {
                        // The bytes after the head were kept by the parser, are in the input, or arrived meanwhile.
                        let mut received = upgrade::rebuild(head);
                        received.append(&mut http.take_backlog());
                        received.extend_from_slice(input);
                        received.append(read_buffer);
                        return Ok(Step::Upgrade(received));
                    }
                    draft = Some(ScopeBuilder::take(py, head, &http_server.settings.root_path)?);
                }
                Ok(http::Event::Body(part)) => {
                    deadline.body_rate.add(part.len());
                    if let Some(request) = request {
                        request.content.push(py, part)?;
                        has_news = true;
                    }
                }
                Ok(http::Event::End { .. }) => {
                    if let Some(request) = request {
                        request.has_ended = true;
                        has_news = true;
                    }
                }
                // Impossible: no request is answered by a tunnel.
                Ok(http::Event::Tunnel(_)) => {}
                Ok(http::Event::NeedInput) => return Ok(self.pause(py, http_server, draft, has_news, false)),
                Ok(http::Event::Paused) => return Ok(self.pause(py, http_server, draft, has_news, true)),
                Ok(http::Event::Closed) => return Ok(Step::Close),
                Err(refusal) => return Ok(Step::Refuse(refusal)),
            }
        }
    }

    /// Handles the end of the input, or of the part that counts for now.
    fn pause<'py>(
        &mut self,
        py: Python<'py>,
        http_server: &HttpServer,
        draft: Option<ScopeBuilder<'py>>,
        has_news: bool,
        more: bool,
    ) -> Step<'py> {
        if let Some(draft) = draft {
            return Step::Begin(draft, more);
        }
        if !has_news {
            return Step::Wait(Vec::new());
        }
        self.deadline.renew(py, http_server);
        let receivers = self.request.as_mut().map(|request| std::mem::take(&mut request.receivers));
        Step::Wait(receivers.unwrap_or_default())
    }

    /// Returns whether something that has arrived is answered, or will be: at the next turn, or when the peer has read
    /// enough.
    fn is_busy(&self) -> bool {
        let has_more = !self.read_buffer.is_empty() || !self.http.is_idle();
        self.request.is_some() || self.is_scheduled || (self.writes_paused && has_more)
    }

    /// Returns whether more input would only have to be kept.
    fn is_full(&self, http_server: &HttpServer) -> bool {
        let waiting = self.request.as_ref().map_or(0, |request| request.content.len());
        let most = http_server.settings.waiting_body_bytes;
        !self.lingers && (waiting > most || !self.read_buffer.is_empty() || !self.http.has_room())
    }
}

/// Pauses or resumes reading, depending on the room for input.
pub(super) fn settle_reading(protocol: This<'_, Protocol>) -> Result<(), ErrorSet> {
    let py = protocol.py();
    let value = protocol.value();
    let change = value.state.with(py, |state| {
        let http_server = value.http_server.get();
        let is_full = state.is_full(http_server);
        if is_full == state.reads_paused {
            return None;
        }
        let transport = state.transport.as_ref()?.clone_ref(py);
        state.reads_paused = is_full;
        state.settle_deadline(py, http_server);
        Some((transport, is_full))
    });
    match change {
        None => Ok(()),
        Some((transport, true)) => transport.pause_reading(py),
        Some((transport, false)) => transport.resume_reading(py),
    }
}
