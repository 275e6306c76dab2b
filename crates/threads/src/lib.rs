//! Data that several threads reach, without Python.
//!
//! | To have                                                            | Use                |
//! |--------------------------------------------------------------------|--------------------|
//! | a value that one thread reaches nearly always, and others now and then | [`OwnedCell`]  |
//! | a number that tells the threads of the process apart               | [`identity`]       |
//!
//! Every algorithm here runs under loom, which tries all orders of steps (`make loom`), and its tests under
//! ThreadSanitizer. The crate knows nothing of what it protects.

mod fences;
mod identity;
mod owned_cell;
mod sync;

pub use identity::identity;
pub use owned_cell::{Aside, Here, OwnedCell};
