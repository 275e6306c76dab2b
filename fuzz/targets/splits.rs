//! An input is read as the same events, however it is split; and no input panics.
#![no_main]

#[path = "../../crates/http/tests/properties/splits.rs"]
mod splits;

libfuzzer_sys::fuzz_target!(|input: &[u8]| splits::check(input));
