//! Forms in parts: what clients send, what is refused and at which byte, and what a form may have.

use content::ContentError;
use content::multipart::{Event, Limits, Parser};

const HEAD: &str = "--b\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n";

#[derive(Debug, PartialEq, Eq)]
struct Read {
    name: String,
    filename: Option<String>,
    content: String,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn read(form: &[u8], limits: Limits) -> Result<Vec<Read>, ContentError> {
    let (mut parser, mut parts) = (Parser::new(b"b", limits)?, Vec::<Read>::new());
    let mut input = form;
    loop {
        match parser.receive(&mut input)? {
            Event::Part(part) => {
                let (name, filename) = (part.name().into(), part.filename().map(Into::into));
                parts.push(Read { name, filename, content: String::new() });
            }
            Event::Data(data) => {
                parts.iter_mut().last().into_iter().for_each(|part| part.content += &text(data))
            }
            Event::PartEnd | Event::End => {}
            Event::NeedInput => return parser.finish().map(|()| parts),
        }
    }
}

/// The names of the parts of a form with one, which has this disposition.
fn named(disposition: &str) -> Result<Vec<(String, Option<String>)>, ContentError> {
    let form = format!("--b\r\nContent-Disposition: {disposition}\r\n\r\nx\r\n--b--");
    let parts = read(form.as_bytes(), Limits::UNLIMITED)?;
    Ok(parts.into_iter().map(|part| (part.name, part.filename)).collect())
}

fn contents(form: &str) -> Vec<String> {
    match read(form.as_bytes(), Limits::UNLIMITED) {
        Ok(parts) => parts.into_iter().map(|part| part.content).collect(),
        Err(error) => vec![error.to_string()],
    }
}

fn refused(form: &str) -> (u16, String) {
    match read(form.as_bytes(), Limits::UNLIMITED) {
        Ok(parts) => (200, format!("{parts:?}")),
        Err(error) => (error.status(), error.to_string()),
    }
}

/// A form is read with the first limits, and refused with the second for this reason at this byte.
fn expect_limit(form: &str, enough: Limits, too_little: Limits, because: &str, at: usize) {
    let accepted = read(form.as_bytes(), enough);
    assert!(accepted.is_ok(), "{because}: {accepted:?}");
    let refused = read(form.as_bytes(), too_little).map_err(|error| (error.status(), error.to_string()));
    assert_eq!(refused, Err((413, format!("{because}, at byte {at}"))));
}

#[test]
fn an_empty_form_has_its_last_boundary_only() {
    assert_eq!(contents("--b--\r\n"), Vec::<String>::new());
    assert_eq!(contents("--b--"), Vec::<String>::new());
}

#[test]
fn content_may_be_empty_and_contain_what_looks_like_a_boundary() {
    assert_eq!(contents(&format!("{HEAD}\r\n{HEAD}\r\n--b--\r\n")), ["", ""]);
    let content = "--b \r\r\n-\r\n--\r\n--\r\n--c\n--b\r\n --b\r\n\r";
    assert_eq!(contents(&format!("{HEAD}-{content}\r\n--b--\r\n")), [format!("-{content}")]);
}

#[test]
fn a_part_may_end_with_its_head() {
    assert_eq!(contents(&format!("{HEAD}--b--\r\n")), [""]);
    assert_eq!(contents(&format!("{HEAD}--a\r\n--b--\r\n")), ["--a"]);
}

#[test]
fn padding_preamble_and_epilogue_are_skipped() {
    let form = format!("ignored\r\n--b \t\r\n{}1\r\n--b--\t\r\nignored\r\n--b\r\n", &HEAD[5..]);
    assert_eq!(contents(&form), ["1"]);
    assert_eq!(contents(&format!("\r\n{HEAD}1\r\n--b--")), ["1"]);
}

#[test]
fn names_are_read_as_browsers_and_programs_write_them() {
    let expect = |disposition: &str, name: &str, filename: Option<&str>| {
        assert_eq!(named(disposition), Ok(vec![(name.into(), filename.map(Into::into))]), "{disposition}");
    };
    expect(r#"form-data; name="a b"; filename="""#, "a b", Some(""));
    expect(r#"Form-Data;NAME=plain;FileName=x.txt"#, "plain", Some("x.txt"));
    expect(r#"form-data; name="%22q%22%0d%0A 100%41"; filename="ü.txt""#, "\"q\"\r\n 100%41", Some("ü.txt"));
    expect(
        r#"form-data; name="\"q\" \\ \n"; filename="C:\dir\new.txt""#,
        r#""q" \ \n"#,
        Some(r"C:\dir\new.txt"),
    );
    expect(r#"form-data; name="ends in \""#, r"ends in \", None);
    expect(r#"form-data; name="a"; filename="a.txt"; filename*=UTF-8''%e2%82%ac%20x"#, "a", Some("€ x"));
    expect(r#"form-data; filename*=iso-8859-1'en'%A3; name="a;b=\"c";"#, "a;b=\"c", Some("£"));
    expect(r#"form-data; name="a"; size=3; x="y""#, "a", None);
}

#[test]
fn bad_names_are_refused_where_they_stand() {
    for (disposition, because) in [
        ("attachment; name=a", "Content-Disposition of a part is not form-data, at byte 26"),
        ("form-data", "a part without a name, at byte 26"),
        ("form-data; name=a; name=b", "Content-Disposition of a part has a parameter twice, at byte 49"),
        ("form-data; name=a b; name", "a parameter of Content-Disposition has no value, at byte 51"),
        (
            "form-data; name=\"a\" b",
            "Content-Disposition of a part has something else than a parameter, at byte 46",
        ),
        ("form-data; name=\"a", "a quoted name of a part has no end, at byte 43"),
        ("form-data; name=\"a\0\"", "the head of a part has a control character, at byte 44"),
        ("form-data; name=a; filename*=a", "filename* of a part is not an extended value, at byte 55"),
        (
            "form-data; name=a; filename*=koi8-r''a",
            "filename* of a part is neither UTF-8 nor ISO-8859-1, at byte 55",
        ),
        ("form-data; name=a; filename*=utf-8''%ff", "filename* of a part is not UTF-8, at byte 55"),
        ("form-data; name=a; filename*=utf-8''%00", "filename* of a part contains NUL, at byte 55"),
    ] {
        let form = format!("--b\r\nContent-Disposition: {disposition}\r\n\r\nx\r\n--b--");
        assert_eq!(refused(&form), (400, because.into()), "{disposition}");
    }
    let error =
        read(b"--b\r\nContent-Disposition: form-data; name=\xff\r\n\r\n", Limits::UNLIMITED).unwrap_err();
    assert_eq!(error.to_string(), "the name of a part is not UTF-8, at byte 42");
}

#[test]
fn bad_heads_are_refused_where_they_are_wrong() {
    for (head, because) in [
        ("\r\n", "a part without Content-Disposition, at byte 5"),
        ("A: b\nC: d\r\n\r\n", "a line of a part's head ends in LF without CR, at byte 9"),
        ("A: b\r\n c\r\n\r\n", "a line of a part's head is no field, at byte 11"),
        ("A b: c\r\n\r\n", "a line of a part's head is no field, at byte 5"),
        ("A: b\rc\r\n\r\n", "the head of a part has a control character, at byte 9"),
        ("Content-Type: a/b\r\nContent-type: a/b\r\n\r\n", "a part has a field twice, at byte 24"),
        (
            "Content-Transfer-Encoding: base64\r\n\r\n",
            "Content-Transfer-Encoding of a part changes its bytes (RFC 7578 section 4.7), at byte 32",
        ),
    ] {
        assert_eq!(refused(&format!("--b\r\n{head}x\r\n--b--")), (400, because.into()), "{head:?}");
    }
}

#[test]
fn bad_boundaries_are_refused_where_they_stand() {
    let behind = "a line begins with the boundary and does not end behind it, at byte";
    for (form, because) in [
        ("--bx\r\n".into(), format!("{behind} 3")),
        ("--b\n".into(), format!("{behind} 3")),
        ("--b-x".into(), format!("{behind} 4")),
        (format!("{HEAD}1\r\n--bc\r\n"), format!("{behind} {}", HEAD.len() + 6)),
        (
            format!("--b{}\r\n", " ".repeat(65)),
            "a boundary is followed by white space without an end, at byte 67".into(),
        ),
        ("--b--x".into(), "the line of the last boundary does not end behind it, at byte 5".into()),
        (String::new(), "the form ends before its last boundary, at byte 0".into()),
        (
            format!("{HEAD}1\r\n--b"),
            format!("the form ends before its last boundary, at byte {}", HEAD.len() + 6),
        ),
        (
            format!("{HEAD}1\r\n--b-"),
            format!("the form ends before its last boundary, at byte {}", HEAD.len() + 7),
        ),
    ] {
        assert_eq!(refused(&form), (400, because), "{form:?}");
    }
    for boundary in [&b""[..], b"a ", b"a\r\n", b"\xff", &[b'a'; 71]] {
        assert!(Parser::new(boundary, Limits::UNLIMITED).is_err(), "{boundary:?}");
    }
    assert!(Parser::new(&[b'a'; 70], Limits::UNLIMITED).is_ok());
}

#[test]
fn each_limit_of_content_is_held_to_the_byte() {
    let file = HEAD.replace("\"n\"", "\"n\"; filename=\"f\"");
    let none = Limits::UNLIMITED;
    let fields = format!("{HEAD}123\r\n{HEAD}45\r\n--b--");
    let files = format!("{file}123\r\n{file}45\r\n--b--");
    let (three, two) = (Limits { field_bytes: 3, ..none }, Limits { field_bytes: 2, ..none });
    expect_limit(&fields, three, two, "a field has more bytes than 2", HEAD.len() + 2);
    let (seven, six) = (Limits { fields_bytes: 7, ..none }, Limits { fields_bytes: 6, ..none });
    expect_limit(&fields, seven, six, "all fields together have more bytes than 6", HEAD.len() * 2 + 6);
    let (three, zero) = (Limits { file_bytes: 3, ..none }, Limits { file_bytes: 0, ..none });
    expect_limit(&files, three, zero, "a file has more bytes than 0", file.len());
    let (five, four) = (Limits { files_bytes: 5, ..none }, Limits { files_bytes: 4, ..none });
    expect_limit(&files, five, four, "all files together have more bytes than 4", file.len() * 2 + 6);
}

#[test]
fn each_limit_of_parts_is_held() {
    let file = HEAD.replace("\"n\"", "\"n\"; filename=\"f\"");
    let none = Limits::UNLIMITED;
    let fields = format!("{HEAD}123\r\n{HEAD}45\r\n--b--");
    let files = format!("{file}123\r\n{file}45\r\n--b--");
    let (two, one) = (Limits { fields: 2, ..none }, Limits { fields: 1, ..none });
    expect_limit(&fields, two, one, "more fields than 1", HEAD.len() + 10);
    let (two, one) = (Limits { files: 2, ..none }, Limits { files: 1, ..none });
    expect_limit(&files, two, one, "more files than 1", file.len() + 10);
    let (one, zero) = (Limits { head_fields: 1, ..none }, Limits { head_fields: 0, ..none });
    expect_limit(&fields, one, zero, "a part has more fields in its head than 0", 5);
    let (all, less) = (Limits { head_bytes: 44, ..none }, Limits { head_bytes: 43, ..none });
    expect_limit(&fields, all, less, "the head of a part has more bytes than 43", HEAD.len() - 1);
    let (one, zero) = (Limits { name_bytes: 1, ..none }, Limits { name_bytes: 0, ..none });
    expect_limit(&fields, one, zero, "the name of a part has more bytes than 0", 5);
}

#[test]
fn what_is_outside_of_parts_is_limited() {
    let limits = Limits { outside_bytes: 4, ..Limits::UNLIMITED };
    assert!(read(b"1234\r\n--b--\r\n56", limits).is_ok());
    let error = read(b"12345\r\n--b--", limits).unwrap_err();
    assert_eq!(error.to_string(), "the form does not begin with its boundary, at byte 0");
    let error = read(b"--b--\r\n567", limits).unwrap_err();
    assert_eq!(error.to_string(), "the form is followed by other content, at byte 5");
}
