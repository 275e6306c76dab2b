//! Ends the process at a set time, whatever its threads are doing.
//!
//! A thread of its own waits for that time. It needs no lock of other code, and so not the GIL, which code that never
//! returns may hold. A process has one such end; setting another replaces it.

use std::io;
use std::sync::{Condvar, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::sys::process;

/// How long writing the message to standard error may take, since that can block as well. On a machine under load its
/// thread may have to wait for a turn.
const MESSAGE: Duration = Duration::from_secs(1);
/// How long it may take until a signal that this process sends itself is delivered.
const DELIVERY: Duration = Duration::from_millis(200);
const STANDARD_ERROR: i32 = 2;

/// The number of ends set so far. A thread that waits for an earlier one gives up.
static LATEST: Mutex<u64> = Mutex::new(0);
static CHANGED: Condvar = Condvar::new();

/// How the process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// With an exit code; nothing more of the program runs.
    Code(i32),
    /// As if this signal had no handler.
    Signal(i32),
}

/// Ends the process after this time, writing a message before, and replaces an end that was set earlier.
///
/// # Errors
///
/// The kernel's, if there can be no new thread. The earlier end is cancelled in any case.
pub fn exit_after(time: Duration, exit: Exit, message: Vec<u8>) -> io::Result<()> {
    let number = next();
    let until = Instant::now().checked_add(time);
    let wait = move || {
        process::block_signals();
        if is_over(number, until) {
            write_message(message);
            end_process(exit);
        }
    };
    thread::Builder::new().name("vitok exit".to_owned()).spawn(wait).map(drop)
}

fn next() -> u64 {
    let mut latest = LATEST.lock().unwrap_or_else(PoisonError::into_inner);
    *latest += 1;
    CHANGED.notify_all();
    *latest
}

/// Waits until the time; returns false if another end was set meanwhile. A time beyond the range of the clock never
/// comes.
fn is_over(number: u64, until: Option<Instant>) -> bool {
    let mut latest = LATEST.lock().unwrap_or_else(PoisonError::into_inner);
    while *latest == number {
        let left = until.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
        if left.is_zero() {
            return true;
        }
        latest = CHANGED.wait_timeout(latest, left).unwrap_or_else(PoisonError::into_inner).0;
    }
    false
}

/// Writes the message, if that does not take long. A failure cannot be reported anywhere.
fn write_message(message: Vec<u8>) {
    let (said, outcome) = mpsc::channel();
    let write = move || drop(said.send(process::write(STANDARD_ERROR, &message)));
    if thread::Builder::new().spawn(write).is_ok() {
        drop(outcome.recv_timeout(MESSAGE));
    }
}

/// Ends the process now; nothing more of the program runs.
pub fn end_process(exit: Exit) -> ! {
    let code = match exit {
        Exit::Code(code) => code,
        Exit::Signal(signal) => {
            if process::die_of(signal).is_ok() {
                // The signal is delivered to some thread, soon.
                thread::sleep(DELIVERY);
            }
            // The first process of a container does not die of a signal.
            128 + signal
        }
    };
    process::exit(code)
}
