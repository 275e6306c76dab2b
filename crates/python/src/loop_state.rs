//! The state of a loop, in two parts: what its own thread owns, and what other threads may touch.
//!
//! This file has data and the small steps that keep it consistent; no function here calls user code. Objects taken out
//! of a queue are dropped by the caller, outside every borrow, because releasing an object may run a finalizer that
//! calls the loop.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use reactor::socket::DatagramBatch;
use reactor::{Deadline, PollBudget, Poller, Timers, Wakeup};

use crate::buffer::Inbound;
use crate::counters::Counters;
use crate::error::os_error;
use crate::ffi::error::new_error;
use crate::ffi::gil_cell::ClassCell;
use crate::ffi::half_made::Marked;
use crate::ffi::handle_object::{Flags, Handle};
use crate::ffi::handle_pool::{Pool, PoolOwner};
use crate::ffi::interpreter::thread_identity;
use crate::ffi::object::Object;
use crate::ffi::remote_queue::RemoteQueue;
use crate::ffi::this::{ByPyO3, Held};
use crate::imports::Imports;
pub(crate) use crate::modes::Modes;
use crate::registry::{ReadyEvent, Registry};
use crate::settings::Settings;

/// The environment variable whose value `0` forbids io_uring to loops created from then on.
const IO_URING_VARIABLE: &str = "VITOK_IO_URING";

/// The number of cancelled timers in the heap below which it is not swept: a sweep of fewer saves less memory than it
/// costs time. asyncio's own number is 100.
const MIN_CANCELLED_TIMERS: usize = 64;

/// The native half of `vitok.Loop`: scheduling and polling. Everything else is inherited from asyncio.
#[pyclass(frozen, subclass, module = "vitok._native", name = "EventLoop")]
pub(crate) struct EventLoop {
    pub(crate) imports: &'static Imports,
    pub(crate) pool: Box<Pool<EventLoop>>,
    pub(crate) modes: Modes,
    /// The identity of the thread that runs the loop, or 0.
    pub(crate) thread: AtomicU64,
    pub(crate) queues: ClassCell<Queues>,
    pub(crate) registry: ClassCell<Registry>,
    pub(crate) settings: ClassCell<Settings>,
    pub(crate) counters: Counters,
    /// While the loop runs: the thread's previous hooks of asynchronous generators, for a first iteration and a
    /// finalizer.
    pub(crate) asyncgen_hooks_before: ClassCell<Option<Py<PyTuple>>>,
    pub(crate) inbound: ClassCell<Inbound>,
    pub(crate) tls_buffers: ClassCell<TlsBuffers>,
    /// Room for several datagrams, allocated at the first use; absent while an endpoint uses it.
    pub(crate) batch: ClassCell<Option<DatagramBatch>>,
    pub(crate) remote_queue: RemoteQueue,
    pub(crate) wakeup: Wakeup,
}

/// The buffers of all TLS transports of the loop. Each is taken out while it is used, and has no memory before.
#[derive(Default)]
pub(crate) struct TlsBuffers {
    /// What was decrypted.
    pub(crate) plain: Vec<u8>,
    /// What was encrypted.
    pub(crate) output: Vec<u8>,
    /// Short pieces that become one record.
    pub(crate) gathered: Vec<u8>,
}

/// The handles and events to be processed, in order.
pub(crate) struct Queues {
    pub(crate) ready: VecDeque<Handle>,
    pub(crate) timers: Timers<Handle>,
    cancelled_timers: usize,
    pub(crate) poll_budget: PollBudget,
    /// Whether an action since the last poll may have made a descriptor ready: a callback, a protocol's method, sent
    /// bytes, or a handle from another thread, which may have done more than post it.
    pub(crate) has_acted: bool,
    /// The number of events of the turn that called no user code and sent nothing.
    pub(crate) harmless_events: usize,
    /// Transports that were written to in this turn and are flushed at its end, and connections that were just made.
    pub(crate) unsent: Vec<Object>,
    /// Transports whose end could not be scheduled for lack of memory, with the exception or None. They are in `unsent`
    /// as well.
    pub(crate) owed_ends: Vec<(Object, Object)>,
    /// The memory for the events of a poll; empty between two polls.
    pub(crate) due: Vec<ReadyEvent>,
    pub(crate) closed_check: ClosedCheck,
}

