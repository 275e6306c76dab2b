//! What is written for what an application says: a table for heads, tests for whatever has an order.

mod content;
mod end;
mod exchange;
mod heads;
mod interim;
mod roundtrip;
