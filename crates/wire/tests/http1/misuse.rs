//! Mistakes of an application: each is an error where it is made, and does the client no harm.

use wire::{Ending, Message, OutOfOrder, SendError, Wire};

use crate::site::{
    END, GET, Site, answering, last, more, response, silent, start, start_with, statuses, target,
};

use http::LocalProtocolError::{
    BadContentLength, BadFieldName, BadFieldValue, BadStatus, BadTransferEncoding, BodyTooLong, BodyTooShort,
};

fn asked() -> Site {
    let mut site = answering(silent);
    site.receives(GET);
    site
}

/// Checks that a response can still be sent, though a head was refused with this error.
fn assert_head_is_refused(head: Message<Vec<u8>>, error: http::LocalProtocolError) {
    for content in [last("x"), more("x")] {
        let mut site = asked();
        site.sends_all([head.clone()]);
        assert_eq!(site.sends(content), Err(SendError::Invalid(error)), "{head:?}");
        assert_eq!(site.text(), "");
        assert_eq!(site.ends(), Ending::Unanswered);
        assert_eq!(statuses(&site.text()), [500]);
        assert!(site.text().ends_with("\r\n\r\nInternal Server Error\n") && site.is_closed);
    }
}

#[test]
fn a_field_that_can_not_be_sent_is_refused_with_its_head() {
    let values = ["b\r\nset-cookie: c=d", "b\nc", "b\rc", "\0", "b\x7f"];
    for value in values {
        assert_head_is_refused(start_with(200, &[("x-a", value)]), BadFieldValue);
    }
    for name in ["x\r\ny", "x y", "x:", "", "x\u{e9}", " x"] {
        assert_head_is_refused(start_with(200, &[(name, "a")]), BadFieldName);
    }
}

#[test]
fn a_length_that_is_none_is_refused() {
    for value in ["-1", "x", "", "1, 2", "1,", ",1", "+1", "0x10", "99999999999999999999999"] {
        assert_head_is_refused(start_with(200, &[("content-length", value)]), BadContentLength);
    }
    assert_head_is_refused(
        start_with(200, &[("content-length", "1"), ("Content-Length", "2")]),
        BadContentLength,
    );
}

#[test]
fn the_framing_is_not_the_applications_to_say() {
    for coding in ["gzip", "gzip, chunked", "identity", ""] {
        assert_head_is_refused(start_with(200, &[("transfer-encoding", coding)]), BadTransferEncoding);
    }
}

#[test]
fn a_status_that_is_not_final_is_refused() {
    for status in [0, 1, 99, 100, 101, 103, 199, 1000, 65535] {
        assert_head_is_refused(start(status), BadStatus);
    }
}

#[test]
fn a_bad_head_that_waits_for_content_is_found_at_the_end_of_the_turn() {
    let mut site = asked();
    site.sends_all([start_with(200, &[("x-a", "b\r\nc: d")])]);
    site.end_turn();
    assert_eq!(site.head_errors, [BadFieldValue]);
    assert_eq!(statuses(&site.text()), [500]);
    assert!(site.is_closed);
    assert!(site.sends(last("x")).is_err());
    assert_eq!(site.ends(), Ending::Complete);
}

#[test]
fn a_mistake_that_is_caught_may_be_followed_by_a_good_message() {
    let mut site = asked();
    site.sends_all([start_with(200, &[("x", "\n")])]);
    assert!(site.sends(last("x")).is_err());
    site.sends_all([start(202), last("better")]);
    assert_eq!(statuses(&site.text()), [202]);
    assert!(site.text().ends_with("better") && !site.is_closed);
}

#[test]
fn a_response_begins_once() {
    let has_begun = Err(SendError::OutOfOrder(OutOfOrder::HasBegun));
    let mut site = asked();
    site.sends_all([start(200)]);
    assert_eq!(site.sends(start(404)), has_begun);
    site.sends_all([more("part")]);
    assert_eq!(site.sends(start(404)), has_begun);
    site.sends_all([END]);
    assert_eq!(statuses(&site.text()), [200]);
}

