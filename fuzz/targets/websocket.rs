//! WebSocket frames are read as the same events, however they are split; no input panics or passes a limit.
#![no_main]

#[path = "../../crates/websocket/tests/properties/splits.rs"]
mod splits;

libfuzzer_sys::fuzz_target!(|input: &[u8]| splits::check(input));
