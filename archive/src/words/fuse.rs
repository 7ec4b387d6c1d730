//! A set of 64-bit hashes in a few bits each: a binary fuse filter with four places a key.
//!
//! Source: Graf and Lemire, "Binary Fuse Filters: Fast and Smaller Than Xor Filters", 2022.
//!
//! ```text
//! seed       u64, little endian, as all numbers
//! segment    u32, places of a segment, a power of two
//! segments   u32, how many a key's first place may be in; three more follow
//! prints     BITS bits a place, lowest first, (segments + 3) × segment of them
//! ```
//! A filter that could not be made is empty (`segments` = 0) and may hold everything.

use bytes::{Buf, Bytes};

use super::splitting::mix;

/// Bits a place: one of 2^BITS words that are not there seems to be.
const BITS: usize = 5;
const MASK: u8 = (1 << BITS) - 1;
/// Tries with another seed before giving up; one in a hundred sets needs a second.
const TRIES: u64 = 64;

/// A filter as it was written.
#[derive(Clone, Debug)]
pub(super) struct Fuse {
    shape: Shape,
    prints: Bytes,
}

impl Fuse {
    /// None where the bytes are no filter.
    pub(super) fn read(mut bytes: Bytes) -> Option<Self> {
        let shape = Shape {
            seed: bytes.try_get_u64_le().ok()?,
            segment: bytes.try_get_u32_le().ok()?,
            segments: bytes.try_get_u32_le().ok()?,
        };
        let is_whole = shape.segment.is_power_of_two()
            && bytes.len() == shape.places()?.checked_mul(BITS)?.div_ceil(8);
        is_whole.then_some(Self { shape, prints: bytes })
    }

    pub(super) fn may_hold(&self, key: u64) -> bool {
        if self.shape.segments == 0 {
            return true;
        }
        let (print, places) = self.shape.places_of(key);
        places.into_iter().fold(print, |print, place| print ^ self.print(place)) == 0
    }

    fn print(&self, place: usize) -> u8 {
        let bit = place * BITS;
        let byte = |at: usize| u16::from(self.prints.get(at).copied().unwrap_or(0));
        let pair = byte(bit / 8) | byte(bit / 8 + 1) << 8;
        (pair >> (bit % 8)).to_le_bytes()[0] & MASK
    }

    /// The filter of these keys, which must differ from each other.
    pub(super) fn bytes(keys: Vec<u64>) -> Vec<u8> {
        let shape = Shape::of(keys.len());
        for seed in 0..TRIES {
            let shape = Shape { seed: mix(seed + 1), ..shape };
            if let Some(prints) = shape.place(&keys) {
                return shape.write(&prints);
            }
        }
        Shape { segments: 0, ..shape }.write(&[])
    }
}

#[derive(Clone, Copy, Debug)]
struct Shape {
    seed: u64,
    segment: u32,
    segments: u32,
}

impl Shape {
    fn of(keys: usize) -> Self {
        let keys = keys.max(2) as f64;
        // The paper's measured optimum for four places a key.
        let exponent = (keys.ln() / 2.91_f64.ln() - 0.5).floor().clamp(1.0, 18.0);
        let segment = 1_u32 << exponent as u32;
        let factor = (0.77 + 0.305 * 600_000_f64.ln() / keys.ln()).max(1.075);
        let segments = (keys * factor / f64::from(segment)).ceil() as u32;
        Self { seed: 0, segment, segments: segments.saturating_sub(3).max(1) }
    }

    fn places(self) -> Option<usize> {
        if self.segments == 0 {
            return Some(0);
        }
        let places = u64::from(self.segment) * (u64::from(self.segments) + 3);
        usize::try_from(places).ok()
    }

    /// The fingerprint of a key and the four places that together say it.
    fn places_of(self, key: u64) -> (u8, [usize; 4]) {
        let hash = mix(key.wrapping_add(self.seed));
        let spread =
            u128::from(hash) * u128::from(u64::from(self.segments) * u64::from(self.segment));
        let first = (spread >> 64) as u64;
        let inside = u64::from(self.segment) - 1;
        let place = |nth: u64| {
            let within = if nth == 0 { 0 } else { (hash >> (18 * (nth - 1))) & inside };
            usize::try_from((first + nth * u64::from(self.segment)) ^ within).unwrap_or(usize::MAX)
        };
        ((hash ^ (hash >> 29)).to_le_bytes()[0] & MASK, [place(0), place(1), place(2), place(3)])
    }

    /// Prints such that each key's four are together its fingerprint; none where this seed fails.
    fn place(self, keys: &[u64]) -> Option<Vec<u8>> {
        let places = self.places()?;
        let mut counts = vec![0_u32; places];
        let mut sums = vec![0_u64; places];
        for key in keys {
            for place in self.places_of(*key).1 {
                *counts.get_mut(place)? += 1;
                *sums.get_mut(place)? ^= key;
            }
        }
        let order = self.peel(&mut counts, &mut sums)?;
        if order.len() != keys.len() {
            return None;
        }
        let mut prints = vec![0_u8; places];
        for (key, alone) in order.into_iter().rev() {
            let (print, all) = self.places_of(key);
            let mut others = print;
            for place in all.into_iter().filter(|place| *place != alone) {
                others ^= prints.get(place)?;
            }
            *prints.get_mut(alone)? = others;
        }
        Some(prints)
    }

    /// Keys in an order in which each has a place that no later one needs.
    fn peel(self, counts: &mut [u32], sums: &mut [u64]) -> Option<Vec<(u64, usize)>> {
        let mut alone: Vec<usize> =
            counts.iter().enumerate().filter(|(_, n)| **n == 1).map(|(place, _)| place).collect();
        let mut order = Vec::new();
        while let Some(place) = alone.pop() {
            if *counts.get(place)? != 1 {
                continue;
            }
            let key = *sums.get(place)?;
            order.push((key, place));
            for other in self.places_of(key).1 {
                *counts.get_mut(other)? -= 1;
                *sums.get_mut(other)? ^= key;
                if *counts.get(other)? == 1 {
                    alone.push(other);
                }
            }
        }
        Some(order)
    }

    fn write(self, prints: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 + prints.len() * BITS / 8 + 1);
        out.extend(self.seed.to_le_bytes());
        out.extend(self.segment.to_le_bytes());
        out.extend(self.segments.to_le_bytes());
        let (mut bits, mut filled) = (0_u16, 0);
        for print in prints {
            bits |= u16::from(*print) << filled;
            filled += BITS;
            if filled >= 8 {
                out.push(bits.to_le_bytes()[0]);
                bits >>= 8;
                filled -= 8;
            }
        }
        if filled > 0 {
            out.push(bits.to_le_bytes()[0]);
        }
        out
    }
}
