//! Processes that are started for a measurement, and what they use.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

/// Ticks of `/proc/PID/stat` in a second.
const TICKS: f64 = 100.0;

/// A process that ends with this value.
pub struct Running {
    child: Child,
    /// The signal that ends it in good order.
    signal: &'static str,
}

impl Running {
    /// Starts it; what it says goes to `log`.
    pub fn start(command: &mut Command, log: &Path, signal: &'static str) -> anyhow::Result<Self> {
        let file = File::create(log)?;
        let command = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("{command:?} cannot be started"))?;
        Ok(Self { child, signal })
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let id = self.child.id().to_string();
        let _asked = Command::new("kill").args([self.signal, &id]).status();
        let _ended = self.child.wait();
    }
}

/// Runs a command to its end, and answers what it printed.
pub fn output(command: &mut Command) -> anyhow::Result<String> {
    let out = command.output().with_context(|| format!("{command:?} cannot be started"))?;
    let said = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "{command:?} failed: {said}");
    Ok(String::from_utf8(out.stdout)?)
}

/// A port that nobody listens on.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Waits until `ready` says so, for half a minute at most.
pub async fn wait_for(what: &str, mut ready: impl FnMut() -> bool) -> anyhow::Result<()> {
    for _ in 0..15_000 {
        if ready() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    bail!("{what} is not ready after half a minute")
}

/// CPU seconds that processes and all their descendants have used so far, ended ones included.
pub fn cpu(processes: &[u32]) -> f64 {
    let all: BTreeMap<u32, Stat> = numbers().filter_map(|id| Some((id, stat(id)?))).collect();
    let ticks: u64 = processes.iter().map(|id| of_tree(&all, *id)).sum();
    ticks as f64 / TICKS
}

struct Stat {
    parent: u32,
    ticks: u64,
}

fn numbers() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

fn stat(id: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(") ")?.1.split(' ').collect();
    let ticks = |n: usize| fields.get(n)?.parse::<u64>().ok();
    let all = (11..15).map(ticks).sum::<Option<u64>>()?;
    Some(Stat { parent: fields.get(1)?.parse().ok()?, ticks: all })
}

fn of_tree(all: &BTreeMap<u32, Stat>, id: u32) -> u64 {
    let own = all.get(&id).map_or(0, |stat| stat.ticks);
    let children = all.iter().filter(|(_, stat)| stat.parent == id);
    own + children.map(|(child, _)| of_tree(all, *child)).sum::<u64>()
}

/// Resident memory of one process, in MB.
pub fn memory(id: u32) -> anyhow::Result<f64> {
    let text = fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kb = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    Ok(kb.context("a process without VmRSS")? / 1024.0)
}
