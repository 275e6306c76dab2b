//! Every raw CPython call and every raw layout, each behind a safe function of a few lines.
//!
//! This folder and `buffer.rs` are the only places of the extension where `unsafe` is allowed. It has the requirements
//! of the C API; loops, polls and asyncio are not known here.

pub(crate) mod arguments;
pub(crate) mod async_iterator;
pub(crate) mod at_import;
pub(crate) mod audit;
pub(crate) mod bytes;
pub(crate) mod call;
pub(crate) mod call_type;
pub(crate) mod changed;
pub(crate) mod class;
pub(crate) mod constants;
pub(crate) mod coroutine;
pub(crate) mod coroutine_method;
pub(crate) mod detached;
pub(crate) mod error;
pub(crate) mod forced_unwind;
pub(crate) mod free_list;
pub(crate) mod getter;
pub(crate) mod gil_cell;
pub(crate) mod half_made;
pub(crate) mod handle_object;
pub(crate) mod handle_pool;
mod handle_release;
mod handle_state;
pub(crate) mod handle_value;
mod head;
pub(crate) mod heap_type;
pub(crate) mod immortal;
pub(crate) mod instance;
pub(crate) mod interned;
mod interned_name;
pub(crate) mod interpreter;
pub(crate) mod items;
pub(crate) mod make;
pub(crate) mod mapping;
pub(crate) mod memory_view;
pub(crate) mod method;
pub(crate) mod name;
pub(crate) mod object;
pub(crate) mod openssl;
mod reference_count;
pub(crate) mod remote_queue;
pub(crate) mod room;
pub(crate) mod socket_object;
pub(crate) mod this;
pub(crate) mod trampoline;
pub(crate) mod weak_reference;
