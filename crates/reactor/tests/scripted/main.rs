//! The poller's own policy, with a kernel that follows a script.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod fake;

use std::io;
use std::time::Duration;

use fake::{Asked, Script, Scripted};
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
    assert_eq!(poller.backend_name(), "scripted");
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

/// Makes polls that find nothing, and returns how often the kernel was armed.
fn quiet_polls(poller: &mut Poller<Scripted>, script: &Script, count: usize) -> usize {
    for _ in 0..count {
        script.wait_brings([]);
        assert_eq!(poller.wait(Timeout::Now).unwrap(), 0);
    }
    script.asked().iter().filter(|asked| **asked == Asked::Arm).count()
}

/// Creates a poller that was just armed for the first time, and whose last poll found nothing.
fn silent() -> (Poller<Scripted>, Script) {
    let script = Script::new();
    script.can_arm();
    let mut poller = Poller::with_backend(script.backend());
    while poller.may_be_ready() {
        quiet_polls(&mut poller, &script, 1);
    }
    (poller, script)
}

#[test]
fn a_kernel_is_armed_after_many_polls_that_found_nothing() {
    let script = Script::new();
    script.can_arm();
    let mut poller = Poller::with_backend(script.backend());
    assert_eq!(quiet_polls(&mut poller, &script, 200), 0);
    assert!(poller.may_be_ready());
    assert_eq!(quiet_polls(&mut poller, &script, 100), 1);
    assert!(!poller.may_be_ready());
}

#[test]
fn news_make_polls_due_until_some_of_them_found_nothing() {
    let (mut poller, script) = silent();
    script.tell();
    assert!(poller.may_be_ready());
    assert_eq!(quiet_polls(&mut poller, &script, 4), 0);
    assert!(poller.may_be_ready());
    assert_eq!(quiet_polls(&mut poller, &script, 1), 1);
    assert!(!poller.may_be_ready());
}

#[test]
fn an_event_begins_the_count_anew() {
    let (mut poller, script) = silent();
    script.tell();
    assert!(poller.may_be_ready());
    quiet_polls(&mut poller, &script, 3);
    script.wait_brings([Event { token: TOKEN, readiness: Readiness::READABLE }]);
    assert_eq!(poller.wait(Timeout::Now).unwrap(), 1);
    assert_eq!(quiet_polls(&mut poller, &script, 4), 0);
    assert_eq!(quiet_polls(&mut poller, &script, 1), 1);
}

#[test]
fn a_poll_that_finds_something_right_after_arming_leaves_polls_due() {
    let (mut poller, script) = silent();
    script.tell();
    assert!(poller.may_be_ready());
    quiet_polls(&mut poller, &script, 4);
    script.wait_brings([Event { token: TOKEN, readiness: Readiness::READABLE }]);
    assert_eq!(poller.wait(Timeout::Now).unwrap(), 1);
    assert_eq!(script.asked(), [Asked::Arm, Asked::Wait(Timeout::Now)]);
    assert!(poller.may_be_ready(), "a level that holds is no news to the kernel");
}

#[test]
fn a_sleep_that_brings_something_makes_polls_due() {
    let (mut poller, script) = silent();
    script.wait_brings([]);
    assert_eq!(poller.wait(Timeout::After(Duration::from_secs(1))).unwrap(), 0);
    assert!(!poller.may_be_ready(), "the sleep found nothing");
    script.wait_brings([Event { token: TOKEN, readiness: Readiness::READABLE }]);
    assert_eq!(poller.wait(Timeout::Never).unwrap(), 1);
    assert!(poller.may_be_ready());
}

#[test]
fn doubt_an_error_and_a_new_set_make_polls_due() {
    let (mut poller, script) = silent();
    poller.doubt();
    assert!(poller.may_be_ready());
    let (mut poller, script_of_error) = silent();
    script_of_error.wait_fails(libc::EINTR);
    assert!(poller.wait(Timeout::Never).is_err());
    assert!(poller.may_be_ready());
    let (mut poller, _script) = silent();
    poller.rebuild(std::iter::empty()).unwrap();
    assert!(poller.may_be_ready());
    drop(script);
}

#[test]
fn a_kernel_that_cannot_be_armed_is_polled_for_ever() {
    let script = Script::new();
    let mut poller = Poller::with_backend(script.backend());
    quiet_polls(&mut poller, &script, 1000);
    assert!(poller.may_be_ready());
}
