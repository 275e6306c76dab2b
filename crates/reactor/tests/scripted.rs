//! The poller's own policy, over a kernel that follows a script.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io;
use std::time::Duration;

use reactor::sys::fake::{Asked, Script};
use reactor::{Event, Interest, MAX_WAIT, Poller, Readiness, Timeout, Token, Trigger};

const TOKEN: Token = Token::new(0, 0);

#[test]
fn waits_are_capped_at_a_day_and_otherwise_passed_on() {
    let script = Script::new();
    let mut poller = Poller::with_backend(script.backend());
    let second = Timeout::After(Duration::from_secs(1));
    for timeout in [Timeout::Now, second, Timeout::After(Duration::MAX), Timeout::Never] {
        script.wait_brings([]);
        assert_eq!(poller.wait(timeout).unwrap(), 0);
    }
    let asked = [Timeout::Now, second, Timeout::After(MAX_WAIT), Timeout::Never].map(Asked::Wait);
    assert_eq!(script.asked(), asked);
}

#[test]
fn an_interrupted_wait_comes_back_as_such_and_is_not_repeated() {
    let script = Script::new();
    script.wait_fails(libc::EINTR);
    script.wait_brings([Event { token: TOKEN, readiness: Readiness::READABLE }]);
    let mut poller = Poller::with_backend(script.backend());
    assert_eq!(poller.wait(Timeout::Never).unwrap_err().kind(), io::ErrorKind::Interrupted);
    assert_eq!(script.asked().len(), 1);
    assert_eq!(poller.wait(Timeout::Never).unwrap(), 1);
    assert_eq!(poller.event(0).token, TOKEN);
}

#[test]
fn a_wait_past_the_end_of_the_script_is_an_error() {
    let mut poller = Poller::with_backend(Script::new().backend());
    assert_eq!(poller.wait(Timeout::Never).unwrap_err().kind(), io::ErrorKind::Other);
}

#[test]
fn an_empty_interest_never_reaches_the_kernel() {
    let script = Script::new();
    let mut poller = Poller::with_backend(script.backend());
    assert!(poller.register(3, TOKEN, Interest::NONE, Trigger::Level).is_err());
    assert_eq!(script.asked(), []);
}

#[test]
fn rebuilding_registers_the_living_and_names_the_failures() {
    let script = Script::new();
    let mut poller = Poller::with_backend(script.backend());
    script.change_succeeds();
    script.change_fails(libc::EBADF);
    let live = [(3, TOKEN, Interest::READABLE, Trigger::Level), (4, TOKEN, Interest::BOTH, Trigger::Edge)];
    let failures = poller.rebuild(live.into_iter()).unwrap();
    assert_eq!(failures.len(), 1);
    assert_eq!((failures[0].0, failures[0].1.raw_os_error()), (3, Some(libc::EBADF)));
    let registered = live.map(|(fd, token, interest, trigger)| Asked::Register(fd, token, interest, trigger));
    assert_eq!(script.asked(), [Asked::StartOver, registered[0], registered[1]]);
}

#[test]
fn a_set_that_cannot_be_replaced_leaves_the_registrations_alone() {
    let script = Script::new();
    let mut poller = Poller::with_backend(script.backend());
    script.change_fails(libc::EMFILE);
    let live = [(3, TOKEN, Interest::READABLE, Trigger::Level)];
    let refused = poller.rebuild(live.into_iter()).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(libc::EMFILE));
    assert_eq!(script.asked(), [Asked::StartOver]);
}

#[test]
fn wakes_and_changes_are_recorded_in_order() {
    let script = Script::new();
    let mut poller = Poller::with_backend(script.backend());
    assert_eq!((poller.backend_name(), poller.raw_fd()), ("scripted", -1));
    poller.waker().wake().unwrap();
    poller.reregister(3, TOKEN, Interest::WRITABLE, Trigger::Edge).unwrap();
    poller.deregister(3, Interest::WRITABLE).unwrap();
    let asked = [
        Asked::Wake,
        Asked::Reregister(3, TOKEN, Interest::WRITABLE, Trigger::Edge),
        Asked::Deregister(3, Interest::WRITABLE),
    ];
    assert_eq!(script.asked(), asked);
}
