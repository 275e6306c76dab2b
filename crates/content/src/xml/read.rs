//! A document as events: elements, and the text between their tags.
//!
//! `quick_xml` splits the document into markup and text. What it leaves open is checked here: that there is one root,
//! which characters may stand where, references, attributes and namespaces. Comments and processing instructions are
//! checked and left out, as `xml.etree` leaves them out, so the text around them is one.

use std::mem;

use quick_xml::Reader as Tokenizer;
use quick_xml::errors::{Error, IllFormedError, SyntaxError};
use quick_xml::events::Event as Token;

use super::characters::is_space;
use super::document::Document;
use super::elements::Elements;
use super::error::XmlError;
use super::instruction;
use super::limits::Limits;
use super::names::{NameId, Names};
use super::references::resolve;
use super::tag::Fault;

/// What comes next in a document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event<'r> {
    /// A start tag, with the attributes in order.
    Start(NameId, &'r [(NameId, String)]),
    /// All text up to the next tag.
    Text(&'r str),
    /// The end of the element that was started last and is not ended.
    End,
    /// The end of the document.
    Done,
}

/// Reads a document.
///
/// ```
/// use content::xml::{Document, Event, Limits, Reader};
/// let document = Document::new("<a>one &amp; two</a>")?;
/// let mut reader = Reader::new(&document, Limits::default());
/// assert!(matches!(reader.next()?, Event::Start(_, [])));
/// assert_eq!(reader.next()?, Event::Text("one & two"));
/// assert_eq!(reader.next()?, Event::End);
/// assert_eq!(reader.next()?, Event::Done);
/// # Ok::<_, content::xml::XmlError>(())
/// ```
pub struct Reader<'a> {
    text: &'a str,
    tokens: Tokenizer<&'a [u8]>,
    elements: Elements,
    /// The text since the last tag.
    pending: String,
    /// The text of the last event.
    shown: String,
    /// A tag that was read, and comes behind the text before it.
    held: Option<Tag>,
}

#[derive(Clone, Copy)]
enum Tag {
    Start(NameId),
    /// Of an element without content.
    Empty(NameId),
    End,
}

/// What a token means.
enum Step {
    Nothing,
    Tag(Tag),
    Done,
}

impl<'a> Reader<'a> {
    /// Begins to read a document.
    #[must_use]
    pub fn new(document: &'a Document<'_>, limits: Limits) -> Self {
        let text = document.text();
        let mut tokens = Tokenizer::from_str(text);
        tokens.config_mut().check_comments = true;
        let (elements, pending, shown) = (Elements::new(limits), String::new(), String::new());
        Self { text, tokens, elements, pending, shown, held: None }
    }

    /// The names that have appeared so far.
    #[must_use]
    pub const fn names(&self) -> &Names {
        self.elements.names()
    }

