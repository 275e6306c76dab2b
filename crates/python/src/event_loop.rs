//! Running: one turn after the other until somebody says stop.
//!
//! A turn is: look at the descriptors (or sleep in front of them), move due timers behind what is ready, call what is ready.
//! What the callbacks add waits for the next turn. Any callback may re-enter the loop's methods, so no borrow of its state
//! is alive while one runs; after each the state is asked anew.

use std::io;

use pyo3::prelude::*;
use reactor::{Deadline, PollStep, Timeout};

use crate::dispatch;
use crate::ffi::answer::{none, truth};
use crate::ffi::handle_object::{Flags, Handle};
use crate::ffi::interpreter::{check_signals, to_seconds};
use crate::ffi::make;
use crate::ffi::method::{Entry, Method, is_entry, no_arguments};
use crate::ffi::this::This;
use crate::ffi::trampoline::ErrorSet;
use crate::loop_state::{EventLoop, Modes, Queues};
use crate::name;
use crate::poll_events::take_events;
use crate::registry::Registry;
use crate::{handle, sock};

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
    make::float(this.py(), clock())
}

fn run_once(this: This<'_, EventLoop>) -> Result<Bound<'_, PyAny>, ErrorSet> {
    let py = this.py();
    this.check_open()?;
    this.expect_events(py);
    turn(&this.to_owned())?;
    Ok(none(py))
}

#[inline(always)]
fn clock() -> f64 {
    reactor::seconds(reactor::monotonic_ns())
}

impl EventLoop {
    /// The time that deadlines are compared with: the clock's, or what `loop.time` was replaced by.
    #[inline(always)]
    pub(crate) fn now(&self, this: This<'_, Self>) -> Result<f64, ErrorSet> {
        if self.modes.any(Modes::OWN_TIME) {
            return to_seconds(this.object().call_method0(name!("time"))?.as_borrowed());
        }
        Ok(clock())
    }
}

/// `run_forever` between its set-up and its end: turns, until `stop()`.
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
            // Closed under way, as close() refuses but who goes behind its back may: nothing would wake the loop again.
            return if state.modes.any(Modes::STOPPING) { Ok(()) } else { state.check_open() };
        }
    }
}

/// One turn.
fn turn(this: &Bound<'_, EventLoop>) -> Result<(), ErrorSet> {
    let py = this.py();
    let state = this.get();
    if !state.remote_queue.is_empty() {
        state.collect_mail(py);
    }
    let (busy, look, deadline, ready_before, last_look) = state.queues.with(py, |queues| {
        let deadline = queues.next_deadline();
        let last_look = queues.closed_check.last_if_due();
        (queues.is_busy(), queues.next_look(), deadline, queues.ready.len(), last_look)
    });
    if !busy && !state.modes.any(Modes::STOPPING) {
        sleep(this, deadline, last_look)?;
    } else if state.is_due(py, look) {
        glance(this)?;
    }
    if deadline.is_some() {
        let now = state.now(this.into())?;
        state.queues.with(py, |queues| queues.move_due(Deadline::from_seconds(now)));
    }
    call_ready(this, ready_before)?;
    if state.queues.with(py, |queues| !queues.unsent.is_empty()) {
        dispatch::flush(this)?;
    }
    Ok(())
}

