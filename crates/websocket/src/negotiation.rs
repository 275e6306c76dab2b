//! Agreeing on permessage-deflate (RFC 7692 sections 5 and 7.1): what a client offers, and what is answered.
//!
//! The answer always has `server_no_context_takeover`, so that all connections of a thread share one compressor. A client
//! may keep its context if it allows a bound on its window; otherwise it must not, so that no connection ever holds a
//! window of 32 kB.

use crate::list::{Items, Malformed};

/// The smallest window that zlib compresses with.
const LEAST_WINDOW_BITS: u8 = 9;
/// The largest window of deflate, which a peer may use unless another was agreed (RFC 7692 section 7.1.2).
pub(crate) const MOST_WINDOW_BITS: u8 = 15;

/// How messages are compressed. There are no defaults here: the caller has one table of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeflateSettings {
    /// The base-2 logarithm of the window's size: from 9 to 15, other values count as the nearest of these. The compressor
    /// uses it, and a client is asked to use no more if it keeps its context.
    pub window_bits: u8,
    /// Shorter messages are not compressed.
    pub at_least: usize,
    /// How much time is spent on compression: from 1 (the least) to 9.
    pub level: u32,
}

impl DeflateSettings {
    pub(crate) fn supported_window_bits(&self) -> u8 {
        self.window_bits.clamp(LEAST_WINDOW_BITS, MOST_WINDOW_BITS)
    }
}

/// The parameters of permessage-deflate that were agreed for a connection (RFC 7692 section 7.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Agreed {
    /// The window of our compressor.
    pub(crate) server_window_bits: u8,
    /// The window of the client's compressor as it was agreed, if it keeps its context.
    pub(crate) client_window_bits: Option<u8>,
}

/// An offer of permessage-deflate.
#[derive(Default)]
struct Offer {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// The inner value is None if the client lets us choose.
    client_max_window_bits: Option<Option<u8>>,
}

impl Offer {
    /// Takes a parameter. Returns whether it is known, is not repeated and has a valid value (RFC 7692 section 7.1).
    fn add(&mut self, name: &[u8], value: Option<&[u8]>) -> bool {
        let flag = |flag: &mut bool| value.is_none() && !std::mem::replace(flag, true);
        match name {
            b"server_no_context_takeover" => flag(&mut self.server_no_context_takeover),
            b"client_no_context_takeover" => flag(&mut self.client_no_context_takeover),
            b"server_max_window_bits" => {
                let bits = value.and_then(window_bits);
                bits.is_some() && std::mem::replace(&mut self.server_max_window_bits, bits).is_none()
            }
            b"client_max_window_bits" => {
                let bits = value.map(window_bits);
                let is_new = self.client_max_window_bits.replace(bits.flatten()).is_none();
                is_new && bits != Some(None)
            }
            _ => false,
        }
    }

    /// Returns what is agreed if this offer is accepted. None if that is not possible.
    fn accept(&self, settings: &DeflateSettings) -> Option<Agreed> {
        let supported = settings.supported_window_bits();
        let asked = self.server_max_window_bits.unwrap_or(MOST_WINDOW_BITS);
        if asked < LEAST_WINDOW_BITS {
            return None;
        }
        let client_window_bits = match self.client_max_window_bits {
            Some(bits) if !self.client_no_context_takeover => Some(bits.unwrap_or(supported).min(supported)),
            _ => None,
        };
        // Of windows that are smaller than ours there is only the smallest, so that few compressors are made.
        let server_window_bits = if asked >= supported { supported } else { LEAST_WINDOW_BITS };
        Some(Agreed { server_window_bits, client_window_bits })
    }

    /// Returns the extension of the response.
    fn answer(&self, agreed: Agreed) -> String {
        let mut answer = String::from("permessage-deflate; server_no_context_takeover");
        if self.server_max_window_bits.is_some() {
            answer += &format!("; server_max_window_bits={}", agreed.server_window_bits);
        }
        match agreed.client_window_bits {
            Some(bits) => answer += &format!("; client_max_window_bits={bits}"),
            None => answer += "; client_no_context_takeover",
        }
        answer
    }
}

/// Returns what is agreed, and the value of the response's field, for the first offer that can be accepted. The values are
/// those of all `sec-websocket-extensions` fields.
pub(crate) fn negotiate<'a>(
    values: impl Iterator<Item = &'a [u8]>,
    settings: Option<&DeflateSettings>,
) -> Result<Option<(Agreed, String)>, Malformed> {
    let mut found = None;
    for value in values {
        let mut items = Items::new(value);
        while let Some(name) = items.next_item()? {
            let (mut offer, mut is_valid) = (Offer::default(), name == b"permessage-deflate");
            while let Some((name, value)) = items.next_parameter()? {
                is_valid = is_valid && offer.add(name, value.as_deref());
            }
            if is_valid && found.is_none() {
                found = settings
                    .and_then(|settings| offer.accept(settings))
                    .map(|agreed| (agreed, offer.answer(agreed)));
            }
        }
    }
    Ok(found)
}

/// Parses a number of window bits: from 8 to 15, without leading zeros (RFC 7692 section 7.1.2).
fn window_bits(value: &[u8]) -> Option<u8> {
    match value {
        [digit @ b'8'..=b'9'] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}
