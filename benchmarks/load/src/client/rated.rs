//! Round trips in an open loop: messages are due at fixed times, whether or not the server keeps up.
//!
//! The latency counts from the time at which a message was due, so a server that stops for a while is charged for every
//! message of that time, and not only for those that a waiting client still sent. The client never sleeps here: a sleep
//! would be late by more than the measured times.

use std::time::{Duration, Instant};

use super::carrier::Carrier;
use super::{STALL_LIMIT, stalled};
use crate::failure::Failure;
use crate::histogram::Histogram;
use crate::options::Arguments;
use crate::window::{Extent, Outcome, nanoseconds};

const NS_PER_SECOND: u128 = 1_000_000_000;

/// Takes `--rate`, without which the loop is closed.
pub(super) fn rate(arguments: &mut Arguments) -> Result<Option<u64>, Failure> {
    match arguments.value("--rate")? {
        Some(0) => Err(Failure::Usage("--rate 0: at least 1 a second is needed".into())),
        rate => Ok(rate),
    }
}

pub(super) fn run(carrier: &mut impl Carrier, extent: Extent, per_second: u64) -> Result<Outcome, Failure> {
    let mut schedule = Schedule::new(extent, per_second, carrier.connections());
    let mut latencies = Histogram::new();
    let mut answered = Vec::new();
    let (mut answers, mut heard) = (0, schedule.begun);
    while answers < schedule.total {
        let now = Instant::now();
        while let Some((connection, due)) = schedule.arrival(now) {
            if carrier.is_free(connection) {
                schedule.taken(connection);
                carrier.begin(connection, due)?;
            }
        }
        carrier.flush()?;
        for event in 0..carrier.poll()? {
            carrier.attend(event, &mut answered)?;
            for one in answered.drain(..) {
                answers += 1;
                heard = one.at;
                latencies.record(nanoseconds(one.latency));
                if let Some(due) = schedule.overdue(one.connection, one.at) {
                    schedule.taken(one.connection);
                    carrier.begin(one.connection, due)?;
                }
            }
        }
        carrier.flush()?;
        if carrier.under_way() == 0 {
            heard = now;
            // Its share of the messages would be due for ever.
            if carrier.has_lost() {
                return Err(Failure::Peer("the server has closed a connection".into()));
            }
        } else if now.saturating_duration_since(heard) > STALL_LIMIT {
            return Err(stalled());
        }
    }
    let elapsed = schedule.begun.elapsed();
    // An open loop reads the clock all the time, so its own work is unknown.
    Ok(Outcome { operations: answers, elapsed, latencies, errors: 0, lost: 0, spun: Duration::ZERO })
}

/// The times at which messages are due. They go round the connections, so the queue of a connection that is behind is a
/// number.
#[derive(Debug)]
struct Schedule {
    begun: Instant,
    per_second: u64,
    total: u64,
    /// Messages that have become due, on any connection.
    arrived: u64,
    /// By connection, how many messages were sent.
    sent: Vec<u64>,
}

impl Schedule {
    fn new(extent: Extent, per_second: u64, connections: usize) -> Self {
        let total = match extent {
            Extent::Operations(operations) => operations,
            Extent::Time(time) => {
                u64::try_from(time.as_nanos() * u128::from(per_second) / NS_PER_SECOND).unwrap_or(u64::MAX)
            }
        };
        Self { begun: Instant::now(), per_second, total, arrived: 0, sent: vec![0; connections] }
    }

    /// Returns the next connection with a message to send, and the time at which its oldest message was due.
    fn arrival(&mut self, now: Instant) -> Option<(usize, Instant)> {
        if self.arrived >= self.total || self.due(self.arrived) > now {
            return None;
        }
        let connection = usize::try_from(self.arrived % self.sent.len() as u64).unwrap_or_default();
        self.arrived += 1;
        Some((connection, self.due(self.number_of_next(connection))))
    }

    /// Returns when the next message of a connection was due, if that is past.
    fn overdue(&self, connection: usize, now: Instant) -> Option<Instant> {
        let number = self.number_of_next(connection);
        let due = self.due(number);
        // A message that `arrival` has not returned yet will be returned, and would be sent twice.
        (number < self.arrived && due <= now).then_some(due)
    }

    fn taken(&mut self, connection: usize) {
        self.sent[connection] += 1;
    }

    fn number_of_next(&self, connection: usize) -> u64 {
        self.sent[connection] * self.sent.len() as u64 + connection as u64
    }

    fn due(&self, number: u64) -> Instant {
        let ns = u128::from(number) * NS_PER_SECOND / u128::from(self.per_second);
        self.begun + Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten messages per second over two connections, for one second.
    fn schedule() -> Schedule {
        Schedule::new(Extent::Time(Duration::from_secs(1)), 10, 2)
    }

    fn after_ms(schedule: &Schedule, ms: u64) -> Instant {
        schedule.begun + Duration::from_millis(ms)
    }

    #[test]
    fn messages_become_due_at_the_rate_and_go_round() {
        let mut schedule = schedule();
        let now = after_ms(&schedule, 250);
        let arrivals: Vec<_> = std::iter::from_fn(|| {
            let arrival = schedule.arrival(now)?;
            schedule.taken(arrival.0);
            Some(arrival)
        })
        .collect();
        let expected =
            [(0, 0), (1, 100), (0, 200)].map(|(connection, ms)| (connection, after_ms(&schedule, ms)));
        assert_eq!(arrivals, expected);
    }

    #[test]
    fn a_connection_that_is_behind_is_charged_from_when_it_was_due() {
        let mut schedule = schedule();
        let now = after_ms(&schedule, 450);
        // Connection 0 is busy with its first message; the second and third, due at 200 and 400 ms, wait.
        schedule.taken(0);
        while schedule.arrival(now).is_some() {}
        assert_eq!(schedule.overdue(0, now), Some(after_ms(&schedule, 200)));
        schedule.taken(0);
        assert_eq!(schedule.overdue(0, now), Some(after_ms(&schedule, 400)));
        schedule.taken(0);
        assert_eq!(schedule.overdue(0, now), None);
    }

    #[test]
    fn it_ends_with_the_extent() {
        let mut schedule = schedule();
        let late = after_ms(&schedule, 60_000);
        let count = std::iter::from_fn(|| schedule.arrival(late)).count();
        assert_eq!(count, 10);
        assert_eq!(Schedule::new(Extent::Operations(3), 10, 2).total, 3);
    }
}
