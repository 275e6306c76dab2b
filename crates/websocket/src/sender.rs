//! Sending: the frames of a server, which are not masked (RFC 6455 section 5.1). A message is one frame.

use crate::close::may_be_sent;
use crate::event::Kind;
use crate::head::{self, CONTROL_BYTES_AT_MOST, FIN, Opcode, RSV1};
use crate::negotiation::Agreed;
use crate::negotiation::DeflateSettings;
use crate::workspace::Workspace;

/// The sending half of a connection of the server role.
///
/// ```
/// use websocket::{Kind, Sender, Workspace};
///
/// let (mut sender, mut out) = (Sender::new(None), Vec::new());
/// if !sender.message(Kind::Text, b"hi", None, &Workspace::default(), &mut out) {
///     out.extend_from_slice(b"hi");
/// }
/// assert_eq!(out, b"\x81\x02hi");
/// ```
#[derive(Clone, Debug)]
pub struct Sender {
    agreed: Option<Agreed>,
}

impl Sender {
    /// Creates the state of a connection for which this compression was agreed.
    #[must_use]
    pub const fn new(agreed: Option<Agreed>) -> Self {
        Self { agreed }
    }

    /// Appends the frame of a message. Returns whether its payload is in it: that of a compressed message is. Otherwise
    /// only the head was appended, and the data belong behind it, unchanged.
    ///
    /// The data of a text are UTF-8.
    #[inline]
    #[must_use]
    pub fn message(
        &mut self,
        kind: Kind,
        data: &[u8],
        settings: Option<&DeflateSettings>,
        workspace: &Workspace,
        out: &mut Vec<u8>,
    ) -> bool {
        let first = FIN
            | match kind {
                Kind::Text => Opcode::Text as u8,
                Kind::Binary => Opcode::Binary as u8,
            };
        if let (Some(agreed), Some(settings)) = (self.agreed, settings)
            && data.len() >= settings.at_least
            && workspace.compress(first | RSV1, data, agreed, settings, out)
        {
            return true;
        }
        head::encode(first, data.len(), out);
        false
    }
}

/// Appends a ping with these data, at most 125 bytes (RFC 6455 section 5.5.2).
///
/// # Panics
///
/// If there are more.
pub fn ping(data: &[u8], out: &mut Vec<u8>) {
    control(Opcode::Ping, data, out);
}

/// Appends a pong with these data, at most 125 bytes: those of the ping that it answers (RFC 6455 section 5.5.3).
///
/// # Panics
///
/// If there are more.
pub fn pong(data: &[u8], out: &mut Vec<u8>) {
    control(Opcode::Pong, data, out);
}

/// Appends a close frame (RFC 6455 section 5.5.1). A code that must not stand in a frame, such as 1005 and 1006, makes one
/// without code and reason; a reason is cut to 123 bytes, at the end of a character.
///
/// ```
/// let mut out = Vec::new();
/// websocket::close(1001, "restart", &mut out);
/// assert_eq!(out, b"\x88\x09\x03\xe9restart");
/// ```
pub fn close(code: u16, reason: &str, out: &mut Vec<u8>) {
    if !may_be_sent(code) {
        return control(Opcode::Close, &[], out);
    }
    let most = CONTROL_BYTES_AT_MOST - 2;
    let cut = (0..=most.min(reason.len())).rev().find(|&at| reason.is_char_boundary(at)).unwrap_or(0);
    head::encode(FIN | Opcode::Close as u8, 2 + cut, out);
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(&reason.as_bytes()[..cut]);
}

fn control(opcode: Opcode, data: &[u8], out: &mut Vec<u8>) {
    assert!(data.len() <= CONTROL_BYTES_AT_MOST, "a control frame has at most 125 bytes");
    head::encode(FIN | opcode as u8, data.len(), out);
    out.extend_from_slice(data);
}
