//! How messages of an application become a response: its head waits for the first content, which decides on the length
//! (RFC 9112 section 6). The rules of the framing itself are tested in the http crate.

use wire::{Action, Message, Wire};

use crate::site::{
    END, GET, OK, Site, answering, answering_with, last, more, owned, request, request_of, response, silent,
    start, start_with, statuses,
};

/// Returns the response to a request, on a connection that goes on.
fn response_to(data: &[u8], messages: impl IntoIterator<Item = Message<Vec<u8>>>) -> String {
    let mut site = answering(silent);
    site.receives(data);
    site.sends_all(messages);
    assert!(!site.wire.is_answering() && !site.is_ending_for_peer());
    site.text()
}

fn chunked(content: &str) -> String {
    format!("{OK}transfer-encoding: chunked\r\n\r\n{content}0\r\n\r\n")
}

fn head_request() -> Vec<u8> {
    request_of("HEAD", "/", &[], "1.1")
}

#[test]
fn content_of_one_message_has_a_length() {
    assert_eq!(response_to(GET, [start(200), last("hello")]), response("hello"));
}

#[test]
fn content_of_several_messages_is_a_chunk_for_each() {
    let messages = [start(200), more("ab"), more(""), more("c"), last("d")];
    assert_eq!(response_to(GET, messages), chunked("2\r\nab\r\n1\r\nc\r\n1\r\nd\r\n"));
    assert_eq!(response_to(GET, [start(200), more("ab"), END]), chunked("2\r\nab\r\n"));
}

#[test]
fn no_content_has_the_length_0() {
    assert_eq!(response_to(GET, [start(200), END]), response(""));
    assert_eq!(response_to(GET, [start(200), last("")]), response(""));
}

#[test]
fn a_length_of_the_applications_own_is_kept() {
    let head = start_with(200, &[("Content-Length", "5")]);
    let wanted = format!("{OK}Content-Length: 5\r\n\r\nhello").to_lowercase();
    for contents in [vec![last("hello")], vec![more("hel"), last("lo")], vec![more("hello"), END]] {
        let text = response_to(GET, [vec![head.clone()], contents].concat());
        assert_eq!(text.to_lowercase(), wanted);
    }
}

#[test]
fn a_length_that_is_repeated_is_written_once() {
    for values in [&["5", "5"][..], &["5, 5"], &["5", " 5,5", "05"]] {
        let fields: Vec<_> = values.iter().map(|value| ("Content-Length", *value)).collect();
        let text = response_to(GET, [start_with(200, &fields), last("hello")]).to_lowercase();
        assert_eq!(text.matches("content-length: 5\r\n").count(), 1, "{values:?}");
        assert_eq!(text.matches("content-length").count(), 1, "{values:?}");
    }
}

#[test]
fn a_wish_for_chunks_is_not_written_twice() {
    let head = start_with(200, &[("transfer-encoding", "chunked")]);
    assert_eq!(response_to(GET, [head, more("a"), last("b")]), chunked("1\r\na\r\n1\r\nb\r\n"));
}

#[test]
fn a_response_to_head_has_the_fields_and_no_content() {
    let text = response_to(&head_request(), [start(200), last("hello")]);
    assert_eq!(text, format!("{OK}content-length: 5\r\n\r\n"));
    let own = start_with(200, &[("content-length", "1000")]);
    assert_eq!(response_to(&head_request(), [own, END]), format!("{OK}content-length: 1000\r\n\r\n"));
    let text = response_to(&head_request(), [start(200), more("a".repeat(3000)), last("b")]);
    assert!(!text.contains("content-length") && text.ends_with("\r\n\r\n"));
}

#[test]
fn no_content_for_head_says_nothing_of_its_length() {
    assert!(!response_to(&head_request(), [start(200), END]).contains("content-length"));
}

#[test]
fn statuses_without_content_are_followed_by_the_next_response() {
    for (status, length) in [(204, ""), (304, ""), (205, "content-length: 0\r\n")] {
        let text = response_to(GET, [start(status), END]);
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
        assert!(text.ends_with(&format!("\r\n{length}\r\n")), "{text}");
        assert_eq!(text.contains("content-length"), !length.is_empty(), "{text}");
        assert!(!text.contains("transfer-encoding"));
    }
}

#[test]
fn status_304_keeps_the_length_of_what_it_stands_for() {
    let head = start_with(304, &[("content-length", "1000")]);
    assert!(response_to(GET, [head, END]).ends_with("\r\ncontent-length: 1000\r\n\r\n"));
}

#[test]
fn every_final_status_can_be_sent() {
    for status in [200, 201, 299, 301, 404, 418, 499, 500, 599, 999] {
        let text = response_to(GET, [start(status), last("x")]);
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")) && text.ends_with("\r\n\r\nx"), "{text}");
    }
}

