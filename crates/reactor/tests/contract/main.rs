//! The rules of a backend, tested on each real one. They are at the top of `src/sys/mod.rs`.
//!
//! Two rules whose tests need system calls, those on signals and `fork()`, are tested in `src/sys/tests.rs`, where
//! unsafe code is allowed.
//!
//! On Linux kqueue is tested on an emulation, if that is installed (Ubuntu has it as `libkqueue-dev`): `cargo test -p
//! vitok-reactor --features libkqueue`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod arming;
mod bench;
mod lifetime;
mod readiness;
mod registration;
mod sharing;
mod waking;

/// Makes a test of each rule, for one backend.
macro_rules! contract {
    ($name:ident, $backend:ty, $($topic:ident::$rule:ident)*) => {
        mod $name {
            $(#[test] fn $rule() { crate::$topic::$rule::<$backend>() })*
        }
    };
}

#[cfg(any(target_os = "linux", target_os = "android"))]
contract! {
    epoll, reactor::sys::epoll::Epoll,
    readiness::nothing_ready_is_a_timeout
    readiness::a_level_is_reported_by_each_wait
    readiness::an_edge_is_reported_once
    readiness::both_directions_come_in_one_wait
    readiness::only_what_was_asked_for_is_reported
    readiness::a_change_reports_again_what_holds
    sharing::an_exclusive_registration_is_a_level_and_can_be_changed
    sharing::a_change_registers_a_shared_file_that_is_not_watched
    registration::registering_twice_replaces
    registration::changing_what_is_not_watched_registers_it
    registration::nothing_is_reported_after_deregistering
    registration::an_empty_interest_is_refused
    registration::a_closed_number_is_refused
    registration::deregistering_what_is_gone_is_silence
    registration::a_number_used_again_reports_to_its_new_owner
    readiness::a_hangup_is_readable_and_writable
    readiness::a_half_close_is_no_hangup
    readiness::a_pipe_without_reader_is_writable
    waking::a_wake_ends_a_wait_in_another_thread
    waking::a_wake_before_the_wait_is_not_lost
    waking::several_wakes_are_one_event
    waking::a_bell_wakes_once_for_each_sleep
    lifetime::starting_over_watches_only_what_lives
    lifetime::starting_over_says_what_it_could_not_register
    lifetime::a_waker_survives_starting_over
    lifetime::events_stay_readable_until_the_next_wait
    waking::a_timeout_is_never_early
    waking::a_long_timeout_does_not_delay_an_event
    lifetime::closing_gives_every_descriptor_back
    arming::an_event_is_news_at_once
    arming::another_threads_event_is_news_when_its_call_has_returned
    arming::a_change_that_finds_something_ready_is_news
    arming::arming_in_another_thread_works_there
    arming::starting_over_disarms
    arming::a_hint_that_is_refused_is_never_given
    // epoll refuses it with EPERM; kqueue accepts it and reports it as always ready.
    registration::a_regular_file_is_refused
    // macOS allows 256 descriptors, no more than one wait reports.
    readiness::more_than_one_wait_can_report_comes_with_the_next
}

#[cfg(any(target_os = "macos", target_os = "freebsd", feature = "libkqueue"))]
contract! {
    kqueue, reactor::sys::kqueue::Kqueue,
    readiness::nothing_ready_is_a_timeout
    readiness::a_level_is_reported_by_each_wait
    readiness::an_edge_is_reported_once
    readiness::only_what_was_asked_for_is_reported
    readiness::a_change_reports_again_what_holds
    sharing::an_exclusive_registration_is_a_level_and_can_be_changed
    sharing::a_change_registers_a_shared_file_that_is_not_watched
    registration::registering_twice_replaces
    registration::changing_what_is_not_watched_registers_it
    registration::nothing_is_reported_after_deregistering
    registration::an_empty_interest_is_refused
    registration::deregistering_what_is_gone_is_silence
    registration::a_number_used_again_reports_to_its_new_owner
    readiness::a_half_close_is_no_hangup
    waking::a_wake_ends_a_wait_in_another_thread
    waking::a_wake_before_the_wait_is_not_lost
    waking::several_wakes_are_one_event
    waking::a_bell_wakes_once_for_each_sleep
    lifetime::starting_over_watches_only_what_lives
    lifetime::a_waker_survives_starting_over
    lifetime::events_stay_readable_until_the_next_wait
    waking::a_long_timeout_does_not_delay_an_event
    arming::an_event_is_news_at_once
}

// libkqueue 2.3.1, which replaces the kernel on Linux, fails these.
#[cfg(any(target_os = "macos", target_os = "freebsd"))]
contract! {
    kqueue_of_a_kernel, reactor::sys::kqueue::Kqueue,
    // It ignores the error of a change, with or without a receipt.
    registration::a_closed_number_is_refused
    lifetime::starting_over_says_what_it_could_not_register
    // It keeps each descriptor in an epoll set of its own, which has room for one direction.
    readiness::both_directions_come_in_one_wait
    readiness::a_hangup_is_readable_and_writable
    // It reports no end of file for the writer of a pipe.
    readiness::a_pipe_without_reader_is_writable
    // It waits for 2.1 ms when asked for 2.5 ms, and for 3 ms when asked for 1.
    waking::a_timeout_is_never_early
    // It closes descriptors later, from a thread of its own.
    lifetime::closing_gives_every_descriptor_back
}