#[test]
fn a_response_begins_with_its_head() {
    let mut site = asked();
    let head_is_due = Err(SendError::OutOfOrder(OutOfOrder::HeadIsDue));
    for message in [last("x"), more("x"), END] {
        assert_eq!(site.sends(message), head_is_due);
    }
    assert_eq!(site.text(), "");
    site.sends_all([start(200), last("ok")]);
    assert_eq!(site.text(), response("ok"));
}

#[test]
fn nothing_follows_the_end_of_a_response() {
    let trailers = Message::Trailers { fields: Vec::new(), more: false };
    let hint = Message::EarlyHint { links: Vec::new() };
    for message in [start(200), END, last("more"), more("more"), trailers, hint] {
        let mut site = asked();
        site.sends_all([start(200), last("x")]);
        assert_eq!(site.sends(message), Err(SendError::Complete));
        site.receives(GET);
        site.sends_all([start(200), last("y")]);
        assert_eq!(site.text(), response("x") + &response("y"));
    }
}

#[test]
fn an_application_can_not_write_into_the_response_to_the_next_request() {
    let mut site = asked();
    let before = site.wire.latest();
    site.sends_all([start(200), last("x")]);
    site.receives(GET);
    assert_eq!(site.send(before, start(299)), Err(SendError::Complete));
    assert_eq!(site.finish(before, wire::Outcome::Ended), Ending::Complete);
    site.sends_all([start(200), last("y")]);
    assert_eq!(site.text(), response("x") + &response("y"));
}

#[test]
fn content_past_the_announced_length_is_refused_and_the_response_cut() {
    for content in ["far too long".to_owned(), "longer".repeat(10_000)] {
        for is_last in [false, true] {
            let mut site = asked();
            site.sends_all([start_with(200, &[("content-length", "5")]), more("1234")]);
            let message = if is_last { last(&content) } else { more(&content) };
            assert_eq!(site.sends(message), Err(SendError::Invalid(BodyTooLong)));
            assert_eq!(site.ends(), Ending::CutShort);
            assert!(site.text().ends_with("\r\n\r\n1234") && site.is_closed);
            assert_eq!(site.log[0].sent, 4);
        }
    }
}

#[test]
fn content_short_of_the_announced_length_is_refused_and_the_response_cut() {
    let mut site = asked();
    site.sends_all([start_with(200, &[("content-length", "50")]), more("1234")]);
    assert_eq!(site.sends(last("5")), Err(SendError::Invalid(BodyTooShort)));
    assert_eq!(site.ends(), Ending::CutShort);
    assert!(site.text().ends_with("\r\n\r\n1234") && site.is_closed);
    assert_eq!(site.log[0].sent, 4, "what was refused was not sent");
}

#[test]
fn content_that_was_refused_does_not_count_for_the_announced_length() {
    let mut site = asked();
    site.sends_all([start_with(200, &[("content-length", "10")]), more("1234")]);
    assert_eq!(site.sends(last("5")), Err(SendError::Invalid(BodyTooShort)));
    assert_eq!(site.sends(last("56789")), Err(SendError::Invalid(BodyTooShort)), "one is missing");
    site.sends_all([last("56789a")]);
    assert!(site.text().ends_with("\r\n\r\n123456789a"));
    assert_eq!(site.log[0].sent, 10);
    site.receives(GET);
    site.sends_all([start(200), last("next")]);
    assert!(site.text().ends_with(&response("next")));
}

#[test]
fn one_message_of_another_length_than_announced_leaves_room_for_an_error() {
    for (content, error) in [
        ("far too long".to_owned(), BodyTooLong),
        ("short".to_owned(), BodyTooShort),
        ("longer".repeat(10_000), BodyTooLong),
        (String::new(), BodyTooShort),
    ] {
        let mut site = asked();
        site.sends_all([start_with(200, &[("content-length", "7")])]);
        assert_eq!(site.sends(last(&content)), Err(SendError::Invalid(error)));
        assert_eq!((site.text(), site.ends()), (String::new(), Ending::Unanswered));
        assert_eq!(statuses(&site.text()), [500]);
        assert_eq!(site.log[0].status, 500);
    }
}

#[test]
fn others_are_served_behind_a_mistake_that_is_caught() {
    let mut site = answering(target);
    site.receives(GET);
    assert_eq!(site.sends(last("x")), Err(SendError::Complete));
    site.receives(GET);
    assert_eq!(statuses(&site.text()), [200, 200]);
}
