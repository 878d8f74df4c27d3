//! Files that are written and never written over.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::FileError;

/// What became of a file that was to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Written {
    /// It was written, under this path.
    New(PathBuf),
    /// One with this content is there already.
    Same(PathBuf),
}

impl Written {
    /// Where the content stands now.
    pub fn path(&self) -> &Path {
        match self {
            Self::New(path) | Self::Same(path) => path,
        }
    }
}

/// Writes `bytes` into `folder` under the first of `names` that is free or holds them already, whole
/// or not at all. When all are taken by something else, the error is that of a file that exists.
pub fn write_new(folder: &Path, names: &[String], bytes: &[u8]) -> Result<Written, FileError> {
    let within = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let failed =
        |path: &Path, error| FileError::Io { path: path.to_owned(), done: "written", error };
    let mut new = tempfile::NamedTempFile::new_in(within).map_err(|it| failed(within, it))?;
    new.write_all(bytes)
        .and_then(|()| new.as_file().sync_all())
        .map_err(|it| failed(within, it))?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(new.path(), mode).map_err(|it| failed(within, it))?;
    let mut taken = folder.to_owned();
    for name in names {
        let path = folder.join(name);
        match new.persist_noclobber(&path) {
            Ok(_) => return Ok(Written::New(path)),
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
                if std::fs::read(&path).is_ok_and(|there| there == bytes) {
                    return Ok(Written::Same(path));
                }
                (new, taken) = (error.file, path);
            }
            Err(error) => return Err(failed(&path, error.error)),
        }
    }
    Err(failed(&taken, std::io::ErrorKind::AlreadyExists.into()))
}
