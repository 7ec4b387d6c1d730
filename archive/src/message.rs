//! A message that ends the line it came from is kept once: in the line. Beside it stands where it
//! begins, which is the same in many rows and takes next to nothing.
//!
//! What stands before it has to be ASCII, so that the place is the same in bytes and in characters:
//! `substr(raw, message_at + 1)` is the message in any program.

use soc_event::Value;

/// Where in its line the message begins; nothing where it has to be kept itself.
pub(crate) fn begin(raw: Option<&str>, message: &Value) -> Option<u32> {
    let Value::Text(message) = message else { return None };
    let head = raw?.strip_suffix(message.as_str()).filter(|head| head.is_ascii())?;
    // An empty message ends every line: to say where takes more than the message.
    if message.is_empty() { None } else { u32::try_from(head.len()).ok() }
}

/// The message that begins there; nothing where none can.
pub(crate) fn cut(raw: &str, begin: u32) -> Option<&str> {
    raw.get(usize::try_from(begin).ok()?..)
}
