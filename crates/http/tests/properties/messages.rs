//! A parser of single messages finds the same parts in an input, however it is split. A test and a fuzz target share
//! this file.

use http::{FieldSlots, MessageEvent, MessageLimits, MessageParser, Role, Version};

/// The sum of the input says where it is cut and what is allowed, so that bytes as a peer sends them are an input. The
/// limits are small, so that inputs reach them sooner.
pub(crate) fn check(input: &[u8]) {
    let sum = input.iter().fold(0, |sum, byte| (sum + usize::from(*byte)) % 128);
    let length = sum % 32 + 1;
    let limits =
        MessageLimits { start_line_bytes: 64, head_bytes: 256, fields: 4, chunk_extension_bytes: 16 };
    for role in [Role::Request, Role::Response] {
        let parser = || {
            let mut parser = MessageParser::new(role, &limits);
            parser.allow_folds(sum & 32 != 0);
            parser.go_on_after_close(sum & 64 != 0);
            parser.discard_after_close(sum & 16 != 0);
            parser
        };
        let whole = read(parser(), input.chunks(input.len().max(1)));
        assert_eq!(read(parser(), input.chunks(length)), whole);
        assert_eq!(read(parser(), input.chunks(1)), whole);
    }
}

/// Reads the pieces, and describes the parts with all adjacent content joined.
pub(crate) fn read<'a>(mut parser: MessageParser, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    let (mut seen, mut position) = (Seen::default(), 0);
    for piece in pieces {
        let mut rest = piece;
        loop {
            match parser.next(&mut rest, &mut FieldSlots::new()) {
                Ok(MessageEvent::NeedInput) => break,
                Ok(event) => {
                    let place = position + piece.len() - rest.len();
                    seen.note(&event, place, &parser);
                    if let MessageEvent::Field(line) = event {
                        parser.reuse(line);
                    }
                }
                Err(error) => {
                    assert_eq!(
                        parser.next(&mut &b"GET / HTTP/1.1\r\n"[..], &mut FieldSlots::new()).err(),
                        Some(error)
                    );
                    seen.0.push(format!("{:?} {error}", error.kind()));
                    return seen.0;
                }
            }
        }
        assert!(rest.is_empty(), "all of the input is used");
        position += piece.len();
    }
    seen.0.push(format!("{:?}", parser.end_input()));
    seen.0
}

#[derive(Default)]
struct Seen(Vec<String>);

impl Seen {
    fn note(&mut self, event: &MessageEvent<'_, '_>, place: usize, parser: &MessageParser) {
        match event {
            MessageEvent::Head { text, fields } => {
                self.0.push("Begin".into());
                self.0.extend(text.map(text_of));
                self.0.extend(fields.iter().map(|(name, value)| field_of(name, value)));
            }
            MessageEvent::Target(text) | MessageEvent::Reason(text) => self.0.push(text_of(text)),
            MessageEvent::Field(line) => self.0.push(field_of(line.name(), line.value())),
            MessageEvent::Content(part) => match self.0.last_mut() {
                Some(last) if last.starts_with("Content") => last.push_str(&part.escape_ascii().to_string()),
                _ => self.0.push(format!("Content {}", part.escape_ascii())),
            },
            MessageEvent::Upgraded => self.0.push(format!("Upgraded at {place}")),
            other => self.0.push(format!("{other:?}")),
        }
        if matches!(event, MessageEvent::HeadEnd | MessageEvent::End) {
            self.0.push(state_of(parser));
        }
    }
}

/// Version, method or status, and what follows: `1.1 GET alive`.
fn state_of(parser: &MessageParser) -> String {
    let version = if parser.version() == Some(Version::Http10) { "1.0" } else { "1.1" };
    let method = parser.method().map(|method| method.escape_ascii().to_string());
    let what = method.or_else(|| parser.status().map(|status| status.to_string())).unwrap_or_default();
    let alive = if parser.keeps_alive() { " alive" } else { "" };
    let upgraded = if parser.is_upgraded() { " upgraded" } else { "" };
    format!("{version} {what}{alive}{upgraded}")
}

fn text_of(text: &[u8]) -> String {
    format!("Text {}", text.escape_ascii())
}

fn field_of(name: &[u8], value: &[u8]) -> String {
    format!("Field {}: {}", name.escape_ascii(), value.escape_ascii())
}
