//! Requests that arrive before their predecessors are answered: in order, some of them in a turn (RFC 9112 section
//! 9.3.2), and no more than the peer reads.

use wire::{Action, Input, Received, Wire};

use crate::site::{GET, Site, answering, last, post, request, response, silent, start, statuses, target};

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let mut site = answering(target);
    let requests: Vec<u8> = (0..200).flat_map(|number| request(&format!("/{number}"), &[])).collect();
    for part in requests.chunks(500) {
        site.receives(part);
        site.settles();
    }
    let responses: String = (0..200).map(|number| response(&format!("/{number}"))).collect();
    assert_eq!(site.text(), responses);
}

#[test]
fn a_pipelined_request_waits_for_the_one_before() {
    let mut site = answering(silent);
    site.receives([request("/1", &[]), request("/2", &[]), request("/3", &[])].concat());
    for (number, begun) in [("/1", 1), ("/2", 2), ("/3", 3)] {
        site.settles();
        assert_eq!(site.application.targets.len(), begun);
        site.sends_all([start(200), last(number)]);
    }
    assert_eq!(site.text(), ["/1", "/2", "/3"].map(response).concat());
}

#[test]
fn each_of_several_requests_has_its_own_content() {
    let mut site = answering(silent);
    site.receives([post("/1", b"one"), post("/2", b"two"), request("/3", &[])].concat());
    for wanted in [&b"one"[..], b"two", b""] {
        site.settles();
        assert_eq!(site.asks(), Received::Content { more: false });
        assert_eq!(std::mem::take(&mut site.application.content), wanted);
        site.sends_all([start(200), last("ok")]);
    }
    assert_eq!(site.text(), response("ok").repeat(3));
}

#[test]
fn content_that_is_not_asked_for_does_not_reach_the_next_request() {
    let mut site = answering(silent);
    site.receives([post("/1", b"GET /smuggled HTTP/1.1\r\n\r\n"), request("/2", &[])].concat());
    site.sends_all([start(200), last("1")]);
    site.settles();
    assert_eq!(site.application.targets, ["/1", "/2"]);
    site.application.content.clear();
    assert_eq!(site.asks(), Received::Content { more: false });
    assert!(site.application.content.is_empty());
}

/// Has the application answer each request with its target and its content, in turns.
fn answered(pieces: &[&[u8]]) -> String {
    let mut site = answering(silent);
    for piece in pieces {
        site.receives(piece);
        answer_all(&mut site);
    }
    site.text()
}

fn answer_all(site: &mut Site) {
    loop {
        if site.wire.is_answering() {
            match site.asks() {
                Received::Content { more: false } => {}
                Received::Content { more: true } => continue,
                _ => return,
            }
            let target = site.application.targets.last().cloned().unwrap_or_default();
            let content = std::mem::take(&mut site.application.content);
            site.sends_all([start(200), last([target.as_bytes(), &content].concat())]);
        } else if site.turns > 0 {
            site.end_turn();
        } else {
            return;
        }
    }
}

#[test]
fn the_answers_are_the_same_however_the_bytes_are_split() {
    let input = [request("/1", &[]), post("/2", b"two"), request("/3", &[])].concat();
    let wanted = ["/1", "/2two", "/3"].map(response).concat();
    for place in 0..=input.len() {
        assert_eq!(answered(&[&input[..place], &input[place..]]), wanted, "split at {place}");
    }
    assert_eq!(answered(&input.chunks(1).collect::<Vec<_>>()), wanted);
}

#[test]
fn after_some_requests_others_have_their_turn() {
    let mut site = answering(target);
    site.receives(GET.repeat(10));
    assert_eq!((statuses(&site.text()).len(), site.turns), (4, 1));
    site.end_turn();
    assert_eq!((statuses(&site.text()).len(), site.turns), (8, 1));
    site.end_turn();
    assert_eq!((statuses(&site.text()).len(), site.turns), (10, 0));
}

#[test]
fn what_arrives_in_the_turn_of_others_waits_and_reading_pauses() {
    let mut site = answering(target);
    site.receives(GET.repeat(5));
    site.receives(request("/later", &[]));
    assert_eq!(statuses(&site.text()).len(), 4);
    assert!(site.reads_paused);
    site.end_turn();
    assert_eq!(statuses(&site.text()).len(), 6);
    assert!(site.text().ends_with("/later") && !site.reads_paused);
}

#[test]
fn a_turn_is_asked_for_once() {
    let mut site = answering(target);
    site.receives(GET.repeat(6));
    site.receives(GET);
    site.feed(Input::Full);
    site.feed(Input::Unsent(1));
    site.feed(Input::Writable);
    assert_eq!(site.turns, 1);
    site.settles();
    assert_eq!(statuses(&site.text()).len(), 7);
}

#[test]
fn a_peer_that_does_not_read_gets_no_further_responses() {
    let mut site = answering(silent);
    site.receives(GET.repeat(3));
    site.feed(Input::Full);
    site.feed(Input::Unsent(5000));
    site.sends_all([start(200), last("1")]);
    site.settles();
    assert_eq!(site.application.targets.len(), 1);
    site.receives(GET);
    assert_eq!(site.application.targets.len(), 1);
    site.feed(Input::Writable);
    assert_eq!(site.application.targets.len(), 1, "in another turn");
    site.settles();
    assert_eq!(site.application.targets.len(), 2);
}

#[test]
fn requests_that_wait_for_a_slow_reader_are_answered_after_its_end() {
    let mut site = answering(target);
    site.feed(Input::Full);
    site.feed(Input::Unsent(5000));
    site.receives(GET.repeat(9));
    site.feed(Input::Eof);
    site.settles();
    assert!(!site.is_closed);
    site.feed(Input::Writable);
    site.settles();
    assert_eq!(statuses(&site.text()).len(), 9);
    assert!(site.is_closed && !site.is_aborted);
}

#[test]
fn reading_pauses_while_more_than_a_backlog_waits() {
    let mut site = answering(silent);
    site.receives(request("/first", &[]));
    let next = request("/next", &[]);
    let mut sent = 0;
    while !site.reads_paused {
        site.receives(&next);
        sent += 1;
    }
    let room = site.settings.limits.backlog_bytes;
    assert!((room..room + next.len()).contains(&(sent * next.len())), "{sent} requests are kept");
    assert!(!site.did(Action::ResumeReading));
    for count in 0..=sent {
        assert_eq!(site.application.targets.len(), count + 1);
        site.sends_all([start(200), last("ok")]);
        site.settles();
    }
    assert!(!site.reads_paused);
    assert_eq!(statuses(&site.text()), vec![200; sent + 1]);
}

#[test]
fn a_flood_in_one_read_is_answered_a_few_requests_in_each_turn() {
    let mut site = answering(target);
    site.receives(GET.repeat(1000));
    let mut turns = 0;
    while site.turns > 0 {
        assert_eq!(site.turns, 1);
        site.end_turn();
        turns += 1;
    }
    assert_eq!((statuses(&site.text()).len(), turns), (1000, 249));
    assert!(!site.reads_paused);
}

#[test]
fn content_that_arrives_before_the_first_step_of_the_last_request_of_a_turn_is_read() {
    let mut site = answering(silent);
    site.settings.requests_per_turn = 1;
    site.begins_later = true;
    site.receives(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nda");
    site.receives(b"ta");
    site.begin();
    assert_eq!(site.asks(), Received::Content { more: false });
    assert_eq!(site.application.content, b"data");
    assert!(!site.reads_paused);
}
