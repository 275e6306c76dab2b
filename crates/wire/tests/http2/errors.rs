//! What RFC 9113 forbids ends the stream or the connection, with the code that it names. Where h2 ends the connection
//! instead of a stream, which section 5.4 allows, the test says so.

use crate::support::frames::{
    self, COMPRESSION_ERROR, FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, Frame, PROTOCOL_ERROR, STREAM_CLOSED,
    data, frame, get, headers, post, reset, settings as settings_frame, window,
};
use crate::support::multiplexed::Multiplexed;
use crate::support::settings;

/// Sends bytes on a connection, and returns the error code with which it ended.
fn code_of(bytes: &[u8]) -> Option<u32> {
    let mut driver = Multiplexed::connect(settings());
    driver.answer = None;
    driver.receive(bytes);
    let code = driver.go_away();
    assert_eq!(code.is_some(), driver.is_closed, "{code:?}");
    assert!(code.is_none() || driver.streams.is_empty());
    code
}

fn check_connection(cases: &[(&str, Vec<u8>, u32)]) {
    for (name, bytes, code) in cases {
        assert_eq!(code_of(bytes), Some(*code), "{name}");
    }
}

/// A head in two parts, with something between them.
fn interrupted(by: &[u8]) -> Vec<u8> {
    let block = frames::block(&frames::fields("GET", "/"));
    let (first, second) = block.split_at(10);
    let begun = frame(frames::HEADERS, frames::END_STREAM, 1, first);
    [&begun, by, &frame(frames::CONTINUATION, frames::END_HEADERS, 1, second)].concat()
}

#[test]
fn frames_that_are_malformed() {
    let long = |kind| frame(kind, 0, 1, &[0; 16_385]);
    check_connection(&[
        ("a frame beyond the largest", long(frames::DATA), FRAME_SIZE_ERROR),
        ("a head beyond the largest frame", long(frames::HEADERS), FRAME_SIZE_ERROR),
        ("an unknown frame beyond the largest", long(0xf0), FRAME_SIZE_ERROR),
        ("settings of five bytes", frame(frames::SETTINGS, 0, 0, b"12345"), FRAME_SIZE_ERROR),
        (
            "an acknowledgement with settings",
            frame(frames::SETTINGS, frames::ACK, 0, b"123456"),
            FRAME_SIZE_ERROR,
        ),
        ("a short ping", frame(frames::PING, 0, 0, b"1234567"), FRAME_SIZE_ERROR),
        ("a short reset", [get(1, "/"), frame(frames::RST_STREAM, 0, 1, b"123")].concat(), FRAME_SIZE_ERROR),
        ("a long window", frame(frames::WINDOW_UPDATE, 0, 0, b"12345"), FRAME_SIZE_ERROR),
        ("a short priority", frame(frames::PRIORITY, 0, 1, b"1234"), FRAME_SIZE_ERROR),
        (
            "more padding than content",
            [post(1, "/"), frame(frames::DATA, 8, 1, &[4, 0, 0, 0])].concat(),
            PROTOCOL_ERROR,
        ),
        (
            "a padded frame of no bytes",
            [post(1, "/"), frame(frames::DATA, 8, 1, b"")].concat(),
            PROTOCOL_ERROR,
        ),
        ("more padding than head", frame(frames::HEADERS, 12, 1, &[9, 0x82]), PROTOCOL_ERROR),
    ]);
}

#[test]
fn frames_of_a_wrong_stream() {
    let head = frames::block(&frames::fields("GET", "/"));
    check_connection(&[
        ("settings of a stream", frame(frames::SETTINGS, 0, 1, b""), PROTOCOL_ERROR),
        ("a ping of a stream", frame(frames::PING, 0, 1, b"12345678"), PROTOCOL_ERROR),
        ("an end of a stream", frame(frames::GOAWAY, 0, 1, &[0; 8]), PROTOCOL_ERROR),
        ("content of the connection", data(0, b"x", false), PROTOCOL_ERROR),
        ("a head of the connection", frame(frames::HEADERS, 5, 0, &head), PROTOCOL_ERROR),
        ("a reset of the connection", reset(0, 8), PROTOCOL_ERROR),
        ("a priority of the connection", frame(frames::PRIORITY, 0, 0, b"12345"), PROTOCOL_ERROR),
        ("more of a head of the connection", frame(frames::CONTINUATION, 4, 0, b""), PROTOCOL_ERROR),
        ("an even stream", get(2, "/"), PROTOCOL_ERROR),
        ("content of a stream that has not begun", data(5, b"x", false), PROTOCOL_ERROR),
        ("a reset of a stream that has not begun", reset(5, 8), PROTOCOL_ERROR),
        ("a window of a stream that has not begun", window(5, 1), PROTOCOL_ERROR),
        ("a push", frame(frames::PUSH_PROMISE, 4, 1, &[&[0, 0, 0, 2], &head[..]].concat()), PROTOCOL_ERROR),
        ("a stream before the last one", [get(5, "/"), get(3, "/")].concat(), PROTOCOL_ERROR),
    ]);
}

