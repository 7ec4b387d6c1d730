use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A product, category, service, or the value of a field, as a number.
pub(crate) type Word = u32;

/// Nothing is said.
pub(crate) const UNSAID: Word = 0;
/// Something that neither a rule nor a logsource file knows.
pub(crate) const STRANGE: Word = 1;

/// Longer than any word a file may name; an event's text past it is none of them.
const BYTES_MAX: usize = 128;

/// Numbers words; case does not count (ASCII).
#[derive(Default)]
pub(crate) struct Words {
    numbers: HashMap<Box<[u8]>, Word, Fast>,
}

impl Words {
    /// The word's number, a new one when it has none.
    pub fn number(&mut self, word: &str) -> Word {
        let next =
            u32::try_from(self.numbers.len()).unwrap_or(u32::MAX).saturating_add(STRANGE + 1);
        let folded = word.to_ascii_lowercase().into_bytes().into_boxed_slice();
        *self.numbers.entry(folded).or_insert(next)
    }

    /// The number of a word that is known, else [`STRANGE`].
    pub fn find(&self, word: &str) -> Word {
        let mut buffer = [0; BYTES_MAX];
        let Some(folded) = buffer.get_mut(..word.len()) else { return STRANGE };
        folded.copy_from_slice(word.as_bytes());
        folded.make_ascii_lowercase();
        self.numbers.get(&*folded).copied().unwrap_or(STRANGE)
    }

    /// The same of a word that may be missing.
    pub fn find_said(&self, word: Option<&str>) -> Word {
        word.filter(|word| !word.is_empty()).map_or(UNSAID, |word| self.find(word))
    }
}

/// What tables over words hash with. Their content is the operators', so nobody can choose it to
/// collide; they are asked several times an event.
pub(crate) type Fast = BuildHasherDefault<Mix>;

/// Multiplies eight bytes at a time into one number.
#[derive(Default)]
pub(crate) struct Mix(u64);

const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

impl Mix {
    fn mix(&mut self, part: u64) {
        self.0 = (self.0.rotate_left(5) ^ part).wrapping_mul(FACTOR);
    }
}

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut part = [0; 8];
            part[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(part));
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.mix(u64::from(n));
    }

    fn write_u32(&mut self, n: u32) {
        self.mix(u64::from(n));
    }

    fn write_usize(&mut self, n: usize) {
        self.mix(n as u64);
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}
