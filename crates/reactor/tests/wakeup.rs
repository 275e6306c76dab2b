//! The wake-up of a loop: how often it writes, and that no message is missed by a sleeping loop.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use reactor::sys::Wake;
use reactor::{Poller, Timeout, Waker, Wakeup};

/// A waker that only counts.
#[derive(Debug, Default)]
struct Counter(AtomicUsize);

impl Counter {
    fn writes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Counter {
    fn wake(&self) -> io::Result<()> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

fn counted() -> (Wakeup, Arc<Counter>) {
    let counter = Arc::new(Counter::default());
    (Wakeup::new(Waker::new(Arc::clone(&counter))), counter)
}

#[test]
fn an_awake_loop_is_not_written_to() {
    let (wakeup, counter) = counted();
    wakeup.ring().unwrap();
    wakeup.prepare_to_sleep();
    wakeup.awake();
    wakeup.ring().unwrap();
    assert_eq!(counter.writes(), 0);
}

#[test]
fn each_sleep_is_written_to_once() {
    let (wakeup, counter) = counted();
    for sleeps in 1..=3 {
        wakeup.prepare_to_sleep();
        assert!(wakeup.is_asleep());
        for _ in 0..5 {
            wakeup.ring().unwrap();
            assert!(!wakeup.is_asleep());
        }
        assert_eq!(counter.writes(), sleeps);
        wakeup.awake();
    }
}

#[test]
fn many_ringers_at_once_write_once() {
    /// Enough threads to collide; each call is a handful of instructions.
    const RINGERS: usize = 4;
    let (wakeup, counter) = counted();
    for sleeps in 1..=50 {
        wakeup.prepare_to_sleep();
        thread::scope(|scope| {
            for _ in 0..RINGERS {
                scope.spawn(|| wakeup.ring().unwrap());
            }
        });
        wakeup.awake();
        assert_eq!(counter.writes(), sleeps);
    }
}

#[test]
fn another_waker_can_take_over() {
    let (wakeup, first) = counted();
    let second = Arc::new(Counter::default());
    wakeup.replace_waker(Waker::new(Arc::clone(&second)));
    wakeup.prepare_to_sleep();
    wakeup.ring().unwrap();
    assert_eq!((first.writes(), second.writes()), (0, 1));
}

#[test]
fn a_failing_wake_is_the_ringers_to_hear_of() {
    #[derive(Debug)]
    struct Broken;
    impl Wake for Broken {
        fn wake(&self) -> io::Result<()> {
            Err(io::Error::from_raw_os_error(libc::EBADF))
        }
    }
    let wakeup = Wakeup::new(Waker::new(Arc::new(Broken)));
    wakeup.ring().unwrap();
    wakeup.prepare_to_sleep();
    assert_eq!(wakeup.ring().unwrap_err().raw_os_error(), Some(libc::EBADF));
}

#[test]
fn no_message_is_slept_over() {
    const RINGERS: usize = 3;
    const MESSAGES_EACH: usize = 20_000;
    /// Much longer than anything here takes: a wait of this length means that a message was lost.
    const LOST: Timeout = Timeout::After(Duration::from_secs(20));

    let mut poller = Poller::new().unwrap();
    let wakeup = Wakeup::new(poller.waker());
    let inbox = Mutex::new(Vec::new());
    let mut received = 0;
    thread::scope(|scope| {
        for _ in 0..RINGERS {
            scope.spawn(|| {
                for message in 0..MESSAGES_EACH {
                    inbox.lock().unwrap().push(message);
                    wakeup.ring().unwrap();
                }
            });
        }
        while received < RINGERS * MESSAGES_EACH {
            wakeup.prepare_to_sleep();
            if inbox.lock().unwrap().is_empty() {
                assert_eq!(poller.wait(LOST).unwrap(), 1, "{received} messages came, then none");
            }
            wakeup.awake();
            received += std::mem::take(&mut *inbox.lock().unwrap()).len();
        }
    });
    assert_eq!(received, RINGERS * MESSAGES_EACH);
}

#[test]
fn a_disconnected_bell_writes_nowhere() {
    let (wakeup, counter) = counted();
    wakeup.prepare_to_sleep();
    wakeup.disconnect();
    wakeup.ring().unwrap();
    assert_eq!(counter.writes(), 0);
    assert_eq!(Arc::strong_count(&counter), 1);
}
