//! The queues of a connection against h2's client, which opens and closes windows and leaves.

mod pair;

use pair::Pair;
use proptest::prelude::*;

use crate::message::RequestId;
use crate::settings::Tick;

#[test]
fn content_arrives_in_parts_as_large_as_the_window() {
    let mut pair = Pair::connect(10_000, 1 << 20);
    let stream = pair.ask();
    let content: Vec<u8> = (0..100_000_u32).map(|at| (at % 251) as u8).collect();
    assert!(!pair.push(stream, &content));
    pair.complete(stream);
    assert_eq!(pair.read(stream), 10_000);
    assert_eq!(pair.read(stream), 10_000);
    pair.read_all(stream);
    let response = &pair.responses[&stream];
    assert!(response.is_complete && response.received == content);
}

#[test]
fn a_closed_window_holds_up_no_other_stream() {
    let mut pair = Pair::connect(20_000, 1 << 20);
    let (slow, fast) = (pair.ask(), pair.ask());
    pair.push(slow, &[1; 50_000]);
    pair.run();
    pair.push(fast, &[2; 50_000]);
    pair.complete(fast);
    pair.read_all(fast);
    assert!(pair.responses[&fast].is_complete);
    assert_eq!(pair.responses[&fast].received.len(), 50_000);
    pair.complete(slow);
    pair.read_all(slow);
    assert!(pair.responses[&slow].is_complete);
}

#[test]
fn a_sender_waits_while_much_is_unsent() {
    let mut pair = Pair::connect(65_535, 100_000);
    let stream = pair.ask();
    assert!(!pair.push(stream, &[1; 100_000]));
    assert!(pair.push(stream, &[1; 1]));
    pair.run();
    assert!(pair.drained.is_empty() == (100_001 - 65_535 > 50_000));
    assert!(pair.responses[&stream].sender.as_ref().unwrap().is_full() == pair.drained.is_empty());
    pair.read(stream);
    assert_eq!(pair.drained, [RequestId(stream)]);
    assert!(!pair.responses[&stream].sender.as_ref().unwrap().is_full());
}

#[test]
fn trailers_follow_the_content_that_waits() {
    let mut pair = Pair::connect(1000, 1 << 20);
    let stream = pair.ask();
    pair.push(stream, &[1; 5000]);
    let mut trailers = http_types::HeaderMap::new();
    trailers.insert("grpc-status", http_types::HeaderValue::from_static("0"));
    pair.responses.get_mut(&stream).unwrap().sender.take().unwrap().complete_with(trailers).unwrap();
    pair.read_all(stream);
    let response = &pair.responses[&stream];
    assert_eq!((response.is_complete, response.has_trailers, response.is_reset), (true, true, false));
    assert_eq!(response.received.len(), 5000);
}

#[test]
fn a_client_that_keeps_its_window_closed_is_given_up() {
    let mut pair = Pair::connect(1000, 1 << 20);
    let (stream, other) = (pair.ask(), pair.ask());
    pair.late = Tick(7);
    pair.push(stream, &[1; 5000]);
    pair.push(other, &[1; 500]);
    pair.run();
    assert!(!pair.outbox.is_late(Tick(6)) && pair.outbox.is_late(Tick(7)));
    // Some progress is a new beginning.
    pair.late = Tick(9);
    assert_eq!(pair.read(stream), 1000);
    assert!(!pair.outbox.is_late(Tick(8)) && !pair.outbox.expire(Tick(8)));
    assert!(pair.outbox.is_late(Tick(9)) && pair.outbox.expire(Tick(9)));
    assert_eq!(pair.outbox.take_drained(), [RequestId(stream)]);
    assert!(pair.responses[&stream].sender.as_ref().unwrap().has_left());
    pair.read_all(stream);
    assert!(pair.responses[&stream].is_reset && !pair.responses[&other].is_reset);
    assert!(!pair.responses[&other].sender.as_ref().unwrap().has_left());
}

#[test]
fn a_client_that_leaves_frees_what_waits() {
    let mut pair = Pair::connect(1000, 100);
    let stream = pair.ask();
    assert!(pair.push(stream, &[1; 5000]));
    pair.read(stream);
    pair.responses.get_mut(&stream).unwrap().content = None;
    pair.run();
    let sender = pair.responses.get_mut(&stream).unwrap().sender.as_mut().unwrap();
    assert!(sender.has_left());
    assert!(sender.push(vec![1]).is_err());
    assert_eq!(pair.drained, [RequestId(stream)]);
}

#[test]
fn a_response_that_is_dropped_is_cut_short() {
    let mut pair = Pair::connect(1000, 1 << 20);
    let stream = pair.ask();
    pair.push(stream, &[1; 5000]);
    pair.run();
    pair.responses.get_mut(&stream).unwrap().sender = None;
    pair.read_all(stream);
    assert!(pair.responses[&stream].is_reset);
}

