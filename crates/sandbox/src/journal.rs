//! What keeps a sandbox over a restart: a journal with one checksummed line for each input, and a
//! snapshot that lets the journal start anew.
//!
//! A line is written before its answer leaves, and synced every second: killing the process loses
//! nothing, losing power one second. A torn end is cut and reported; damage elsewhere, or the
//! journal of another version, is refused.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use specie_vocab::hex;

use crate::input::{Input, State};
use crate::world::{Config, World};

/// Grows with every change of the files' form, and of what the same inputs come to.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "/7");
/// The version before: the same form, and the same answers but for who is delinquent, and for what was
/// refused in other words, or is refused by now. Where one of those stands in it, it is not opened.
const BEFORE: &str = concat!(env!("CARGO_PKG_VERSION"), "/6");
/// A snapshot is written after so many inputs, if the journal has outgrown the last one by then.
const SNAPSHOT_EVERY: u64 = 5_000;
/// How long a line may wait for the disk.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// Why a sandbox does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the folder.
    #[error("`{}` is in use by another process: stop that one, or name another folder", .0.display())]
    Locked(PathBuf),
    /// Written by another version.
    #[error(
        "the sandbox in `{}` was written by version {found} and this is {VERSION}: start with \
         `--fresh`, which moves it aside", .path.display()
    )]
    OtherVersion {
        /// The file.
        path: PathBuf,
        /// The version it names.
        found: String,
    },
    /// Not what was once written.
    #[error(
        "`{}` is damaged in line {line} ({what}): put back a copy, or start with `--fresh`, which \
         moves it aside", .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// A snapshot stands alone: what came after it is gone.
    #[error(
        "`{}` is missing beside its snapshot: put back a copy of both, or start with `--fresh`, \
         which moves the rest aside", .0.display()
    )]
    JournalMissing(PathBuf),
    /// The folder or a file in it cannot be used.
    #[error("`{}` cannot be used: {source}", .path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// How a sandbox was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// How many inputs were replayed from the journal.
    pub replayed: u64,
    /// How many bytes of a torn end were cut.
    pub cut: u64,
}

/// What the bytes of a journal hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// How many inputs.
    pub inputs: usize,
    /// The length up to the end of the last whole line, in bytes.
    pub kept: u64,
    /// How many bytes of a torn end follow.
    pub cut: u64,
}

/// Reads the bytes of a journal as opening its folder does, and replays nothing.
pub fn inspect(bytes: &[u8]) -> Result<Inspected, OpenError> {
    let Lines { entries, kept, .. } = parse(Path::new("journal"), bytes)?;
    Ok(Inspected { inputs: entries.len(), kept, cut: bytes.len() as u64 - kept })
}

#[derive(Serialize, Deserialize)]
struct Header {
    version: String,
    /// What came before the first line.
    seq: u64,
    /// How the world was set up, for a journal without a snapshot.
    config: Config,
    /// Of the snapshot's body.
    #[serde(default)]
    sum: String,
}

#[derive(Deserialize)]
struct Entry {
    seq: u64,
    answer: String,
    input: Input,
}

/// An open journal. Dropping it syncs what was written.
pub(crate) struct Journal {
    folder: PathBuf,
    file: Arc<File>,
    seq: u64,
    since_snapshot: u64,
    bytes: u64,
    snapshot_bytes: u64,
    syncing: Arc<Syncing>,
    thread: Option<JoinHandle<()>>,
    _lock: Held,
}

