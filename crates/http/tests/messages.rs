//! The parts that a parser of single messages finds: a table for each role, whole and byte by byte.

#[path = "properties/messages.rs"]
mod messages;

use http::{MessageLimits, MessageParser, Role};

/// An input, and the end of what is found in it.
type Row = (&'static str, &'static str);

const REQUESTS: &[Row] = &[
    ("GET /a HTTP/1.1\r\nHost: a\r\n\r\n", "Begin, Text /a, Field Host: a, HeadEnd, 1.1 GET alive, End"),
    ("GET / HTTP/1.0\r\n\r\n", "HeadEnd, 1.0 GET, End"),
    ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", "HeadEnd, 1.1 PUT alive, Content hi, End"),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n1;b=\"c\"\r\na\r\n0\r\nD: e\r\n\r\n",
        "ChunkBegin, Content a, ChunkEnd, ChunkBegin, Field D: e, ChunkEnd, End",
    ),
    ("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\nx", "1.1 CONNECT alive upgraded, End, Upgraded at 33"),
    ("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: b\r\nConnection: upgrade\r\n\r\nx", "Upgraded at 60"),
    ("SPAM / HTTP/1.1\r\n", "Begin, Method"),
    ("GET ftp://a HTTP/1.1\r\n", "Begin, Target"),
    ("GET / HTTP/1.1\r\n\r\n", "Text /, Other no Host field (RFC 9112 section 3.2)"),
    (
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET",
        "End, Other Data after `Connection: close`",
    ),
    ("GET / HTTP/1.1\r\nHo", "Begin, Text /, incomplete"),
];

const RESPONSES: &[Row] = &[
    ("HTTP/1.1 200 OK\r\nA: b\r\n\r\nab\r\n", "Text OK, Field A: b, HeadEnd, 1.1 200, Content ab\\r\\n"),
    ("HTTP/1.1 204\r\n\r\n", "Begin, HeadEnd, 1.1 204 alive, End"),
    ("HTTP/1.1 204 \r\n\r\n", "Begin, Text , HeadEnd, 1.1 204 alive, End"),
    ("HTTP/1.1 304 A\r\nContent-Length: 9\r\n\r\n", "HeadEnd, 1.1 304 alive, End"),
    (
        "HTTP/1.1 100 A\r\nConnection: close\r\n\r\nHTTP/1.1 204 B\r\n\r\n",
        "Text B, HeadEnd, 1.1 204 alive, End",
    ),
    ("HTTP/1.1 200 A\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "ChunkBegin, ChunkEnd, End"),
    ("HTTP/1.1 200 A\r\nTransfer-Encoding: gzip\r\n\r\nx", "HeadEnd, 1.1 200, Content x"),
    (
        "HTTP/1.1 200 A\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
        "gzip, Other a malformed Transfer-Encoding",
    ),
    (
        "HTTP/1.1 200 A\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "Other Content-Length together",
    ),
    ("HTTP/1.0 200 A\r\nTransfer-Encoding: chunked\r\n\r\n", "Other Transfer-Encoding in HTTP/1.0"),
    ("HTTP/1.1 200 A\r\nContent-Length: 99999999999999999999\r\n\r\n", "Other the content is too large"),
    ("HTTP/1.1 101 A\r\n\r\n", "Other 101 (Switching Protocols) without Upgrade"),
    ("HTTP/1.1 101 A\r\nUpgrade: b\r\nConnection: upgrade\r\n\r\nx", "Upgraded at 51"),
    ("HTTP/1.1 099 A\r\n", "Begin, Status"),
    ("HTTP/1.1 1000 A\r\n", "Begin, Status"),
    ("HTTP/2.0 200 A\r\n", "Begin, Other Expected HTTP/1.0 or HTTP/1.1"),
    ("HTTP/1.1 200 A\r\nContent-Length: 2\r\n\r\nx", "Content x, incomplete"),
];

#[test]
fn every_input_has_the_parts_of_its_row() {
    for (role, rows) in [(Role::Request, REQUESTS), (Role::Response, RESPONSES)] {
        for (input, end) in rows {
            let bytes = input.as_bytes();
            messages::check(bytes);
            for size in [bytes.len(), 1] {
                let parser = MessageParser::new(role, &MessageLimits::UNLIMITED);
                let found = in_words(&messages::read(parser, bytes.chunks(size)));
                // The text of an error is longer, and bytes after an upgrade are read as a message.
                let has_more = ["Method", "Target", "Status", "Other", "Upgraded"];
                let goes_on = has_more.iter().any(|word| end.contains(word));
                let matches = if goes_on { found.contains(end) } else { found.ends_with(end) };
                assert!(matches, "{input:?}: {found} is not {end}");
            }
        }
    }
}

/// Shortens what was found: no state after the end of a message, no `Ok` at the end of the input.
fn in_words(found: &[String]) -> String {
    let mut words: Vec<&str> = Vec::new();
    for part in found {
        match (words.last(), part.as_str()) {
            (_, "Ok(())") => {}
            (Some(&"End"), state) if state.starts_with("1.") => {}
            (_, part) if part.starts_with("Err(") => words.push("incomplete"),
            (_, part) => words.push(part),
        }
    }
    words.join(", ")
}
