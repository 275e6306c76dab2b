//! An owned cell between real threads: what was done inside is seen by whoever comes next, whichever way it came.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Barrier;
use std::thread::scope;

use threads::OwnedCell;

/// Few, where a tool watches each access.
const ROUNDS: usize = if cfg!(miri) { 40 } else { 20_000 };

/// A value that two threads at a time would tear.
#[derive(Default)]
struct Pair {
    first: usize,
    second: usize,
}

impl Pair {
    fn step(&mut self) {
        assert_eq!(self.first, self.second);
        self.first += 1;
        self.second += 1;
    }
}

#[test]
fn threads_take_the_cell_from_its_owner_while_it_is_used() {
    for _ in 0..if cfg!(miri) { 3 } else { 200 } {
        let (cell, start) = (OwnedCell::<_>::new(Pair::default()), Barrier::new(3));
        let rounds = ROUNDS / 20;
        scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    start.wait();
                    (0..rounds).for_each(|_| cell.with(Pair::step));
                });
            }
        });
        assert_eq!(cell.with(|pair| pair.second), 3 * rounds);
    }
}

#[test]
fn a_thread_that_claims_the_cell_again_and_again_shares_it_with_others() {
    let (cell, start) = (OwnedCell::<_>::new_shared(Pair::default()), Barrier::new(2));
    scope(|scope| {
        scope.spawn(|| {
            start.wait();
            for round in 0..ROUNDS {
                if round % 16 == 0 {
                    cell.claim();
                }
                cell.with(Pair::step);
                if round % 64 == 63 {
                    cell.give_up();
                }
            }
        });
        scope.spawn(|| {
            start.wait();
            for round in 0..ROUNDS {
                cell.with(Pair::step);
                if round % 100 == 99 {
                    cell.claim();
                }
            }
        });
    });
    assert_eq!(cell.with(|pair| pair.first), 2 * ROUNDS);
}

#[test]
fn the_first_thread_to_enter_owns_the_cell() {
    let cell = OwnedCell::<_>::new(0);
    cell.with(|value| *value = 1);
    scope(|scope| {
        scope.spawn(|| assert_eq!(cell.with_if_owner(|value| *value), None));
    });
    assert_eq!(cell.with_if_owner(|value| *value), Some(1));
}

#[test]
fn a_cell_without_an_owner_belongs_to_whoever_claims_it() {
    let cell = OwnedCell::<_>::new_shared(0);
    cell.with(|value| *value = 1);
    assert_eq!(cell.with_if_owner(|value| *value), None);
    assert!(cell.claim());
    assert_eq!(cell.with_if_owner(|value| *value), Some(1));
    scope(|scope| {
        scope.spawn(|| assert!(!cell.claim(), "another thread has it"));
    });
}

#[test]
fn a_cell_that_was_taken_can_be_claimed_after_its_owner_has_noticed() {
    let cell = OwnedCell::<_>::new(0);
    cell.with(|value| *value = 1);
    scope(|scope| {
        scope.spawn(|| {
            cell.with(|value| *value = 2);
            assert!(!cell.claim(), "the owner may be on its way in");
        });
    });
    cell.give_up();
    scope(|scope| {
        scope.spawn(|| {
            assert!(cell.claim());
            assert_eq!(cell.with_if_owner(|value| *value), Some(2));
        });
    });
}

#[test]
fn the_owner_gets_a_cell_back_that_was_taken() {
    let cell = OwnedCell::<_>::new(0);
    cell.with(|value| *value = 1);
    scope(|scope| {
        scope.spawn(|| cell.with(|value| *value = 2));
    });
    assert_eq!(cell.with_if_owner(|value| *value), None);
    assert!(cell.claim());
    assert_eq!(cell.with_if_owner(|value| *value), Some(2));
}

#[test]
fn entering_twice_panics_and_leaves_the_cell_usable() {
    let owned = OwnedCell::<_>::new(0);
    let shared = OwnedCell::<_>::new_shared(0);
    for cell in [&owned, &shared] {
        for again in [(&|| cell.with(|value| *value = 9)) as &dyn Fn(), &|| cell.give_up()] {
            let outcome = catch_unwind(AssertUnwindSafe(|| cell.with(|_| again())));
            assert!(outcome.is_err());
        }
        cell.with(|value| *value += 1);
        assert_eq!(cell.with(|value| *value), 1);
    }
}

#[test]
fn a_panic_inside_lets_others_in() {
    let owned = OwnedCell::<_>::new(0);
    let shared = OwnedCell::<_>::new_shared(0);
    for cell in [&owned, &shared] {
        let outcome = catch_unwind(AssertUnwindSafe(|| cell.with(|_| panic!("inside"))));
        assert!(outcome.is_err());
        scope(|scope| {
            scope.spawn(|| cell.with(|value| *value = 3));
        });
        assert_eq!(cell.with(|value| *value), 3);
    }
}

#[test]
fn the_value_is_dropped_once() {
    let value = std::sync::Arc::new(());
    let cell = OwnedCell::<_>::new(value.clone());
    cell.with(|inside| assert!(std::sync::Arc::ptr_eq(inside, &value)));
    drop(cell);
    assert_eq!(std::sync::Arc::strong_count(&value), 1);
    assert!(std::sync::Arc::ptr_eq(&OwnedCell::<_>::new(value.clone()).into_inner(), &value));
}

#[test]
fn a_look_finds_nobody_inside_or_nothing() {
    let cell = OwnedCell::<_>::new(5);
    // SAFETY: no other thread has the cell.
    assert_eq!(unsafe { cell.peek(|value| *value) }, Some(5));
    cell.with(|_| {
        // SAFETY: as above.
        assert_eq!(unsafe { cell.peek(|value| *value) }, None);
    });
}

#[test]
fn threads_that_live_have_different_identities() {
    let mine = threads::identity();
    assert_ne!(mine, 0);
    assert_eq!(mine % 2, 0);
    assert_eq!(mine, threads::identity());
    let together = Barrier::new(2);
    let identities = scope(|scope| {
        let others = [(); 2].map(|()| {
            scope.spawn(|| {
                let identity = threads::identity();
                together.wait();
                identity
            })
        });
        others.map(|other| other.join().expect("the thread returns"))
    });
    assert_ne!(identities[0], identities[1]);
    assert!(!identities.contains(&mine));
}
