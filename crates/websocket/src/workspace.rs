//! Memory that all connections of a thread use in turn.

use std::cell::Cell;
use std::fmt;

use crate::compress::Compressor;
use crate::inflate::Inflater;
use crate::negotiation::{Agreed, DeflateSettings};

/// The capacity of a buffer that is kept for the next message: as much as a typical read brings.
const KEPT_BYTES: usize = 64 * 1024;

/// What the connections of a thread share: a buffer for the message that is being delivered, a compressor and an inflater.
/// Each is made when it is needed first.
///
/// ```
/// let workspace = websocket::Workspace::default();
/// assert!(format!("{workspace:?}").starts_with("Workspace"));
/// ```
#[derive(Default)]
pub struct Workspace {
    spare: Cell<Vec<u8>>,
    compressor: Cell<Option<Box<Compressor>>>,
    /// The compressor for clients that asked for a smaller window than that of the settings.
    narrow_compressor: Cell<Option<Box<Compressor>>>,
    inflater: Cell<Option<Box<Inflater>>>,
}

impl Workspace {
    /// Takes the spare buffer, which is empty. If the event that is being handled has it, the buffer is a new one.
    pub(crate) fn take_spare(&self) -> Vec<u8> {
        self.spare.take()
    }

    /// Leaves a buffer for the next message, unless it is a large one.
    pub(crate) fn leave(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= KEPT_BYTES {
            buffer.clear();
            self.spare.set(buffer);
        }
    }

    /// Appends the frame of a compressed message with this first byte. Returns false, and appends nothing, if that does not
    /// make the message shorter.
    pub(crate) fn compress(
        &self,
        first: u8,
        data: &[u8],
        agreed: Agreed,
        settings: &DeflateSettings,
        out: &mut Vec<u8>,
    ) -> bool {
        let window_bits = agreed.server_window_bits;
        let place = if window_bits < settings.supported_window_bits() {
            &self.narrow_compressor
        } else {
            &self.compressor
        };
        let mut compressor = place
            .take()
            .filter(|compressor| compressor.suits(window_bits, settings))
            .unwrap_or_else(|| Box::new(Compressor::new(window_bits, settings)));
        let is_shorter = compressor.frame(first, data, out);
        place.set(Some(compressor));
        is_shorter
    }

    /// Lends the inflater.
    pub(crate) fn with_inflater<T>(&self, inflate: impl FnOnce(&mut Inflater) -> T) -> T {
        let mut inflater = self.inflater.take().unwrap_or_else(|| Box::new(Inflater::new()));
        let result = inflate(&mut inflater);
        self.inflater.set(Some(inflater));
        result
    }
}

impl fmt::Debug for Workspace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Workspace").finish_non_exhaustive()
    }
}
