//! Running: one turn after the other until somebody says stop.
//!
//! A turn is: look at the descriptors (or sleep in front of them), move due timers behind what is ready, call what is ready.
//! What the callbacks add waits for the next turn. Any callback may re-enter the loop's methods, so no borrow of its state
//! is alive while one runs; after each the state is asked anew.

use std::io;

use pyo3::prelude::*;
use reactor::{Deadline, Event, PollStep, Timeout, Token};

use crate::error::os_error;
use crate::ffi::handle_object::{Flags, Handle};
use crate::ffi::interpreter::{check_signals, to_seconds};
use crate::ffi::method::{Argument, Entry, Method, NoArguments, inside, is_entry};
use crate::ffi::raised::Raised;
use crate::kernel::Kernel;
use crate::lifetime::{self, rebuild};
use crate::loop_state::{EventLoop, Modes};
use crate::signals::{self, SIGNALS};
use crate::source;
use crate::watches::{Due, Kind, Waits, Watched, is_live};
use crate::{handle, no_arguments, sock};

/// Events in a row for registrations that no longer exist, after which the kernel's object is made anew: the sign of a
/// descriptor that was closed while a duplicate of it lives on, which the kernel reports for ever.
const STALE_EVENTS: u32 = 16;

pub(crate) fn methods() -> Vec<Method> {
    let method = |name, entry, doc| Method { name, entry, signature: "($self)".to_owned(), doc };
    vec![
        method("stop", no_arguments!(stop), "Leave run_forever() after the current turn."),
        method(
            "is_running",
            no_arguments!(is_running),
            "Whether run_forever() is on the stack of some thread.",
        ),
        method("is_closed", no_arguments!(is_closed), "Whether close() was called."),
        method("time", no_arguments!(time), "The loop's clock in seconds: time.monotonic()."),
        method("get_debug", no_arguments!(get_debug), "Whether debug mode is on."),
        method("_run_once", run_once_entry(), "One turn: poll, move due timers, call what is ready."),
    ]
}

fn run_once_entry() -> Entry {
    no_arguments!(run_once)
}

fn run_once_function() -> Option<NoArguments> {
    match run_once_entry() {
        Entry::NoArguments(function) => Some(function),
        Entry::Fastcall(_) => None,
    }
}

