//! Round trips in a closed loop: each connection sends a message, waits for the whole answer and sends the
//! next. With `--rate` the loop is open, and `rated.rs` drives the same connections.

use super::exchange::Exchange;
use super::{Waiting, connections_to, rated, target};
use crate::failure::Failure;
use crate::histogram::Histogram;
use crate::options::Arguments;
use crate::window::{Asked, Extent, Outcome, Window, nanoseconds};

pub(crate) fn run(mut arguments: Arguments) -> Result<(), Failure> {
    let target = target(&mut arguments)?;
    let count = arguments.count("--connections", 1)?;
    let message_bytes = arguments.count("--size", 1024)?;
    let answer_bytes = arguments.count("--answer", message_bytes)?;
    let rate: Option<u64> = arguments.value("--rate")?;
    let asked = Asked::from(&mut arguments)?;
    let waiting = Waiting::from(&mut arguments)?;
    arguments.finish()?;
    if rate == Some(0) {
        return Err(Failure::Usage("--rate 0: at least 1 a second is needed".into()));
    }
    let mut exchange = Exchange::new(waiting, connections_to(target, count)?, message_bytes, answer_bytes)?;
    asked.serve(count, |extent| match rate {
        None => closed(&mut exchange, extent),
        Some(per_second) => rated::run(&mut exchange, extent, per_second),
    })
}

fn closed(exchange: &mut Exchange, extent: Extent) -> Result<Outcome, Failure> {
    let mut latencies = Histogram::new();
    let mut window = Window::new(extent);
    let begun = window.begun();
    for connection in 0..exchange.connections() {
        if exchange.is_free(connection) && window.admits(begun) {
            exchange.begin(connection, begun)?;
        }
    }
    while exchange.under_way() > 0 {
        for event in 0..exchange.wait()? {
            let Some(answered) = exchange.attend(event)? else { continue };
            latencies.record(nanoseconds(answered.latency));
            if window.admits(answered.at) {
                exchange.begin(answered.connection, answered.at)?;
            }
        }
    }
    Ok(window.close(latencies, exchange.take_broken()))
}
