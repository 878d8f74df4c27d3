//! One process writes a SQLite file: whoever opens it takes the lock of the file beside it, which
//! the system lets go when the process ends, however it ends.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::StoreError;

/// Takes the lock of the database at `path`, and holds it while the file lives.
pub(crate) fn take(path: &Path) -> Result<File, StoreError> {
    let refused = |reason: std::io::Error| StoreError::NotWritable {
        path: path.to_owned(),
        reason: reason.to_string(),
    };
    // What is not there has no name of its own yet. What is there is not opened: to close it would
    // end what this process holds of it.
    if !path.exists() {
        open_or_make(path).map_err(refused)?;
    }
    let file = open_or_make(&beside(path, ".lock")).map_err(refused)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(refused(error)),
    }
}

/// The file beside a database's that ends with `end`: the same one, whatever name or link leads to
/// the database.
pub fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.canonicalize().unwrap_or_else(|_| path.to_owned()).into_os_string();
    name.push(end);
    name.into()
}

/// Opens a file for writing as it is, or makes an empty one that only its owner may read: it will
/// hold the addresses of people.
pub(crate) fn open_or_make(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
