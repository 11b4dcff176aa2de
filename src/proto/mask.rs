//! XOR masking that can resume at any offset (RFC 6455 section 5.3).

/// Bytes processed per iteration, wide enough for the compiler to use vector registers.
const BLOCK: usize = 32;

type Word = [u8; 8];
type Block = [Word; BLOCK / 8];

/// Masks or unmasks `data` in place. `offset` is the position of `data` in its frame's payload.
#[inline(always)]
pub(super) fn apply(data: &mut [u8], key: [u8; 4], offset: u64) {
    let word = word(key, offset);
    let (blocks, rest) = data.split_at_mut(whole::<BLOCK>(data));
    for block in bytemuck::cast_slice_mut::<u8, Block>(blocks) {
        for bytes in block {
            *bytes = masked(bytes, word);
        }
    }
    if !rest.is_empty() {
        mask_rest(rest, word);
    }
}

/// Masks less than a block. Not inlined, which makes frames that are sent without masking cheaper: see guard/.
#[inline(never)]
fn mask_rest(rest: &mut [u8], word: u64) {
    let (words, rest) = rest.split_at_mut(whole::<8>(rest));
    for bytes in bytemuck::cast_slice_mut::<u8, Word>(words) {
        *bytes = masked(bytes, word);
    }
    // At most half a word and three bytes are left.
    let (halves, rest) = rest.split_at_mut(whole::<4>(rest));
    for bytes in bytemuck::cast_slice_mut::<u8, [u8; 4]>(halves) {
        *bytes = (u32::from_ne_bytes(*bytes) ^ word as u32).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(word.to_ne_bytes()) {
        *byte ^= key;
    }
}

/// Writes the masked form of `data` to `to`, which must have the same length.
#[inline]
pub(super) fn copy(to: &mut [u8], data: &[u8], key: [u8; 4], offset: u64) {
    let word = word(key, offset);
    let data = &data[..to.len()];
    let ((blocks_to, rest_to), (blocks, rest)) =
        (to.split_at_mut(whole::<BLOCK>(data)), data.split_at(whole::<BLOCK>(data)));
    let blocks = bytemuck::cast_slice::<u8, Block>(blocks);
    for (to, block) in bytemuck::cast_slice_mut::<u8, Block>(blocks_to).iter_mut().zip(blocks) {
        for (to, bytes) in to.iter_mut().zip(block) {
            *to = masked(bytes, word);
        }
    }
    if !rest.is_empty() {
        rest_to.copy_from_slice(rest);
        mask_rest(rest_to, word);
    }
}

/// How many bytes of `data` make whole chunks of `N` bytes.
#[inline(always)]
fn whole<const N: usize>(data: &[u8]) -> usize {
    data.len() / N * N
}

#[inline(always)]
fn masked(bytes: &Word, word: u64) -> Word {
    (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes()
}

/// Returns the key twice, rotated so that its first byte in memory is the key byte for position `offset`.
#[inline(always)]
fn word(key: [u8; 4], offset: u64) -> u64 {
    let key = u32::from_ne_bytes(key);
    let turn = 8 * (offset % 4) as u32;
    let key = if cfg!(target_endian = "little") { key.rotate_right(turn) } else { key.rotate_left(turn) };
    u64::from(key) << 32 | u64::from(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition in RFC 6455 5.3, octet by octet.
    fn by_definition(data: &[u8], key: [u8; 4], offset: u64) -> Vec<u8> {
        (offset..).zip(data).map(|(i, byte)| byte ^ key[(i % 4) as usize]).collect()
    }

    proptest! {
        #[test]
        fn rfc_5_3_definition(mut data in proptest::collection::vec(any::<u8>(), 0..300), key: [u8; 4], offset in 0u64..9) {
            let expected = by_definition(&data, key, offset);
            let mut out = vec![7; data.len()];
            copy(&mut out, &data, key, offset);
            prop_assert_eq!(&out, &expected);
            apply(&mut data, key, offset);
            prop_assert_eq!(data, expected);
        }
    }

    #[test]
    fn long_pieces_keep_their_offset() {
        let data: Vec<u8> = (0..20_001u32).map(|i| i as u8).collect();
        let mut out = vec![0; data.len()];
        copy(&mut out, &data, [1, 2, 3, 4], 3);
        assert_eq!(out, by_definition(&data, [1, 2, 3, 4], 3));
    }
}
