//! What the servers of one process count together: open connections, running requests, and those that have ended.
//!
//! Servers in several threads have their limits in common by one `HttpTotals`, the setting `totals`. A count that no
//! limit asks for is not kept, so that threads don't change the same memory with every request. Connections, requests and
//! loops are not known here.

use std::mem;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};

use crate::ffi::make;
use crate::ffi::trampoline::{ErrorSet, take_all};
use crate::name;

/// The counts of a process whose HTTP servers run in several threads, for the setting `totals` of each of them.
///
/// The limits of connections and of requests at a time hold for all of them together. With `counts_requests` their
/// `served()` does, too.
#[pyclass(frozen, immutable_type, module = "vitok._native", name = "HttpTotals")]
pub(crate) struct HttpTotals {
    counts: Arc<Totals>,
}

#[pymethods]
impl HttpTotals {
    #[new]
    #[pyo3(signature = (*, counts_requests = false))]
    fn new(counts_requests: bool) -> Self {
        Self { counts: Arc::new(Totals::new(counts_requests)) }
    }

    /// The number of open connections of all servers.
    #[getter]
    fn connections<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(make::count(py, self.counts.connections())?)
    }

    /// The number of requests of all servers that have ended; 0 without `counts_requests`.
    #[getter]
    fn ended<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(make::integer(py, self.counts.ended().cast_signed())?)
    }
}

/// The counts of all threads. Each is an atomic, and none of them is a reason to read other memory: the order of
/// different counts is not relied on.
struct Totals {
    counts_requests: bool,
    connections: AtomicUsize,
    running: AtomicUsize,
    ended: AtomicU64,
    /// The smallest number of ended requests that a server waits for.
    next: AtomicU64,
    /// Servers that wait for a number of ended requests.
    waiting: Mutex<Vec<(u64, Py<PyWeakrefReference>)>>,
}

impl Totals {
    fn new(counts_requests: bool) -> Self {
        Self {
            counts_requests,
            connections: AtomicUsize::new(0),
            running: AtomicUsize::new(0),
            ended: AtomicU64::new(0),
            next: AtomicU64::new(u64::MAX),
            waiting: Mutex::default(),
        }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    fn ended(&self) -> u64 {
        self.ended.load(Ordering::SeqCst)
    }

    /// Returns who waits. The lock is held for moments only, in which nothing of Python's runs or is released.
    fn waiting(&self) -> MutexGuard<'_, Vec<(u64, Py<PyWeakrefReference>)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, mut servers: Vec<(u64, Py<PyWeakrefReference>)>) {
        let mut waiting = self.waiting();
        waiting.append(&mut servers);
        self.next.store(next_of(&waiting), Ordering::SeqCst);
    }

    /// Removes the servers that wait for no more requests than have ended.
    fn due(&self) -> Vec<Py<PyWeakrefReference>> {
        // A server that is being listed stores `next` before it reads `ended`; here it is the other way around. One of
        // both sides sees what the other has done.
        if self.ended() < self.next.load(Ordering::SeqCst) {
            return Vec::new();
        }
        let mut waiting = self.waiting();
        let ended = self.ended();
        let due = waiting.extract_if(.., |(count, _)| *count <= ended).map(|(_, server)| server).collect();
        self.next.store(next_of(&waiting), Ordering::SeqCst);
        due
    }
}

fn next_of(waiting: &[(u64, Py<PyWeakrefReference>)]) -> u64 {
    waiting.iter().map(|(count, _)| *count).min().unwrap_or(u64::MAX)
}

/// The part that one server has in the counts of its process.
pub(super) struct Share {
    totals: Arc<Totals>,
    /// The most connections and requests at a time, of the process.
    connections: usize,
    requests: usize,
}

impl Share {
    pub(super) fn new(totals: &HttpTotals, connections: usize, requests: usize) -> Self {
        Self { totals: totals.counts.clone(), connections, requests }
    }

    /// Returns whether the ends of requests are counted.
    pub(super) fn counts_requests(&self) -> bool {
        self.totals.counts_requests || self.is_limited()
    }

    fn is_limited(&self) -> bool {
        self.requests != usize::MAX
    }

    /// Counts a connection. Returns whether it is one too many.
    pub(super) fn begin_connection(&self) -> bool {
        self.totals.connections.fetch_add(1, Ordering::Relaxed) >= self.connections
    }

    pub(super) fn end_connection(&self) {
        self.totals.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts a request that begins, unless there are as many as the process takes at a time.
    pub(super) fn begin_request(&self) -> bool {
        if !self.is_limited() {
            return true;
        }
        let has_place = self.totals.running.fetch_add(1, Ordering::Relaxed) < self.requests;
        if !has_place {
            self.totals.running.fetch_sub(1, Ordering::Relaxed);
        }
        has_place
    }

    /// Counts the end of a request, and wakes the servers that wait for it. `was_running` says that it had begun.
    pub(super) fn end_request(&self, py: Python<'_>, was_running: bool) -> Result<(), ErrorSet> {
        if was_running && self.is_limited() {
            self.totals.running.fetch_sub(1, Ordering::Relaxed);
        }
        if !self.totals.counts_requests {
            return Ok(());
        }
        self.totals.ended.fetch_add(1, Ordering::SeqCst);
        take_all(py, self.totals.due().into_iter().map(|server| wake(server.bind(py))))
    }

    /// Returns how many requests have ended, for whom it is the process that counts.
    pub(super) fn ended(&self) -> Option<u64> {
        self.totals.counts_requests.then(|| self.totals.ended())
    }

    /// Wakes a server once so many requests of the process have ended, which may be now.
    pub(super) fn follow(&self, server: &Bound<'_, PyAny>, count: u64) -> Result<(), ErrorSet> {
        let py = server.py();
        let entry = (count, PyWeakrefReference::new(server)?.unbind());
        let mut waiting = mem::take(&mut *self.totals.waiting());
        waiting.retain(|(_, server)| server.bind(py).upgrade().is_some());
        waiting.push(entry);
        self.totals.add(waiting);
        take_all(py, self.totals.due().into_iter().map(|server| wake(server.bind(py))))
    }
}

/// Makes a server look at the counts, in the thread of its loop.
fn wake(server: &Bound<'_, PyWeakrefReference>) -> Result<(), ErrorSet> {
    if let Some(server) = server.upgrade() {
        server.call_method0(name!("_look_soon"))?;
    }
    Ok(())
}
