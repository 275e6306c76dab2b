//! What a closed and an open loop need of a set of connections, whatever goes over them.
//!
//! The loops decide when the next operation begins; a carrier carries it and says when it is answered. It
//! does not know rates or windows.

use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::histogram::Histogram;
use crate::window::{Extent, Outcome, Window, nanoseconds};

pub(super) trait Carrier {
    fn connections(&self) -> usize;

    /// Operations that are not answered yet, on all connections.
    fn under_way(&self) -> usize;

    /// Whether another operation can begin there now.
    fn is_free(&self, connection: usize) -> bool;

    /// Whether a connection has broken, ever.
    fn has_lost(&self) -> bool;

    /// How many answers will not come, since the last time it was asked.
    fn take_broken(&mut self) -> u64;

    /// CPU time spent on looking in vain, since the last time it was asked.
    fn take_spun(&mut self) -> Duration;

    /// Begins an operation on a connection that is free; its latency counts from `begun`. What it sends may
    /// stay here until `flush`.
    fn begin(&mut self, connection: usize, begun: Instant) -> Result<(), Failure>;

    /// Sends what stayed here, so that several operations on one connection leave by one call. It comes after
    /// all events of a wait, as in wrk: a server sees the same bursts from both.
    fn flush(&mut self) -> Result<(), Failure>;

    /// Waits for events, of which there is at least one.
    fn wait(&mut self) -> Result<usize, Failure>;

    /// The events that are there already.
    fn poll(&mut self) -> Result<usize, Failure>;

    /// Does what one event of the last wait allows, and adds what it answered.
    fn attend(&mut self, event: usize, answers: &mut Vec<Answered>) -> Result<(), Failure>;
}

/// An operation whose answer is complete.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    pub(super) connection: usize,
    pub(super) latency: Duration,
    pub(super) at: Instant,
}

/// A closed loop: every connection begins as many operations as it can have under way, and another one for
/// each answer.
pub(super) fn run_closed(carrier: &mut impl Carrier, extent: Extent) -> Result<Outcome, Failure> {
    let mut latencies = Histogram::new();
    let mut window = Window::new(extent);
    let mut answers = Vec::new();
    let begun = window.begun();
    for connection in 0..carrier.connections() {
        while carrier.is_free(connection) && window.admits(begun) {
            carrier.begin(connection, begun)?;
        }
    }
    carrier.flush()?;
    while carrier.under_way() > 0 {
        for event in 0..carrier.wait()? {
            carrier.attend(event, &mut answers)?;
            for answered in answers.drain(..) {
                latencies.record(nanoseconds(answered.latency));
                if window.admits(answered.at) {
                    carrier.begin(answered.connection, answered.at)?;
                }
            }
        }
        carrier.flush()?;
    }
    let outcome = window.close(latencies, carrier.take_broken());
    Ok(Outcome { spun: carrier.take_spun(), ..outcome })
}
