//! What an application is told of its request: content, its end, and that its client has left (ASGI HTTP
//! specification, "Request" and "Disconnect").

use wire::{Action, Input, Received, Wire};

use crate::site::{GET, POST, Site, answering, last, more, post, silent, start};

const WHOLE: Received = Received::Content { more: false };
const PART: Received = Received::Content { more: true };

fn receiving(rest: &str) -> Site {
    let mut site = answering(silent);
    site.receives([POST, rest.as_bytes()].concat());
    site
}

fn content(site: &mut Site) -> Vec<u8> {
    std::mem::take(&mut site.application.content)
}

#[test]
fn a_request_without_content_has_one_event() {
    let mut site = answering(silent);
    site.receives(GET);
    assert_eq!((site.asks(), site.asks()), (WHOLE, Received::Nothing));
    assert!(site.application.content.is_empty());
}

#[test]
fn content_that_has_arrived_is_one_event_whatever_its_framing() {
    for rest in [
        "Content-Length: 5\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n003\r\nllo\r\n0\r\nx: y\r\n\r\n",
    ] {
        let mut site = receiving(rest);
        assert_eq!(site.asks(), WHOLE, "{rest}");
        assert_eq!(content(&mut site), b"hello");
        assert_eq!(site.asks(), Received::Nothing);
    }
}

#[test]
fn content_that_comes_by_and_by_is_several_events() {
    let mut site = receiving("Content-Length: 6\r\n\r\nab");
    assert_eq!((site.asks(), content(&mut site)), (PART, b"ab".to_vec()));
    assert_eq!(site.asks(), Received::Nothing);
    site.receives(b"cd");
    assert!(site.did(Action::WakeReceive));
    assert_eq!((site.asks(), content(&mut site)), (PART, b"cd".to_vec()));
    site.receives(b"e");
    site.receives(b"f");
    assert!(!site.did(Action::WakeReceive), "no call waits");
    assert_eq!((site.asks(), content(&mut site)), (WHOLE, b"ef".to_vec()));
}

#[test]
fn the_end_of_chunks_that_comes_alone_is_an_event_of_its_own() {
    let mut site = receiving("Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n");
    assert_eq!((site.asks(), site.asks()), (PART, Received::Nothing));
    site.did(Action::Write);
    site.receives(b"0\r\n");
    assert!(!site.did(Action::WakeReceive));
    site.receives(b"\r\n");
    assert!(site.did(Action::WakeReceive));
    assert_eq!(content(&mut site), b"ab");
    assert_eq!((site.asks(), site.asks()), (WHOLE, Received::Nothing));
}

#[test]
fn calls_that_wait_are_woken_once() {
    let mut site = receiving("Content-Length: 6\r\n\r\n");
    assert_eq!((site.asks(), site.asks()), (Received::Nothing, Received::Nothing));
    site.receives(b"ab");
    assert!(site.did(Action::WakeReceive));
    site.receives(b"cd");
    assert!(!site.did(Action::WakeReceive));
    assert_eq!((site.asks(), content(&mut site)), (PART, b"abcd".to_vec()));
}

#[test]
fn a_client_that_leaves_inside_its_content_is_reported_again_and_again() {
    for input in [Input::Lost { by_error: false }, Input::Lost { by_error: true }, Input::Eof, Input::Broken]
    {
        let mut site = receiving("Content-Length: 6\r\n\r\nab");
        assert_eq!((site.asks(), site.asks()), (PART, Received::Nothing));
        site.feed(input);
        assert!(site.did(Action::WakeReceive), "{input:?}");
        for _ in 0..3 {
            assert_eq!(site.asks(), Received::Disconnect { is_cut: true }, "{input:?}");
        }
    }
}

#[test]
fn content_comes_before_the_end_of_a_half_closed_client() {
    let mut site = answering(silent);
    site.receives(post("/", b"all of it"));
    site.feed(Input::Eof);
    assert_eq!((site.asks(), content(&mut site)), (WHOLE, b"all of it".to_vec()));
    assert_eq!(site.asks(), Received::Disconnect { is_cut: true });
}

#[test]
fn a_client_that_ends_its_side_wakes_the_call_that_waits() {
    let mut site = answering(silent);
    site.receives(GET);
    assert_eq!((site.asks(), site.asks()), (WHOLE, Received::Nothing));
    site.feed(Input::Eof);
    assert!(site.did(Action::WakeReceive));
    assert_eq!(site.asks(), Received::Disconnect { is_cut: true });
    site.sends_all([start(200), last("still wanted")]);
    assert!(site.text().ends_with("still wanted"));
}

#[test]
fn the_end_of_the_response_is_a_disconnect() {
    let mut site = answering(silent);
    site.receives(GET);
    assert_eq!((site.asks(), site.asks()), (WHOLE, Received::Nothing));
    site.sends_all([start(200), last("ok")]);
    assert!(site.did(Action::WakeReceive));
    assert_eq!(site.asks(), Received::Disconnect { is_cut: false });
}

#[test]
fn a_late_call_takes_nothing_from_the_next_request() {
    let mut site = answering(silent);
    site.receives(post("/", b"one"));
    let before = site.wire.latest();
    assert_eq!((site.asks(), content(&mut site)), (WHOLE, b"one".to_vec()));
    site.sends_all([start(200), last("ok")]);
    site.receives(post("/", b"two"));
    assert_eq!(site.receive(before), Received::Disconnect { is_cut: false });
    assert_eq!((site.asks(), content(&mut site)), (WHOLE, b"two".to_vec()));
}

#[test]
fn content_after_the_head_of_a_response_is_still_received() {
    let mut site = receiving("Content-Length: 4\r\n\r\nab");
    site.sends_all([start(200), more("hello")]);
    assert_eq!((site.asks(), site.asks()), (PART, Received::Nothing));
    site.receives(b"cd");
    assert!(site.did(Action::WakeReceive));
    assert_eq!(site.asks(), WHOLE);
}

#[test]
fn content_of_the_last_request_wakes_as_any_other() {
    let mut site = receiving("Connection: close\r\nContent-Length: 4\r\n\r\n");
    assert_eq!(site.asks(), Received::Nothing);
    site.receives([b"data", GET].concat());
    assert!(site.did(Action::WakeReceive));
    assert_eq!((site.asks(), content(&mut site)), (WHOLE, b"data".to_vec()));
}

#[test]
fn content_whose_framing_breaks_is_cut() {
    let mut site = receiving("Transfer-Encoding: chunked\r\n\r\n");
    assert_eq!(site.asks(), Received::Nothing);
    site.receives(b"2\r\nab\r\nno chunk\r\n");
    assert!(site.did(Action::WakeReceive));
    assert_eq!(site.asks(), Received::Disconnect { is_cut: true });
}
