//! Any status and fields of an application are written as one well-formed head, or not at all.
#![no_main]

#[path = "../../crates/http/tests/properties/responses.rs"]
mod responses;

libfuzzer_sys::fuzz_target!(|input: &[u8]| responses::check(input));
