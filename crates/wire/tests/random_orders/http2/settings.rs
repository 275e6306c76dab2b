//! The settings of an order: small numbers, so that limits are met, and others by which floods are none.

use wire::{FloodLimits, Http2Settings, Settings, Ticks, Upgrades, Versions};

use crate::draw::Draw;

pub(crate) fn settings(draw: &mut Draw<'_>) -> Settings {
    let settings = crate::settings::settings(draw);
    let limits = http::Limits { body_bytes: draw.pick(&[100_000, 2000]), ..*settings.limits };
    Settings {
        limits: limits.into(),
        upgrades: Upgrades::Refused,
        body_bytes_per_tick: None,
        http2: Http2Settings {
            versions: Versions::Auto,
            streams: draw.pick(&[100, 3]),
            head_list_bytes: 1000,
            frame_bytes: 16_384,
            // Smaller ones may end in an upload that stands still: h2 does not open a window again that the client's
            // acknowledgement of the settings has closed.
            stream_window: draw.pick(&[65_535, 100_000]),
            connection_window: draw.pick(&[65_535, 200_000]),
            table_bytes: draw.pick(&[4096, 0]),
            unsent_bytes: draw.pick(&[1000, 100_000]),
            resets: 1000,
            flood: FloodLimits {
                interval: Ticks(16),
                pings: 1000,
                settings: 1000,
                resets: 1000,
                priorities: 1000,
                window_updates: 10_000,
                empty_frames: 50,
                unknown_frames: 1000,
                continuations: 4,
            },
        },
        ..settings
    }
}
