//! A spec file on disk.

use std::io::Write;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use specie_spec::{Change, Document, apply, detect, read};

/// No file of a spec is larger, in bytes.
const LARGEST: u64 = 64 * 1024 * 1024;

/// A file, as it was when it was read.
#[derive(Clone, Debug)]
pub struct File {
    /// As it was named.
    pub path: PathBuf,
    /// What it holds.
    pub bytes: Vec<u8>,
    /// What that means.
    pub document: Document,
}

/// Why a file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is not there.
    #[error("there is no file `{0}`")]
    Missing(PathBuf),
    /// It is a folder.
    #[error("`{0}` is a folder, expected a file")]
    Folder(PathBuf),
    /// It is larger than any spec.
    #[error("`{0}` has {1} bytes, expected a spec of at most {LARGEST}")]
    Large(PathBuf, u64),
    /// It has changed since it was read.
    #[error("`{0}` was changed by another program meanwhile; nothing was written")]
    Changed(PathBuf),
    /// It is not what its name says.
    #[error("`{path}` cannot be read: {what}")]
    Form {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Anything else.
    #[error("`{path}` cannot be {done}: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// `read` or `written`.
        done: &'static str,
        /// What the system says.
        error: std::io::Error,
    },
}

impl File {
    /// Reads a file, and what it means.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let bytes = bytes_of(path)?;
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let named = absolute.to_string_lossy().replace('\\', "/");
        let (dialect, kind) = detect(&named, &bytes);
        let document = read(&bytes, dialect, kind);
        Ok(Self { path: path.to_owned(), bytes, document })
    }

    /// What it would hold with these changes.
    pub fn with(&self, changes: &[Change]) -> Vec<u8> {
        apply(&self.bytes, changes)
    }

    /// Puts `bytes` in its place, whole or not at all. It keeps its permissions, and a link stays a
    /// link. [`FileError::Changed`] when somebody else has written meanwhile.
    pub fn replace(&self, bytes: &[u8]) -> Result<(), FileError> {
        let failed = |error| self.failed("written", error);
        let target = std::fs::canonicalize(&self.path).map_err(failed)?;
        let folder = target.parent().unwrap_or(Path::new("."));
        let _alone = crate::lock::alone(folder).map_err(failed)?;
        if bytes_of(&target)? != self.bytes {
            return Err(FileError::Changed(self.path.clone()));
        }
        let mut new = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        new.write_all(bytes).map_err(failed)?;
        new.as_file().sync_all().map_err(failed)?;
        let permissions = std::fs::metadata(&target).map_err(failed)?.permissions();
        std::fs::set_permissions(new.path(), permissions).map_err(failed)?;
        new.persist(&target).map_err(|error| failed(error.error))?;
        Ok(())
    }

    fn failed(&self, done: &'static str, error: std::io::Error) -> FileError {
        FileError::Io { path: self.path.clone(), done, error }
    }
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, FileError> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => FileError::Missing(path.to_owned()),
        _ => FileError::Io { path: path.to_owned(), done: "read", error },
    };
    let found = std::fs::metadata(path).map_err(failed)?;
    if found.is_dir() {
        return Err(FileError::Folder(path.to_owned()));
    }
    if found.len() > LARGEST {
        return Err(FileError::Large(path.to_owned(), found.len()));
    }
    std::fs::read(path).map_err(failed)
}

/// The SHA-256 of some bytes, in lower-case hex.
pub fn sha256(bytes: &[u8]) -> String {
    let mut sum = Sum::new();
    sum.add(bytes);
    sum.hex()
}

/// The SHA-256 of bytes that come in pieces.
#[derive(Clone)]
pub struct Sum {
    context: digest::Context,
    bytes: u64,
}

impl Sum {
    /// Of nothing yet.
    #[expect(
        clippy::new_without_default,
        reason = "a sum of nothing is a beginning, not a default"
    )]
    pub fn new() -> Self {
        Self { context: digest::Context::new(&digest::SHA256), bytes: 0 }
    }

    /// Takes the next piece.
    pub fn add(&mut self, bytes: &[u8]) {
        self.context.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// How many bytes there were.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The digest, in lower-case hex.
    pub fn hex(self) -> String {
        self.context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
