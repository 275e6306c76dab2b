//! What any field `Range` selects is within the file, and no more than the file.
#![no_main]

#[path = "../../crates/content/tests/properties/ranges.rs"]
mod ranges;

libfuzzer_sys::fuzz_target!(|input: &[u8]| ranges::check(input));
