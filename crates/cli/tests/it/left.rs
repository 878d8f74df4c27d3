//! What a test leaves behind: logs, databases and journals, and the secrets that it has handed out.
//! `./test` names the folder in `SPECIE_KEEP`, and looks through it at the end.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Settings whose value is a secret.
const SECRET: [&str; 5] =
    ["STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "JWT_SECRET", "SPECIE_AUDIT_KEY", "SMTP_URL"];

/// A folder for what one test leaves.
pub struct Left(PathBuf);

static NEXT: AtomicUsize = AtomicUsize::new(0);

fn next() -> usize {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

impl Left {
    /// None, if nobody looks at it afterwards.
    pub fn make() -> Option<Self> {
        let kept = std::env::var_os("SPECIE_KEEP")?;
        let folder = Path::new(&kept).join(format!("place-{}-{}", std::process::id(), next()));
        fs::create_dir_all(&folder).unwrap();
        Some(Self(folder))
    }

    /// Notes a setting, if it is a secret. Of an address that is its password.
    pub fn note(&self, name: &str, value: &str) {
        let secret = match value.split_once('@') {
            Some((login, _)) if name == "SMTP_URL" => login.rsplit(':').next().unwrap_or_default(),
            _ => value,
        };
        if SECRET.contains(&name) && !secret.contains("://") {
            let path = self.0.join("secrets");
            let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
            writeln!(file, "{secret}").unwrap();
        }
    }

    /// A new log of a command.
    pub fn log(&self, command: &str) -> File {
        File::create(self.0.join(format!("{}-{command}.log", next()))).unwrap()
    }

    /// Writes down what a Postgres database holds, where the programs of a server are named.
    pub fn dump(&self, address: &str) {
        let Some(programs) = std::env::var_os("SPECIE_TEST_POSTGRES_BIN") else { return };
        let mut dump = Command::new(Path::new(&programs).join("pg_dump"));
        let ended = dump.arg("--file").arg(self.0.join("postgres.sql")).arg(address).status();
        assert!(ended.unwrap().success(), "a database cannot be written down");
    }

    /// Copies the databases and journals below `folder`.
    pub fn keep(&self, folder: &Path) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let wanted = [".db", ".db-wal"].iter().any(|end| name.ends_with(end));
            if path.is_dir() && !path.is_symlink() {
                self.keep(&path);
            } else if wanted || name == "journal" || name == "snapshot" {
                let to = self.0.join(next().to_string());
                fs::create_dir(&to).unwrap();
                fs::copy(&path, to.join(name)).unwrap();
            }
        }
    }
}
