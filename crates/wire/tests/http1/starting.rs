//! What happens between a request and the first step of its application: on some versions of Python that is a turn of
//! the loop.

use wire::{Action, Input, LogEnd, Received, SendError, Shutdown, Wire};

use crate::site::{
    GET, POST, Site, answering, last, more, plain, post, request, response, silent, start, statuses, target,
};

fn starting(answer: fn(&http::Head) -> Vec<wire::Message<Vec<u8>>>, data: &[u8]) -> Site {
    let mut site = answering(answer);
    site.begins_later = true;
    site.receives(data);
    assert!(site.did(Action::Start) && site.wire.is_answering());
    site
}

/// Has the application take its first step, and those of the requests behind it.
fn begin_all(site: &mut Site) {
    site.begins_later = false;
    site.begin();
    site.settles();
}

#[test]
fn one_request_is_started_at_a_time() {
    let mut site = starting(target, &[request("/1", &[]), request("/2", &[])].concat());
    site.receives(request("/3", &[]));
    assert!(!site.did(Action::Start) && site.text().is_empty());
    begin_all(&mut site);
    assert_eq!(site.text(), ["/1", "/2", "/3"].map(response).concat());
}

#[test]
fn content_that_arrives_is_there_at_the_first_step() {
    let mut site = starting(silent, &[POST, b"Content-Length: 4\r\n\r\n"].concat());
    site.receives(b"da");
    site.receives([b"ta", GET].concat());
    assert!(site.reads_paused);
    begin_all(&mut site);
    assert_eq!(site.asks(), Received::Content { more: false });
    assert_eq!(site.application.content, b"data");
    site.sends_all([start(200), last("ok")]);
    site.settles();
    assert!(!site.reads_paused);
    assert_eq!(site.wire.latest().0, 2);
}

#[test]
fn a_client_that_ends_its_side_is_answered() {
    let mut site = starting(plain, GET);
    site.feed(Input::Eof);
    assert!(!site.is_closed);
    begin_all(&mut site);
    assert_eq!(site.text(), response("ok"));
    assert!(site.is_closed);
}

#[test]
fn requests_before_the_end_of_a_client_are_answered() {
    let mut site = starting(target, &request("/1", &[]));
    site.receives(GET.repeat(9));
    site.feed(Input::Eof);
    begin_all(&mut site);
    assert_eq!(statuses(&site.text()), [200; 10]);
    assert!(site.is_closed);
}

#[test]
fn a_client_that_leaves_has_no_response() {
    for input in [Input::Lost { by_error: true }, Input::Broken, Input::Shutdown(Shutdown::Immediate)] {
        let mut site = starting(plain, &post("/", b"x").repeat(2));
        site.feed(input);
        begin_all(&mut site);
        assert_eq!(site.errors, [SendError::Disconnected; 2], "{input:?}");
        assert_eq!(site.asks(), Received::Disconnect { is_cut: true });
        assert_eq!(site.text(), "");
        let is_ours = matches!(input, Input::Shutdown(_));
        let end = if is_ours { LogEnd::CutShort } else { LogEnd::ClientLeft };
        assert_eq!((site.log.len(), site.log[0].end), (1, end));
        assert_eq!(site.wire.latest().0, 1);
    }
}

#[test]
fn no_limit_is_on() {
    for data in [GET, &[POST, b"Content-Length: 4\r\n\r\n"].concat()] {
        let mut site = starting(plain, data);
        site.pass(7, 0);
        begin_all(&mut site);
        assert_eq!(statuses(&site.text()), [200]);
    }
}

#[test]
fn a_peer_that_does_not_read_is_waited_for_afterwards() {
    let mut site = starting(target, &GET.repeat(2));
    site.feed(Input::Full);
    site.feed(Input::Unsent(5000));
    begin_all(&mut site);
    assert_eq!(statuses(&site.text()), [200]);
    site.feed(Input::Writable);
    site.settles();
    assert_eq!(statuses(&site.text()), [200; 2]);
}

#[test]
fn a_peer_that_reads_again_before_it_changes_nothing() {
    let mut site = starting(silent, &GET.repeat(2));
    site.feed(Input::Full);
    site.feed(Input::Unsent(5000));
    site.feed(Input::Writable);
    assert_eq!(site.turns, 0);
    begin_all(&mut site);
    site.sends_all([start(200), more("a"), last("b")]);
    site.settles();
    assert_eq!(site.wire.latest().0, 2);
}
