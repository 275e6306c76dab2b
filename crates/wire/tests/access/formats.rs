//! Formats: every atom, conversions, and what is wrong with a format.

use std::time::Duration;

use wire::access::{AccessFormat, LocalTime, Stamp, Style};
use wire::{LogEnd, LogKind, LogRecord};

use crate::lines::{TEXT, bare, line_of, line_with, lines_of, read};

/// A request with everything that atoms ask for.
fn line(format: &str) -> String {
    let fields: [&[u8]; 4] = [
        b"User-Agent: curl/8",
        b"Referer: http://b/",
        // dora:secret
        b"Authorization: Basic ZG9yYTpzZWNyZXQ=",
        b"X-Many: one",
    ];
    line_of(format, TEXT, b"/a%20b?c=d&e", &fields)
}

#[test]
fn every_atom_of_gunicorn() {
    for (format, wanted) in [
        ("%(h)s", "192.0.2.1"),
        ("%(l)s", "-"),
        ("%(u)s", "dora"),
        ("%(t)s", "[30/Nov/2026:09:08:07 -0330]"),
        ("%(r)s", "GET /a%20b?c=d&e HTTP/1.1"),
        ("%(s)s", "200"),
        ("%(m)s", "GET"),
        ("%(U)s", "/a%20b"),
        ("%(q)s", "c=d&e"),
        ("%(H)s", "HTTP/1.1"),
        ("%(b)s", "5"),
        ("%(B)s", "5"),
        ("%(f)s", "http://b/"),
        ("%(a)s", "curl/8"),
        ("%(T)s", "1"),
        ("%(M)s", "1234"),
        ("%(D)s", "1234567"),
        ("%(L)s", "1.234567"),
        ("%(p)s", "<77>"),
        ("%({user-agent}i)s", "curl/8"),
        ("%({User-Agent}i)s", "curl/8"),
        ("%({x-missing}i)s", "-"),
        ("%({x-answer}o)s", "forty two, more"),
        ("%({Content-Length}o)s", "5"),
        ("%({x-missing}o)s", "-"),
        ("%({PLACE}e)s", "somewhere"),
        ("%({MISSING}e)s", "-"),
    ] {
        assert_eq!(line(format), wanted, "{format}");
    }
}

#[test]
fn every_atom_of_granian_and_our_own() {
    for (format, wanted) in [
        ("[%(time)s]", "[2026-11-30T09:08:07-0330]"),
        ("%(addr)s", "192.0.2.1"),
        ("%(dt_ms)s", "1234.567"),
        ("%(dt_ms).3f", "1234.567"),
        ("%(dt_ms).1f", "1234.6"),
        ("%(dt_ms)d", "1235"),
        ("%(status)d", "200"),
        ("%(path)s", "/a%20b"),
        ("%(query_string)s", "c=d&e"),
        ("%(method)s", "GET"),
        ("%(scheme)s", "https"),
        ("%(protocol)s", "HTTP/1.1"),
        ("%(client)s", "192.0.2.1:80"),
        ("%(pid)s", "77"),
        ("%(end)s", "complete"),
        ("100%% of %(h)s%%", "100% of 192.0.2.1%"),
        ("no atom", "no atom"),
    ] {
        assert_eq!(line(format), wanted, "{format}");
    }
}

#[test]
fn the_default_of_gunicorn() {
    let format = r#"%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s""#;
    assert_eq!(
        line(format),
        "192.0.2.1 - dora [30/Nov/2026:09:08:07 -0330] \"GET /a%20b?c=d&e HTTP/1.1\" 200 5 \"http://b/\" \"curl/8\""
    );
}

#[test]
fn conversions_fill_and_cut() {
    for (format, wanted) in [
        ("%(h)12s|", "   192.0.2.1|"),
        ("%(h)-12s|", "192.0.2.1   |"),
        ("%(h).3s|", "192|"),
        ("%(h)6.3s|", "   192|"),
        ("%(s)05d|", "00200|"),
        ("%(s)-5d|", "200  |"),
        ("%(h)012s|", "   192.0.2.1|"),
        ("%(L).0f|", "1|"),
        ("%(L)f|", "1.234567|"),
        ("%(B)i|", "5|"),
        ("%(B).2f|", "5.00|"),
        ("%(dt_ms)9.1f|", "   1234.6|"),
    ] {
        assert_eq!(line(format), wanted, "{format}");
    }
}

