//! Slow peers: with heads, with content, between requests. The limits are those of `support`: eight ticks for a head and
//! for content, sixteen between requests.

use wire::{Action, Input, LogEnd, Received, Ticks, Wire};

use crate::site::{
    GET, POST, Site, answering, answering_with, last, more, over_tls, plain, response, silent, start,
    statuses,
};
use crate::support::settings;

fn uploading(rest: &str) -> Site {
    let mut site = answering(silent);
    site.receives([POST, rest.as_bytes()].concat());
    site
}

#[test]
fn a_client_that_says_nothing_is_closed_without_a_word() {
    let mut site = answering(plain);
    site.pass(7, 0);
    assert!(!site.is_closed);
    site.pass(1, 0);
    assert!(site.is_closed && !site.is_aborted);
    assert!(site.text().is_empty() && site.log.is_empty());
}

#[test]
fn a_head_that_stops_is_answered_with_408() {
    for data in [b"G", &b"GET / HTTP/1.1\r\n"[..], &GET[..GET.len() - 2], &GET[..GET.len() - 1]] {
        let mut site = answering(plain);
        site.receives(data);
        site.pass(7, 0);
        assert_eq!(site.text(), "");
        site.pass(1, 0);
        assert_eq!(statuses(&site.text()), [408]);
        assert!(site.text().contains("\r\nconnection: close\r\n") && site.has_shut_down);
        assert_eq!((site.log[0].status, site.log[0].request), (408, None));
        assert_eq!(site.log[0].end, LogEnd::Refused("the head of a request took too long"));
    }
}

#[test]
fn each_byte_of_a_head_does_not_begin_its_time_anew() {
    let mut site = answering(plain);
    for byte in &GET[..8] {
        site.receives([*byte]);
        assert!(!site.is_ending_for_peer());
        site.pass(1, 0);
    }
    assert_eq!(statuses(&site.text()), [408]);
}

#[test]
fn a_head_that_is_slow_and_in_time_is_served() {
    let mut site = answering(plain);
    for part in GET.chunks(GET.len() / 6) {
        site.receives(part);
        site.pass(1, 0);
    }
    assert_eq!(site.text(), response("ok"));
}

#[test]
fn the_time_for_a_later_head_begins_with_its_first_byte() {
    let mut site = answering(plain);
    site.pass(5, 0);
    site.receives(GET);
    site.pass(15, 0);
    site.receives(GET);
    site.pass(15, 0);
    site.receives(&GET[..10]);
    site.pass(7, 0);
    assert!(!site.is_ending_for_peer());
    site.pass(1, 0);
    assert_eq!(statuses(&site.text()), [200, 200, 408]);
}

#[test]
fn the_time_for_a_head_begins_anew_with_each_request() {
    let mut site = answering(plain);
    site.receives(&GET[..9]);
    for _ in 0..10 {
        site.receives([&GET[9..], &GET[..9]].concat());
        site.settles();
        site.pass(5, 0);
    }
    assert!(!site.is_ending_for_peer());
    site.pass(3, 0);
    assert_eq!(statuses(&site.text()), [&[200; 10][..], &[408]].concat());
}

#[test]
fn a_connection_that_is_idle_between_requests_is_closed_without_a_word() {
    let mut site = answering(plain);
    site.receives(GET);
    site.took();
    site.pass(15, 0);
    assert!(!site.is_closed);
    site.pass(1, 0);
    assert!(site.is_closed && !site.is_aborted);
    assert_eq!((site.text(), site.log.len()), (String::new(), 1));
}

#[test]
fn the_time_between_requests_begins_anew_with_each_response() {
    let mut site = answering(plain);
    for _ in 0..10 {
        site.receives(GET);
        site.pass(10, 0);
    }
    assert!(!site.is_closed);
    site.pass(6, 0);
    assert!(site.is_closed);
}

#[test]
fn an_application_may_take_its_time() {
    let mut site = answering(silent);
    site.receives(GET);
    site.pass(1000, 0);
    site.sends_all([start(200)]);
    site.end_turn();
    site.pass(1000, 0);
    site.sends_all([last("late")]);
    assert!(site.text().ends_with("4\r\nlate\r\n0\r\n\r\n") && !site.is_closed);
}

