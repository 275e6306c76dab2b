//! What a peer gets does not depend on how its bytes are split; and no bytes keep a connection open after their end.
#![no_main]

#[path = "../../crates/wire/tests/support/mod.rs"]
mod support;

libfuzzer_sys::fuzz_target!(|input: &[u8]| support::feed::check(input));
