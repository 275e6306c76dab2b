//! Whatever happens to a connection of HTTP/2 in whatever order, every promise to its client is kept: the bytes are the
//! choices.
#![no_main]

#[path = "../../crates/wire/tests/random_orders/application.rs"]
#[allow(dead_code, reason = "HTTP/1.1 uses the rest")]
mod application;
#[path = "../../crates/wire/tests/random_orders/draw.rs"]
mod draw;
#[path = "../../crates/wire/tests/random_orders/http2/mod.rs"]
mod http2;
#[path = "../../crates/wire/tests/random_orders/peer.rs"]
#[allow(dead_code, reason = "HTTP/1.1 uses the rest")]
mod peer;
#[path = "../../crates/wire/tests/random_orders/settings.rs"]
#[allow(dead_code, reason = "HTTP/1.1 uses the rest")]
mod settings;
#[path = "../../crates/wire/tests/random_orders/transport.rs"]
#[allow(dead_code, reason = "HTTP/1.1 uses the rest")]
mod transport;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let run = http2::order::run;
    if run(draw::Draw::Bytes(input), false).is_err() {
        // The same again, with what has happened.
        panic!("{:?}", run(draw::Draw::Bytes(input), true).map_err(|broken| eprintln!("{broken}")));
    }
});
