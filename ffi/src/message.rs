//! Received messages.

use crate::args::kind_number;
use crate::conn::landline_conn;
use crate::conn_send::{LANDLINE_BINARY, LANDLINE_TEXT};
use landline::{Message, MessageRef};
use std::ffi::c_void;
use std::ptr;

/// A received message. Messages from landline_conn_recv() own their data; those from landline_conn_recv_ref() are
/// borrowed from their connection.
///
/// Ownership: the caller owns a message and frees it with landline_message_free(). A borrowed message must be freed
/// before its connection.
///
/// Threads: any number of threads may use a message at the same time, until it is freed.
#[allow(non_camel_case_types)]
pub struct landline_message {
    kind: i32,
    data: *const u8,
    len: usize,
    /// What `data` points into; `None` if `lender` lent it.
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

    /// A message that its connection lends.
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
        // SAFETY: lent memory stays as it is until the message is freed, which the caller has not done yet; `lent`
        // got it from a `MessageRef`, which for text is valid UTF-8.
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

/// The payload: landline_message_len() bytes, not followed by a NUL. Valid until the message is freed. NULL only if
/// `message` is.
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

/// Frees a message, in any thread. A borrowed message is returned to its connection, which can then receive again; it
/// must be freed before the connection. NULL does nothing.
///
/// # Safety
///
/// `message` is NULL or a live handle; the connection of a borrowed one has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn landline_message_free(message: *mut landline_message) {
    // SAFETY: the caller's promise.
    let Some(lender) = (unsafe { message.as_ref() }).map(|message| message.lender) else { return };
    if lender.is_null() {
        // SAFETY: created by `own`, and no longer used by the caller.
        drop(unsafe { Box::from_raw(message) });
    } else {
        // SAFETY: the caller's promise.
        unsafe { &*lender }.give_back();
    }
}
