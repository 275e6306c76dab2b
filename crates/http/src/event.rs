//! What a connection tells of the bytes that it was given.

use crate::fields::Fields;
use crate::head::Head;

/// What came next. A request is one `Request`, any number of `Body`, one `End`; then the response is due.
///
/// What an event borrows lies in the input or in the connection, and is to be copied, if at all, before the connection
/// is used again.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// A request begins. A response is owed from here on, and may be sent before the request has ended.
    Request(&'a Head),
    /// Some of the content, at least one byte; the parts follow the input and mean nothing.
    Body(&'a [u8]),
    /// The request is complete.
    End {
        /// The fields behind the content, of which only chunked content has any (RFC 9110 section 6.5).
        trailers: &'a Fields,
    },
    /// Bytes that are not HTTP: after 101 (Switching Protocols), or a success to CONNECT. Those that came with the
    /// head are among them.
    Tunnel(&'a [u8]),
    /// The input is used up; more is needed.
    NeedInput,
    /// The request is complete and its response is not. What came behind it is kept, as far as there is room; whatever
    /// is left in the input is for the caller to keep, who should stop reading.
    Paused,
    /// Nothing more comes or counts: the connection is to be closed, once everything written is sent.
    Closed,
}
