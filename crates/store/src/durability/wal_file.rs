//! The file of SQLite's write-ahead log.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::file_permissions::sync_directory;

/// The log of one database, which SQLite creates, and deletes with the last connection.
///
/// SQLite's locks are on other files: closing a file drops all locks that this process has on it.
pub(super) struct WalFile {
    path: PathBuf,
    /// The file stays open, because the system reports a failed write once to each file that was open when it happened. A file
    /// that is opened later may not learn of it.
    open: Mutex<Option<File>>,
}

impl WalFile {
    pub(super) fn new(database: &Path) -> Self {
        let mut path = database.as_os_str().to_owned();
        path.push("-wal");
        Self { path: path.into(), open: Mutex::default() }
    }

    /// Writes what is in the file now to the disk. Without a file everything is in the database, which SQLite has synced.
    pub(super) fn sync(&self) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_current(open.as_ref(), &self.path)? {
            *open = open_existing(&self.path)?;
        }
        open.as_ref().map_or(Ok(()), File::sync_data)
    }
}

/// Whether `open` is still the file at `path`.
fn is_current(open: Option<&File>, path: &Path) -> io::Result<bool> {
    let Some(open) = open else { return Ok(false) };
    match fs::metadata(path) {
        Ok(found) => {
            let open = open.metadata()?;
            Ok((found.dev(), found.ino()) == (open.dev(), open.ino()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Opens the file, if it exists, and makes its entry in the directory durable.
fn open_existing(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => {
            sync_directory(path.parent().unwrap_or(Path::new("")))?;
            Ok(Some(file))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inode(file: &WalFile) -> Option<u64> {
        let open = file.open.lock().unwrap();
        open.as_ref().map(|file| file.metadata().unwrap().ino())
    }

    #[test]
    fn file_that_was_replaced_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("reef.db");
        let (file, path) = (WalFile::new(&database), folder.path().join("reef.db-wal"));
        file.sync().unwrap();
        assert_eq!(inode(&file), None);
        for content in ["first", "second"] {
            // The new file exists while the old one does, so that it cannot have the same number.
            let new = folder.path().join("new");
            fs::write(&new, content).unwrap();
            fs::rename(&new, &path).unwrap();
            for _ in 0..2 {
                file.sync().unwrap();
                assert_eq!(inode(&file), Some(fs::metadata(&path).unwrap().ino()));
            }
        }
        fs::remove_file(&path).unwrap();
        file.sync().unwrap();
        assert_eq!(inode(&file), None);
    }

    #[test]
    fn file_that_cannot_be_opened_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        // A file in the place of a directory.
        let file = folder.path().join("reef.db");
        fs::write(&file, "").unwrap();
        assert!(WalFile::new(&file.join("below")).sync().is_err());
    }
}
