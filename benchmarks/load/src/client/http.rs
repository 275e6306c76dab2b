//! HTTP/1.1 requests on connections that stay open, up to `--pipeline` of them under way on each.
//!
//! `response.rs` finds the ends of responses, which come in the order of the requests; `requests.rs` has the connections.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use super::request::{Body, Request, path};
use super::requests::{Conversation, Requests};
use super::response::Responses;
use super::tls::Tls;
use super::{Waiting, rated, streams_to, target};
use crate::failure::Failure;
use crate::options::Arguments;
use crate::window::Asked;

pub(crate) fn run(mut arguments: Arguments) -> Result<(), Failure> {
    let target = target(&mut arguments)?;
    let count = arguments.count("--connections", 1)?;
    let depth = arguments.count("--pipeline", 1)?;
    let path = path(&mut arguments)?;
    let body = Body::from(&mut arguments)?;
    let rate = rated::rate(&mut arguments)?;
    let tls = Tls::from(&mut arguments)?;
    let asked = Asked::from(&mut arguments)?;
    let waiting = Waiting::from(&mut arguments)?;
    arguments.finish()?;
    let request: Rc<[u8]> = Request { path: &path, target, body: &body, is_last: false }.to_bytes().into();
    let connections = streams_to(target, count, tls.as_ref())?
        .into_iter()
        .map(|stream| (stream, Pipeline::new(Rc::clone(&request), depth)));
    Requests::new(waiting, connections)?.run(&asked, rate)
}

/// The requests under way on a connection.
struct Pipeline {
    request: Rc<[u8]>,
    depth: usize,
    responses: Responses,
    /// When the requests under way were begun, the oldest first: responses come in that order.
    begun: VecDeque<Instant>,
}

impl Pipeline {
    fn new(request: Rc<[u8]>, depth: usize) -> Self {
        Self { request, depth, responses: Responses::default(), begun: VecDeque::with_capacity(depth) }
    }
}

impl Conversation for Pipeline {
    #[inline]
    fn under_way(&self) -> usize {
        self.begun.len()
    }

    #[inline]
    fn is_free(&self) -> bool {
        self.begun.len() < self.depth
    }

    #[inline]
    fn begin(&mut self, begun: Instant, unsent: &mut Vec<u8>) -> Result<(), Failure> {
        self.begun.push_back(begun);
        unsent.extend_from_slice(&self.request);
        Ok(())
    }

    #[inline]
    fn take(&mut self, data: &[u8], _: &mut Vec<u8>, ended: &mut Vec<Instant>) -> Result<(), Failure> {
        let found = self.responses.take(data).map_err(Failure::Peer)?;
        if found.refused > 0 {
            return Err(Failure::Peer("the server refused a request, with a status of 400 or above".into()));
        }
        if found.ended > self.begun.len() {
            return Err(Failure::Peer("the server sent more responses than it was asked for".into()));
        }
        ended.extend(self.begun.drain(..found.ended));
        if found.is_last {
            return Err(Failure::Peer("the server does not keep connections open".into()));
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.begun.clear();
    }
}