/// Why a busy turn may have to look at the descriptors.
enum Look {
    /// It is time to see to signals and other threads, whatever has happened.
    Due,
    /// Something has happened that may have made a descriptor ready.
    IfReady,
    /// Nothing has happened since the last look.
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

/// A look at the descriptors that cannot block.
fn glance(this: &Bound<'_, EventLoop>) -> Result<(), ErrorSet> {
    let py = this.py();
    // Before the poll: a handler of Python's may poll itself, and the events are those of the last poll.
    check_signals(py)?;
    let step = this.get().queues.with(py, |queues| {
        queues.has_acted = false;
        queues.poll_budget.renew(reactor::monotonic_ns())
    });
    let outcome = match step {
        PollStep::Poll => this.get().registry.with(py, Registry::poll),
        PollStep::PollAndShare => wait_without_gil(py, this.get(), Timeout::Now),
    };
    take_events(this, outcome)
}

/// Nothing is ready: waits for an event, a timer, another thread or a signal. `last_look` is when the operations of `sock_*`
/// were last looked after, if that is due again.
fn sleep(
    this: &Bound<'_, EventLoop>,
    deadline: Option<Deadline>,
    last_look: Option<u64>,
) -> Result<(), ErrorSet> {
    let py = this.py();
    let state = this.get();
    let mut timeout = match deadline {
        Some(deadline) => deadline.wait_from(state.now(this.into())?),
        None => Timeout::Never,
    };
    if state.modes.any(Modes::OWN_TIME) && state.queues.with(py, |queues| !queues.ready.is_empty()) {
        // The clock is the user's, and what it did has to be called first.
        return Ok(());
    }
    if let Some(last_ns) = last_look {
        timeout = sock::limit_sleep(py, state, timeout, last_ns)?;
    }
    if timeout == Timeout::Now {
        let look = state.queues.with(py, |queues| queues.next_look());
        return if state.is_due(py, look) { glance(this) } else { Ok(()) };
    }
    state.wakeup.prepare_to_sleep();
    let outcome = if state.remote_queue.is_empty() { wait_without_gil(py, state, timeout) } else { Ok(0) };
    state.wakeup.awake();
    state.queues.with(py, |queues| {
        queues.has_acted = outcome.is_err();
        queues.poll_budget.slept();
    });
    if !state.remote_queue.is_empty() {
        state.collect_mail(py);
    }
    take_events(this, outcome)
}

/// Waits while other threads may run Python. They may change what is watched meanwhile: that is settled afterwards.
fn wait_without_gil(py: Python<'_>, state: &EventLoop, timeout: Timeout) -> io::Result<usize> {
    if timeout == Timeout::Now && !state.registry.with(py, |registry| registry.has_anything_to_poll()) {
        py.detach(|| ());
        return Ok(0);
    }
    let Some(mut poller) = state.registry.with(py, |registry| registry.poller.take()) else {
        return Ok(0);
    };
    let (poller, outcome) = py.detach(move || {
        let outcome = poller.wait(timeout);
        (poller, outcome)
    });
    // Who closed the loop meanwhile has found none to close.
    let closed = state.registry.with(py, |registry| {
        if state.modes.any(Modes::CLOSED) {
            return Some(poller);
        }
        registry.poller.replace(poller)
    });
    drop(closed);
    outcome
}

/// Calls what is ready now, and delivers events between what was ready before the poll and what came of it: the order in
/// which asyncio calls them, where all of these are handles.
fn call_ready(this: &Bound<'_, EventLoop>, before: usize) -> Result<(), ErrorSet> {
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
    if !has_events {
        return call_handles(this, count);
    }
    let before = before.min(count);
    let called = call_handles(this, before);
    // The events leave the list in any case: what an exception leaves undelivered the kernel reports again.
    let events = state.queues.with(py, |queues| std::mem::take(&mut queues.due));
    called?;
    let event_count = events.len();
    let delivered = dispatch::deliver(this, events);
    state.queues.with(py, |queues| {
        queues.has_acted |= std::mem::take(&mut queues.harmless_events) < event_count;
    });
    delivered?;
    call_handles(this, count - before)
}

/// Calls so many handles from the front of the queue.
#[inline(always)]
fn call_handles(this: &Bound<'_, EventLoop>, count: usize) -> Result<(), ErrorSet> {
    let py = this.py();
    let state = this.get();
    for _ in 0..count {
        let Some(next) = state.queues.with(py, |queues| queues.ready.pop_front()) else {
            break;
        };
        let outcome = if next.flags().has(Flags::CANCELLED) {
            Ok(())
        } else if state.modes.any(Modes::DEBUG) {
            call_in_debug_mode(this, &next)
        } else {
            handle::run(py, &next)
        };
        next.leave_queue(py);
        outcome?;
    }
    Ok(())
}

/// Debug mode times each callback, and the loop knows which handle runs.
#[cold]
fn call_in_debug_mode(this: &Bound<'_, EventLoop>, next: &Handle) -> Result<(), ErrorSet> {
    let py = this.py();
    let state = this.get();
    let object = next.to_object(py);
    let previous =
        state.settings.with(py, |settings| settings.current_handle.replace(object.clone().unbind()));
    drop(previous);
    if next.flags().has(Flags::CANCELLED) {
        return Ok(());
    }
    let started = clock();
    let outcome = handle::run(py, next);
    let seconds = clock() - started;
    let current = state.settings.with(py, |settings| settings.current_handle.take());
    drop(current);
    outcome?;
    state.imports.hooks.report_slow_callback(py, this, object, make::float(py, seconds)?)?;
    Ok(())
}
