//! The settings of an order: small numbers, so that each limit is met.

#[path = "../support/http2_settings.rs"]
mod http2_settings;

use websocket::Workspace;
use wire::{Context, NotedParts, Settings, Tick, Ticks, Upgrades, WebSocketSettings};

use crate::draw::Draw;
use crate::peer::Exchange;

pub(crate) fn settings(draw: &mut Draw<'_>) -> Settings {
    Settings {
        limits: http::Limits {
            request_line_bytes: 200,
            head_bytes: 1000,
            fields: 20,
            method_bytes: 32,
            body_bytes: 100_000,
            chunk_extension_bytes: 64,
            chunk_extensions_bytes: 128,
            trailer_bytes: 200,
            backlog_bytes: draw.pick(&[500, 40, 3000]),
            drain_bytes: 300,
        }
        .into(),
        head_time: Some(Ticks(8)),
        body_time: Some(Ticks(8)),
        body_bytes_per_tick: Some(10.0),
        keep_alive_time: Some(Ticks(16)),
        linger_time: Ticks(4),
        linger_time_at_most: Ticks(20),
        waiting_body_bytes: draw.pick(&[1000, 100]),
        requests_per_turn: draw.pick(&[4, 1, 16]),
        response_bytes_per_turn: draw.pick(&[10_000, 3000]),
        server: Vec::new(),
        refusal: Vec::new(),
        fields: Vec::new(),
        logs_requests: true,
        logs_refusals: true,
        noted: Some(NotedParts::line()),
        upgrades: draw.pick(&[Upgrades::Refused, Upgrades::Ignored, Upgrades::TakenOver]),
        websocket: WebSocketSettings {
            limits: websocket::Limits { frame_bytes: 10_000, message_bytes: 10_000 },
            waiting_messages: 4,
            waiting_bytes: 5000,
            ping_interval: Some(Ticks(16)),
            ping_timeout: Some(Ticks(8)),
            close_time: Ticks(10),
            deflate: None,
        },
        http2: http2_settings::http2(),
    }
}

/// Checks what waits in a machine: content that its application has not asked for, and bytes that are no content yet.
pub(crate) fn check_waiting(
    settings: &Settings,
    exchange: &Exchange,
    delivered: usize,
    [unread, content]: [usize; 2],
) -> Result<(), String> {
    let backlog = settings.limits.backlog_bytes;
    let (kept, most) = match delivered.checked_sub(exchange.end) {
        // With a full buffer reading is paused.
        Some(kept) => (kept, backlog - 1),
        // A chunk has a size in front and an end, and so may the next one.
        None => (delivered.saturating_sub(exchange.head_end + content + content / 40 * 6), backlog + 20),
    };
    if unread <= settings.waiting_body_bytes && kept <= most {
        return Ok(());
    }
    Err(format!("{unread} bytes of content wait, and {kept} others, but reading goes on"))
}

thread_local! {
    /// HTTP/1.1 has no use for it.
    static WORKSPACE: &'static Workspace = Box::leak(Box::default());
}

pub(crate) fn context(settings: &Settings, now: Tick, is_ending: bool) -> Context<'_> {
    let workspace = WORKSPACE.with(|workspace| *workspace);
    Context { settings, now, date: b"", is_ending, restarts: false, workspace }
}
