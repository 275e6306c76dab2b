//! Content in, and a client that leaves. What the application has asked for opens the window again.

use std::mem;
use std::task::{Context as TaskContext, Poll, Waker};

use super::end::TOO_LARGE;
use super::tunnel_request::WaitingHandshake;
use super::{Answer, Incoming, Request, State, Stream};
use crate::action::{Action, Actions};
use crate::machine::Interface;
use crate::message::{Received, RequestId};
use crate::settings::Context;

impl<B: AsRef<[u8]>> Stream<B> {
    /// Looks for content, for a window that has opened, and whether the client has left.
    pub(super) fn take_news(&mut self, context: Context<'_>, interface: &mut impl Interface) -> Actions {
        let mut actions = self.keep_input();
        if self.request().is_some_and(|request| request.incoming == Incoming::Arriving) {
            actions = self.take_content(context, interface);
        }
        if self.has_left() {
            return actions.and(self.leave(true));
        }
        actions.and(self.note_window())
    }

    /// Takes content that has arrived.
    pub(super) fn take_content(&mut self, context: Context<'_>, interface: &mut impl Interface) -> Actions {
        let State::Open(request) = &mut self.state else { return Actions::NONE };
        let waker = &mut TaskContext::from_waker(self.waker.get());
        let mut has_news = false;
        loop {
            match request.body.poll_data(waker) {
                Poll::Ready(Some(Ok(part))) => {
                    request.arrived = request.arrived.saturating_add(part.len() as u64);
                    if request.arrived > context.settings.limits.body_bytes {
                        return self.refuse(TOO_LARGE, context);
                    }
                    request.unread += part.len();
                    request.awaits_continue = false;
                    self.unread.add(part.len());
                    self.deadline.body_rate.add(part.len());
                    if !part.is_empty() {
                        interface.content(self.number, &part);
                        has_news = true;
                    }
                }
                Poll::Ready(Some(Err(_))) => return self.leave(true),
                Poll::Ready(None) => {
                    request.incoming = Incoming::Arrived;
                    has_news = true;
                    break;
                }
                Poll::Pending => break,
            }
        }
        let is_woken = has_news && mem::take(&mut request.is_awaited);
        if has_news {
            self.deadline.renew_for_content(context);
        }
        self.settle(context);
        if is_woken { Action::WakeReceive.into() } else { Actions::NONE }
    }

    /// Returns whether a stream that begins was reset before. That it is reset later is no news until it has started: most
    /// responses are complete by then, and need no waker.
    pub(super) fn began_reset(&mut self) -> bool {
        let State::Open(Request { answer: Answer::Owed(respond), .. }) = &mut self.state else {
            return false;
        };
        respond.poll_reset(&mut TaskContext::from_waker(Waker::noop())).is_ready()
    }

    /// Returns whether the client has reset the stream, or the connection is over. Otherwise that will be news.
    fn has_left(&mut self) -> bool {
        let State::Open(request) = &mut self.state else { return false };
        let waker = &mut TaskContext::from_waker(self.waker.get());
        match &mut request.answer {
            Answer::Owed(respond) | Answer::Started(respond, _) => respond.poll_reset(waker).is_ready(),
            Answer::Sending(sender, ..) | Answer::Trailers(sender, _) => sender.has_left(),
            // It could not be sent.
            Answer::Nothing => true,
        }
    }

    /// Returns what an application that asks for the next event of its request gets.
    pub(super) fn next_event(&mut self, request: RequestId, context: Context<'_>) -> (Received, Actions) {
        let is_cut = self.was_cut && self.number == request;
        let is_left = self.websocket().is_some_and(WaitingHandshake::is_left);
        let Some(current) = self.current(request) else {
            return (Received::Disconnect { is_cut }, Actions::NONE);
        };
        if current.unread > 0 || current.incoming == Incoming::Arrived {
            let more = current.incoming == Incoming::Arriving;
            if !more {
                current.incoming = Incoming::Told;
            }
            let read = mem::take(&mut current.unread);
            // It was taken from the window, so it can be given back.
            let is_released = read > 0 && current.body.flow_control().release_capacity(read).is_ok();
            let actions = if is_released && more { Action::FlushConnection.into() } else { Actions::NONE };
            self.unread.subtract(read);
            self.settle(context);
            return (Received::Content { more }, actions);
        }
        if is_left {
            return (Received::Disconnect { is_cut: true }, Actions::NONE);
        }
        current.is_awaited = true;
        if current.incoming != Incoming::Arriving {
            return (Received::Nothing, Actions::NONE);
        }
        let tells = self.send_continue();
        self.settle(context);
        (Received::Nothing, if tells { Action::FlushConnection.into() } else { Actions::NONE })
    }
}
