use std::cell::Cell;

use crate::limits;

/// What compiled regular expressions may still take, of the file at hand and of all files.
#[derive(Debug)]
pub(super) struct Budget {
    of_file: Cell<usize>,
    of_all: Cell<usize>,
}

impl Default for Budget {
    fn default() -> Self {
        let of_file = Cell::new(limits::REGEX_FILE_BYTES_MAX);
        Self { of_file, of_all: Cell::new(limits::REGEX_ALL_BYTES_MAX) }
    }
}

impl Budget {
    /// The next file begins.
    pub fn next_file(&self) {
        self.of_file.set(limits::REGEX_FILE_BYTES_MAX);
    }

    /// Whether anything is left, to be asked before work is done.
    ///
    /// # Errors
    /// Nothing is, as a sentence.
    pub fn check(&self) -> Result<(), String> {
        if self.of_file.get() == 0 {
            let most = limits::REGEX_FILE_BYTES_MAX;
            return Err(format!(
                "the regular expressions of one file take more than {most} bytes compiled: \
                 split the file or repeat less often"
            ));
        }
        if self.of_all.get() == 0 {
            let most = limits::REGEX_ALL_BYTES_MAX;
            return Err(format!(
                "the regular expressions of all rules take more than {most} bytes compiled: \
                 load fewer of them or repeat less often"
            ));
        }
        Ok(())
    }

    /// Spends bytes; whoever asks for more than is left leaves nothing to those after.
    ///
    /// # Errors
    /// Fewer are left, as a sentence.
    pub fn spend(&self, bytes: usize) -> Result<(), String> {
        self.of_file.set(self.of_file.get().saturating_sub(bytes));
        self.of_all.set(self.of_all.get().saturating_sub(bytes));
        self.check()
    }
}
