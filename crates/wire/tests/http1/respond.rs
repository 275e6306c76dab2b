//! A whole response in one call is what a head and its only content are in two: the same bytes, actions, records and
//! errors.

use wire::{Action, Message, OutOfOrder, RequestId, SendError, Wire};

use crate::site::{GET, Site, answering, owned, post, request, request_of, silent};

type Fields = &'static [(&'static str, &'static str)];

/// What a peer asks, and whether the connection goes on after a plain answer.
fn asked() -> Vec<Vec<u8>> {
    vec![
        GET.to_vec(),
        request_of("HEAD", "/", &[], "1.1"),
        request_of("GET", "/", &[], "1.0"),
        request_of("GET", "/", &["Connection: keep-alive"], "1.0"),
        request("/", &["Connection: close"]),
        post("/", b"content"),
        request_of("POST", "/", &["Content-Length: 20000"], "1.1"),
        request_of("POST", "/", &["Content-Length: 5", "Expect: 100-continue"], "1.1"),
        request_of("POST", "/", &["Transfer-Encoding: chunked"], "1.1"),
    ]
}

const FIELDS: [Fields; 6] = [
    &[],
    &[("content-type", "text/plain"), ("X-Two", "2")],
    &[("connection", "close")],
    &[("content-length", "5")],
    &[("date", "never"), ("server", "own")],
    &[("bad\n", "x")],
];

fn contents() -> [Option<Vec<u8>>; 4] {
    [None, Some(Vec::new()), Some(b"hello".to_vec()), Some(vec![b'x'; 70_000])]
}

/// Returns everything that is observed of an answer, and of the request behind it.
fn observed(site: &mut Site, answered: Result<bool, SendError>) -> String {
    let is_head_left = site.wire.holds_head();
    site.settles();
    let later = site.sends(Message::Content { content: None, more: false }).err();
    let actions: Vec<Action> =
        site.performed.iter().copied().filter(|action| *action != Action::NotifyTurnEnd).collect();
    format!(
        "{answered:?} {is_head_left} {later:?} {actions:?} {:?} {:?} {} {} {}",
        site.log,
        site.left_out,
        site.is_closed,
        site.has_shut_down,
        site.text()
    )
}

#[test]
fn one_call_is_what_two_are() {
    for asked in asked() {
        for status in [200, 204, 205, 304, 404, 99, 1000] {
            for (fields, content) in
                FIELDS.iter().flat_map(|fields| contents().map(|content| (fields, content)))
            {
                let [mut one, mut two] = [answering(silent), answering(silent)];
                one.receives(&asked);
                two.receives(&asked);
                let id = one.wire.latest();
                let in_one = one.respond(id, status, fields, content.clone());
                let start = Message::Start { status, fields: owned(fields), has_trailers: false };
                let in_two = two
                    .sends(start)
                    .and_then(|_| two.sends(Message::Content { content: content.clone(), more: false }));
                let case = format!("{status} {fields:?} {:?} to {:?}", content.map(|it| it.len()), asked);
                assert_eq!(observed(&mut one, in_one), observed(&mut two, in_two), "{case}");
            }
        }
    }
}

#[test]
fn a_response_that_fails_leaves_the_request_unanswered() {
    let mut site = answering(silent);
    site.receives(GET);
    let id = site.wire.latest();
    for (fields, content) in [(FIELDS[5], "x"), (FIELDS[3], "longer"), (FIELDS[3], "")] {
        let failed = site.respond(id, 200, fields, Some(content.as_bytes().to_vec()));
        assert!(matches!(failed, Err(SendError::Invalid(_))), "{failed:?}");
    }
    assert_eq!(site.text(), "");
    assert_eq!(site.respond(id, 500, &[], Some(b"sorry".to_vec())), Ok(true));
    assert_eq!(site.text(), "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 5\r\n\r\nsorry");
}

#[test]
fn a_request_is_answered_once() {
    let mut site = answering(silent);
    site.receives(GET);
    let id = site.wire.latest();
    assert_eq!(site.respond(RequestId(7), 200, &[], None), Err(SendError::Complete));
    assert_eq!(site.respond(id, 200, &[], None), Ok(true));
    assert_eq!(site.respond(id, 200, &[], None), Err(SendError::Complete));
    site.receives(GET);
    let id = site.wire.latest();
    assert_eq!(
        site.sends(Message::Start { status: 200, fields: Vec::new(), has_trailers: false }),
        Ok(false)
    );
    let begun = Err(SendError::OutOfOrder(OutOfOrder::HasBegun));
    assert_eq!(site.respond(id, 200, &[], None), begun);
    site.feed(wire::Input::Lost { by_error: true });
    assert_eq!(site.respond(id, 200, &[], None), Err(SendError::Disconnected));
}

#[test]
fn content_that_has_arrived_is_known() {
    let mut site = answering(silent);
    let whole = post("/", b"content");
    assert!(site.wire.has_arrived(), "there is no request");
    site.receives(&whole[..whole.len() - 1]);
    assert!(!site.wire.has_arrived());
    site.receives(&whole[whole.len() - 1..]);
    assert!(site.wire.has_arrived());
    let id = site.wire.latest();
    assert_eq!(site.respond(id, 200, &[], None), Ok(true));
    site.receives(GET);
    assert!(site.wire.has_arrived(), "there is none");
}
