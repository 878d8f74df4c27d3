//! A Postgres of our own, as it comes: durable, with Debian's defaults.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use super::Bench;
use super::process::{Running, free_port, output, wait_for};

/// A running server.
pub struct Postgres {
    server: Running,
    bin: PathBuf,
    port: u16,
}

impl Postgres {
    /// Makes a cluster in a folder of its own and starts it. As root, it runs as the unix user
    /// `postgres`.
    pub async fn start(bench: &Bench) -> anyhow::Result<Self> {
        let folder = &bench.folder("cluster")?;
        let bin = bin().context("no Postgres is installed\n\nhint: apt-get install postgresql")?;
        let data = folder.join("data");
        if is_root()? {
            output(Command::new("chown").arg("postgres").arg(folder))?;
        }
        let flags = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-D"];
        output(as_postgres(&bin.join("initdb"))?.args(flags).arg(&data))?;
        let port = free_port()?;
        let mut command = as_postgres(&bin.join("postgres"))?;
        command.arg("-D").arg(&data).args(["-p", &port.to_string(), "-k"]).arg(folder);
        command.args(["-c", "listen_addresses=127.0.0.1"]);
        for setting in &bench.settings {
            command.args(["-c", setting]);
        }
        let log = folder.with_extension("log");
        let mut server = Running::start(&mut command, &log, "-INT")?;
        let ready = bin.join("pg_isready");
        let port_text = port.to_string();
        wait_for("Postgres", || {
            let mut asked = Command::new(&ready);
            asked.args(["-q", "-h", "127.0.0.1", "-p", &port_text]);
            asked.status().is_ok_and(|status| status.success()) || !server.runs()
        })
        .await?;
        ensure!(server.runs(), "Postgres ended: {}", fs::read_to_string(&log)?);
        Ok(Self { server, bin, port })
    }

    /// A new database, and its address.
    pub fn database(&self, name: &str) -> anyhow::Result<String> {
        let port = self.port.to_string();
        let place = ["-h", "127.0.0.1", "-U", "postgres", "-p", &port, name];
        output(Command::new(self.bin.join("createdb")).args(place))?;
        Ok(format!("postgres://postgres@127.0.0.1:{port}/{name}"))
    }

    /// The process whose children do the work.
    pub fn id(&self) -> u32 {
        self.server.id()
    }
}

fn is_root() -> anyhow::Result<bool> {
    Ok(fs::metadata("/proc/self")?.uid() == 0)
}

/// `initdb` and `postgres` refuse root.
fn as_postgres(program: &Path) -> anyhow::Result<Command> {
    if !is_root()? {
        return Ok(Command::new(program));
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups"]);
    command.arg(program).current_dir("/");
    Ok(command)
}

/// Where the newest Postgres of Debian's lies, else that on the path.
fn bin() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = debian.map(|entry| entry.path().join("bin")).collect();
    found.sort();
    let path = std::env::var_os("PATH")?;
    found.reverse();
    found.extend(std::env::split_paths(&path));
    found.into_iter().find(|folder| folder.join("initdb").is_file())
}
