//! The end of the server.

use wire::{Input, Shutdown};

use crate::site::{
    CLOSE, FIRST, HANDSHAKE, SWITCHED, TEXT, accepted, closing, closing_frame, frame, site_with, speaking,
};

#[test]
fn a_graceful_end_tells_the_peer_and_waits_for_it() {
    for (restarts, code) in [(false, 1001), (true, 1012)] {
        let mut site = accepted();
        site.restarts = restarts;
        site.shut_down(Shutdown::Graceful);
        assert_eq!(site.take_frames(), [(CLOSE, closing(code, ""))]);
        assert_eq!(site.end().0, code);
        assert!(!site.is_closed);
        site.shut_down(Shutdown::Graceful);
        assert_eq!(site.written, b"", "once");
        site.receives(closing_frame(code, ""));
        assert!(site.is_closed && !site.is_aborted);
    }
}

#[test]
fn a_peer_that_does_not_answer_does_not_hold_it_up() {
    let mut site = accepted();
    site.shut_down(Shutdown::Graceful);
    site.waits(speaking().websocket.close_time.0);
    assert!(site.is_closed);
    site.waits(20);
    assert!(site.is_aborted);
}

#[test]
fn a_handshake_that_is_accepted_during_the_end_is_closed_at_once() {
    let mut site = site_with(speaking());
    site.receives(HANDSHAKE);
    site.shut_down(Shutdown::Graceful);
    assert!(!site.is_closed);
    site.accepts();
    let text = std::mem::take(&mut site.written);
    let frames = text.strip_prefix(SWITCHED.as_bytes()).unwrap();
    assert_eq!(crate::site::frames(frames), [(CLOSE, closing(1001, ""))]);
    assert_eq!(site.end().0, 1001);
}

#[test]
fn a_peer_that_is_drained_has_little_more_time() {
    let mut site = accepted();
    site.receives(b"\x81\x01x");
    site.shut_down(Shutdown::Graceful);
    for _ in 0..10 {
        site.receives(b"more");
        site.waits(1);
    }
    assert!(site.is_aborted || site.is_closed);
}

#[test]
fn messages_that_wait_are_still_received() {
    let mut site = accepted();
    site.receives(frame(TEXT, b"x"));
    site.shut_down(Shutdown::Graceful);
    site.feed(Input::Eof);
    assert_eq!(site.receive(FIRST), wire::Received::Message);
    assert_eq!(site.end().0, 1001);
}
