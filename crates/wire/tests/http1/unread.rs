//! Content of a request that is answered already: the rest is discarded, as far as it is worth reading (RFC 9112 section
//! 9.3).

use wire::{Input, Wire};

use crate::site::{GET, POST, Site, answering, plain, request, response, statuses, target};

/// Returns a connection that has answered a request whose content is still to come.
fn answered(rest: &str) -> Site {
    let mut site = answering(plain);
    site.receives([POST, rest.as_bytes()].concat());
    assert!(site.text().ends_with("ok"));
    site
}

#[test]
fn content_that_is_not_read_is_not_taken_for_a_request() {
    let body = request("/smuggled", &[]);
    let head = format!("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", 2 * body.len());
    let mut site = answering(target);
    site.receives([head.as_bytes(), &body].concat());
    assert_eq!(site.took(), response("/1"));
    site.receives([&body[..], &request("/2", &[])].concat());
    site.settles();
    assert_eq!(site.took(), response("/2"));
    assert_eq!(site.wire.latest().0, 2);
}

#[test]
fn the_answer_to_a_request_that_is_too_long_to_be_read_says_close() {
    for (length, closes) in [(90_000, true), (100, false)] {
        let site = answered(&format!("Content-Length: {length}\r\n\r\n"));
        assert_eq!(site.text().contains("connection: close"), closes);
        assert_eq!(site.is_ending_for_peer(), closes);
    }
}

#[test]
fn more_chunks_than_are_worth_reading_end_the_connection() {
    let mut site = answered("Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
    assert!(!site.is_ending_for_peer());
    for _ in 0..4 {
        site.receives([b"50\r\n", &[b'x'; 0x50][..], b"\r\n"].concat());
    }
    assert!(site.has_shut_down && !site.is_aborted);
    site.receives([b"0\r\n\r\n", GET].concat());
    assert_eq!(site.text(), response("ok"));
}

#[test]
fn a_malformed_rest_ends_the_connection_without_a_second_answer() {
    let mut site = answered("Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
    site.receives([b"no chunk\r\n", GET].concat());
    site.settles();
    assert!(site.has_shut_down);
    assert_eq!(site.text(), response("ok"));
    assert_eq!(site.log.len(), 1, "the request has its line");
}

#[test]
fn chunks_and_trailers_are_discarded_up_to_their_end() {
    let mut site = answered("Transfer-Encoding: chunked\r\n\r\n");
    site.receives([b"2\r\nab\r\n0\r\nx: y\r\n\r\n", GET].concat());
    site.settles();
    assert_eq!(site.text(), response("ok").repeat(2));
}

#[test]
fn a_client_that_ends_inside_the_rest_is_closed() {
    let mut site = answered("Content-Length: 100\r\n\r\nab");
    site.feed(Input::Eof);
    assert!(site.is_closed);
    assert_eq!(statuses(&site.text()), [200]);
}

#[test]
fn the_rest_is_neither_kept_nor_given_to_the_application() {
    let mut site = answered("Content-Length: 250\r\n\r\n");
    for _ in 0..5 {
        site.receives([b'x'; 50]);
        assert!(!site.reads_paused);
    }
    assert!(site.application.content.is_empty());
    site.receives(GET);
    assert_eq!(statuses(&site.text()), [200, 200]);
}
