//! The watch over frames: each limit, and random frames in random pieces against a plain model.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::settings::{FloodLimits, Ticks, Versions};

const INTERVAL: u32 = 16;

fn settings() -> Http2Settings {
    Http2Settings {
        versions: Versions::Auto,
        streams: 10,
        head_list_bytes: 1000,
        frame_bytes: 16_384,
        stream_window: 1000,
        connection_window: 65_535,
        table_bytes: 4096,
        unsent_bytes: 1000,
        resets: 4,
        flood: FloodLimits {
            interval: Ticks(INTERVAL),
            pings: 2,
            settings: 3,
            resets: 4,
            priorities: 5,
            window_updates: 6,
            empty_frames: 2,
            unknown_frames: 3,
            continuations: 2,
        },
    }
}

/// A watch that has seen the preface.
fn begun() -> Watch {
    let mut watch = Watch::new();
    watch.receive(&[0; 24], &settings(), Tick(0), |_, _| {}).unwrap();
    watch
}

fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    frame_of(0, kind, flags, payload)
}

fn frame_of(stream: u32, kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

fn update(stream: u32, value: &[u8]) -> Vec<u8> {
    let mut payload = stream.to_be_bytes().to_vec();
    payload.extend(value);
    frame(PRIORITY_UPDATE, 0, &payload)
}

/// Feeds frames that arrive at once to a new watch.
fn received(frames: &[Vec<u8>]) -> Result<Vec<(u32, Vec<u8>)>, Reason> {
    let mut updates = Vec::new();
    let mut watch = begun();
    watch.receive(&frames.concat(), &settings(), Tick(0), |stream, value| {
        updates.push((stream, value.to_vec()));
    })?;
    Ok(updates)
}

#[test]
fn each_kind_has_a_limit_of_its_own() {
    let kinds = [
        (frame(PING, 0, &[0; 8]), 2),
        (frame(PING, 1, &[0; 8]), 2),
        (frame(SETTINGS, 0, b""), 3),
        (frame(SETTINGS, 1, b""), 3),
        (frame(RST_STREAM, 0, &[0; 4]), 4),
        (frame(PRIORITY, 0, &[0; 5]), 5),
        (update(1, b"u=1"), 5),
        (frame(WINDOW_UPDATE, 0, &[0; 4]), 6),
        (frame(DATA, 0, b""), 2),
        (frame(HEADERS, 0, b""), 2),
        (frame(HEADERS, END_HEADERS, b""), 2),
        (frame(7, 0, &[0; 8]), 3),
        (frame(0x0b, 0, b"unknown"), 3),
        (frame(0xff, 0, b""), 3),
    ];
    for (frame, limit) in kinds {
        assert!(received(&vec![frame.clone(); limit]).is_ok(), "{frame:?}");
        assert_eq!(received(&vec![frame.clone(); limit + 1]), Err(Reason::ENHANCE_YOUR_CALM), "{frame:?}");
    }
}

#[test]
fn frames_that_end_something_are_not_empty() {
    assert!(received(&vec![frame(DATA, END_STREAM, b""); 100]).is_ok());
    let head = [frame(HEADERS, END_STREAM, b"head"), frame(CONTINUATION, END_HEADERS, b"")].concat();
    assert!(received(&vec![head; 100]).is_ok());
}

#[test]
fn one_head_has_few_continuations() {
    let head = |continuations| {
        let mut head = frame(HEADERS, 0, b"head");
        head.extend(frame(CONTINUATION, 0, b"more").repeat(continuations));
        head
    };
    assert!(received(&vec![head(2); 50]).is_ok());
    assert_eq!(received(&[head(3)]), Err(Reason::ENHANCE_YOUR_CALM));
}

#[test]
fn messages_allow_frames_that_come_with_them() {
    let request = frame(HEADERS, END_STREAM | END_HEADERS, b"head");
    let content = frame(DATA, 0, &[b'c'; 32]);
    let with = |kind: &[u8], messages: usize, times: usize| {
        received(&[request.clone(), content.repeat(messages - 1), kind.repeat(times)])
    };
    let (ping, priority) = (frame(PING, 0, &[0; 8]), frame(PRIORITY, 0, &[0; 5]));
    let window = frame(WINDOW_UPDATE, 0, &[0; 4]);
    for (kind, limit) in [(&ping, 2 + 10), (&priority, 5 + 10), (&window, 6 + 20)] {
        assert!(with(kind, 10, limit).is_ok());
        assert_eq!(with(kind, 10, limit + 1), Err(Reason::ENHANCE_YOUR_CALM));
    }
    // Nobody has to send these with a message.
    for (kind, limit) in [(frame(SETTINGS, 0, b""), 3), (frame(0xfa, 0, b""), 3), (frame(DATA, 0, b""), 2)] {
        assert!(with(&kind, 10, limit).is_ok());
        assert_eq!(with(&kind, 10, limit + 1), Err(Reason::ENHANCE_YOUR_CALM));
    }
}

#[test]
fn what_was_sent_allows_frames_in_this_interval_and_in_the_next() {
    let mut watch = begun();
    let settings = settings();
    let sent = [frame(HEADERS, END_HEADERS, b"head"), frame(DATA, 0, &[b'c'; 32]).repeat(9)].concat();
    watch.send(&sent, &settings, Tick(0)).unwrap();
    let windows = |count| frame(WINDOW_UPDATE, 0, &[0; 4]).repeat(count);
    watch.receive(&windows(26), &settings, Tick(INTERVAL - 1), |_, _| {}).unwrap();
    watch.receive(&windows(26), &settings, Tick(INTERVAL), |_, _| {}).unwrap();
    let result = watch.receive(&windows(1), &settings, Tick(INTERVAL), |_, _| {});
    assert_eq!(result, Err(Reason::ENHANCE_YOUR_CALM));
    let mut watch = watch.clone();
    watch.receive(&windows(6), &settings, Tick(3 * INTERVAL), |_, _| {}).unwrap();
    let result = watch.receive(&windows(1), &settings, Tick(3 * INTERVAL), |_, _| {});
    assert_eq!(result, Err(Reason::ENHANCE_YOUR_CALM));
}

#[test]
fn tiny_content_allows_no_windows() {
    let mut watch = begun();
    let settings = settings();
    watch.send(&frame(DATA, 0, &[b'c'; 31]).repeat(100), &settings, Tick(0)).unwrap();
    let windows = |count| frame(WINDOW_UPDATE, 0, &[0; 4]).repeat(count);
    watch.receive(&windows(6), &settings, Tick(0), |_, _| {}).unwrap();
    assert!(watch.receive(&windows(1), &settings, Tick(0), |_, _| {}).is_err());
    watch.receive(&frame(PING, 0, &[0; 8]).repeat(102), &settings, Tick(0), |_, _| {}).unwrap();
}

#[test]
fn a_window_that_is_too_large_is_an_error_of_its_own() {
    let settings = |name: u8, value: u32| {
        let [a, b, c, d] = value.to_be_bytes();
        frame(SETTINGS, 0, &[0, 3, 0, 0, 0, 1, 0, name, a, b, c, d])
    };
    assert!(received(&[settings(4, u32::MAX >> 1)]).is_ok());
    assert!(received(&[settings(3, u32::MAX)]).is_ok());
    assert_eq!(received(&[settings(4, 1 << 31)]), Err(Reason::FLOW_CONTROL_ERROR));
    // h2 refuses it.
    assert!(received(&[frame(SETTINGS, 0, &[0xff; 16_386 * 3])]).is_ok());
}

#[test]
fn resets_that_the_client_provokes_are_its_own() {
    let settings = settings();
    let reset = |code: Reason| frame_of(1, RST_STREAM, 0, &u32::from(code).to_be_bytes());
    for code in
        [Reason::PROTOCOL_ERROR, Reason::STREAM_CLOSED, Reason::FLOW_CONTROL_ERROR, Reason::REFUSED_STREAM]
    {
        let mut watch = begun();
        watch.receive(&frame(RST_STREAM, 0, &[0; 4]).repeat(2), &settings, Tick(0), |_, _| {}).unwrap();
        watch.send(&reset(code).repeat(2), &settings, Tick(0)).unwrap();
        let bytes = reset(code);
        for byte in &bytes[..12] {
            watch.send(&[*byte], &settings, Tick(0)).unwrap();
        }
        assert_eq!(watch.send(&bytes[12..], &settings, Tick(0)), Err(Reason::ENHANCE_YOUR_CALM));
    }
    for code in [Reason::NO_ERROR, Reason::INTERNAL_ERROR, Reason::CANCEL] {
        begun().send(&reset(code).repeat(100), &settings, Tick(0)).unwrap();
    }
}

#[test]
fn a_client_may_cancel_as_many_streams_as_were_answered() {
    let settings = settings();
    let mut watch = begun();
    watch.send(&frame(HEADERS, END_STREAM | END_HEADERS, b"head").repeat(10), &settings, Tick(0)).unwrap();
    let resets = |count| frame(RST_STREAM, 0, &[0; 4]).repeat(count);
    watch.receive(&resets(14), &settings, Tick(0), |_, _| {}).unwrap();
    assert!(watch.receive(&resets(1), &settings, Tick(0), |_, _| {}).is_err());
}

#[test]
fn priorities_of_streams_are_told() {
    let frames = [update(3, b"u=1, i"), update(0x8000_0005, b""), update(7, &[b'x'; 256])];
    let told = vec![(3, b"u=1, i".to_vec()), (5, Vec::new()), (7, vec![b'x'; 256])];
    assert_eq!(received(&frames), Ok(told));
    assert_eq!(received(&[update(3, &[b'x'; 257])]), Ok(Vec::new()));
}

#[test]
fn malformed_priority_updates_end_the_connection() {
    let of_stream = frame_of(1, PRIORITY_UPDATE, 0, &[0, 0, 0, 1]);
    assert_eq!(received(&[of_stream]), Err(Reason::PROTOCOL_ERROR));
    for stream in [0, 2, 0x8000_0000] {
        assert_eq!(received(&[update(stream, b"u=1")]), Err(Reason::PROTOCOL_ERROR));
        assert_eq!(received(&[update(stream, &[0; 1000])]), Err(Reason::PROTOCOL_ERROR));
    }
}

#[test]
fn frames_have_the_size_of_their_type() {
    for (kind, flags, sizes) in [
        (SETTINGS, 0, &[1, 5, 7, 11][..]),
        (SETTINGS, ACK, &[1, 6]),
        (PING, 0, &[0, 7, 9]),
        (RST_STREAM, 0, &[0, 3, 5]),
        (WINDOW_UPDATE, 0, &[0, 3, 5]),
        (PRIORITY, 0, &[0, 4, 6]),
        (GOAWAY, 0, &[0, 7]),
        (PRIORITY_UPDATE, 0, &[0, 3]),
    ] {
        for size in sizes {
            let result = received(&[frame(kind, flags, &vec![0; *size])]);
            assert_eq!(result, Err(Reason::FRAME_SIZE_ERROR), "{kind} of {size} bytes");
        }
    }
}

#[test]
fn the_preface_is_no_frame() {
    let mut watch = Watch::new();
    let bytes = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(PING, 0, &[0; 8]).repeat(2)].concat();
    for byte in &bytes {
        watch.receive(&[*byte], &settings(), Tick(0), |_, _| {}).unwrap();
    }
    let ping = frame(PING, 0, &[0; 8]);
    assert_eq!(watch.receive(&ping, &settings(), Tick(0), |_, _| {}), Err(Reason::ENHANCE_YOUR_CALM));
}

