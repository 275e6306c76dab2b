//! Whatever an application says, what is written is one well-formed head, or nothing.
#![no_main]

#[path = "../../tests/properties/responses.rs"]
mod responses;

libfuzzer_sys::fuzz_target!(|input: &[u8]| responses::check(input));
