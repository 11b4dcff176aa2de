//! What the hellos of a handshake tell: the version of TLS, the cipher suite, and whether a session was resumed.
//!
//! native-tls tells none of that. But the first messages of both ends pass through memory in plain text (RFC 8446 4.1,
//! RFC 5246 7.4.1), so they are read there, for all libraries in the same way. Nothing is decided by them: the library
//! does the handshake, and fails it if they are wrong.

/// What a ServerHello says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ServerHello {
    pub(super) version: u16,
    pub(super) cipher_suite: u16,
    pub(super) is_resumed: bool,
}

/// Both directions of a handshake, until the ServerHello has passed.
#[derive(Default, Debug)]
pub(super) struct Hellos {
    received: Messages,
    sent: Messages,
    /// Of the last ClientHello. A server repeats it to resume a session of TLS 1.2.
    session_id: Vec<u8>,
    pub(super) server: Option<ServerHello>,
}

/// Hellos are much shorter. Beyond this, nothing more is looked at.
const MAX: usize = 64 << 10;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const SUPPORTED_VERSIONS: u16 = 43;
const PRE_SHARED_KEY: u16 = 41;
const TLS_1_3: u16 = 0x0304;
/// The random bytes of a HelloRetryRequest (RFC 8446 4.1.3), which looks like a ServerHello and is followed by one.
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2,
    0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

impl Hellos {
    pub(super) fn received(&mut self, bytes: &[u8]) {
        if self.server.is_none() {
            self.received.add(bytes);
            while let Some(message) = self.received.next() {
                self.take(&message);
            }
        }
    }

    pub(super) fn sent(&mut self, bytes: &[u8]) {
        if self.server.is_none() {
            self.sent.add(bytes);
            while let Some(message) = self.sent.next() {
                self.take(&message);
            }
        }
    }

    fn take(&mut self, message: &[u8]) {
        match message.split_first() {
            Some((&CLIENT_HELLO, rest)) => {
                if let Some(id) = Fields(&rest[3..]).session_id() {
                    self.session_id = id.to_vec();
                }
            }
            Some((&SERVER_HELLO, rest)) if self.server.is_none() => {
                self.server = server_hello(Fields(&rest[3..]), &self.session_id);
                if self.server.is_some() {
                    self.received = Messages::default();
                    self.sent = Messages::default();
                }
            }
            _ => {}
        }
    }
}

/// `None` for a HelloRetryRequest, and for what is none.
fn server_hello(mut fields: Fields<'_>, offered_session: &[u8]) -> Option<ServerHello> {
    let mut version = fields.u16()?;
    if fields.bytes(32)? == RETRY {
        return None;
    }
    let session = fields.short()?;
    let cipher_suite = fields.u16()?;
    fields.bytes(1)?;
    let mut is_resumed = !session.is_empty() && session == offered_session;
    let mut extensions = fields.u16().and_then(|len| fields.bytes(len.into())).map_or(Fields(&[]), Fields);
    let mut has_key = false;
    while let (Some(kind), Some(len)) = (extensions.u16(), extensions.u16()) {
        let mut content = Fields(extensions.bytes(len.into())?);
        match kind {
            SUPPORTED_VERSIONS => version = content.u16()?,
            PRE_SHARED_KEY => has_key = true,
            _ => {}
        }
    }
    if version >= TLS_1_3 {
        // There the session ID is always repeated, to look like TLS 1.2.
        is_resumed = has_key;
    }
    Some(ServerHello { version, cipher_suite, is_resumed })
}

/// Reads one field after another.
#[derive(Clone, Copy)]
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.bytes(2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// Bytes with a length of one byte before them.
    fn short(&mut self) -> Option<&'a [u8]> {
        let len = self.bytes(1)?[0];
        self.bytes(len.into())
    }

    /// That of a ClientHello.
    fn session_id(mut self) -> Option<&'a [u8]> {
        self.bytes(2 + 32)?;
        self.short()
    }
}

/// The handshake messages of one direction, which records may cut anywhere.
#[derive(Default, Debug)]
struct Messages {
    /// Records not yet taken apart.
    records: Vec<u8>,
    /// What was in them.
    content: Vec<u8>,
    total: usize,
}

