//! Requests that are refused, and those that no application gets: one answer, the end of the connection where its input
//! can't be trusted any more, and nothing behind it taken for a request (RFC 9112 sections 2 to 7).

use wire::{Action, Ending, Received, Wire};

use crate::site::{
    GET, POST, Site, answering, answering_with, last, more, plain, post, request, request_of, silent, start,
    statuses, target,
};
use crate::smuggling::{REQUEST_LINES, SMUGGLED, SMUGGLING};
use crate::support::{line_of, settings};

/// Checks that the connection has ended with this answer alone.
fn assert_refused(site: &mut Site, wanted: &[u16], what: &str) {
    site.settles();
    let got = statuses(&site.text());
    assert!(got.len() == 1 && wanted.contains(&got[0]), "{what}: {got:?}");
    assert!(site.text().contains("\r\nconnection: close\r\n"), "{what}");
    assert!(site.is_ending_for_peer() && !site.is_aborted, "{what}");
    assert!(site.application.targets.iter().all(|target| target == "/"), "{what}");
}

#[test]
fn a_request_that_could_be_read_differently_is_refused_and_nothing_behind_it_is_read() {
    for (what, rest) in SMUGGLING {
        let data = [POST, rest.as_bytes(), SMUGGLED].concat();
        let mut site = answering(silent);
        site.receives(&data);
        assert_refused(&mut site, &[400, 413, 501], what);
        let mut site = answering(silent);
        for byte in &data {
            site.receives([*byte]);
            site.settles();
        }
        assert_refused(&mut site, &[400, 413, 501], what);
    }
}

#[test]
fn a_request_line_that_is_wrong_is_refused_with_the_status_that_says_why() {
    for (what, line, status) in REQUEST_LINES {
        let data = [line.as_bytes(), b"\r\nHost: a\r\n\r\n", SMUGGLED].concat();
        let mut site = answering(plain);
        site.receives(&data);
        assert_refused(&mut site, &[*status], what);
        assert!(site.application.targets.is_empty(), "{what}");
    }
}

/// Requests beyond the limits of `support`, with the status for each.
fn beyond_limits() -> [(&'static str, Vec<u8>, u16); 12] {
    let chunked = |chunks: String| [POST, b"Transfer-Encoding: chunked\r\n\r\n", chunks.as_bytes()].concat();
    let fields = |count| (0..count).map(|number| format!("x{number}: y")).collect::<Vec<_>>();
    let many = fields(20);
    let several: Vec<String> = (0..4).map(|number| format!("x{number}: {}", "y".repeat(250))).collect();
    let borrowed = |fields: &[String]| request("/", &fields.iter().map(String::as_str).collect::<Vec<_>>());
    [
        ("request line", request(&format!("/{}", "a".repeat(200)), &[]), 414),
        ("method", request_of(&"A".repeat(33), "/", &[], "1.1"), 501),
        ("head", borrowed(&several), 431),
        ("one field", request("/", &[&format!("x: {}", "y".repeat(1000))]), 431),
        ("fields", borrowed(&many), 431),
        ("content", request_of("POST", "/", &["Content-Length: 100001"], "1.1"), 413),
        ("announced", request_of("POST", "/", &["Content-Length: 99999999999"], "1.1"), 413),
        ("chunks", chunked(format!("8000\r\n{}\r\n", "x".repeat(0x8000)).repeat(4)), 413),
        ("one chunk", chunked("186a1\r\n".to_owned()), 413),
        ("one extension", chunked(format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(65))), 400),
        ("extensions", chunked(format!("1;{}\r\na\r\n", "x".repeat(50)).repeat(3)), 400),
        ("trailers", chunked(format!("0\r\nx: {}\r\n\r\n", "y".repeat(200))), 431),
    ]
}

#[test]
fn what_is_beyond_a_limit_is_refused_in_one_piece_and_in_many() {
    for (what, data, status) in beyond_limits() {
        for size in [data.len(), 997, 10] {
            let mut site = answering(silent);
            for piece in [&data[..], SMUGGLED].concat().chunks(size) {
                site.receives(piece);
                site.asks();
            }
            assert_refused(&mut site, &[status], what);
        }
    }
}

#[test]
fn what_is_just_within_a_limit_is_served() {
    let fields: Vec<_> = (0..19).map(|number| format!("x{number}: y")).collect();
    let fields: Vec<_> = fields.iter().map(String::as_str).collect();
    let line = request(&format!("/{}", "a".repeat(200 - "GET / HTTP/1.1".len())), &[]);
    for data in [
        request("/", &fields),
        line,
        post("/", &[b'x'; 100_000]),
        request_of(&"A".repeat(32), "/", &[], "1.1"),
    ] {
        let mut site = answering(plain);
        site.receives(&data);
        assert_eq!(
            statuses(&site.text()),
            [200],
            "{}",
            String::from_utf8_lossy(&data[..100.min(data.len())])
        );
    }
}

#[test]
fn no_limit_is_none() {
    let mut unlimited = settings();
    unlimited.limits = http::Limits::UNLIMITED.into();
    let mut site = answering_with(plain, unlimited);
    site.receives(post(&format!("/{}", "a".repeat(20_000)), &[b'x'; 200_000]));
    assert_eq!(statuses(&site.text()), [200]);
}

