//! Header keys as the bytes that they are: the only unsafe code of this workspace.
//!
//! A key on the wire is any bytes. `rdkafka` reads every key as `str`, panics where it is none, and
//! so one such record would end a consumer; and it writes only `str`, so a forwarded record could
//! not keep such a key. This module calls the two functions of librdkafka that are below.
//!
//! Safety argument, *rdkafka's own pointer*: `rdkafka` makes a `&BorrowedHeaders` from a
//! `*mut rd_kafka_headers_t` by a cast, and every safe method of the type casts it back (rdkafka
//! 0.39.0, `message.rs`); [`native`] does the same. The reference borrows the message or the
//! `OwnedHeaders` that owns the native object, so that the object lives, and is written by nobody,
//! as long as the reference does.

use std::ffi::CStr;
use std::fmt;
use std::ptr;

use rdkafka::message::{BorrowedHeaders, Headers as _, OwnedHeaders};
use rdkafka_sys::{
    rd_kafka_header_add, rd_kafka_header_get_all, rd_kafka_headers_t, rd_kafka_resp_err_t,
};

/// One header of a record, byte for byte.
///
/// librdkafka hands a key out as a C string: of one that has a NUL in it, what stands before that
/// is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawHeader<'a> {
    /// The key; mostly UTF-8.
    pub key: &'a [u8],
    /// The value; `None` is Kafka's null, which is not the same as empty.
    pub value: Option<&'a [u8]>,
}

/// The headers of a record in order, whatever bytes their keys are; never panics.
#[derive(Clone)]
pub struct RawHeaders<'a> {
    headers: &'a BorrowedHeaders,
    front: usize,
    back: usize,
}

impl<'a> RawHeaders<'a> {
    /// All headers.
    pub fn new(headers: &'a BorrowedHeaders) -> Self {
        Self {
            headers,
            front: 0,
            back: headers.count(),
        }
    }
}

impl<'a> Iterator for RawHeaders<'a> {
    type Item = RawHeader<'a>;

    fn next(&mut self) -> Option<RawHeader<'a>> {
        (self.front < self.back).then_some(())?;
        self.front += 1;
        get(self.headers, self.front - 1)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.back - self.front;
        (left, Some(left))
    }
}

impl DoubleEndedIterator for RawHeaders<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        (self.front < self.back).then_some(())?;
        self.back -= 1;
        get(self.headers, self.back)
    }
}

impl ExactSizeIterator for RawHeaders<'_> {}

impl fmt::Debug for RawHeaders<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values are the user's data.
        f.debug_list()
            .entries(self.clone().map(|header| header.key.escape_ascii()))
            .finish()
    }
}

/// Adds a header after the others, beside any of the same key.
pub fn append(headers: &mut OwnedHeaders, header: RawHeader<'_>) {
    let value = header.value.map_or(ptr::null(), <[u8]>::as_ptr);
    // SAFETY: rdkafka's own pointer, with nobody else reading or writing, since `headers` is
    // borrowed exclusively. Key and value are valid for as many bytes as is said, which are at most
    // `isize::MAX`, and librdkafka copies them. A null value has length 0.
    unsafe {
        rd_kafka_header_add(
            native(headers.as_borrowed()).cast_mut(),
            header.key.as_ptr().cast(),
            header.key.len().cast_signed(),
            value.cast(),
            header.value.map_or(0, <[u8]>::len).cast_signed(),
        );
    }
}

/// The header at `index`; `None` where there are not as many.
fn get(headers: &BorrowedHeaders, index: usize) -> Option<RawHeader<'_>> {
    let (mut key, mut value, mut length) = (ptr::null(), ptr::null(), 0);
    // SAFETY: rdkafka's own pointer; the other three are places of this frame to write to.
    let answer = unsafe {
        rd_kafka_header_get_all(
            native(headers),
            index,
            &raw mut key,
            &raw mut value,
            &raw mut length,
        )
    };
    if answer != rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        return None;
    }
    // SAFETY: where librdkafka answers no error, the key is a C string, and a value that is not
    // null is valid for `length` bytes. Both are part of the native object, and so live and stay
    // as they are while `headers` is borrowed.
    unsafe {
        Some(RawHeader {
            key: CStr::from_ptr(key).to_bytes(),
            value: (!value.is_null())
                .then(|| std::slice::from_raw_parts(value.cast::<u8>(), length)),
        })
    }
}

fn native(headers: &BorrowedHeaders) -> *const rd_kafka_headers_t {
    ptr::from_ref(headers).cast()
}
