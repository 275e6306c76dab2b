//! The final head: its framing and persistence for each kind of request and status, and the fields that are refused.

use http::{DefaultHeaders, Length, LocalProtocolError, NO_FIELDS};

use crate::exchange::{GET, OLD_GET, after, text};

type Field = (&'static str, &'static str);

/// One head: the rule, the request, the status, the application's fields and length, and what is written after the
/// status line.
struct Row(&'static str, &'static str, u16, &'static [Field], Length, &'static str);

const HEAD: &str = "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n";
const CLOSING_GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
const KEPT_OLD_GET: &str = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
const CONNECT: &str = "CONNECT b:1 HTTP/1.1\r\nHost: a\r\n\r\n";
const WAITING_POST: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n";

const LENGTH: &[Field] = &[("content-length", "5")];
const TWICE: &[Field] = &[("content-length", "5"), ("Content-Length", "05")];
const JOINED: &[Field] = &[("content-length", "5, 5 ,5"), ("content-length", "5")];
const CHUNKED: &str = "transfer-encoding: chunked\r\n";
const CLOSE: &str = "connection: close\r\n";

const TABLE: &[Row] = &[
    Row("9112:6.2 a length", GET, 200, LENGTH, Length::Unknown, "content-length: 5\r\n"),
    Row("9110:8.6 an equal one", GET, 200, TWICE, Length::Unknown, "content-length: 5\r\n"),
    Row("9110:8.6 equal ones, joined", GET, 200, JOINED, Length::Unknown, "content-length: 5\r\n"),
    Row("9112:6.2 a length that we know", GET, 200, &[], Length::Known(0), "content-length: 0\r\n"),
    Row(
        "9112:6.2 the application's comes first",
        GET,
        200,
        LENGTH,
        Length::Known(3),
        "content-length: 5\r\n",
    ),
    Row("9112:6.1 chunks without one", GET, 200, &[], Length::Unknown, CHUNKED),
    Row(
        "9112:6.1 chunked is ours to say",
        GET,
        200,
        &[("Transfer-Encoding", "chunked")],
        Length::Unknown,
        CHUNKED,
    ),
    Row(
        "9112:6.1 never with a length",
        GET,
        200,
        &[("transfer-encoding", "chunked"), LENGTH[0]],
        Length::Unknown,
        "content-length: 5\r\n",
    ),
    Row("9112:6.1 no chunks for 1.0", OLD_GET, 200, &[], Length::Unknown, CLOSE),
    Row("9112:6.1 even if told", OLD_GET, 200, &[("transfer-encoding", "chunked")], Length::Unknown, CLOSE),
    Row("9112:6.1 nor for 1.0 that goes on", KEPT_OLD_GET, 200, &[], Length::Unknown, CLOSE),
    Row(
        "9112:9.3 1.0 ends",
        OLD_GET,
        200,
        LENGTH,
        Length::Unknown,
        "content-length: 5\r\nconnection: close\r\n",
    ),
    Row(
        "9112:9.3 1.0 that asks goes on",
        KEPT_OLD_GET,
        200,
        LENGTH,
        Length::Unknown,
        "content-length: 5\r\nconnection: keep-alive\r\n",
    ),
    Row(
        "9112:9.6 close is confirmed",
        CLOSING_GET,
        200,
        LENGTH,
        Length::Unknown,
        "content-length: 5\r\nconnection: close\r\n",
    ),
    Row(
        "9112:9.6 the application closes",
        GET,
        200,
        &[("Connection", "close"), LENGTH[0]],
        Length::Unknown,
        "content-length: 5\r\nconnection: close\r\n",
    ),
    Row(
        "9112:9.6 keep-alive is ours to say",
        CLOSING_GET,
        200,
        &[("connection", "keep-alive"), LENGTH[0]],
        Length::Unknown,
        "content-length: 5\r\nconnection: close\r\n",
    ),
    Row(
        "9110:7.6.1 other options stay",
        GET,
        200,
        &[("connection", "x-hop, keep-alive"), LENGTH[0]],
        Length::Unknown,
        "connection: x-hop\r\ncontent-length: 5\r\n",
    ),
    Row("9110:8.6 204 has no length", GET, 204, LENGTH, Length::Known(0), ""),
    Row("9110:15.3.5 nor chunks", GET, 204, &[], Length::Unknown, ""),
    Row("9110:15.3.6 205 has none to read", GET, 205, &[], Length::Unknown, "content-length: 0\r\n"),
    Row("9110:15.4.5 304 may tell a length", GET, 304, LENGTH, Length::Unknown, "content-length: 5\r\n"),
    Row("9110:15.4.5 and need not", GET, 304, &[], Length::Unknown, ""),
    Row(
        "9110:15.4.5 to 1.0 too, which goes on",
        KEPT_OLD_GET,
        304,
        &[],
        Length::Unknown,
        "connection: keep-alive\r\n",
    ),
    Row("9110:9.3.2 HEAD may tell a length", HEAD, 200, LENGTH, Length::Unknown, "content-length: 5\r\n"),
    Row("9110:9.3.2 and need not", HEAD, 200, &[], Length::Unknown, ""),
    Row("9110:9.3.6 a success to CONNECT has none", CONNECT, 200, LENGTH, Length::Unknown, ""),
    Row("9110:9.3.6 a failure has", CONNECT, 403, LENGTH, Length::Unknown, "content-length: 5\r\n"),
    Row(
        "9110:10.1.1 who still waits is let go",
        WAITING_POST,
        413,
        LENGTH,
        Length::Unknown,
        "content-length: 5\r\nconnection: close\r\n",
    ),
    Row(
        "9110:5.5 any byte but controls",
        GET,
        200,
        &[("a", "\u{e4}\t!"), LENGTH[0]],
        Length::Unknown,
        "a: \u{e4}\t!\r\ncontent-length: 5\r\n",
    ),
];

