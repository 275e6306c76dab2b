//! A thing that runs once or is cancelled: it is called or cancelled, and its fields are taken out once, by nobody while
//! it runs or is read.
//!
//! The fields are loom's cell, which reports two accesses that nothing orders.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread::spawn;
use threads::{Claim, Claims};

/// A thing with references that are counted: who has the only one is alone with it.
struct Thing {
    claims: Claims,
    fields: UnsafeCell<Option<u32>>,
    references: AtomicUsize,
}

// SAFETY: the fields are a cell of loom, which reports accesses that nothing orders.
unsafe impl Sync for Thing {}
// SAFETY: as above.
unsafe impl Send for Thing {}

impl Thing {
    fn new(references: usize) -> Arc<Self> {
        let (fields, references) = (UnsafeCell::new(Some(7)), AtomicUsize::new(references));
        Arc::new(Self { claims: Claims::new(0), fields, references })
    }

    fn is_alone(&self) -> bool {
        self.references.load(Ordering::Relaxed) == 1
    }

    /// Runs it. Returns whether it was called.
    fn run(&self) -> bool {
        let is_called = self.claims.claim(|| self.is_alone()) == Claim::First;
        if is_called {
            // SAFETY: a claimed run may read the fields until its end.
            assert_eq!(self.fields.with(|fields| unsafe { *fields }), Some(7));
            self.claims.end(|| self.is_alone());
        }
        if self.claims.get() & Claims::CANCELLED != 0 {
            self.release();
        }
        is_called
    }

    /// Cancels it. Returns whether it did: not while it runs.
    fn cancel(&self) -> bool {
        let is_running = |now| now & Claims::RUNNING != 0;
        let is_cancelled = self.claims.add_if(Claims::CANCELLED, |now| !is_running(now)).is_some();
        if is_cancelled {
            self.release();
        }
        is_cancelled
    }

    fn release(&self) {
        if self.claims.release() {
            // SAFETY: this thread takes the fields out, and nobody reads them.
            assert_eq!(self.fields.with_mut(|fields| unsafe { (*fields).take() }), Some(7));
        }
    }

    fn read(&self) -> Option<u32> {
        self.claims.locked(|bits| {
            // SAFETY: the lock is held, and the fields were not taken out.
            (bits & Claims::RELEASED == 0).then(|| self.fields.with(|fields| unsafe { *fields })).flatten()
        })
    }

    /// Gives a reference back.
    fn drop_reference(&self) {
        self.references.fetch_sub(1, Ordering::Release);
    }
}

#[test]
fn it_is_called_or_cancelled() {
    loom::model(|| {
        let thing = Thing::new(2);
        let other = {
            let thing = thing.clone();
            spawn(move || thing.cancel())
        };
        let is_called = thing.run();
        let is_cancelled = other.join().unwrap();
        assert!(is_called || is_cancelled);
        // Cancelled after its end: it was called before.
        assert!(!is_cancelled || thing.claims.get() & Claims::RELEASED != 0);
    });
}

/// Without waiting for the run: who cancels a thing that runs leaves the fields to the run.
#[test]
fn the_fields_are_taken_once() {
    loom::model(|| {
        let thing = Thing::new(2);
        let other = {
            let thing = thing.clone();
            spawn(move || {
                thing.claims.add(Claims::CANCELLED);
                thing.release();
            })
        };
        let is_called = thing.run();
        other.join().unwrap();
        thing.release();
        // SAFETY: the other thread has ended.
        assert_eq!(thing.fields.with(|fields| unsafe { *fields }), None, "called: {is_called}");
    });
}

/// Who cancels a thing and gives its reference back leaves the run alone with it: the run must see that.
#[test]
fn a_run_alone_sees_what_was_done_before() {
    loom::model(|| {
        let thing = Thing::new(2);
        let other = {
            let thing = thing.clone();
            spawn(move || {
                let is_cancelled = thing.cancel();
                thing.drop_reference();
                is_cancelled
            })
        };
        let is_called = thing.run();
        let is_cancelled = other.join().unwrap();
        assert!(is_called || is_cancelled);
    });
}

#[test]
fn nobody_reads_what_is_taken() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let thing = Thing::new(3);
        let reader = {
            let thing = thing.clone();
            spawn(move || thing.read())
        };
        let canceller = {
            let thing = thing.clone();
            spawn(move || thing.cancel())
        };
        thing.run();
        assert!(matches!(reader.join().unwrap(), None | Some(7)));
        canceller.join().unwrap();
    });
}
