//! Windows-1252, the code page of the collation `SQL_Latin1_General_CP1_CI_AS`.

/// The characters of 0x80 to 0x9F. The five that have none stand for the control characters of
/// the same number, as Windows has it.
const UPPER_CONTROLS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8D}', 'Ž', '\u{8F}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9D}', 'ž', 'Ÿ',
];

/// The text in the code page, with `?` for what it doesn't have.
pub(super) fn encode(text: &str) -> Vec<u8> {
    text.chars().map(encode_character).collect()
}

fn encode_character(character: char) -> u8 {
    if let Some(at) = UPPER_CONTROLS.iter().position(|known| *known == character) {
        return u8::try_from(0x80 + at).unwrap_or(b'?');
    }
    u8::try_from(u32::from(character))
        .ok()
        .filter(|byte| !(0x80..0xA0).contains(byte))
        .unwrap_or(b'?')
}

pub(super) fn decode(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            0x80..0xA0 => UPPER_CONTROLS[usize::from(byte - 0x80)],
            _ => char::from(*byte),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(encode(&decode(&all)), all);
    }

    #[test]
    fn characters_it_does_not_have_become_question_marks() {
        assert_eq!(encode("a€ü漢😀"), [b'a', 0x80, 0xFC, b'?', b'?']);
    }
}
