//! Content that arrives more slowly than is required, a little now and then. The limits are those of `support`: eight
//! ticks, and ten bytes for each further one.

use wire::{Message, Received, Wire};

use crate::site::{POST, Site, answering, last, more, silent, start, statuses};

fn uploading(content: &[u8]) -> Site {
    let mut site = answering(silent);
    site.receives([POST, b"Content-Length: 100000\r\n\r\n", content].concat());
    site
}

/// Sends the same bytes every so many ticks until the connection is refused: after how many ticks.
fn drip(site: &mut Site, data: &[u8], every: u32, at_most: u32) -> u32 {
    let before = site.written.len();
    for tick in 1..=at_most {
        site.pass(1, 0);
        if site.has_shut_down {
            return tick;
        }
        if tick % every == 0 {
            site.receives(data);
            site.asks();
        }
        assert_eq!(site.written.len(), before);
    }
    at_most
}

#[test]
fn a_byte_now_and_then_is_progress_and_not_enough() {
    let mut site = uploading(b"");
    let took = drip(&mut site, b"x", 1, 1000);
    assert!((8..=10).contains(&took), "{took}");
    assert_eq!(statuses(&site.text()), [408]);
    assert_eq!((site.log[0].status, site.log[0].sent), (408, 0));
}

#[test]
fn content_that_came_quickly_counts() {
    let mut site = uploading(&[b'x'; 100]);
    site.asks();
    let took = drip(&mut site, b"x", 5, 1000);
    assert!((18..=23).contains(&took), "{took}");
}

#[test]
fn a_client_that_is_fast_enough_is_never_cut_off() {
    for (rate, data) in [(Some(10.0), &[b'x'; 10][..]), (None, b"x")] {
        let mut site = uploading(b"");
        site.settings.body_bytes_per_tick = rate;
        assert_eq!(drip(&mut site, data, 1, 1000), 1000);
    }
}

#[test]
fn silence_is_limited_however_much_came_before() {
    let mut site = uploading(&[b'x'; 900]);
    site.asks();
    assert_eq!(drip(&mut site, b"", 100, 1000), 8);
}

#[test]
fn each_request_is_measured_for_itself() {
    let mut site = answering(silent);
    for _ in 0..5 {
        site.receives([POST, b"Content-Length: 2\r\n\r\na"].concat());
        site.pass(7, 0);
        site.receives(b"b");
        assert_eq!(site.asks(), Received::Content { more: false });
        site.sends_all([start(200), last("ok")]);
    }
    assert!(!site.is_ending_for_peer());
    assert_eq!(statuses(&site.text()), [200; 5]);
}

#[test]
fn the_peer_is_not_waited_for_while_content_waits_for_the_application() {
    let mut site = uploading(&[b'x'; 1200]);
    assert!(site.reads_paused);
    site.pass(10_000, 0);
    site.asks();
    assert!(!site.reads_paused);
    assert_eq!(drip(&mut site, b"x", 1, 7), 7, "the time begins here");
    assert!(!site.is_ending_for_peer());
}

#[test]
fn no_rate_is_required_once_the_response_has_begun() {
    let mut site = uploading(b"");
    site.sends_all([start(200), more("hello")]);
    assert_eq!(drip(&mut site, b"x", 7, 1000), 1000);
    site.pass(8, 0);
    assert!(site.has_shut_down, "it must not stop");
}

#[test]
fn the_time_for_silence_begins_with_the_response() {
    for at_turn_end in [false, true] {
        let mut site = uploading(b"");
        assert_eq!(drip(&mut site, b"x", 1, 6), 6);
        site.sends_all([start(200)]);
        if at_turn_end {
            site.end_turn();
        } else {
            site.sends_all([more("hello")]);
        }
        site.pass(7, 0);
        assert!(!site.is_ending_for_peer());
        site.pass(1, 0);
        assert!(site.has_shut_down);
    }
}

#[test]
fn a_head_that_waits_is_no_response_yet() {
    let mut site = uploading(b"");
    site.sends_all([start(200)]);
    let took = drip(&mut site, b"x", 1, 1000);
    assert!((8..=10).contains(&took), "{took}");
    assert_eq!(statuses(&site.text()), [408]);
    let sent = site.sends(Message::Content { content: None, more: false });
    assert!(sent.is_err() && !site.wire.is_answering());
}
