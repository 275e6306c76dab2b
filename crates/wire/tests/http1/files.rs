//! Content that the driver sends from a file, past the machine (ASGI, "Path Send" and "Zero Copy Send").

use wire::{Action, Ending, HalfClose, Input, LogEnd, Message, OutOfOrder, Received, SendError, Wire};

use crate::site::{
    END, GET, OK, POST, Site, answering, last, more, request_of, silent, start, start_with,
    start_with_trailers, statuses,
};

fn file(count: usize, more: bool) -> Message<Vec<u8>> {
    Message::File { count, more }
}

fn file_end(more: bool) -> Message<Vec<u8>> {
    Message::FileEnd { more }
}

fn begun(data: &[u8], head: Message<Vec<u8>>) -> Site {
    let mut site = answering(silent);
    site.receives(data);
    site.sends_all([head]);
    site
}

/// Sends a file as a driver does: what precedes it, its bytes, and what follows.
fn send_file(site: &mut Site, content: &[u8], more: bool) {
    if site.sends(file(content.len(), more)) == Ok(true) {
        site.written.extend_from_slice(content);
    }
    site.sends_all([file_end(more)]);
}

#[test]
fn a_file_is_the_whole_content_with_its_length() {
    let mut site = answering(silent);
    for data in [GET, GET, &request_of("GET", "/", &[], "1.0")] {
        site.receives(data);
        site.sends_all([start(200)]);
        send_file(&mut site, b"content", false);
        assert!(site.took().contains("\r\ncontent-length: 7\r\n"));
        assert!(!site.wire.is_answering());
    }
    assert!(site.is_closed, "behind a request of 1.0");
}

#[test]
fn an_empty_file_is_an_empty_response() {
    let mut site = begun(GET, start(200));
    send_file(&mut site, b"", false);
    assert_eq!(site.text(), format!("{OK}content-length: 0\r\n\r\n"));
}

#[test]
fn a_file_for_head_gives_its_length_also_if_that_is_0() {
    for count in [7, 0] {
        let mut site = begun(&request_of("HEAD", "/", &[], "1.1"), start(200));
        assert_eq!(site.sends(file(count, false)), Ok(false));
        site.sends_all([file_end(false)]);
        assert_eq!(site.text(), format!("{OK}content-length: {count}\r\n\r\n"));
    }
}

#[test]
fn files_and_other_content_mix_each_as_a_chunk() {
    let mut site = answering(silent);
    for _ in 0..2 {
        site.receives(GET);
        site.sends_all([start(200), more("before")]);
        send_file(&mut site, b"abc", true);
        site.sends_all([more("between")]);
        send_file(&mut site, b"", true);
        send_file(&mut site, b"de", true);
        site.sends_all([last("after")]);
        let wanted = "6\r\nbefore\r\n3\r\nabc\r\n7\r\nbetween\r\n2\r\nde\r\n5\r\nafter\r\n0\r\n\r\n";
        assert!(site.took().ends_with(wanted));
    }
}

#[test]
fn trailers_follow_a_file() {
    let mut site = begun(b"GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n", start_with_trailers(200));
    send_file(&mut site, b"abc", false);
    assert!(site.wire.is_answering());
    let fields = vec![(b"x".to_vec(), b"y".to_vec())];
    site.sends_all([Message::Trailers { fields, more: false }]);
    assert!(site.text().ends_with("3\r\nabc\r\n0\r\nx: y\r\n\r\n"));
}

#[test]
fn a_length_of_the_applications_own_belongs_to_the_file() {
    let mut site = begun(GET, start_with(206, &[("content-length", "10")]));
    send_file(&mut site, b"0123456789", false);
    assert!(site.text().ends_with("\r\ncontent-length: 10\r\n\r\n0123456789"));
    assert!(!site.wire.is_answering() && !site.is_closed);
}

#[test]
fn a_file_that_is_longer_than_its_length_is_answered_with_500() {
    let mut site = begun(GET, start_with(200, &[("content-length", "2")]));
    let sent = site.sends(file(100, false));
    assert_eq!(sent, Err(SendError::Invalid(http::LocalProtocolError::BodyTooLong)));
    assert_eq!(site.text(), "");
    assert_eq!(site.ends(), Ending::Unanswered);
    assert_eq!(statuses(&site.text()), [500]);
}

