//! What a wire passes to WebSocket when a handshake is accepted, whichever wire that is.

use ::websocket::Handshake;

use crate::log::LogRecord;
use crate::message::RequestId;
use crate::read_buffer::ReadBuffer;
use crate::record::Record;

/// What WebSocket needs of a connection that was another wire's.
pub(crate) struct Upgraded {
    pub(crate) request: RequestId,
    pub(crate) handshake: Box<Handshake>,
    /// What is known of it for the log.
    pub(crate) record: Record,
    /// What has arrived after the handshake.
    pub(crate) input: ReadBuffer,
    /// Whether the peer has ended its side after that.
    pub(crate) has_input_ended: bool,
    /// Whether the driver gives [`Started`](crate::Input::Started).
    pub(crate) is_starting: bool,
    pub(crate) is_writable: bool,
    pub(crate) reads_paused: bool,
    pub(crate) is_awaited: bool,
    /// What there is to log, the handshake among it.
    pub(crate) log: Vec<LogRecord>,
}
