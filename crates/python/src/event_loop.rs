//! Runs turns until `stop()`.
//!
//! A turn polls the descriptors (or sleeps), moves due timers to the end of the ready queue, and calls what is ready.
//! Handles that callbacks add wait for the next turn. Any callback may call the loop's methods, so no borrow of its
//! state is alive while one runs; the state is read again after each.

use std::io;
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use reactor::{Deadline, PollStep, Timeout};

use crate::ffi::constants::{none, truth};
use crate::ffi::detached::{detached, detached_with};
use crate::ffi::error::new_error;
use crate::ffi::handle_object::Flags;
use crate::ffi::interpreter::check_signals;
use crate::ffi::make;
use crate::ffi::method::{Entry, Method, is_entry, no_arguments};
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::{EventLoop, Modes, Queues};
use crate::metrics::Clock;
use crate::name;
use crate::poll_events::take_events;
use crate::registry::Registry;
use crate::{dispatch, handle, metrics, sock, time, wrong_thread};

/// A wait that is shorter than this is spent in turns without a callback: the kernel takes as long to put a thread to
/// sleep and to wake it, and wakes it late (by up to 50 µs, its timer slack). On a virtual machine, a timer every 3 µs
/// costs 3.4 µs of CPU instead of 25, and fires after 3.4 µs instead of 120.
const SHORTEST_SLEEP: Duration = Duration::from_micros(5);

pub(crate) fn methods() -> Vec<Method<EventLoop>> {
    let method = |name, entry, doc| Method { name, entry, signature: "($self)".to_owned(), doc };
    vec![
        method("stop", no_arguments(stop), "Leave run_forever() after the current turn."),
        method(
            "is_running",
            no_arguments(is_running),
            "Whether run_forever() is on the stack of some thread.",
        ),
        method("is_closed", no_arguments(is_closed), "Whether close() was called."),
        method("time", no_arguments(time), "The loop's clock in seconds: time.monotonic()."),
        method("get_debug", no_arguments(get_debug), "Whether debug mode is on."),
        method("_run_once", run_once_entry(), "One turn: poll, move due timers, call what is ready."),
    ]
}

fn run_once_entry() -> Entry<EventLoop> {
    no_arguments(run_once)
}

fn stop(this: This<'_, EventLoop>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    wrong_thread::refuse_in_debug(&this)?;
    this.modes.set(Modes::STOPPING, true);
    Ok(none(this.py()))
}

fn is_running(this: This<'_, EventLoop>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(truth(this.py(), this.is_running()))
}

fn is_closed(this: This<'_, EventLoop>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(truth(this.py(), this.modes.any(Modes::CLOSED)))
}

fn get_debug(this: This<'_, EventLoop>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    Ok(truth(this.py(), this.modes.any(Modes::DEBUG)))
}

fn time(this: This<'_, EventLoop>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    make::float(this.py(), time::clock())
}

fn run_once(this: This<'_, EventLoop>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = this.py();
    this.check_open()?;
    if this.is_running() && !this.is_own_thread() {
        // Two turns at once would deliver the events of one poll twice.
        return Err(new_error::<PyRuntimeError>("This event loop is already running").into());
    }
    this.expect_events(py);
    turn(&this.to_owned())?;
    Ok(none(py))
}

/// Runs turns until `stop()`, between the set-up and the clean-up of `run_forever`.
pub(crate) fn run(this: &Bound<'_, EventLoop>) -> PyResult<()> {
    let py = this.py();
    let state = this.get();
    let own = this.getattr(name!("_run_once"))?;
    let replaced = !is_entry(&own, &run_once_entry());
    loop {
        if replaced {
            own.call0()?;
        } else {
            turn(this).map_err(|raised| raised.take(py))?;
        }
        if state.modes.any(Modes::STOPPING | Modes::CLOSED) {
            // Closed during the run, which close() refuses but other code may do: nothing would wake the loop again.
            return if state.modes.any(Modes::STOPPING) { Ok(()) } else { state.check_open() };
        }
    }
}

