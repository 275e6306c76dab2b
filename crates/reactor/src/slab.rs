//! Values by token: a vector with a free list, where each place counts its generations.
//!
//! Looking up a token is one index and one comparison. A token may outlive its value: it then finds nothing, and never
//! the next value at the same place.

use crate::Token;

/// Values by [`Token`], with constant-time insertion, look-up and removal.
///
/// ```
/// let mut slab = reactor::Slab::new();
/// let token = slab.insert("first");
/// assert_eq!(slab.remove(token), Some("first"));
/// let successor = slab.insert("second");
/// assert_eq!((slab.get(token), slab.get(successor)), (None, Some(&"second")));
/// ```
#[derive(Debug)]
pub struct Slab<T> {
    slots: Vec<Slot<T>>,
    /// The head of the list of vacant places, or [`NOWHERE`].
    vacant: u32,
    occupied: usize,
}

/// The end of the list of vacant places. No place has this index, so [`Token::WAKER`] is never handed out either.
const NOWHERE: u32 = u32::MAX;

#[derive(Debug)]
struct Slot<T> {
    generation: u32,
    content: Content<T>,
}

#[derive(Debug)]
enum Content<T> {
    Value(T),
    Vacant { next: u32 },
}

impl<T> Slab<T> {
    /// Creates an empty slab, which allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { slots: Vec::new(), vacant: NOWHERE, occupied: 0 }
    }

    /// Moves `value` in and returns the token that finds it.
    ///
    /// # Panics
    ///
    /// Past four thousand million places; memory ends sooner.
    #[inline]
    pub fn insert(&mut self, value: T) -> Token {
        self.occupied += 1;
        match self.slots.get_mut(self.vacant as usize) {
            Some(slot) => {
                let index = self.vacant;
                if let Content::Vacant { next } = slot.content {
                    self.vacant = next;
                }
                slot.content = Content::Value(value);
                Token::new(index, slot.generation)
            }
            None => self.append(value),
        }
    }

    /// Returns the value of the token, if it is still there.
    #[inline]
    #[must_use]
    pub fn get(&self, token: Token) -> Option<&T> {
        match self.slots.get(token.index() as usize) {
            Some(Slot { generation, content: Content::Value(value) })
                if *generation == token.generation() =>
            {
                Some(value)
            }
            _ => None,
        }
    }

    /// Returns the value of the token for modification, if it is still there.
    #[inline]
    #[must_use]
    pub fn get_mut(&mut self, token: Token) -> Option<&mut T> {
        match self.slots.get_mut(token.index() as usize) {
            Some(Slot { generation, content: Content::Value(value) })
                if *generation == token.generation() =>
            {
                Some(value)
            }
            _ => None,
        }
    }

    /// Moves the value of the token out. From now on, the token and every copy of it find nothing.
    #[inline]
    pub fn remove(&mut self, token: Token) -> Option<T> {
        self.get(token)?;
        self.vacate(token.index())
    }

    /// Iterates over all values with their tokens, in the order of their places.
    pub fn iter(&self) -> impl Iterator<Item = (Token, &T)> {
        (0..).zip(&self.slots).filter_map(|(index, slot)| match &slot.content {
            Content::Value(value) => Some((Token::new(index, slot.generation), value)),
            Content::Vacant { .. } => None,
        })
    }

    /// Returns the number of values.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.occupied
    }

    /// Returns whether there are no values.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.occupied == 0
    }

    /// Moves all values out, so that the caller can drop them when nothing is borrowed. Their tokens find nothing.
    pub fn drain(&mut self) -> Vec<T> {
        let mut tenants = Vec::with_capacity(self.occupied);
        for index in (0..NOWHERE).take(self.slots.len()) {
            tenants.extend(self.vacate(index));
        }
        tenants
    }

    /// Adds a place at the end, for when none is vacant.
    #[cold]
    fn append(&mut self, value: T) -> Token {
        let index = u32::try_from(self.slots.len()).unwrap_or(NOWHERE);
        assert!(index != NOWHERE, "four thousand million descriptors are watched at once");
        self.slots.push(Slot { generation: 0, content: Content::Value(value) });
        Token::new(index, 0)
    }

    /// Empties a place and increments its generation.
    ///
    /// A place whose generation has reached its maximum is never used again: its oldest tokens would become valid.
    fn vacate(&mut self, index: u32) -> Option<T> {
        let slot = self.slots.get_mut(index as usize)?;
        if let Content::Vacant { .. } = slot.content {
            return None;
        }
        let vacated = std::mem::replace(&mut slot.content, Content::Vacant { next: self.vacant });
        if let Some(next_generation) = slot.generation.checked_add(1) {
            slot.generation = next_generation;
            self.vacant = index;
        }
        self.occupied -= 1;
        match vacated {
            Content::Value(value) => Some(value),
            Content::Vacant { .. } => None,
        }
    }
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{Slab, Slot};
    use crate::Token;

    #[test]
    fn a_place_is_let_again_and_its_old_token_finds_nothing() {
        let mut slots = Slab::new();
        let first = slots.insert('a');
        assert_eq!(slots.remove(first), Some('a'));
        let second = slots.insert('b');
        assert_eq!(second.index(), first.index());
        assert_eq!(slots.get(first), None);
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.get(second), Some(&'b'));
    }

    #[test]
    fn a_place_that_has_counted_to_the_end_is_not_let_again() {
        let mut slots = Slab::new();
        slots.insert('a');
        if let Some(Slot { generation, .. }) = slots.slots.first_mut() {
            *generation = u32::MAX;
        }
        assert_eq!(slots.remove(Token::new(0, u32::MAX)), Some('a'));
        assert_eq!(slots.insert('b').index(), 1);
        assert_eq!(slots.get(Token::new(0, u32::MAX)), None);
    }

    #[test]
    fn the_wakers_token_names_nobody() {
        let mut slots = Slab::new();
        slots.insert('a');
        assert_eq!(slots.get(Token::WAKER), None);
        assert_eq!(slots.remove(Token::WAKER), None);
    }

    #[test]
    fn draining_leaves_the_places_and_outdates_the_tokens() {
        let mut slots = Slab::new();
        let tokens = [slots.insert('a'), slots.insert('b')];
        assert_eq!(slots.drain(), ['a', 'b']);
        assert!(slots.is_empty());
        slots.insert('c');
        assert!(tokens.iter().all(|token| slots.get(*token).is_none()));
    }
}
