//! Vietnamese without its marks, as people type it in a hurry.

/// Letters by what is left of them.
const LETTERS: [(char, &str); 7] = [
    ('a', "àáảãạăằắẳẵặâầấẩẫậ"),
    ('d', "đ"),
    ('e', "èéẻẽẹêềếểễệ"),
    ('i', "ìíỉĩị"),
    ('o', "òóỏõọôồốổỗộơờớởỡợ"),
    ('u', "ùúủũụưừứửữự"),
    ('y', "ỳýỷỹỵ"),
];

/// The lower-case text without Vietnamese marks; other letters stay as they are.
pub(crate) fn without_marks(text: &str) -> String {
    text.chars().filter(|letter| !is_mark(*letter)).map(bare).collect()
}

/// Combining marks: text may come taken apart (NFD).
fn is_mark(letter: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&letter)
}

fn bare(letter: char) -> char {
    if letter.is_ascii() {
        return letter;
    }
    let found = LETTERS.iter().find(|(_, marked)| marked.contains(letter));
    found.map_or(letter, |(bare, _)| *bare)
}

#[cfg(test)]
mod tests {
    use super::without_marks;

    #[test]
    fn marks_go_and_everything_else_stays() {
        for (text, plain) in [
            ("dò mật khẩu đăng nhập", "do mat khau dang nhap"),
            ("sở thông tin – xã yên sơn", "so thong tin – xa yen son"),
            ("ma\u{323}\u{302}t", "mat"),
            ("straße 東京 x", "straße 東京 x"),
        ] {
            assert_eq!(without_marks(text), plain);
        }
    }
}
