//! What single words mean in logs of any program.

/// A letter, in any script: bytes above ASCII belong to one.
pub(super) fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte >= 0x80
}

/// The word with each run of digits as `#`.
pub(super) fn without_numbers(word: &[u8], out: &mut Vec<u8>) {
    let mut in_number = false;
    for byte in word {
        let is_digit = byte.is_ascii_digit();
        if !is_digit {
            out.push(*byte);
        } else if !in_number {
            out.push(b'#');
        }
        in_number = is_digit;
    }
}

/// Units of time, size and rate as programs write them.
pub(super) fn is_unit(word: &[u8]) -> bool {
    const UNITS: [&[u8]; 40] = [
        b"ns",
        b"us",
        b"ms",
        b"s",
        b"sec",
        b"secs",
        b"second",
        b"seconds",
        b"min",
        b"mins",
        b"minute",
        b"minutes",
        b"h",
        b"hour",
        b"hours",
        b"day",
        b"days",
        b"millis",
        b"milliseconds",
        b"b",
        b"kb",
        b"mb",
        b"gb",
        b"tb",
        b"kib",
        b"mib",
        b"gib",
        b"tib",
        b"byte",
        b"bytes",
        b"bit",
        b"bits",
        b"hz",
        b"khz",
        b"mhz",
        b"ghz",
        b"bps",
        b"kbps",
        b"mbps",
        b"%",
    ];
    is_one_of(word.strip_suffix(b".").unwrap_or(word), &UNITS)
}

/// Words behind which a name stands.
pub(super) fn introduces_name(word: &[u8]) -> bool {
    is_one_of(word, &[b"user", b"username", b"account", b"named", b"hostname"])
}

/// Words that begin the next part of a sentence.
pub(super) fn is_preposition(word: &[u8]) -> bool {
    is_one_of(word, &[b"for", b"from", b"by", b"on", b"at", b"to", b"in", b"with", b"via", b"as"])
}

/// `removed`, `failing`: what happened to somebody, not a name.
pub(super) fn is_participle(word: &[u8]) -> bool {
    word.len() > 4 && (word.ends_with(b"ed") || word.ends_with(b"ing"))
}

/// A value of a fixed set, which says what happened: `true`, `off`, `ACTION_DOWN`.
pub(super) fn is_choice(word: &[u8]) -> bool {
    let is_constant =
        word.contains(&b'_') && word.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_');
    is_constant || is_one_of(word, &[b"true", b"false", b"yes", b"no", b"on", b"off"])
}

fn is_one_of(word: &[u8], words: &[&[u8]]) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}
