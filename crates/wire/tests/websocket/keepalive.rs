//! Pings of the server: whether a silent peer is there (RFC 6455 section 5.5.2).

use wire::Input;

use crate::site::{
    BINARY, CLOSE, PING, PONG, Site, TEXT, accepted_with, closing_frame, frame, speaking, with_pings,
};

#[test]
fn a_silent_peer_is_asked_and_stays_if_it_answers() {
    let mut site = accepted_with(with_pings(10, 5));
    for _ in 0..5 {
        site.waits(9);
        assert_eq!(site.written, b"");
        site.waits(1);
        assert_eq!(site.take_frames(), [(PING, Vec::new())]);
        site.waits(4);
        site.receives(frame(PONG, b""));
    }
    assert!(!site.is_closed && !site.is_aborted);
}

#[test]
fn any_bytes_are_an_answer() {
    for bytes in [frame(TEXT, b"x"), frame(BINARY, &[0; 500])[..10].to_vec()] {
        let mut site = accepted_with(with_pings(10, 5));
        site.waits(10);
        site.receives(&bytes);
        site.waits(6);
        assert!(!site.is_closed && !site.is_aborted);
    }
}

#[test]
fn a_peer_that_is_not_there_is_given_up() {
    let mut site = accepted_with(with_pings(10, 5));
    site.waits(14);
    assert!(!site.is_closed);
    site.take_frames();
    site.waits(1);
    assert!(site.is_closed);
    let frames = site.take_frames();
    assert_eq!((frames.len(), frames[0].0, &frames[0].1[..2]), (1, CLOSE, &1011_u16.to_be_bytes()[..]));
    assert_eq!(site.end(), (1006, "keepalive ping timeout".to_owned()));
    site.pass(50, 100);
    assert!(site.is_aborted, "what it does not read is not kept for ever");
}

#[test]
fn a_peer_that_does_not_read_is_given_up_without_a_limit_of_its_own() {
    let mut settings = with_pings(10, 5);
    settings.body_time = None;
    let endings: [fn(&mut Site); 3] =
        [|site| site.waits(15), |site| site.receives(closing_frame(1000, "")), |site| site.feed(Input::Eof)];
    for ends in endings {
        let mut site = accepted_with(settings.clone());
        ends(&mut site);
        assert!(site.is_closed && !site.is_aborted);
        site.pass(50, 100);
        assert!(site.is_aborted);
    }
}

#[test]
fn a_peer_that_is_not_read_from_is_not_asked() {
    let mut site = accepted_with(with_pings(10, 5));
    site.receives(frame(TEXT, b"x").repeat(speaking().websocket.waiting_messages));
    assert!(site.reads_paused);
    site.waits(100);
    assert!(!site.is_closed && site.written.is_empty());
    site.takes();
    site.waits(10);
    assert_eq!(site.take_frames(), [(PING, Vec::new())]);
}

#[test]
fn without_an_interval_nobody_is_asked() {
    let mut settings = with_pings(10, 5);
    settings.websocket.ping_interval = None;
    let mut site = accepted_with(settings);
    site.waits(1000);
    assert!(!site.is_closed && site.written.is_empty());
}

#[test]
fn without_a_timeout_an_answer_is_not_required() {
    let mut settings = with_pings(10, 5);
    settings.websocket.ping_timeout = None;
    let mut site = accepted_with(settings);
    site.waits(1000);
    assert!(!site.is_closed);
    assert_eq!(site.take_frames(), [(PING, Vec::new())]);
}