#[test]
fn every_head_is_framed_as_its_rule_says() {
    for Row(rule, request, status, fields, length, rest) in TABLE {
        let (mut connection, mut out) = (after(request), b"kept".to_vec());
        let started =
            connection.start(*status, fields.iter().copied(), *length, DefaultHeaders::default(), &mut out);
        assert_eq!(started, Ok(()), "{rule}");
        let head = text(&out).strip_prefix("kept").unwrap_or_default();
        let (line, fields) = head.split_once("\r\n").unwrap_or_default();
        assert!(line.starts_with(&format!("HTTP/1.1 {status} ")), "{rule}: {line}");
        assert_eq!(fields, format!("{rest}\r\n"), "{rule}");
    }
}

#[test]
fn date_and_server_are_added_unless_the_application_has_them() {
    let defaults = DefaultHeaders { date: b"now", server: b"vitok", ..DefaultHeaders::default() };
    let mut out = Vec::new();
    let length = Length::Known(0);
    assert_eq!(after(GET).start(200, NO_FIELDS, length, defaults, &mut out), Ok(()));
    assert_eq!(text(&out), "HTTP/1.1 200 OK\r\ndate: now\r\nserver: vitok\r\ncontent-length: 0\r\n\r\n");
    out.clear();
    assert_eq!(
        after(GET).start(200, [("Date", "then"), ("server", "x")], length, defaults, &mut out),
        Ok(())
    );
    assert_eq!(text(&out), "HTTP/1.1 200 OK\r\nDate: then\r\nserver: x\r\ncontent-length: 0\r\n\r\n");
}

#[test]
fn a_status_without_a_name_has_an_empty_phrase() {
    let mut out = Vec::new();
    assert_eq!(
        after(GET).start(299, NO_FIELDS, Length::Known(0), DefaultHeaders::default(), &mut out),
        Ok(())
    );
    assert!(text(&out).starts_with("HTTP/1.1 299 \r\n"));
}

#[test]
fn what_an_application_may_not_say_is_told_and_nothing_is_written() {
    let bad: [(&[Field], LocalProtocolError); 14] = [
        (&[("a", "b\r\nc: d")], LocalProtocolError::BadFieldValue),
        (&[("a", "b\n")], LocalProtocolError::BadFieldValue),
        (&[("a", "b\r")], LocalProtocolError::BadFieldValue),
        (&[("a", "\0")], LocalProtocolError::BadFieldValue),
        (&[("a\r\nb", "c")], LocalProtocolError::BadFieldName),
        (&[("", "c")], LocalProtocolError::BadFieldName),
        (&[("a:", "c")], LocalProtocolError::BadFieldName),
        (&[("a b", "c")], LocalProtocolError::BadFieldName),
        (&[("ok", "1"), ("content-length", "x")], LocalProtocolError::BadContentLength),
        (&[("content-length", "-1")], LocalProtocolError::BadContentLength),
        (&[("content-length", "1"), ("Content-Length", "2")], LocalProtocolError::BadContentLength),
        (&[("content-length", "1, 2")], LocalProtocolError::BadContentLength),
        (&[("content-length", "1,")], LocalProtocolError::BadContentLength),
        (&[("transfer-encoding", "gzip, chunked")], LocalProtocolError::BadTransferEncoding),
    ];
    for (fields, misuse) in bad {
        let (mut connection, mut out) = (after(GET), b"kept".to_vec());
        let started = connection.start(
            200,
            fields.iter().copied(),
            Length::Unknown,
            DefaultHeaders::default(),
            &mut out,
        );
        assert_eq!(started, Err(misuse), "{fields:?}");
        assert_eq!(text(&out), "kept", "{fields:?}");
        connection.fail(DefaultHeaders::default(), &mut out);
        assert!(text(&out).starts_with("keptHTTP/1.1 500 Internal Server Error\r\n"), "{fields:?}");
    }
}

#[test]
fn only_a_final_status_begins_a_response() {
    for status in [0, 99, 100, 101, 103, 199, 1000, u16::MAX] {
        let mut out = Vec::new();
        let started =
            after(GET).start(status, NO_FIELDS, Length::Unknown, DefaultHeaders::default(), &mut out);
        assert_eq!((started, out.len()), (Err(LocalProtocolError::BadStatus), 0), "{status}");
    }
}
