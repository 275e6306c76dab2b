//! XML 1.0 with namespaces: documents read as events, and written, without document type declarations.
//!
//! Specifications: Extensible Markup Language 1.0 (Fifth Edition) and Namespaces in XML 1.0 (Third Edition). The crate
//! `quick-xml` finds where markup begins and ends; the rules that make a document well-formed are here. A document has
//! no entities but the five and references to characters, so it can't grow while it is read, and each size that a
//! peer chooses has a limit. Names are in the form of `xml.etree`: `{namespace}local`.

mod characters;
mod document;
mod elements;
mod encoding;
mod error;
mod instruction;
mod limits;
mod names;
mod namespaces;
mod read;
mod references;
mod tag;
mod write;

pub use document::Document;
pub use encoding::{Encoding, detect};
pub use error::XmlError;
pub use limits::Limits;
pub use names::{NameId, Names};
pub use read::{Event, Reader};
pub use write::{WriteError, Writer, reserved_prefix, split_name};
