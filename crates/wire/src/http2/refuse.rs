//! Requests that no application gets, because they break a rule or exceed a limit.
//!
//! | Request               | Answer                                        | Sections               |
//! |-----------------------|-----------------------------------------------|------------------------|
//! | malformed             | `RST_STREAM` with `PROTOCOL_ERROR`            | 9113: 8.1.1            |
//! | beyond a limit        | a response with the status that HTTP/1.1 has  | 9110: 15.5.14, 15.5.15 |
//!
//! h2 itself refuses what breaks a rule of HTTP/2 alone, and lists of fields that are larger than was announced. The
//! connection goes on.

use h2::Reason;
use h2::server::SendResponse;
use http::RemoteProtocolError;
use http_types::request::Parts;

use super::head;
use super::piece::Piece;
use crate::log::{LogEnd, LogKind, LogRecord};
use crate::noted::Noted;
use crate::settings::Context;

const MALFORMED: u16 = 400;

/// Refuses a request. Returns its record, if there is one.
#[cold]
pub(super) fn refuse<B: AsRef<[u8]>>(
    request: &Parts,
    mut respond: SendResponse<Piece<B>>,
    refusal: RemoteProtocolError,
    context: Context<'_>,
) -> Option<LogRecord> {
    let status = refusal.status();
    let sent = if status == MALFORMED || !answer(request, &mut respond, status, context) {
        respond.send_reset(Reason::PROTOCOL_ERROR);
        0
    } else {
        status
    };
    if !context.settings.logs_refusals {
        return None;
    }
    let path = request.uri.path_and_query().map_or("", |path| path.as_str());
    let line = format!("{} {path} HTTP/2", request.method);
    let noted = context.settings.noted.as_ref();
    let noted = noted.map(|parts| Box::new(Noted::of_line(Some(line.as_bytes()), parts)));
    let (kind, end) = (LogKind::Request, LogEnd::Refused(refusal.because()));
    Some(LogRecord { request: None, kind, noted, status: sent, sent: 0, end })
}

/// Answers with a status, if the client has a window for what the response says. Returns whether it has.
fn answer<B: AsRef<[u8]>>(
    request: &Parts,
    respond: &mut SendResponse<Piece<B>>,
    status: u16,
    context: Context<'_>,
) -> bool {
    let Ok(head) = head::refusal(status, context.fields(), context.defaults()) else { return false };
    let text = &context.settings.refusal;
    let is_all = text.is_empty() || request.method == http_types::Method::HEAD;
    match respond.send_response(head, is_all) {
        Ok(_) if is_all => true,
        Ok(mut sender) => {
            sender.reserve_capacity(text.len());
            // What waits for a window would keep the connection from being idle.
            sender.capacity() >= text.len() && sender.send_data(Piece::encoded(text.clone()), true).is_ok()
        }
        Err(_) => false,
    }
}
