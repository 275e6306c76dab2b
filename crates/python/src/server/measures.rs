//! The counts of a server for its metrics: requests by class and duration, bytes, connections and WebSockets.
//!
//! They are kept only if the setting `metrics` is on. Their sums over processes, and their form for a reader, are not known
//! here.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use wire::{LogKind, LogRecord};

use crate::ffi::make;
use crate::ffi::name::Text;
use crate::ffi::trampoline::ErrorSet;

/// The counts since the server was created.
#[derive(Default)]
pub(super) struct Measures {
    /// By the first digit of the status, from 1 to 5; the last is for requests that have ended without a status.
    requests: [u64; 6],
    /// By duration: one count for each bound, and one for longer requests.
    durations: Vec<u64>,
    /// The sum of all durations.
    duration: Duration,
    /// Bytes on connections, after decryption.
    pub(super) received_bytes: u64,
    pub(super) sent_bytes: u64,
    pub(super) connections: u64,
    /// Open WebSockets.
    websockets: u64,
    websockets_total: u64,
}

impl Measures {
    /// Counts the end of a request or of a WebSocket. `bounds` ascend.
    pub(super) fn add(&mut self, record: &LogRecord, taken: Duration, bounds: &[Duration]) {
        if record.kind == LogKind::WebSocket {
            self.websockets = self.websockets.saturating_sub(1);
            return;
        }
        let status = record.outcome();
        if record.kind == LogKind::Handshake {
            self.websockets += 1;
            self.websockets_total += 1;
        }
        let class = match status / 100 {
            class @ 1..=5 => usize::from(class) - 1,
            _ => self.requests.len() - 1,
        };
        self.requests[class] += 1;
        self.durations.resize(bounds.len() + 1, 0);
        let place = bounds.partition_point(|bound| *bound < taken);
        self.durations[place] += 1;
        self.duration = self.duration.saturating_add(taken);
    }

    /// Returns the counts as a dict of numbers and lists of them.
    pub(super) fn report<'py>(
        &self,
        py: Python<'py>,
        bounds: &[Duration],
        [open, running]: [usize; 2],
    ) -> Result<Bound<'py, PyDict>, ErrorSet> {
        let counts = make::dict(py)?;
        let number = |count: u64| make::integer(py, count.cast_signed());
        let numbers = |list: &[u64]| {
            let made: Result<Vec<_>, _> = list.iter().map(|count| number(*count)).collect();
            make::list(py, made?)
        };
        let mut durations = self.durations.clone();
        durations.resize(bounds.len() + 1, 0);
        counts.set_item(Text("requests"), numbers(&self.requests)?)?;
        counts.set_item(Text("durations"), numbers(&durations)?)?;
        let nanoseconds = u64::try_from(self.duration.as_nanos()).unwrap_or(u64::MAX);
        for (name, count) in [
            ("duration_ns", nanoseconds),
            ("received_bytes", self.received_bytes),
            ("sent_bytes", self.sent_bytes),
            ("connections", open as u64),
            ("connections_total", self.connections),
            ("running", running as u64),
            ("websockets", self.websockets),
            ("websockets_total", self.websockets_total),
        ] {
            counts.set_item(Text(name), number(count)?)?;
        }
        Ok(counts)
    }
}
