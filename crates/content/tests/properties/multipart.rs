//! A form in parts is read as the same events, however it is split, and what was written is read back. A test and a fuzz
//! target share this file.

use content::multipart::{Event, Limits, Parser};

/// Small, so that inputs reach them sooner.
const LIMITS: Limits = Limits {
    fields: 3,
    files: 2,
    head_fields: 3,
    head_bytes: 120,
    name_bytes: 8,
    field_bytes: 24,
    fields_bytes: 60,
    file_bytes: 32,
    files_bytes: 40,
    outside_bytes: 8,
};

/// The sum of the input says where it is cut.
pub(crate) fn check(input: &[u8]) {
    let length = input.iter().fold(0, |sum, byte| (sum + usize::from(*byte)) % 48) + 1;
    for limits in [LIMITS, Limits::UNLIMITED] {
        let whole = read(input.chunks(input.len().max(1)), limits);
        assert_eq!(read(input.chunks(length), limits), whole);
        assert_eq!(read(input.chunks(1), limits), whole);
    }
    check_written(input);
}

/// Reads the pieces, and describes the events with the content of a part joined.
fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>, limits: Limits) -> Vec<String> {
    let Ok(mut parser) = Parser::new(b"b", limits) else { return Vec::new() };
    let (mut seen, mut content, mut contents) = (Vec::new(), Vec::new(), 0);
    for mut piece in pieces {
        loop {
            match parser.receive(&mut piece) {
                Ok(Event::Part(part)) => {
                    let fields: Vec<_> =
                        part.fields().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
                    let head = (part.name(), part.filename(), part.content_type(), fields);
                    assert!(limits == Limits::UNLIMITED || part.name().len() <= 8 && head.3.len() <= 3);
                    seen.push(format!("{head:?}"));
                }
                Ok(Event::Data(data)) => {
                    assert!(!data.is_empty());
                    contents += data.len();
                    content.extend_from_slice(data);
                }
                Ok(Event::PartEnd) => seen.push(format!("{:?}", std::mem::take(&mut content))),
                Ok(Event::End) => seen.push("end".into()),
                Ok(Event::NeedInput) => break,
                Err(error) => {
                    assert_eq!(parser.receive(&mut &b"more"[..]).err(), Some(error));
                    assert_eq!(parser.finish(), Err(error));
                    assert!(limits == Limits::UNLIMITED || contents <= 100);
                    seen.push(format!("{content:?} {error}"));
                    return seen;
                }
            }
        }
    }
    seen.push(format!("{content:?} {:?}", parser.finish().map_err(|error| error.to_string())));
    seen
}

/// Makes a form whose contents are the pieces of the input, and reads it.
fn check_written(input: &[u8]) {
    let (mut form, mut expected) = (Vec::new(), Vec::new());
    for (index, content) in input.split(|byte| *byte == 0xff).enumerate() {
        if content.starts_with(b"--b") || content.windows(5).any(|window| window == b"\r\n--b") {
            return;
        }
        let is_file = content.len() % 2 == 1;
        let filename = if is_file { "; filename=\"f\"" } else { "" };
        form.extend(
            format!("--b\r\nContent-Disposition: form-data; name=\"{index}\"{filename}\r\n\r\n").into_bytes(),
        );
        form.extend([content, b"\r\n"].concat());
        let head = (index.to_string(), is_file.then(|| "f".to_owned()));
        expected.push((head, content.to_vec()));
    }
    form.extend(b"--b--\r\n");
    let Ok(mut parser) = Parser::new(b"b", Limits::UNLIMITED) else { panic!("a short boundary is refused") };
    let (mut read, mut rest) = (Vec::new(), &form[..]);
    while let Ok(event) = parser.receive(&mut rest) {
        match event {
            Event::Part(part) => {
                read.push(((part.name().to_owned(), part.filename().map(str::to_owned)), Vec::new()));
            }
            Event::Data(data) => {
                read.iter_mut().last().into_iter().for_each(|(_, content)| content.extend_from_slice(data))
            }
            Event::PartEnd | Event::End => {}
            Event::NeedInput => break,
        }
    }
    assert_eq!((read, parser.finish()), (expected, Ok(())));
}
