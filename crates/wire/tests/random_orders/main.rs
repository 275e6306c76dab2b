//! Random orders of everything that can happen to a connection: bytes, the peer's end, its pace, turns, time, the end of
//! the server, and the calls of applications in any order.
//!
//! The model of what a peer may expect is written without the machine and without the crate `http`: `peer` knows what was
//! sent, `application` what was answered, `transport` what may be done to a transport, `promises` what has to come of it.
//! An order that breaks a promise is printed with its seed, and `WIRE_SEED=7 cargo test -p vitok-wire --test random_orders`
//! goes through it again; `WIRE_ORDERS=10000000` goes through more of them. `HTTP2_SEED` and `HTTP2_ORDERS` are the same for
//! HTTP/2.

#![expect(clippy::expect_used, reason = "a variable that is no number fails the test")]

mod application;
mod draw;
mod http2;
mod order;
mod peer;
mod promises;
mod settings;
mod transport;
mod world;

use std::num::NonZero;
use std::panic::catch_unwind;
use std::thread;

use draw::Draw;

/// Goes through an order, and says which promise was broken in it.
type Run = fn(Draw<'_>, bool) -> Result<(), String>;

#[test]
fn every_promise_is_kept_in_any_order() {
    check(order::run, "WIRE", 100_000);
}

#[test]
fn every_promise_is_kept_in_any_order_of_http2() {
    check(http2::order::run, "HTTP2", 10_000);
}

/// Goes through so many orders, or those that variables with this prefix say.
fn check(run: Run, prefix: &str, orders: u64) {
    if let Some(seed) = number(prefix, "SEED") {
        panic!("seed {seed}: {}", explained(run, seed));
    }
    let orders = number(prefix, "ORDERS").unwrap_or(orders);
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let broken: Vec<u64> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|first| scope.spawn(move || first_broken(run, (first as u64..orders).step_by(threads))))
            .collect();
        workers.into_iter().filter_map(|worker| worker.join().expect("no panic")).collect()
    });
    if let Some(seed) = broken.iter().min() {
        panic!("seed {seed}: {}", explained(run, *seed));
    }
}

#[test]
fn an_order_of_bytes_ends_with_them() {
    for length in 0..64 {
        let bytes: Vec<u8> = (0..length).map(|number: u8| number.wrapping_mul(37)).collect();
        assert_eq!(order::run(Draw::Bytes(&bytes), false), Ok(()), "{length} bytes");
        assert_eq!(http2::order::run(Draw::Bytes(&bytes), false), Ok(()), "{length} bytes");
    }
}

/// Returns the first seed whose order breaks a promise.
fn first_broken(run: Run, mut seeds: impl Iterator<Item = u64>) -> Option<u64> {
    seeds.find(|seed| !matches!(catch_unwind(|| run(Draw::Seed(*seed), false)), Ok(Ok(()))))
}

/// Goes through the order of a seed again, and returns what happens in it.
fn explained(run: Run, seed: u64) -> String {
    match catch_unwind(|| run(Draw::Seed(seed), true)) {
        Ok(Ok(())) => "every promise is kept".into(),
        Ok(Err(broken)) => broken,
        Err(_) => "it panics; the message is above".into(),
    }
}

fn number(prefix: &str, name: &str) -> Option<u64> {
    std::env::var(format!("{prefix}_{name}")).ok().map(|value| value.parse().expect("a number"))
}