#[test]
fn a_head_waits_for_content_and_leaves_without_it_at_the_end_of_the_turn() {
    let mut site = answering(silent);
    site.receives(GET);
    site.sends_all([start_with(200, &[("x-a", "1")])]);
    assert!(site.wire.holds_head() && site.did(Action::NotifyTurnEnd));
    assert_eq!(site.took(), "");
    site.end_turn();
    assert_eq!(site.took(), format!("{OK}x-a: 1\r\ntransfer-encoding: chunked\r\n\r\n"));
    assert!(!site.wire.holds_head());
    site.sends_all([more("one")]);
    assert_eq!(site.took(), "3\r\none\r\n");
    site.sends_all([last("two")]);
    assert_eq!(site.took(), "3\r\ntwo\r\n0\r\n\r\n");
}

#[test]
fn the_end_of_a_turn_changes_nothing_behind_a_head() {
    let mut site = answering(silent);
    site.receives(GET);
    site.sends_all([start(200), more("a")]);
    let before = site.text();
    site.end_turn();
    assert_eq!(site.text(), before);
    site.sends_all([END]);
    site.turn_ends = true;
    site.end_turn();
    assert_eq!(site.text(), before + "0\r\n\r\n");
}

#[test]
fn fields_leave_in_their_order_and_before_those_of_every_response() {
    let mut settings = crate::support::settings();
    settings.fields = owned(&[("x-twice", "1"), ("x-twice", "2")]);
    settings.server = b"vitok".to_vec();
    let mut site = answering_with(silent, settings);
    site.receives(GET);
    let own = [("set-cookie", "a=1"), ("X-Mixed", "Case"), ("set-cookie", "b=2"), ("x-empty", "")];
    site.sends_all([start_with(200, &own), last("x")]);
    let lines: Vec<_> = site.text().split("\r\n").map(str::to_owned).collect();
    let wanted =
        ["set-cookie: a=1", "X-Mixed: Case", "set-cookie: b=2", "x-empty: ", "x-twice: 1", "x-twice: 2"];
    assert_eq!(lines[1..7], wanted);
    assert!(lines.contains(&"server: vitok".to_owned()));
}

#[test]
fn the_servers_own_responses_have_the_fields_of_every_response() {
    let mut settings = crate::support::settings();
    settings.fields = owned(&[("strict-transport-security", "max-age=1"), ("Server", "mine")]);
    settings.server = b"vitok".to_vec();
    let upgrade = request("/", &["Connection: upgrade", "Upgrade: websocket"]);
    for (data, ticks) in [(&b"nonsense\r\n\r\n"[..], 0), (&GET[..9], 8), (GET, 0), (&upgrade, 0)] {
        let mut site = answering_with(silent, settings.clone());
        site.receives(data);
        site.pass(ticks, 0);
        if site.wire.is_answering() {
            site.ends();
        }
        assert_eq!(statuses(&site.text()).len(), 1);
        assert!(site.text().contains("\r\nstrict-transport-security: max-age=1\r\n"), "{}", site.text());
        assert!(site.text().contains("\r\nServer: mine\r\n") && !site.text().contains("vitok"));
    }
}

#[test]
fn an_application_may_name_its_own_server() {
    let mut settings = crate::support::settings();
    settings.server = b"vitok".to_vec();
    let mut site = answering_with(silent, settings);
    site.receives(GET);
    site.sends_all([start_with(200, &[("Server", "mine")]), last("x")]);
    assert!(site.took().contains("Server: mine\r\n") && !site.text().contains("vitok"));
    site.receives(b"nonsense\r\n\r\n");
    assert!(site.took().contains("\r\nserver: vitok\r\n"));
}

/// Sends content in pieces of one size, and returns what the peer got of it.
fn sent_in_pieces(site: &mut Site, size: usize, count: usize) -> Vec<u8> {
    site.receives(GET);
    site.sends_all([start(200)]);
    for index in 0..count {
        let content = vec![u8::try_from(index % 251).unwrap_or(0); size];
        site.sends_all([Message::Content { content: Some(content), more: index + 1 < count }]);
    }
    std::mem::take(&mut site.written)
}

#[test]
fn content_of_any_size_is_whole_whether_it_is_copied_or_not() {
    let mut site = answering(silent);
    for size in [1, 1023, 1024, 1025, 16_384, 65_536] {
        for count in [1, 2, 20] {
            let written = sent_in_pieces(&mut site, size, count);
            let mut wanted = Vec::new();
            for index in 0..count {
                let content = vec![u8::try_from(index % 251).unwrap_or(0); size];
                let frame = if count > 1 { (format!("{size:x}\r\n"), "\r\n") } else { (String::new(), "") };
                wanted.extend([frame.0.as_bytes(), &content, frame.1.as_bytes()].concat());
            }
            wanted.extend(if count > 1 { &b"0\r\n\r\n"[..] } else { b"" });
            assert!(written.ends_with(&wanted), "{count} pieces of {size}");
            assert!(
                written[..written.len() - wanted.len()].ends_with(b"\r\n\r\n"),
                "{count} pieces of {size}"
            );
        }
    }
}
