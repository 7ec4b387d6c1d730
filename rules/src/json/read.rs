use super::JsonError;
use super::keys::{Keys, NO_TARGETS, Node, ROOT};
use crate::limits;
use crate::pattern::{Kind, Number};
use crate::record::{Place, Quoted, Record};

/// Fills a record from one JSON object.
///
/// # Errors
/// Text that is no JSON object, or beyond the limits of an event.
pub(crate) fn read(text: &[u8], keys: &mut Keys, record: &mut Record) -> Result<(), JsonError> {
    if text.len() > limits::EVENT_BYTES_MAX {
        return Err(error(limits::EVENT_BYTES_MAX, "an event this large"));
    }
    let line = std::str::from_utf8(text).map_err(|e| error(e.valid_up_to(), "not UTF-8"))?;
    record.line(line);
    keys.begin();
    let mut reader = Reader { line, at: 0, keys, record, open: Vec::new(), is_flat: false };
    reader.blanks();
    reader.expect(b'{', "an object begins with '{'")?;
    reader.open(ROOT, false)?;
    reader.read()?;
    reader.blanks();
    if reader.at == line.len() { Ok(()) } else { Err(error(reader.at, "more behind the object")) }
}

/// Fills a record from an object of a line it has; says where the object ends. What its parts are is
/// judged as of any other event: there is nothing in objects, and a name is there once, as written.
///
/// # Errors
/// Whatever else stands there.
pub(crate) fn read_flat(
    line: &str,
    at: usize,
    keys: &mut Keys,
    record: &mut Record,
) -> Result<usize, JsonError> {
    keys.begin();
    let mut reader = Reader { line, at, keys, record, open: Vec::new(), is_flat: true };
    reader.expect(b'{', "an object begins with '{'")?;
    reader.open(ROOT, false)?;
    reader.read()?;
    Ok(reader.at)
}

/// Fills a record with a text of a line it has that is no field; says where the text ends.
///
/// # Errors
/// Whatever else stands there.
pub(crate) fn read_text(
    line: &str,
    at: usize,
    keys: &mut Keys,
    record: &mut Record,
) -> Result<usize, JsonError> {
    let mut reader = Reader { line, at, keys, record, open: Vec::new(), is_flat: true };
    let quoted = reader.string()?;
    let place = Place { node: ROOT, targets: NO_TARGETS, depth: 1, in_list: true };
    reader.record.add_quoted(place, quoted);
    Ok(reader.at)
}

fn error(at: usize, what: &str) -> JsonError {
    JsonError { at, what: what.to_owned() }
}

/// An object or list that is not closed yet.
#[derive(Clone, Copy)]
struct Open {
    /// The key it stands under.
    node: Node,
    is_list: bool,
    /// Whether it stands in a list.
    in_list: bool,
    /// Objects around it, itself included.
    depth: u32,
    /// The key read last.
    before: Option<Node>,
    is_empty: bool,
}

struct Reader<'a> {
    line: &'a str,
    at: usize,
    keys: &'a mut Keys,
    record: &'a mut Record,
    open: Vec<Open>,
    /// See [`read_flat`].
    is_flat: bool,
}

impl<'a> Reader<'a> {
    fn read(&mut self) -> Result<(), JsonError> {
        while let Some(mut inner) = self.open.pop() {
            if self.close(inner)? {
                continue;
            }
            let node = if inner.is_list { inner.node } else { self.key(&mut inner)? };
            inner.is_empty = false;
            self.open.push(inner);
            self.value(node, inner)?;
        }
        Ok(())
    }

    /// Whether the object or list ends here; else stands at the next of its parts.
    #[inline]
    fn close(&mut self, inner: Open) -> Result<bool, JsonError> {
        self.blanks();
        let end = if inner.is_list { b']' } else { b'}' };
        match self.peek() {
            Some(byte) if byte == end => {
                self.at += 1;
                Ok(true)
            }
            Some(b',') if !inner.is_empty => {
                self.at += 1;
                self.blanks();
                Ok(false)
            }
            Some(_) if inner.is_empty => Ok(false),
            _ => Err(error(self.at, "',' or an end is missing")),
        }
    }

    /// Reads `"key":`.
    #[inline]
    fn key(&mut self, inner: &mut Open) -> Result<Node, JsonError> {
        let rest = self.line.as_bytes().get(self.at..).unwrap_or(&[]);
        if let Some((node, length)) = self.keys.guess(inner.node, inner.before, rest) {
            self.at += length;
            inner.before = Some(node);
            return Ok(node);
        }
        let quoted = self.string()?;
        self.blanks();
        self.expect(b':', "':' is missing behind a key")?;
        let key = self.line.get(quoted.begin..quoted.end).unwrap_or("");
        if key.len() > limits::EVENT_NAME_BYTES_MAX {
            return Err(error(quoted.begin, "a name this long"));
        }
        let node = self.keys.find(inner.node, inner.before, key);
        let node = node.ok_or_else(|| error(quoted.begin, "more fields than an event may have"))?;
        inner.before = Some(node);
        Ok(node)
    }

