//! Which documents are read, as what, and what is refused where.

use content::xml::{Document, Event, Limits, Reader, WriteError, Writer};

/// Shows the events of a document in one line, or the reason why it is refused.
fn shown(text: &str, limits: Limits) -> String {
    let document = match Document::new(text) {
        Ok(document) => document,
        Err(error) => return error.to_string(),
    };
    let mut reader = Reader::new(&document, limits);
    let mut out = String::new();
    loop {
        match reader.next() {
            Err(error) => return error.to_string(),
            Ok(Event::Done) => return out,
            Ok(Event::End) => out.push(')'),
            Ok(Event::Text(text)) => out.push_str(&format!("{text:?}")),
            Ok(Event::Start(name, attributes)) => {
                let attributes = attributes.to_vec();
                out.push_str(&format!("({}", reader.names().name(name)));
                for (name, value) in attributes {
                    out.push_str(&format!(" {}={value:?}", reader.names().name(name)));
                }
                out.push(' ');
            }
        }
    }
}

fn read(text: &str) -> String {
    shown(text, Limits::default())
}

#[test]
fn documents() {
    assert_eq!(read("<a/>"), "(a )");
    assert_eq!(
        read("<?xml version='1.0' encoding='utf-8' standalone=\"no\"?>\n<!-- x --><a\n/><?p i?>\n"),
        "(a )"
    );
    assert_eq!(read("<a b='1' c = \"2\"><d>x</d > y</a>"), "(a b=\"1\" c=\"2\" (d \"x\")\" y\")");
    assert_eq!(read("<a>1<!-- -->2<?p?>3<![CDATA[<4>&]]>&#53;&#x36;&gt;</a>"), r#"(a "123<4>&56>")"#);
    assert_eq!(read("<a>\r\n\r</a>"), r#"(a "\n\n")"#);
    assert_eq!(read("<a b='\t\n\r\n&#9;&#10;&#13; &lt;&quot;'/>"), r#"(a b="   \t\n\r <\"" )"#);
    assert_eq!(read("<é日>😀</é日>"), "(é日 \"😀\")");
}

#[test]
fn namespaces() {
    assert_eq!(read("<a xmlns='u'><b c='1'/></a>"), "({u}a ({u}b c=\"1\" ))");
    assert_eq!(read("<p:a xmlns:p='u' p:b='1' b='2'/>"), "({u}a {u}b=\"1\" b=\"2\" )");
    assert_eq!(read("<a xmlns='u'><b xmlns=''/><c xmlns='v'/><d/></a>"), "({u}a (b )({v}c )({u}d ))");
    assert_eq!(read("<a xml:lang='x'/>"), "(a {http://www.w3.org/XML/1998/namespace}lang=\"x\" )");
    for (text, reason) in [
        ("<p:a/>", "a prefix that is not declared at line 1, column 2"),
        ("<a><b xmlns:p='u'/><p:c/></a>", "a prefix that is not declared at line 1, column 21"),
        ("<a xmlns:p=''/>", "a prefix without a namespace at line 1, column 4"),
        ("<a xmlns:xml='u'/>", "a declaration that changes the prefix xml at line 1, column 4"),
        ("<a xmlns:xmlns='u'/>", "a declaration of the prefix xmlns at line 1, column 4"),
        (
            "<a xmlns:p='u' xmlns:q='u' p:b='' q:b=''/>",
            "an attribute that is there twice at line 1, column 2",
        ),
        ("<a:b:c xmlns:a='u'/>", "a malformed name at line 1, column 2"),
        ("<a xmlns:='u'/>", "a malformed name at line 1, column 4"),
        ("<xmlns:a/>", "a prefix that is not declared at line 1, column 2"),
    ] {
        assert_eq!(read(text), reason, "{text}");
    }
}

#[test]
fn what_is_not_well_formed_is_refused_where_it_is() {
    for (text, reason) in [
        ("", "no element at line 1, column 1"),
        ("<!-- -->", "no element at line 1, column 9"),
        ("x<a/>", "text outside of the root element at line 1, column 1"),
        ("<a/>&amp;", "text outside of the root element at line 1, column 5"),
        ("<a/><b/>", "a second root element at line 1, column 6"),
        ("<a>", "an element that has not ended at line 1, column 4"),
        ("<a>\n<b>\n</a></b>", "an end tag of another element at line 3, column 1"),
        ("</a>", "an end tag of no element at line 1, column 1"),
        ("<a", "a tag that has not ended at line 1, column 1"),
        ("<a>é&b;</a>", "an entity that is not one of the five at line 1, column 5"),
        ("<a>&</a>", "a \"&\" that begins no reference at line 1, column 4"),
        ("<a>&#0;</a>", "a reference to no character at line 1, column 4"),
        ("<a>&#x110000;</a>", "a reference to no character at line 1, column 4"),
        ("<a>&#+65;</a>", "a reference to no character at line 1, column 4"),
        ("<a>]]></a>", "a \"]]>\" in text at line 1, column 4"),
        ("<a>\u{1}</a>", "a character that XML does not allow at line 1, column 4"),
        ("<a>\u{ffff}</a>", "a character that XML does not allow at line 1, column 4"),
        ("\u{feff}<a/>", "a character that XML does not allow at line 1, column 1"),
        ("<a b/>", "an attribute without a value at line 1, column 5"),
        ("<a b=c/>", "a value without quotes at line 1, column 6"),
        ("<a b='1'c='2'/>", "no space before an attribute at line 1, column 9"),
        ("<a b='<'/>", "a \"<\" in a value at line 1, column 7"),
        ("<a b='&'/>", "a \"&\" that begins no reference at line 1, column 7"),
        ("<a b='1' b='2'/>", "an attribute that is there twice at line 1, column 2"),
        ("<1/>", "a malformed name at line 1, column 2"),
        ("< a/>", "a malformed name at line 1, column 2"),
        ("<a><!-- -- --></a>", "a \"--\" in a comment at line 1, column 9"),
        ("<a><!-- ", "a comment that has not ended at line 1, column 4"),
        (" <?xml version='1.0'?><a/>", "a declaration that is not at the start at line 1, column 2"),
        ("<?xml?><a/>", "a declaration without a version at line 1, column 1"),
        ("<?xml encoding='utf-8'?><a/>", "a malformed declaration at line 1, column 7"),
        ("<?XML version='1.0'?><a/>", "a malformed processing instruction at line 1, column 1"),
        ("<!DOCTYPE a><a/>", "a document type declaration, which is not allowed, at line 1, column 1"),
    ] {
        assert_eq!(read(text), reason, "{text}");
    }
}

#[test]
fn entities_can_not_be_declared() {
    let laughs = "<!DOCTYPE a [<!ENTITY b 'lol'><!ENTITY c '&b;&b;'>]><a>&c;</a>";
    let outside = "<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>";
    let unclosed = "<!DOCTYPE a [<!ENTITY b '";
    for text in [laughs, outside, unclosed] {
        assert!(read(text).starts_with("a document type declaration, which is not allowed,"), "{text}");
    }
}

#[test]
fn every_size_has_a_limit() {
    let limits = Limits {
        depth: 3,
        elements: 5,
        attributes: 2,
        name_bytes: 7,
        names_bytes: 10,
        value_bytes: 8,
        namespaces: 2,
    };
    for (within, beyond, reason) in [
        ("<a><b><c/></b></a>", "<a><b><c><d/></c></b></a>", "more than 3 elements within each other"),
        ("<a><b/><b/><b/><b/></a>", "<a><b/><b/><b/><b/><b/></a>", "more than 5 elements"),
        ("<a b='' c=''/>", "<a b='' c='' d=''/>", "more than 2 attributes"),
        ("<a b='' xmlns='u'/>", "<a b='' c='' xmlns='u'/>", "more than 2 attributes"),
        ("<abcdefg/>", "<abcdefgh/>", "a name of more than 7 bytes"),
        ("<a abcdefg=''/>", "<a abcdefgh=''/>", "a name of more than 7 bytes"),
        ("<a xmlns='abcdefg'/>", "<a xmlns='abcdefgh'/>", "a namespace of more than 7 bytes"),
        ("<a xmlns='u'><b/></a>", "<a xmlns='abcd'><b/></a>", "names of more than 10 bytes in all"),
        ("<a><abcd/><abcd/></a>", "<a><bcd/><bcde/><cde/></a>", "names of more than 10 bytes in all"),
        ("<a b='12345678'/>", "<a b='123456789'/>", "a value of more than 8 bytes"),
        (
            "<a xmlns='u'><b xmlns='v'/><b xmlns='v'/></a>",
            "<a xmlns='u' xmlns:p='v'><b xmlns=''/></a>",
            "more than 2 namespaces",
        ),
    ] {
        assert!(shown(within, limits).starts_with('('), "{within}: {}", shown(within, limits));
        let found = shown(beyond, limits);
        assert!(found.starts_with(reason), "{beyond}: {found}");
    }
}

#[test]
fn what_can_not_be_written() {
    let mut writer = Writer::default();
    for name in ["", "1", "a b", "a:b:c", ":a", "a><b", "a\0"] {
        assert_eq!(writer.start(name), Err(WriteError::Name), "{name}");
    }
    assert_eq!(writer.start("a"), Ok(()));
    assert_eq!(writer.attribute("a='b", ""), Err(WriteError::Name));
    assert_eq!(writer.text("\0"), Err(WriteError::Character('\0')));
    assert_eq!(writer.text("\u{fffe}"), Err(WriteError::Character('\u{fffe}')));
    assert_eq!(writer.comment("a--b"), Err(WriteError::Comment));
    assert_eq!(writer.comment("a-"), Err(WriteError::Comment));
    assert_eq!(writer.instruction("a ?>"), Err(WriteError::Instruction));
    assert_eq!(writer.instruction("xml version='1.0'"), Err(WriteError::Instruction));
    assert_eq!(writer.comment(" a - b "), Ok(()));
    assert_eq!(writer.instruction("p i"), Ok(()));
    writer.end();
    writer.end();
    assert_eq!(writer.finish(), "<a><!-- a - b --><?p i?></a>");
}
