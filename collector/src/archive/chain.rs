//! The chain of an agency: each file's link is made of the one before, so that no file can be
//! changed, taken out or put in between without every later link being wrong.
//!
//! | bytes of a link's text | |
//! |---|---|
//! | 32 | the link before; zeros before the first |
//! | 8 | the agency, signed, little-endian, as all numbers here |
//! | 8 | place in the chain, from 1 |
//! | 8 + n | length of the path, the path |
//! | 32, 32 | SHA-256 of the file, of its words |
//! | 8 | rows |
//!
//! The link is the SHA-256 of that text.

use sha2::{Digest as _, Sha256};

/// One link.
pub(super) type Link = [u8; 32];

/// Before the first.
pub(super) const BEGIN: Link = [0; 32];

/// What a link vouches for.
pub(super) struct Vouched<'a> {
    pub(super) agency: i64,
    pub(super) number: u64,
    pub(super) path: &'a str,
    pub(super) sha256: &'a [u8; 32],
    pub(super) words_sha256: &'a [u8; 32],
    pub(super) rows: u64,
}

/// The link of a file after another.
pub(super) fn link(before: &Link, file: &Vouched<'_>) -> Link {
    let length = u64::try_from(file.path.len()).unwrap_or(u64::MAX);
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(file.agency.to_le_bytes());
    hash.update(file.number.to_le_bytes());
    hash.update(length.to_le_bytes());
    hash.update(file.path);
    hash.update(file.sha256);
    hash.update(file.words_sha256);
    hash.update(file.rows.to_le_bytes());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_changed_changes_the_link() {
        let (file, words) = ([1; 32], [2; 32]);
        let vouched = |agency, number, path, rows| {
            let (sha256, words_sha256) = (&file, &words);
            link(&BEGIN, &Vouched { agency, number, path, sha256, words_sha256, rows })
        };
        let link = vouched(1, 1, "a", 5);
        assert_eq!(link, vouched(1, 1, "a", 5));
        for other in [
            vouched(2, 1, "a", 5),
            vouched(1, 2, "a", 5),
            vouched(1, 1, "b", 5),
            vouched(1, 1, "a", 6),
        ] {
            assert_ne!(link, other);
        }
    }
}
