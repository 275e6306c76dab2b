//! Whatever happens to a connection in whatever order, every promise to its peer is kept: the bytes are the choices.
#![no_main]

#[path = "../../crates/wire/tests/random_orders/application.rs"]
mod application;
#[path = "../../crates/wire/tests/random_orders/draw.rs"]
mod draw;
#[path = "../../crates/wire/tests/random_orders/order.rs"]
mod order;
#[path = "../../crates/wire/tests/random_orders/peer.rs"]
mod peer;
#[path = "../../crates/wire/tests/random_orders/promises.rs"]
mod promises;
#[path = "../../crates/wire/tests/random_orders/settings.rs"]
mod settings;
#[path = "../../crates/wire/tests/random_orders/transport.rs"]
mod transport;
#[path = "../../crates/wire/tests/random_orders/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if order::run(draw::Draw::Bytes(input), false).is_err() {
        // The same again, with what has happened.
        panic!("{:?}", order::run(draw::Draw::Bytes(input), true).map_err(|broken| eprintln!("{broken}")));
    }
});
