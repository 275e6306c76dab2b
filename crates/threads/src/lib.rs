//! Data that several threads reach, without Python.
//!
//! | To have                                                            | Use                |
//! |--------------------------------------------------------------------|--------------------|
//! | a value that one thread reaches nearly always, and others now and then | [`OwnedCell`]  |
//! | things that any thread posts and one takes                        | [`Mailbox`]        |
//! | a thread that sleeps, and is woken once                             | [`Sleep`]          |
//! | a thing that runs or is cancelled, and whose fields are taken once  | [`Claims`]         |
//! | a number that tells the threads of the process apart               | [`identity`]       |
//!
//! Every algorithm here runs under loom, which tries all orders of steps (`make loom`), and its tests under
//! ThreadSanitizer. The crate knows nothing of what it protects.

mod claims;
mod fences;
mod identity;
mod mailbox;
mod owned_cell;
mod sleep;
mod sync;

pub use claims::{Claim, Claims};
pub use identity::identity;
pub use mailbox::Mailbox;
pub use owned_cell::{Aside, Here, OwnedCell};
pub use sleep::Sleep;
