//! Recorded traffic of real clients and hostile peers is read as its table says, wherever it is split.

#![expect(clippy::expect_used, reason = "a table that can't be read fails the test")]

#[path = "traffic/table.rs"]
mod table;

use std::fs;

use http::{Connection, DefaultHeaders, Event, Length, NO_FIELDS, Persistence};
use table::{LIMITS, Recording, folder, recordings};

#[test]
fn every_recording_is_read_as_its_table_says() {
    let wrong: Vec<String> = recordings()
        .iter()
        .map(|recording| (recording, read(&[&recording.bytes])))
        .filter(|(recording, reads)| *reads != recording.reads)
        .map(|(recording, reads)| format!("{}: {reads} is not {}", recording.name, recording.reads))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn in_two_pieces_wherever_they_meet() {
    for Recording { name, bytes, reads } in recordings() {
        for at in 0..=bytes.len() {
            let (one, two) = bytes.split_at(at);
            assert_eq!(read(&[one, two]), reads, "{name}, split at {at}");
        }
    }
}

#[test]
fn byte_by_byte() {
    for Recording { name, bytes, reads } in recordings() {
        assert_eq!(read(&bytes.chunks(1).collect::<Vec<_>>()), reads, "{name}");
    }
}

#[test]
fn every_recording_has_a_row() {
    let mut files: Vec<String> = fs::read_dir(folder())
        .expect("the folder of recordings")
        .map(|entry| entry.expect("a file").file_name().into_string().expect("a name in ASCII"))
        .filter(|name| !name.contains('.'))
        .collect();
    let mut rows: Vec<String> = recordings().into_iter().map(|recording| recording.name).collect();
    files.sort();
    rows.sort();
    assert_eq!(files, rows);
}

/// A request as far as it has been read.
struct Request {
    line: String,
    content: u64,
}

/// Describes the events of an input that arrives in these pieces, in the notation of the table. Each request is answered
/// as soon as it is complete.
fn read(pieces: &[&[u8]]) -> String {
    let (mut connection, mut reads, mut request) = (Connection::new(LIMITS), Vec::new(), None::<Request>);
    let mut tunnel = 0;
    for mut piece in pieces.iter().copied() {
        loop {
            match connection.receive(&mut piece) {
                Ok(Event::Request(head)) => {
                    let line = [head.method(), b" ", head.target()].concat().escape_ascii().to_string();
                    request = Some(Request { line, content: 0 });
                }
                Ok(Event::Body(part)) => request.as_mut().expect("a request").content += part.len() as u64,
                Ok(Event::End { .. }) => {
                    let line = described(&request.take().expect("a request"));
                    reads.push(line + if answer(&mut connection) { "" } else { " ~" });
                }
                Ok(Event::Tunnel(part)) => tunnel += part.len(),
                Ok(Event::Paused) => unreachable!("every request is answered"),
                Ok(Event::NeedInput) => break,
                Ok(Event::Closed) => return reads.join("; "),
                Err(refusal) => {
                    reads.extend(request.iter().map(|request| described(request) + "?"));
                    reads.push(format!("!{}", refusal.status()));
                    return reads.join("; ");
                }
            }
        }
    }
    if let Some(request) = request {
        reads.push(described(&request) + "?");
    } else if tunnel > 0 {
        *reads.last_mut().expect("the request for a tunnel") += &format!(" +{tunnel}");
    } else if !connection.is_idle() {
        reads.push("?".into());
    }
    reads.join("; ")
}

fn described(request: &Request) -> String {
    let content = if request.content > 0 { format!(" {}", request.content) } else { String::new() };
    format!("{}{content}", request.line)
}

/// Answers with 200, and returns whether the connection goes on.
fn answer(connection: &mut Connection) -> bool {
    let mut out = Vec::new();
    let is_tunnel = connection.head().method() == b"CONNECT";
    let started = connection.start(200, NO_FIELDS, Length::Known(0), DefaultHeaders::default(), &mut out);
    assert_eq!(started, Ok(()));
    is_tunnel || connection.finish(&mut out) == Ok(Persistence::KeepAlive)
}
