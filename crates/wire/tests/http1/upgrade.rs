//! Passing a connection on to another protocol: everything from the handshake on reaches it (RFC 9110 section 7.8).

use wire::{Input, Upgrades, Wire};

use crate::site::{
    GET, Site, answering, answering_with, last, plain, request, response, silent, start, statuses,
};
use crate::support::settings;

const HANDSHAKE: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";

fn frame() -> Vec<u8> {
    (0..=255).collect()
}

fn offering(answer: fn(&http::Head) -> Vec<wire::Message<Vec<u8>>>, upgrades: Upgrades) -> Site {
    let mut settings = settings();
    settings.upgrades = upgrades;
    answering_with(answer, settings)
}

fn taken_over(answer: fn(&http::Head) -> Vec<wire::Message<Vec<u8>>>) -> Site {
    offering(answer, Upgrades::TakenOver)
}

/// Gives bytes to the machine, or to the protocol that has taken over.
fn arrive(site: &mut Site, data: &[u8]) {
    match &mut site.upgraded {
        Some(input) => input.extend_from_slice(data),
        None => site.receives(data),
    }
}

fn answer(site: &mut Site) {
    if site.wire.is_answering() {
        site.sends_all([start(200), last("ok")]);
    }
    site.settles();
}

#[test]
fn bytes_behind_a_handshake_reach_the_other_protocol() {
    for count in [0, 1, 10] {
        let mut site = taken_over(plain);
        site.receives([&GET.repeat(count)[..], HANDSHAKE, &frame()].concat());
        site.settles();
        assert_eq!(site.upgraded, Some([HANDSHAKE, &frame()].concat()), "{count} requests before it");
        assert_eq!(site.text(), response("ok").repeat(count));
        assert!(site.wire.is_closed() && !site.is_closed && !site.is_aborted);
        assert_eq!(site.log.len(), count, "the handshake is not ours to log");
    }
}

#[test]
fn the_bytes_are_the_same_wherever_they_are_split_and_whenever_the_answer_comes() {
    let everything = [GET, HANDSHAKE, &frame()].concat();
    for place in 1..everything.len() {
        for answers_between in [false, true] {
            let mut site = taken_over(silent);
            arrive(&mut site, &everything[..place]);
            if answers_between {
                answer(&mut site);
            }
            arrive(&mut site, &everything[place..]);
            answer(&mut site);
            let wanted = [HANDSHAKE, &frame()].concat();
            assert_eq!(site.upgraded, Some(wanted), "split at {place}, {answers_between}");
            assert_eq!(site.text(), response("ok"));
        }
    }
}

#[test]
fn nothing_is_lost_or_doubled_when_each_byte_comes_alone() {
    let everything = [GET, HANDSHAKE, &frame()].concat();
    for answered_after in [everything.len() - 300, everything.len() - 100, everything.len()] {
        let mut site = taken_over(silent);
        for (index, byte) in everything.iter().enumerate() {
            arrive(&mut site, &[*byte]);
            if index + 1 == answered_after {
                answer(&mut site);
            }
        }
        assert_eq!(site.upgraded, Some([HANDSHAKE, &frame()].concat()));
    }
}

#[test]
fn more_than_is_kept_reaches_a_protocol_that_finds_the_transport_reading() {
    let frames = frame().repeat(20);
    let mut site = taken_over(silent);
    site.receives([GET, HANDSHAKE, &frames].concat());
    assert!(site.reads_paused);
    answer(&mut site);
    assert_eq!(site.upgraded, Some([HANDSHAKE, &frames].concat()));
    assert!(!site.reads_paused);
}

#[test]
fn the_end_of_a_client_before_that_is_known_to_the_driver() {
    let mut site = taken_over(silent);
    site.receives([GET, HANDSHAKE, &frame()].concat());
    site.feed(Input::Eof);
    assert!(!site.is_closed);
    answer(&mut site);
    assert_eq!(site.upgraded, Some([HANDSHAKE, &frame()].concat()));
    assert!(!site.is_closed && !site.is_aborted);
}

#[test]
fn bytes_that_arrive_in_the_turn_of_others_reach_it_too() {
    let mut site = taken_over(plain);
    site.receives([&GET.repeat(4)[..], HANDSHAKE].concat());
    assert_eq!((site.turns, &site.upgraded), (1, &None));
    site.receives(frame());
    site.settles();
    assert_eq!(site.upgraded, Some([HANDSHAKE, &frame()].concat()));
}

#[test]
fn a_head_is_rebuilt_with_the_version_and_fields_that_were_sent() {
    let data = b"GET /chat?x=%20 HTTP/1.1\r\nhost:   a\r\nConnection: Upgrade\r\nX-Empty:\r\nUpgrade: h2c, WebSocket\r\n\r\n";
    let mut site = taken_over(silent);
    site.receives(data);
    let text = String::from_utf8(site.upgraded.expect("taken over")).expect("ASCII").to_lowercase();
    let wanted = "get /chat?x=%20 http/1.1\r\nhost: a\r\nconnection: upgrade\r\nx-empty: \r\nupgrade: h2c, websocket\r\n\r\n";
    assert_eq!(text, wanted);
}

#[test]
fn a_request_that_is_not_taken_over_is_answered_and_the_rest_is_read_as_requests() {
    for later in [&b""[..], b"later"] {
        let mut site = taken_over(plain);
        site.takes_over = false;
        let handshake = [&HANDSHAKE[..HANDSHAKE.len() - 2], b"content-length: 5\r\n\r\n"].concat();
        site.receives([&handshake[..], &b"later"[later.len()..]].concat());
        site.receives([later, &GET.repeat(2)].concat());
        site.settles();
        assert_eq!(statuses(&site.text()), [501, 200, 200]);
        assert_eq!(site.log.len(), 3);
        assert_eq!(site.log[0].status, 501);
    }
}

#[test]
fn a_handshake_that_is_ignored_is_a_request_as_any_other() {
    let mut site = offering(plain, Upgrades::Ignored);
    site.receives([HANDSHAKE, GET].concat());
    assert_eq!(site.text(), response("ok").repeat(2));
}

#[test]
fn other_protocols_are_not_passed_on() {
    let mut site = taken_over(plain);
    site.receives(request("/", &["Connection: upgrade", "Upgrade: h2c"]));
    site.receives(request("/", &["Upgrade: websocket-like"]));
    assert_eq!((statuses(&site.text()), site.upgraded), (vec![200, 200], None));
}

#[test]
fn a_connection_that_has_another_protocol_is_no_longer_this_ones() {
    let mut site = taken_over(plain);
    site.receives(HANDSHAKE);
    site.performed.clear();
    site.receives(GET);
    site.feed(Input::Eof);
    site.pass(100, 0);
    site.shut_down(wire::Shutdown::Immediate);
    assert!(site.performed.is_empty() && site.text().is_empty());
    let mut other = answering(plain);
    other.receives(HANDSHAKE);
    assert_eq!(statuses(&other.text()), [501], "unless that is wanted");
}
