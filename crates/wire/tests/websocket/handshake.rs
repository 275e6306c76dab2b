//! The opening handshake (RFC 6455 section 4.2), and what has arrived behind it.

use wire::{Action, Input, LogEnd, Message, OutOfOrder, Outcome, Received, SendError, Upgrades, Wire};

use crate::site::{
    BINARY, FIRST, HANDSHAKE, SWITCHED, Site, TEXT, accept, accepted, close, frame, site_with, speaking, text,
};
use crate::support::{line_of, settings};

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn asked() -> Site {
    let mut site = site_with(speaking());
    site.receives(HANDSHAKE);
    site
}

/// Returns a handshake with some lines exchanged or added.
fn handshake(from: &str, to: &str) -> Vec<u8> {
    let text = std::str::from_utf8(HANDSHAKE).unwrap();
    assert!(text.contains(from));
    text.replacen(from, to, 1).into_bytes()
}

#[test]
fn the_application_is_started_and_accepts() {
    let mut site = asked();
    assert_eq!((site.application.started, site.written.len()), (1, 0));
    assert!(Wire::<Vec<u8>>::asks_for_websocket(&site.wire));
    assert_eq!(site.receive(FIRST), Received::Content { more: false });
    assert_eq!(site.receive(FIRST), Received::Nothing);
    site.accepts();
    assert_eq!(site.text(), SWITCHED);
    assert!(site.wire.is_answering() && site.wire.is_open() && site.wire.is_drained());
}

#[test]
fn the_response_has_the_subprotocol_and_the_fields_of_the_application() {
    let mut site = asked();
    let fields = vec![(b"set-cookie".to_vec(), b"a=b".to_vec()), (b"connection".to_vec(), b"x".to_vec())];
    let message = Message::Accept { subprotocol: Some(b"chat".to_vec()), fields };
    assert!(site.sends(message).is_ok());
    let wanted = SWITCHED
        .replace("connection: Up", "sec-websocket-protocol: chat\r\nset-cookie: a=b\r\nconnection: Up");
    assert_eq!(site.text().replace("connection: x\r\n", ""), wanted);
}

#[test]
fn what_a_handshake_must_not_say_is_refused_and_the_connection_goes_on() {
    for (wrong, status) in [
        (handshake("GET", "POST"), 400),
        (handshake("Version: 13", "Version: 8"), 426),
        (handshake("Sec-WebSocket-Version: 13\r\n", ""), 426),
        (handshake("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ="), 400),
        (handshake("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", ""), 400),
        ([&handshake("Host: a", "Host: a\r\nContent-Length: 1")[..], b"x"].concat(), 400),
    ] {
        let mut site = site_with(speaking());
        site.receives(&wrong);
        let shown = String::from_utf8_lossy(&wrong).into_owned();
        assert_eq!(site.application.started, 0, "{shown}");
        assert!(site.text().starts_with(&format!("HTTP/1.1 {status} ")), "{shown}{}", site.text());
        for field in ["sec-websocket-version: 13\r\n", "upgrade: websocket\r\n", "connection: upgrade\r\n"] {
            assert_eq!(site.text().contains(field), status == 426, "{field}");
        }
        assert!(site.text().ends_with('\n'));
        if !site.is_closed {
            site.receives(GET);
            assert_eq!(site.application.started, 1, "{shown}");
        }
    }
}

#[test]
fn a_server_without_websocket_refuses_or_ignores() {
    for (upgrades, started) in [(Upgrades::Refused, 0), (Upgrades::Ignored, 1)] {
        let mut settings = settings();
        settings.upgrades = upgrades;
        let mut site = site_with(settings);
        site.receives(HANDSHAKE);
        assert_eq!(site.application.started, started);
        assert!(!Wire::<Vec<u8>>::asks_for_websocket(&site.wire));
        assert!(started == 1 || site.text().starts_with("HTTP/1.1 501 "));
    }
}

#[test]
fn a_refusal_is_403_and_the_connection_goes_on() {
    let mut site = asked();
    assert!(site.sends(close(1000, "")).is_ok());
    assert!(site.text().starts_with("HTTP/1.1 403 Forbidden\r\n"), "{}", site.text());
    assert_eq!(site.sends(accept()).unwrap_err(), SendError::Complete);
    site.finish(FIRST, Outcome::Ended);
    site.receives(GET);
    assert_eq!(site.application.started, 2);
}

#[test]
fn a_denial_is_any_response() {
    let mut site = asked();
    assert!(site.sends(Message::Start { status: 401, fields: Vec::new(), has_trailers: false }).is_ok());
    assert_eq!(site.sends(accept()).unwrap_err(), SendError::OutOfOrder(OutOfOrder::HasBegun));
    assert_eq!(site.sends(close(1000, "")).unwrap_err(), SendError::OutOfOrder(OutOfOrder::HasBegun));
    assert!(site.sends(Message::Content { content: Some(b"no".to_vec()), more: false }).is_ok());
    assert_eq!(site.text(), "HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\nno");
}

#[test]
fn an_application_that_ends_without_an_answer_is_answered_for() {
    for outcome in [Outcome::Ended, Outcome::Failed] {
        let mut site = asked();
        site.finish(FIRST, outcome);
        assert!(site.text().starts_with("HTTP/1.1 500 "));
    }
}

#[test]
fn a_peer_that_has_ended_its_side_is_accepted_only_for_what_it_has_sent() {
    let mut site = asked();
    site.feed(Input::Eof);
    assert_eq!(site.sends(accept()).unwrap_err(), SendError::Disconnected);
    let mut site = site_with(speaking());
    site.receives([HANDSHAKE, &frame(TEXT, b"last")].concat());
    site.feed(Input::Eof);
    site.accepts();
    site.settles();
    assert_eq!(site.takes().1, b"last");
    assert_eq!(site.end().0, 1006);
}