#[test]
fn a_file_that_is_shorter_than_its_length_is_cut() {
    let mut site = begun(GET, start_with(200, &[("content-length", "100")]));
    assert_eq!(site.sends(file(2, false)), Ok(true));
    let sent = site.sends(file_end(false));
    assert_eq!(sent, Err(SendError::Invalid(http::LocalProtocolError::BodyTooShort)));
    assert_eq!(site.ends(), Ending::CutShort);
    assert!(site.is_closed);
}

#[test]
fn a_file_before_the_head_is_out_of_order() {
    let mut site = answering(silent);
    site.receives(GET);
    assert_eq!(site.sends(file(2, false)), Err(SendError::OutOfOrder(OutOfOrder::HeadIsDue)));
    assert_eq!(site.ends(), Ending::Unanswered);
    assert_eq!(statuses(&site.text()), [500]);
}

#[test]
fn nothing_gets_between_a_file_and_its_end() {
    let mut site = begun(GET, start(200));
    site.sends_all([file(2, true)]);
    let before = site.text();
    let is_due = Err(SendError::OutOfOrder(OutOfOrder::FileIsDue));
    for message in [last("x"), more("x"), END, file(2, true)] {
        assert_eq!(site.sends(message), is_due);
    }
    assert_eq!(site.sends(start(200)), Err(SendError::OutOfOrder(OutOfOrder::HasBegun)));
    site.sends_all([Message::EarlyHint { links: Vec::new() }]);
    assert_eq!(site.text(), before);
    site.sends_all([file_end(true), last("x")]);
}

#[test]
fn the_bytes_of_files_are_counted() {
    let mut site = begun(GET, start(200));
    send_file(&mut site, &[b'x'; 3000], true);
    send_file(&mut site, b"abc", true);
    site.sends_all([last("de")]);
    assert_eq!(site.log[0].sent, 3005);
}

#[test]
fn a_client_that_leaves_while_a_file_is_sent_ends_its_request() {
    for input in [Input::Lost { by_error: true }, Input::Broken] {
        let mut site = begun(GET, start(200));
        site.sends_all([file(100, false)]);
        site.feed(input);
        assert_eq!(site.sends(file_end(false)), Err(SendError::Disconnected));
        assert_eq!((site.log[0].status, site.log[0].end), (200, LogEnd::CutShort));
    }
}

#[test]
fn a_refusal_while_a_file_is_sent_ends_the_connection_and_writes_nothing() {
    let mut site = begun(&[POST, b"Transfer-Encoding: chunked\r\n\r\n"].concat(), start(200));
    site.sends_all([file(100, false)]);
    let before = site.text();
    assert_eq!(site.asks(), Received::Nothing);
    site.receives(b"no chunk\r\n");
    assert_eq!(site.text(), before);
    assert!(site.has_shut_down && site.did(Action::WakeReceive));
    assert_eq!(site.sends(file_end(false)), Err(SendError::Disconnected));
    site.pass(4, 0);
    assert!(site.is_aborted);
}

#[test]
fn a_file_whose_client_does_not_read_is_cut_after_its_time() {
    let mut site = begun(GET, start(200));
    site.sends_all([file(1 << 20, false)]);
    for _ in 0..10 {
        site.pass(7, 0);
        site.feed(Input::Progress);
    }
    assert!(!site.is_closed, "a client that reads slowly has its time");
    site.pass(8, 0);
    assert!(site.is_aborted);
    assert_eq!(site.sends(file_end(false)), Err(SendError::Disconnected));
}

#[test]
fn a_file_before_the_end_of_an_upload_ends_the_connection_as_any_response() {
    let mut site = answering(silent);
    site.half_close = HalfClose::Done;
    site.receives([POST, b"Content-Length: 90000\r\n\r\n"].concat());
    site.sends_all([start(200)]);
    send_file(&mut site, b"abc", false);
    assert!(site.text().contains("\r\nconnection: close\r\n") && site.has_shut_down);
}
