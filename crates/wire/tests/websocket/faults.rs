//! Peers that break a rule: they are told which, and the application learns the code (RFC 6455 section 7.1.7).

use wire::{Action, HalfClose, Input};

use crate::site::{CLOSE, TEXT, accepted, accepted_with, close, frame, speaking};

/// Returns the code of the only close frame.
fn code_of(frames: &[(u8, Vec<u8>)]) -> u16 {
    match frames {
        [(CLOSE, payload)] => u16::from_be_bytes([payload[0], payload[1]]),
        other => panic!("not a close frame: {other:?}"),
    }
}

#[test]
fn the_peer_is_told_and_drained_for_a_while() {
    for (bytes, code) in [
        (b"\x81\x01x".to_vec(), 1002),
        (b"\x83\x80aaaa".to_vec(), 1002),
        (frame(TEXT, b"\xff"), 1007),
        (frame(0x82, &vec![0; 10_001]), 1009),
        (frame(CLOSE, b"x"), 1002),
    ] {
        let mut site = accepted();
        site.receives(&bytes);
        assert_eq!(code_of(&site.take_frames()), code);
        assert!(site.has(Action::ShutdownWrite) && !site.is_closed);
        let (end, reason) = site.end();
        assert_eq!(end, code);
        assert!(!reason.is_empty());
        site.receives(&bytes);
        assert!(!site.is_closed && site.written.is_empty());
        site.feed(Input::Eof);
        assert!(site.is_closed);
        assert_eq!(site.log.last().map(|line| line.status), Some(code));
    }
}

#[test]
fn a_peer_that_goes_on_sending_is_cut_off() {
    let mut site = accepted();
    site.receives(b"\x81\x01x");
    for _ in 0..200 {
        site.receives(b"and so on");
        site.waits(1);
    }
    assert!(site.is_aborted || site.is_closed);
}

#[test]
fn a_silent_one_is_cut_off_sooner() {
    for half_close in [HalfClose::Done, HalfClose::Unsupported] {
        let mut site = accepted();
        site.half_close = half_close;
        site.receives(b"\x81\x01x");
        site.waits(10);
        assert!(site.is_aborted || site.is_closed);
    }
}

#[test]
fn messages_before_the_fault_are_not_lost() {
    let mut site = accepted();
    site.receives([frame(TEXT, b"fine"), b"\x81\x01x".to_vec()].concat());
    assert_eq!(site.takes().1, b"fine");
    assert_eq!(site.end().0, 1002);
}

#[test]
fn a_fault_after_our_close_frame_adds_none() {
    let mut site = accepted();
    assert!(site.sends(close(4001, "")).is_ok());
    site.take_frames();
    site.receives(b"\x81\x01x");
    assert_eq!(site.written, b"");
    assert_eq!(site.end().0, 4001);
    site.waits(30);
    assert!(site.is_closed || site.is_aborted);
}

#[test]
fn a_limit_on_messages_counts_all_their_frames() {
    let mut settings = speaking();
    settings.websocket.limits.message_bytes = 10;
    let mut site = accepted_with(settings);
    site.receives(frame(TEXT, b"0123456789"));
    site.receives([frame(0x01, b"01234"), frame(0x00, b"56789"), frame(0x80, b"a")].concat());
    assert_eq!(code_of(&site.take_frames()), 1009);
    assert_eq!(site.takes_all().len(), 1);
}
