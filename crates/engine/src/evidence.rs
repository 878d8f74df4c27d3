//! Evidence on disk: one file an entry in `.specie/evidence/`, named by the SHA-256 of its bytes, so
//! that branches merge and no entry can be changed unseen.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use specie_spec::progress::{CountsAs, Ended, Evidence, Fingerprint};

use crate::file::sha256;
use crate::{FileError, Repository};

/// What an entry says it is.
pub const SCHEMA: &str = "specie.spec.evidence/1";
/// No entry is larger, in bytes.
const LARGEST: u64 = 1024 * 1024;

/// A file among the evidence that is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// From the root of the repository.
    pub path: String,
    /// Why.
    pub message: String,
}

/// Everything that lies in `.specie/evidence/`, by name, and what is not believed of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Of all specs of the repository.
    pub entries: Vec<Evidence>,
    /// What was renamed, changed or never was an entry.
    pub rejected: Vec<Rejected>,
}

impl Recorded {
    /// Reads it. What cannot be read is rejected; a folder that is not there holds nothing.
    pub fn of(repository: &Repository) -> Self {
        let mut all = Self::default();
        let Ok(entries) = std::fs::read_dir(folder(repository)) else { return all };
        let mut names: Vec<String> =
            entries.flatten().map(|it| it.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        for name in names.iter().filter(|name| !name.starts_with('.')) {
            match read(&folder(repository).join(name), name) {
                Ok(entry) => all.entries.push(entry),
                Err(message) => {
                    all.rejected
                        .push(Rejected { path: format!(".specie/evidence/{name}"), message });
                }
            }
        }
        all
    }

    /// What was recorded for one spec.
    pub fn for_spec(&self, spec: &str) -> Vec<Evidence> {
        self.entries.iter().filter(|it| it.spec == spec).cloned().collect()
    }
}

fn folder(repository: &Repository) -> PathBuf {
    repository.root().join(".specie").join("evidence")
}

/// Writes an entry, and answers with its path from the root of the repository.
pub fn record(repository: &Repository, entry: &Evidence) -> Result<String, FileError> {
    let folder = folder(repository);
    let failed = |error| FileError::Io { path: folder.clone(), done: "written", error };
    let real = made(repository).map_err(failed)?;
    let bytes = format!("{:#}\n", form(entry)).into_bytes();
    let name = format!("{}.json", sha256(&bytes));
    let mut new = tempfile::Builder::new().prefix(".new").tempfile_in(&real).map_err(failed)?;
    new.write_all(&bytes).and_then(|()| new.as_file().sync_all()).map_err(failed)?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(new.path(), mode).map_err(failed)?;
    new.persist(real.join(&name)).map_err(|error| failed(error.error))?;
    Ok(format!(".specie/evidence/{name}"))
}

/// The folder of the entries, as it really is. A link that came with the repository must not lead
/// them away.
fn made(repository: &Repository) -> std::io::Result<PathBuf> {
    let mut real = repository.root().to_owned();
    for part in [".specie", "evidence"] {
        let next = real.join(part);
        match std::fs::create_dir(&next) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
            _ => real = std::fs::canonicalize(&next)?,
        }
        if !real.starts_with(repository.root()) {
            return Err(std::io::Error::other("it leads out of the repository"));
        }
    }
    Ok(real)
}

/// An entry as JSON: `specie.spec.evidence/1`.
pub fn form(entry: &Evidence) -> Value {
    let pairs = |name: &str, all: Vec<(&String, Value)>| -> Value {
        all.into_iter().map(|(key, sha)| json!({ name: key, "sha256": sha })).collect()
    };
    let (code, signal) = match entry.ended {
        Ended::Code(code) => (Some(code), None),
        Ended::Signal(signal) => (None, Some(signal)),
    };
    let criteria = entry.of.criteria.iter().map(|(id, sha)| (id, json!(sha))).collect();
    let files = entry.of.files.iter().map(|(path, sha)| (path, json!(sha))).collect();
    json!({
        "schema": SCHEMA,
        "spec": entry.spec,
        "task": entry.task,
        "task_sha256": entry.of.task,
        "criteria": pairs("id", criteria),
        "files": pairs("path", files),
        "command": entry.command,
        "counts_as": entry.counts_as.as_str(),
        "exit_code": code,
        "signal": signal,
        "ran_tests": entry.ran_tests,
        "started": entry.started,
        "duration_ms": entry.duration_ms,
        "output": { "sha256": entry.output_sha256, "bytes": entry.output_bytes },
        "tree": { "commit": entry.commit, "dirty": entry.dirty },
    })
}

