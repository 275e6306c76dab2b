//! Recorded traffic of real clients and hostile peers runs through a connection: each request gets its response, and
//! the bytes of the output are the same wherever the input is split.

#![expect(clippy::expect_used, reason = "a table that can't be read fails the test")]

mod support;
#[path = "../../http/tests/traffic/table.rs"]
mod table;

use support::feed::{self, shown};
use support::responses;
use table::{LIMITS, Recording, recordings};

#[test]
fn every_recording_is_answered_as_its_table_says() {
    let wrong: Vec<String> = recordings()
        .iter()
        .map(|recording| (recording, answered(&feed::output(&[&recording.bytes], LIMITS), recording)))
        .filter(|(recording, answers)| !fits(answers, recording))
        .map(|(recording, answers)| format!("{}: {answers:?}, not {:?}", recording.name, expected(recording)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn with_limits_that_nothing_fits() {
    recordings().iter().for_each(|recording| feed::check(&recording.bytes));
}

#[test]
fn in_two_pieces_wherever_they_meet() {
    for Recording { name, bytes, .. } in recordings() {
        let whole = feed::output(&[&bytes], LIMITS);
        for at in 1..bytes.len() {
            let (one, two) = bytes.split_at(at);
            assert_eq!(shown(&feed::output(&[one, two], LIMITS)), shown(&whole), "{name}, split at {at}");
        }
    }
}

#[test]
fn byte_by_byte() {
    for Recording { name, bytes, .. } in recordings() {
        let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
        let (pieces, whole) = (feed::output(&pieces, LIMITS), feed::output(&[&bytes], LIMITS));
        assert_eq!(shown(&pieces), shown(&whole), "{name}");
    }
}

/// Returns whether the responses are those of the table. What is not complete when the peer ends may be refused, and so
/// may the bytes in a tunnel, because the server is no proxy.
fn fits(answers: &[String], recording: &Recording) -> bool {
    let has_more = recording.reads.starts_with("CONNECT ") || recording.reads.ends_with('?');
    let expected = expected(recording);
    answers.starts_with(&expected) && (has_more || answers.len() == expected.len())
}

/// Returns the responses that the table asks for: of a request its line and length, of a refusal its status.
fn expected(recording: &Recording) -> Vec<String> {
    let mut expected = Vec::new();
    for part in recording.reads.split("; ").filter(|part| !part.is_empty()) {
        let part = part.strip_suffix(" ~").unwrap_or(part);
        if part.starts_with("CONNECT ") {
            expected.push("501 this server is no proxy\n".into());
        } else if let Some(status) = part.strip_prefix('!') {
            expected.push(status.to_owned());
        } else if !part.ends_with('?') {
            expected.push(format!("200 {}", if part.starts_with("HEAD ") { "" } else { part }));
        }
    }
    expected
}

/// Returns the responses in the same form.
fn answered(output: &[u8], recording: &Recording) -> Vec<String> {
    let requests: Vec<&str> = recording.reads.split("; ").collect();
    let is_to_head = |number: usize| requests.get(number).is_some_and(|request| request.starts_with("HEAD "));
    let responses = responses::read(output, is_to_head).expect("responses");
    let described = responses.iter().map(|response| {
        assert!(response.is_complete, "{}: {response:?}", recording.name);
        let content = String::from_utf8_lossy(&response.content);
        if response.status < 400 || response.status == 501 && content.ends_with("proxy\n") {
            format!("{} {content}", response.status)
        } else {
            response.status.to_string()
        }
    });
    described.collect()
}
