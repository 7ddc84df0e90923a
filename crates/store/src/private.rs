//! Files that nobody but Reef's own user may read, whatever the umask and whoever made them.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

const FOLDER: u32 = 0o700;
const FILE: u32 = 0o600;
/// The name of the folder that is Reef's own even when it was there before.
const OWN: &str = "data";

/// Makes a folder that only its owner enters. One that was there before is closed to others when it is called `data`: any
/// other may be somebody else's, and only the files in it are ours.
///
/// # Errors
/// When it can't be made or closed.
pub fn folder(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    if path.is_dir() {
        let is_own = path.file_name().is_some_and(|name| name == OWN);
        return if is_own { narrow(path, FOLDER) } else { Ok(()) };
    }
    DirBuilder::new().recursive(true).mode(FOLDER).create(path)?;
    narrow(path, FOLDER)
}

/// Closes a file to everybody but its owner, if it is there.
///
/// # Errors
/// When it can't be closed.
pub fn file(path: &Path) -> io::Result<()> {
    match narrow(path, FILE) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        narrowed => narrowed,
    }
}

/// Makes a SQLite database's folder and its empty file, or closes what is there. SQLite gives the files beside it the mode
/// of the database; those of an earlier process are closed here.
///
/// # Errors
/// When something can't be made or closed.
pub fn database(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        folder(parent)?;
    }
    OpenOptions::new().append(true).create(true).mode(FILE).open(path)?;
    file(path)?;
    for end in ["-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        file(&PathBuf::from(name))?;
    }
    Ok(())
}

/// Takes away what a mode has beyond `most`, and gives the owner what it may lack.
fn narrow(path: &Path, most: u32) -> io::Result<()> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o7777;
    if mode == most {
        return Ok(());
    }
    match fs::set_permissions(path, Permissions::from_mode(most)) {
        // Another user's file that we were given access to: how wide that is, is for them to say.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            tracing::warn!(path = %path.display(), mode = format!("{mode:o}"), "this is open to others and belongs to another user");
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
    fn what_is_new_and_what_was_wide_is_closed() {
        let here = tempfile::tempdir().unwrap();
        let path = here.path().join("a/data/reef.db");
        database(&path).unwrap();
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
        database(&path).unwrap();
        assert_eq!(
            (mode(path.parent().unwrap()), mode(&path), mode(&here.path().join("a/data/reef.db-wal"))),
            (0o700, 0o600, 0o600)
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
    }

    #[test]
    fn a_folder_of_somebody_else_stays_as_it_is() {
        let here = tempfile::tempdir().unwrap();
        fs::set_permissions(here.path(), Permissions::from_mode(0o755)).unwrap();
        database(&here.path().join("reef.db")).unwrap();
        assert_eq!((mode(here.path()), mode(&here.path().join("reef.db"))), (0o755, 0o600));
        file(&here.path().join("nothing")).unwrap();
    }
}
