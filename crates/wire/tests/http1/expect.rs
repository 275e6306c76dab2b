//! Clients that wait for 100 (Continue) before they send content (RFC 9110 section 10.1.1).

use wire::{Received, Wire};

use crate::site::{
    GET, POST, Site, answering, last, more, plain, request_of, response, silent, start, statuses,
};

const EXPECTING: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";

fn waiting() -> Site {
    let mut site = answering(silent);
    site.receives(EXPECTING);
    site
}

#[test]
fn a_client_is_told_to_go_on_when_content_is_asked_for_and_once() {
    let mut site = waiting();
    site.settles();
    assert_eq!(site.took(), "");
    assert_eq!(site.asks(), Received::Nothing);
    assert_eq!(site.took(), CONTINUE);
    assert_eq!(site.asks(), Received::Nothing);
    site.receives(b"da");
    site.receives(b"ta");
    assert_eq!(site.asks(), Received::Content { more: false });
    assert_eq!(site.application.content, b"data");
    site.sends_all([start(200), last("ok")]);
    assert_eq!(site.took(), response("ok"));
    site.receives(GET);
    assert_eq!(site.asks(), Received::Content { more: false });
    assert_eq!(site.took(), "");
}

#[test]
fn nobody_else_is_told() {
    let sent_already = [EXPECTING, b"d"].concat();
    let without_content = request_of("GET", "/", &["Expect: 100-continue"], "1.1");
    let of_1_0 = request_of("POST", "/", &["Expect: 100-continue", "Content-Length: 4"], "1.0");
    for data in [sent_already, without_content, of_1_0] {
        let mut site = answering(silent);
        site.receives(&data);
        while matches!(site.asks(), Received::Content { more: true }) {}
        assert_eq!(site.text(), "", "{}", String::from_utf8_lossy(&data));
    }
}

#[test]
fn a_response_without_that_ends_the_connection_since_content_may_come_or_not() {
    let mut site = waiting();
    site.sends_all([start(417), last("no")]);
    assert_eq!(statuses(&site.text()), [417]);
    assert!(site.text().contains("\r\nconnection: close\r\n"));
    assert!(site.has_shut_down && !site.is_aborted);
    site.receives([b"data", GET].concat());
    assert_eq!(site.wire.latest().0, 1);
}

#[test]
fn a_head_that_waits_for_content_does_not_keep_it_back() {
    let mut site = waiting();
    site.sends_all([start(200)]);
    assert_eq!(site.asks(), Received::Nothing);
    assert_eq!(site.took(), CONTINUE);
    site.end_turn();
    assert_eq!(statuses(&site.took()), [200]);
}

#[test]
fn it_is_too_late_for_it_behind_a_head() {
    let mut site = waiting();
    site.sends_all([start(200), more("a")]);
    assert_eq!(site.asks(), Received::Nothing);
    assert!(!site.text().contains("100"));
}

#[test]
fn behind_a_head_the_client_has_its_time_once_content_is_asked_for() {
    let mut site = waiting();
    site.sends_all([start(200), more("a")]);
    site.pass(1000, 0);
    assert!(!site.is_ending_for_peer());
    assert_eq!(site.asks(), Received::Nothing);
    site.pass(7, 0);
    assert!(!site.is_ending_for_peer());
    site.pass(1, 0);
    assert!(site.is_ending_for_peer());
}

#[test]
fn a_client_that_waits_to_be_told_is_not_too_slow() {
    let mut site = waiting();
    site.pass(1000, 0);
    assert!(!site.is_ending_for_peer());
    assert_eq!(site.asks(), Received::Nothing);
    site.receives(b"data");
    assert_eq!(site.asks(), Received::Content { more: false });
    site.sends_all([start(200), last("ok")]);
    assert_eq!(site.text(), CONTINUE.to_owned() + &response("ok"));
}

#[test]
fn a_client_that_was_told_has_its_time() {
    let mut site = waiting();
    site.pass(100, 0);
    assert_eq!(site.asks(), Received::Nothing);
    site.pass(7, 0);
    assert!(!site.is_ending_for_peer());
    site.pass(1, 0);
    assert!(site.has_shut_down);
    assert_eq!(statuses(&site.text()), [100, 408]);
}

#[test]
fn a_refusal_needs_no_permission() {
    let mut site = answering(plain);
    site.receives([POST, b"Expect: 100-continue\r\nContent-Length: 1000000\r\n\r\n"].concat());
    assert_eq!(statuses(&site.text()), [413]);
    assert!(site.has_shut_down);
}
