//! Back-pressure both ways, and turns of the loop for others.

use wire::{Action, Input, Received, Wait, Wire};

use crate::site::{GET, POST, Site, answering, last, more, request_of, silent, start, target};

fn uploading(rest: &[u8]) -> Site {
    let mut site = answering(silent);
    site.receives([POST, rest].concat());
    site
}

#[test]
fn reading_pauses_while_content_is_not_asked_for() {
    let mut site = uploading(b"Content-Length: 3000\r\n\r\n");
    site.receives([b'x'; 1000]);
    assert!(!site.reads_paused);
    site.receives([b'x'; 1]);
    assert!(site.reads_paused);
    assert_eq!(site.asks(), Received::Content { more: true });
    assert!(!site.reads_paused);
    site.receives([b'x'; 1999]);
    assert!(site.reads_paused, "also at its end");
    assert_eq!(site.asks(), Received::Content { more: false });
    assert!(!site.reads_paused);
    assert_eq!(site.application.content.len(), 3000);
}

#[test]
fn chunks_count_with_their_content() {
    let mut site = uploading(b"Transfer-Encoding: chunked\r\n\r\n");
    site.receives(b"1\r\nx\r\n".repeat(1000));
    assert!(!site.reads_paused);
    site.receives(b"1\r\nx\r\n");
    assert!(site.reads_paused);
}

#[test]
fn reading_goes_on_behind_an_answer_that_did_not_wait_for_content() {
    let mut site = uploading(b"Content-Length: 1200\r\n\r\n");
    site.receives([b'x'; 1100]);
    assert!(site.reads_paused);
    site.sends_all([start(200), last("ok")]);
    assert!(!site.reads_paused);
    site.receives([&[b'x'; 100][..], GET].concat());
    site.settles();
    assert_eq!(site.wire.latest().0, 2);
}

#[test]
fn a_transport_is_told_of_changes_only() {
    let mut site = uploading(b"Content-Length: 9000\r\n\r\n");
    for _ in 0..3 {
        site.receives([b'x'; 1500]);
    }
    let pauses = site.performed.iter().filter(|action| **action == Action::PauseReading).count();
    assert_eq!(pauses, 1);
    site.did(Action::Write);
    assert_eq!(site.asks(), Received::Content { more: true });
    assert!(site.did(Action::ResumeReading));
    assert_eq!(site.asks(), Received::Nothing);
    assert!(!site.did(Action::ResumeReading));
}

fn streaming(data: &[u8]) -> Site {
    let mut site = answering(silent);
    site.receives(data);
    site.sends_all([start(200)]);
    site
}

#[test]
fn a_sender_waits_until_the_peer_reads() {
    let mut site = streaming(GET);
    site.sends_all([more("a")]);
    assert_eq!(site.wait(), Wait::Nothing);
    site.feed(Input::Full);
    site.feed(Input::Unsent(5000));
    assert!(!site.wire.is_drained());
    site.sends_all([more("b")]);
    assert_eq!(site.wait(), Wait::Drain);
    site.sends_all([last("c")]);
    assert_eq!(site.wait(), Wait::Drain, "also after its last message");
    site.did(Action::Write);
    site.feed(Input::Writable);
    assert!(site.wire.is_drained() && site.did(Action::WakeSend));
    assert_eq!(site.wait(), Wait::Nothing);
    assert!(site.text().ends_with("1\r\nc\r\n0\r\n\r\n"));
}

#[test]
fn a_lost_connection_wakes_the_senders() {
    let mut site = streaming(GET);
    site.feed(Input::Full);
    site.feed(Input::Unsent(5000));
    site.sends_all([more("a")]);
    assert_eq!(site.wait(), Wait::Drain);
    site.feed(Input::Lost { by_error: true });
    assert!(site.did(Action::WakeSend) && site.wire.is_drained());
    assert_eq!(site.wait(), Wait::Nothing);
}

/// Sends small messages until one has to wait, and returns how many were sent.
fn messages_in_a_turn(site: &mut Site) -> usize {
    for count in 1..100_000 {
        site.sends_all([more("x")]);
        if site.wait() == Wait::Turn {
            return count;
        }
    }
    unreachable!("an application that never waits would go on for ever")
}

#[test]
fn an_application_that_never_waits_leaves_others_their_turn() {
    let head = request_of("HEAD", "/", &[], "1.1");
    for data in [GET, &head] {
        let mut site = streaming(data);
        assert!((20..60).contains(&messages_in_a_turn(&mut site)));
        assert!((20..60).contains(&messages_in_a_turn(&mut site)), "and again");
    }
}

#[test]
fn long_content_counts_with_its_length() {
    let mut site = streaming(GET);
    site.sends_all([more([b'x'; 9000])]);
    assert_eq!(site.wait(), Wait::Nothing);
    site.sends_all([more([b'x'; 1000])]);
    assert_eq!((site.wait(), site.wait()), (Wait::Turn, Wait::Nothing));
}

#[test]
fn each_request_counts_for_itself() {
    let mut site = answering(target);
    for _ in 0..100 {
        site.receives(GET);
        assert_eq!(site.wait(), Wait::Nothing);
    }
    site.receives([b"GET /", &[b'x'; 150][..], b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat());
    assert_eq!(site.wait(), Wait::Nothing);
}

#[test]
fn nobody_waits_after_a_response() {
    let mut site = streaming(GET);
    site.sends_all([last([b'x'; 20_000])]);
    assert_eq!(site.wait(), Wait::Nothing);
}

#[test]
fn content_is_received_though_its_sender_does_not_read() {
    let mut site = uploading(b"Content-Length: 4\r\n\r\n");
    site.sends_all([start(200), more("a")]);
    site.feed(Input::Full);
    site.feed(Input::Unsent(5000));
    assert_eq!(site.asks(), Received::Nothing);
    site.receives(b"data");
    assert!(site.did(Action::WakeReceive));
    assert_eq!(site.asks(), Received::Content { more: false });
}
