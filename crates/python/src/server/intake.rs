//! Bytes in: what the parser makes of them, and what follows.
//!
//! Input is worked off in steps: one borrow of the connection's state decides what comes next, then that is done with no
//! borrow alive. Requests that were sent without waiting are answered one after the other, some of them in one go.

use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;

use super::connection::{Body, CONTENT_AT_MOST, Protocol, Request, protocol_of};
use super::ending::Unread;
use super::hub::HttpServer;
use super::scope::Draft;
use super::{access, awaitable, ending, request, respond, upgrade};
use crate::ffi::method::Argument;
use crate::ffi::object::Object;
use crate::ffi::raised::Raised;
use crate::name;

/// Requests of one connection that are begun before others get their turn.
const REQUESTS_AT_ONCE: usize = 16;

/// What comes next.
enum Step<'py> {
    /// Nothing: more input is needed, or the application's answer. Who waits for content is woken.
    Wait(Vec<Object>),
    /// A request begins. `true`: there may be more behind it.
    Begin(Draft<'py>, bool),
    /// A request that is no application's.
    Connect,
    /// A request for another protocol, with what came behind it.
    Upgrade(Vec<u8>),
    Refuse(http::Refusal),
    /// Nothing more counts.
    Close,
}

/// `data_received`, with bytes that are gone when it returns.
pub(super) fn received(protocol: Argument<'_>, data: &[u8]) -> Result<(), Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let is_for_now = value.body.with(py, |body| {
        if body.is_closing {
            body.deadline.extend_linger(py, value.hub.get());
            return None;
        }
        if body.is_pumping || !body.stash.is_empty() {
            body.stash.extend_from_slice(data);
            return Some(false);
        }
        body.is_pumping = true;
        Some(true)
    });
    match is_for_now {
        None => Ok(()),
        Some(true) => pump(protocol, value, data),
        Some(false) => settle_reading(protocol),
    }
}

/// What the loop calls to go on with what has arrived meanwhile.
pub(super) fn go_on(protocol: Argument<'_>) -> Result<(), Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let stash = value.body.with(py, |body| {
        body.is_scheduled = false;
        if body.is_closing || body.is_pumping || body.sink.is_none() {
            return None;
        }
        body.is_pumping = true;
        Some(std::mem::take(&mut body.stash))
    });
    let Some(stash) = stash else { return Ok(()) };
    pump(protocol, value, &stash)?;
    let is_over = value.body.with(py, |body| body.peer_ended && !body.is_busy());
    if is_over { ending::close(protocol) } else { Ok(()) }
}

/// `eof_received`: whether the connection stays open for what is still to be answered.
pub(super) fn ended(protocol: Argument<'_>) -> Result<bool, Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let may_pump = value.body.with(py, |body| {
        body.peer_ended = true;
        body.http.end_input();
        !body.is_closing && !body.is_scheduled && !std::mem::replace(&mut body.is_pumping, true)
    });
    if may_pump {
        let stash = value.body.with(py, |body| std::mem::take(&mut body.stash));
        pump(protocol, value, &stash)?;
        if value.sink(py).is_none() {
            // Another protocol has taken over: it was told, and has decided.
            return Ok(true);
        }
    }
    // Who waits to hear of the end of the connection hears of it; the answer may still be wanted.
    let (receivers, is_busy) = value.body.with(py, |body| {
        let is_busy = body.is_busy();
        let receivers = body.request.as_mut().map(|request| std::mem::take(&mut request.receivers));
        let receivers = receivers.unwrap_or_default();
        if !receivers.is_empty() {
            body.note_listener(body.number);
        }
        (receivers, is_busy && !body.is_closing && !body.is_secure)
    });
    awaitable::wake(py, receivers)?;
    if !is_busy {
        ending::close(protocol)?;
    }
    Ok(is_busy)
}

/// Has the loop go on with what has arrived, if there is something and nothing in the way.
pub(super) fn schedule_if_due(protocol: Argument<'_>) -> Result<(), Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let is_due = value.body.with(py, |body| {
        let waits = !body.stash.is_empty() || !body.http.is_idle() || body.peer_ended;
        let is_free =
            body.request.is_none() && !body.writes_paused && !body.is_closing && body.sink.is_some();
        waits && is_free && !body.is_pumping && !std::mem::replace(&mut body.is_scheduled, true)
    });
    if is_due { schedule(protocol, value) } else { Ok(()) }
}

fn schedule(protocol: Argument<'_>, value: &Protocol) -> Result<(), Raised> {
    value.hub.get().call_soon(protocol.getattr(name!("_go_on"))?)
}

