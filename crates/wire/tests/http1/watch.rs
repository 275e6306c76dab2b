//! An application that asks for no event, and still learns that its client has left.

use wire::{Action, Input, RequestId, Wire};

use crate::site::{GET, Site, answering, post, silent, start};

fn watched(data: &[u8]) -> Site {
    let mut site = answering(silent);
    site.receives(data);
    let id = site.wire.latest();
    assert!(!site.wire.watch(id));
    site.performed.clear();
    site
}

#[test]
fn each_way_of_leaving_wakes_it() {
    for input in [Input::Eof, Input::Lost { by_error: true }, Input::Lost { by_error: false }, Input::Broken]
    {
        let mut site = watched(GET);
        site.sends_all([start(200)]);
        site.settles();
        site.feed(input);
        assert!(site.did(Action::WakeReceive), "{input:?}");
        assert!(site.wire.has_lost_client());
        let id = site.wire.latest();
        assert!(site.wire.watch(id), "it has left already");
    }
}

#[test]
fn content_that_arrives_does_not_wake_it() {
    let whole = post("/", b"content");
    let mut site = watched(&whole[..whole.len() - 3]);
    site.receives(&whole[whole.len() - 3..]);
    assert!(!site.did(Action::WakeReceive));
    assert!(!site.wire.has_lost_client());
}

#[test]
fn a_request_that_is_over_is_not_watched() {
    let mut site = watched(GET);
    let id = site.wire.latest();
    assert_eq!(site.respond(id, 200, &[], None), Ok(true));
    assert!(site.wire.watch(id) && site.wire.watch(RequestId(9)));
    site.receives(GET);
    site.performed.clear();
    site.feed(Input::Eof);
    assert!(!site.did(Action::WakeReceive), "the next one is another");
}