fn read(path: &Path, name: &str) -> Result<Evidence, String> {
    let found = std::fs::symlink_metadata(path).map_err(|error| error.to_string())?;
    if !found.is_file() || found.len() > LARGEST {
        return Err("it is no entry of evidence, expected a small file".into());
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let digest = sha256(&bytes);
    if name != format!("{digest}.json") {
        return Err(format!(
            "its name is not the digest of what it holds, {digest}: it was changed or renamed, and is not believed"
        ));
    }
    let value: Value = serde_json::from_slice(&bytes)
        .map_err(|error| format!("it is no entry of evidence: {error}"))?;
    let fields = value.as_object().ok_or("it is no entry of evidence: expected an object")?;
    entry(&Fields(fields)).map_err(|what| format!("it is no entry of evidence: {what}"))
}

fn entry(fields: &Fields<'_>) -> Result<Evidence, String> {
    if fields.text("schema")? != SCHEMA {
        return Err(format!("expected the schema `{SCHEMA}`"));
    }
    let (output, tree) = (fields.inside("output")?, fields.inside("tree")?);
    let ended = match (fields.optional("exit_code", number)?, fields.optional("signal", number)?) {
        (Some(code), None) => Ended::Code(code),
        (None, Some(signal)) => Ended::Signal(signal),
        _ => return Err("expected one of `exit_code` and `signal`".into()),
    };
    let counts_as = CountsAs::named(&fields.text("counts_as")?).ok_or("`counts_as` is unknown")?;
    let started = fields.text("started")?;
    if !is_moment(&started) {
        return Err("expected `started` as `2026-01-31T08:00:00.000Z`".into());
    }
    let criteria = fields.pairs("criteria", "id")?.into_iter();
    let criteria = criteria.map(|(id, sha)| Some((id, sha?))).collect::<Option<BTreeMap<_, _>>>();
    Ok(Evidence {
        spec: fields.text("spec")?,
        task: fields.text("task")?,
        of: Fingerprint {
            task: fields.text("task_sha256")?,
            criteria: criteria.ok_or("expected a digest of each criterion")?,
            files: fields.pairs("files", "path")?,
        },
        command: fields.text("command")?,
        counts_as,
        ended,
        ran_tests: fields.optional("ran_tests", Value::as_bool)?,
        started,
        duration_ms: fields.required("duration_ms", Value::as_u64)?,
        output_sha256: output.text("sha256")?,
        output_bytes: output.required("bytes", Value::as_u64)?,
        commit: tree.optional("commit", text)?,
        dirty: tree.optional("dirty", Value::as_bool)?,
    })
}

fn number(value: &Value) -> Option<i32> {
    value.as_i64().and_then(|it| i32::try_from(it).ok())
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(Into::into)
}

/// Moments compare as text, if they are all written alike.
fn is_moment(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00.000Z";
    let fits = |(byte, form): (u8, &u8)| match form {
        b'0' => byte.is_ascii_digit(),
        form => byte == *form,
    };
    text.len() == FORM.len() && text.bytes().zip(FORM).all(fits)
}

struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    fn required<T>(&self, name: &str, of: impl Fn(&'a Value) -> Option<T>) -> Result<T, String> {
        self.0
            .get(name)
            .and_then(of)
            .ok_or_else(|| format!("`{name}` is missing or of another kind"))
    }

    fn optional<T>(
        &self,
        name: &str,
        of: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, String> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.required(name, of).map(Some),
        }
    }

    fn text(&self, name: &str) -> Result<String, String> {
        self.required(name, text)
    }

    fn inside(&self, name: &str) -> Result<Self, String> {
        self.required(name, Value::as_object).map(Self)
    }

    /// A list of names with digests.
    fn pairs(&self, name: &str, key: &str) -> Result<BTreeMap<String, Option<String>>, String> {
        let all = self.required(name, Value::as_array)?;
        let pair = |it: &'a Value| {
            let fields = Self(it.as_object().ok_or_else(|| format!("`{name}` holds no objects"))?);
            Ok((fields.text(key)?, fields.optional("sha256", text)?))
        };
        all.iter().map(pair).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Evidence {
        Evidence {
            spec: "specs/a".into(),
            task: "T001".into(),
            of: Fingerprint {
                task: "00".into(),
                criteria: BTreeMap::from([("1.1".to_owned(), "11".to_owned())]),
                files: BTreeMap::from([
                    ("a.rs".to_owned(), Some("22".to_owned())),
                    ("b.rs".to_owned(), None),
                ]),
            },
            command: "cargo test \"a\"".into(),
            counts_as: CountsAs::Validation,
            ended: Ended::Code(0),
            ran_tests: Some(true),
            started: "2026-01-31T08:00:00.000Z".into(),
            duration_ms: 12,
            output_sha256: "33".into(),
            output_bytes: 4,
            commit: Some("44".into()),
            dirty: Some(false),
        }
    }

    #[test]
    fn an_entry_is_read_as_it_was_written() {
        let place = tempfile::tempdir().unwrap();
        let repository = Repository::around(place.path());
        assert_eq!(Recorded::of(&repository), Recorded::default());
        let second = Evidence {
            ended: Ended::Signal(9),
            ran_tests: None,
            commit: None,
            dirty: None,
            spec: ".".into(),
            ..sample()
        };
        let paths =
            [record(&repository, &sample()).unwrap(), record(&repository, &second).unwrap()];
        assert_eq!(record(&repository, &second).unwrap(), paths[1], "twice is once");
        let all = Recorded::of(&repository);
        assert_eq!((all.entries.len(), &all.rejected[..]), (2, &[][..]));
        assert_eq!(all.for_spec("specs/a"), [sample()]);
        assert_eq!(all.for_spec("."), [second]);
        let files = std::fs::read_dir(place.path().join(".specie/evidence")).unwrap();
        assert_eq!(files.count(), 2, "nothing else is left behind");
    }

    #[test]
    fn what_is_no_entry_is_rejected_with_the_reason() {
        let place = tempfile::tempdir().unwrap();
        let repository = Repository::around(place.path());
        let path = record(&repository, &sample()).unwrap();
        let folder = place.path().join(".specie/evidence");
        let text = std::fs::read_to_string(place.path().join(&path)).unwrap();
        let named = |text: &str| folder.join(format!("{}.json", sha256(text.as_bytes())));
        std::fs::write(folder.join("renamed.json"), &text).unwrap();
        for (from, to) in [
            ("specie.spec.evidence/1", "specie.spec.evidence/2"),
            ("\"exit_code\": 0", "\"exit_code\": null"),
            ("\"exit_code\": 0", "\"exit_code\": 1e99"),
            ("08:00:00.000Z", "08:00:00Z"),
            ("\"duration_ms\": 12", "\"duration_ms\": -1"),
            ("\"validation\"", "\"everything\""),
            ("\"command\"", "\"commands\""),
            ("{", "["),
        ] {
            let other = text.replacen(from, to, 1);
            assert_ne!(other, text, "{from}");
            std::fs::write(named(&other), other).unwrap();
        }
        std::fs::write(named(""), "").unwrap();
        std::fs::write(folder.join(".new123"), "half").unwrap();
        std::fs::create_dir(folder.join("folder")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.join("endless.json")).unwrap();
        let all = Recorded::of(&repository);
        assert_eq!(all.entries, [sample()]);
        assert_eq!(all.rejected.len(), 12, "{:?}", all.rejected);
        let of = |name: &str| {
            let found = all.rejected.iter().find(|it| it.path.ends_with(name));
            found.map(|it| it.message.as_str()).unwrap_or_default()
        };
        assert!(of("renamed.json").contains("it was changed or renamed, and is not believed"));
        assert!(of("endless.json").contains("expected a small file"));
    }

    #[test]
    fn evidence_is_not_written_through_a_link_that_leads_out() {
        let place = tempfile::tempdir().unwrap();
        let (inside, outside) = (place.path().join("in"), place.path().join("out"));
        std::fs::create_dir_all(inside.join(".git")).unwrap();
        std::fs::create_dir(&outside).unwrap();
        std::os::unix::fs::symlink(&outside, inside.join(".specie")).unwrap();
        let refused = record(&Repository::around(&inside), &sample()).unwrap_err();
        assert!(refused.to_string().contains("it leads out of the repository"), "{refused}");
        assert_eq!(std::fs::read_dir(outside).unwrap().count(), 0);
    }
}
