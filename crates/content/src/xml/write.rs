//! Documents written from elements. What is written is read as the same again.

use std::fmt;

use super::characters::{is_legal, is_name};
use super::namespaces::XML;

/// Writes a document into a string. Names are written with the prefixes that the caller gives.
///
/// ```
/// let mut writer = content::xml::Writer::default();
/// writer.start("a")?;
/// writer.attribute("b", "<\n>")?;
/// writer.text("1 & 2")?;
/// writer.end();
/// assert_eq!(writer.finish(), "<a b=\"&lt;&#10;&gt;\">1 &amp; 2</a>");
/// # Ok::<_, content::xml::WriteError>(())
/// ```
#[derive(Default, Debug)]
pub struct Writer {
    out: String,
    /// The names of the open elements, joined, and where each begins.
    names: String,
    open: Vec<usize>,
    /// Whether the last start tag is still without its `>`.
    is_in_tag: bool,
}

/// What can't be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WriteError {
    /// The name of an element or of an attribute.
    Name,
    /// A character that XML does not allow.
    Character(char),
    /// A comment with `--` or with a `-` at its end.
    Comment,
    /// A processing instruction without a name, or with `?>` in it.
    Instruction,
}

impl Writer {
    /// Starts an element. Its name has a prefix, or none.
    ///
    /// # Errors
    ///
    /// The name is malformed.
    pub fn start(&mut self, name: &str) -> Result<(), WriteError> {
        check_name(name)?;
        self.end_tag();
        self.open.push(self.names.len());
        self.names.push_str(name);
        self.out.push('<');
        self.out.push_str(name);
        self.is_in_tag = true;
        Ok(())
    }

    /// Adds an attribute to the element that was just started.
    ///
    /// # Errors
    ///
    /// The name is malformed, or the value has a character that XML does not allow.
    pub fn attribute(&mut self, name: &str, value: &str) -> Result<(), WriteError> {
        check_name(name)?;
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        self.escape(value, true)?;
        self.out.push('"');
        Ok(())
    }

    /// Adds text.
    ///
    /// # Errors
    ///
    /// The text has a character that XML does not allow.
    pub fn text(&mut self, text: &str) -> Result<(), WriteError> {
        if text.is_empty() {
            return Ok(());
        }
        self.end_tag();
        self.escape(text, false)
    }

    /// Adds a comment.
    ///
    /// # Errors
    ///
    /// The comment would end before its end, or has a character that XML does not allow.
    pub fn comment(&mut self, text: &str) -> Result<(), WriteError> {
        if text.contains("--") || text.ends_with('-') {
            return Err(WriteError::Comment);
        }
        self.markup("<!--", text, "-->")
    }

    /// Adds a processing instruction: a name, and after a space anything else.
    ///
    /// # Errors
    ///
    /// The instruction would end before its end, has no name, or has a character that XML does not allow.
    pub fn instruction(&mut self, text: &str) -> Result<(), WriteError> {
        if text.contains("?>") || super::instruction::check(text).is_err() {
            return Err(WriteError::Instruction);
        }
        self.markup("<?", text, "?>")
    }

    /// Ends the innermost element.
    pub fn end(&mut self) {
        let Some(start) = self.open.pop() else { return };
        if self.is_in_tag {
            self.is_in_tag = false;
            self.out.push_str(" />");
        } else {
            self.out.extend(["</", &self.names[start..], ">"]);
        }
        self.names.truncate(start);
    }

    /// Returns what was written.
    #[must_use]
    pub fn finish(self) -> String {
        self.out
    }

    fn markup(&mut self, start: &str, text: &str, end: &str) -> Result<(), WriteError> {
        check_characters(text)?;
        self.end_tag();
        self.out.extend([start, text, end]);
        Ok(())
    }

    fn end_tag(&mut self) {
        if self.is_in_tag {
            self.is_in_tag = false;
            self.out.push('>');
        }
    }

    /// Line ends and tabs in a value, and carriage returns anywhere, would be read as something else.
    fn escape(&mut self, text: &str, is_value: bool) -> Result<(), WriteError> {
        let mut from = 0;
        for (place, character) in text.char_indices() {
            let escaped = match character {
                '&' => "&amp;",
                '<' => "&lt;",
                '>' => "&gt;",
                '\r' => "&#13;",
                '"' if is_value => "&quot;",
                '\n' if is_value => "&#10;",
                '\t' if is_value => "&#09;",
                _ if is_legal(character) => continue,
                _ => return Err(WriteError::Character(character)),
            };
            self.out.extend([&text[from..place], escaped]);
            from = place + character.len_utf8();
        }
        self.out.push_str(&text[from..]);
        Ok(())
    }
}

/// Splits the name of an element of `xml.etree` into namespace and local part; `None` if it is malformed.
///
/// ```
/// assert_eq!(content::xml::split_name("{urn:x}a"), Some(("urn:x", "a")));
/// assert_eq!(content::xml::split_name("a"), Some(("", "a")));
/// ```
#[must_use]
pub fn split_name(name: &str) -> Option<(&str, &str)> {
    match name.strip_prefix('{') {
        Some(rest) => rest.rsplit_once('}'),
        None => Some(("", name)),
    }
}

/// Returns the prefix that needs no declaration, of the namespace that has one.
///
/// ```
/// assert_eq!(content::xml::reserved_prefix("http://www.w3.org/XML/1998/namespace"), Some("xml"));
/// ```
#[must_use]
pub fn reserved_prefix(namespace: &str) -> Option<&'static str> {
    (namespace == XML).then_some("xml")
}

fn check_name(name: &str) -> Result<(), WriteError> {
    let is_right = match name.split_once(':') {
        Some((prefix, local)) => is_name(prefix) && is_name(local),
        None => is_name(name),
    };
    if is_right { Ok(()) } else { Err(WriteError::Name) }
}

fn check_characters(text: &str) -> Result<(), WriteError> {
    // A carriage return would be read as a line feed, and can't be a reference here.
    match text.chars().find(|character| *character == '\r' || !is_legal(*character)) {
        Some(character) => Err(WriteError::Character(character)),
        None => Ok(()),
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => formatter.write_str("XML allows no such name"),
            Self::Character(character) => {
                write!(formatter, "XML does not allow the character {character:?} here")
            }
            Self::Comment => formatter.write_str("a comment contains no \"--\" and ends with no \"-\""),
            Self::Instruction => {
                formatter.write_str("a processing instruction has a name and contains no \"?>\"")
            }
        }
    }
}

impl std::error::Error for WriteError {}
