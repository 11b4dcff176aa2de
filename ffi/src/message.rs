//! Received messages.

use crate::args::kind_number;
use crate::conn::landline_conn;
use crate::conn_send::{LANDLINE_BINARY, LANDLINE_TEXT};
use landline::{Message, MessageRef};
use std::ffi::c_void;
use std::ptr;

/// A received message: one that owns its data, from landline_conn_recv(), or one that is borrowed from its connection,
/// from landline_conn_recv_ref().
///
/// Ownership: the caller's, who frees it with landline_message_free(); a borrowed one before its connection.
///
/// Threads: any, several at the same time, until it is freed.
#[allow(non_camel_case_types)]
pub struct landline_message {
    kind: i32,
    data: *const u8,
    len: usize,
    /// What `data` points into; `None` if it was lent by `lender`.
    own: Option<Message>,
    lender: *const landline_conn,
}

impl landline_message {
    pub(crate) const NONE: Self =
        Self { kind: LANDLINE_BINARY, data: ptr::null(), len: 0, own: None, lender: ptr::null() };

    pub(crate) fn own(message: Message) -> Box<Self> {
        let kind = kind_number(message.kind());
        let mut own = Box::new(Self { kind, own: Some(message), ..Self::NONE });
        if let Some(message) = &own.own {
            (own.data, own.len) = (message.as_bytes().as_ptr(), message.as_bytes().len());
        }
        own
    }

    /// The form of a message that its connection lends.
    #[inline]
    pub(crate) fn lent(message: MessageRef<'_>, lender: *const landline_conn) -> Self {
        let bytes = message.as_bytes();
        Self { kind: kind_number(message.kind()), data: bytes.as_ptr(), len: bytes.len(), own: None, lender }
    }

    /// The message.
    #[inline]
    pub(crate) fn get(&self) -> MessageRef<'_> {
        if let Some(own) = &self.own {
            return match own {
                Message::Text(text) => MessageRef::Text(text),
                Message::Binary(data) => MessageRef::Binary(data),
            };
        }
        // SAFETY: lent memory stays as it is until the message is freed, which the caller has not done yet; `lent` got
        // it from a `MessageRef`, which for text is valid UTF-8.
        unsafe {
            let bytes = std::slice::from_raw_parts(self.data, self.len);
            match self.kind {
                LANDLINE_TEXT => MessageRef::Text(std::str::from_utf8_unchecked(bytes)),
                _ => MessageRef::Binary(bytes),
            }
        }
    }
}

/// LANDLINE_TEXT or LANDLINE_BINARY; 0 for NULL.
///
/// # Safety
///
/// `message` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_message_kind(message: *const landline_message) -> i32 {
    // SAFETY: the caller's promise.
    unsafe { message.as_ref() }.map_or(0, |message| message.kind)
}

/// The payload: landline_message_len() bytes, not followed by a NUL. Valid until the message is freed. Never NULL, but
/// for NULL.
///
/// # Safety
///
/// `message` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_message_data(message: *const landline_message) -> *const c_void {
    // SAFETY: the caller's promise.
    unsafe { message.as_ref() }.map_or(ptr::null(), |message| message.data.cast())
}

/// The length of the payload in bytes; 0 for NULL.
///
/// # Safety
///
/// `message` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_message_len(message: *const landline_message) -> usize {
    // SAFETY: the caller's promise.
    unsafe { message.as_ref() }.map_or(0, |message| message.len)
}

/// Frees a message, in any thread, once. A borrowed one is given back: its connection can receive again. It lies in its
/// connection, so free it before that. NULL does nothing.
///
/// # Safety
///
/// `message` is NULL or a live handle; the connection of a borrowed one has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_message_free(message: *mut landline_message) {
    // SAFETY: the caller's promise.
    let Some(lender) = (unsafe { message.as_ref() }).map(|message| message.lender) else { return };
    if lender.is_null() {
        // SAFETY: made by `own`, and given up by the caller.
        drop(unsafe { Box::from_raw(message) });
    } else {
        // SAFETY: the caller's promise.
        unsafe { &*lender }.give_back();
    }
}