#[test]
fn faults_are_named() {
    for (format, wanted) in [
        ("", "an empty format"),
        ("%(x)s", "%(x)s: there is no atom of this name"),
        ("a %(foo)5.2f b", "%(foo)5.2f: there is no atom of this name"),
        ("%({a}x)s", "%({a}x)s: there is no atom of this name"),
        ("%({}i)s", "%({}i)s: there is no atom of this name"),
        ("%()s", "%()s: there is no atom of this name"),
        ("%h", "%h: expected %(NAME)s, or %% for a percent sign"),
        ("100%", "%: expected %(NAME)s, or %% for a percent sign"),
        ("%(h", "%(h: expected a closing parenthesis"),
        ("%(h)", "%(h): expected a conversion after it: s, d, i or f, as in %(h)s and %(dt_ms).3f"),
        ("%(h) x", "%(h): expected a conversion after it: s, d, i or f, as in %(h)s and %(dt_ms).3f"),
        ("%(h)100s", "%(h): expected a conversion after it: s, d, i or f, as in %(h)s and %(dt_ms).3f"),
        ("%(h)d", "%(h)d: the value is text, which takes the conversion s"),
        ("a\nb", "a format is one line, without control characters but tabs"),
        ("a\u{1b}b", "a format is one line, without control characters but tabs"),
    ] {
        for style in [TEXT, crate::lines::JSON] {
            let error = AccessFormat::parse(format, style, 1, |_| None).unwrap_err();
            assert_eq!(error.to_string(), wanted, "{format}");
        }
    }
}

#[test]
fn only_what_a_format_asks_for_is_noted() {
    let noted = read("%(h)s %(s)s %(D)s %(t)s", TEXT);
    assert!(noted.noted().request.is_empty() && noted.noted().response.is_empty());
    let noted = read("%(a)s %({user-agent}i)s %({x}o)s %({X}o)s", TEXT);
    assert_eq!((noted.noted().request.len(), noted.noted().response.len()), (1, 1));
}

#[test]
fn the_usual_line() {
    let usual = |style| AccessFormat::usual(style, 77);
    let data = b"GET /a?b HTTP/1.0\r\n\r\n";
    let wanted = "192.0.2.1:80 \"GET /a?b HTTP/1.0\" 200 5B 1234.57ms";
    assert_eq!(lines_of(&usual(TEXT), data, &[]), [wanted]);
    let stamped = Style { stamps: true, ..TEXT };
    assert_eq!(lines_of(&usual(stamped), data, &[]), [format!("2026-11-30T09:08:07-0330 {wanted}")]);
    let colored = Style { colors: true, ..TEXT };
    assert_eq!(lines_of(&usual(colored), data, &[]), [wanted.replace("200", "\u{1b}[32m200\u{1b}[0m")]);
}

#[test]
fn how_a_request_has_ended() {
    let format = AccessFormat::usual(TEXT, 77);
    let end = read("%(end)s", TEXT);
    for (status, how, line, word) in [
        (202, LogEnd::CutShort, "192.0.2.1:80 \"-\" 202 4B 0.00ms (cut short)", "cut short"),
        (0, LogEnd::CutShort, "192.0.2.1:80 \"-\" - 4B 0.00ms (cut short)", "cut short"),
        (0, LogEnd::ClientLeft, "192.0.2.1:80 \"-\" 499 4B 0.00ms (the client left)", "the client left"),
        (500, LogEnd::ClientLeft, "192.0.2.1:80 \"-\" 499 4B 0.00ms (the client left)", "the client left"),
        (400, LogEnd::Refused("bad"), "192.0.2.1:80 \"-\" 400 4B 0.00ms (bad)", "refused: bad"),
    ] {
        let record = bare(status, 4, how);
        assert_eq!(line_with(&format, &record, Duration::ZERO), line);
        assert_eq!(line_with(&end, &record, Duration::ZERO), word);
    }
}

