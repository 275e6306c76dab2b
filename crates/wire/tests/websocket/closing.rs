//! The closing handshake (RFC 6455 section 7), from either side.

use wire::{Action, HalfClose, Input, Message, Outcome, SendError, Shutdown, Wire};

use crate::site::{
    BINARY, CLOSE, FIRST, TEXT, accepted, close, closing, closing_frame, frame, speaking, text,
};

#[test]
fn the_peer_s_close_is_answered_and_the_connection_closes() {
    let mut site = accepted();
    site.receives([frame(TEXT, b"before"), closing_frame(3000, "done"), frame(TEXT, b"after")].concat());
    assert_eq!(site.take_frames(), [(CLOSE, closing(3000, ""))]);
    assert!(site.is_closed && !site.is_aborted);
    assert_eq!(site.takes().1, b"before", "what came before is not lost");
    assert_eq!(site.end(), (3000, "done".to_owned()));
    assert_eq!(site.sends(text("late")).unwrap_err(), SendError::Disconnected);
    assert_eq!(site.application.messages, []);
}

#[test]
fn a_close_without_a_code_is_1005() {
    let mut site = accepted();
    site.receives(frame(CLOSE, b""));
    assert_eq!(site.take_frames(), [(CLOSE, Vec::new())]);
    assert_eq!(site.end(), (1005, String::new()));
}

#[test]
fn the_application_closes_and_the_peer_s_answer_ends_the_connection() {
    let mut site = accepted();
    assert!(site.sends(close(1001, "bye")).is_ok());
    assert_eq!(site.take_frames(), [(CLOSE, closing(1001, "bye"))]);
    assert!(!site.is_closed);
    assert_eq!(site.sends(text("late")).unwrap_err(), SendError::Disconnected);
    assert_eq!(site.sends(close(1000, "")).unwrap_err(), SendError::Disconnected);
    assert_eq!(site.end(), (1001, "bye".to_owned()));
    site.receives(frame(BINARY, b"on its way"));
    assert!(!site.is_closed && site.application.messages.is_empty());
    site.receives(closing_frame(1001, ""));
    assert!(site.is_closed && !site.is_aborted);
    assert_eq!(site.written, b"", "nothing follows a close frame");
}

#[test]
fn a_peer_that_does_not_answer_has_some_time() {
    let mut site = accepted();
    assert!(site.sends(close(1000, "")).is_ok());
    site.waits(speaking().websocket.close_time.0 - 1);
    assert!(!site.is_closed);
    site.receives(frame(TEXT, b"still sending"));
    site.waits(1);
    assert!(site.is_closed);
}

#[test]
fn codes_that_may_not_be_sent_are_refused() {
    let mut site = accepted();
    for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
        assert!(matches!(site.sends(close(code, "")), Err(SendError::Misused(_))), "{code}");
    }
    assert!(site.sends(text("goes on")).is_ok());
    assert_eq!(site.take_frames().len(), 1);
}

#[test]
fn the_end_of_the_application_closes() {
    for (outcome, code) in [(Outcome::Ended, 1000), (Outcome::Failed, 1011)] {
        let mut site = accepted();
        site.finish(FIRST, outcome);
        assert_eq!(site.take_frames(), [(CLOSE, closing(code, ""))]);
        site.receives([frame(TEXT, b"nobody reads this"), closing_frame(code, "")].concat());
        assert!(site.is_closed && site.application.messages.is_empty());
    }
}

#[test]
fn the_end_of_an_application_that_has_closed_adds_nothing() {
    let mut site = accepted();
    assert!(site.sends(close(4000, "")).is_ok());
    site.take_frames();
    site.finish(FIRST, Outcome::Ended);
    assert_eq!(site.written, b"");
}

#[test]
fn a_peer_that_ends_its_side_without_a_close_frame_is_1006() {
    let mut site = accepted();
    site.receives(&frame(TEXT, b"half")[..3]);
    site.feed(Input::Eof);
    assert!(site.is_closed);
    assert_eq!(site.end(), (1006, String::new()));
    assert!(!site.wire.is_open(), "the transport closes");
}

#[test]
fn a_lost_connection_is_1006_and_wakes_everyone() {
    for input in [Input::Lost { by_error: true }, Input::Lost { by_error: false }, Input::Broken] {
        let mut site = accepted();
        assert_eq!(site.receive(FIRST), wire::Received::Nothing);
        site.performed.clear();
        site.feed(input);
        assert!(site.has(Action::WakeReceive));
        assert_eq!(site.end(), (1006, String::new()));
        assert_eq!(site.sends(text("x")).unwrap_err(), SendError::Disconnected);
    }
}

#[test]
fn messages_that_wait_come_before_the_end() {
    let mut site = accepted();
    site.receives([frame(TEXT, b"1"), frame(TEXT, b"2")].concat());
    site.feed(Input::Lost { by_error: true });
    assert_eq!(site.takes_all().len(), 2);
    assert_eq!(site.end().0, 1006);
}

#[test]
fn nothing_is_accepted_twice() {
    let mut site = accepted();
    let start = Message::Start { status: 200, fields: Vec::new(), has_trailers: false };
    assert!(matches!(site.sends(start), Err(SendError::OutOfOrder(_))));
    assert_eq!(site.written, b"");
}

#[test]
fn an_abort_by_the_server_is_at_once() {
    let mut site = accepted();
    site.shut_down(Shutdown::Immediate);
    assert!(site.is_aborted);
    assert_eq!(site.end().0, 1006);
}

#[test]
fn our_side_can_t_be_ended_once_the_peer_has_gone() {
    let mut site = accepted();
    site.half_close = HalfClose::Lost;
    site.receives(b"\x81\x01x");
    assert!(site.is_closed);
}
