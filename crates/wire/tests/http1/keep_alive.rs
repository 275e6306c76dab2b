//! Whether a connection goes on after a response (RFC 9112 section 9.3), and what an end of the peer's side ends.

use wire::{Input, Wire};

use crate::site::{
    END, GET, OK, POST, Site, answering, last, more, over_tls, plain, request, request_of, response, silent,
    start, start_with, statuses, target,
};

#[test]
fn one_request_after_the_other_is_served() {
    let mut site = answering(plain);
    for _ in 0..20 {
        site.receives(GET);
        assert_eq!(site.took(), response("ok"));
    }
    assert_eq!(site.wire.latest().0, 20);
    assert!(!site.is_closed && site.wire.is_open() && !site.wire.is_answering());
}

#[test]
fn a_client_that_says_close_is_told_so_and_closed() {
    for wish in ["close", "Close", "x, close", "keep-alive, close"] {
        let mut site = answering(plain);
        site.receives([&request("/", &[&format!("Connection: {wish}")])[..], GET].concat());
        site.settles();
        assert_eq!(site.text(), format!("{OK}content-length: 2\r\nconnection: close\r\n\r\nok"), "{wish}");
        assert!(site.has_shut_down && !site.is_aborted);
        assert_eq!(site.application.targets.len(), 1, "what follows is not looked at");
    }
}

#[test]
fn an_application_may_close() {
    for wish in ["close", "Close", "keep-alive, close"] {
        let mut site = answering(silent);
        site.receives([GET, GET].concat());
        site.sends_all([start_with(200, &[("connection", wish)]), last("bye")]);
        assert_eq!(site.text().to_lowercase().matches("connection: ").count(), 1, "{wish}");
        assert!(site.text().contains("connection: close\r\n") && site.text().ends_with("bye"));
        assert!(site.has_shut_down);
        site.settles();
        assert_eq!(site.application.targets.len(), 1);
    }
}

#[test]
fn a_client_of_1_0_is_closed_unless_it_asks_for_more() {
    let mut site = answering(plain);
    for _ in 0..2 {
        site.receives(request_of("GET", "/", &["Connection: keep-alive"], "1.0"));
        assert_eq!(site.took(), format!("{OK}content-length: 2\r\nconnection: keep-alive\r\n\r\nok"));
        assert!(!site.is_closed);
    }
    site.receives(request_of("GET", "/", &[], "1.0"));
    assert!(site.took().ends_with("ok") && site.is_closed);
}

#[test]
fn content_of_unknown_length_ends_with_the_connection_of_a_client_of_1_0() {
    for wish in ["X: y", "Connection: keep-alive"] {
        let mut site = answering(|_| vec![start(200), more("a"), last("b")]);
        site.receives(request_of("GET", "/", &[wish], "1.0"));
        let (head, content) =
            site.text().split_once("\r\n\r\n").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        assert_eq!(content, "ab");
        assert!(!head.contains("transfer-encoding") && !head.contains("content-length"), "{head}");
        assert!(!head.contains("keep-alive"), "{head}");
        assert!(site.is_closed);
    }
}

fn half_closed_after(count: usize) -> Site {
    let mut site = answering(silent);
    let requests: Vec<u8> = (0..count).flat_map(|number| request(&format!("/{number}"), &[])).collect();
    site.receives(requests);
    site.feed(Input::Eof);
    site
}

#[test]
fn a_half_closed_client_gets_its_answers_and_is_closed_then() {
    for count in [1, 3] {
        let mut site = half_closed_after(count);
        for number in 0..count {
            assert!(!site.is_closed);
            site.sends_all([start(200), last(format!("/{number}"))]);
            site.settles();
        }
        assert_eq!(statuses(&site.text()), vec![200; count]);
        assert!(site.is_closed && !site.is_aborted);
        assert_eq!(site.application.targets.len(), count);
    }
}

#[test]
fn a_response_that_has_begun_goes_on_after_the_end_of_its_client() {
    let mut site = answering(silent);
    site.receives(GET);
    site.sends_all([start(200), more("str")]);
    site.feed(Input::Eof);
    assert!(!site.is_closed && site.wire.is_disconnected());
    site.sends_all([more("eam"), END]);
    site.settles();
    assert!(site.text().ends_with("3\r\nstr\r\n3\r\neam\r\n0\r\n\r\n"));
    assert!(site.is_closed);
}

#[test]
fn a_client_that_ends_inside_its_request_is_not_answered_with_success() {
    let half = [POST, b"Content-Length: 9\r\n\r\nx"].concat();
    let chunk = [POST, b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"].concat();
    for data in [b"", &b"GET / HT"[..], &GET[..GET.len() - 2], &half, &chunk] {
        let mut site = answering(silent);
        site.receives(data);
        site.feed(Input::Eof);
        assert!(site.is_closed, "{}", String::from_utf8_lossy(data));
        assert!(!statuses(&site.text()).contains(&200));
        assert!(statuses(&site.text()).len() <= 1);
    }
}

#[test]
fn an_idle_client_that_ends_its_side_is_closed() {
    let mut site = answering(plain);
    site.receives(GET);
    site.feed(Input::Eof);
    assert!(site.is_closed);
    assert_eq!(statuses(&site.text()), [200]);
}

#[test]
fn a_transport_that_ends_with_its_peer_is_closed_though_a_response_is_owed() {
    let mut site = over_tls(silent);
    site.receives(GET);
    site.feed(Input::Eof);
    assert!(site.is_closed);
    assert!(site.sends(start(200)).is_err());
}

#[test]
fn work_after_a_response_does_not_hold_up_the_next_request() {
    let mut site = answering(target);
    site.receives(request("/slow", &[]));
    let slow = site.wire.latest();
    site.receives(request("/quick", &[]));
    assert_eq!(site.text(), response("/slow") + &response("/quick"));
    assert_eq!(site.finish(slow, wire::Outcome::Ended), wire::Ending::Complete);
    site.receives(request("/later", &[]));
    assert!(site.text().ends_with("/later"));
}
