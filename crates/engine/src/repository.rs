//! The repository around a spec. No process but `git` is started, and nothing that it says is run.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The folder that paths in a spec are relative to.
#[derive(Clone, Debug)]
pub struct Repository {
    root: PathBuf,
    has_git: bool,
}

impl Repository {
    /// The repository that `folder` lies in: up to `.git`, else to what holds `.kiro` or `specs`, else
    /// the folder itself.
    pub fn around(folder: &Path) -> Self {
        let start = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let up = || start.ancestors();
        if let Some(root) = up().find(|it| it.join(".git").exists()) {
            return Self { root: root.to_owned(), has_git: true };
        }
        let holds = |it: &&Path| it.join(".kiro").is_dir() || it.join("specs").is_dir();
        let root = up().find(holds).unwrap_or(&start).to_owned();
        Self { root, has_git: false }
    }

    /// Its outermost folder, as a full path.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether git keeps it.
    pub fn has_git(&self) -> bool {
        self.has_git
    }

    /// The commit that is checked out; none without git, or before the first.
    pub fn commit(&self) -> Option<String> {
        let said = self.git(&["rev-parse", "--verify", "--quiet", "HEAD"])?;
        Some(said.trim().to_owned()).filter(|it| !it.is_empty())
    }

    /// Whether a file is there, or was once. None when it is not there and no git knows its past, or
    /// when the path leads out of the repository.
    pub fn was_made(&self, path: &str) -> Option<bool> {
        let inside = Path::new(path)
            .components()
            .all(|it| matches!(it, std::path::Component::Normal(_) | std::path::Component::CurDir));
        if !inside {
            return None;
        }
        if self.root.join(path).exists() {
            return Some(true);
        }
        let said = self.git(&["log", "--all", "-1", "--format=%H", "--", path])?;
        Some(!said.trim().is_empty())
    }

    fn git(&self, arguments: &[&str]) -> Option<String> {
        if !self.has_git {
            return None;
        }
        let mut git = Command::new("git");
        // What a repository configures must not run anything, nor write anything.
        git.args([
            "-c",
            "core.fsmonitor=false",
            "-c",
            "core.hooksPath=/dev/null",
            "--no-optional-locks",
        ])
        .arg("-C")
        .arg(&self.root)
        .args(arguments)
        .env("GIT_LITERAL_PATHSPECS", "1")
        .stdin(Stdio::null())
        .stderr(Stdio::null());
        let output = git.output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }
}
