//! A form in parts is read as the same events, however it is split; no input panics or passes a limit.
#![no_main]

#[path = "../../crates/content/tests/properties/multipart.rs"]
mod multipart;

libfuzzer_sys::fuzz_target!(|input: &[u8]| multipart::check(input));
