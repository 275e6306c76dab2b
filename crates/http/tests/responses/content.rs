//! Content is sent within its framing, and not at all where a response has none.

use http::{
    CHUNK_END, Connection, DefaultHeaders, Frame, Length, LocalProtocolError, NO_FIELDS, Persistence,
};

use crate::exchange::{GET, OLD_GET, after, text};

/// Starts a response, and removes its head from the output.
fn begun(request: &str, status: u16, length: Length) -> Connection {
    let mut connection = after(request);
    let started = connection.start(status, NO_FIELDS, length, DefaultHeaders::default(), &mut Vec::new());
    assert_eq!(started, Ok(()));
    connection
}

#[test]
fn content_of_known_length_is_sent_as_it_is() {
    let (mut connection, mut out) = (begun(GET, 200, Length::Known(5)), Vec::new());
    assert_eq!(connection.write(b"abc", &mut out), Ok(()));
    assert_eq!(connection.write(b"", &mut out), Ok(()));
    assert_eq!(connection.write(b"de", &mut out), Ok(()));
    assert_eq!(connection.finish(&mut out), Ok(Persistence::KeepAlive));
    assert_eq!(text(&out), "abcde");
}

#[test]
fn more_than_announced_is_refused_and_not_written() {
    let (mut connection, mut out) = (begun(GET, 200, Length::Known(2)), Vec::new());
    assert_eq!(connection.write(b"abc", &mut out), Err(LocalProtocolError::BodyTooLong));
    assert_eq!(out.len(), 0);
    assert_eq!(connection.write(b"ab", &mut out), Ok(()));
    assert_eq!(connection.write(b"c", &mut out), Err(LocalProtocolError::BodyTooLong));
    assert_eq!(connection.finish(&mut out), Ok(Persistence::KeepAlive));
}

#[test]
fn less_than_announced_cannot_be_ended_but_by_closing() {
    let (mut connection, mut out) = (begun(GET, 200, Length::Known(2)), Vec::new());
    assert_eq!(connection.write(b"a", &mut out), Ok(()));
    assert_eq!(connection.finish(&mut out), Err(LocalProtocolError::BodyTooShort));
    connection.fail(DefaultHeaders::default(), &mut out);
    assert_eq!(text(&out), "a");
    assert!(matches!(connection.receive(&mut &b"GET"[..]), Ok(http::Event::Closed)));
}

#[test]
fn chunks_are_framed_and_an_empty_one_is_none() {
    let (mut connection, mut out) = (begun(GET, 200, Length::Unknown), Vec::new());
    assert_eq!(connection.write(b"0123456789abcdef", &mut out), Ok(()));
    assert_eq!(connection.write(b"", &mut out), Ok(()));
    assert_eq!(connection.write(b"x", &mut out), Ok(()));
    assert_eq!(connection.finish(&mut out), Ok(Persistence::KeepAlive));
    assert_eq!(text(&out), "10\r\n0123456789abcdef\r\n1\r\nx\r\n0\r\n\r\n");
}

#[test]
fn a_frame_lets_content_be_sent_from_where_it_lies() {
    let (mut connection, mut out) = (begun(GET, 200, Length::Unknown), Vec::new());
    assert_eq!(connection.frame(300, &mut out), Ok(Frame::Chunk));
    assert_eq!((text(&out), CHUNK_END), ("12c\r\n", &b"\r\n"[..]));
    let mut connection = begun(GET, 200, Length::Known(300));
    assert_eq!(connection.frame(300, &mut out), Ok(Frame::Plain));
    assert_eq!(text(&out), "12c\r\n");
}

#[test]
fn trailers_follow_chunks_and_are_left_out_elsewhere() {
    let fields = [("x-sum", "1"), ("content-length", "9")];
    let (mut connection, mut out) = (begun(GET, 200, Length::Unknown), Vec::new());
    assert_eq!(connection.finish_with(fields, &mut out), Ok(Persistence::KeepAlive));
    assert_eq!(text(&out), "0\r\nx-sum: 1\r\n\r\n");
    let (mut connection, mut out) = (begun(GET, 200, Length::Known(0)), Vec::new());
    assert_eq!(connection.finish_with(fields, &mut out), Ok(Persistence::KeepAlive));
    assert_eq!(text(&out), "");
    let (mut connection, mut out) = (begun(GET, 200, Length::Unknown), Vec::new());
    assert_eq!(connection.finish_with([("a", "\r\n")], &mut out), Err(LocalProtocolError::BadFieldValue));
    assert_eq!(text(&out), "");
    assert_eq!(connection.finish(&mut out), Ok(Persistence::KeepAlive));
}

