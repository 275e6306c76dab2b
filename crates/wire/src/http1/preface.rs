//! A connection whose client speaks HTTP/2 without having asked (RFC 9113 section 3.3): it begins with what HTTP/1.1 refuses
//! as a request of another version, so no request of HTTP/1.1 is looked at twice.

use std::mem;

use super::connection::Connection;
use crate::message::RequestId;
use crate::read_buffer::ReadBuffer;
use crate::settings::{Context, Versions};

/// What such a client sends first (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The part of it that is the head of a request for HTTP/1.1.
const HEAD: usize = b"PRI * HTTP/2.0\r\n\r\n".len();

/// The line of that request.
const LINE: &[u8] = b"PRI * HTTP/2.0";

/// What HTTP/2 goes on with.
pub(crate) struct Begun {
    /// Everything that has arrived.
    pub(crate) input: Vec<u8>,
    pub(crate) is_writable: bool,
}

impl<B: AsRef<[u8]>> Connection<B> {
    /// Returns whether the input that was refused is the preface of HTTP/2, and keeps it then.
    #[cold]
    pub(super) fn is_preface(&mut self, input: &[u8], context: Context<'_>) -> bool {
        let is_first = self.latest == RequestId(0);
        // Over TLS, which alone ends with its peer, HTTP/2 has to be agreed on (RFC 9113 section 3.2).
        if !is_first || self.ends_with_peer || context.settings.http2.versions == Versions::Http1 {
            return false;
        }
        // A request of another line may end with the same few bytes, if they arrive one by one.
        if self.http.request_line() != Some(LINE) {
            return false;
        }
        let Some(before) = length_before(input) else { return false };
        self.read_buffer = ReadBuffer::new();
        self.read_buffer.push(&PREFACE[..before]);
        self.read_buffer.push(input);
        true
    }

    /// Takes what HTTP/2 goes on with.
    pub(crate) fn begun(&mut self) -> Begun {
        let kept = mem::take(&mut self.read_buffer);
        Begun { input: kept.rest().to_vec(), is_writable: self.is_writable }
    }
}

/// Returns how much of the preface has arrived before this input, which ends its first part.
fn length_before(input: &[u8]) -> Option<usize> {
    (0..HEAD).find(|before| {
        let expected = &PREFACE[*before..];
        let length = input.len().min(expected.len());
        length >= HEAD - before && input[..length] == expected[..length]
    })
}

#[cfg(test)]
mod tests {
    use super::{HEAD, PREFACE, length_before};

    #[test]
    fn every_split_of_the_preface_is_recognised() {
        let whole = [PREFACE, b"frames"].concat();
        for before in 0..HEAD {
            for end in HEAD..=whole.len() {
                assert_eq!(length_before(&whole[before..end]), Some(before), "{before}..{end}");
            }
        }
    }

    #[test]
    fn another_request_is_not_taken_for_it() {
        for other in [
            &b"PRI * HTTP/2.0\r\nhost: a\r\n\r\n"[..],
            b"PRI * HTTP/2.0\r\n\r\nXX",
            b"GET / HTTP/2.0\r\n\r\n",
        ] {
            assert_eq!(length_before(other), None);
        }
    }
}