impl Journal {
    /// Opens the journal in `folder` and brings its state back, or starts one with a world made
    /// from `config`.
    pub(crate) fn open(folder: &Path, config: Config) -> Result<(Self, State, Opened), OpenError> {
        make_folder(folder).map_err(|source| at(folder, source))?;
        let lock = take_lock(folder)?;

        let snapshot = read_snapshot(&folder.join("snapshot"))?;
        let path = folder.join("journal");
        let bytes = read_if_there(&path)?;
        check_pair(&path, snapshot.is_some(), bytes.is_some())?;
        let mut opened = Opened::default();
        let (mut seq, snapshot_bytes) = snapshot.as_ref().map_or((0, 0), |s| (s.0, s.2));
        let mut state = snapshot.map(|s| s.1);

        let (mut kept, mut is_before) = (0, false);
        if let Some(bytes) = bytes {
            let lines = parse(&path, &bytes)?;
            check_follows(&path, &lines.header, seq)?;
            (kept, is_before) = (lines.kept, lines.header.version == BEFORE);
            opened.cut = bytes.len() as u64 - lines.kept;
            let world = state.get_or_insert_with(|| State::new(World::new(lines.header.config)));
            for (n, entry) in lines.entries.iter().enumerate() {
                if entry.seq <= seq {
                    continue; // in the snapshot already
                }
                let damaged = |what| OpenError::Damaged { path: path.clone(), line: n + 2, what };
                if entry.seq != seq + 1 {
                    return Err(damaged("lines are missing before it"));
                }
                if world.apply(&entry.input).digest() != entry.answer {
                    let found = lines.header.version;
                    return Err(match found == VERSION {
                        true => damaged("this build answers it differently"),
                        false => OpenError::OtherVersion { path, found },
                    });
                }
                seq = entry.seq;
                opened.replayed += 1;
            }
        }
        if opened.cut > 0 {
            tracing::warn!(bytes = opened.cut, "the journal's torn end was cut");
        }

        let state = state.unwrap_or_else(|| State::new(World::new(config)));
        if kept == 0 {
            start(folder, seq, state.world.config()).map_err(|source| at(&path, source))?;
        }
        let file = OpenOptions::new().append(true).open(&path).map_err(|e| at(&path, e))?;
        if kept > 0 {
            file.set_len(kept).map_err(|source| at(&path, source))?;
        }
        let file = Arc::new(file);
        let syncing = Arc::new(Syncing::default());
        let thread = {
            let (file, syncing) = (Arc::clone(&file), Arc::clone(&syncing));
            std::thread::Builder::new().name("journal".into()).spawn(move || syncing.run(&file))
        };
        let mut journal = Self {
            folder: folder.into(),
            file,
            seq,
            since_snapshot: opened.replayed,
            bytes: kept,
            snapshot_bytes,
            syncing,
            thread: Some(thread.map_err(|source| at(folder, source))?),
            _lock: lock,
        };
        if is_before {
            // What is written from now on is answered as by this version.
            journal.snapshot(&state).map_err(|source| at(folder, source))?;
        }
        Ok((journal, state, opened))
    }

    /// Appends an input with the digest of its answer.
    pub(crate) fn append(&mut self, input: &Input, answer: &str) -> io::Result<()> {
        #[derive(Serialize)]
        struct Written<'a> {
            seq: u64,
            answer: &'a str,
            input: &'a Input,
        }
        let line = line(&Written { seq: self.seq + 1, answer, input })?;
        (&*self.file).write_all(line.as_bytes())?;
        self.seq += 1;
        self.since_snapshot += 1;
        self.bytes += line.len() as u64;
        self.syncing.note();
        Ok(())
    }

    /// Whether it pays to write a snapshot.
    pub(crate) fn wants_snapshot(&self) -> bool {
        self.since_snapshot >= SNAPSHOT_EVERY && self.bytes >= self.snapshot_bytes
    }

    /// Writes a snapshot and starts the journal anew behind it. Whatever moment it is broken off
    /// at, what is on the disk opens.
    pub(crate) fn snapshot(&mut self, state: &State) -> io::Result<()> {
        let body = serde_json::to_vec(state)?;
        let config = state.world.config().clone();
        let header =
            Header { version: VERSION.into(), seq: self.seq, config, sum: checksum(&body) };
        let head = line(&header)?;
        replace(&self.folder, "snapshot", &[head.as_bytes(), &body])?;
        start(&self.folder, self.seq, state.world.config())?;

        let file = OpenOptions::new().append(true).open(self.folder.join("journal"))?;
        self.stop();
        self.file = Arc::new(file);
        self.syncing = Arc::new(Syncing::default());
        let (file, syncing) = (Arc::clone(&self.file), Arc::clone(&self.syncing));
        let thread = std::thread::Builder::new().name("journal".into());
        self.thread = Some(thread.spawn(move || syncing.run(&file))?);
        (self.since_snapshot, self.bytes, self.snapshot_bytes) = (0, 0, body.len() as u64);
        Ok(())
    }

    fn stop(&mut self) {
        self.syncing.close();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that syncs the journal panicked");
        }
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The thread that syncs, at most [`SYNC_EVERY`] after a line was written.
#[derive(Default)]
struct Syncing {
    state: Mutex<Dirt>,
    changed: Condvar,
}

