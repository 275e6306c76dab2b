//! HTTP/2 of a server (RFC 9113), around the crate `h2`, which only this folder knows.
//!
//! | File         | What                                                                          |
//! |--------------|-------------------------------------------------------------------------------|
//! | `head`       | heads of requests and responses, as h2 has them and as the crate `http` does  |
//! | `values`     | names and values of fields as h2 takes them                                   |
//! | `frames`     | a watch over the headers of frames: floods                                    |
//! | `walk`       | where frames begin and end                                                    |
//! | `content`    | which content a response may have                                             |
//! | `priority`   | what a client says about the order of responses (RFC 9218)                    |
//! | `schedule`   | which stream may send next                                                    |

#![allow(dead_code, reason = "its parts are made before what joins them")]

mod content;
mod frames;
mod head;
mod priority;
mod schedule;
mod values;
mod walk;