/// When to check whether a socket was closed during a `sock_*` operation, which the kernel does not report. It is part
/// of the queues because a turn reads those anyway.
pub(crate) struct ClosedCheck {
    /// Whether operations may be waiting.
    pub(crate) has_waits: bool,
    /// Whether any code that might have closed a socket ran since the last check.
    pub(crate) is_due: bool,
    pub(crate) last_ns: u64,
}

impl ClosedCheck {
    /// Returns when the last check was, on the clock of the loop, if another is due.
    #[inline(always)]
    pub(crate) fn last_if_due(&self) -> Option<u64> {
        (self.has_waits && self.is_due).then_some(self.last_ns)
    }
}

impl Held for EventLoop {
    type Layout = ByPyO3;
}

impl PoolOwner for EventLoop {
    #[inline(always)]
    fn pool(&self) -> &Pool<Self> {
        &self.pool
    }
}

impl Marked for EventLoop {
    fn is_made(&self) -> bool {
        self.modes.is_made()
    }
}

impl EventLoop {
    pub(crate) fn create(py: Python<'_>) -> PyResult<Self> {
        let imports = Imports::of(py)?;
        let mut poller = Poller::new().map_err(|error| os_error(&error))?;
        if std::env::var_os(IO_URING_VARIABLE).is_some_and(|value| value == "0") {
            poller.refuse_hints();
        }
        Ok(Self {
            imports,
            pool: Box::new(Pool::new()),
            // asyncio's constructor opens it: a loop whose constructor is not called, or raises, has nothing to be
            // closed.
            modes: Modes::new(),
            thread: AtomicU64::new(0),
            wakeup: Wakeup::new(poller.waker()),
            remote_queue: RemoteQueue::new(),
            queues: ClassCell::new_unowned(Queues {
                ready: VecDeque::new(),
                timers: Timers::new(),
                cancelled_timers: 0,
                poll_budget: PollBudget::new(),
                has_acted: true,
                harmless_events: 0,
                unsent: Vec::new(),
                owed_ends: Vec::new(),
                due: Vec::new(),
                closed_check: ClosedCheck { has_waits: false, is_due: false, last_ns: 0 },
            }),
            registry: ClassCell::new_unowned(Registry::new(poller)),
            settings: ClassCell::new_unowned(Settings::default()),
            counters: Counters::new(),
            asyncgen_hooks_before: ClassCell::new_unowned(None),
            inbound: ClassCell::new_unowned(Inbound::new()),
            tls_buffers: ClassCell::new_unowned(TlsBuffers::default()),
            batch: ClassCell::new_unowned(None),
        })
    }

    #[inline(always)]
    pub(crate) fn is_running(&self) -> bool {
        self.thread.load(Ordering::Relaxed) != 0
    }

    /// Returns whether the calling thread runs the loop.
    #[inline(always)]
    pub(crate) fn is_own_thread(&self) -> bool {
        self.thread.load(Ordering::Relaxed) == thread_identity()
    }

    /// Makes the calling thread, which runs the loop, the owner of its state. Others that enter it take it away again.
    #[inline(always)]
    pub(crate) fn own(&self, py: Python<'_>) {
        self.pool.claim(py);
        self.queues.claim(py);
        self.registry.claim(py);
        self.settings.claim(py);
        self.asyncgen_hooks_before.claim(py);
        self.inbound.claim(py);
        self.tls_buffers.claim(py);
        self.batch.claim(py);
    }

    /// Lets the thread of the next run own the state.
    pub(crate) fn disown(&self, py: Python<'_>) {
        self.pool.give_up(py);
        self.queues.give_up(py);
        self.registry.give_up(py);
        self.settings.give_up(py);
        self.asyncgen_hooks_before.give_up(py);
        self.inbound.give_up(py);
        self.tls_buffers.give_up(py);
        self.batch.give_up(py);
    }

