//! Values made for the addresses of an endpoint's recent peers, so that successive datagrams from one peer share them.
//!
//! The hash of an address chooses its one place; a new peer replaces the peer that is there. So a look-up compares one
//! address, whether it succeeds or not, and stays cheap for an endpoint with thousands of peers. The table begins with
//! one place, enough for a client, and doubles when two peers share a place. An address is any value here.

use std::hash::{Hash, Hasher};
use std::mem;

/// The most places. A Python address takes 150 ns to make and 200 bytes to keep, so this is 16 KiB for a busy server;
/// most of the peers that are active at a time find a place, and twice as many would not fit into the first-level
/// cache.
const MOST_PLACES: usize = 64;

/// An address, and the value made for it.
type Peer<A, V> = (A, V);

/// The cache of an endpoint.
///
/// ```
/// let mut cache = stream::AddressCache::new();
/// assert_eq!(cache.insert("here", 1), None);
/// assert_eq!(cache.find(&"here"), Some(&1));
/// assert_eq!(cache.insert("here", 2), Some(("here", 1)));
/// ```
pub struct AddressCache<A, V> {
    /// The places: a power of two of them, or none.
    places: Vec<Option<Peer<A, V>>>,
}

impl<A: Hash + Eq, V> AddressCache<A, V> {
    /// Creates an empty cache, which allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { places: Vec::new() }
    }

    /// Returns the value made for this address, if it is still cached.
    #[inline]
    pub fn find(&self, address: &A) -> Option<&V> {
        let place = self.places.get(place_of(address, self.places.len()))?;
        place.as_ref().filter(|(known, _)| known == address).map(|(_, value)| value)
    }

    /// Caches the value made for an address. The peer that it replaces is returned, for the caller to drop.
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

    fn is_taken_by_another(&self, address: &A) -> bool {
        let place = &self.places[place_of(address, self.places.len())];
        place.as_ref().is_some_and(|(known, _)| known != address)
    }

    /// Doubles the number of places. Peers with different places keep different ones.
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

/// Returns the place of an address in a table of a power of two places.
#[inline]
fn place_of(address: &impl Hash, places: usize) -> usize {
    let mut mixer = Mixer(0);
    address.hash(&mut mixer);
    let places = places.max(1);
    // The high bits depend on every bit of the address.
    usize::try_from(mixer.finish() >> 32).unwrap_or_default() & (places - 1)
}

/// A hash that is as fast as it is weak. A peer that chooses addresses which collide has them made anew for each
/// datagram, and gains nothing else.
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
    }

    #[test]
    fn neighbouring_ports_use_most_places() {
        let mut peers = AddressCache::new();
        for port in 50_000..50_512 {
            peers.insert(address(port), ());
        }
        assert!(peers.places.iter().flatten().count() > MOST_PLACES / 2);
    }
}
