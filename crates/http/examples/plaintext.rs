//! Answers the same GET many times, so that its instructions can be counted:
//!
//! `valgrind --tool=callgrind target/release/examples/plaintext 10000` against `... plaintext 10000 httparse`, which
//! only splits the head. The difference is the cost of the rules, the events and the response. With `short` as a
//! further argument, the request has no field but Host, as load generators send it.

use std::hint::black_box;
use std::mem::MaybeUninit;

use http::{Connection, DefaultHeaders, Event, Length, Limits, Persistence};

const REQUEST: &[u8] =
    b"GET /plaintext?name=value HTTP/1.1\r\nHost: localhost:8000\r\nUser-Agent: bench/1.0\r\n\
    Accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\nAccept-Encoding: gzip, deflate\r\n\
    Connection: keep-alive\r\n\r\n";
const SHORT_REQUEST: &[u8] = b"GET /plaintext HTTP/1.1\r\nHost: localhost:8000\r\n\r\n";
const STAMP: DefaultHeaders<'_> =
    DefaultHeaders { date: b"Sun, 06 Nov 1994 08:49:37 GMT", server: b"vitok", refusal: b"" };

fn main() {
    let mut arguments = std::env::args().skip(1);
    let rounds = arguments.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(1_000);
    let words: Vec<String> = arguments.collect();
    let has = |word: &str| words.iter().any(|other| other == word);
    let request = if has("short") { SHORT_REQUEST } else { REQUEST };
    if has("httparse") { split(request, rounds) } else { serve(request, rounds) }
}

fn serve(request: &[u8], rounds: usize) {
    let mut connection = Connection::new(Limits::UNLIMITED);
    let mut out = Vec::with_capacity(1024);
    for _ in 0..rounds {
        out.clear();
        let mut input = black_box(request);
        while !matches!(connection.receive(&mut input), Ok(Event::End { .. })) {}
        let fields = [(&b"content-type"[..], &b"text/plain"[..]), (b"content-length", b"13")];
        let started = connection.start(200, fields, Length::Unknown, STAMP, &mut out);
        let written = connection.write(b"Hello, world!", &mut out);
        assert_eq!((started, written), (Ok(()), Ok(())));
        assert_eq!(connection.finish(&mut out), Ok(Persistence::KeepAlive));
        black_box(&out);
    }
}

fn split(request: &[u8], rounds: usize) {
    for _ in 0..rounds {
        let mut slots = [const { MaybeUninit::uninit() }; 100];
        let mut parser = httparse::Request::new(&mut []);
        let parsed = parser.parse_with_uninit_headers(black_box(request), &mut slots);
        assert!(black_box(parsed).is_ok());
    }
}
