//! The slab against a plain map that never forgets a token.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::collections::HashMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use reactor::{Slab, Token};

/// A call on the slab; an index chooses among all tokens that were ever handed out.
#[derive(Clone, Debug)]
enum Step {
    Insert,
    Remove(Index),
    Change(Index),
    Drain,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => Just(Step::Insert),
        6 => any::<Index>().prop_map(Step::Remove),
        2 => any::<Index>().prop_map(Step::Change),
        1 => Just(Step::Drain),
    ]
}

/// Every token ever handed out, and its value if it is still there.
#[derive(Default)]
struct Model {
    handed_out: Vec<Token>,
    tenants: HashMap<Token, usize>,
}

impl Model {
    fn step(&mut self, slots: &mut Slab<usize>, step: &Step) {
        match step {
            Step::Insert => {
                let number = self.handed_out.len();
                let token = slots.insert(number);
                assert!(!self.handed_out.contains(&token) && token != Token::WAKER);
                self.handed_out.push(token);
                self.tenants.insert(token, number);
            }
            Step::Remove(index) if !self.handed_out.is_empty() => {
                let token = index.get(&self.handed_out);
                assert_eq!(slots.remove(*token), self.tenants.remove(token));
            }
            Step::Change(index) if !self.handed_out.is_empty() => {
                let token = index.get(&self.handed_out);
                let tenants = (slots.get_mut(*token), self.tenants.get_mut(token));
                assert_eq!(tenants.0, tenants.1);
                if let (Some(actual), Some(expected)) = tenants {
                    *actual += 1_000_000;
                    *expected += 1_000_000;
                }
            }
            Step::Remove(_) | Step::Change(_) => {}
            Step::Drain => {
                let mut drained = slots.drain();
                drained.sort_unstable();
                let mut expected: Vec<usize> = self.tenants.drain().map(|(_, number)| number).collect();
                expected.sort_unstable();
                assert_eq!(drained, expected);
            }
        }
    }

    fn check(&self, slots: &Slab<usize>) {
        assert_eq!((slots.len(), slots.is_empty()), (self.tenants.len(), self.tenants.is_empty()));
        for token in &self.handed_out {
            assert_eq!(slots.get(*token), self.tenants.get(token));
        }
        let listed: HashMap<Token, usize> = slots.iter().map(|(token, number)| (token, *number)).collect();
        assert_eq!(listed, self.tenants);
    }
}

proptest! {
    #[test]
    fn a_token_finds_its_own_tenant_or_nobody(steps in vec(any_step(), 0..120)) {
        let (mut slots, mut model) = (Slab::new(), Model::default());
        for step in &steps {
            model.step(&mut slots, step);
            model.check(&slots);
        }
    }
}

#[test]
fn places_are_let_again_before_new_ones_are_made() {
    let mut slots = Slab::new();
    let tokens: Vec<Token> = (0..4).map(|number| slots.insert(number)).collect();
    for token in &tokens {
        slots.remove(*token).unwrap();
    }
    assert!((0..4).map(|number| slots.insert(number)).all(|token| token.index() < 4));
}
