//! The last answer reaches a client that still sends (RFC 9112 section 9.6), on transports that can end one side and on
//! those that can't (TLS). A silent client has four ticks, one that goes on with an announced upload twenty.

use wire::{Action, HalfClose, Input, Received, Shutdown, Wire};

use crate::site::{GET, POST, Site, answering, last, plain, request, response, silent, start, statuses};

const BOTH: [HalfClose; 2] = [HalfClose::Done, HalfClose::Unsupported];

fn answered(data: &[u8], half_close: HalfClose) -> Site {
    let mut site = answering(plain);
    site.half_close = half_close;
    site.receives(data);
    assert!(site.did(Action::ShutdownWrite) && !site.is_closed);
    site
}

fn upload() -> Vec<u8> {
    [POST, b"Content-Length: 90000\r\n\r\n"].concat()
}

#[test]
fn an_upload_is_read_on_behind_its_answer_until_the_client_ends() {
    for half_close in BOTH {
        let mut site = answered(&upload(), half_close);
        assert!(site.text().contains("\r\nconnection: close\r\n") && site.text().ends_with("ok"));
        for _ in 0..15 {
            site.receives([b'x'; 1000]);
            site.pass(1, 0);
            assert!(!site.is_closed && !site.reads_paused);
        }
        site.feed(Input::Eof);
        assert!(site.is_closed && !site.is_aborted);
        assert!(site.application.content.is_empty());
    }
}

#[test]
fn reading_goes_on_though_it_was_paused() {
    let mut site = answering(silent);
    site.receives([&upload()[..], &[b'x'; 2000]].concat());
    assert!(site.reads_paused);
    site.sends_all([start(200), last("ok")]);
    assert!(site.has_shut_down && !site.reads_paused);
}

#[test]
fn a_client_that_stops_sending_may_wait_for_an_end_that_it_does_not_see() {
    for half_close in BOTH {
        let mut site = answered(&upload(), half_close);
        site.pass(3, 0);
        assert!(!site.is_closed);
        site.pass(1, 0);
        assert!(site.is_closed);
        assert_eq!(site.is_aborted, half_close == HalfClose::Done);
    }
}

#[test]
fn an_upload_without_end_is_cut() {
    for half_close in BOTH {
        let mut site = answered(&upload(), half_close);
        for _ in 0..19 {
            site.receives([b'x'; 1000]);
            site.pass(1, 0);
            assert!(!site.is_closed);
        }
        site.receives([b'x'; 1000]);
        site.pass(1, 0);
        assert!(site.is_aborted);
    }
}

/// Each byte that it sends gave it more time, for ever: the end of lingering was past, but nothing told that it had not
/// read anything since.
#[test]
fn nor_does_a_byte_now_and_then_keep_a_client_that_does_not_read() {
    for half_close in BOTH {
        let mut site = answered(&upload(), half_close);
        for _ in 0..24 {
            assert!(!site.is_closed);
            site.receives(b"x");
            site.pass(1, 70);
        }
        assert!(site.is_aborted);
    }
}

#[test]
fn an_announced_upload_has_more_time_than_what_is_no_request() {
    let long = [b"GET /", &[b'a'; 300][..], b" HTTP/1.1\r\n"].concat();
    let large = [POST, b"Content-Length: 200000\r\n\r\n"].concat();
    for half_close in BOTH {
        for (data, status, time) in [(&b"nonsense\r\n\r\n"[..], 400, 4), (&large, 413, 20), (&long, 414, 4)] {
            let mut site = answered(data, half_close);
            assert_eq!(statuses(&site.text()), [status]);
            for _ in 1..time {
                site.receives([b'x'; 1000]);
                site.pass(1, 0);
                assert!(!site.is_closed, "{status}");
            }
            site.receives([b'x'; 1000]);
            site.pass(1, 0);
            assert!(site.is_aborted, "{status}");
        }
    }
}

#[test]
fn a_server_that_ends_gives_an_upload_little_more_time() {
    for half_close in BOTH {
        let mut before = answered(&upload(), half_close);
        before.shut_down(Shutdown::Graceful);
        let mut after = answering(plain);
        after.half_close = half_close;
        after.receives(POST);
        after.shut_down(Shutdown::Graceful);
        after.receives(b"Content-Length: 90000\r\n\r\n");
        for site in [&mut before, &mut after] {
            assert_eq!(statuses(&site.text()), [200]);
            for _ in 0..4 {
                assert!(!site.is_closed);
                site.receives([b'x'; 1000]);
                site.pass(1, 0);
            }
            assert!(site.is_aborted);
        }
    }
}

