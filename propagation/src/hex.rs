//! Lower-case hexadecimal without the formatting machinery: ids are read and written once a message.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The value of each digit, and [`NONE`] for every other byte.
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut digit = 0;
    while digit < 16 {
        values[DIGITS[digit as usize] as usize] = digit;
        digit += 1;
    }
    values
};
const NONE: u8 = 0xf0;

/// The two digits of each byte.
const PAIRS: [[u8; 2]; 256] = {
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 0x0f]];
        byte += 1;
    }
    pairs
};

/// Reads exactly `N` bytes from `2 * N` lower-case digits; anything else is `None`.
pub(crate) fn decode<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    let mut seen = 0;
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        let (high, low) = (VALUES[usize::from(*high)], VALUES[usize::from(*low)]);
        seen |= high | low;
        *byte = high << 4 | low;
    }
    (seen & NONE == 0).then_some(bytes)
}

/// Reads 1 to `2 * N` digits in either case, as if zeros stood before them: some writers leave
/// those out, and a system of 64-bit ids has half as many.
pub(crate) fn decode_padded<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut digits = [b'0'; 32];
    let digits = digits.get_mut(..2 * N)?;
    let start = digits.len().checked_sub(text.len())?;
    digits[start..].copy_from_slice(text);
    digits.make_ascii_lowercase();
    if text.is_empty() {
        return None;
    }
    decode(digits)
}

/// Writes two lower-case digits a byte; `text` is twice as long as `bytes`.
pub(crate) fn encode(text: &mut [u8], bytes: &[u8]) {
    for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = PAIRS[usize::from(*byte)];
    }
}

/// Appends two lower-case digits a byte; ids have at most 16 bytes.
pub(crate) fn push(text: &mut String, bytes: &[u8]) {
    let mut digits = [0; 32];
    let digits = &mut digits[..2 * bytes.len()];
    encode(digits, bytes);
    text.extend(str::from_utf8(digits));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_a_round_trip() {
        for byte in 0..=u8::MAX {
            let mut text = String::new();
            push(&mut text, &[byte, !byte]);
            assert_eq!(text, format!("{byte:02x}{:02x}", !byte));
            assert_eq!(decode(text.as_bytes()), Some([byte, !byte]));
        }
    }

    #[test]
    fn missing_zeros_are_filled_in_and_either_case_is_read() {
        assert_eq!(decode_padded(b"F"), Some([0, 0x0f]));
        assert_eq!(decode_padded(b"1aFf"), Some([0x1a, 0xff]));
        assert_eq!(decode_padded(b"0"), Some([0; 8]));
        for wrong in ["", "1aff0", "0x1", "+1", " 1", "g"] {
            assert_eq!(decode_padded::<2>(wrong.as_bytes()), None, "{wrong:?}");
        }
    }

    #[test]
    fn only_lower_case_digits_of_the_exact_length_are_read() {
        assert_eq!(decode(b"0aff"), Some([0x0a, 0xff]));
        for wrong in ["", "0", "0aff0", "0aff00", "0Aff", "0a g", "+a-f", "0aé"] {
            assert_eq!(decode::<2>(wrong.as_bytes()), None, "{wrong:?}");
        }
        for byte in (0..=u8::MAX).filter(|byte| !DIGITS.contains(byte)) {
            assert_eq!(decode::<1>(&[byte, b'0']), None);
            assert_eq!(decode::<1>(&[b'0', byte]), None);
        }
    }
}
