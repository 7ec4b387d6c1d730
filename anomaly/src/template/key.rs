//! The hash of a key: quick, the same on every machine. It is no secret, so whoever looks something
//! up by it compares the key as well.

/// Multiplier of PCG, and an odd number with as many ones as zeros.
const MULTIPLIER: u64 = 6_364_136_223_846_793_005;
const START: u64 = 0x9e37_79b9_7f4a_7c15;

pub(crate) fn hash(key: &[u8]) -> u64 {
    let mut state = START;
    let (words, rest) = key.as_chunks::<8>();
    for word in words {
        state = mix(state, u64::from_le_bytes(*word));
    }
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(rest) {
        *to = *from;
    }
    let length = u64::try_from(key.len()).unwrap_or(u64::MAX);
    let state = mix(mix(state, u64::from_le_bytes(last)), length);
    let state = (state ^ (state >> 32)).wrapping_mul(MULTIPLIER);
    state ^ (state >> 29)
}

fn mix(state: u64, word: u64) -> u64 {
    let state = (state ^ word).wrapping_mul(MULTIPLIER);
    state ^ (state >> 31)
}

/// Tables whose keys are hashes already need no other.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Hash(u64);

impl std::hash::Hasher for Hash {
    fn write(&mut self, bytes: &[u8]) {
        self.0 ^= hash(bytes);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
