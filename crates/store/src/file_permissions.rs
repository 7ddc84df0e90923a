//! Permissions of Reef's files: only its own user may read them, whatever the umask is and whatever created them.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// A directory of this name belongs to Reef even if it existed before.
const OWN_DIRECTORY: &str = "data";

/// Creates a directory that only its owner can enter. An existing one is restricted if it is called `data`; any other
/// may have other uses, and only the files in it are restricted.
///
/// # Errors
/// When it cannot be created or restricted.
pub fn create_private_directory(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    if path.is_dir() {
        let is_own = path.file_name().is_some_and(|name| name == OWN_DIRECTORY);
        return if is_own { restrict(path, DIRECTORY_MODE) } else { Ok(()) };
    }
    let new: Vec<_> = path.ancestors().take_while(|directory| !directory.exists()).collect();
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path)?;
    restrict(path, DIRECTORY_MODE)?;
    new.into_iter().filter_map(Path::parent).try_for_each(sync_directory)
}

/// Makes the entries of a directory durable, for files that were created, linked or deleted in it. Does nothing where
/// directories cannot be opened or synced.
///
/// # Errors
/// When the disk fails.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    match File::open(path).and_then(|directory| directory.sync_all()) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported
            ) =>
        {
            Ok(())
        }
        synced => synced,
    }
}

/// Restricts a file to its owner, if it exists.
///
/// # Errors
/// When it cannot be restricted.
pub fn restrict_file(path: &Path) -> io::Result<()> {
    match restrict(path, FILE_MODE) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        narrowed => narrowed,
    }
}

/// Creates the directory and the empty file of a SQLite database, or restricts what exists. SQLite gives its other
/// files the mode of the database; those that an earlier process left are restricted here.
///
/// # Errors
/// When something cannot be created or restricted.
pub fn create_private_database(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        create_private_directory(parent)?;
    }
    OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(path)?;
    restrict_file(path)?;
    for suffix in ["-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        restrict_file(&PathBuf::from(name))?;
    }
    Ok(())
}

/// Sets the mode to `mode_max` if it is another.
fn restrict(path: &Path, mode_max: u32) -> io::Result<()> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o7777;
    if mode == mode_max {
        return Ok(());
    }
    match fs::set_permissions(path, Permissions::from_mode(mode_max)) {
        // The file belongs to another user, who decides about its permissions.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            tracing::warn!(path = %path.display(), mode = format!("{mode:o}"), "file is accessible to others and belongs to another user");
            Ok(())
        }
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn database_files_new_or_open_are_restricted() {
        let here = tempfile::tempdir().unwrap();
        let path = here.path().join("a/data/reef.db");
        create_private_database(&path).unwrap();
        assert_eq!((mode(path.parent().unwrap()), mode(&path)), (0o700, 0o600));
        fs::write(&path, "kept").unwrap();
        for (wide, mode) in [
            (path.clone(), 0o666),
            (here.path().join("a/data/reef.db-wal"), 0o644),
            (here.path().join("a/data"), 0o755),
        ] {
            if !wide.exists() {
                fs::write(&wide, "").unwrap();
            }
            fs::set_permissions(&wide, Permissions::from_mode(mode)).unwrap();
        }
        create_private_database(&path).unwrap();
        assert_eq!(
            (mode(path.parent().unwrap()), mode(&path), mode(&here.path().join("a/data/reef.db-wal"))),
            (0o700, 0o600, 0o600)
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
    }

    #[test]
    fn existing_directory_keeps_its_mode() {
        let here = tempfile::tempdir().unwrap();
        fs::set_permissions(here.path(), Permissions::from_mode(0o755)).unwrap();
        create_private_database(&here.path().join("reef.db")).unwrap();
        assert_eq!((mode(here.path()), mode(&here.path().join("reef.db"))), (0o755, 0o600));
        restrict_file(&here.path().join("nothing")).unwrap();
    }
}