#[test]
fn urgent_content_passes_what_waits() {
    let mut pair = Pair::connect(1 << 20, 1 << 20);
    let (first, second) = (pair.ask(), pair.ask());
    pair.outbox.note_priority(RequestId(first), b"u=5");
    pair.outbox.note_priority(RequestId(second), b"u=1");
    pair.push(first, &[1; 40_000]);
    pair.push(second, &[2; 40_000]);
    assert_eq!(pair.outbox.fill(40_000, Tick::NEVER), 40_000);
    pair.is_writable = false;
    pair.read_all(second);
    assert_eq!(pair.responses[&second].received.len(), 40_000);
    assert_eq!(pair.read(first), 0);
    pair.is_writable = true;
    assert_eq!(pair.read(first), 40_000);
}

#[test]
fn no_more_is_sent_than_the_window_of_the_connection() {
    let mut pair = Pair::connect(1 << 20, 1 << 20);
    let stream = pair.ask();
    pair.outbox.note_window(10_000);
    pair.push(stream, &[1; 40_000]);
    assert_eq!(pair.read(stream), 10_000);
    assert!(!pair.outbox.is_due());
    pair.outbox.note_window(50_000);
    assert!(pair.outbox.is_due());
    pair.read_all(stream);
    assert_eq!(pair.responses[&stream].received.len(), 40_000);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Ask(u8, bool),
    Push(usize, usize),
    Complete(usize),
    Read(usize),
    Leave(usize),
    Drop(usize),
    Writable(bool),
    Run,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0_u8..8, any::<bool>()).prop_map(|(urgency, shares)| Step::Ask(urgency, shares)),
        8 => (any::<usize>(), 0_usize..40_000).prop_map(|(stream, length)| Step::Push(stream, length)),
        1 => any::<usize>().prop_map(Step::Complete),
        6 => any::<usize>().prop_map(Step::Read),
        1 => any::<usize>().prop_map(Step::Leave),
        1 => any::<usize>().prop_map(Step::Drop),
        1 => any::<bool>().prop_map(Step::Writable),
        2 => Just(Step::Run),
    ]
}

proptest! {
    /// Whatever happens, each client that stays gets the content in order, and a response that is completed arrives as a
    /// whole once its client has read everything.
    #[test]
    fn everything_arrives_in_order(
        window in 1_u32..100_000,
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let mut pair = Pair::connect(window, 30_000);
        let mut next = 0_u8;
        for step in steps {
            let streams: Vec<u32> = pair.responses.keys().copied().collect();
            let of = |at: usize| streams.get(at % streams.len().max(1)).copied();
            match step {
                Step::Ask(urgency, shares) if streams.len() < 8 => {
                    let stream = pair.ask();
                    let value = format!("u={urgency}{}", if shares { ",i" } else { "" });
                    pair.outbox.note_priority(RequestId(stream), value.as_bytes());
                }
                Step::Push(at, length) => {
                    if let Some(stream) = of(at)
                        && pair.responses[&stream].sender.as_ref().is_some_and(|sender| !sender.has_left())
                    {
                        next = next.wrapping_add(1);
                        pair.push(stream, &vec![next; length]);
                    }
                }
                Step::Complete(at) => {
                    if let Some(response) = of(at).and_then(|stream| pair.responses.get_mut(&stream))
                        && let Some(sender) = response.sender.take()
                    {
                        response.is_reset |= sender.complete().is_err();
                    }
                }
                Step::Read(at) => if let Some(stream) = of(at) {
                    pair.read(stream);
                },
                Step::Leave(at) => if let Some(response) = of(at).and_then(|stream| pair.responses.get_mut(&stream)) {
                    (response.content, response.future, response.is_reset) = (None, None, true);
                },
                Step::Drop(at) => if let Some(response) = of(at).and_then(|stream| pair.responses.get_mut(&stream)) {
                    response.is_reset |= response.sender.take().is_some();
                },
                Step::Writable(is_writable) => pair.is_writable = is_writable,
                Step::Ask(..) | Step::Run => pair.run(),
            }
            for response in pair.responses.values() {
                prop_assert!(response.pushed.starts_with(&response.received));
            }
        }
        pair.is_writable = true;
        let streams: Vec<u32> = pair.responses.keys().copied().collect();
        for stream in &streams {
            let response = pair.responses.get_mut(stream).unwrap();
            if let Some(sender) = response.sender.take() {
                response.is_reset |= sender.complete().is_err();
            }
        }
        // Reading one response opens the window of the connection for others.
        while streams.iter().map(|stream| pair.read(*stream)).sum::<usize>() > 0 {}
        streams.iter().for_each(|stream| pair.read_all(*stream));
        for (stream, response) in &pair.responses {
            prop_assert!(response.is_reset || response.is_complete, "{stream}");
            prop_assert!(response.is_reset || response.received == response.pushed, "{stream}");
        }
        prop_assert!(!pair.outbox.is_due());
    }
}

#[test]
fn a_window_that_is_closed_from_the_beginning_opens() {
    let mut pair = Pair::connect(0, 1 << 20);
    let stream = pair.ask();
    pair.push(stream, &[1; 50_000]);
    pair.complete(stream);
    assert_eq!(pair.read(stream), 0);
    pair.client.set_initial_window_size(20_000).unwrap();
    assert_eq!(pair.read(stream), 20_000);
    pair.read_all(stream);
    assert!(pair.responses[&stream].is_complete);
}