impl Messages {
    fn add(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(bytes.len());
        if self.total > MAX {
            *self = Self { total: self.total, ..Self::default() };
            return;
        }
        self.records.extend_from_slice(bytes);
        while let [kind, _, _, high, low, rest @ ..] = &self.records[..] {
            let len = usize::from(u16::from_be_bytes([*high, *low]));
            let Some(fragment) = rest.get(..len) else { break };
            if *kind == HANDSHAKE {
                self.content.extend_from_slice(fragment);
            }
            self.records.drain(..5 + len);
        }
    }

    /// The next whole message: its type, three bytes of length, what is in it.
    fn next(&mut self) -> Option<Vec<u8>> {
        let [_, a, b, c, ..] = self.content[..] else { return None };
        let len = 4 + usize::from(a) * 0x1_0000 + usize::from(b) * 0x100 + usize::from(c);
        (self.content.len() >= len).then(|| self.content.drain(..len).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        [&[kind, 0, 0, body.len() as u8][..], body].concat()
    }

    fn record(kind: u8, content: &[u8]) -> Vec<u8> {
        [&[kind, 3, 3, 0, content.len() as u8][..], content].concat()
    }

    fn client(session: &[u8]) -> Vec<u8> {
        message(CLIENT_HELLO, &[&[3, 3][..], &[9; 32], &[session.len() as u8], session, &[0, 2, 0x13, 1]].concat())
    }

    fn server(random: [u8; 32], session: &[u8], extensions: &[u8]) -> Vec<u8> {
        let body =
            [&[3, 3][..], &random, &[session.len() as u8], session, &[0x13, 2, 0], &[0, extensions.len() as u8]];
        message(SERVER_HELLO, &[&body.concat(), extensions].concat())
    }

    fn hello(session: &[u8], stream: &[u8], step: usize) -> Option<ServerHello> {
        let mut hellos = Hellos::default();
        hellos.sent(&record(HANDSHAKE, &client(session)));
        stream.chunks(step).for_each(|bytes| hellos.received(bytes));
        hellos.server
    }

    const V13: &[u8] = &[0, 43, 0, 2, 3, 4];
    const PSK: &[u8] = &[0, 41, 0, 2, 0, 0];

    #[test]
    fn version_suite_and_resumption_are_read_however_the_bytes_are_cut() {
        let id = &[5; 32];
        for (stream, version, is_resumed) in [
            (server([1; 32], &[], &[]), 0x0303, false),
            (server([1; 32], &[6; 32], &[0, 23, 0, 0]), 0x0303, false),
            (server([1; 32], id, &[]), 0x0303, true),
            (server([1; 32], id, V13), 0x0304, false),
            (server([1; 32], id, &[PSK, V13].concat()), 0x0304, true),
        ] {
            let expected = Some(ServerHello { version, cipher_suite: 0x1302, is_resumed });
            for cut in [1, 7, stream.len() - 1] {
                // In two records, with others between them.
                let (one, other) = stream.split_at(cut);
                let records =
                    [record(HANDSHAKE, one), record(20, &[1]), record(HANDSHAKE, other), vec![23, 3, 3]].concat();
                for step in [1, 3, records.len()] {
                    assert_eq!(hello(id, &records, step), expected, "{records:x?}");
                }
            }
        }
    }

    #[test]
    fn a_hello_retry_request_is_passed_over() {
        let retry = record(HANDSHAKE, &server(RETRY, &[], &[0, 43, 0, 2, 3, 9]));
        let stream = [retry, record(20, &[1]), record(HANDSHAKE, &server([1; 32], &[], V13))].concat();
        assert_eq!(hello(&[], &stream, 2).unwrap().version, 0x0304);
    }

    #[test]
    fn what_is_no_hello_is_nothing_and_is_not_kept() {
        let whole = record(HANDSHAKE, &server([1; 32], &[5; 32], V13));
        (0..whole.len()).for_each(|len| assert_eq!(hello(&[], &whole[..len], len.max(1)), None));
        let body = &server([1; 32], &[5; 32], V13)[4..];
        for len in 0..30 {
            assert_eq!(hello(&[], &record(HANDSHAKE, &message(SERVER_HELLO, &body[..len])), 9), None);
        }
        let mut hellos = Hellos::default();
        // Claims 16 MiB.
        hellos.received(&record(HANDSHAKE, &[SERVER_HELLO, 0xff, 0xff, 0xff]));
        (0..100).for_each(|_| hellos.received(&[&[HANDSHAKE, 3, 3, 4, 0][..], &[0; 1024]].concat()));
        assert!(
            hellos.server.is_none()
                && hellos.received.records.capacity() + hellos.received.content.capacity() <= MAX
        );
    }
}
