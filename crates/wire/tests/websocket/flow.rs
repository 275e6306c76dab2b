//! Back-pressure: an application that does not receive, and a peer that does not read.

use wire::{Action, Input, Received, Wait, Wire};

use crate::site::{
    FIRST, PING, PONG, TEXT, accepted, accepted_with, binary, closing_frame, frame, speaking, text,
};

fn numbered(count: usize) -> Vec<u8> {
    (0..count).flat_map(|number| frame(TEXT, number.to_string().as_bytes())).collect()
}

#[test]
fn a_flood_pauses_reading_and_nothing_is_lost() {
    let most = speaking().websocket.waiting_messages;
    let mut site = accepted();
    site.receives(numbered(most * 3));
    assert_eq!(site.application.messages.len(), most);
    assert!(site.reads_paused);
    let mut got = Vec::new();
    while got.len() < most * 3 {
        got.extend(site.takes_all().into_iter().map(|(_, data)| String::from_utf8(data).unwrap()));
        site.settles();
        assert!(site.application.messages.len() <= most);
    }
    assert_eq!(got, (0..most * 3).map(|number| number.to_string()).collect::<Vec<_>>());
    assert!(!site.reads_paused);
    assert_eq!(site.receive(FIRST), Received::Nothing);
}

#[test]
fn long_messages_pause_reading_by_their_bytes() {
    let mut settings = speaking();
    settings.websocket.waiting_bytes = 1000;
    let mut site = accepted_with(settings);
    site.receives(frame(TEXT, &[b'x'; 990]));
    assert!(site.reads_paused);
    site.takes();
    assert!(!site.reads_paused);
}

#[test]
fn what_arrives_while_input_is_kept_stays_behind_it() {
    let most = speaking().websocket.waiting_messages;
    let mut site = accepted();
    site.receives(numbered(most + 1));
    site.receives(frame(TEXT, b"last"));
    assert!(site.reads_paused);
    let mut got = Vec::new();
    for _ in 0..5 {
        got.extend(site.takes_all());
        site.settles();
    }
    assert_eq!(got.len(), most + 2);
    assert_eq!(got.last().unwrap().1, b"last");
}

#[test]
fn the_end_behind_kept_input_comes_last() {
    let most = speaking().websocket.waiting_messages;
    for closes in [true, false] {
        let mut site = accepted();
        site.receives(numbered(most + 2));
        if closes {
            site.receives(closing_frame(4000, "done"));
        }
        site.feed(Input::Eof);
        let mut count = 0;
        for _ in 0..5 {
            count += site.takes_all().len();
            site.settles();
        }
        assert_eq!(count, most + 2);
        assert_eq!(site.end().0, if closes { 4000 } else { 1006 });
        assert!(site.is_closed);
    }
}

#[test]
fn an_application_that_ends_frees_a_peer_that_was_paused() {
    let mut site = accepted();
    site.receives([numbered(speaking().websocket.waiting_messages * 2), closing_frame(1000, "")].concat());
    assert!(site.reads_paused);
    site.finish(FIRST, wire::Outcome::Ended);
    site.settles();
    assert!(site.is_closed, "the close frame behind the flood is found");
}

#[test]
fn a_sender_waits_for_a_peer_that_does_not_read() {
    let mut site = accepted();
    assert!(site.sends(text("a")).is_ok());
    assert_eq!(site.wait(), Wait::Nothing);
    site.feed(Input::Full);
    assert!(site.sends(text("b")).is_ok());
    assert_eq!(site.wait(), Wait::Drain);
    assert!(!site.wire.is_drained());
    site.performed.clear();
    site.feed(Input::Writable);
    assert!(site.has(Action::WakeSend) && site.wire.is_drained());
}

#[test]
fn much_that_is_sent_gives_others_a_turn() {
    let mut site = accepted();
    assert!(site.sends(binary(&vec![0; speaking().response_bytes_per_turn])).is_ok());
    assert_eq!(site.wait(), Wait::Turn);
    assert_eq!(site.wait(), Wait::Nothing);
}

#[test]
fn pings_of_a_peer_that_does_not_read_are_answered_once() {
    let mut site = accepted();
    site.feed(Input::Full);
    for number in 0..1000_u32 {
        site.receives(frame(PING, &number.to_be_bytes()));
    }
    assert_eq!(site.written, b"");
    site.feed(Input::Writable);
    assert_eq!(site.take_frames(), [(PONG, 999_u32.to_be_bytes().to_vec())]);
}

#[test]
fn a_peer_that_never_reads_is_cut_off_and_one_that_reads_is_not() {
    let mut site = accepted();
    site.feed(Input::Full);
    site.feed(Input::Unsent(1000));
    for unsent in (0..1000).rev().step_by(10) {
        site.pass(1, unsent);
    }
    assert!(!site.is_aborted, "it reads slowly");
    site.pass(20, 10);
    assert!(site.is_aborted);
    assert_eq!(site.end().0, 1006);
}

#[test]
fn a_peer_that_reads_less_than_is_sent_meanwhile_reads() {
    let mut site = accepted();
    site.feed(Input::Full);
    site.feed(Input::Unsent(1000));
    let mut unsent = 1000;
    for _ in 0..100 {
        // Tasks of the application that each send once, and wait.
        assert!(site.sends(binary(&[0; 98])).is_ok());
        unsent += 100 - 10;
        site.pass(1, unsent);
    }
    assert!(!site.is_aborted);
    for length in [98, 2000].repeat(20) {
        assert!(site.is_aborted || site.sends(binary(&vec![0; length])).is_ok());
        unsent += length + if length > 125 { 4 } else { 2 };
        site.pass(1, unsent);
    }
    assert!(site.is_aborted, "it has read nothing of all that");
}

#[test]
fn many_empty_messages_count() {
    let mut site = accepted();
    site.receives(frame(TEXT, b"").repeat(10_000));
    assert_eq!(site.application.messages.len(), speaking().websocket.waiting_messages);
}