fn stop(receiver: Argument<'_>) -> Result<Bound<'_, PyAny>, Raised> {
    inside::<EventLoop>(receiver).modes.set(Modes::STOPPING, true);
    Ok(receiver.py().None().into_bound(receiver.py()))
}

fn is_running(receiver: Argument<'_>) -> Result<Bound<'_, PyAny>, Raised> {
    truth(receiver, inside::<EventLoop>(receiver).is_running())
}

fn is_closed(receiver: Argument<'_>) -> Result<Bound<'_, PyAny>, Raised> {
    truth(receiver, inside::<EventLoop>(receiver).modes.any(Modes::CLOSED))
}

fn get_debug(receiver: Argument<'_>) -> Result<Bound<'_, PyAny>, Raised> {
    truth(receiver, inside::<EventLoop>(receiver).modes.any(Modes::DEBUG))
}

#[inline(always)]
fn truth(receiver: Argument<'_>, value: bool) -> Result<Bound<'_, PyAny>, Raised> {
    Ok(value.into_pyobject(receiver.py()).map_err(PyErr::from)?.to_owned().into_any())
}

fn time(receiver: Argument<'_>) -> Result<Bound<'_, PyAny>, Raised> {
    Ok(clock().into_pyobject(receiver.py()).map_err(PyErr::from)?.into_any())
}

fn run_once(receiver: Argument<'_>) -> Result<Bound<'_, PyAny>, Raised> {
    let py = receiver.py();
    let this = receiver.to_owned().cast_into::<EventLoop>().map_err(PyErr::from)?;
    this.get().check_open()?;
    this.get().queues.with(py, |queues| queues.pace.poll_next());
    turn(&this)?;
    Ok(py.None().into_bound(py))
}

#[inline(always)]
fn clock() -> f64 {
    reactor::seconds(reactor::monotonic_ns())
}

impl EventLoop {
    /// The time that deadlines are compared with: the clock's, or what `loop.time` was replaced by.
    #[inline(always)]
    pub(crate) fn now(&self, receiver: Argument<'_>) -> Result<f64, Raised> {
        if self.modes.any(Modes::OWN_TIME) {
            return to_seconds(receiver.call_method0(&self.imports.names.time)?.as_borrowed());
        }
        Ok(clock())
    }
}

/// `run_forever` between its set-up and its end: turns, until `stop()`.
pub(crate) fn run(this: &Bound<'_, EventLoop>) -> PyResult<()> {
    let py = this.py();
    let state = this.get();
    let own = this.getattr(&state.imports.names.run_once)?;
    let replaced = !run_once_function().is_some_and(|function| is_entry(&own, function));
    loop {
        if replaced {
            own.call0()?;
        } else {
            turn(this).map_err(|raised| raised.take(py))?;
        }
        if state.modes.any(Modes::STOPPING) {
            return Ok(());
        }
    }
}

/// One turn.
fn turn(this: &Bound<'_, EventLoop>) -> Result<(), Raised> {
    let py = this.py();
    let state = this.get();
    if !state.mailbox.is_empty() {
        state.collect_mail(py);
    }
    let (busy, poll_due, deadline) = state.queues.with(py, |queues| {
        let deadline = queues.next_deadline();
        (queues.is_busy(), queues.pace.is_poll_due(), deadline)
    });
    if !busy && !state.modes.any(Modes::STOPPING) {
        sleep(this, deadline)?;
    } else if poll_due {
        glance(this)?;
    }
    if deadline.is_some() {
        let now = state.now(this.as_any().as_borrowed())?;
        state.queues.with(py, |queues| queues.move_due(Deadline::from_seconds(now)));
    }
    call_ready(this)?;
    if state.queues.with(py, |queues| !queues.unsent.is_empty()) {
        source::flush(py, state)?;
    }
    Ok(())
}

/// A look at the descriptors that cannot block.
fn glance(this: &Bound<'_, EventLoop>) -> Result<(), Raised> {
    let py = this.py();
    // Before the poll: a handler of Python's may poll itself, and the events are those of the last poll.
    check_signals(py)?;
    let step = this.get().queues.with(py, |queues| queues.pace.poll(reactor::monotonic_ns()));
    let outcome = match step {
        PollStep::Poll => this.get().kernel.with(py, Kernel::poll),
        PollStep::PollAndShare => wait_without_gil(py, this.get(), Timeout::Now),
    };
    take_events(this, outcome)
}

/// Nothing is ready: waits for an event, a timer, another thread or a signal.
fn sleep(this: &Bound<'_, EventLoop>, deadline: Option<Deadline>) -> Result<(), Raised> {
    let py = this.py();
    let state = this.get();
    let timeout = match deadline {
        Some(deadline) => deadline.wait_from(state.now(this.as_any().as_borrowed())?),
        None => Timeout::Never,
    };
    if state.modes.any(Modes::OWN_TIME) && state.queues.with(py, |queues| !queues.ready.is_empty()) {
        // The clock is the user's, and what it did has to be called first.
        return Ok(());
    }
    let timeout = sock::limit_sleep(py, state, timeout)?;
    if timeout == Timeout::Now {
        let poll_due = state.queues.with(py, |queues| queues.pace.is_poll_due());
        return if poll_due { glance(this) } else { Ok(()) };
    }
    state.doorbell.prepare_to_sleep();
    let outcome = if state.mailbox.is_empty() { wait_without_gil(py, state, timeout) } else { Ok(0) };
    state.doorbell.awake();
    state.queues.with(py, |queues| queues.pace.slept());
    if !state.mailbox.is_empty() {
        state.collect_mail(py);
    }
    take_events(this, outcome)
}

/// Waits while other threads may run Python. They may change what is watched meanwhile: that is settled afterwards.
fn wait_without_gil(py: Python<'_>, state: &EventLoop, timeout: Timeout) -> io::Result<usize> {
    let Some(mut poller) = state.kernel.with(py, |kernel| kernel.poller.take()) else {
        return Ok(0);
    };
    let (poller, outcome) = py.detach(move || {
        let outcome = poller.wait(timeout);
        (poller, outcome)
    });
    state.kernel.with(py, |kernel| kernel.poller = Some(poller));
    outcome
}

/// What a wait brought: callbacks of watched descriptors go behind what is ready, in the order of the events.
fn take_events(this: &Bound<'_, EventLoop>, outcome: io::Result<usize>) -> Result<(), Raised> {
    let py = this.py();
    let count = match outcome {
        Ok(count) => count,
        Err(error) if error.kind() == io::ErrorKind::Interrupted => return check_signals(py),
        Err(error) => return Err(os_error(&error, "polling the loop's descriptors").into()),
    };
    let state = this.get();
    let mut found = Found::default();
    state.kernel.with(py, |kernel| {
        if kernel.watches.is_unsettled() {
            found.refused = kernel.settle();
        }
        state.queues.with(py, |queues| {
            found.due = std::mem::take(&mut queues.due);
            found.collect(py, kernel, count, |handle| queues.ready.push_back(handle));
        });
    });
    let due = std::mem::take(&mut found.due);
    if !due.is_empty() {
        state.kernel.with(py, |kernel| kernel.watches.vigil.is_due = true);
    }
    if !found.is_plain() {
        found.handle_rest(this)?;
    }
    // What an exception leaves undelivered, here or there, the kernel reports again.
    if due.capacity() > 0 { source::deliver(py, state, due) } else { Ok(()) }
}

/// What a wait brought besides callbacks to call.
#[derive(Default)]
struct Found {
    signals: bool,
    stale: u32,
    cancelled: bool,
    refused: Vec<(Watched, io::Error)>,
    /// Events of sockets that were waited on and are no more.
    idle: Vec<Event>,
    /// Events of transports, listeners and waiting operations, which are delivered at once.
    due: Vec<Due>,
}

impl Found {
    fn collect(&mut self, py: Python<'_>, kernel: &Kernel, count: usize, mut push: impl FnMut(Handle)) {
        let Some(poller) = kernel.poller.as_ref() else {
            return;
        };
        for index in 0..count {
            let event = poller.event(index);
            if event.token == Token::WAKER {
                continue;
            }
            if event.token == SIGNALS {
                self.signals = true;
            } else if let Some(entry) = kernel.watches.get(event.token) {
                for source in entry.due_sources(event.readiness) {
                    self.due.push(Due {
                        kind: source.kind,
                        object: source.object.clone_ref(py),
                        readiness: event.readiness,
                    });
                }
                if let Some(waits) = &entry.waits {
                    self.collect_operations(py, waits, &event);
                }
                for handle in entry.watch.due(event.readiness) {
                    if is_live(handle) {
                        push(handle.clone_ref(py));
                    } else {
                        self.cancelled = true;
                    }
                }
            } else {
                self.stale += 1;
            }
        }
    }

    fn collect_operations(&mut self, py: Python<'_>, waits: &Waits, event: &Event) {
        for operation in waits.due(event.readiness) {
            let object = operation.clone_ref(py);
            self.due.push(Due { kind: Kind::Operation, object, readiness: event.readiness });
        }
        if waits.is_idle(event.readiness) {
            self.idle.push(*event);
        }
    }

    fn is_plain(&self) -> bool {
        !self.signals && !self.cancelled && self.stale == 0 && self.refused.is_empty() && self.idle.is_empty()
    }

    #[cold]
    fn handle_rest(self, this: &Bound<'_, EventLoop>) -> Result<(), Raised> {
        let py = this.py();
        let state = this.get();
        lifetime::report_dropped(this, self.refused)?;
        for event in &self.idle {
            // What the kernel has against it is said when somebody waits there again.
            let (displaced, _told) =
                state.kernel.with(py, |kernel| kernel.end_lingering(event.token, event.readiness));
            drop(displaced);
        }
        if self.cancelled {
            let dropped = state.kernel.with(py, Kernel::drop_cancelled);
            drop(dropped);
        }
        if self.stale > 0 && state.kernel.with(py, |kernel| kernel.note_stale(self.stale)) {
            // Without descriptors for a new object the old one serves on; the next stale events try again.
            if let Ok(refused) = rebuild(py, state) {
                lifetime::report_dropped(this, refused)?;
            }
        }
        if self.signals { signals::deliver(py, this) } else { Ok(()) }
    }
}

impl Kernel {
    /// A poll that cannot block; none where nothing but callbacks can be due.
    fn poll(&mut self) -> io::Result<usize> {
        if !self.has_anything_to_poll() {
            return Ok(0);
        }
        self.poller.as_mut().map_or(Ok(0), |poller| poller.wait(Timeout::Now))
    }

    /// Counts events that reached nobody; whether there were so many that the kernel's object has to be made anew.
    fn note_stale(&mut self, events: u32) -> bool {
        self.stale_events += events;
        let too_many = self.stale_events >= STALE_EVENTS;
        if too_many {
            self.stale_events = 0;
        }
        too_many
    }
}

/// Calls what was ready when the turn began.
fn call_ready(this: &Bound<'_, EventLoop>) -> Result<(), Raised> {
    let py = this.py();
    let state = this.get();
    let count = state.queues.with(py, |queues| {
        let count = queues.ready.len();
        queues.pace.note_turn(count);
        count
    });
    if count > 0 {
        state.kernel.with(py, |kernel| kernel.watches.vigil.is_due = true);
    }
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
fn call_in_debug_mode(this: &Bound<'_, EventLoop>, next: &Handle) -> Result<(), Raised> {
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
    state.imports.hooks.bind(py).call_method1("report_slow_callback", (this, object, seconds))?;
    Ok(())
}
