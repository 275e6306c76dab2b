//! The BIO of a connection: OpenSSL reads ciphertext from a slice of the caller's, which is lent for one call, and
//! appends what it has encrypted to a buffer. A connection that does nothing has neither.
//!
//! OpenSSL may call these functions in a detached thread, in the handshake, and from any thread that a program lets use
//! the `ssl.SSLObject`; so the two ends meet in a mutex. Nobody waits for anything else while holding it.

use std::ffi::{c_char, c_int, c_long, c_void};
use std::mem::ManuallyDrop;
use std::ptr::{NonNull, null};
use std::slice;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::library::{Bio, BioMethod, Functions, functions};

/// `BIO_TYPE_SOURCE_SINK`: a BIO at the end of a chain.
const SOURCE_SINK: c_int = 0x0400;

/// `BIO_FLAGS_READ`, `BIO_FLAGS_RWS` and `BIO_FLAGS_SHOULD_RETRY` of bio.h.
const READ: c_int = 0x01;
const ANY_DIRECTION: c_int = 0x07;
const SHOULD_RETRY: c_int = 0x08;

/// `BIO_CTRL_FLUSH`.
const FLUSH: c_int = 11;

/// What passes between a connection and OpenSSL. The BIO owns it.
pub(super) struct Channel(Mutex<Ends>);

struct Ends {
    /// The ciphertext that is lent for this call.
    input: *const u8,
    left: usize,
    output: Vec<u8>,
    /// Whether memory for the output was refused.
    is_refused: bool,
}

impl Channel {
    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lends OpenSSL some ciphertext until [`Loan`] is dropped.
    pub(super) fn lend<'a>(&'a self, input: &'a [u8]) -> Loan<'a> {
        let mut ends = self.ends();
        (ends.input, ends.left) = (input.as_ptr(), input.len());
        Loan { channel: self, input }
    }

    /// Returns what was encrypted, and puts an empty buffer in its place.
    pub(super) fn exchange_output(&self, empty: Vec<u8>) -> Vec<u8> {
        std::mem::replace(&mut self.ends().output, empty)
    }

    /// Returns whether memory was refused since the last call.
    pub(super) fn was_refused(&self) -> bool {
        std::mem::take(&mut self.ends().is_refused)
    }
}

/// Ciphertext that is lent to OpenSSL.
pub(super) struct Loan<'a> {
    channel: &'a Channel,
    input: &'a [u8],
}

impl<'a> Loan<'a> {
    /// Takes back what OpenSSL has not read.
    pub(super) fn end(self) -> &'a [u8] {
        let this = ManuallyDrop::new(self);
        let left = this.channel.ends().take_back();
        &this.input[this.input.len() - left..]
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        self.channel.ends().take_back();
    }
}

impl Ends {
    /// Ends a loan, and returns how much of it is left.
    fn take_back(&mut self) -> usize {
        self.input = null();
        std::mem::take(&mut self.left)
    }
}

/// The kind of BIO that this module adds to OpenSSL.
struct Method(NonNull<BioMethod>);

// SAFETY: the address of a structure that does not change after it was made.
unsafe impl Send for Method {}
// SAFETY: as above.
unsafe impl Sync for Method {}

static METHOD: OnceLock<Method> = OnceLock::new();

/// Returns the kind of BIO, which is made at the first call; `None` without memory.
fn method(functions: &Functions) -> Option<NonNull<BioMethod>> {
    if METHOD.get().is_none() {
        // A thread that was faster has made the same.
        drop(METHOD.set(Method(make_method(functions)?)));
    }
    METHOD.get().map(|method| method.0)
}

fn make_method(functions: &Functions) -> Option<NonNull<BioMethod>> {
    // SAFETY: has no preconditions.
    let index = unsafe { (functions.new_index)() };
    // SAFETY: a type, and a name that ends with a zero and lives for ever.
    let method = NonNull::new(unsafe { (functions.new_method)(index | SOURCE_SINK, c"vitok".as_ptr()) })?;
    // SAFETY: a new method that nothing uses, and a function of the type that it is called by.
    let can_read = unsafe { (functions.set_read)(method.as_ptr(), read) };
    // SAFETY: as above.
    let can_write = unsafe { (functions.set_write)(method.as_ptr(), write) };
    // SAFETY: as above.
    let can_control = unsafe { (functions.set_control)(method.as_ptr(), control) };
    // SAFETY: as above.
    let can_destroy = unsafe { (functions.set_destroy)(method.as_ptr(), destroy) };
    ([can_read, can_write, can_control, can_destroy] == [1; 4]).then_some(method)
}

