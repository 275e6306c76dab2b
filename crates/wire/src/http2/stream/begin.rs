//! The head of a request: it begins a stream, or is refused.

use h2::RecvStream;
use h2::server::SendResponse;
use http_types::header::HeaderName;

use super::tunnel_request::tunnel_request;
use super::{Answer, Incoming, Request, State, Stream};
use crate::deadline::Deadline;
use crate::http2::head;
use crate::http2::news::News;
use crate::http2::outbox::Outbox;
use crate::http2::piece::Piece;
use crate::http2::refuse::refuse;
use crate::http2::unread::Unread;
use crate::log::LogRecord;
use crate::message::RequestId;
use crate::record::Record;
use crate::settings::Context;

/// The field that says how soon a client wants what (RFC 9218 section 4).
const PRIORITY: HeaderName = HeaderName::from_static("priority");

impl<B: AsRef<[u8]>> Stream<B> {
    /// Creates the state of a stream that begins.
    ///
    /// # Errors
    ///
    /// The request breaks a rule or exceeds a limit, which the client was told: its record, if there is one.
    pub(in crate::http2) fn new(
        number: RequestId,
        request: http_types::Request<RecvStream>,
        respond: SendResponse<Piece<B>>,
        news: &News,
        outbox: &Outbox<B>,
        unread: &Unread,
        context: Context<'_>,
    ) -> Result<Box<Self>, Option<LogRecord>> {
        let (parts, body) = request.into_parts();
        let head = match head::request(&parts, body.is_end_stream(), &context.settings.limits) {
            Ok(head) => head,
            Err(refusal) => return Err(refuse(&parts, respond, refusal, context)),
        };
        note_priority(&parts, number, outbox);
        let is_whole = body.is_end_stream();
        let protocol = parts.extensions.get::<h2::ext::Protocol>();
        let tunnel_request = tunnel_request(&head, protocol, is_whole, context);
        let incoming = match is_whole {
            // What arrives is no content.
            _ if tunnel_request.is_some() => Incoming::Told,
            true => Incoming::Arrived,
            false => Incoming::Arriving,
        };
        let request = Request {
            body,
            incoming,
            answer: Answer::Owed(respond),
            arrived: 0,
            unread: 0,
            is_awaited: false,
            is_watched: false,
            awaits_continue: incoming == Incoming::Arriving && head.expects_continue(),
            is_blocked: false,
            is_file: false,
            has_left_out: false,
            status: 0,
            sent: 0,
            was_left: false,
            record: Record::of(&head, context.settings),
            tunnel_request,
        };
        Ok(Box::new(Self {
            number,
            head,
            state: State::Open(request),
            was_cut: false,
            outbox: outbox.clone(),
            unread: unread.clone(),
            waker: news.later_waker(number),
            bytes_since_turn: 0,
            deadline: Deadline::new(),
            log: Vec::new(),
        }))
    }
}

/// Notes what the head says about the priority: several lines of a field are one value.
fn note_priority<B: AsRef<[u8]>>(parts: &http_types::request::Parts, number: RequestId, outbox: &Outbox<B>) {
    let mut lines = parts.headers.get_all(&PRIORITY).iter().map(http_types::HeaderValue::as_bytes);
    match (lines.next(), lines.next()) {
        (None, _) => {}
        (Some(only), None) => outbox.note_priority(number, only),
        (Some(first), Some(second)) => {
            let joined = [first, second].into_iter().chain(lines).collect::<Vec<_>>().join(&b","[..]);
            outbox.note_priority(number, &joined);
        }
    }
}