#[test]
fn no_limit_is_none() {
    let mut unlimited = settings();
    (unlimited.head_time, unlimited.body_time, unlimited.keep_alive_time) = (None, None, None);
    for data in [&b""[..], b"GET /", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc"] {
        let mut site = answering_with(silent, unlimited.clone());
        site.receives(data);
        site.pass(10_000, 0);
        assert!(!site.is_ending_for_peer());
        site.feed(Input::Full);
        site.feed(Input::Unsent(5000));
        site.pass(10_000, 5000);
        assert!(!site.is_ending_for_peer());
    }
    let mut site = answering_with(plain, unlimited);
    site.receives(GET);
    site.pass(10_000, 0);
    assert!(!site.is_ending_for_peer());
}

#[test]
fn content_that_stops_is_answered_with_408_and_is_a_disconnect() {
    for asks in [true, false] {
        let mut site = uploading("Content-Length: 9\r\n\r\nabc");
        if asks {
            assert_eq!(site.asks(), Received::Content { more: true });
            assert_eq!(site.asks(), Received::Nothing);
        }
        site.pass(7, 0);
        assert!(!site.is_ending_for_peer());
        site.pass(1, 0);
        assert_eq!(statuses(&site.text()), [408]);
        assert!(site.has_shut_down);
        assert_eq!(site.did(Action::WakeReceive), asks);
        assert_eq!(site.asks(), Received::Disconnect { is_cut: true });
        assert_eq!((site.log.len(), site.log[0].status), (1, 408));
    }
}

#[test]
fn content_that_comes_slowly_has_its_time_anew() {
    let mut site = uploading("Content-Length: 9\r\n\r\n");
    site.settings.body_bytes_per_tick = None;
    for byte in b"12345678" {
        site.pass(7, 0);
        site.receives([*byte]);
    }
    assert!(!site.is_ending_for_peer());
    site.receives(b"9");
    site.pass(1000, 0);
    assert!(!site.is_ending_for_peer(), "all of it is there");
}

#[test]
fn a_client_is_not_to_blame_for_content_that_is_not_asked_for() {
    let mut site = uploading("Content-Length: 9000\r\n\r\n");
    site.receives([b'x'; 1500]);
    assert!(site.reads_paused);
    site.pass(1000, 0);
    assert!(!site.is_ending_for_peer());
    assert_eq!(site.asks(), Received::Content { more: true });
    site.pass(8, 0);
    assert_eq!(statuses(&site.text()), [408]);
}

#[test]
fn the_rest_of_an_answered_request_has_its_time_and_no_second_answer() {
    let mut site = answering(plain);
    site.receives([POST, b"Content-Length: 100\r\n\r\nab"].concat());
    site.pass(7, 0);
    assert!(!site.is_ending_for_peer());
    site.pass(1, 0);
    assert!(site.is_closed);
    assert_eq!(site.text(), response("ok"));
}

#[test]
fn content_that_stops_after_the_head_of_the_response_cuts_that_short() {
    let mut site = uploading("Content-Length: 9\r\n\r\nabc");
    site.sends_all([start(200), more("a")]);
    let before = site.text();
    site.pass(8, 0);
    assert_eq!(site.text(), before);
    assert!(site.has_shut_down);
    assert_eq!(site.log[0].end, LogEnd::Refused("the content of a request took too long"));
    assert_eq!((site.log[0].status, site.log[0].sent), (200, 1));
}

/// Returns a connection whose peer has not read a response so far.
fn unread(messages: &[wire::Message<Vec<u8>>]) -> Site {
    let mut site = answering(silent);
    site.receives(GET);
    site.sends_all([start(200)]);
    site.feed(Input::Full);
    site.feed(Input::Unsent(5000));
    site.sends_all(messages.iter().cloned());
    site
}

#[test]
fn a_client_that_does_not_read_is_cut_off() {
    for messages in [&[more("part")][..], &[last("all")]] {
        let mut site = unread(messages);
        site.pass(7, 5000);
        assert!(!site.is_closed);
        site.pass(1, 5000);
        assert!(site.is_aborted);
    }
}

