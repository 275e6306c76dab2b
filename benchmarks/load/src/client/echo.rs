//! Round trips in a closed loop: each connection sends a message, waits for the whole answer and sends the next. With
//! `--rate` the loop is open, and `rated.rs` drives the same connections.

use super::carrier::run_closed;
use super::exchange::Exchange;
use super::tls::Tls;
use super::{Waiting, rated, streams_to, target};
use crate::failure::Failure;
use crate::options::Arguments;
use crate::window::Asked;

pub(crate) fn run(mut arguments: Arguments) -> Result<(), Failure> {
    let target = target(&mut arguments)?;
    let count = arguments.count("--connections", 1)?;
    let message_bytes = arguments.count("--size", 1024)?;
    let answer_bytes = arguments.count("--answer", message_bytes)?;
    let rate = rated::rate(&mut arguments)?;
    let tls = Tls::from(&mut arguments)?;
    let asked = Asked::from(&mut arguments)?;
    let waiting = Waiting::from(&mut arguments)?;
    arguments.finish()?;
    let streams = streams_to(target, count, tls.as_ref())?;
    let mut exchange = Exchange::new(waiting, streams, message_bytes, answer_bytes)?;
    asked.serve(count, |extent| match rate {
        None => run_closed(&mut exchange, extent),
        Some(per_second) => rated::run(&mut exchange, extent, per_second),
    })
}