    #[inline]
    fn value(&mut self, node: Node, inner: Open) -> Result<(), JsonError> {
        self.blanks();
        if self.is_flat && !inner.is_list && !(self.keys.is_plain(node) && self.record.meet(node)) {
            return Err(error(self.at, "a name twice, or with escapes"));
        }
        let in_list = inner.is_list || inner.in_list || self.is_flat;
        let place =
            Place { node, targets: self.keys.targets_of(node), depth: inner.depth, in_list };
        match self.peek() {
            Some(b'"') => {
                let quoted = self.string()?;
                self.record.add_quoted(place, quoted);
                Ok(())
            }
            Some(b'{') => {
                self.at += 1;
                self.record.note(node, place.targets);
                self.nest(node, false, inner)
            }
            Some(b'[') => {
                self.at += 1;
                self.record.note(node, place.targets);
                self.nest(node, true, inner)
            }
            Some(b't') => self.word("true", place, Some(true)),
            Some(b'f') => self.word("false", place, Some(false)),
            Some(b'n') => self.word("null", place, None),
            Some(b'-' | b'0'..=b'9') => self.number(place),
            _ => Err(error(self.at, "a value is missing")),
        }
    }

    fn nest(&mut self, node: Node, is_list: bool, around: Open) -> Result<(), JsonError> {
        if self.is_flat && around.is_list | (!is_list && around.depth > 0) {
            return Err(error(self.at, "a field holds values, or one list of them"));
        }
        if self.open.len() >= limits::EVENT_DEPTH_MAX {
            return Err(error(self.at, "objects and lists nested too deeply"));
        }
        let in_list = around.is_list || around.in_list;
        let depth = around.depth + u32::from(!is_list);
        self.open.push(Open { node, is_list, in_list, depth, before: None, is_empty: true });
        Ok(())
    }

    fn open(&mut self, node: Node, is_list: bool) -> Result<(), JsonError> {
        let around = Open {
            node: ROOT,
            is_list: false,
            in_list: false,
            depth: 0,
            before: None,
            is_empty: true,
        };
        self.nest(node, is_list, around)
    }

    fn word(&mut self, word: &str, place: Place, value: Option<bool>) -> Result<(), JsonError> {
        if !self.line.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(error(self.at, "not a value"));
        }
        self.at += word.len();
        match value {
            Some(value) => self.record.add(place, word, Kind::Boolean(value)),
            None => self.record.note(place.node, place.targets),
        }
        Ok(())
    }

    fn number(&mut self, place: Place) -> Result<(), JsonError> {
        let begin = self.at;
        let rest = self.line.as_bytes().get(begin..).unwrap_or(&[]);
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let length = rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len());
        self.at += length;
        let text = self.line.get(begin..self.at).unwrap_or("");
        if !is_number(text.as_bytes()) {
            return Err(error(begin, "not a number"));
        }
        match text.parse::<i64>() {
            // "-0" is a double.
            Ok(number) if !text.starts_with("-0") => {
                self.record.add_number(place, begin, self.at, number);
            }
            _ => {
                let float: f64 = text.parse().map_err(|_| error(begin, "not a number"))?;
                if !float.is_finite() {
                    return Err(error(begin, "a number beyond what a double holds"));
                }
                self.record.add(place, &float.to_string(), Kind::Number(Number::Float(float)));
            }
        }
        Ok(())
    }

    /// Reads a string; stands behind it.
    #[inline]
    fn string(&mut self) -> Result<Quoted, JsonError> {
        self.expect(b'"', "'\"' is missing")?;
        let begin = self.at;
        let mut quoted = Quoted { begin, end: begin, escaped: false, rewritten: false };
        loop {
            let rest = self.line.as_bytes().get(self.at..).unwrap_or(&[]);
            let found =
                super::scan::special(rest).ok_or_else(|| error(begin, "no end of a string"))?;
            self.at += found;
            match rest.get(found) {
                Some(b'"') => {
                    quoted.end = self.at;
                    self.at += 1;
                    return Ok(quoted);
                }
                Some(b'\\') => {
                    quoted.escaped = true;
                    match rest.get(found + 1) {
                        Some(b'\\' | b'"') => self.at += 2,
                        Some(b'/' | b'b' | b'f' | b'n' | b'r' | b't' | b'u') => {
                            quoted.rewritten = true;
                            self.at += 2;
                        }
                        _ => return Err(error(self.at, "an unknown escape")),
                    }
                }
                _ => return Err(error(self.at, "a control character in a string")),
            }
        }
    }

    #[inline]
    fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    #[inline]
    fn expect(&mut self, byte: u8, what: &str) -> Result<(), JsonError> {
        if self.peek() == Some(byte) {
            self.at += 1;
            return Ok(());
        }
        Err(error(self.at, what))
    }
}

/// Source: RFC 8259, section 6.
fn is_number(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(text);
    if whole == 0 || (whole > 1 && text.first() == Some(&b'0')) {
        return false;
    }
    let mut rest = text.get(whole..).unwrap_or(&[]);
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = fraction.get(length..).unwrap_or(&[]);
    }
    let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) else {
        return rest.is_empty();
    };
    let exponent =
        exponent.strip_prefix(b"-").or_else(|| exponent.strip_prefix(b"+")).unwrap_or(exponent);
    !exponent.is_empty() && digits(exponent) == exponent.len()
}