#[test]
fn heads_that_are_interrupted() {
    let others =
        [get(3, "/"), data(1, b"x", false), frames::ping(), settings_frame(&[]), frame(0xf0, 0, 1, b"")];
    for other in others {
        assert_eq!(code_of(&interrupted(&other)), Some(PROTOCOL_ERROR), "{other:?}");
    }
    assert_eq!(code_of(&interrupted(b"")), None);
    check_connection(&[
        ("more of no head", frame(frames::CONTINUATION, 4, 1, b""), PROTOCOL_ERROR),
        (
            "more of a head that has ended",
            [get(1, "/"), frame(frames::CONTINUATION, 4, 1, b"")].concat(),
            PROTOCOL_ERROR,
        ),
        ("more of another head", interrupted(&frame(frames::CONTINUATION, 0, 3, b"")), PROTOCOL_ERROR),
    ]);
}

/// h2 does not name all of them `COMPRESSION_ERROR`, which RFC 9113 section 4.3 demands.
#[test]
fn heads_that_can_not_be_unpacked() {
    for block in [
        &b"\x80"[..],
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xfe",
        b"\x00\x05ab",
        b"\x00\x81\xff\x01x",
        b"\x82\x3f\xff\xff\x0f",
        b"\x40\x01x\x01y\x3f\xe1\xff\xff\xff\x07",
    ] {
        let code = code_of(&frame(frames::HEADERS, 5, 1, block));
        assert!(matches!(code, Some(COMPRESSION_ERROR | PROTOCOL_ERROR)), "{block:?}: {code:?}");
    }
}

#[test]
fn settings_that_no_client_may_have() {
    check_connection(&[
        ("a push of two", settings_frame(&[(2, 2)]), PROTOCOL_ERROR),
        ("a small largest frame", settings_frame(&[(5, 16_383)]), PROTOCOL_ERROR),
        ("a large largest frame", settings_frame(&[(5, 1 << 24)]), PROTOCOL_ERROR),
        (
            "an acknowledgement of nothing",
            frame(frames::SETTINGS, frames::ACK, 0, b"").repeat(2),
            PROTOCOL_ERROR,
        ),
    ]);
    let code = code_of(&settings_frame(&[(frames::INITIAL_WINDOW_SIZE, 1 << 31)]));
    assert_eq!(code, Some(FLOW_CONTROL_ERROR));
    let most = u32::MAX >> 1;
    let overflow =
        [get(1, "/"), window(1, most - 65_535), settings_frame(&[(frames::INITIAL_WINDOW_SIZE, most)])];
    assert_eq!(code_of(&overflow.concat()), Some(FLOW_CONTROL_ERROR));
}

#[test]
fn windows_that_are_exceeded() {
    let content = data(1, &[0; 1001], false);
    assert_eq!(stream_code(&[post(1, "/"), content].concat(), 1), FLOW_CONTROL_ERROR);
    let mut settings = settings();
    settings.http2.stream_window = 1 << 20;
    let mut driver = Multiplexed::connect(settings);
    driver.answer = None;
    driver.receive(&post(1, "/"));
    driver.receive(&data(1, &[0; 16_384], false).repeat(4));
    assert_eq!(driver.go_away(), Some(FLOW_CONTROL_ERROR));
    check_connection(&[
        ("a window of the connection that overflows", window(0, u32::MAX >> 1), FLOW_CONTROL_ERROR),
        ("a window of the connection of no bytes", window(0, 0), PROTOCOL_ERROR),
        // A stream error in RFC 9113 section 6.9.
        ("a window of no bytes", [get(1, "/"), window(1, 0)].concat(), PROTOCOL_ERROR),
    ]);
    assert_eq!(stream_code(&[get(1, "/"), window(1, u32::MAX >> 1)].concat(), 1), FLOW_CONTROL_ERROR);
}

#[test]
fn a_client_that_does_not_speak_http2() {
    for bytes in
        [&b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"[..], b"PRI * HTTP/2.0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"]
    {
        let mut driver = Multiplexed::new(settings());
        driver.receive(bytes);
        assert!(driver.is_closed, "{bytes:?}");
        assert_eq!(driver.started, 0);
    }
}

#[test]
fn a_preface_that_arrives_byte_by_byte_or_in_two_parts() {
    let whole = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        frames::frame(frames::SETTINGS, 0, 0, &[]),
        get(1, "/"),
    ]
    .concat();
    let parts = |at: usize| vec![whole[..at].to_vec(), whole[at..].to_vec()];
    let bytes: Vec<Vec<u8>> = whole.iter().map(|byte| vec![*byte]).collect();
    for parts in (1..30).map(parts).chain([bytes]) {
        let mut driver = Multiplexed::new(settings());
        parts.iter().for_each(|part| driver.receive(part));
        assert_eq!(driver.frames().iter().find_map(Frame::status), Some(200), "{}", parts[0].len());
    }
}