#[test]
fn a_client_that_reads_slowly_is_not() {
    let mut site = unread(&[more("part")]);
    for unsent in (0..100).rev() {
        site.pass(8, unsent);
        assert!(!site.is_closed, "{unsent}");
    }
    site.pass(8, 0);
    assert!(site.is_aborted);
}

#[test]
fn neither_is_the_time_of_the_application_that_of_a_reader() {
    let mut site = unread(&[more("part")]);
    site.feed(Input::Writable);
    site.pass(1000, 0);
    assert!(!site.is_closed);
}

#[test]
fn a_pipeline_whose_responses_are_not_read_is_cut_off() {
    let mut site = answering(plain);
    site.receives(GET);
    site.feed(Input::Full);
    site.feed(Input::Unsent(5000));
    site.receives(GET.repeat(30));
    site.pass(8, 5000);
    assert!(site.is_aborted);
    assert_eq!(statuses(&site.text()), [200]);
}

#[test]
fn a_client_that_sends_and_does_not_read_is_cut_off() {
    let mut site = uploading("Content-Length: 9000\r\n\r\n");
    site.sends_all([start(200), more("part")]);
    site.feed(Input::Full);
    site.feed(Input::Unsent(5000));
    for _ in 0..8 {
        assert!(!site.is_closed);
        site.receives(b"x");
        site.pass(1, 5000);
    }
    assert!(site.is_aborted);
}

#[test]
fn a_last_response_is_given_the_time_to_be_read_and_not_more() {
    for (unsent, is_read) in [(5000, false), (100, true)] {
        let mut site = answering(silent);
        site.receives(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        site.unsent = 5000;
        site.sends_all([start(200), last("all")]);
        assert!(site.is_closed);
        site.pass(8, unsent);
        assert_eq!(site.is_aborted, !is_read);
        site.pass(8, unsent);
        assert!(site.is_aborted, "no progress since");
    }
}

#[test]
fn a_transport_that_does_not_say_that_it_is_lost_is_cut_off() {
    let mut site = over_tls(silent);
    site.receives(GET);
    site.feed(Input::Broken);
    site.pass(8, 0);
    assert!(site.is_aborted);
}

#[test]
fn a_lost_connection_is_never_late() {
    let mut site = uploading("Content-Length: 9\r\n\r\n");
    site.feed(Input::Lost { by_error: false });
    assert!(!site.wire.is_late(wire::Tick(1_000_000)));
    site.now = site.now.after(Ticks(100));
    site.feed(Input::Tick(0));
    assert!(!site.is_closed && site.text().is_empty());
}

/// Returns a connection over TLS that closes after its response, of which so many bytes wait for the client.
fn closing_over_tls(unsent: usize) -> Site {
    let mut site = over_tls(plain);
    site.unsent = unsent;
    site.receives(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(site.is_closed && !site.is_aborted);
    site
}

/// A transport for TLS waits until the peer has said goodbye too: for thirty seconds, with asyncio's limit.
#[test]
fn a_client_that_has_its_response_and_does_not_end_is_cut() {
    let mut site = closing_over_tls(0);
    site.pass(3, 0);
    assert!(!site.is_aborted);
    site.pass(1, 0);
    assert!(site.is_aborted);
}

#[test]
fn a_client_that_reads_its_last_response_slowly_is_not_cut() {
    let mut site = closing_over_tls(9000);
    for unsent in (1..=90).rev() {
        site.pass(1, 100 * unsent);
        assert!(!site.is_aborted, "{unsent}");
    }
    site.pass(4, 0);
    assert!(!site.is_aborted, "it has just read the last of it");
    site.pass(4, 0);
    assert!(site.is_aborted);
}

#[test]
fn a_client_that_does_not_read_its_last_response_is_cut() {
    let mut site = closing_over_tls(9000);
    site.pass(7, 9000);
    assert!(!site.is_aborted);
    site.pass(1, 9000);
    assert!(site.is_aborted);
}
