//! The end of the process at a time that is set beforehand, whatever its threads are doing then.
//!
//! A thread of its own waits for it, and needs no lock of anybody's: not the interpreter's, which code that never returns
//! may hold. There is one such end to a process; whoever sets another one takes the place of the last.

use std::io;
use std::sync::{Condvar, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::sys::process;

/// What a message on the standard error may take, which can block as well.
const MESSAGE: Duration = Duration::from_millis(200);
const STANDARD_ERROR: i32 = 2;

/// How many ends were set so far: whoever waits for an earlier one gives up.
static LATEST: Mutex<u64> = Mutex::new(0);
static CHANGED: Condvar = Condvar::new();

/// How a process ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// With a code; nothing more of the program runs.
    Code(i32),
    /// As if nobody handled this signal.
    Signal(i32),
}

/// Ends the process after this time, and says a line before; replaces what was set before.
///
/// # Errors
///
/// The kernel's, where there is no thread to be had; what was set before is gone all the same.
pub fn exit_after(time: Duration, exit: Exit, message: Vec<u8>) -> io::Result<()> {
    let number = next();
    let until = Instant::now().checked_add(time);
    let wait = move || {
        process::block_signals();
        if is_over(number, until) {
            say(message);
            end(exit);
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

/// Waits for that time; false if another end was set meanwhile. A time beyond all clocks never comes.
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

/// Writes the message, if that needs no long wait. Nobody is left who could be told that it failed.
fn say(message: Vec<u8>) {
    let (said, outcome) = mpsc::channel();
    let write = move || drop(said.send(process::write(STANDARD_ERROR, &message)));
    if thread::Builder::new().spawn(write).is_ok() {
        drop(outcome.recv_timeout(MESSAGE));
    }
}

fn end(exit: Exit) -> ! {
    let code = match exit {
        Exit::Code(code) => code,
        Exit::Signal(signal) => {
            if process::die_of(signal).is_ok() {
                // It arrives in some thread, soon.
                thread::sleep(MESSAGE);
            }
            // The first process of a container does not die of a signal.
            128 + signal
        }
    };
    process::exit(code)
}