/// Sends bytes of which a stream is malformed. Returns the code of its reset; the connection goes on.
fn stream_code(bytes: &[u8], stream: u32) -> u32 {
    let mut driver = Multiplexed::connect(settings());
    driver.answer = None;
    driver.receive(bytes);
    let frames = driver.frames();
    let is_reset = |frame: &&Frame| frame.kind == frames::RST_STREAM && frame.stream == stream;
    let resets: Vec<u32> = frames.iter().filter(is_reset).map(Frame::number).collect();
    assert_eq!(resets.len(), 1, "{frames:?}");
    assert!(driver.numbers().len() < 2, "the stream is not over");
    driver.answer = Some(0);
    driver.receive(&get(1001, "/"));
    assert_eq!(driver.frames().iter().find_map(Frame::status), Some(200), "the connection goes on");
    resets[0]
}

/// Heads of requests that are malformed.
pub(crate) fn malformed() -> Vec<(&'static str, Vec<(&'static str, &'static str)>)> {
    let fields = |more: &[(&'static str, &'static str)]| [&frames::fields("GET", "/")[..], more].concat();
    let path = (":path", "/");
    let (method, scheme, authority) = ((":method", "GET"), (":scheme", "http"), (":authority", "a"));
    vec![
        ("no method", vec![scheme, path, authority]),
        ("no scheme", vec![method, path, authority]),
        ("no path", vec![method, scheme, authority]),
        ("an empty path", vec![method, scheme, (":path", ""), authority]),
        ("two methods", vec![method, method, scheme, path, authority]),
        ("two paths", vec![method, scheme, path, path, authority]),
        ("a status", fields(&[(":status", "200")])),
        ("a pseudo-header that nobody knows", vec![method, scheme, path, authority, (":x", "y")]),
        ("a pseudo-header behind a field", vec![method, scheme, path, ("x", "y"), authority]),
        ("a large letter", fields(&[("X-Y", "z")])),
        ("a space in a name", fields(&[("x y", "z")])),
        ("a line end", fields(&[("x", "y\r\nz: z")])),
        ("a zero byte", fields(&[("x", "y\0")])),
        ("connection", fields(&[("connection", "close")])),
        ("keep-alive", fields(&[("keep-alive", "1")])),
        ("transfer-encoding", fields(&[("transfer-encoding", "chunked")])),
        ("upgrade", fields(&[("upgrade", "websocket")])),
        ("te", fields(&[("te", "gzip")])),
        ("another host", fields(&[("host", "b")])),
        ("a length of no number", fields(&[("content-length", "x")])),
        ("two lengths", fields(&[("content-length", "0"), ("content-length", "1")])),
        ("a length without content", fields(&[("content-length", "5")])),
    ]
}

#[test]
fn requests_that_are_malformed() {
    for (name, fields) in malformed() {
        let bytes = headers(1, &fields, true);
        // h2 ends the connection if a name or a value has bytes that it may not have.
        let code = code_of(&bytes).unwrap_or_else(|| stream_code(&bytes, 1));
        assert_eq!(code, PROTOCOL_ERROR, "{name}");
    }
}

#[test]
fn content_that_is_malformed() {
    let long = [&frames::fields("POST", "/")[..], &[("content-length", "5")]].concat();
    let head = headers(1, &long, false);
    let with = |frames: &[Vec<u8>]| stream_code(&[&head[..], &frames.concat()].concat(), 1);
    assert_eq!(with(&[data(1, b"123456", false)]), PROTOCOL_ERROR);
    assert_eq!(with(&[data(1, b"1234", true)]), PROTOCOL_ERROR);
    // Trailers end the stream.
    assert_eq!(with(&[headers(1, &[("x", "y")], false)]), PROTOCOL_ERROR);
}

/// h2 calls it `PROTOCOL_ERROR`, for `STREAM_CLOSED` of RFC 9113 section 5.1 ("half-closed (remote)").
#[test]
fn frames_of_streams_that_are_over() {
    let over = get(1, "/");
    for more in [data(1, b"x", false), get(1, "/")] {
        let code = code_of(&[over.clone(), more.clone()].concat());
        assert!(matches!(code, Some(STREAM_CLOSED | PROTOCOL_ERROR)), "{more:?}: {code:?}");
    }
    let code = stream_code(&[over.clone(), post(1, "/")].concat(), 1);
    assert!(matches!(code, STREAM_CLOSED | PROTOCOL_ERROR), "{code}");
    for more in [window(1, 1), reset(1, 8), frame(frames::PRIORITY, 0, 1, &[0, 0, 0, 0, 1])] {
        assert_eq!(code_of(&[over.clone(), more].concat()), None);
    }
}