#[test]
fn misuse_is_refused_and_nothing_is_lost() {
    let mut site = asked();
    assert_eq!(site.sends(text("early")).unwrap_err(), SendError::OutOfOrder(OutOfOrder::AcceptIsDue));
    for name in ["upgrade", "sec-websocket-accept", "Sec-WebSocket-Extensions"] {
        let message = Message::Accept { subprotocol: None, fields: vec![(name.into(), b"x".to_vec())] };
        assert!(matches!(site.sends(message), Err(SendError::Misused(_))), "{name}");
    }
    let fields = vec![(b"sec-websocket-protocol".to_vec(), b"b".to_vec())];
    let twice = Message::Accept { subprotocol: Some(b"a".to_vec()), fields: fields.clone() };
    assert!(matches!(site.sends(twice), Err(SendError::Misused(_))));
    let spaced = Message::Accept { subprotocol: Some(b"a b".to_vec()), fields: Vec::new() };
    assert!(matches!(site.sends(spaced), Err(SendError::Misused(_))));
    let broken = Message::Accept { subprotocol: None, fields: vec![(b"a".to_vec(), b"b\nc".to_vec())] };
    assert!(matches!(site.sends(broken), Err(SendError::Invalid(_))));
    assert_eq!(site.written, b"");
    // A subprotocol among the fields is what some applications write.
    assert!(site.sends(Message::Accept { subprotocol: None, fields }).is_ok());
    assert!(site.text().contains("sec-websocket-protocol: b\r\n"));
    assert_eq!(site.sends(accept()).unwrap_err(), SendError::OutOfOrder(OutOfOrder::HasAccepted));
}

#[test]
fn a_request_that_asks_for_none_can_t_be_accepted() {
    let mut site = site_with(speaking());
    site.receives(GET);
    for message in [accept(), close(1000, "")] {
        assert_eq!(site.sends(message).unwrap_err(), SendError::OutOfOrder(OutOfOrder::NoWebSocket));
    }
    site.finish(FIRST, Outcome::Ended);
    assert!(site.text().starts_with("HTTP/1.1 500 "));
}

#[test]
fn frames_behind_a_handshake_are_never_lost_wherever_they_are_split() {
    let long = vec![7; 3000];
    let behind = [frame(TEXT, b"one"), frame(BINARY, &long), frame(TEXT, b"three")].concat();
    let everything = [GET, HANDSHAKE, &behind].concat();
    for accepts_at_once in [false, true] {
        for place in (1..everything.len()).filter(|place| place % 97 == 0 || *place < 400) {
            let mut site = site_with(speaking());
            let ok = Message::Start { status: 200, fields: Vec::new(), has_trailers: false };
            site.receives(&everything[..place]);
            if site.application.started == 1 {
                assert!(site.sends(ok.clone()).is_ok());
                assert!(site.sends(Message::Content { content: None, more: false }).is_ok());
            }
            if accepts_at_once && site.application.started == 2 {
                assert!(site.send(wire::RequestId(2), accept()).is_ok());
            }
            site.receives(&everything[place..]);
            site.settles();
            if !site.written.starts_with(b"HTTP/1.1 200") {
                assert!(site.sends(ok).is_ok());
                assert!(site.sends(Message::Content { content: None, more: false }).is_ok());
                site.settles();
            }
            if !site.text().contains("101 Switching") {
                assert!(site.send(wire::RequestId(2), accept()).is_ok());
            }
            site.settles();
            let got: Vec<_> = site.application.messages.iter().map(|(_, data)| data.clone()).collect();
            assert_eq!(got, [b"one".to_vec(), long.clone(), b"three".to_vec()], "split at {place}");
        }
    }
}

#[test]
fn an_application_that_accepts_in_its_first_step_gets_what_came_with_the_handshake() {
    let mut site = site_with(speaking());
    site.application.at_once = vec![accept()];
    site.receives([HANDSHAKE, &frame(TEXT, b"early")].concat());
    assert_eq!(site.turns, 0, "no turn of the loop passes");
    assert_eq!(site.takes().1, b"early");
}

#[test]
fn the_end_of_a_client_behind_its_messages() {
    let mut site = site_with(speaking());
    site.receives([HANDSHAKE, &frame(TEXT, b"last words")].concat());
    site.feed(Input::Eof);
    assert!(!site.is_closed);
    site.accepts();
    site.settles();
    assert_eq!(site.takes().1, b"last words");
    assert_eq!(site.end(), (1006, String::new()));
    assert!(site.is_closed);
}

#[test]
fn the_log_has_a_line_for_the_handshake_and_one_for_the_end() {
    let mut site = accepted();
    assert_eq!(site.log.len(), 1);
    assert_eq!((site.log[0].status, line_of(&site.log[0]).as_deref()), (101, Some("GET /chat HTTP/1.1")));
    assert!(site.sends(text("five5")).is_ok());
    site.receives(crate::site::closing_frame(1001, ""));
    site.feed(Input::Lost { by_error: false });
    assert_eq!(site.log.len(), 2);
    let end = &site.log[1];
    assert_eq!((end.status, end.sent, end.end), (1001, 5, LogEnd::Complete));
    assert_eq!(line_of(end).as_deref(), Some("WebSocket /chat HTTP/1.1"));
}

#[test]
fn a_call_that_waits_is_woken_by_the_first_message() {
    let mut site = asked();
    assert_eq!(site.receive(FIRST), Received::Content { more: false });
    assert_eq!(site.receive(FIRST), Received::Nothing);
    site.accepts();
    site.performed.clear();
    site.receives(frame(TEXT, b"x"));
    assert!(site.has(Action::WakeReceive));
}
