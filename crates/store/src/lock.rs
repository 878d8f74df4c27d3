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
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let file = open_or_make(&PathBuf::from(beside)).map_err(refused)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(refused(error)),
    }
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