/// Works off input. The caller has said that it is being worked off.
fn pump(protocol: Argument<'_>, value: &Protocol, data: &[u8]) -> Result<(), Raised> {
    let py = protocol.py();
    let hub = value.hub.get();
    let mut input = data;
    let outcome =
        work_off(protocol, value, &mut input).or_else(|raised| abort_without_memory(protocol, raised));
    let needs_turn = value.body.with(py, |body| {
        body.is_pumping = false;
        let mut needs_turn = false;
        if !body.is_closing {
            // What is left comes before what was stashed meanwhile.
            needs_turn = !input.is_empty() || !body.stash.is_empty();
            body.stash.splice(0..0, input.iter().copied());
        }
        body.settle_deadline(py, hub);
        needs_turn
    });
    if !matches!(outcome, Ok(Pumped::Done)) {
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

/// Input that there was no memory for is lost, and who waits for it would wait for ever: so is the connection.
#[cold]
fn abort_without_memory(protocol: Argument<'_>, raised: Raised) -> Result<Pumped, Raised> {
    let py = protocol.py();
    let error = raised.take(py);
    if error.is_instance_of::<PyMemoryError>(py) {
        ending::abort(protocol)?;
    }
    Err(error.into())
}

enum Pumped {
    Done,
    /// There may be more, but others come first.
    Enough,
}

fn work_off(protocol: Argument<'_>, value: &Protocol, input: &mut &[u8]) -> Result<Pumped, Raised> {
    let py = protocol.py();
    let hub = value.hub.get();
    for _ in 0..REQUESTS_AT_ONCE {
        let step = value.body.with(py, |body| body.advance(py, hub, input))?;
        match step {
            Step::Begin(draft, more) => {
                if draft.asks_for_upgrade && hub.settings.tells {
                    hub.warn(py, "Unsupported upgrade request.")?;
                }
                request::begin(protocol, value, draft)?;
                if !more {
                    return Ok(Pumped::Done);
                }
            }
            Step::Wait(receivers) => return awaitable::wake(py, receivers).map(|()| Pumped::Done),
            Step::Connect => respond::answer(protocol, 501, "this server is no proxy\n")?,
            Step::Upgrade(received) => {
                if hub.upgrade.take_over(protocol, &received)? {
                    *input = &[];
                    return Ok(Pumped::Done);
                }
            }
            Step::Refuse(refusal) => {
                *input = &[];
                access::log_refusal(protocol, refusal.status(), refusal.because())?;
                let write = |http: &mut http::Connection, stamp: http::Stamp<'_>, out: &mut Vec<u8>| {
                    http.refuse(refusal, stamp, out);
                };
                ending::refuse(protocol, refusal.status(), write)?;
                return Ok(Pumped::Done);
            }
            Step::Close => {
                *input = &[];
                let is_over = value.body.with(py, |body| body.request.is_none());
                return if is_over { ending::linger(protocol, Unread::Upload) } else { Ok(()) }
                    .map(|()| Pumped::Done);
            }
        }
    }
    Ok(Pumped::Enough)
}

impl Body {
    /// Decides what comes next.
    fn advance<'py>(
        &mut self,
        py: Python<'py>,
        hub: &HttpServer,
        input: &mut &[u8],
    ) -> Result<Step<'py>, Raised> {
        // Who does not read what was answered gets no further answers, and nobody does on a connection that closes.
        if self.request.is_none() && (self.writes_paused || self.is_closing) {
            return Ok(Step::Wait(Vec::new()));
        }
        let mut draft = None;
        let mut has_news = false;
        loop {
            let Self { http, request, stash, number, deadline, streak, was_cut, .. } = self;
            match http.receive(input) {
                Ok(http::Event::Request(head)) => {
                    deadline.end_head();
                    *streak = 0;
                    *was_cut = false;
                    *number = number.wrapping_add(1).max(1);
                    let current = request.insert(Request::new());
                    if hub.settings.logs_access {
                        access::note(current, head);
                    }
                    if head.target_form() == http::TargetForm::Authority {
                        return Ok(Step::Connect);
                    }
                    if hub.upgrade.is_wanted(head) {
                        // What came behind the head was kept by the parser, is in the input, or came meanwhile.
                        let mut received = upgrade::rebuild(head);
                        received.append(&mut http.take_backlog());
                        received.extend_from_slice(input);
                        received.append(stash);
                        return Ok(Step::Upgrade(received));
                    }
                    draft = Some(Draft::take(py, head, &hub.settings.root_path)?);
                }
                Ok(http::Event::Body(part)) => {
                    deadline.pace.add(part.len());
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
                // Never: no request is answered by a tunnel.
                Ok(http::Event::Tunnel(_)) => {}
                Ok(http::Event::NeedInput) => return Ok(self.pause(py, hub, draft, has_news, false)),
                Ok(http::Event::Paused) => return Ok(self.pause(py, hub, draft, has_news, true)),
                Ok(http::Event::Closed) => return Ok(Step::Close),
                Err(refusal) => return Ok(Step::Refuse(refusal)),
            }
        }
    }

    /// The input is used up, or as much as counts for now.
    fn pause<'py>(
        &mut self,
        py: Python<'py>,
        hub: &HttpServer,
        draft: Option<Draft<'py>>,
        has_news: bool,
        more: bool,
    ) -> Step<'py> {
        if let Some(draft) = draft {
            return Step::Begin(draft, more);
        }
        if !has_news {
            return Step::Wait(Vec::new());
        }
        self.deadline.renew(py, hub);
        let receivers = self.request.as_mut().map(|request| std::mem::take(&mut request.receivers));
        Step::Wait(receivers.unwrap_or_default())
    }

    /// Whether something that has arrived is answered, or will be: at the next turn, or when the peer has read what waits.
    fn is_busy(&self) -> bool {
        let has_more = !self.stash.is_empty() || !self.http.is_idle();
        self.request.is_some() || self.is_scheduled || (self.writes_paused && has_more)
    }

    /// Whether more input would only have to be kept.
    fn is_full(&self) -> bool {
        let waiting = self.request.as_ref().map_or(0, |request| request.content.len());
        !self.lingers && (waiting > CONTENT_AT_MOST || !self.stash.is_empty() || !self.http.has_room())
    }
}

/// Reads on, or not, as there is room.
pub(super) fn settle_reading(protocol: Argument<'_>) -> Result<(), Raised> {
    let py = protocol.py();
    let value = protocol_of(protocol);
    let change = value.body.with(py, |body| {
        let is_full = body.is_full();
        if is_full == body.reads_paused {
            return None;
        }
        let sink = body.sink.as_ref()?.clone_ref(py);
        body.reads_paused = is_full;
        let hub = value.hub.get();
        body.settle_deadline(py, hub);
        Some((sink, is_full))
    });
    match change {
        None => Ok(()),
        Some((sink, true)) => sink.pause_reading(py),
        Some((sink, false)) => sink.resume_reading(py),
    }
}