/// Runs one turn.
fn turn(this: &Bound<'_, EventLoop>) -> Result<(), ErrorSet> {
    let py = this.py();
    let state = this.get();
    let started = if state.modes.any(Modes::DEBUG | Modes::TIMED) { reactor::monotonic_ns() } else { 0 };
    if !state.remote_queue.is_empty() {
        state.collect_mail(py);
    }
    let (busy, look, deadline, ready_before, last_look) = state.queues.with(py, |queues| {
        let deadline = queues.next_deadline();
        let last_look = queues.closed_check.last_if_due();
        (queues.is_busy(), queues.next_look(), deadline, queues.ready.len(), last_look)
    });
    let mut now = None;
    if !busy && !state.modes.any(Modes::STOPPING) {
        now = sleep(this, deadline, last_look)?;
    } else if state.is_due(py, look) {
        glance(this)?;
    }
    if deadline.is_some() {
        let now = now.map_or_else(|| time::now(state, this.into()), Ok)?;
        state.queues.with(py, |queues| queues.move_due(Deadline::from_seconds(now)));
    }
    if started == 0 {
        call_ready(this, ready_before, &mut Clock::off())?;
    } else {
        call_ready_timed(this, ready_before, started)?;
    }
    if state.queues.with(py, |queues| !queues.unsent.is_empty()) {
        dispatch::flush(this)?;
    }
    Ok(())
}

/// Why a busy turn may have to poll the descriptors.
enum Look {
    /// The poll for signals and other threads is due in any case.
    Due,
    /// An action has happened that may have made a descriptor ready.
    IfReady,
    /// No action has happened since the last poll.
    None,
}

impl Queues {
    fn next_look(&self) -> Look {
        if self.poll_budget.is_spent() {
            Look::Due
        } else if self.has_acted {
            Look::IfReady
        } else {
            Look::None
        }
    }
}

impl EventLoop {
    #[inline(always)]
    fn is_due(&self, py: Python<'_>, look: Look) -> bool {
        match look {
            Look::Due => true,
            Look::IfReady => self.registry.with(py, Registry::may_be_ready),
            Look::None => false,
        }
    }
}

/// Polls the descriptors without blocking.
fn glance(this: &Bound<'_, EventLoop>) -> Result<(), ErrorSet> {
    let py = this.py();
    // Before the poll: a Python signal handler may poll itself, and the events are those of the last poll.
    check_signals(py)?;
    this.get().own(py);
    let step = this.get().queues.with(py, |queues| {
        queues.has_acted = false;
        queues.poll_budget.renew(reactor::monotonic_ns())
    });
    this.get().counters.polls.add(1);
    let outcome = match step {
        PollStep::Poll => this.get().registry.with(py, Registry::poll),
        PollStep::PollAndShare => wait_without_gil(py, this.get(), Timeout::Now),
    };
    take_events(this, outcome)
}

/// Waits for an event, a timer, another thread or a signal, since nothing is ready. `last_look` is when the `sock_*`
/// operations were last checked, if that is due again. Returns the time if no time has passed since it was read.
fn sleep(
    this: &Bound<'_, EventLoop>,
    deadline: Option<Deadline>,
    last_look: Option<u64>,
) -> Result<Option<f64>, ErrorSet> {
    let py = this.py();
    let state = this.get();
    let now = deadline.map(|_| time::now(state, this.into())).transpose()?;
    let mut timeout = match (deadline, now) {
        (Some(deadline), Some(now)) => deadline.wait_from(now),
        _ => Timeout::Never,
    };
    if state.modes.any(Modes::OWN_TIME) {
        if state.queues.with(py, |queues| !queues.ready.is_empty()) {
            // The clock is the program's, and callbacks that it scheduled have to run first.
            return Ok(None);
        }
    } else if timeout.is_below(SHORTEST_SLEEP) {
        timeout = Timeout::Now;
    }
    if let Some(last_ns) = last_look {
        timeout = sock::limit_sleep(py, state, timeout, last_ns)?;
    }
    if timeout == Timeout::Now {
        let look = state.queues.with(py, |queues| queues.next_look());
        if state.is_due(py, look) {
            glance(this)?;
            return Ok(None);
        }
        return Ok(now.filter(|_| !state.modes.any(Modes::OWN_TIME)));
    }
    state.wakeup.prepare_to_sleep();
    let outcome = if state.remote_queue.is_empty() { wait_without_gil(py, state, timeout) } else { Ok(0) };
    state.wakeup.awake();
    state.own(py);
    state.queues.with(py, |queues| {
        queues.has_acted = outcome.is_err();
        queues.poll_budget.slept();
    });
    state.counters.polls.add(1);
    state.counters.wakeups.add(1);
    if !state.remote_queue.is_empty() {
        state.collect_mail(py);
    }
    take_events(this, outcome)?;
    Ok(None)
}

