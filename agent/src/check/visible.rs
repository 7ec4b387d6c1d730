/// Text as it can be shown on a terminal: characters that move the cursor, change colours, turn the
/// direction of writing or are not seen at all are written as `\u{1b}`.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hidden(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Controls, and of the format characters those that reorder or hide. Source: UAX #9, section 2;
/// Unicode Technical Report #36, section 2.
fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_characters_are_made_visible_and_others_kept() {
        let check = |text: &str, expected: &str| assert_eq!(visible(text), expected);
        check("\u{1b}[2Jx", "\\u{1b}[2Jx");
        check("a\u{202e}b\u{2066}", "a\\u{202e}b\\u{2066}");
        check("nul\0\n\r\u{9b}", "nul\\u{0}\\u{a}\\u{d}\\u{9b}");
        check("Tỉnh Đắk Lắk – 文字", "Tỉnh Đắk Lắk – 文字");
    }
}