#[derive(Default)]
struct Dirt {
    dirty: bool,
    closed: bool,
}

impl Syncing {
    fn note(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.dirty {
            state.dirty = true;
            self.changed.notify_one();
        }
    }

    fn close(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.changed.notify_one();
    }

    fn run(&self, file: &File) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            while !state.dirty && !state.closed {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let waited = self.changed.wait_timeout_while(state, SYNC_EVERY, |s| !s.closed);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            let closed = state.closed;
            if std::mem::take(&mut state.dirty) {
                drop(state);
                if let Err(error) = file.sync_data() {
                    tracing::error!(%error, "the journal cannot be synced");
                }
                state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            }
            if closed {
                return;
            }
        }
    }
}

struct Lines {
    header: Header,
    entries: Vec<Entry>,
    /// The length up to the end of the last whole line.
    kept: u64,
}

/// Reads all whole lines. A broken one is the torn end if no whole line follows it.
fn parse(path: &Path, bytes: &[u8]) -> Result<Lines, OpenError> {
    let damaged = |line, what| OpenError::Damaged { path: path.into(), line, what };
    let mut lines = bytes.split_inclusive(|b| *b == b'\n');
    let first = lines.next().and_then(unline).ok_or_else(|| damaged(1, "its checksum is wrong"))?;
    let version = version(first).ok_or_else(|| damaged(1, "it names no version"))?;
    if version != VERSION && version != BEFORE {
        return Err(OpenError::OtherVersion { path: path.into(), found: version });
    }
    let header = serde_json::from_slice(first).map_err(|_| damaged(1, "it cannot be read"))?;

    let head = bytes.iter().position(|b| *b == b'\n').map_or(bytes.len(), |at| at + 1);
    let mut found = Lines { header, entries: Vec::new(), kept: head as u64 };
    let (mut position, mut broken) = (head, None);
    for (n, raw) in lines.enumerate() {
        position += raw.len();
        match (unline(raw), broken) {
            (None, _) => broken = broken.or(Some(n + 2)),
            (Some(_), Some(line)) => return Err(damaged(line, "its checksum is wrong")),
            (Some(json), None) => {
                let entry = serde_json::from_slice(json);
                found.entries.push(entry.map_err(|_| damaged(n + 2, "it cannot be read"))?);
                found.kept = position as u64;
            }
        }
    }
    Ok(found)
}

/// That a snapshot has its journal: the journal is there before the first snapshot, and each later
/// one is put in its place at once.
fn check_pair(journal: &Path, has_snapshot: bool, has_journal: bool) -> Result<(), OpenError> {
    match has_snapshot && !has_journal {
        true => Err(OpenError::JournalMissing(journal.into())),
        false => Ok(()),
    }
}

/// That a journal goes on from what the snapshot ends with, or from the beginning without one. An
/// older journal may stand beside a newer snapshot: it is replaced after the snapshot is.
fn check_follows(journal: &Path, header: &Header, seq: u64) -> Result<(), OpenError> {
    let what = "the snapshot that it follows is missing or older";
    match header.seq > seq {
        true => Err(OpenError::Damaged { path: journal.into(), line: 1, what }),
        false => Ok(()),
    }
}

