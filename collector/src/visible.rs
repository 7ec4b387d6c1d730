//! Text of unknown origin on a terminal: what would steer it is written out instead.

/// The text with control characters and marks of writing direction as `\u{202e}`.
pub fn visible(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().fold(String::with_capacity(text.len()), |mut seen, c| {
        if steers(c) {
            seen.extend(c.escape_unicode());
        } else {
            seen.push(c);
        }
        seen
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_steers_a_terminal_is_written_out_and_nothing_else() {
        let text = "luật 'x'\u{1b}[31m\u{202e}\n";
        assert_eq!(super::visible(text), "luật 'x'\\u{1b}[31m\\u{202e}\\u{a}");
    }
}