/// A frame that one side sends after some ticks.
#[derive(Clone, Debug)]
struct Step {
    ticks: u32,
    is_received: bool,
    kind: u8,
    flags: u8,
    length: usize,
    code: Reason,
}

impl Step {
    fn bytes(&self) -> Vec<u8> {
        match self.kind {
            PRIORITY_UPDATE => update(1, &vec![b'u'; self.length]),
            RST_STREAM => frame_of(1, RST_STREAM, 0, &u32::from(self.code).to_be_bytes()),
            SETTINGS if self.flags & ACK != 0 => frame(SETTINGS, self.flags, b""),
            SETTINGS => frame(SETTINGS, self.flags, &vec![0; self.length * 6]),
            PING => frame(PING, self.flags, &[0; 8]),
            WINDOW_UPDATE => frame(WINDOW_UPDATE, self.flags, &[0; 4]),
            PRIORITY => frame(PRIORITY, self.flags, &[0; 5]),
            GOAWAY => frame(GOAWAY, self.flags, &vec![0; 8 + self.length]),
            kind => frame(kind, self.flags, &vec![0; self.length]),
        }
    }

    fn has_content(&self) -> bool {
        self.length > 0 || (self.kind == DATA && self.flags & END_STREAM != 0)
    }

    fn is_message(&self) -> bool {
        matches!(self.kind, DATA | HEADERS) && (self.has_content() || !self.is_received)
    }

