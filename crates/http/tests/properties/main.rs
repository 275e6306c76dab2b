//! The properties that are fuzzed, on inputs from proptest: a short run for each `cargo test`.

mod messages;
mod responses;
mod splits;

use proptest::prelude::*;

/// Parts of requests, so that random sequences of them get past the first line.
const WORDS: &[&str] = &[
    "GET ",
    "POST ",
    "/ ",
    "* ",
    "HTTP/1.1",
    "HTTP/1.0",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    "Host: a\r\n",
    "a: b\r\n",
    " ",
    "GET / HTTP/1.1\r\nHost: a\r\n",
    "Connection: close\r\n",
    "Content-Length: ",
    "3\r\n",
    "abc",
    "0\r\n",
    ";x=\"y\"",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "\t",
    "\0",
    ":",
    "CONNECT a:1 HTTP/1.1\r\n",
    "Upgrade: x\r\nConnection: upgrade\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.0 404\r\n",
    "HTTP/1.1 101 \u{e9}\r\n",
    "HTTP/1.1 304 Not Modified\r\n",
    "SPAM ",
    "http://a",
];

fn rows_of_words() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(WORDS), 0..16).prop_map(|words| words.concat().into_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn splits_of_anything(input in prop::collection::vec(any::<u8>(), 0..300)) {
        splits::check(&input);
    }

    #[test]
    fn splits_of_words(input in rows_of_words()) {
        splits::check(&input);
    }

    #[test]
    fn responses_of_anything(input in prop::collection::vec(any::<u8>(), 0..100)) {
        responses::check(&input);
    }

    #[test]
    fn responses_of_fields(status in 0..1000_u16, fields in "([a-zA-Z-]{1,17}:[ -~\r\n]{0,6};?){0,4}") {
        responses::check(&[&status.to_be_bytes(), fields.as_bytes()].concat());
    }

    #[test]
    fn messages_of_anything(input in prop::collection::vec(any::<u8>(), 0..300)) {
        messages::check(&input);
    }

    #[test]
    fn messages_of_words(input in rows_of_words()) {
        messages::check(&input);
    }

    #[test]
    fn messages_of_any_head(
        start in prop::sample::select(&["GET / HTTP/1.1\r\n", "HTTP/1.1 200 OK\r\n"][..]),
        fields in "([Aa-]{0,3}:?[ \t]{0,2}[ -~\t]{0,6}[ \t]{0,2}\r?\n){0,5}",
    ) {
        messages::check(format!("{start}Host: a\r\n{fields}\r\n").as_bytes());
    }
}