#[test]
fn a_refusal_waits_for_the_responses_before_it() {
    let mut site = answering(silent);
    site.receives([GET, b"nonsense\r\n\r\n"].concat());
    assert_eq!(site.text(), "");
    site.sends_all([start(200), last("ok")]);
    site.settles();
    assert_eq!(statuses(&site.text()), [200, 400]);
    assert!(site.has_shut_down);
}

#[test]
fn a_refusal_is_complete_though_the_peer_does_not_read_yet() {
    let mut site = answering(silent);
    site.receives([POST, b"Transfer-Encoding: chunked\r\n\r\n"].concat());
    site.feed(wire::Input::Full);
    site.feed(wire::Input::Unsent(5000));
    site.receives(b"no chunk\r\n");
    assert_eq!(statuses(&site.text()), [400]);
    site.pass(7, 5000);
    assert!(site.has_shut_down && !site.is_closed);
}

#[test]
fn content_that_breaks_after_the_head_of_the_response_gets_no_second_answer() {
    let mut site = answering(silent);
    site.receives([POST, b"Transfer-Encoding: chunked\r\n\r\n"].concat());
    site.sends_all([start(200), more("part")]);
    let before = site.text();
    site.receives([b"no chunk\r\n", GET].concat());
    assert_eq!(site.text(), before);
    assert!(site.has_shut_down && site.wire.is_disconnected());
    assert_eq!(site.asks(), Received::Disconnect { is_cut: true });
    assert!(site.sends(last("more")).is_err());
    assert_eq!(site.ends(), Ending::Complete);
}

#[test]
fn a_head_that_was_not_sent_is_replaced_by_the_refusal() {
    let mut site = answering(silent);
    site.receives([POST, b"Transfer-Encoding: chunked\r\n\r\n"].concat());
    site.sends_all([start(200)]);
    site.receives(b"no chunk\r\n");
    site.end_turn();
    assert_eq!(statuses(&site.text()), [400]);
    assert_eq!(site.log[0].status, 400);
}

#[test]
fn a_websocket_and_a_tunnel_are_refused_and_the_connection_goes_on() {
    let fields = ["Connection: upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"];
    for size in 0..3 {
        let content = SMUGGLED.repeat(size);
        let length = format!("Content-Length: {}", content.len());
        let fields = [&fields[..], &[&length]].concat();
        let upgrade = [&request_of("POST", "/", &fields, "1.1")[..], &content].concat();
        let mut site = answering(target);
        site.receives([&upgrade[..], &request("/next", &[])].concat());
        site.settles();
        assert_eq!(statuses(&site.text()), [501, 200]);
        assert_eq!(site.application.targets, ["/next"]);
    }
    let mut site = answering(target);
    site.receives([b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", GET].concat());
    assert_eq!(statuses(&site.text()), [501, 200]);
    assert!(line_of(&site.log[0]).is_some_and(|line| line.starts_with("CONNECT ")));
}

#[test]
fn requests_that_no_application_gets_count_for_their_turn() {
    let upgrade = request("/", &["Connection: upgrade", "Upgrade: websocket"]);
    let mut site = answering(target);
    site.receives(upgrade.repeat(10));
    assert_eq!((statuses(&site.text()).len(), site.turns), (4, 1));
    site.settles();
    assert_eq!(statuses(&site.text()), [501; 10]);
}

#[test]
fn a_wish_for_another_protocol_is_left_unheard() {
    let mut site = answering(plain);
    site.receives(request("/", &["Connection: upgrade, http2-settings", "Upgrade: h2c"]));
    assert_eq!(statuses(&site.text()), [200]);
}

#[test]
fn a_half_closed_client_that_is_refused_is_closed_at_once() {
    let mut site = answering(silent);
    site.receives([GET, b"nonsense\r\n\r\n"].concat());
    site.feed(wire::Input::Eof);
    site.sends_all([start(200), last("ok")]);
    site.settles();
    assert_eq!(statuses(&site.text()), [200, 400]);
    assert!(site.is_closed && !site.did(Action::ShutdownWrite));
}

#[test]
fn random_bytes_are_refused_or_waited_for() {
    let mut seed = 1_u64;
    for size in [1, 2, 3, 10, 100, 1000, 10_000].repeat(20) {
        let data: Vec<u8> = (0..size)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                seed.to_be_bytes()[0]
            })
            .collect();
        let mut site = answering(plain);
        site.receives(&data);
        assert!(statuses(&site.text()).len() <= 1 && site.application.targets.is_empty());
    }
}

#[test]
fn a_request_with_any_one_byte_replaced_is_answered_once_at_the_most() {
    let data = b"POST /a HTTP/1.1\r\nhost: a\r\nx: y\r\ncontent-length: 2\r\n\r\nhi";
    for place in 0..data.len() - 2 {
        for byte in *b"\0\n\r :x\xff" {
            let mut site = answering(plain);
            let mut changed = data.to_vec();
            changed[place] = byte;
            site.receives(&changed);
            site.feed(wire::Input::Eof);
            assert!(statuses(&site.text()).len() <= 1, "{byte} at {place}: {}", site.text());
            assert!(site.is_closed, "{byte} at {place}");
        }
    }
}
