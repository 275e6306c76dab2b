//! The owned cell: whichever way two or three threads come, one is inside at a time, and sees what was done before.
//!
//! The value is loom's cell, which reports two accesses that nothing orders; the fences are sequentially consistent ones,
//! which is what they stand for.

use loom::sync::Arc;
use loom::thread::{JoinHandle, spawn};
use threads::OwnedCell;

type Cell = Arc<OwnedCell<usize>>;

fn add(cell: &OwnedCell<usize>, times: usize) {
    for _ in 0..times {
        cell.with(|value| *value += 1);
    }
}

fn adds(cell: &Cell, times: usize) -> JoinHandle<()> {
    let cell = cell.clone();
    spawn(move || add(&cell, times))
}

/// Runs it in every order that has at most so many changes of the thread that nothing but the scheduler causes. Threads
/// that wait for each other by turns make some orders long.
fn all_orders(preemptions: usize, body: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.max_branches = 20_000;
    model.check(body);
}

#[test]
fn two_threads_are_the_first() {
    loom::model(|| {
        let cell = Arc::new(OwnedCell::<_>::new(0));
        let other = adds(&cell, 1);
        add(&cell, 1);
        other.join().unwrap();
        assert_eq!(cell.with(|value| *value), 2);
    });
}

#[test]
fn a_thread_takes_the_cell_from_its_owner() {
    all_orders(3, || {
        let cell = Arc::new(OwnedCell::<_>::new(0));
        add(&cell, 1);
        let other = adds(&cell, 1);
        add(&cell, 2);
        other.join().unwrap();
        assert_eq!(cell.with(|value| *value), 4);
    });
}

#[test]
fn two_threads_take_the_cell_from_its_owner() {
    all_orders(1, || {
        let cell = Arc::new(OwnedCell::<_>::new(0));
        add(&cell, 1);
        let others = [adds(&cell, 1), adds(&cell, 1)];
        add(&cell, 1);
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(cell.with(|value| *value), 4);
    });
}

#[test]
fn the_owner_claims_what_was_taken() {
    all_orders(3, || {
        let cell = Arc::new(OwnedCell::<_>::new(0));
        add(&cell, 1);
        let other = adds(&cell, 2);
        cell.claim();
        add(&cell, 1);
        other.join().unwrap();
        assert_eq!(cell.with(|value| *value), 4);
    });
}

/// The case for which `busy` has one writer: a thread that has lost the cell and does not know it, another one that takes
/// it, claims it, and is inside when a third one takes it again.
#[test]
fn a_cell_goes_from_thread_to_thread() {
    all_orders(1, || {
        let cell = Arc::new(OwnedCell::<_>::new(0));
        add(&cell, 1);
        let claimer = {
            let cell = cell.clone();
            spawn(move || {
                add(&cell, 1);
                cell.claim();
                add(&cell, 1);
            })
        };
        let third = adds(&cell, 1);
        add(&cell, 1);
        claimer.join().unwrap();
        third.join().unwrap();
        assert_eq!(cell.with(|value| *value), 5);
    });
}

#[test]
fn an_owner_gives_up_what_another_one_claims() {
    all_orders(1, || {
        let cell = Arc::new(OwnedCell::<_>::new_shared(0));
        let owns = |cell: &Cell| {
            let cell = cell.clone();
            spawn(move || {
                cell.claim();
                add(&cell, 1);
                cell.give_up();
            })
        };
        let others = [owns(&cell), owns(&cell)];
        add(&cell, 1);
        others.into_iter().for_each(|other| other.join().unwrap());
        assert_eq!(cell.with(|value| *value), 3);
    });
}

#[test]
fn a_pool_is_used_by_its_owner_only() {
    all_orders(3, || {
        let cell = Arc::new(OwnedCell::<_>::new(0));
        let other = {
            let cell = cell.clone();
            spawn(move || cell.with_if_owner(|value| *value += 1))
        };
        let mine = cell.with_if_owner(|value| *value += 1);
        let theirs = other.join().unwrap();
        assert!(mine.is_some() != theirs.is_some());
        assert_eq!(cell.with(|value| *value), 1);
    });
}
