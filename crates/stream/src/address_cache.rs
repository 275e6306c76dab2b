//! What was made for each of the last peers of an endpoint, so that a row of datagrams from one makes it once.
//!
//! Each peer has one place, which the hash of its address chooses; a newcomer takes the place of whoever has it. So a
//! look-up compares one address, whether it succeeds or not, and an endpoint with thousands of peers loses nothing by
//! it. The table begins with one place and doubles when two peers want the same: a client knows one peer. It does not
//! know what an address is.

use std::hash::{Hash, Hasher};
use std::mem;

/// The most places. A Python address takes 150 ns to make and 200 bytes to keep, so this is 16 KiB for a busy server;
/// most of its peers at a time find their place there, and the next power would not fit into the first cache.
const MOST_PLACES: usize = 64;

/// What is kept of one peer: the address, and what was made of it.
type Peer<A, V> = (A, V);

/// What was made of the last addresses.
///
/// ```
/// let mut cache = stream::AddressCache::new();
/// assert_eq!(cache.insert("here", 1), None);
/// assert_eq!(cache.find(&"here"), Some(&1));
/// assert_eq!(cache.insert("here", 2), Some(("here", 1)));
/// ```
pub struct AddressCache<A, V> {
    /// A power of two of them, or none.
    places: Vec<Option<Peer<A, V>>>,
}

impl<A: Hash + Eq, V> AddressCache<A, V> {
    /// A table that allocates nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { places: Vec::new() }
    }

    /// What was made for this address, if it is still known.
    #[inline]
    pub fn find(&self, address: &A) -> Option<&V> {
        let place = self.places.get(place_of(address, self.places.len()))?;
        place.as_ref().filter(|(known, _)| known == address).map(|(_, value)| value)
    }

    /// Keeps what was made for an address. Who had its place before comes out, to be dropped by the caller.
    pub fn insert(&mut self, address: A, value: V) -> Option<Peer<A, V>> {
        if self.places.is_empty() {
            self.places.push(None);
        }
        while self.is_taken_by_another(&address) && self.places.len() < MOST_PLACES {
            self.grow();
        }
        let place = place_of(&address, self.places.len());
        self.places[place].replace((address, value))
    }

    /// Everything that is known.
    pub fn iter(&self) -> impl Iterator<Item = &V> {
        self.places.iter().flatten().map(|(_, value)| value)
    }

    fn is_taken_by_another(&self, address: &A) -> bool {
        let place = &self.places[place_of(address, self.places.len())];
        place.as_ref().is_some_and(|(known, _)| known != address)
    }

    /// Twice as many places. Who shared none before shares none then.
    fn grow(&mut self) {
        let mut wider = Vec::new();
        wider.resize_with(2 * self.places.len(), || None);
        for peer in mem::replace(&mut self.places, wider).into_iter().flatten() {
            let place = place_of(&peer.0, self.places.len());
            self.places[place] = Some(peer);
        }
    }
}

impl<A: Hash + Eq, V> Default for AddressCache<A, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// The place of an address among a power of two of them.
#[inline]
fn place_of(address: &impl Hash, places: usize) -> usize {
    let mut mixer = Mixer(0);
    address.hash(&mut mixer);
    let places = places.max(1);
    // The high bits are those that every bit of the address has reached.
    usize::try_from(mixer.finish() >> 32).unwrap_or_default() & (places - 1)
}

/// A hash that is as quick as it is weak. Whoever chooses addresses that collide has them made anew for each datagram,
/// and gains nothing by it.
struct Mixer(u64);

/// An odd number near the golden ratio of 2^64: multiplying by it spreads neighbouring ports evenly.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;

impl Mixer {
    #[inline]
    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(SPREAD);
    }
}

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let word = chunk.iter().fold(0_u64, |word, byte| (word << 8) | u64::from(*byte));
            self.mix(word);
        }
    }

    #[inline]
    fn write_u16(&mut self, word: u16) {
        self.mix(word.into());
    }

    #[inline]
    fn write_u32(&mut self, word: u32) {
        self.mix(word.into());
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.mix(word);
    }

    #[inline]
    fn write_usize(&mut self, word: usize) {
        self.mix(word as u64);
    }

    #[inline]
    fn write_isize(&mut self, word: isize) {
        self.write_usize(word.cast_unsigned());
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddrV4};

    use super::{AddressCache, MOST_PLACES};

    fn address(port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
    }

    #[test]
    fn one_peer_takes_one_place() {
        let mut peers = AddressCache::new();
        assert!(peers.find(&address(1)).is_none());
        assert!(peers.insert(address(1), 10).is_none());
        assert_eq!((peers.find(&address(1)), peers.places.len()), (Some(&10), 1));
        assert!(peers.find(&address(2)).is_none());
    }

    #[test]
    fn most_of_a_few_peers_are_known_at_once() {
        let mut peers = AddressCache::new();
        for port in 40_000..40_016 {
            peers.insert(address(port), port);
        }
        let known = (40_000..40_016).filter(|port| peers.find(&address(*port)) == Some(port)).count();
        assert!(known >= 12, "{known} of 16 are known");
    }

    #[test]
    fn many_peers_stay_within_the_bound_and_the_last_one_is_always_known() {
        let mut peers = AddressCache::new();
        for port in 0..u16::MAX {
            peers.insert(address(port), port);
            assert_eq!(peers.find(&address(port)), Some(&port));
        }
        assert_eq!(peers.places.len(), MOST_PLACES);
        assert!(peers.iter().count() <= MOST_PLACES);
    }

    #[test]
    fn neighbouring_ports_use_most_places() {
        let mut peers = AddressCache::new();
        for port in 50_000..50_512 {
            peers.insert(address(port), ());
        }
        assert!(peers.iter().count() > MOST_PLACES / 2);
    }
}
