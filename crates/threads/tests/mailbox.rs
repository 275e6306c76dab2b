//! The mailbox, the sleep of its owner, and things that run or are cancelled, with the threads of the system: what
//! ThreadSanitizer and Miri look at. loom has the proofs.

use std::cell::Cell;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use threads::{Claim, Claims, Mailbox, Sleep};

const EACH: usize = if cfg!(miri) { 20 } else { 20_000 };

/// A node that belongs to who has posted it, then to who has taken it.
struct Node {
    value: usize,
    next: Cell<*mut Node>,
}

// SAFETY: one thread has a node at a time.
unsafe impl Send for Node {}

fn post(mailbox: &Mailbox<Node>, value: usize) {
    let node = NonNull::from(Box::leak(Box::new(Node { value, next: Cell::new(null_mut()) })));
    // SAFETY: this thread has the node until it is posted.
    mailbox.post(node, |older| unsafe { node.as_ref() }.next.set(older));
}

fn take(mailbox: &Mailbox<Node>) -> Vec<usize> {
    // SAFETY: who has taken the nodes has them alone.
    let mut next = mailbox.take(|node, newer| unsafe { node.as_ref() }.next.replace(newer));
    let mut values = Vec::new();
    while !next.is_null() {
        // SAFETY: as above; each was made by `post`.
        let node = unsafe { Box::from_raw(next) };
        values.push(node.value);
        next = node.next.get();
    }
    values
}

#[test]
fn each_message_arrives_once_and_in_order() {
    let (mailbox, sleep, wakes) = (Mailbox::new(), Sleep::new(), AtomicUsize::new(0));
    let mut taken = Vec::new();
    thread::scope(|scope| {
        for sender in 0..2 {
            let (mailbox, sleep, wakes) = (&mailbox, &sleep, &wakes);
            scope.spawn(move || {
                for number in 0..EACH {
                    post(mailbox, number * 2 + sender);
                    if sleep.may_sleep() && sleep.ring() {
                        wakes.fetch_add(1, Ordering::Release);
                    }
                }
            });
        }
        let mut seen = 0;
        while taken.len() < EACH * 2 {
            sleep.prepare_to_sleep();
            // Nobody wakes a sleeper that finds something; the others wait to be woken.
            while mailbox.is_empty() && wakes.load(Ordering::Acquire) == seen {
                thread::yield_now();
            }
            seen = wakes.load(Ordering::Acquire);
            sleep.awake();
            taken.extend(take(&mailbox));
        }
    });
    for sender in 0..2 {
        let numbers: Vec<_> =
            taken.iter().filter(|value| *value % 2 == sender).map(|value| value / 2).collect();
        assert!(numbers.iter().copied().eq(0..EACH));
    }
}

#[test]
fn each_thing_runs_or_is_cancelled() {
    let things: Vec<_> = (0..EACH).map(|_| (Claims::new(0), AtomicUsize::new(0))).collect();
    let (ran, cancelled) = thread::scope(|scope| {
        let runner = scope.spawn(|| {
            let runs = |(claims, taken): &(Claims, AtomicUsize)| {
                let is_first = claims.claim(|| false) == Claim::First;
                if is_first {
                    claims.end(|| false);
                }
                // Cancelled while it ran.
                if claims.get() & Claims::CANCELLED != 0 && claims.release() {
                    taken.fetch_add(1, Ordering::Relaxed);
                }
                is_first
            };
            things.iter().map(runs).collect::<Vec<_>>()
        });
        let cancels = |(claims, taken): &(Claims, AtomicUsize)| {
            let is_running = |bits| bits & Claims::RUNNING != 0;
            let is_cancelled = claims.add_if(Claims::CANCELLED, |bits| !is_running(bits)).is_some();
            if is_cancelled && claims.release() {
                taken.fetch_add(1, Ordering::Relaxed);
            }
            is_cancelled
        };
        let cancelled: Vec<_> = things.iter().map(cancels).collect();
        (runner.join().unwrap_or_default(), cancelled)
    });
    assert_eq!(ran.len(), EACH);
    for ((ran, cancelled), (_, taken)) in ran.into_iter().zip(cancelled).zip(&things) {
        assert!(ran || cancelled);
        assert_eq!(taken.load(Ordering::Relaxed), usize::from(cancelled));
    }
}