/// Creates a BIO and its channel, which lives as long as the BIO; `None` without memory.
pub(super) fn make_bio(functions: &Functions) -> Option<(NonNull<Bio>, NonNull<Channel>)> {
    // SAFETY: a complete method.
    let bio = NonNull::new(unsafe { (functions.new_bio)(method(functions)?.as_ptr()) })?;
    let ends = Ends { input: null(), left: 0, output: Vec::new(), is_refused: false };
    let channel = NonNull::from(Box::leak(Box::new(Channel(Mutex::new(ends)))));
    // SAFETY: a new BIO, which owns the channel from now on.
    unsafe { (functions.set_data)(bio.as_ptr(), channel.as_ptr().cast()) };
    // SAFETY: as above.
    unsafe { (functions.set_init)(bio.as_ptr(), 1) };
    Some((bio, channel))
}

/// Returns the channel of a BIO.
///
/// # Safety
/// OpenSSL passes a BIO of ours, which it does not free meanwhile.
unsafe fn channel_of<'a>(functions: &Functions, bio: *mut Bio) -> Option<&'a Channel> {
    // SAFETY: the caller's duty.
    let data = unsafe { (functions.data)(bio) }.cast::<Channel>();
    // SAFETY: null, or what `make_bio` has set, until `destroy`.
    unsafe { data.as_ref() }
}

/// Gives OpenSSL some of the ciphertext, or says that more has to arrive first.
unsafe extern "C" fn read(bio: *mut Bio, room: *mut c_char, length: c_int) -> c_int {
    let Some(functions) = functions() else { return -1 };
    // SAFETY: a BIO of ours.
    unsafe { (functions.clear_flags)(bio, ANY_DIRECTION | SHOULD_RETRY) };
    // SAFETY: OpenSSL calls this with a BIO of ours.
    let Some(channel) = (unsafe { channel_of(functions, bio) }) else { return -1 };
    let mut ends = channel.ends();
    let count = ends.left.min(usize::try_from(length).unwrap_or(0));
    if count == 0 {
        // SAFETY: a BIO of ours.
        unsafe { (functions.set_flags)(bio, READ | SHOULD_RETRY) };
        return -1;
    }
    // SAFETY: the lender has a slice with `left` bytes from here on, and takes the mutex before it ends the loan;
    // OpenSSL has room for `length` bytes.
    unsafe { std::ptr::copy_nonoverlapping(ends.input, room.cast::<u8>(), count) };
    // SAFETY: within the slice, or at its end.
    ends.input = unsafe { ends.input.add(count) };
    ends.left -= count;
    c_int::try_from(count).unwrap_or(c_int::MAX)
}

/// Takes what OpenSSL has encrypted.
unsafe extern "C" fn write(bio: *mut Bio, data: *const c_char, length: c_int) -> c_int {
    let Some(functions) = functions() else { return -1 };
    // SAFETY: a BIO of ours.
    unsafe { (functions.clear_flags)(bio, ANY_DIRECTION | SHOULD_RETRY) };
    // SAFETY: OpenSSL calls this with a BIO of ours.
    let Some(channel) = (unsafe { channel_of(functions, bio) }) else { return -1 };
    let count = usize::try_from(length).unwrap_or(0);
    if count == 0 {
        return 0;
    }
    let mut ends = channel.ends();
    if ends.output.try_reserve(count).is_err() {
        ends.is_refused = true;
        return -1;
    }
    // SAFETY: OpenSSL passes that many bytes.
    ends.output.extend_from_slice(unsafe { slice::from_raw_parts(data.cast::<u8>(), count) });
    length
}

/// Answers what OpenSSL asks of a BIO: there is nothing to flush, and the kernel does no TLS for it.
unsafe extern "C" fn control(
    _bio: *mut Bio,
    command: c_int,
    _number: c_long,
    _pointer: *mut c_void,
) -> c_long {
    c_long::from(command == FLUSH)
}

/// Frees the channel with its BIO.
unsafe extern "C" fn destroy(bio: *mut Bio) -> c_int {
    let Some(functions) = functions() else { return 0 };
    // SAFETY: a BIO of ours that is being freed.
    let data = unsafe { (functions.data)(bio) }.cast::<Channel>();
    if !data.is_null() {
        // SAFETY: as above.
        unsafe { (functions.set_data)(bio, std::ptr::null_mut()) };
        // SAFETY: what `make_bio` has leaked; nothing else has it when the BIO is freed.
        drop(unsafe { Box::from_raw(data) });
    }
    1
}
