//! Errors as a log and a close frame have them: codes, texts, and what follows.

use websocket::{HandshakeError, ProtocolError};

use crate::support::{CLOSE, Connection, Seen, TEXT, frame};

const ERRORS: [ProtocolError; 16] = [
    ProtocolError::ReservedBit,
    ProtocolError::ReservedOpcode,
    ProtocolError::FragmentedControl,
    ProtocolError::LongControl,
    ProtocolError::UnexpectedContinuation,
    ProtocolError::UnfinishedMessage,
    ProtocolError::Unmasked,
    ProtocolError::LengthNotMinimal,
    ProtocolError::LengthOutOfRange,
    ProtocolError::HalfCloseCode,
    ProtocolError::CloseCode,
    ProtocolError::CloseReason,
    ProtocolError::Text,
    ProtocolError::Deflate,
    ProtocolError::FrameTooLong,
    ProtocolError::MessageTooLong,
];

#[test]
fn a_text_fits_into_a_close_frame() {
    for error in ERRORS {
        let (code, because) = (error.code(), error.because());
        assert!([1002, 1007, 1009].contains(&code));
        assert!(because.contains("(RFC ") && because.ends_with(')'), "{because}");
        let mut out = Vec::new();
        websocket::close(code, because, &mut out);
        assert_eq!(&out[4..], because.as_bytes());
        assert_eq!(error.to_string(), format!("{code}: {because}"));
    }
}

#[test]
fn each_error_has_a_text_of_its_own() {
    let mut texts = ERRORS.map(ProtocolError::because);
    texts.sort_unstable();
    assert!(texts.windows(2).all(|two| two[0] != two[1]));
}

#[test]
fn handshake_errors_have_texts() {
    for error in [
        HandshakeError::Method,
        HandshakeError::HttpVersion,
        HandshakeError::Connection,
        HandshakeError::Key,
        HandshakeError::Version,
        HandshakeError::Extensions,
    ] {
        assert!(error.because().contains("(RFC 6455 section "));
        assert!(error.to_string().starts_with(&error.status().to_string()));
    }
}

#[test]
fn an_error_in_a_close_frame_stays_the_error() {
    for (payload, error) in [
        (&b"\x03"[..], ProtocolError::HalfCloseCode),
        (b"\x03\xed", ProtocolError::CloseCode),
        (b"\x03\xe8\xff", ProtocolError::CloseReason),
    ] {
        let mut connection = Connection::new(None);
        assert_eq!(connection.feed(&frame(CLOSE, payload)), [Seen::Error(error)]);
        assert_eq!(connection.feed(&frame(TEXT, b"late")), [Seen::Error(error)]);
    }
}

#[test]
fn events_before_an_error_are_reported() {
    let input = [frame(TEXT, b"one"), frame(TEXT, b"two"), vec![0x83]].concat();
    let mut connection = Connection::new(None);
    let seen = [Seen::Text("one".into()), Seen::Text("two".into())];
    assert_eq!(connection.feed(&input), seen);
    assert_eq!(connection.feed(&[0x80]), [Seen::Error(ProtocolError::ReservedOpcode)]);
}