    /// Returns the next event.
    ///
    /// # Errors
    ///
    /// The document is not well-formed, or has more than a limit allows. Reading can't go on.
    #[expect(clippy::should_implement_trait, reason = "an event borrows the reader")]
    pub fn next(&mut self) -> Result<Event<'_>, XmlError> {
        while self.held.is_none() {
            match self.step().map_err(|(place, reason)| XmlError::at(self.text, place, reason))? {
                Step::Nothing => {}
                Step::Tag(tag) => self.held = Some(tag),
                Step::Done => return Ok(Event::Done),
            }
        }
        if !self.pending.is_empty() {
            self.shown = mem::take(&mut self.pending);
            return Ok(Event::Text(&self.shown));
        }
        match self.held.take() {
            Some(Tag::Start(name)) => Ok(Event::Start(name, self.elements.attributes())),
            Some(Tag::Empty(name)) => {
                self.held = Some(Tag::End);
                Ok(Event::Start(name, self.elements.attributes()))
            }
            Some(Tag::End) => {
                self.elements.end();
                Ok(Event::End)
            }
            None => Ok(Event::Done),
        }
    }

    /// Reads a token.
    fn step(&mut self) -> Result<Step, Fault> {
        let place = offset(self.tokens.buffer_position());
        let token = match self.tokens.read_event() {
            Ok(token) => token,
            Err(error) => return Err((offset(self.tokens.error_position()), reason(&error))),
        };
        let within = |result: Result<(), Fault>| match result {
            Ok(()) => Ok(Step::Nothing),
            Err((fault, reason)) => Err((place + fault, reason)),
        };
        match token {
            Token::Start(tag) => {
                let name = self.elements.start(&tag, tag.name().as_ref());
                name.map(|name| Step::Tag(Tag::Start(name)))
                    .map_err(|(fault, reason)| (place + 1 + fault, reason))
            }
            Token::Empty(tag) => {
                let name = self.elements.start(&tag, tag.name().as_ref());
                name.map(|name| Step::Tag(Tag::Empty(name)))
                    .map_err(|(fault, reason)| (place + 1 + fault, reason))
            }
            Token::End(_) => Ok(Step::Tag(Tag::End)),
            Token::Text(text) => within(self.take_text(&text)),
            Token::CData(text) => within(self.take(&text)),
            Token::GeneralRef(name) => {
                let character = resolve(&name).map_err(|reason| (place, reason))?;
                within(self.take(character.encode_utf8(&mut [0; 4])))
            }
            Token::Comment(_) => Ok(Step::Nothing),
            Token::PI(text) => within(instruction::check(&text)),
            Token::Decl(_) if place > 0 => fail(place, "a declaration that is not at the start"),
            Token::Decl(text) => within(instruction::check_declaration(&text)),
            Token::DocType(_) => fail(place, "a document type declaration, which is not allowed,"),
            Token::Eof if self.elements.is_open() => fail(place, "an element that has not ended"),
            Token::Eof if self.elements.is_empty() => fail(place, "no element"),
            Token::Eof => Ok(Step::Done),
        }
    }

    /// Takes text as it is written, without references.
    fn take_text(&mut self, text: &str) -> Result<(), Fault> {
        if !self.elements.is_open() && is_space(text) {
            return Ok(());
        }
        match text.find("]]>") {
            Some(place) => Err((place, "a \"]]>\" in text".to_owned())),
            None => self.take(text),
        }
    }

    fn take(&mut self, text: &str) -> Result<(), Fault> {
        if !self.elements.is_open() {
            return Err((0, "text outside of the root element".to_owned()));
        }
        self.pending.push_str(text);
        Ok(())
    }
}

fn fail(place: usize, reason: &str) -> Result<Step, Fault> {
    Err((place, reason.to_owned()))
}

/// Positions are within a document in memory.
fn offset(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

/// Describes an error of the tokenizer, which knows no limits and no positions in lines.
fn reason(error: &Error) -> String {
    match error {
        Error::IllFormed(IllFormedError::MismatchedEndTag { .. }) => "an end tag of another element",
        Error::IllFormed(IllFormedError::UnmatchedEndTag(_)) => "an end tag of no element",
        Error::IllFormed(IllFormedError::DoubleHyphenInComment) => "a \"--\" in a comment",
        Error::IllFormed(IllFormedError::UnclosedReference) => "a \"&\" that begins no reference",
        Error::IllFormed(IllFormedError::MissingDoctypeName) => {
            "a document type declaration, which is not allowed,"
        }
        Error::Syntax(SyntaxError::UnclosedTag) => "a tag that has not ended",
        Error::Syntax(SyntaxError::UnclosedComment) => "a comment that has not ended",
        Error::Syntax(SyntaxError::UnclosedCData) => "a CDATA section that has not ended",
        Error::Syntax(SyntaxError::UnclosedDoctype) => "a document type declaration, which is not allowed,",
        _ => "markup that is malformed",
    }
    .to_owned()
}
