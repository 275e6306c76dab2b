//! What ends a wait apart from descriptors: wakers and timeouts.

use std::os::unix::net::UnixStream;
use std::thread;
use std::time::Duration;

use reactor::{Backend, Interest, Readiness, Timeout, Token, Trigger, Wakeup, monotonic_ns};

use crate::bench::{Bench, LONG, TOKEN};

pub(crate) fn a_wake_ends_a_wait_in_another_thread<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let waker = bench.poller.waker();
    thread::scope(|scope| {
        scope.spawn(move || waker.wake().unwrap());
        assert_eq!(bench.reported(LONG), [(Token::WAKER, Readiness::READABLE)]);
    });
    assert_eq!(bench.reported(Timeout::Now), []);
}

pub(crate) fn a_wake_before_the_wait_is_not_lost<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let waker = bench.poller.waker();
    for _ in 0..3 {
        waker.wake().unwrap();
        assert_eq!(bench.reported(Timeout::Now), [(Token::WAKER, Readiness::READABLE)]);
        assert_eq!(bench.reported(Timeout::Now), []);
    }
}

pub(crate) fn several_wakes_are_one_event<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let wakers = [bench.poller.waker(), bench.poller.waker()];
    assert!(wakers[0] == wakers[1]);
    for waker in &wakers {
        waker.wake().unwrap();
    }
    assert_eq!(bench.poller.wait(Timeout::Now).unwrap(), 1);
    assert_eq!(bench.poller.wait(Timeout::Now).unwrap(), 0);
}

pub(crate) fn a_bell_wakes_once_for_each_sleep<B: Backend>() {
    /// How many threads wake at once, and for how many sleeps.
    const RINGERS: usize = 3;
    const SLEEPS: usize = 20;
    let mut bench = Bench::<B>::new();
    let wakeup = Wakeup::new(bench.poller.waker());
    for _ in 0..SLEEPS {
        wakeup.prepare_to_sleep();
        thread::scope(|scope| {
            for _ in 0..RINGERS {
                scope.spawn(|| wakeup.ring().unwrap());
            }
            assert_eq!(bench.reported(LONG), [(Token::WAKER, Readiness::READABLE)]);
        });
        wakeup.awake();
        assert_eq!(bench.reported(Timeout::Now), []);
    }
}

pub(crate) fn a_timeout_is_never_early<B: Backend>() {
    let mut bench = Bench::<B>::new();
    for wait_us in [1, 50, 200, 200, 200, 999, 1_000, 1_001, 2_500] {
        let wait = Duration::from_micros(wait_us);
        let start = monotonic_ns();
        assert_eq!(bench.poller.wait(Timeout::After(wait)).unwrap(), 0);
        let waited = Duration::from_nanos(monotonic_ns() - start);
        assert!(waited >= wait, "{waited:?} instead of {wait:?}");
    }
}

pub(crate) fn a_long_timeout_does_not_delay_an_event<B: Backend>() {
    let mut bench = Bench::<B>::new();
    let (_peer, watched) = UnixStream::pair().unwrap();
    bench.register(&watched, Interest::WRITABLE, Trigger::Level);
    for timeout in [Timeout::After(Duration::MAX), Timeout::Never] {
        assert_eq!(bench.reported(timeout), [(TOKEN, Readiness::WRITABLE)]);
    }
}
