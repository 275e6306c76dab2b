//! Any query and any field `Cookie` is read as a simple model reads it, and what is encoded is read back.
#![no_main]

#[path = "../../crates/content/tests/properties/urlencoded_cookies.rs"]
mod urlencoded_cookies;

libfuzzer_sys::fuzz_target!(|input: &[u8]| urlencoded_cookies::check(input));
