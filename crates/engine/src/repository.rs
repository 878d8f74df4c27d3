//! The repository around a spec. No process but `git` is started, and nothing that it says is run.

use std::io::Read;
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use crate::file::Sum;

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
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let start = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        let up = || start.ancestors();
        if let Some(root) = up().find(|it| it.join(".git").exists()) {
            return Self { root: root.to_owned(), has_git: true };
        }
        let is_kiros = |it: &Path| it.file_name().is_some_and(|name| name == ".kiro");
        let holds =
            |it: &&Path| it.join(".kiro").is_dir() || it.join("specs").is_dir() && !is_kiros(it);
        let root = up().find(holds).unwrap_or(&start).to_owned();
        Self { root, has_git: false }
    }

    /// Its outermost folder, as a full path.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What a file held in the commit that is checked out; none when it was not in it, or without git.
    /// `path` is from the root of the repository.
    pub fn committed(&self, path: &str) -> Option<Vec<u8>> {
        // Unlike `show`, this runs no filter that the repository configures.
        let mut git = self.git(&["cat-file", "blob", &format!("HEAD:{path}")])?;
        let output = git.output().ok()?;
        output.status.success().then_some(output.stdout)
    }

    /// A folder in it, from its root, with `/` between the parts; `.` is the root itself. One that
    /// lies elsewhere is named as it is.
    pub fn name_of(&self, folder: &Path) -> String {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let whole = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        let inside = whole.strip_prefix(&self.root).unwrap_or(&whole);
        let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
        if parts.is_empty() { ".".into() } else { parts.join("/") }
    }

    /// Whether git keeps it.
    pub fn has_git(&self) -> bool {
        self.has_git
    }

    /// The commit that is checked out; none without git, or before the first.
    pub fn commit(&self) -> Option<String> {
        let said = self.git(&["rev-parse", "--verify", "--quiet", "HEAD"]).and_then(said)?;
        Some(said.trim().to_owned()).filter(|it| !it.is_empty())
    }

    /// Whether a file is there, or was once. None when it is not there and no git knows its past, or
    /// when the path leads out of the repository.
    pub fn was_made(&self, path: &str) -> Option<bool> {
        if !is_inside(path) {
            return None;
        }
        if self.root.join(path).exists() {
            return Some(true);
        }
        let log = ["log", "--all", "-1", "--format=%H", "--", path];
        let said = self.git(&log).and_then(said)?;
        Some(!said.trim().is_empty())
    }

    /// The SHA-256 of a file, in hex. None when it is not there, is no file, or lies outside.
    pub fn digest_of(&self, path: &str) -> Option<String> {
        // A link may lead anywhere, and what is no file may never end.
        let whole = std::fs::canonicalize(self.root.join(path)).ok().filter(|_| is_inside(path))?;
        if !whole.starts_with(&self.root) || !whole.is_file() {
            return None;
        }
        let mut file = std::fs::File::open(whole).ok()?;
        let mut sum = Sum::new();
        let mut piece = vec![0; 64 * 1024];
        loop {
            match file.read(&mut piece).ok()? {
                0 => return Some(sum.hex()),
                n => sum.add(&piece[..n]),
            }
        }
    }

    /// Whether anything differs from the commit that is checked out, what this program keeps in
    /// `.specie` aside. None when nobody can tell.
    pub fn is_dirty(&self) -> Option<bool> {
        self.commit()?;
        let mut git = self.git(&["status", "--porcelain", "-z", "--no-renames"])?;
        git.args(["--untracked-files=normal", "--ignore-submodules=all"]);
        let filters = self.without_filters();
        git.env("GIT_CONFIG_COUNT", filters.len().to_string());
        for (n, (name, value)) in filters.iter().enumerate() {
            git.env(format!("GIT_CONFIG_KEY_{n}"), name)
                .env(format!("GIT_CONFIG_VALUE_{n}"), value);
        }
        let said = said(git)?;
        let mut paths = said.split('\0').filter_map(|it| it.get(3..));
        Some(paths.any(|path| !path.starts_with(".specie/")))
    }

    /// Settings that take away every filter that the repository sets up: to compare a file, git
    /// would run it.
    fn without_filters(&self) -> Vec<(String, &'static str)> {
        let names = ["config", "--name-only", "-z", "--get-regexp", "^filter\\."];
        let said = self.git(&names).and_then(said).unwrap_or_default();
        let off = |setting: &str| match setting.rsplit_once('.')?.1 {
            "clean" | "smudge" | "process" => Some((setting.to_owned(), "")),
            "required" => Some((setting.to_owned(), "false")),
            _ => None,
        };
        said.split('\0').filter_map(off).collect()
    }

    /// Git, about to say something; none where there is no git.
    fn git(&self, arguments: &[&str]) -> Option<Command> {
        if !self.has_git {
            return None;
        }
        let mut git = Command::new("git");
        // What a repository configures must not run anything, nor write anything.
        for setting in
            ["core.fsmonitor=false", "core.hooksPath=/dev/null", "log.showSignature=false"]
        {
            git.args(["-c", setting]);
        }
        git.arg("--no-optional-locks")
            .arg("-C")
            .arg(&self.root)
            .args(arguments)
            .env("GIT_LITERAL_PATHSPECS", "1")
            // What is not here is not fetched.
            .env("GIT_NO_LAZY_FETCH", "1")
            .env("GIT_ALLOW_PROTOCOL", "none")
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        Some(git)
    }
}

