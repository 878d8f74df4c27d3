//! Making the documents of a spec, and putting them into the tree.

use std::collections::BTreeMap;
use std::path::Path;

use specie_spec::draft::{ByHand, Done, Draft, Names, Page, Related};
use specie_spec::power::{
    Answer, Around, AskError, Asked, ComposeError, Power, Understanding, ask, items_of,
    understand_all,
};

use crate::file::sha256;
use crate::lock::{Given, Locked, put};
use crate::{FileError, Tree};

/// Which of the documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// The spec itself, and what it brings along.
    Spec,
    /// `plan.md`
    Plan,
    /// `tasks.md` and what stands beside it.
    Tasks,
}

/// Why a spec cannot be made again from its lock.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// An answer does not fit.
    #[error(transparent)]
    Ask(#[from] AskError),
    /// A question is open, though it was answered when the spec was made.
    #[error("question `{0}` is open; the power has changed since the spec was made")]
    Open(String),
    /// The power gives no spec for these facts.
    #[error("the power `{power}` gives no spec for this: {error}")]
    Compose {
        /// Which power.
        power: String,
        /// What is wrong with it.
        error: ComposeError,
    },
}

/// What a spec says now, worked out of its requests and answers.
#[derive(Debug)]
pub struct Made<'a> {
    /// What the requests say together.
    pub understood: Understanding,
    /// The draft.
    pub draft: Draft<'a>,
}

/// The questions of a spec, as far as they are answered.
pub fn asked(
    power: &Power,
    requests: &[String],
    answers: &BTreeMap<String, Answer>,
    around: &Around,
) -> Result<(Understanding, Asked), AskError> {
    let understood = understand_all(power, requests, &items_of(power, answers));
    let asked = ask(power, &understood, answers, around)?;
    Ok((understood, asked))
}

impl Locked {
    /// Works the spec out again.
    pub fn make<'a>(
        &self,
        power: &'a Power,
        author: &str,
        generated: &str,
    ) -> Result<Made<'a>, MakeError> {
        self.make_keeping(power, author, generated, BTreeMap::new())
    }

    /// The same, with the tasks that are completed, by their pieces' ids: they stay.
    pub fn make_keeping<'a>(
        &self,
        power: &'a Power,
        author: &str,
        generated: &str,
        done: BTreeMap<String, Done>,
    ) -> Result<Made<'a>, MakeError> {
        let answers = self.answers.iter().map(|(id, it)| (id.clone(), it.into())).collect();
        let around = Around { steering: self.steering.clone(), manifests: self.manifests.clone() };
        let (understood, asked) = asked(power, &self.requests, &answers, &around)?;
        if let Some(open) = asked.open {
            return Err(MakeError::Open(open.id));
        }
        let unknown = understood.unknown.iter().map(|(_, words)| words.clone()).collect();
        let draft = Draft::of(
            power,
            asked.facts,
            asked.answered,
            unknown,
            &self.numbers(),
            &ByHand { done, ..self.by_hand() },
            self.names(author, generated),
        )
        .map_err(|error| MakeError::Compose { power: power.name.clone(), error })?;
        Ok(Made { understood, draft })
    }

    fn names(&self, author: &str, generated: &str) -> Names {
        Names {
            title: self.title.clone(),
            slug: self.slug.clone(),
            id: self.id.clone(),
            author: author.into(),
            status: self.status.clone(),
            version: self.version.clone(),
            created: self.created.clone(),
            updated: self.updated.clone(),
            generated: generated.into(),
            related: self
                .related
                .iter()
                .map(|it| Related {
                    id: it.id.clone(),
                    title: it.title.clone(),
                    path: it.path.clone(),
                    repo: it.repo.clone(),
                    is_here: it.is_here,
                })
                .collect(),
        }
    }

    /// Takes over what a draft settled: its names and numbers.
    pub fn settle(&mut self, draft: &Draft<'_>) {
        self.title = draft.names.title.clone();
        self.slug = draft.names.slug.clone();
        self.requirements = draft.numbers.requirements.clone();
        self.criteria = draft.numbers.criteria.clone();
        self.phases = draft.numbers.phases.clone();
        let given = |answer: &Answer| Given::from(answer);
        self.answers =
            draft.answered.iter().map(|(open, it)| (open.id.clone(), given(it))).collect();
    }
}

