use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// How a value is encoded before it is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// The value alone was encoded.
    Base64,
    /// The value stands somewhere inside what was encoded: three alignments.
    Base64Offset,
}

/// UTF-16 bytes of a text. Source: Sigma specification 2.1, appendix "modifiers".
pub(crate) fn wide(text: &str, big_endian: bool, mark: bool) -> Vec<u8> {
    let unit = |unit: u16| if big_endian { unit.to_be_bytes() } else { unit.to_le_bytes() };
    let mark = mark.then_some(0xfeff);
    mark.into_iter().chain(text.encode_utf16()).flat_map(unit).collect()
}

/// The base64 texts in which the bytes can appear.
///
/// With `i` unknown bytes in front, the first `⌈8i/6⌉` characters depend on those, and the last one or
/// two on what follows; what is left is the same whatever stands around.
pub(crate) fn encode(bytes: &[u8], how: Encoding) -> Vec<String> {
    match how {
        Encoding::Base64 => vec![STANDARD.encode(bytes)],
        Encoding::Base64Offset => (0..3).map(|before| aligned(bytes, before)).collect(),
    }
}

fn aligned(bytes: &[u8], before: usize) -> String {
    let mut padded = vec![b' '; before];
    padded.extend_from_slice(bytes);
    let encoded = STANDARD.encode(&padded);
    let start = [0, 2, 3][before % 3];
    let unsure = [0, 3, 2][padded.len() % 3];
    encoded.get(start..encoded.len().saturating_sub(unsure)).unwrap_or("").to_owned()
}