#[test]
fn colours_are_those_of_the_class() {
    let format = read("%(s)s %(status)d", Style { colors: true, ..TEXT });
    for (status, color) in [(101, "97"), (204, "32"), (304, "33"), (404, "31"), (499, "31"), (503, "91")] {
        let line = line_with(&format, &bare(status, 0, LogEnd::Complete), Duration::ZERO);
        let shown = format!("\u{1b}[{color}m{status}\u{1b}[0m");
        assert_eq!(line, format!("{shown} {shown}"));
    }
    let websocket = LogRecord { kind: LogKind::WebSocket, ..bare(1000, 0, LogEnd::Complete) };
    assert_eq!(line_with(&format, &websocket, Duration::ZERO), "1000 1000");
}

#[test]
fn a_stamp_has_its_zone() {
    let format = read("%(time)s %(t)s", TEXT);
    let line = line_with(&format, &bare(200, 0, LogEnd::Complete), Duration::ZERO);
    assert_eq!(line, "2026-11-30T09:08:07-0330 [30/Nov/2026:09:08:07 -0330]");
    let summer = LocalTime { year: 2026, month: 7, day: 1, offset: 7200, ..LocalTime::default() };
    assert_ne!(Stamp::new(&summer), Stamp::new(&LocalTime { offset: 3600, ..summer }));
}

#[test]
fn a_user_without_a_password_or_a_scheme() {
    for (value, wanted) in [
        (&b"Basic ZG9yYTpzZWNyZXQ"[..], "dora"),
        (b"basic ZG9yYTo=", "dora"),
        (b"Basic ZG9yYQ==", "-"),
        (b"Basic OnNlY3JldA==", "-"),
        (b"Basic not*base64", "-"),
        (b"Basic", "-"),
        (b"Bearer ZG9yYTpzZWNyZXQ=", "-"),
        // "a"b\n:
        (b"Basic ImEiYgo6", "\\x22a\\x22b\\x0a"),
    ] {
        let field = [b"Authorization: ", value].concat();
        assert_eq!(line_of("%(u)s", TEXT, b"/", &[&field]), wanted);
    }
}

#[test]
fn the_usual_line_is_that_of_its_atoms() {
    let usual = AccessFormat::usual(Style { stamps: true, ..TEXT }, 77);
    let atoms = read("%(time)s %(client)s \"%(r)s\" %(s)s %(B)sB %(dt_ms).2fms", TEXT);
    for status in [100, 200, 499, 599, 1000, 4999, u16::MAX] {
        for sent in [0, 9, 10, 12_345, u64::MAX] {
            let record = bare(status, sent, LogEnd::Complete);
            for nanoseconds in [0, 4_999, 5_000, 94_999, 995_000, 1_234_567_890, u64::MAX] {
                let taken = Duration::from_nanos(nanoseconds);
                assert_eq!(line_with(&usual, &record, taken), line_with(&atoms, &record, taken));
            }
            let longest = line_with(&usual, &record, Duration::MAX);
            assert_eq!(longest, line_with(&atoms, &record, Duration::MAX));
        }
    }
}

#[test]
fn a_byte_with_a_meaning_is_found_wherever_it_is() {
    for length in 1..70 {
        for place in 0..length {
            for byte in [b'"', b'\\', b'\x1f', b'\x7f'] {
                let mut value = vec![b'x'; length];
                value[place] = byte;
                let value = String::from_utf8(value).unwrap();
                let constant = |name: &str| (name == "PLACE").then(|| value.clone());
                let format = AccessFormat::parse("%({PLACE}e)s", TEXT, 77, constant).unwrap();
                let line = line_with(&format, &bare(200, 0, LogEnd::Complete), Duration::ZERO);
                assert_eq!(line, value.replace(char::from(byte), &format!("\\x{byte:02x}")));
            }
        }
    }
}
