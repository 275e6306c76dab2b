//! The interface of a set of connections for a closed and an open loop.
//!
//! The loops decide when the next operation begins; a carrier performs it and reports its answer. Rates and windows are
//! not known here.

use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::histogram::Histogram;
use crate::window::{Extent, Outcome, Window, nanoseconds};

pub(super) trait Carrier {
    fn connections(&self) -> usize;

    /// Returns the operations that are not answered yet, on all connections.
    fn under_way(&self) -> usize;

    /// Returns whether another operation can begin there now.
    fn is_free(&self, connection: usize) -> bool;

    /// Returns whether a connection has ever broken.
    fn has_lost(&self) -> bool;

    /// Returns how many answers will not come, since the last call.
    fn take_broken(&mut self) -> u64;

    /// Returns the CPU time of empty polls since the last call.
    fn take_spun(&mut self) -> Duration;

    /// Begins an operation on a connection that is free; its latency counts from `begun`. Its bytes may stay here until
    /// `flush`.
    fn begin(&mut self, connection: usize, begun: Instant) -> Result<(), Failure>;

    /// Sends the bytes that stayed here, so that several operations on one connection are sent by one call. It comes
    /// after all events of a wait, as in wrk: a server gets the same bursts from both.
    fn flush(&mut self) -> Result<(), Failure>;

    /// Waits for at least one event.
    fn wait(&mut self) -> Result<usize, Failure>;

    /// Returns the events that are there already.
    fn poll(&mut self) -> Result<usize, Failure>;

    /// Handles one event of the last wait, and adds the operations that it answered.
    fn attend(&mut self, event: usize, answers: &mut Vec<Answered>) -> Result<(), Failure>;
}

/// An operation whose answer is complete.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answered {
    pub(super) connection: usize,
    pub(super) latency: Duration,
    pub(super) at: Instant,
}

/// Runs a closed loop: every connection begins as many operations as it can have under way, and another one for each
/// answer.
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
