//! The write queue against a plain vector: bytes come out complete and in order.

use std::io::IoSlice;

use proptest::prelude::*;
use stream::WriteQueue;

#[derive(Clone, Debug)]
enum Step {
    Shared(Vec<u8>),
    Copied(Vec<u8>),
    Sent(usize),
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..20),
        proptest::collection::vec(any::<u8>(), 1_000..1_100),
        Just(vec![7; 70_000]),
    ];
    prop_oneof![
        4 => bytes.clone().prop_map(Step::Shared),
        4 => bytes.prop_map(Step::Copied),
        6 => prop_oneof![0..30_usize, 0..100_000_usize].prop_map(Step::Sent),
        1 => Just(Step::Clear),
    ]
}

/// Returns the front of the queue as a vectored call with this many slices would send it.
fn offered(queue: &WriteQueue<Vec<u8>>, slices: usize) -> Vec<u8> {
    let mut room = vec![IoSlice::new(&[]); slices];
    let count = queue.slices(&mut room);
    room[..count].iter().flat_map(|slice| slice.iter().copied()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn bytes_come_out_as_they_went_in(steps in proptest::collection::vec(step(), 1..40)) {
        let mut queue = WriteQueue::<Vec<u8>>::new();
        let mut model = Vec::new();
        for step in steps {
            match step {
                Step::Shared(bytes) => {
                    model.extend_from_slice(&bytes);
                    queue.push_shared(bytes).expect("there is memory");
                }
                Step::Copied(bytes) => {
                    model.extend_from_slice(&bytes);
                    queue.push_copied(&bytes).expect("there is memory");
                }
                Step::Sent(count) => {
                    let count = count.min(queue.len());
                    queue.advance(count);
                    model.drain(..count);
                }
                Step::Clear => {
                    queue.clear();
                    model.clear();
                }
            }
            prop_assert_eq!(queue.len(), model.len());
            prop_assert_eq!(queue.is_empty(), model.is_empty());
            prop_assert_eq!(&offered(&queue, 1_000), &model);
            let few = offered(&queue, 2);
            prop_assert!(model.starts_with(&few) && (model.is_empty() || !few.is_empty()));
            if let Some(only) = queue.only() {
                prop_assert_eq!(only, &model[..]);
            }
        }
    }
}

#[test]
fn small_writes_become_one_piece_behind_the_first() {
    let mut queue = WriteQueue::<Vec<u8>>::new();
    for _ in 0..50 {
        queue.push_shared(vec![1; 100]).expect("there is memory");
    }
    let mut room = [IoSlice::new(&[]); 8];
    assert_eq!(queue.slices(&mut room), 2);
    assert_eq!(queue.len(), 5_000);
}

#[test]
fn a_long_piece_is_not_copied() {
    let mut queue = WriteQueue::<Vec<u8>>::new();
    let long = vec![2; 5_000];
    let address = long.as_ptr();
    queue.push_shared(vec![1]).expect("there is memory");
    queue.push_shared(long).expect("there is memory");
    let mut room = [IoSlice::new(&[]); 8];
    assert_eq!(queue.slices(&mut room), 2);
    assert_eq!(room[1].as_ptr(), address);
}

#[test]
#[should_panic(expected = "more was sent than there was")]
fn more_than_waits_cannot_have_been_sent() {
    let mut queue = WriteQueue::<Vec<u8>>::new();
    queue.push_shared(vec![1]).expect("there is memory");
    queue.advance(2);
}
