//! Lines as JSON objects: the usual keys, and the atoms of a format as keys.

use std::time::Duration;

use wire::LogEnd;
use wire::access::AccessFormat;

use crate::lines::{JSON, bare, line_of, line_with, lines_of};

#[test]
fn the_usual_keys() {
    let format = AccessFormat::usual(JSON, 77);
    let lines = lines_of(&format, b"GET /a%20b?c=\"d\" HTTP/1.1\r\nHost: a\r\n\r\n", &[]);
    assert_eq!(
        lines,
        [concat!(
            r#"{"time":"2026-11-30T09:08:07.006-03:30","logger":"vitok.access","pid":77,"client":"192.0.2.1:80","#,
            r#""method":"GET","path":"/a%20b","query":"c=\"d\"","protocol":"HTTP/1.1","status":200,"bytes":5,"#,
            r#""duration_ms":1234.567,"end":"complete"}"#
        )]
    );
}

#[test]
fn what_is_absent_is_null() {
    let format = AccessFormat::usual(JSON, 77);
    let line = line_with(&format, &bare(0, 0, LogEnd::Refused("bad")), Duration::ZERO);
    assert!(
        line.contains(r#""method":null,"path":null,"query":null,"protocol":null,"status":null"#),
        "{line}"
    );
    assert!(line.ends_with(r#""end":"refused: bad"}"#), "{line}");
}

#[test]
fn a_query_that_is_empty_is_a_string() {
    let format = AccessFormat::usual(JSON, 77);
    let lines = lines_of(&format, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &[]);
    assert!(lines[0].contains(r#""path":"/","query":"","#), "{lines:?}");
}

#[test]
fn the_atoms_of_a_format_are_keys() {
    let format = r#"at %(h)s "%({User-Agent}i)s" %(s)s %(dt_ms).1f %(h)s %(l)s %({x}o)s %(p)s"#;
    let line = line_of(format, JSON, b"/", &[b"User-Agent: curl"]);
    assert_eq!(
        line,
        r#"{"h":"192.0.2.1","{User-Agent}i":"curl","s":200,"dt_ms":1234.6,"l":null,"{x}o":null,"p":"<77>"}"#
    );
    assert_eq!(line_of("no atom", JSON, b"/", &[]), "{}");
}
