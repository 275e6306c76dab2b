//! What there is to log: one record for each request and for each refusal.

use wire::{Input, LogEnd, LogRecord, RequestId, Wire};

use crate::site::{
    GET, POST, Site, answering, answering_with, last, more, plain, post, request, request_of, silent, start,
};
use crate::support::{line_of, settings};

fn only(site: &Site) -> &LogRecord {
    assert_eq!(site.log.len(), 1, "{:?}", site.log);
    &site.log[0]
}

fn line(record: &LogRecord) -> String {
    line_of(record).unwrap_or_else(|| "-".to_owned())
}

#[test]
fn a_record_has_the_request_line_as_it_was_sent_and_the_bytes_of_content() {
    for (data, wanted, sent) in [
        (GET.to_vec(), "GET / HTTP/1.1", 2),
        (request_of("HEAD", "/", &[], "1.1"), "HEAD / HTTP/1.1", 0),
        (request_of("GET", "/a%20b?c=d&e", &[], "1.0"), "GET /a%20b?c=d&e HTTP/1.0", 2),
        (request("/\"quoted\"", &[]), "GET /\"quoted\" HTTP/1.1", 2),
        (request("http://b/c", &[]), "GET http://b/c HTTP/1.1", 2),
        (post("/", b"content"), "POST / HTTP/1.1", 2),
    ] {
        let mut site = answering(plain);
        site.receives(data);
        let record = only(&site);
        assert_eq!((line(record).as_str(), record.sent), (wanted, sent));
        assert_eq!((record.request, record.status, record.end), (Some(RequestId(1)), 200, LogEnd::Complete));
    }
}

#[test]
fn content_of_streams_is_counted_over_all_its_pieces() {
    let mut site = answering(silent);
    site.receives(GET);
    site.sends_all([start(200)]);
    for _ in 0..10 {
        site.sends_all([more([b'x'; 3000])]);
    }
    assert!(site.log.is_empty());
    site.sends_all([last("x")]);
    assert_eq!(only(&site).sent, 30_001);
}

#[test]
fn a_client_that_leaves_before_its_response_has_left() {
    for input in [Input::Lost { by_error: false }, Input::Lost { by_error: true }] {
        let mut site = answering(silent);
        site.receives(GET);
        site.feed(input);
        assert_eq!((only(&site).status, only(&site).end), (0, LogEnd::ClientLeft));
        assert_eq!(only(&site).outcome(), 499);
    }
}

#[test]
fn a_refusal_before_a_request_line_has_only_its_reason() {
    for (data, status) in [
        (b"nonsense\r\n\r\n".to_vec(), 400),
        (request(&format!("/{}", "a".repeat(300)), &[]), 414),
        (vec![b'A'; 1000], 501),
    ] {
        let mut site = answering(plain);
        site.receives(data);
        let record = only(&site);
        assert_eq!((line_of(record), record.status, record.sent, record.request), (None, status, 0, None));
        assert!(matches!(record.end, LogEnd::Refused(because) if !because.is_empty()));
    }
}

#[test]
fn a_refusal_has_the_request_line_once_that_could_be_read() {
    let put = |fields: &[&str]| request_of("PUT", "/a", fields, "1.1");
    let long = format!("x: {}", "y".repeat(1000));
    for (data, wanted, status) in [
        (b"GET / HTTP/9.9\r\nHost: a\r\n\r\n".to_vec(), "GET / HTTP/9.9", 505),
        (b"GET /a HTTP/1.1\r\n\r\n".to_vec(), "GET /a HTTP/1.1", 400),
        (b"GET /a HTTP/1.1\r\nhost:\r\n\r\n".to_vec(), "GET /a HTTP/1.1", 400),
        (b"GET /\"<quoted>\xe9 HTTP/1.1\r\nx : y\r\n\r\n".to_vec(), "GET /\"<quoted>\u{fffd} HTTP/1.1", 400),
        (request("/a", &[&long]), "GET /a HTTP/1.1", 431),
        (put(&["Content-Length: 99999999999"]), "PUT /a HTTP/1.1", 413),
        ([&put(&["Transfer-Encoding: chunked"])[..], b"nonsense"].concat(), "PUT /a HTTP/1.1", 400),
    ] {
        let mut site = answering(silent);
        site.receives(data);
        let record = only(&site);
        assert_eq!((line(record).as_str(), record.status, record.sent), (wanted, status, 0));
        assert!(matches!(record.end, LogEnd::Refused(_)));
    }
}

#[test]
fn a_refusal_in_the_middle_of_a_response_has_what_was_sent() {
    let mut site = answering(silent);
    site.receives([POST, b"Transfer-Encoding: chunked\r\n\r\n"].concat());
    site.sends_all([start(202), more("part")]);
    site.receives(b"nonsense");
    let record = only(&site);
    assert_eq!((line(record).as_str(), record.status, record.sent), ("POST / HTTP/1.1", 202, 4));
    assert_eq!(record.end, LogEnd::Refused("a malformed chunk size (RFC 9112 section 7.1)"));
}

#[test]
fn pipelined_requests_have_their_records_in_order() {
    let mut site = answering(plain);
    site.receives([request("/1", &[]), request("/2", &[]), b"nonsense\r\n\r\n".to_vec()].concat());
    let lines: Vec<_> = site.log.iter().map(line).collect();
    assert_eq!(lines, ["GET /1 HTTP/1.1", "GET /2 HTTP/1.1", "-"]);
    let requests: Vec<_> = site.log.iter().map(|record| record.request).collect();
    assert_eq!(requests, [Some(RequestId(1)), Some(RequestId(2)), None]);
}

#[test]
fn what_is_not_asked_for_is_not_recorded() {
    let requests = [GET, b"nonsense\r\n\r\n"].concat();
    let upload = [POST, b"Transfer-Encoding: chunked\r\n\r\nnonsense"].concat();
    for (logs_requests, logs_refusals, wanted) in
        [(false, false, 0), (true, false, 2), (false, true, 2), (true, true, 3)]
    {
        let mut settings = settings();
        (settings.logs_requests, settings.logs_refusals) = (logs_requests, logs_refusals);
        let mut site = answering_with(plain, settings.clone());
        site.receives(&requests);
        let mut other = answering_with(silent, settings);
        other.receives(&upload);
        assert_eq!(site.log.len() + other.log.len(), wanted, "{logs_requests} {logs_refusals}");
        assert!(other.log.iter().all(|record| line(record) == "POST / HTTP/1.1"));
    }
}

#[test]
fn an_idle_connection_that_ends_has_no_record() {
    let mut site = answering(plain);
    site.feed(Input::Eof);
    assert!(site.log.is_empty() && site.is_closed);
    let mut site = answering(plain);
    site.receives(&GET[..10]);
    site.feed(Input::Lost { by_error: true });
    assert!(site.log.is_empty() && site.wire.is_closed());
}
