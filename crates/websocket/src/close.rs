//! Close codes and the payload of close frames (RFC 6455 sections 5.5.1 and 7.4).

use crate::error::ProtocolError;

/// The code of a close frame that has none; it never stands in a frame.
pub(crate) const NO_CODE: u16 = 1005;

/// Returns whether the code may stand in a close frame: those of RFC 6455 section 7.4.1 that are not reserved, those that
/// were registered since (1012, 1013, 1014), and those of libraries and applications (section 7.4.2).
///
/// ```
/// assert!(websocket::may_be_sent(1000) && websocket::may_be_sent(4999));
/// assert!(!websocket::may_be_sent(1005) && !websocket::may_be_sent(2000));
/// ```
#[must_use]
pub const fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Returns the code and the reason in the payload of a close frame.
pub(crate) fn parse(payload: &[u8]) -> Result<(u16, &str), ProtocolError> {
    let Some((code, reason)) = payload.split_first_chunk::<2>() else {
        return if payload.is_empty() { Ok((NO_CODE, "")) } else { Err(ProtocolError::HalfCloseCode) };
    };
    let code = u16::from_be_bytes(*code);
    if !may_be_sent(code) {
        return Err(ProtocolError::CloseCode);
    }
    let reason = std::str::from_utf8(reason).map_err(|_| ProtocolError::CloseReason)?;
    Ok((code, reason))
}
