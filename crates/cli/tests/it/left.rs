//! What a test leaves behind: logs, databases and journals, and the secrets that it has handed out.
//! `./test` names the folder in `SPECIE_KEEP`, and looks through it at the end.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use specie_store::inbox::{self, Filter};
use specie_store::{Db, Options, StoreError};

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
        self.unpack(address);
    }

    /// Writes down the events of a database, which keeps them packed. One that is spoiled has none.
    fn unpack(&self, database: &str) {
        let (database, to) = (database.to_owned(), self.0.join(format!("{}-events.sql", next())));
        let work = async move || -> Result<(), StoreError> {
            let db = Db::open_read_only(&database, Options::default()).await?;
            let mut tx = db.read().await?;
            let mut text = Vec::new();
            for head in inbox::list(&mut tx, &Filter::default(), i64::MAX).await? {
                if let Some(event) = inbox::get(&mut tx, &head.id).await? {
                    text.extend_from_slice(&event.payload);
                    text.push(b'\n');
                }
            }
            drop(tx);
            db.close().await;
            fs::write(to, text).unwrap();
            Ok(())
        };
        // A test may be within a runtime.
        let runtime =
            || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let done = std::thread::spawn(move || runtime().block_on(work())).join().unwrap();
        done.unwrap_or_else(|error| eprintln!("its events cannot be read: {error}"));
    }

    /// Copies the databases and journals below `folder`.
    pub fn keep(&self, folder: &Path) {
        let Ok(entries) = fs::read_dir(folder) else { return };
        let to = self.0.join(next().to_string());
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let wanted = [".db", ".db-wal"].iter().any(|end| name.ends_with(end));
            if path.is_dir() && !path.is_symlink() {
                self.keep(&path);
            } else if wanted || name == "journal" || name == "snapshot" {
                fs::create_dir_all(&to).unwrap();
                fs::copy(&path, to.join(name)).unwrap();
            }
        }
        self.unpack_all(&to);
    }

    fn unpack_all(&self, folder: &Path) {
        let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let databases = files.filter(|path| path.extension().is_some_and(|end| end == "db"));
        databases.for_each(|path| self.unpack(&path.display().to_string()));
    }
}
