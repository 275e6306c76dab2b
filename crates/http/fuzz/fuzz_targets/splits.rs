//! However an input is split, it is read as the same; and no input panics.
#![no_main]

#[path = "../../tests/properties/splits.rs"]
mod splits;

libfuzzer_sys::fuzz_target!(|input: &[u8]| splits::check(input));
