//! The files of a ledger.

use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use super::entry::LARGEST;
use super::verify::{APPROVERS, Beside};
use super::{Digest, Ledger, roster};
use crate::FileError;

const ATTRIBUTES: &str = "# Named by their digests: git must not change a byte.\n* -text\n";

/// The `.specie` folder of a repository.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Of the repository with this root.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Its ledger; an empty one when there is none.
    pub fn read(&self) -> Result<Ledger, FileError> {
        Ok(Ledger::read(&files(&self.entries())?))
    }

    /// What lies beside the entries.
    pub fn beside(&self) -> Result<Beside, FileError> {
        let path = self.root.join(APPROVERS);
        let approvers = match std::fs::read(&path) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(failed(&path, "read", error)),
        };
        Ok(Beside { texts: files(&self.texts())?.into_iter().collect(), approvers })
    }

    /// The text that had this digest when it was approved; none when it is not kept, or was changed.
    pub fn text(&self, digest: &Digest) -> Option<Vec<u8>> {
        let bytes = std::fs::read(self.texts().join(digest.to_string())).ok()?;
        (Digest::of(&bytes) == *digest).then_some(bytes)
    }

    /// Adds an entry, as it lies on disk, and the texts that it is about. First the texts: an entry
    /// without them cannot be compared with what comes later.
    pub fn add(&self, entry: &[u8], texts: &[&[u8]]) -> Result<Digest, FileError> {
        let attributes = self.entries().join(".gitattributes");
        if !attributes.exists() {
            put(&attributes, ATTRIBUTES.as_bytes())?;
        }
        for text in texts {
            let digest = Digest::of(text);
            if self.text(&digest).is_none() {
                put(&self.texts().join(digest.to_string()), text)?;
            }
        }
        let digest = Digest::of(entry);
        put(&self.entries().join(digest.to_string()), entry)?;
        Ok(digest)
    }

    /// Writes `.specie/approvers` as the ledger has them.
    pub fn write_approvers(&self, ledger: &Ledger) -> Result<(), FileError> {
        put(&self.root.join(APPROVERS), roster::print(ledger.approvers()).as_bytes())
    }

    fn entries(&self) -> PathBuf {
        self.root.join(".specie/ledger")
    }

    fn texts(&self) -> PathBuf {
        self.root.join(".specie/ledger/texts")
    }
}

/// The files of a folder, each with its name, but those whose names begin with a dot. What is no
/// file, a link for one, is one without a byte.
fn files(folder: &Path) -> Result<Vec<(String, Vec<u8>)>, FileError> {
    let all = match std::fs::read_dir(folder) {
        Ok(all) => all,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(folder, "read", error)),
    };
    let mut found = Vec::new();
    for it in all {
        let it = it.map_err(|error| failed(folder, "read", error))?;
        let name = it.file_name().to_string_lossy().into_owned();
        let kind = it.file_type().map_err(|error| failed(&it.path(), "read", error))?;
        if name.starts_with('.') || (kind.is_dir() && name == "texts") {
            continue;
        }
        let bytes = if kind.is_file() { head(&it.path(), folder)? } else { Vec::new() };
        found.push((name, bytes));
    }
    Ok(found)
}

/// A file, of which no more is read than its kind may have: an entry less than a text.
fn head(path: &Path, folder: &Path) -> Result<Vec<u8>, FileError> {
    let most = if folder.ends_with("texts") { u64::MAX } else { LARGEST as u64 + 1 };
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| failed(path, "read", error))?;
    file.take(most).read_to_end(&mut bytes).map_err(|error| failed(path, "read", error))?;
    Ok(bytes)
}

/// Puts a file there, whole or not at all; the folders above it too.
fn put(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    let wrong = |error| failed(path, "written", error);
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(wrong)?;
    let mut builder = tempfile::Builder::new();
    builder.prefix(".new-");
    // As any other file of the repository: the owner's mask decides who else may read it.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut new = builder.tempfile_in(folder).map_err(wrong)?;
    new.write_all(bytes).map_err(wrong)?;
    new.as_file().sync_all().map_err(wrong)?;
    new.persist(path).map_err(|error| wrong(error.error))?;
    Ok(())
}

fn failed(path: &Path, done: &'static str, error: std::io::Error) -> FileError {
    FileError::Io { path: path.to_owned(), done, error }
}
