//! The settings of HTTP/2 in the tests: small numbers, so that each limit can be met.
//!
//! It knows neither the driver nor a wire, so that tests without that driver use it, too.

use wire::{FloodLimits, Http2Settings, Ticks, Versions};

pub(crate) fn http2() -> Http2Settings {
    Http2Settings {
        versions: Versions::Auto,
        streams: 10,
        head_list_bytes: 1000,
        frame_bytes: 16_384,
        stream_window: 1000,
        connection_window: 65_535,
        table_bytes: 4096,
        unsent_bytes: 1000,
        resets: 20,
        flood: FloodLimits {
            interval: Ticks(16),
            pings: 10,
            settings: 10,
            resets: 20,
            priorities: 20,
            window_updates: 200,
            empty_frames: 10,
            unknown_frames: 10,
            continuations: 4,
        },
    }
}