/// Waits without the GIL. Other threads may change registrations meanwhile; those changes are applied afterwards.
fn wait_without_gil(py: Python<'_>, state: &EventLoop, timeout: Timeout) -> io::Result<usize> {
    if timeout == Timeout::Now && !state.registry.with(py, |registry| registry.has_anything_to_poll()) {
        detached(py, || ());
        return Ok(0);
    }
    let Some(poller) = state.registry.with(py, |registry| registry.poller.take()) else {
        return Ok(0);
    };
    let (poller, outcome) = detached_with(py, poller, |mut poller| {
        let outcome = poller.wait(timeout);
        (poller, outcome)
    });
    // If another thread closed the loop meanwhile, it found no poller to close.
    let closed = state.registry.with(py, |registry| {
        if state.modes.any(Modes::CLOSED) {
            return Some(poller);
        }
        registry.poller.replace(poller)
    });
    drop(closed);
    outcome
}

/// Does what [`call_ready`] does, and measures. Only a loop that does has this instance of it; the other has no clock.
#[cold]
fn call_ready_timed(this: &Bound<'_, EventLoop>, before: usize, started: u64) -> Result<(), ErrorSet> {
    call_ready(this, before, &mut Clock::after_poll(this.get(), started))
}

/// Calls the handles that are ready, and delivers events between the handles from before the poll and those from it:
/// the order in which asyncio calls them, where all of these are handles.
#[inline(always)]
fn call_ready<const TIMED: bool>(
    this: &Bound<'_, EventLoop>,
    before: usize,
    clock: &mut Clock<TIMED>,
) -> Result<(), ErrorSet> {
    let py = this.py();
    let state = this.get();
    let (count, has_events) = state.queues.with(py, |queues| {
        let count = queues.ready.len();
        queues.poll_budget.note_turn(count);
        let has_events = !queues.due.is_empty();
        queues.has_acted |= count > 0;
        queues.closed_check.is_due |= count > 0 || has_events;
        (count, has_events)
    });
    state.counters.note_turn(count);
    if !has_events {
        return call_handles(this, count, clock);
    }
    let before = before.min(count);
    let called = call_handles(this, before, clock);
    // The events leave the list in any case: the kernel reports again what an exception leaves undelivered.
    let events = state.queues.with(py, |queues| std::mem::take(&mut queues.due));
    called.inspect_err(|_| state.counters.callbacks.take_back(count - before))?;
    let event_count = events.len();
    state.counters.callbacks.add(event_count);
    let delivered = dispatch::deliver(this, events, |event| clock.end_event(this, event));
    state.queues.with(py, |queues| {
        queues.has_acted |= std::mem::take(&mut queues.harmless_events) < event_count;
    });
    delivered.inspect_err(|_| state.counters.callbacks.take_back(count - before))?;
    call_handles(this, count - before, clock)
}

/// Calls this many handles from the front of the queue.
#[inline(always)]
fn call_handles<const TIMED: bool>(
    this: &Bound<'_, EventLoop>,
    count: usize,
    clock: &mut Clock<TIMED>,
) -> Result<(), ErrorSet> {
    let py = this.py();
    let state = this.get();
    for called in 0..count {
        let Some(next) = state.queues.with(py, |queues| queues.ready.pop_front()) else {
            state.counters.callbacks.take_back(count - called);
            break;
        };
        let outcome = if next.flags().has(Flags::CANCELLED) {
            state.counters.callbacks.take_back(1);
            Ok(())
        } else if TIMED || state.modes.any(Modes::DEBUG) {
            metrics::call(this, &next, clock)
        } else {
            handle::run(py, &next)
        };
        next.leave_queue(py);
        outcome.inspect_err(|_| state.counters.callbacks.take_back(count - called - 1))?;
    }
    Ok(())
}
