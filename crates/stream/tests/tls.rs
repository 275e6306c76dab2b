//! The life of a TLS connection, and its flow control.

use stream::{Change, Phase, Tls, Written};

/// A connection in a phase.
fn in_phase(phase: Phase) -> Tls {
    let mut tls = Tls::new(false);
    tls.advance(phase);
    tls
}

#[test]
fn phases_go_on_and_never_back() {
    let order =
        [Phase::Unconnected, Phase::Handshake, Phase::Open, Phase::Flushing, Phase::Shutdown, Phase::Closed];
    for (place, from) in order.into_iter().enumerate() {
        for (goal, to) in order.into_iter().enumerate() {
            let mut tls = in_phase(from);
            assert_eq!(tls.advance(to), goal > place, "{from:?} to {to:?}");
            assert_eq!(tls.phase(), if goal > place { to } else { from });
        }
    }
}

#[test]
fn the_protocol_is_told_each_thing_once_and_in_order() {
    let mut tls = in_phase(Phase::Open);
    assert!(!tls.tell_end(), "there is no connection yet");
    assert!(tls.tell_made());
    assert!(!tls.tell_made());
    assert!(tls.delivers());
    assert!(tls.tell_end());
    assert!(!tls.tell_end() && !tls.delivers());
    assert!(tls.lose());
    assert!(!tls.lose() && !tls.tell_end());
    assert_eq!(tls.phase(), Phase::Closed);
    assert!(tls.is_closing());
}

#[test]
fn a_connection_that_was_lost_in_its_handshake_is_told_to_the_caller_only() {
    let mut fresh = in_phase(Phase::Handshake);
    assert!(!fresh.lose());
    let mut upgraded = Tls::new(true);
    assert!(!upgraded.tell_made(), "it was, before TLS");
    upgraded.advance(Phase::Handshake);
    assert!(!upgraded.lose(), "as in asyncio");
}

#[test]
fn no_data_is_delivered_after_close() {
    let mut tls = in_phase(Phase::Open);
    tls.tell_made();
    assert!(tls.close());
    assert!(!tls.close() && !tls.delivers());
}

#[test]
fn writes_are_queued_while_there_is_a_connection() {
    for phase in [Phase::Handshake, Phase::Open] {
        assert_eq!(in_phase(phase).admit(), Written::Queue, "{phase:?}");
    }
    for phase in [Phase::Unconnected, Phase::Flushing, Phase::Shutdown, Phase::Closed] {
        let mut tls = in_phase(phase);
        let warned: Vec<bool> = (0..7).map(|_| matches!(tls.admit(), Written::Drop { warn: true })).collect();
        assert_eq!(warned, [false, false, false, false, false, true, true], "{phase:?}");
    }
}

#[test]
fn a_size_pauses_at_the_high_mark_and_resumes_at_the_low_one() {
    let mut tls = Tls::new(false);
    assert_eq!(tls.writing.limits(), (128 * 1024, 512 * 1024));
    assert_eq!(tls.reading.limits(), (64 * 1024, 256 * 1024));
    tls.writing.set_limits(Some(100), None).expect("good marks");
    let steps = [
        (99, Change::Nothing),
        (100, Change::Pause),
        (200, Change::Nothing),
        (26, Change::Nothing),
        (25, Change::Resume),
        (0, Change::Nothing),
    ];
    for (size, change) in steps {
        assert_eq!(tls.writing.note(size), change, "{size} bytes");
    }
}

#[test]
fn marks_that_contradict_each_other_are_refused() {
    let mut tls = Tls::new(false);
    let refused = tls.writing.set_limits(Some(1), Some(2)).expect_err("the low one is higher");
    assert_eq!(refused.to_string(), "high (1) must be >= low (2) must be >= 0");
    assert_eq!(tls.writing.limits(), (128 * 1024, 512 * 1024), "they stay");
    tls.reading.set_limits(None, Some(10)).expect("good marks");
    assert_eq!(tls.reading.limits(), (10, 40));
}

#[test]
fn marks_of_zero_pause_for_every_byte_and_not_for_none() {
    let mut level = Tls::new(false).reading;
    level.set_limits(Some(0), None).expect("good marks");
    let steps = [(0, Change::Nothing), (1, Change::Pause), (1, Change::Nothing), (0, Change::Resume)];
    for (size, change) in steps {
        assert_eq!(level.note(size), change, "{size} bytes");
    }
}

#[test]
fn data_is_sent_from_the_handshake_to_the_goodbye() {
    for (phase, may_send) in [
        (Phase::Unconnected, false),
        (Phase::Handshake, false),
        (Phase::Open, true),
        // The peer may have ended while reading is paused: what was written before is not held back.
        (Phase::Flushing, true),
        (Phase::Shutdown, false),
        (Phase::Closed, false),
    ] {
        let mut tls = in_phase(phase);
        assert_eq!(tls.may_send(), may_send, "{phase:?}");
        tls.set_blocked(true);
        assert!(!tls.may_send(), "{phase:?}");
    }
}