fn version(json: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        version: String,
    }
    serde_json::from_slice::<Named>(json).ok().map(|named| named.version)
}

fn read_snapshot(path: &Path) -> Result<Option<(u64, State, u64)>, OpenError> {
    let Some(bytes) = read_if_there(path)? else { return Ok(None) };
    let damaged = |line, what| OpenError::Damaged { path: path.into(), line, what };
    let head = bytes.iter().position(|b| *b == b'\n').map_or(bytes.len(), |at| at + 1);
    let (head, body) = bytes.split_at(head);
    let json = unline(head).ok_or_else(|| damaged(1, "its checksum is wrong"))?;
    let version = version(json).ok_or_else(|| damaged(1, "it names no version"))?;
    if version != VERSION && version != BEFORE {
        return Err(OpenError::OtherVersion { path: path.into(), found: version });
    }
    let header: Header =
        serde_json::from_slice(json).map_err(|_| damaged(1, "it cannot be read"))?;
    if header.sum != checksum(body) {
        return Err(damaged(2, "its checksum is wrong"));
    }
    let state = serde_json::from_slice(body).map_err(|_| damaged(2, "it cannot be read"))?;
    Ok(Some((header.seq, state, body.len() as u64)))
}

/// Puts an empty journal in place.
fn start(folder: &Path, seq: u64, config: &Config) -> io::Result<()> {
    let config = config.clone();
    let header = line(&Header { version: VERSION.into(), seq, config, sum: String::new() })?;
    replace(folder, "journal", &[header.as_bytes()])
}

/// `checksum json`, ended by a line feed.
fn line(value: &impl Serialize) -> io::Result<String> {
    let json = serde_json::to_string(value)?;
    Ok(format!("{} {json}\n", checksum(json.as_bytes())))
}

/// The JSON of a whole line.
fn unline(raw: &[u8]) -> Option<&[u8]> {
    let (sum, json) = raw.strip_suffix(b"\n")?.split_at_checked(16)?;
    let json = json.strip_prefix(b" ")?;
    (checksum(json).as_bytes() == sum).then_some(json)
}

/// 64 bits of SHA-256, in hex.
pub(crate) fn checksum(bytes: &[u8]) -> String {
    hex(&digest::digest(&digest::SHA256, bytes).as_ref()[..8])
}

/// Writes `name` so that either the old or the whole new file is there.
fn replace(folder: &Path, name: &str, parts: &[&[u8]]) -> io::Result<()> {
    let new = folder.join(format!("{name}.new"));
    let mut file =
        private(OpenOptions::new().write(true).create(true).truncate(true)).open(&new)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.sync_all()?;
    fs::rename(&new, folder.join(name))?;
    File::open(folder)?.sync_all()
}

/// A folder's lock. It is let go of as such: a process that another thread is just starting has the
/// file open as well until it becomes itself, and closing ours alone would leave it locked.
struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        if let Err(error) = self.0.unlock() {
            tracing::error!(%error, "the journal's folder cannot be unlocked");
        }
    }
}

fn take_lock(folder: &Path) -> Result<Held, OpenError> {
    let path = folder.join("lock");
    let options = &mut OpenOptions::new();
    let file = private(options.write(true).create(true)).open(&path).map_err(|e| at(&path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(Held(file)),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked(folder.into())),
        Err(TryLockError::Error(source)) => Err(at(&path, source)),
    }
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, OpenError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(at(path, source)),
    }
}

fn at(path: &Path, source: io::Error) -> OpenError {
    OpenError::Folder { path: path.into(), source }
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600)
}

#[cfg(not(unix))]
fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_free_at_once_though_a_process_that_is_starting_has_its_lock_open() {
        let folder = tempfile::tempdir().unwrap();
        let first = take_lock(folder.path()).unwrap();
        let inherited = first.0.try_clone().unwrap();
        assert!(matches!(take_lock(folder.path()), Err(OpenError::Locked(_))));
        drop(first);
        assert!(take_lock(folder.path()).is_ok());
        drop(inherited);
    }
}
