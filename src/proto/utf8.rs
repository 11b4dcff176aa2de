//! Incremental UTF-8 validation that fails at the first bad byte (RFC 6455 section 8.1).

/// Validates text that arrives in pieces. A character that is cut at the end of a piece is completed by the next one.
#[derive(Clone, Default, Debug)]
pub(crate) struct Utf8 {
    /// The beginning of a character that was cut at the end of the last piece.
    cut: [u8; 3],
    cut_len: u8,
}

impl Utf8 {
    /// Validates the next piece. Returns `false` if the text can no longer become valid.
    #[must_use]
    pub(crate) fn feed(&mut self, mut piece: &[u8]) -> bool {
        while self.cut_len > 0 {
            let [next, rest @ ..] = piece else { return true };
            let mut character = [0; 4];
            let had = usize::from(self.cut_len);
            character[..had].copy_from_slice(&self.cut[..had]);
            character[had] = *next;
            piece = rest;
            match std::str::from_utf8(&character[..=had]) {
                Ok(_) => self.cut_len = 0,
                Err(error) if error.error_len().is_some() => return false,
                Err(_) => self.keep(&character[..=had]),
            }
        }
        let (whole, cut) = piece.split_at(piece.len() - cut_at_end(piece));
        if simdutf8::basic::from_utf8(whole).is_err() {
            return false;
        }
        // Two bytes can be enough to rule out every continuation, as in `e0 80`.
        if std::str::from_utf8(cut).is_err_and(|error| error.error_len().is_some()) {
            return false;
        }
        self.keep(cut);
        true
    }

    /// Whether the text may end here.
    #[must_use]
    pub(crate) fn is_complete(&self) -> bool {
        self.cut_len == 0
    }

    fn keep(&mut self, cut: &[u8]) {
        self.cut[..cut.len()].copy_from_slice(cut);
        self.cut_len = cut.len() as u8;
    }
}

/// How many bytes at the end of `piece`, at most three, belong to a character that continues in the next piece.
fn cut_at_end(piece: &[u8]) -> usize {
    for (back, byte) in (1..=3).zip(piece.iter().rev()) {
        let length = match byte {
            0x80..=0xbf => continue,
            0xc0..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xff => 4,
            _ => 1,
        };
        return if length > back { back } else { 0 };
    }
    0
}

/// Converts bytes that were validated as they arrived to text, without a second pass over them.
///
/// # Safety
///
/// `bytes` must be valid UTF-8.
#[expect(
    unsafe_code,
    reason = "the bytes were validated as they arrived; a second pass would touch all of them again"
)]
pub(super) unsafe fn as_str(bytes: &[u8]) -> &str {
    debug_assert!(std::str::from_utf8(bytes).is_ok());
    // SAFETY: the caller guarantees it.
    unsafe { std::str::from_utf8_unchecked(bytes) }
}

/// Converts owned bytes that were validated as they arrived to a `String`, without a second pass over them.
///
/// # Safety
///
/// `bytes` must be valid UTF-8.
#[expect(unsafe_code, reason = "see as_str")]
pub(super) unsafe fn into_string(bytes: Vec<u8>) -> String {
    debug_assert!(std::str::from_utf8(&bytes).is_ok());
    // SAFETY: the caller guarantees it.
    unsafe { String::from_utf8_unchecked(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn valid(pieces: &[&[u8]]) -> bool {
        let mut utf8 = Utf8::default();
        pieces.iter().all(|piece| utf8.feed(piece)) && utf8.is_complete()
    }

    /// The length of the longest prefix that can still become valid, which is where a validator that fails at the first
    /// bad byte must fail.
    fn longest_good_prefix(bytes: &[u8]) -> usize {
        (0..=bytes.len())
            .rev()
            .find(|&len| match std::str::from_utf8(&bytes[..len]) {
                Ok(_) => true,
                Err(error) => error.error_len().is_none(),
            })
            .unwrap_or(0)
    }

    #[test]
    fn item_12_fails_at_the_first_bad_byte() {
        let bad: [&[u8]; 8] = [
            b"\xe0\x80",
            b"\xed\xa0",
            b"\xf4\x90",
            b"\xc0",
            b"\xf5",
            b"\x80",
            b"caf\xc3\x28",
            b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf4\x90",
        ];
        for text in bad {
            assert!(!Utf8::default().feed(text), "{text:02x?} in one piece");
            let mut utf8 = Utf8::default();
            let fed = text.iter().take_while(|byte| utf8.feed(&[**byte])).count();
            assert_eq!(fed, longest_good_prefix(text), "{text:02x?} byte by byte");
        }
    }

    #[test]
    fn item_12_text_may_not_end_within_a_character() {
        assert!(valid(&["κόσμε".as_bytes()]));
        assert!(!valid(&[b"\xe2\x82"]));
        assert!(valid(&[b"\xe2", b"", b"\x82", b"\xac"]));
    }

    proptest! {
        #[test]
        fn agrees_with_std_whatever_the_split(
            mut bytes in prop_oneof![".{0,40}".prop_map(String::into_bytes), proptest::collection::vec(any::<u8>(), 0..40)],
            spoil in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            if let (Some((at, byte)), false) = (spoil, bytes.is_empty()) {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            prop_assert_eq!(valid(&pieces), std::str::from_utf8(&bytes).is_ok());
        }
    }
}
