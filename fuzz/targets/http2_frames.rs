//! No bytes of a client of HTTP/2 make a connection fail, or stay open after their end: the bytes are its frames.
#![no_main]

#[path = "../../crates/wire/tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|input: &[u8]| support::feed_http2::check(input));
