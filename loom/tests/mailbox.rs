//! The mailbox and the sleep of its owner: every node is taken once, those of one thread in their order, and no sleeper
//! misses a message.
//!
//! Nodes are numbers: one byte of a table is the address of each, and the link beside it is loom's cell, which reports two
//! accesses that nothing orders.

use std::ptr::{NonNull, null_mut};

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread::spawn;
use threads::{Mailbox, Sleep};

static BYTES: [u8; 4] = [0; 4];

/// A mailbox with its four nodes.
struct Post {
    mailbox: Mailbox<u8>,
    links: [UnsafeCell<*mut u8>; 4],
    sleep: Sleep,
}

// SAFETY: the links are cells of loom, which reports accesses that nothing orders.
unsafe impl Sync for Post {}
// SAFETY: as above.
unsafe impl Send for Post {}

fn node(number: usize) -> NonNull<u8> {
    NonNull::from(&BYTES[number])
}

fn number(node: *mut u8) -> usize {
    node.addr() - BYTES.as_ptr().addr()
}

impl Post {
    fn new() -> Arc<Self> {
        let links = [(); 4].map(|()| UnsafeCell::new(null_mut()));
        Arc::new(Self { mailbox: Mailbox::new(), links, sleep: Sleep::new() })
    }

    fn post(&self, which: usize) {
        // SAFETY: the node is this thread's until it is posted.
        self.mailbox.post(node(which), |older| self.links[which].with_mut(|link| unsafe { *link = older }));
    }

    /// Takes what is there, in its order.
    fn take(&self) -> Vec<usize> {
        // SAFETY: the nodes are this thread's now.
        let relink = |which: NonNull<u8>, newer| {
            self.links[number(which.as_ptr())]
                .with_mut(|link| unsafe { std::mem::replace(&mut *link, newer) })
        };
        let mut next = self.mailbox.take(relink);
        let mut taken = Vec::new();
        while !next.is_null() {
            taken.push(number(next));
            // SAFETY: as above.
            next = self.links[number(next)].with(|link| unsafe { *link });
        }
        taken
    }

    /// Posts and wakes. Returns whether this thread has to do what wakes the sleeper.
    fn post_and_ring(&self, which: usize) -> bool {
        self.post(which);
        self.sleep.may_sleep() && self.sleep.ring()
    }
}

#[test]
fn two_threads_post() {
    loom::model(|| {
        let post = Post::new();
        let threads = [[0, 1], [2, 3]].map(|numbers| {
            let post = post.clone();
            spawn(move || numbers.into_iter().for_each(|number| post.post(number)))
        });
        let mut taken = post.take();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        taken.extend(post.take());
        let of =
            |numbers: [usize; 2]| taken.iter().copied().filter(|n| numbers.contains(n)).collect::<Vec<_>>();
        assert_eq!((of([0, 1]), of([2, 3])), (vec![0, 1], vec![2, 3]));
        assert!(post.mailbox.is_empty());
    });
}

/// A node that was taken is posted again at once, while another thread's post is under way.
#[test]
fn a_node_comes_back() {
    loom::model(|| {
        let post = Post::new();
        post.post(0);
        let other = {
            let post = post.clone();
            spawn(move || post.post(1))
        };
        let mut taken = post.take();
        assert_eq!(taken.first(), Some(&0));
        post.post(0);
        other.join().unwrap();
        taken.extend(post.take());
        taken.sort_unstable();
        assert_eq!(taken, [0, 0, 1]);
    });
}

/// The sleeper says that it sleeps and looks again; if it finds nothing, somebody wakes it, and only one does.
#[test]
fn no_sleeper_misses_a_message() {
    loom::model(|| {
        let post = Post::new();
        let threads = [0, 1].map(|number| {
            let post = post.clone();
            spawn(move || post.post_and_ring(number))
        });
        post.sleep.prepare_to_sleep();
        let blocks = post.mailbox.is_empty();
        let wakes = threads.map(|thread| usize::from(thread.join().unwrap())).iter().sum::<usize>();
        if blocks {
            assert_eq!(wakes, 1);
        }
        assert!(wakes <= 1);
        post.sleep.awake();
        assert_eq!(post.take().len(), 2);
    });
}

/// The same for a sleeper that wakes by itself meanwhile and sleeps again.
#[test]
fn a_second_sleep_misses_none_either() {
    loom::model(|| {
        let post = Post::new();
        let other = {
            let post = post.clone();
            spawn(move || post.post_and_ring(0))
        };
        post.sleep.prepare_to_sleep();
        post.sleep.awake();
        let taken = post.take();
        post.sleep.prepare_to_sleep();
        let blocks = post.mailbox.is_empty();
        let woke = other.join().unwrap();
        assert!(!blocks || woke || taken.len() == 1);
    });
}