#[test]
fn a_peer_that_has_left_is_closed_at_once() {
    let mut site = answering(plain);
    site.half_close = HalfClose::Lost;
    site.receives(upload());
    assert!(site.is_closed && !site.is_aborted);
}

#[test]
fn a_peer_that_has_ended_its_side_needs_no_time() {
    let mut site = answering(silent);
    site.receives([POST, b"Connection: close\r\nContent-Length: 2\r\n\r\nab"].concat());
    site.feed(Input::Eof);
    site.sends_all([start(200), last("ok")]);
    assert!(site.is_closed && !site.has_shut_down);
}

#[test]
fn requests_behind_the_last_response_do_not_discard_it() {
    let closing = request("/", &["Connection: close"]);
    for behind in [&GET[..1], GET, &GET.repeat(100)] {
        let mut site = answered(&[&closing[..], behind].concat(), HalfClose::Done);
        assert!(site.text().ends_with("ok") && !site.reads_paused);
        site.receives(GET);
        site.pass(3, 0);
        assert!(!site.is_closed);
        site.pass(1, 0);
        assert!(site.is_aborted);
        assert_eq!(statuses(&site.text()), [200]);
    }
    let mut site = answering(silent);
    site.receives(&closing);
    site.receives(GET.repeat(100));
    assert!(site.reads_paused, "more may wait in the kernel");
    site.sends_all([start(200), last("ok")]);
    assert!(site.has_shut_down && !site.is_closed && !site.reads_paused);
}

#[test]
fn a_request_that_was_read_to_its_end_needs_no_time() {
    let mut site = answering(plain);
    site.receives([POST, b"Connection: close\r\nContent-Length: 2\r\n\r\nab"].concat());
    assert!(site.is_closed && !site.has_shut_down);
}

#[test]
fn a_response_is_not_cut_while_its_client_reads_what_is_left() {
    let mut site = answering(silent);
    site.receives(upload());
    site.sends_all([start(200)]);
    site.feed(Input::Full);
    site.feed(Input::Unsent(1000));
    site.sends_all([last("ok")]);
    assert!(site.has_shut_down);
    for unsent in (1..100).rev() {
        site.pass(7, unsent);
        site.receives(b"x");
        assert!(!site.is_closed, "{unsent} bytes are left");
    }
    site.feed(Input::Writable);
    site.pass(3, 0);
    assert!(!site.is_closed);
    site.pass(1, 0);
    assert!(site.is_aborted);
}

#[test]
fn neither_while_the_last_bytes_below_the_mark_are_read() {
    let mut site = answered(&upload(), HalfClose::Done);
    for unsent in (1..20).rev() {
        site.pass(4, unsent);
        assert!(!site.is_closed, "{unsent} bytes are left");
    }
    site.pass(4, 0);
    assert!(site.is_aborted);
}

#[test]
fn a_client_that_reads_what_is_left_is_not_cut_because_the_server_ends() {
    let mut site = answering(silent);
    site.receives(upload());
    site.sends_all([start(200)]);
    site.feed(Input::Full);
    site.feed(Input::Unsent(1000));
    site.sends_all([last("ok")]);
    site.pass(1, 1000);
    site.shut_down(Shutdown::Graceful);
    site.pass(6, 1000);
    assert!(!site.is_closed, "its time to read goes on");
    site.pass(1, 1000);
    assert!(site.is_aborted);
}

#[test]
fn a_lingering_connection_gets_no_requests() {
    let mut site = answered(&[&upload()[..], &[b'x'; 10]].concat(), HalfClose::Done);
    site.receives(GET);
    site.settles();
    assert_eq!(site.wire.latest().0, 1);
    assert_eq!(site.asks(), Received::Disconnect { is_cut: false });
}

#[test]
fn the_rest_of_a_short_request_is_read_and_the_connection_goes_on() {
    let mut site = answering(plain);
    site.receives([POST, b"Content-Length: 100\r\n\r\n"].concat());
    assert_eq!(site.took(), response("ok"));
    site.receives([&[b'x'; 100][..], GET].concat());
    site.settles();
    assert_eq!(site.took(), response("ok"));
    assert!(!site.is_ending_for_peer());
}
