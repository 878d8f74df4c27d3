//! A Postgres server of a test's own, which may be stopped in the middle of its work.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::web::free_port;

/// See above. It is stopped when this value goes.
pub struct Cluster {
    programs: String,
    folder: TempDir,
    port: u16,
}

impl Cluster {
    /// None, if nobody says where Postgres's programs are; a message says so.
    pub fn make() -> Option<Self> {
        let Ok(programs) = std::env::var("SPECIE_TEST_POSTGRES_BIN") else {
            eprintln!("skipped: SPECIE_TEST_POSTGRES_BIN names no folder");
            return None;
        };
        let cluster = Self { programs, folder: tempfile::tempdir().unwrap(), port: free_port() };
        give(cluster.folder.path());
        let data = cluster.data();
        let made = ["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"];
        cluster.tool("initdb", &made);
        // A server that is killed keeps what was committed: `fsync` is for machines that go down.
        let options = format!(
            "-p {} -k {data} -c listen_addresses=127.0.0.1 -c fsync=off -c shared_buffers=32MB",
            cluster.port
        );
        let log = format!("{data}.log");
        cluster.tool("pg_ctl", &["-D", &data, "-l", &log, "-o", &options, "-w", "-s", "start"]);
        Some(cluster)
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    /// Its address, with its first database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends all of it without a word to anybody, and starts it again.
    pub fn restart(&self) {
        let log = format!("{}.log", self.data());
        let how = ["-D", &self.data(), "-l", &log, "-m", "immediate", "-w", "-s", "restart"];
        self.tool("pg_ctl", &how);
    }

    fn tool(&self, name: &str, arguments: &[&str]) {
        let program = format!("{}/{name}", self.programs);
        let ended = as_postgres(&program).args(arguments).current_dir("/").status().unwrap();
        assert!(ended.success(), "{name} {arguments:?}");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let program = format!("{}/pg_ctl", self.programs);
        let stop = ["-D", &self.data(), "-m", "immediate", "-s", "stop"];
        let _ = as_postgres(&program).args(stop).current_dir("/").status();
    }
}

fn is_root() -> bool {
    let told = Command::new("id").arg("-u").output().unwrap().stdout;
    told == b"0\n"
}

/// Postgres refuses root: then the unix user `postgres`, which Debian's package makes, runs it.
fn as_postgres(program: &str) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "postgres", "--regid", "postgres", "--init-groups", program]);
    command
}

/// Gives a folder to whoever runs Postgres.
pub fn give(folder: &Path) {
    if is_root() {
        assert!(Command::new("chown").arg("postgres").arg(folder).status().unwrap().success());
    }
}
