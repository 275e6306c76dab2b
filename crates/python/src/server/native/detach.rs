//! What a request keeps that somebody may ask for something after its response.

use super::accessors;
use super::request::{Request, Source};
use crate::ffi::this::This;

/// Keeps a copy of the head, which the connection is about to lose, if anyone else may still ask for it. The addresses
/// are kept for the same reason: those that a proxy names are in the head.
pub(super) fn detach(request: This<'_, Request>) {
    let is_asked = request.is_shared() && matches!(request.source, Source::Connection { .. });
    if is_asked && request.keep_head(request.py()) {
        for address in [accessors::client, accessors::server] {
            // It is None then, when it is asked for.
            address(request).map_or_else(drop, drop);
        }
    }
}