#[test]
fn a_client_of_1_0_reads_until_the_end_of_the_connection() {
    let (mut connection, mut out) = (begun(OLD_GET, 200, Length::Unknown), Vec::new());
    assert_eq!(connection.write(b"abc", &mut out), Ok(()));
    assert_eq!(connection.finish(&mut out), Ok(Persistence::Close));
    assert_eq!(text(&out), "abc");
}

#[test]
fn content_for_head_is_dropped_whatever_its_length() {
    let (mut connection, mut out) =
        (begun("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 200, Length::Known(3)), Vec::new());
    assert_eq!(connection.frame(3, &mut out), Ok(Frame::Dropped));
    assert_eq!(connection.write(b"abcdef", &mut out), Ok(()));
    assert_eq!(connection.finish(&mut out), Ok(Persistence::KeepAlive));
    assert_eq!(out.len(), 0);
}

#[test]
fn content_for_a_status_that_has_none_is_dropped() {
    for status in [204, 205, 304] {
        let (mut connection, mut out) = (begun(GET, status, Length::Known(1)), Vec::new());
        assert_eq!(connection.frame(1, &mut out), Ok(Frame::NotAllowed), "{status}");
        assert_eq!(connection.frame(0, &mut out), Ok(Frame::Plain), "{status}");
        assert_eq!(connection.write(b"xyz", &mut out), Ok(()), "{status}");
        assert_eq!(connection.finish(&mut out), Ok(Persistence::KeepAlive), "{status}");
        assert_eq!(out.len(), 0);
    }
}

#[test]
fn content_for_head_is_no_mistake_whatever_the_status() {
    for status in [204, 205, 304] {
        let (mut connection, mut out) =
            (begun("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", status, Length::Known(1)), Vec::new());
        assert_eq!(connection.frame(1, &mut out), Ok(Frame::Dropped), "{status}");
        assert_eq!(connection.finish(&mut out), Ok(Persistence::KeepAlive), "{status}");
        assert_eq!(out.len(), 0);
    }
}

#[test]
fn nothing_is_written_out_of_order() {
    let (mut connection, mut out) = (after(GET), Vec::new());
    assert_eq!(connection.write(b"x", &mut out), Err(LocalProtocolError::OutOfOrder));
    assert_eq!(connection.finish(&mut out), Err(LocalProtocolError::OutOfOrder));
    let start = |connection: &mut Connection, out: &mut Vec<u8>| {
        connection.start(200, NO_FIELDS, Length::Known(0), DefaultHeaders::default(), out)
    };
    assert_eq!(start(&mut connection, &mut Vec::new()), Ok(()));
    assert_eq!(start(&mut connection, &mut out), Err(LocalProtocolError::OutOfOrder));
    assert_eq!(connection.inform(103, NO_FIELDS, &mut out), Err(LocalProtocolError::OutOfOrder));
    assert_eq!(connection.finish(&mut out), Ok(Persistence::KeepAlive));
    assert_eq!(connection.finish(&mut out), Err(LocalProtocolError::OutOfOrder));
    assert_eq!(connection.write(b"x", &mut out), Err(LocalProtocolError::OutOfOrder));
    assert_eq!(start(&mut connection, &mut out), Err(LocalProtocolError::OutOfOrder));
    assert_eq!(out.len(), 0);
}

#[test]
fn a_head_that_was_not_sent_can_be_taken_back_and_another_written() {
    let (mut connection, mut out) = (begun(GET, 200, Length::Known(2)), Vec::new());
    assert_eq!(connection.write(b"abc", &mut out), Err(LocalProtocolError::BodyTooLong));
    connection.retract();
    connection.fail(DefaultHeaders::default(), &mut out);
    assert!(text(&out).starts_with("HTTP/1.1 500 "));
    connection.retract();
    assert_eq!(connection.finish(&mut out), Err(LocalProtocolError::OutOfOrder), "what is over stays so");
}

#[test]
fn a_client_that_took_too_long_is_told_unless_a_response_has_begun() {
    let (mut waiting, mut out) =
        (after("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\na"), Vec::new());
    waiting.time_out(DefaultHeaders::default(), &mut out);
    assert!(text(&out).starts_with("HTTP/1.1 408 Request Timeout\r\n"));
    out.clear();
    begun(GET, 200, Length::Known(2)).time_out(DefaultHeaders::default(), &mut out);
    assert_eq!(text(&out), "");
}
