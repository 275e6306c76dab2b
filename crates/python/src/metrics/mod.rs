//! What a loop tells about itself: the numbers of `loop.metrics()`, and the times of callbacks and polls.
//!
//! | File     | Contents                                                                   |
//! |----------|----------------------------------------------------------------------------|
//! | `clock`  | the time of each callback and of each poll, in a loop that measures        |
//! | `report` | the numbers and the transports by kind, as `python/vitok/_metrics.py` asks |
//!
//! The numbers themselves are in `counters`; loops that do not measure time never call `clock`.

mod clock;
mod report;

pub(crate) use clock::{Clock, call};
pub(crate) use report::methods;
