//! Responses as written: a table for heads, and tests for everything that depends on order.

mod content;
mod end;
mod exchange;
mod heads;
mod interim;
mod roundtrip;