    fn is_filled(&self) -> bool {
        self.is_message() && (self.kind == HEADERS || self.length >= 32 || self.flags & END_STREAM != 0)
    }

    fn is_response_end(&self) -> bool {
        !self.is_received && matches!(self.kind, DATA | HEADERS) && self.flags & END_STREAM != 0
    }

    /// What this counts as, with its limit without any messages.
    fn limit(&self) -> Option<(&'static str, usize)> {
        match (self.is_received, self.kind) {
            (false, RST_STREAM) if is_provoked(self.code) => Some(("reset", 4)),
            (true, RST_STREAM) => Some(("reset", 4)),
            (false, _) => None,
            (_, PING) => Some(("ping", 2)),
            (_, SETTINGS) => Some(("settings", 3)),
            (_, PRIORITY | PRIORITY_UPDATE) => Some(("priority", 5)),
            (_, WINDOW_UPDATE) => Some(("window", 6)),
            (_, DATA | HEADERS) => (!self.has_content()).then_some(("empty", 2)),
            (_, CONTINUATION) => (self.length == 0 && self.flags & END_HEADERS == 0).then_some(("empty", 2)),
            (_, PUSH_PROMISE) => None,
            _ => Some(("unknown", 3)),
        }
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let code = prop_oneof![Just(Reason::CANCEL), Just(Reason::PROTOCOL_ERROR), Just(Reason::NO_ERROR)];
    let ticks = prop_oneof![4 => Just(0u32), 1 => 0..INTERVAL * 2];
    let kind = prop_oneof![0u8..11, Just(PRIORITY_UPDATE), Just(DATA)];
    let length = prop_oneof![Just(0usize), 1..40usize, 1..40usize];
    let step = (ticks, any::<bool>(), kind, any::<u8>(), length, code);
    vec(
        step.prop_map(|(ticks, is_received, kind, flags, length, code)| Step {
            ticks,
            is_received,
            kind,
            flags,
            length,
            code,
        }),
        0..80,
    )
}

/// Returns the first step that exceeds a limit, from all steps up to each one.
fn exceeding(steps: &[Step]) -> Option<usize> {
    let (mut now, mut since, mut interval) = (0, 0, 0);
    // The interval of each step.
    let mut intervals = Vec::new();
    for step in steps {
        now += step.ticks;
        if now - since >= INTERVAL {
            (since, interval) = (now, interval + 1);
        }
        intervals.push(interval);
    }
    (0..steps.len()).find(|&last| {
        let is_recent = |at: usize| intervals[at] + 1 >= intervals[last];
        let recent = || (0..=last).filter(|at| is_recent(*at)).map(|at| &steps[at]);
        let step = &steps[last];
        if step.is_received && step.kind == CONTINUATION {
            let received: Vec<&Step> = steps[..=last].iter().filter(|step| step.is_received).collect();
            let since_head = received.iter().rev().take_while(|step| step.kind != HEADERS);
            if since_head.filter(|step| step.kind == CONTINUATION).count() > 2 {
                return true;
            }
        }
        let Some((name, limit)) = step.limit() else { return false };
        let same = (0..=last).filter(|at| intervals[*at] == intervals[last]);
        let count = same.filter(|at| steps[*at].limit().is_some_and(|limit| limit.0 == name)).count();
        let messages = recent().filter(|step| step.is_message()).count();
        let in_addition = match name {
            "ping" | "priority" => messages,
            "window" => recent().filter(|step| step.is_filled()).count() * 2,
            "reset" => recent().filter(|step| step.is_response_end()).count(),
            _ => 0,
        };
        count > limit + in_addition
    })
}

proptest! {
    #[test]
    fn the_watch_counts_as_the_model_does(steps in steps(), cuts in vec(1..30usize, 1..10)) {
        let settings = settings();
        let mut watch = begun();
        let mut now = Tick(0);
        let mut cuts = cuts.iter().cycle();
        let expected = exceeding(&steps);
        for (at, step) in steps.iter().enumerate() {
            now = now.after(Ticks(step.ticks));
            let bytes = step.bytes();
            let mut rest = &bytes[..];
            let mut result = Ok(());
            while !rest.is_empty() && result.is_ok() {
                let (piece, after) = rest.split_at(rest.len().min(*cuts.next().unwrap_or(&1)));
                result = match step.is_received {
                    true => watch.receive(piece, &settings, now, |_, _| {}),
                    false => watch.send(piece, &settings, now),
                };
                rest = after;
            }
            prop_assert_eq!(result.is_err(), expected == Some(at), "step {}: {:?}", at, step);
            if result.is_err() {
                break;
            }
        }
    }
}