/// The pages of a draft, each with its path from the root.
pub fn pages(draft: &Draft<'_>, tree: Tree, folder: &str, which: Which) -> Vec<(String, Page)> {
    let inside = |page: Page| (format!("{folder}/{}", page.path), page);
    let (own, outside) = match (which, tree) {
        (Which::Spec, Tree::Kiro) => (draft.kiro(), draft.blocks()),
        (Which::Spec, Tree::SmartSpec) => (draft.smartspec(), draft.blocks()),
        (Which::Plan, _) => (vec![draft.plan()], Vec::new()),
        (Which::Tasks, Tree::Kiro) => (vec![draft.tasks_kiro()], Vec::new()),
        (Which::Tasks, Tree::SmartSpec) => (vec![draft.tasks_smartspec()], Vec::new()),
    };
    let beside = if which == Which::Tasks { draft.supporting() } else { Vec::new() };
    let outside = outside.into_iter().map(|page| (page.path.clone(), page));
    own.into_iter().chain(beside).map(inside).chain(outside).collect()
}

/// Whether a path that a power names stays inside the root: parts that are names, and none of git's or
/// of this program's own folders.
pub fn is_inside(path: &str) -> bool {
    let plain = |it: &str| !matches!(it, "" | "." | "..") && !it.contains(['\\', ':', '\0']);
    path.split('/').all(plain) && !matches!(path.split('/').next(), Some(".git" | ".specie"))
}

/// What happens to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It was not there.
    Created,
    /// It says so already.
    Unchanged,
    /// It said something else, which was asked to be replaced, or which nobody had touched.
    Replaced,
    /// It says something else; the new text stands beside it.
    Beside,
}

impl Action {
    /// Its name in the JSON form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Unchanged => "unchanged",
            Self::Replaced => "replaced",
            Self::Beside => "beside",
        }
    }
}

/// A file that is to be written.
#[derive(Clone, Debug)]
pub struct Writing {
    /// Its path from the root; of one that stands beside another its own.
    pub path: String,
    /// What it will hold.
    pub text: String,
    /// What happens to it.
    pub action: Action,
    /// What the file of that name holds now, if it says something else.
    pub before: Option<String>,
}

impl Writing {
    /// Looks what would happen to a file. `written` is the digest of what was written there last.
    pub fn of(
        root: &Path,
        path: &str,
        text: String,
        written: Option<&str>,
        force: bool,
    ) -> Result<Self, FileError> {
        let full = root.join(path);
        let before = match std::fs::read(&full) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self { path: path.into(), text, action: Action::Created, before: None });
            }
            Err(error) => return Err(FileError::Io { path: full, done: "read", error }),
        };
        if before == text.as_bytes() {
            return Ok(Self { path: path.into(), text, action: Action::Unchanged, before: None });
        }
        let untouched = written == Some(sha256(&before).as_str());
        let before = Some(String::from_utf8_lossy(&before).into_owned());
        if force || untouched {
            return Ok(Self { path: path.into(), text, action: Action::Replaced, before });
        }
        let path = free_beside(root, path, &text);
        Ok(Self { path, text, action: Action::Beside, before })
    }

    /// Writes it.
    pub fn write(&self, root: &Path) -> Result<(), FileError> {
        match self.action {
            Action::Unchanged => Ok(()),
            _ => put(&root.join(&self.path), self.text.as_bytes()),
        }
    }
}

/// The first name beside a file that is free, or holds this text already.
fn free_beside(root: &Path, path: &str, text: &str) -> String {
    let is_free = |name: &String| match std::fs::read(root.join(name)) {
        Ok(bytes) => bytes == text.as_bytes(),
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
    };
    let names = (2..).map(|n| beside(path, &format!("new-{n}")));
    std::iter::once(beside(path, "new")).chain(names).find(is_free).unwrap_or_default()
}

/// `a/tasks.new.md` for `a/tasks.md`.
fn beside(path: &str, behind: &str) -> String {
    let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    let named = match name.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}.{behind}.{extension}"),
        None => format!("{name}.{behind}"),
    };
    if folder.is_empty() { named } else { format!("{folder}/{named}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_power_writes_stays_inside() {
        for path in ["a.toml", "a/b.md", ".kiro/specs/a/tasks.md"] {
            assert!(is_inside(path), "{path}");
        }
        for path in [
            "",
            "/etc/a",
            "../a",
            "a/../../b",
            "a//b",
            "a/./b",
            ".git/hooks/a",
            ".specie/lock.json",
            "c:\\a",
        ] {
            assert!(!is_inside(path), "{path}");
        }
    }
}
