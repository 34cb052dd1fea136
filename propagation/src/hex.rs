//! Lower-case hexadecimal without the formatting machinery: ids are read and written once a message.

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Reads exactly `N` bytes from `2 * N` lower-case digits; anything else is `None`.
pub(crate) fn decode<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

/// Appends two lower-case digits a byte.
pub(crate) fn encode_into(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 0x0f)]));
    }
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn every_byte_survives_a_round_trip() {
        let bytes: [u8; 256] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let mut text = String::new();
        encode_into(&mut text, &bytes);
        assert_eq!(text.len(), 512);
        assert_eq!(decode::<256>(text.as_bytes()), Some(bytes));
    }

    #[test]
    fn only_lower_case_digits_of_the_exact_length_are_read() {
        assert_eq!(decode::<2>(b"0aff"), Some([0x0a, 0xff]));
        for wrong in ["", "0", "0aff0", "0aff00", "0Aff", "0a g", "+a-f", "0aé"] {
            assert_eq!(decode::<2>(wrong.as_bytes()), None, "{wrong:?}");
        }
    }
}
