use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

use super::{Mark, reader};

/// Into how many files the cap is divided: the oldest goes as a whole.
const FILES: u64 = 8;

/// Writes frames behind each other.
pub(super) struct Writer {
    folder: PathBuf,
    bytes_max: u64,
    /// What the spool has committed; nothing behind it is true when the agent starts.
    committed: Option<Mark>,
    /// Open after the first frame.
    open: Option<(File, Mark)>,
}

impl Writer {
    pub(super) fn new(folder: PathBuf, bytes_max: u64, committed: Option<Mark>) -> Self {
        Self { folder, bytes_max, committed, open: None }
    }

    /// Writes a frame and returns when it is on disk.
    pub(super) fn append(&mut self, frame: &[u8]) -> io::Result<Mark> {
        let (mut file, mut mark) = match self.open.take() {
            Some(open) => open,
            None => self.begin()?,
        };
        if mark.offset >= self.bytes_max / FILES {
            mark = Mark { file: mark.file + 1, offset: 0 };
            file = self.create(mark.file)?;
            self.forget(mark.file)?;
        }
        // After an error the file is opened again and cut: half a frame is none.
        self.committed = Some(mark);
        file.seek(SeekFrom::Start(mark.offset))?;
        file.write_all(frame)?;
        file.sync_data()?;
        mark.offset += frame.len() as u64;
        self.committed = Some(mark);
        self.open = Some((file, mark));
        Ok(mark)
    }

    /// Opens the last file and cuts off what was not committed.
    fn begin(&mut self) -> io::Result<(File, Mark)> {
        let committed = self.committed.filter(|mark| {
            let length = std::fs::metadata(reader::path(&self.folder, mark.file));
            length.is_ok_and(|data| data.len() >= mark.offset)
        });
        if committed.is_none() {
            self.move_aside()?;
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let Some(mark) = committed else {
            let mark = Mark { file: 1, offset: 0 };
            return Ok((self.create(mark.file)?, mark));
        };
        for file in reader::files(&self.folder).into_iter().filter(|file| *file > mark.file) {
            std::fs::remove_file(reader::path(&self.folder, file))?;
        }
        let file = OpenOptions::new().write(true).open(reader::path(&self.folder, mark.file))?;
        file.set_len(mark.offset)?;
        Ok((file, mark))
    }

    /// A spool that was made anew does not know what of the ring was committed: what is there is
    /// kept beside, for people, and a new one begun.
    fn move_aside(&self) -> io::Result<()> {
        if reader::files(&self.folder).is_empty() {
            return Ok(());
        }
        let aside = self.folder.with_extension("aside");
        match std::fs::remove_dir_all(&aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => std::fs::rename(&self.folder, &aside),
        }
    }

    fn create(&self, file: u64) -> io::Result<File> {
        let path = reader::path(&self.folder, file);
        let file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        File::open(&self.folder)?.sync_all()?;
        Ok(file)
    }

    /// Removes the oldest files.
    fn forget(&self, newest: u64) -> io::Result<()> {
        for file in reader::files(&self.folder) {
            if file + FILES <= newest {
                std::fs::remove_file(reader::path(&self.folder, file))?;
            }
        }
        Ok(())
    }
}