/// What git says; none when it fails.
fn said(mut git: Command) -> Option<String> {
    let output = git.output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether a path, from the root, stays below it.
fn is_inside(path: &str) -> bool {
    let parts = Path::new(path).components();
    parts.into_iter().all(|it| matches!(it, Component::Normal(_) | Component::CurDir))
}

/// The name that git knows the user by; none without git or a name.
pub fn user_name() -> Option<String> {
    let mut git = Command::new("git");
    git.args(["config", "user.name"]).stdin(Stdio::null()).stderr(Stdio::null());
    let output = git.output().ok().filter(|it| it.status.success())?;
    let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Some(name).filter(|it| !it.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_repository_have_a_digest() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().join("root");
        std::fs::create_dir_all(root.join(".git")).unwrap();
        std::fs::create_dir_all(root.join("specs/a")).unwrap();
        std::fs::write(root.join("a.rs"), "abc").unwrap();
        std::fs::write(place.path().join("secret"), "abc").unwrap();
        std::os::unix::fs::symlink("a.rs", root.join("link")).unwrap();
        std::os::unix::fs::symlink("../secret", root.join("out")).unwrap();
        std::os::unix::fs::symlink("/dev/zero", root.join("endless")).unwrap();
        // Whoever opens one waits for somebody at its other end.
        let pipe = Command::new("mkfifo").arg(root.join("pipe")).status().unwrap();
        assert!(pipe.success());
        let repository = Repository::around(&root.join("specs/a"));
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(repository.digest_of("a.rs").as_deref(), Some(abc));
        assert_eq!(repository.digest_of("./specs/a/../../a.rs"), None);
        assert_eq!(repository.digest_of("link").as_deref(), Some(abc));
        for path in ["out", "endless", "pipe", "specs", "nothing", "../secret", "/etc/hostname", ""]
        {
            assert_eq!(repository.digest_of(path), None, "{path}");
        }
        assert_eq!(repository.name_of(&root.join("specs/../specs/a")), "specs/a");
        assert_eq!(repository.name_of(&root), ".");
    }

    #[test]
    fn without_git_the_root_is_beside_the_trees() {
        let place = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(place.path()).unwrap();
        for tree in [".kiro/specs/notes", "sub/specs/feature/spec-001-notes"] {
            std::fs::create_dir_all(root.join(tree)).unwrap();
        }
        assert_eq!(Repository::around(&root.join(".kiro/specs/notes")).root(), root);
        let sub = Repository::around(&root.join("sub/specs/feature/spec-001-notes"));
        assert_eq!(sub.root(), root.join("sub"));
    }
}
