//! The `SSL*` inside a real `ssl.SSLObject`: data is read and written by the functions of the libssl that the
//! interpreter's own module has loaded, everything else by the object.
//!
//! | File      | Contents                                                             |
//! |-----------|----------------------------------------------------------------------|
//! | `library` | the functions of that libssl, found by name at run time              |
//! | `channel` | the BIO: ciphertext from a slice of the caller's, and into a buffer  |
//! | `session` | the pointer, the checks that it is the right one, and the raw calls  |

mod channel;
mod library;
mod session;

pub(crate) use session::{Outcome, Session};
