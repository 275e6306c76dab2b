//! Any document is read or refused, and what is read is written and read as the same. A test and a fuzz target share this
//! file.

use content::xml::{Document, Event, Limits, Reader, Writer, XmlError, split_name};

/// Small limits, so that inputs reach them.
const LIMITS: Limits = Limits {
    depth: 8,
    elements: 32,
    attributes: 4,
    name_bytes: 32,
    names_bytes: 256,
    value_bytes: 64,
    namespaces: 4,
};

/// An event with its names as text.
#[derive(PartialEq, Debug)]
enum Part {
    Start(String, Vec<(String, String)>),
    Text(String),
    End,
}

pub(crate) fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let Ok(parts) = read(&text, LIMITS) else { return };
    let starts = parts.iter().filter(|part| matches!(part, Part::Start(..))).count();
    assert!(starts <= LIMITS.elements && starts == parts.iter().filter(|part| **part == Part::End).count());
    let written = write(&parts);
    // Each name is written with its namespace, so the document is longer.
    let again = read(&written, Limits::default()).map_err(|error| format!("{error} in {written}"));
    assert_eq!(again, Ok(parts));
}

fn read(text: &str, limits: Limits) -> Result<Vec<Part>, XmlError> {
    let document = Document::new(text)?;
    let mut reader = Reader::new(&document, limits);
    let mut parts = Vec::new();
    loop {
        let part = match reader.next()? {
            Event::Done => return Ok(parts),
            Event::End => Part::End,
            Event::Text(text) => Part::Text(text.to_owned()),
            Event::Start(name, attributes) => {
                let (name, attributes) = (name, attributes.to_vec());
                let named = |(name, value)| (reader.names().name(name).to_owned(), value);
                Part::Start(reader.names().name(name).to_owned(), attributes.into_iter().map(named).collect())
            }
        };
        parts.push(part);
    }
}

/// Writes each element with the declarations that it needs.
fn write(parts: &[Part]) -> String {
    let mut writer = Writer::default();
    for part in parts {
        let written = match part {
            Part::Start(name, attributes) => start(&mut writer, name, attributes),
            Part::Text(text) => writer.text(text),
            Part::End => {
                writer.end();
                Ok(())
            }
        };
        assert_eq!(written, Ok(()), "{part:?}");
    }
    writer.finish()
}

fn start(
    writer: &mut Writer,
    name: &str,
    attributes: &[(String, String)],
) -> Result<(), content::xml::WriteError> {
    let mut declared = Vec::new();
    let mut prefixed = |name: &str| {
        let (namespace, local) = split_name(name).unwrap_or_default();
        let number = declared.len();
        match (namespace, content::xml::reserved_prefix(namespace)) {
            ("", _) => local.to_owned(),
            (_, Some(prefix)) => format!("{prefix}:{local}"),
            _ => {
                declared.push(namespace.to_owned());
                format!("n{number}:{local}")
            }
        }
    };
    let name = prefixed(name);
    let attributes: Vec<_> = attributes.iter().map(|(name, value)| (prefixed(name), value)).collect();
    writer.start(&name)?;
    for (number, namespace) in declared.iter().enumerate() {
        writer.attribute(&format!("xmlns:n{number}"), namespace)?;
    }
    attributes.iter().try_for_each(|(name, value)| writer.attribute(name, value))
}
