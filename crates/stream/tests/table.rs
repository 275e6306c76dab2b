//! The tables at the top of `state` and `flow`, row by row.

use stream::{Admission, BadLimits, Closing, DatagramQueue, Drained, Flow, State, WriteEnd};

fn started() -> State {
    let mut state = State::new();
    state.start();
    state
}

fn draining() -> State {
    let mut state = started();
    assert_eq!(state.close(false), Closing::Drain);
    state
}

fn lost() -> State {
    let mut state = started();
    assert_eq!(state.lose(), Closing::Lose);
    state
}

#[test]
fn what_close_brings_about() {
    assert_eq!(started().close(true), Closing::Lose);
    assert_eq!(started().close(false), Closing::Drain);
    assert_eq!(draining().close(false), Closing::Nothing);
    assert_eq!(lost().close(true), Closing::Nothing);
}

#[test]
fn what_an_error_brings_about() {
    assert_eq!(started().lose(), Closing::Lose);
    assert_eq!(draining().lose(), Closing::Lose);
    assert_eq!(lost().lose(), Closing::Nothing);
}

#[test]
fn what_a_drained_queue_brings_about() {
    assert_eq!(started().drained(), Drained::Nothing);
    assert_eq!(draining().drained(), Drained::Lose);
    let mut ending = started();
    assert_eq!(ending.end_writing(true), WriteEnd::AfterDrain);
    assert_eq!(ending.drained(), Drained::Shutdown);
    assert_eq!(ending.drained(), Drained::Nothing, "the kernel is told once");
}

#[test]
fn what_becomes_of_a_write() {
    assert_eq!(started().admit(false), Admission::Queue);
    assert_eq!(started().admit(true), Admission::Nothing);
    assert_eq!(draining().admit(false), Admission::Queue, "asyncio takes it as long as something waits");
    let mut ended = started();
    assert_eq!(ended.end_writing(false), WriteEnd::Shutdown);
    assert_eq!(ended.admit(true), Admission::AfterEnd);
    let mut file = started();
    file.begin_file();
    assert_eq!(file.admit(false), Admission::FileInProgress);
    file.end_file();
    assert_eq!(file.admit(false), Admission::Queue);
}

#[test]
fn the_fifth_write_to_a_lost_connection_is_worth_a_warning() {
    let mut state = lost();
    let warnings: Vec<_> = (0..6).map(|_| state.admit(false)).collect();
    let quiet = Admission::Drop { warn: false };
    let loud = Admission::Drop { warn: true };
    assert_eq!(warnings, [quiet, quiet, quiet, quiet, loud, loud]);
    assert_eq!(state.admit(true), Admission::Nothing, "an empty write is none");
}

#[test]
fn what_the_kernel_is_asked_for() {
    let mut state = State::new();
    assert!(!state.interest().readable, "nothing is read before connection_made");
    assert!(state.pause_reading(), "a pause inside connection_made holds");
    state.start();
    assert!(!state.interest().readable);
    assert!(state.resume_reading() && state.interest().readable);
    state.set_blocked(true);
    assert!(state.interest().writable);
    state.peer_ended();
    assert!(
        !state.interest().readable && state.is_reading(),
        "is_reading() is asyncio's: neither paused nor closing"
    );
    state.lose();
    assert_eq!(state.interest(), stream::Interest::default());
    assert!(!state.pause_reading() && !state.resume_reading());
}

#[test]
fn marks_that_are_not_given_follow_the_other() {
    let cases = [
        (None, None, (16_384, 65_536)),
        (Some(100), None, (25, 100)),
        (None, Some(100), (100, 400)),
        (Some(0), None, (0, 0)),
        (Some(7), Some(7), (7, 7)),
    ];
    for (high, low, limits) in cases {
        let mut flow = Flow::new();
        flow.set_limits(high, low).unwrap();
        assert_eq!(flow.limits(), limits);
    }
}

#[test]
fn marks_that_contradict_each_other_are_refused_and_change_nothing() {
    let mut flow = Flow::new();
    for (high, low, told) in
        [(Some(1), Some(2), (1, 2)), (Some(-1), None, (-1, -1)), (Some(5), Some(-1), (5, -1))]
    {
        let refused = flow.set_limits(high, low).unwrap_err();
        assert_eq!(refused, BadLimits { high: told.0, low: told.1 });
        assert_eq!(
            refused.to_string(),
            format!("high ({}) must be >= low ({}) must be >= 0", told.0, told.1)
        );
        assert_eq!(flow.limits(), (16_384, 65_536));
    }
}

#[test]
fn a_datagram_counts_with_its_header() {
    let mut queue = DatagramQueue::new();
    queue.push(Vec::new(), 1).expect("there is memory");
    queue.push(vec![0; 10], 2).expect("there is memory");
    assert_eq!((queue.size(), queue.iter().count()), (26, 2));
    assert_eq!(queue.iter().map(|(_, address)| *address).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(queue.pop(), Some((Vec::new(), 1)));
    assert_eq!(queue.size(), 18);
    assert_eq!(queue.drain(), [(vec![0; 10], 2)]);
    assert!(queue.is_empty() && queue.size() == 0);
}
