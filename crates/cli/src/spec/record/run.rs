//! Running one command: what it prints goes on to the terminal, and is digested on the way.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use specie_engine::Sum;
use specie_spec::progress::{Ended, Runners, visible};

use crate::fail::Fail;

/// How long after its end a command's outputs may stay open: silent, and altogether. What it has left
/// in the background may hold them for ever.
const SILENT: Duration = Duration::from_secs(1);
const AFTERWARDS: Duration = Duration::from_secs(10);

/// How a command ended, and what it printed.
pub struct Ran {
    /// Its exit code, or the signal that killed it.
    pub ended: Ended,
    /// Whether its output told that tests ran.
    pub ran_tests: Option<bool>,
    /// In milliseconds.
    pub duration_ms: u64,
    /// Of both its outputs, in the order in which they came.
    pub output: Sum,
}

/// What happens to a command that runs.
enum Event {
    Printed(Vec<u8>),
    Ended(std::io::Result<ExitStatus>),
}

/// Runs `words` in `root`, without a shell. Both its outputs go to stderr, through one pipe: their
/// order is that in which they were written.
#[expect(clippy::disallowed_methods, reason = "how long a real command takes is real time")]
pub fn run(words: &[String], root: &Path) -> Result<Ran, Fail> {
    let began = Instant::now();
    let (child, reader) = start(words, root)?;
    let (send, events) = sync_channel(16);
    let sends = send.clone();
    std::thread::spawn(move || pass(reader, &sends));
    std::thread::spawn(move || wait(child, &send));
    let mut ran =
        Ran { ended: Ended::Code(0), ran_tests: None, duration_ms: 0, output: Sum::new() };
    let mut runners = Runners::default();
    let (mut status, mut until) = (None, None);
    while let Some(event) = next(&events, until) {
        match event {
            Event::Printed(bytes) => {
                ran.output.add(&bytes);
                runners.read(&bytes);
                // Nobody may be listening any more; the command goes on.
                let _ = std::io::stderr().write_all(&bytes);
            }
            Event::Ended(it) => {
                ran.duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
                (status, until) = (Some(it), Some(Instant::now() + AFTERWARDS));
            }
        }
    }
    let status = status.transpose().map_err(|error| cannot(words, &error))?;
    ran.ended = status.map_or(Ended::Code(-1), how);
    ran.ran_tests = runners.ran();
    Ok(ran)
}

fn how(status: ExitStatus) -> Ended {
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Code(code),
        (None, Some(signal)) => Ended::Signal(signal),
        (None, None) => Ended::Code(-1),
    }
}

fn start(words: &[String], root: &Path) -> Result<(Child, std::io::PipeReader), Fail> {
    let (program, arguments) =
        words.split_first().ok_or_else(|| Fail::Input("the command is empty".into()))?;
    // A path means the one from the root, wherever this was typed.
    let path = if program.contains('/') { root.join(program) } else { program.into() };
    let begin = || {
        let (reader, writer) = std::io::pipe()?;
        let mut command = Command::new(&path);
        command.args(arguments).current_dir(root).stdout(writer.try_clone()?).stderr(writer);
        Ok((command.spawn()?, reader))
    };
    begin().map_err(|error: std::io::Error| cannot(words, &error))
}

fn cannot(words: &[String], error: &std::io::Error) -> Fail {
    let program = visible(words.first().map_or("", |it| it));
    match error.kind() {
        ErrorKind::NotFound => Fail::Input(format!(
            "there is no program `{program}`\n\nhint: what is more than a program and its arguments goes to a shell: -- sh -c '…'"
        )),
        _ => Fail::Input(format!("`{program}` cannot be run: {error}")),
    }
}

/// Sends on what is printed, to the end.
fn pass(mut reader: std::io::PipeReader, to: &SyncSender<Event>) {
    let mut piece = vec![0; 16 * 1024];
    loop {
        match reader.read(&mut piece) {
            Ok(n) if n > 0 => {
                if to.send(Event::Printed(piece[..n].to_vec())).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            _ => return,
        }
    }
}

fn wait(mut child: Child, to: &SyncSender<Event>) {
    let _ = to.send(Event::Ended(child.wait()));
}

/// The next event; none when all has been told, or when it is too late for more.
#[expect(clippy::disallowed_methods, reason = "how long a real command takes is real time")]
fn next(events: &Receiver<Event>, until: Option<Instant>) -> Option<Event> {
    match until.map(|until| until.saturating_duration_since(Instant::now())) {
        Some(Duration::ZERO) => None,
        Some(left) => events.recv_timeout(left.min(SILENT)).ok(),
        None => events.recv().ok(),
    }
}
