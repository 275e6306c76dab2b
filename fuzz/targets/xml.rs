//! Any document is read or refused, and what is read is written and read as the same.
#![no_main]

#[path = "../../crates/content/tests/properties/xml.rs"]
mod xml;

libfuzzer_sys::fuzz_target!(|input: &[u8]| xml::check(input));
