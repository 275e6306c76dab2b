//! The end of a connection, of its input and of the server: when it is kept, drained or closed.

use http::{
    Connection, DefaultHeaders, Event, Frame, Length, Limits, LocalProtocolError, NO_FIELDS, Persistence,
};

use crate::exchange::{GET, after, after_with, read, text};

fn answer(connection: &mut Connection) -> Persistence {
    let mut out = Vec::new();
    let started = connection.start(200, NO_FIELDS, Length::Known(0), DefaultHeaders::default(), &mut out);
    assert_eq!(started, Ok(()));
    connection.finish(&mut out).unwrap_or(Persistence::Close)
}

#[test]
fn the_rest_of_an_answered_request_is_thrown_away_and_the_next_is_read() {
    let mut connection = after("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\na");
    assert_eq!(answer(&mut connection), Persistence::Drain);
    assert!(!connection.is_idle());
    assert_eq!(read(&mut connection, "bc"), ["need"]);
    assert_eq!(read(&mut connection, &format!("d{GET}")), ["request", "end", "paused"]);
}

#[test]
fn so_are_chunks_and_trailers() {
    let mut connection = after("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(answer(&mut connection), Persistence::Drain);
    let rest = format!("2\r\nab\r\n0\r\nX: y\r\n\r\n{GET}");
    assert_eq!(read(&mut connection, &rest), ["request", "end", "paused"]);
}

#[test]
fn trailers_of_a_request_that_was_dropped_are_not_those_of_the_next() {
    let mut connection = after("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(answer(&mut connection), Persistence::Drain);
    let next = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nZ: 2\r\n\r\n";
    let input = format!("0\r\nY: 1\r\n\r\n{next}");
    let mut input = input.as_bytes();
    let trailers: Vec<String> = loop {
        if let http::Event::End { trailers } = connection.receive(&mut input).expect("valid") {
            break trailers.iter().map(|(name, value)| format!("{} {}", text(name), text(value))).collect();
        }
    };
    assert_eq!(trailers, ["z 2"]);
}

#[test]
fn more_than_is_worth_reading_closes() {
    let limits = Limits { drain_bytes: 3, ..Limits::UNLIMITED };
    let mut connection = after_with("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n", limits);
    assert_eq!(answer(&mut connection), Persistence::Close);
    let mut connection =
        after_with("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", limits);
    assert_eq!(answer(&mut connection), Persistence::Drain);
    assert_eq!(read(&mut connection, "2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n"), ["closed"]);
}

#[test]
fn what_is_wrong_behind_an_answer_closes_without_another() {
    let mut connection = after("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert_eq!(answer(&mut connection), Persistence::Drain);
    assert_eq!(read(&mut connection, "x\r\n"), ["closed"]);
}

#[test]
fn a_refusal_is_told_once_and_answered_with_its_status() {
    let (mut connection, mut out) = (Connection::new(Limits::UNLIMITED), Vec::new());
    let defaults = DefaultHeaders { date: b"now", server: b"vitok", ..DefaultHeaders::default() };
    let refusal = connection.receive(&mut &b"GET / HTTP/3.0\r\n\r\n"[..]).map(|_| ()).expect_err("version 3");
    connection.refuse(refusal, defaults, &mut out);
    let expected = "HTTP/1.1 505 HTTP Version Not Supported\r\ndate: now\r\nserver: vitok\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    assert_eq!(text(&out), expected);
    connection.refuse(refusal, defaults, &mut out);
    assert_eq!(text(&out), expected);
    assert_eq!(read(&mut connection, GET), ["closed"]);
}

#[test]
fn a_refusal_has_the_content_that_the_server_gives_it() {
    let defaults = DefaultHeaders { refusal: b"no", ..DefaultHeaders::default() };
    let fields = "content-type: text/plain; charset=utf-8\r\ncontent-length: 2\r\nconnection: close\r\n\r\n";
    for (request, content) in [
        ("GET / HTTP/3.0\r\n\r\n", "no"),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", "no"),
        ("HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", ""),
    ] {
        let (mut connection, mut out) = (Connection::new(Limits::UNLIMITED), Vec::new());
        let mut input = request.as_bytes();
        let refusal = loop {
            if let Err(refusal) = connection.receive(&mut input).map(|_| ()) {
                break refusal;
            }
        };
        connection.refuse(refusal, defaults, &mut out);
        let (_, written) =
            text(&out).split_once("\r\n").map(|(a, b)| (a.len(), b.to_owned())).expect("a line");
        assert_eq!(written, format!("{fields}{content}"));
    }
}

#[test]
fn a_refusal_in_the_middle_of_a_response_writes_nothing() {
    let mut connection = after("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut out = Vec::new();
    assert_eq!(
        connection.start(200, NO_FIELDS, Length::Known(1), DefaultHeaders::default(), &mut out),
        Ok(())
    );
    out.clear();
    let refusal = connection.receive(&mut &b"x"[..]).map(|_| ()).expect_err("a bad size");
    assert_eq!(connection.write(b"a", &mut out), Ok(()), "the response may be finished");
    connection.refuse(refusal, DefaultHeaders::default(), &mut out);
    assert_eq!(text(&out), "a");
}

#[test]
fn the_end_of_the_input_is_fine_between_requests() {
    let mut connection = Connection::new(Limits::UNLIMITED);
    connection.end_input();
    assert_eq!(read(&mut connection, ""), ["closed"]);
    let mut connection = after(&format!("{GET}{GET}"));
    connection.end_input();
    assert_eq!(read(&mut connection, ""), ["paused"]);
    assert_eq!(answer(&mut connection), Persistence::KeepAlive);
    assert_eq!(read(&mut connection, ""), ["request", "end", "paused"], "the kept request is still answered");
    assert_eq!(answer(&mut connection), Persistence::KeepAlive);
    assert_eq!(read(&mut connection, ""), ["closed"]);
}

#[test]
fn the_end_of_the_input_inside_a_request_is_refused() {
    for part in [
        "G",
        "\r",
        "GET / HTTP/1.1\r\nHost: a\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na",
    ] {
        let mut connection = after(part);
        connection.end_input();
        assert_eq!(read(&mut connection, ""), ["refused"], "{part:?}");
        assert_eq!(read(&mut connection, ""), ["closed"], "{part:?}");
    }
}

#[test]
fn the_last_response_says_close() {
    let mut connection = after(GET);
    connection.end_after_response();
    let mut out = Vec::new();
    assert_eq!(
        connection.start(200, NO_FIELDS, Length::Known(0), DefaultHeaders::default(), &mut out),
        Ok(())
    );
    assert!(text(&out).contains("\r\nconnection: close\r\n"));
    assert_eq!(connection.finish(&mut out), Ok(Persistence::Close));
    let mut idle = Connection::new(Limits::UNLIMITED);
    idle.end_after_response();
    assert_eq!(read(&mut idle, GET), ["closed"]);
    let mut draining = after("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
    assert_eq!(answer(&mut draining), Persistence::Drain);
    draining.end_after_response();
    assert_eq!(read(&mut draining, &format!("a{GET}")), ["closed"]);
}

#[test]
fn what_is_pipelined_is_kept_within_its_bound_and_in_order() {
    let limits = Limits { backlog_bytes: 8, ..Limits::UNLIMITED };
    let mut connection = after_with(GET, limits);
    let (first, second) = ("GET /1 HTTP/1.0\r\n\r\n".as_bytes(), "GET /2".as_bytes());
    let mut input = first;
    assert!(connection.has_room());
    assert!(matches!(connection.receive(&mut input), Ok(Event::Paused)));
    assert_eq!(input, &first[8..], "the rest stays with the caller");
    assert!(!connection.has_room());
    let mut more = second;
    assert!(matches!(connection.receive(&mut more), Ok(Event::Paused)));
    assert_eq!(more, second);
    assert_eq!(answer(&mut connection), Persistence::KeepAlive);
    let Ok(Event::Request(head)) = connection.receive(&mut input) else { panic!("the second request") };
    assert_eq!(head.target(), b"/1");
    assert!(connection.has_room());
    assert!(input.is_empty());
}

#[test]
fn the_end_of_the_input_is_behind_what_there_was_no_room_for() {
    let limits = Limits { backlog_bytes: 8, ..Limits::UNLIMITED };
    let mut connection = after_with(GET, limits);
    let mut input = "GET /1 HTTP/1.0\r\n\r\n".as_bytes();
    assert!(matches!(connection.receive(&mut input), Ok(Event::Paused)));
    connection.end_input();
    assert_eq!(answer(&mut connection), Persistence::KeepAlive);
    assert!(matches!(connection.receive(&mut input), Ok(Event::Request(_))));
    assert!(matches!(connection.receive(&mut input), Ok(Event::End { .. })));
}

#[test]
fn the_next_request_can_be_made_the_last_before_it_is_read() {
    let (mut connection, mut out) = (Connection::new(Limits::UNLIMITED), Vec::new());
    connection.end_after_next_response();
    assert_eq!(read(&mut connection, GET), ["request", "end", "paused"]);
    assert_eq!(
        connection.start(200, NO_FIELDS, Length::Known(0), DefaultHeaders::default(), &mut out),
        Ok(())
    );
    assert_eq!(connection.finish(&mut out), Ok(Persistence::Close));
    assert!(text(&out).contains("connection: close"));
}

#[test]
fn content_that_is_taken_back_is_still_to_come() {
    let (mut connection, mut out) = (after(GET), Vec::new());
    let fields = [("content-length", "5")];
    assert_eq!(connection.start(200, fields, Length::Unknown, DefaultHeaders::default(), &mut out), Ok(()));
    assert_eq!(connection.frame(4, &mut out), Ok(Frame::Plain));
    assert_eq!(connection.finish(&mut out), Err(LocalProtocolError::BodyTooShort));
    connection.take_back(4);
    assert_eq!(connection.frame(5, &mut out), Ok(Frame::Plain));
    assert_eq!(connection.finish(&mut out), Ok(Persistence::KeepAlive));
}

#[test]
fn an_error_has_the_fields_of_its_caller_unless_one_is_invalid() {
    let defaults = DefaultHeaders { server: b"vitok", ..DefaultHeaders::default() };
    for (name, wanted) in
        [("x-a", "x-a: b\r\nserver: vitok\r\n"), ("Server", "Server: b\r\n"), ("x a", "server: vitok\r\n")]
    {
        let (mut connection, mut out) = (Connection::new(Limits::UNLIMITED), Vec::new());
        connection.end_with(400, [(name, "b")], defaults, &mut out);
        let line = "HTTP/1.1 400 Bad Request\r\n";
        assert_eq!(text(&out), format!("{line}{wanted}content-length: 0\r\nconnection: close\r\n\r\n"));
    }
}