    /// Makes the calling thread the one that runs the loop. Returns false if there is one already.
    pub(crate) fn claim_thread(&self) -> bool {
        self.thread.compare_exchange(0, thread_identity(), Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Sets the thread that runs the loop, or none.
    pub(crate) fn set_thread(&self, thread: Option<u64>) {
        self.thread.store(thread.unwrap_or(0), Ordering::Release);
    }

    pub(crate) fn check_open(&self) -> PyResult<()> {
        if self.modes.any(Modes::CLOSED) {
            return Err(new_error::<PyRuntimeError>("Event loop is closed"));
        }
        Ok(())
    }

    /// Adds a handle to the end of the queue, after those that other threads have posted before.
    #[inline(always)]
    pub(crate) fn push_ready(&self, py: Python<'_>, handle: Handle) {
        if !self.remote_queue.is_empty() {
            self.collect_mail(py);
        }
        self.queues.with(py, |queues| queues.ready.push_back(handle));
    }

    /// Moves the handles that other threads have posted to the queue.
    pub(crate) fn collect_mail(&self, py: Python<'_>) {
        let letters = self.remote_queue.take(py);
        self.queues.with(py, |queues| {
            queues.has_acted = true;
            queues.ready.extend(letters);
        });
    }

    /// Shows the rest of the queue to the garbage collector: the loop no longer runs, so it may become garbage itself.
    pub(crate) fn show_to_collector(&self, py: Python<'_>) {
        self.collect_mail(py);
        let keywords = self.settings.with(py, |settings| std::mem::take(&mut settings.keywords));
        drop(keywords);
        self.queues.with(py, |queues| queues.ready.iter().for_each(|handle| handle.track(py)));
    }

    /// Posts a handle from any thread, and wakes the loop if it may be asleep.
    pub(crate) fn post(&self, py: Python<'_>, handle: Handle) -> PyResult<()> {
        if self.is_own_thread() {
            self.push_ready(py, handle);
            return Ok(());
        }
        self.remote_queue.post(py, handle);
        self.wakeup.ring().map_err(|error| os_error(&error))?;
        if self.modes.any(Modes::CLOSED) {
            // close() may have emptied the queue before.
            drop(self.remote_queue.take(py));
        }
        Ok(())
    }

    /// Wakes a sleeping loop after a change to what is watched by another thread.
    #[inline(always)]
    pub(crate) fn wake_if_elsewhere(&self) -> PyResult<()> {
        if self.wakeup.is_asleep() && !self.is_own_thread() {
            self.wakeup.ring().map_err(|error| os_error(&error))?;
        }
        Ok(())
    }

    /// Removes a cancelled timer from the heap, or leaves it to a later sweep.
    pub(crate) fn timer_cancelled(&self, py: Python<'_>, handle: &Handle) {
        let released = self.queues.with(py, |queues| queues.timer_cancelled(handle));
        drop(released);
    }
}

impl EventLoop {
    /// Makes the next turn poll. asyncio polls at every turn, so a run that ends with its first one has seen the events
    /// of the kernel; and the thread may be another one than that of the last run.
    pub(crate) fn expect_events(&self, py: Python<'_>) {
        self.queues.with(py, |queues| {
            queues.poll_budget.spend();
            queues.has_acted = true;
        });
        self.registry.with(py, |registry| registry.poller.as_mut().map(|poller| poller.doubt()));
    }

    /// Records an event of this turn that can make nothing else ready: bytes were taken out of a socket, or a
    /// connection was accepted, and a callback will run the code that waits for that.
    pub(crate) fn note_harmless_event(&self, py: Python<'_>) {
        // A read makes room for the peer, which this loop may watch, too.
        if !self.registry.with(py, Registry::may_watch_a_writer) {
            self.queues.with(py, |queues| queues.harmless_events += 1);
        }
    }

    /// Does the same for bytes that a waiting task gets: its future must be asyncio's own, whose `set_result` calls no
    /// user code.
    pub(crate) fn note_harmless_wakeup(&self, waiter: &Bound<'_, PyAny>) {
        let is_plain = self.imports.tasks.c_future.as_ref().is_some_and(|class| waiter.get_type().is(class));
        if is_plain {
            self.note_harmless_event(waiter.py());
        }
    }
}

impl Queues {
    /// Returns whether there is anything to do before the loop may sleep.
    #[inline(always)]
    pub(crate) fn is_busy(&self) -> bool {
        !self.ready.is_empty() || !self.unsent.is_empty()
    }

    /// Keeps the memory of a list that was processed.
    pub(crate) fn keep_list(&mut self, mut list: Vec<Object>) -> Vec<Object> {
        if self.unsent.is_empty() {
            std::mem::swap(&mut self.unsent, &mut list);
        }
        list
    }

    /// Empties the heap; the caller drops the handles.
    pub(crate) fn drain_timers(&mut self) -> Vec<Handle> {
        self.cancelled_timers = 0;
        let timers = self.timers.drain();
        timers.iter().for_each(|timer| timer.unmark(Flags::SCHEDULED));
        timers
    }

    /// Returns the number of timers that are not cancelled.
    pub(crate) fn live_timers(&self) -> usize {
        self.timers.len().saturating_sub(self.cancelled_timers)
    }

    /// Adds a timer to the heap.
    #[inline(always)]
    pub(crate) fn push_timer(&mut self, handle: Handle) {
        self.timers.push(Deadline::from_seconds(handle.when()), handle);
    }

    /// Moves every due timer to the end of the queue, in the order of deadlines.
    pub(crate) fn move_due(&mut self, now: Deadline) {
        let Self { timers, ready, cancelled_timers, .. } = self;
        timers.take_due(now, |handle| {
            handle.unmark(Flags::SCHEDULED);
            if handle.flags().has(Flags::COUNTED) {
                *cancelled_timers = cancelled_timers.saturating_sub(1);
            }
            ready.push_back(handle);
        });
    }

    /// Returns the next deadline that is not cancelled; cancelled timers before it move to the queue, where they are
    /// dropped.
    pub(crate) fn next_deadline(&mut self) -> Option<Deadline> {
        while self.cancelled_timers > 0
            && let Some(first) = self.timers.peek()
            && first.flags().has(Flags::COUNTED)
            && let Some((_, handle)) = self.timers.pop()
        {
            handle.unmark(Flags::SCHEDULED);
            self.cancelled_timers -= 1;
            self.ready.push_back(handle);
        }
        self.timers.next_deadline()
    }

    /// Returns the handles for the caller to drop: the timer itself if it was the newest, all cancelled ones if there
    /// are too many.
    fn timer_cancelled(&mut self, handle: &Handle) -> Released {
        // Without the GIL the loop may have taken it out since the caller has looked.
        if !handle.flags().has(Flags::SCHEDULED) {
            return Released::None;
        }
        if let Some(newest) = self.timers.take_newest_if(|newest| newest.is(handle)) {
            newest.unmark(Flags::SCHEDULED);
            return Released::One(newest);
        }
        handle.mark(Flags::COUNTED);
        self.cancelled_timers += 1;
        if self.cancelled_timers < MIN_CANCELLED_TIMERS || self.cancelled_timers * 2 < self.timers.len() {
            return Released::None;
        }
        self.cancelled_timers = 0;
        let swept = self.timers.sweep(|timer| !timer.flags().has(Flags::CANCELLED));
        for timer in &swept {
            timer.unmark(Flags::SCHEDULED);
        }
        Released::Many(swept)
    }
}

/// Handles that were removed, to be dropped outside every borrow.
#[expect(dead_code, reason = "the fields are there to be dropped")]
enum Released {
    None,
    One(Handle),
    Many(Vec<Handle>),
}
