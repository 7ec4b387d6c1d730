/// A text that is looked for, as it may stand in a value.
///
/// A value of a JSON line that holds nothing but `\\` and `\"` of JSON's escapes is searched with
/// them. What holds a backslash or a quote is therefore looked for in two forms; what holds none
/// looks the same in both. A text found in its form stands in the value: escapes cannot be read
/// wrongly, for behind the second half of one stands no quote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub bytes: Box<[u8]>,
    pub predicate: u32,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Either,
    Plain,
    Escaped,
}

impl Written {
    /// Whether it may be looked for in such a value.
    #[inline]
    pub fn fits(&self, is_escaped: bool) -> bool {
        match self.form {
            Form::Either => true,
            Form::Plain => !is_escaped,
            Form::Escaped => is_escaped,
        }
    }
}

/// A text in all its forms.
pub(super) fn written(text: &str, predicate: u32) -> Vec<Written> {
    let of = |bytes: &[u8], form| Written { bytes: bytes.into(), predicate, form };
    if !text.bytes().any(escaped) {
        return vec![of(text.as_bytes(), Form::Either)];
    }
    let with =
        text.bytes().flat_map(|byte| escaped(byte).then_some(b'\\').into_iter().chain([byte]));
    let with: Vec<u8> = with.collect();
    vec![of(text.as_bytes(), Form::Plain), of(&with, Form::Escaped)]
}

/// Characters that stand with a backslash before them in JSON text.
fn escaped(byte: u8) -> bool {
    matches!(byte, b'\\' | b'"')
}
