//! What a word is. Whoever asks a filter has to split as whoever made it: here is the one place.

use std::fmt::Write;

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// Calls `each` with every word of the text: longest runs of letters and digits, in lower case, and
/// IPv4 addresses as a whole besides.
///
/// `Failed login from 192.0.2.7` has `failed`, `login`, `from`, `192`, `0`, `2`, `7`, `192.0.2.7`.
pub fn split(text: &str, each: &mut dyn FnMut(&str)) {
    let mut lower = String::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        lower.clear();
        lower.extend(word.chars().flat_map(char::to_lowercase));
        each(&lower);
    }
    addresses(text, &mut |address| {
        lower.clear();
        let _ = write!(lower, "{address}");
        each(&lower);
    });
}

/// Hashes of the words of a text: as [`split`] and [`hash`], without making them.
pub(super) fn hashes(text: &str, each: &mut dyn FnMut(u64)) {
    if !text.is_ascii() {
        split(text, &mut |word| each(hash(word)));
        return;
    }
    let mut state = OFFSET;
    let mut is_inside = false;
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            state = step(state, byte.to_ascii_lowercase());
            is_inside = true;
        } else if is_inside {
            each(mix(state));
            (state, is_inside) = (OFFSET, false);
        }
    }
    if is_inside {
        each(mix(state));
    }
    addresses(text, &mut |address| each(hash(address)));
}

/// 64 bits of a text: FNV-1a, then mixed. On disk in every filter: never to change.
pub(super) fn hash(text: &str) -> u64 {
    mix(text.bytes().fold(OFFSET, step))
}

fn step(state: u64, byte: u8) -> u64 {
    (state ^ u64::from(byte)).wrapping_mul(PRIME)
}

/// Every bit of the input changes half of the bits of the output.
pub(super) fn mix(mut value: u64) -> u64 {
    value ^= value >> 33;
    value = value.wrapping_mul(0xff51_afd7_ed55_8ccd);
    value ^= value >> 33;
    value = value.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    value ^ (value >> 33)
}

/// Longest runs of digits and dots that are four numbers of at most three digits.
fn addresses(text: &str, each: &mut dyn FnMut(&str)) {
    if !text.contains('.') {
        return;
    }
    let runs = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    for run in runs.map(|run| run.trim_matches('.')).filter(|run| run.len() >= 7) {
        let parts = run.split('.');
        if parts.clone().count() == 4 && parts.into_iter().all(|part| matches!(part.len(), 1..=3)) {
            each(run);
        }
    }
}
