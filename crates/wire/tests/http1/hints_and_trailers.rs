//! Early hints (RFC 8297) and trailers (RFC 9110 section 6.5).

use wire::{Action, Ending, Message, OutOfOrder, SendError, Wire};

use crate::site::{
    END, GET, Site, answering, last, more, owned, request, request_of, response, silent, start, start_with,
    start_with_trailers, statuses,
};

fn hint(links: &[&str]) -> Message<Vec<u8>> {
    Message::EarlyHint { links: links.iter().map(|link| link.as_bytes().to_vec()).collect() }
}

fn trailers(fields: &[(&str, &str)], more: bool) -> Message<Vec<u8>> {
    Message::Trailers { fields: owned(fields), more }
}

fn asked(data: &[u8]) -> Site {
    let mut site = answering(silent);
    site.receives(data);
    site
}

fn takes_trailers() -> Vec<u8> {
    request("/", &["TE: trailers"])
}

#[test]
fn each_hint_precedes_the_response_also_behind_the_start_message() {
    let mut site = answering(silent);
    for _ in 0..2 {
        site.receives(GET);
        let links = ["</b>", "</c>"];
        site.sends_all([hint(&["</a>; rel=preload"]), start(200), hint(&links), hint(&[]), last("x")]);
        let text = site.took();
        assert_eq!(statuses(&text), [103, 103, 103, 200]);
        let heads: Vec<_> = text.split("\r\n\r\n").collect();
        assert_eq!(heads[0], "HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload");
        assert_eq!(heads[1], "HTTP/1.1 103 Early Hints\r\nlink: </b>\r\nlink: </c>");
        assert_eq!(heads[2], "HTTP/1.1 103 Early Hints");
    }
}

#[test]
fn a_hint_that_comes_late_is_left_out() {
    let mut site = asked(GET);
    site.sends_all([start(200), more("a"), hint(&["</a>"]), last("b")]);
    assert_eq!(statuses(&site.text()), [200]);
    assert!(site.text().ends_with("1\r\na\r\n1\r\nb\r\n0\r\n\r\n"));
}

#[test]
fn a_client_of_1_0_gets_no_hints() {
    let mut site = asked(&request_of("GET", "/", &[], "1.0"));
    site.sends_all([hint(&["</a>"]), start(200), hint(&["</b>"]), last("x")]);
    assert_eq!(statuses(&site.text()), [200]);
}

#[test]
fn a_hint_between_head_and_content_does_not_hold_the_head_back() {
    let mut site = asked(GET);
    site.sends_all([start(200)]);
    site.did(Action::NotifyTurnEnd);
    site.sends_all([hint(&["</a>"])]);
    assert!(site.did(Action::NotifyTurnEnd), "the head was not written with it");
    site.end_turn();
    assert_eq!(statuses(&site.text()), [103, 200]);
}

#[test]
fn a_link_that_can_not_be_sent_is_no_hint_and_a_response_is_still_possible() {
    let mut site = asked(GET);
    let sent = site.sends(hint(&["</good>", "</a>\r\nx: y"]));
    assert_eq!(sent, Err(SendError::Invalid(http::LocalProtocolError::BadFieldValue)));
    assert_eq!(site.text(), "");
    site.sends_all([start(200), last("ok")]);
    assert_eq!(site.text(), response("ok"));
}

#[test]
fn trailers_follow_the_content_in_one_message_or_several() {
    for pieces in [&["hello"][..], &["he", "llo"], &[]] {
        let mut site = answering(silent);
        for _ in 0..2 {
            site.receives(takes_trailers());
            site.sends_all([start_with_trailers(200)]);
            site.sends_all(pieces.iter().map(more));
            site.sends_all([END, trailers(&[("x-a", "1")], true), trailers(&[("x-b", "2")], false)]);
            assert!(site.took().ends_with("0\r\nx-a: 1\r\nx-b: 2\r\n\r\n"), "{pieces:?}");
            assert!(!site.wire.is_answering() && !site.is_closed);
        }
    }
}

#[test]
fn content_before_trailers_has_no_length_though_it_is_one_message() {
    let mut site = asked(&takes_trailers());
    site.sends_all([start_with_trailers(200), last("hello"), trailers(&[], false)]);
    assert!(site.text().ends_with("chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"));
}

#[test]
fn a_client_that_does_not_ask_for_trailers_gets_the_same_without() {
    let head = request_of("HEAD", "/", &["TE: trailers"], "1.1");
    let old = request_of("GET", "/", &["TE: trailers"], "1.0");
    for data in [GET, &head, &old] {
        let mut site = asked(data);
        site.sends_all([start_with_trailers(200), last("hello"), trailers(&[("x-a", "1")], false)]);
        assert_eq!(statuses(&site.text()), [200]);
        assert!(!site.text().contains("x-a"), "{}", site.text());
        assert!(!site.wire.is_answering());
    }
}

#[test]
fn content_of_a_known_length_has_no_place_for_trailers() {
    let mut site = answering(silent);
    for _ in 0..2 {
        site.receives(takes_trailers());
        let fields = owned(&[("content-length", "5")]);
        site.sends_all([Message::Start { status: 200, fields, has_trailers: true }]);
        site.sends_all([last("hello"), trailers(&[("x", "y")], false)]);
        assert!(site.took().ends_with("\r\n\r\nhello"));
    }
}

#[test]
fn a_response_without_its_trailers_is_not_complete() {
    let mut site = asked(&takes_trailers());
    site.sends_all([start_with_trailers(200), last("hello")]);
    assert!(site.wire.is_answering());
    assert_eq!(site.ends(), Ending::CutShort);
    assert!(site.text().ends_with("5\r\nhello\r\n") && site.is_closed);
}

#[test]
fn trailers_that_can_not_be_sent_cut_the_response_short() {
    let (name, value) = (http::LocalProtocolError::BadFieldName, http::LocalProtocolError::BadFieldValue);
    for (bad, error) in [(("x", "\n"), value), (("x y", "z"), name)] {
        let mut site = asked(&takes_trailers());
        site.sends_all([start_with_trailers(200), last("hello")]);
        let sent = site.sends(trailers(&[bad], false));
        assert_eq!(sent, Err(SendError::Invalid(error)));
        assert_eq!(site.ends(), Ending::CutShort);
        assert!(site.text().ends_with("5\r\nhello\r\n"), "{}", site.text());
    }
}

#[test]
fn trailers_are_out_of_order_unless_they_are_announced_and_due() {
    let mut site = asked(&takes_trailers());
    let is = |expected| Err(SendError::OutOfOrder(expected));
    assert_eq!(site.sends(trailers(&[], false)), is(OutOfOrder::HeadIsDue));
    site.sends_all([start(200)]);
    assert_eq!(site.sends(trailers(&[], false)), is(OutOfOrder::ContentIsDue));
    site.sends_all([more("a")]);
    assert_eq!(site.sends(trailers(&[], false)), is(OutOfOrder::ContentIsDue));
    let mut site = asked(&takes_trailers());
    site.sends_all([start_with_trailers(200), last("a")]);
    assert_eq!(site.sends(last("b")), is(OutOfOrder::TrailersAreDue));
    assert_eq!(site.sends(start_with(200, &[])), is(OutOfOrder::HasBegun));
    site.sends_all([trailers(&[], false)]);
    assert_eq!(site.sends(trailers(&[], false)), Err(SendError::Complete));
}
