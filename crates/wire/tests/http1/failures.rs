//! Applications that end without a complete response, and answers instead of one.

use wire::{Ending, Input, LogEnd, Outcome, Wire};

use crate::site::{
    END, GET, OK, POST, Site, answering, last, more, post, request_of, response, silent, start, start_with,
    statuses,
};

fn asked(data: &[u8]) -> Site {
    let mut site = answering(silent);
    site.receives(data);
    site
}

#[test]
fn a_request_without_a_response_is_answered_with_500_and_the_connection_closes() {
    let mut site = asked(GET);
    assert_eq!(site.ends(), Ending::Unanswered);
    assert_eq!(statuses(&site.text()), [500]);
    assert!(site.text().contains("\r\nconnection: close\r\n"));
    assert!(site.text().contains("content-type: text/plain; charset=utf-8\r\n"));
    assert!(site.text().ends_with("\r\n\r\nInternal Server Error\n") && site.is_closed);
}

#[test]
fn a_head_that_was_not_sent_is_no_response() {
    let mut site = asked(GET);
    site.sends_all([start_with(200, &[("x-a", "1")])]);
    assert_eq!(site.ends(), Ending::Unanswered);
    site.end_turn();
    assert_eq!(statuses(&site.text()), [500]);
    assert!(!site.text().contains("x-a"));
}

#[test]
fn the_answer_to_head_has_no_content() {
    let mut site = asked(&request_of("HEAD", "/", &[], "1.1"));
    assert_eq!(site.ends(), Ending::Unanswered);
    assert!(site.text().ends_with("\r\n\r\n"));
    assert_eq!((site.log[0].status, site.log[0].sent), (500, 0));
}

#[test]
fn a_response_that_ends_in_the_middle_is_cut_so_that_the_client_sees_it() {
    let mut site = asked(&GET.repeat(2));
    site.sends_all([start(200), more("part")]);
    assert_eq!(site.ends(), Ending::CutShort);
    site.settles();
    assert!(site.text().ends_with("\r\n\r\n4\r\npart\r\n"));
    assert!(site.is_closed);
    assert_eq!(site.application.targets.len(), 1, "no further request is begun");
    assert_eq!((site.log[0].status, site.log[0].sent, site.log[0].end), (200, 4, LogEnd::CutShort));
}

#[test]
fn a_response_that_ends_with_the_connection_is_cut_by_a_reset() {
    let mut site = asked(&request_of("POST", "/", &["Content-Length: 9"], "1.0"));
    site.sends_all([start(200), more("part")]);
    assert_eq!(site.ends(), Ending::CutShort);
    assert!(site.is_reset, "the client would take the part for the whole");
    let mut site = asked(&request_of("POST", "/", &["Content-Length: 9"], "1.0"));
    site.sends_all([start(200), more("part")]);
    site.pass(8, 0);
    assert!(site.is_reset, "also for a client that is too slow");
    assert_eq!(site.log[0].end, LogEnd::Refused("the content of a request took too long"));
    assert_eq!(site.log.len(), 1);
}

#[test]
fn a_head_that_was_sent_alone_is_cut() {
    let mut site = asked(GET);
    site.sends_all([start(200)]);
    site.end_turn();
    assert_eq!(site.ends(), Ending::CutShort);
    assert_eq!(site.text(), format!("{OK}transfer-encoding: chunked\r\n\r\n"));
    assert!(site.is_closed);
}

#[test]
fn an_application_that_fails_after_its_response_does_no_harm() {
    let mut site = asked(GET);
    site.sends_all([start(200), last("ok")]);
    assert_eq!(site.ends(), Ending::Complete);
    site.receives(GET);
    site.sends_all([start(200), last("ok")]);
    assert_eq!(site.text(), response("ok").repeat(2));
}

#[test]
fn an_application_whose_client_has_left_owes_nothing() {
    for input in [Input::Lost { by_error: true }, Input::Lost { by_error: false }, Input::Broken] {
        let mut site = asked(GET);
        site.feed(input);
        let request = site.wire.latest();
        assert_eq!(site.finish(request, Outcome::Ended), Ending::Complete);
        assert_eq!(site.text(), "");
    }
}

#[test]
fn an_application_whose_client_has_ended_its_side_still_owes_a_response() {
    let mut site = asked(GET);
    site.feed(Input::Eof);
    assert!(site.wire.is_disconnected(), "it may have been told, and is not to blame");
    assert_eq!(site.ends(), Ending::Unanswered);
    assert_eq!(statuses(&site.text()), [500]);
}

#[test]
fn a_request_whose_content_still_comes_is_answered_and_the_client_sees_it() {
    let mut site = asked(&[POST, b"Content-Length: 90000\r\n\r\n"].concat());
    assert_eq!(site.ends(), Ending::Unanswered);
    assert_eq!(statuses(&site.text()), [500]);
    assert!(site.has_shut_down && !site.is_closed);
}

const BUSY: Outcome<'_> = Outcome::Answer { status: 503, text: "busy\n", closes: false };

#[test]
fn an_answer_instead_of_an_application_leaves_the_connection_open() {
    let mut site = answering(silent);
    site.begins_later = true;
    site.receives([post("/", GET), GET.to_vec()].concat());
    assert_eq!(site.finish(site.wire.latest(), BUSY), Ending::Unanswered);
    site.begins_later = false;
    site.begin();
    site.sends_all([start(200), last("ok")]);
    assert_eq!(statuses(&site.text()), [503, 200]);
    assert!(!site.is_closed);
    assert_eq!((site.log[0].status, site.log[0].sent, site.log[0].end), (503, 5, LogEnd::Complete));
}

#[test]
fn it_may_also_close() {
    let mut site = asked(GET);
    let answer = Outcome::Answer { status: 503, text: "Service Unavailable", closes: true };
    assert_eq!(site.finish(site.wire.latest(), answer), Ending::Unanswered);
    assert!(site.text().contains("\r\nconnection: close\r\n") && site.is_closed);
}

#[test]
fn it_comes_too_late_behind_a_head() {
    let mut site = asked(GET);
    site.sends_all([start(200), more("part")]);
    assert_eq!(site.finish(site.wire.latest(), BUSY), Ending::CutShort);
    assert_eq!(statuses(&site.text()), [200]);
    let mut site = asked(GET);
    site.sends_all([start(200), END]);
    assert_eq!(site.finish(site.wire.latest(), BUSY), Ending::Complete);
}
