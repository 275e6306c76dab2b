//! A client that leaves during its request: what further messages get, and what the driver can know.

use wire::{Action, Ending, Input, LogEnd, Message, Outcome, SendError, Wait, Wire};

use crate::site::{END, GET, POST, Site, answering, last, more, silent, start};

const LOST: [Input<'_>; 3] = [Input::Lost { by_error: true }, Input::Lost { by_error: false }, Input::Broken];

fn streaming() -> Site {
    let mut site = answering(silent);
    site.receives(GET);
    site.sends_all([start(200), more("a")]);
    site
}

#[test]
fn every_message_to_a_client_that_has_left_is_refused_for_that_reason() {
    for input in LOST {
        let mut site = streaming();
        let before = site.text();
        site.feed(input);
        let trailers = Message::Trailers { fields: Vec::new(), more: false };
        let hint = Message::EarlyHint { links: Vec::new() };
        for message in [start(200), more("b"), last("b"), END, trailers, hint] {
            assert_eq!(site.sends(message), Err(SendError::Disconnected), "{input:?}");
        }
        assert_eq!(site.text(), before);
        assert_eq!(site.wait(), Wait::Nothing);
    }
}

#[test]
fn a_client_that_leaves_before_the_end_of_the_turn_gets_no_head() {
    for input in LOST {
        let mut site = answering(silent);
        site.receives(GET);
        site.sends_all([start(200)]);
        site.feed(input);
        site.end_turn();
        assert_eq!(site.text(), "");
        assert_eq!((site.log[0].status, site.log[0].end), (0, LogEnd::ClientLeft), "{input:?}");
    }
}

#[test]
fn the_one_who_has_caused_the_end_is_known() {
    for (input, by_peer) in [(Input::Lost { by_error: true }, true), (Input::Lost { by_error: false }, false)]
    {
        let mut site = streaming();
        site.feed(input);
        assert_eq!(site.wire.was_left_by_peer(), by_peer);
        assert!(site.wire.is_closed() && site.wire.is_disconnected() && !site.wire.is_open());
        let mut site = streaming();
        site.feed(Input::Eof);
        site.feed(input);
        assert!(site.wire.was_left_by_peer(), "the peer had ended its side");
    }
}

#[test]
fn a_connection_is_lost_once() {
    let mut site = streaming();
    site.feed(Input::Broken);
    site.feed(Input::Lost { by_error: true });
    site.feed(Input::Lost { by_error: true });
    assert_eq!(site.log.len(), 1);
    assert!(!site.is_closed, "there is nothing to close");
}

#[test]
fn nothing_happens_to_a_connection_that_is_gone() {
    let inputs = [
        Input::Bytes(GET),
        Input::Eof,
        Input::Full,
        Input::Resume,
        Input::Started,
        Input::Tick(0),
        Input::Unsent(7),
        Input::Progress,
        Input::Broken,
        Input::Shutdown(wire::Shutdown::Graceful),
        Input::Shutdown(wire::Shutdown::Immediate),
    ];
    let mut site = streaming();
    site.feed(Input::Lost { by_error: true });
    let before = site.text();
    site.performed.clear();
    for input in inputs {
        site.feed(input);
        assert!(site.performed.is_empty() && site.wire.is_closed(), "{input:?}: {:?}", site.performed);
    }
    site.pass(1000, 0);
    assert_eq!(site.text(), before);
}

#[test]
fn a_client_that_leaves_at_any_point_of_a_request_leaves_nothing_behind() {
    let data = [POST, b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"].concat();
    for place in 0..=data.len() {
        for input in [Input::Lost { by_error: true }, Input::Eof] {
            let mut site = answering(silent);
            site.receives(&data[..place]);
            let request = site.wire.latest();
            site.feed(input);
            if site.wire.is_answering() {
                assert_eq!(site.finish(request, Outcome::Ended), Ending::Unanswered);
            }
            assert!(site.wire.is_closed() || site.is_closed, "{input:?} at {place}");
            assert!(site.log.len() <= 1);
        }
    }
}

#[test]
fn requests_that_wait_end_with_the_connection() {
    let mut site = answering(silent);
    site.receives(GET.repeat(10));
    site.feed(Input::Lost { by_error: true });
    assert!(site.did(Action::WakeSend));
    site.settles();
    assert_eq!(site.application.targets.len(), 1);
    assert_eq!(site.log.len(), 1);
}

#[test]
fn a_turn_that_was_asked_for_brings_nothing_any_more() {
    let mut site = answering(crate::site::target);
    site.receives(GET.repeat(10));
    assert_eq!(site.turns, 1);
    site.feed(Input::Lost { by_error: true });
    let before = site.text();
    site.settles();
    assert_eq!(site.text(), before);
    assert_eq!(site.application.targets.len(), 4);
}
