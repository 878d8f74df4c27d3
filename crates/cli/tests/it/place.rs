//! A folder with nothing in it, and the binary started there with nothing in its environment.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::left::Left;

/// Longer than anything takes on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(240);

/// Where `cargo xtask coverage` has what was run written down. Nothing else of the environment passes:
/// without this one a process would write it into its folder.
pub fn coverage() -> Option<(&'static str, OsString)> {
    let name = "LLVM_PROFILE_FILE";
    std::env::var_os(name).map(|file| (name, file))
}

/// A folder of a test's own, and the settings of what is started in it.
pub struct Place {
    folder: TempDir,
    settings: Vec<(String, String)>,
    left: Option<Left>,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ended {
    /// Its one JSON document.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The code it ended with, and that all of these were said on stderr.
    #[track_caller]
    pub fn refused(&self, code: i32, said: &[&str]) {
        assert_eq!(self.code, Some(code), "{self:?}");
        for text in said {
            assert!(self.err.contains(text), "`{text}` is not in {}", self.err);
        }
        assert!(!self.err.contains("panicked"), "{}", self.err);
    }

    /// That it did what it was asked.
    #[track_caller]
    pub fn fine(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:?}");
        self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(left) = &self.left {
            left.keep(self.folder.path());
        }
    }
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), settings: Vec::new(), left: Left::make() }
    }

    /// The same place, where this is in the environment.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// The same for what is started from now on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.into(), value.into()));
        if let Some(left) = &self.left {
            left.note(name, value);
        }
    }

    /// What was set by that.
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The address of its database, or the path of its file.
    pub fn database(&self) -> String {
        match self.setting("DATABASE_URL").unwrap_or("specie.db") {
            file if !file.contains("://") => self.path(file).display().to_string(),
            url => url.into(),
        }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// The names of what lies in the folder.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_specie"));
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.env("PATH", std::env::var("PATH").unwrap_or_default()).envs(coverage());
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).end()
    }

    /// Runs a command on a terminal, where each prompt, once it is shown, is answered. What is shown
    /// stands in `out`. None on a machine without util-linux's `script`, which makes the terminal.
    pub fn on_terminal(&self, arguments: &[&str], answers: &[(&str, &str)]) -> Option<Ended> {
        let words: Vec<_> = arguments.iter().map(|word| format!("'{word}'")).collect();
        self.line_on_terminal(&format!("specie {}", words.join(" ")), answers)
    }

    /// The same with a line of the shell, in which `specie` is the binary.
    pub fn line_on_terminal(&self, line: &str, answers: &[(&str, &str)]) -> Option<Ended> {
        let known = Command::new("script").arg("--version").output().ok()?;
        if !String::from_utf8_lossy(&known.stdout).contains("util-linux") {
            return None;
        }
        let line = format!("specie() {{ '{}' \"$@\"; }}; {line}", env!("CARGO_BIN_EXE_specie"));
        let mut script = Command::new("script");
        script.args(["-qefc", &line, "/dev/null"]).current_dir(self.folder.path()).env_clear();
        script.env("PATH", std::env::var("PATH").unwrap_or_default()).envs(coverage());
        script.envs(self.settings.iter().map(|(name, value)| (name, value)));
        let mut child = script.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (mut typed, shown) = (child.stdin.take(), pieces(child.stdout.take().unwrap()));
        let (mut out, mut from, mut answers) = (Vec::new(), 0, answers.iter().peekable());
        loop {
            match shown.recv_timeout(PATIENCE) {
                Ok(piece) => out.extend(piece),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("it waits; so far it said: {}", String::from_utf8_lossy(&out))
                }
            }
            let text = String::from_utf8_lossy(&out).into_owned();
            if let Some((prompt, answer)) = answers.next_if(|it| text[from..].contains(it.0)) {
                from += text[from..].find(prompt).unwrap() + prompt.len();
                let keys = typed.as_mut().unwrap();
                keys.write_all(format!("{answer}\n").as_bytes()).unwrap();
            }
            // Whatever asks once more hears that nobody is there.
            typed = typed.filter(|_| answers.peek().is_some());
        }
        let status = child.wait().unwrap();
        let out = String::from_utf8_lossy(&out).replace("\r\n", "\n");
        assert!(answers.next().is_none(), "it did not ask: {out}");
        Some(Ended { code: status.code(), err: out.clone(), out })
    }

    /// Starts a command that stays.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut child = self.command(arguments).spawn().unwrap();
        let out = lines(child.stdout.take().unwrap(), None);
        let err = lines(child.stderr.take().unwrap(), self.log(arguments));
        Running { child, out, err, began: Instant::now() }
    }

    /// Where stderr is written, too, if what the tests leave is looked at afterwards.
    fn log(&self, arguments: &[&str]) -> Option<File> {
        self.left.as_ref().map(|left| left.log(arguments.first().unwrap_or(&"specie")))
    }

    /// Starts a command whose output nobody reads beyond its first line.
    pub fn start_unheard(&self, arguments: &[&str]) -> (String, Running) {
        let mut child = self.command(arguments).spawn().unwrap();
        let mut first = String::new();
        BufReader::with_capacity(1, child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let err = lines(child.stderr.take().unwrap(), self.log(arguments));
        (first, Running { child, out: channel().1, err, began: Instant::now() })
    }
}

/// A process that runs. It is killed when this value goes.
pub struct Running {
    child: Child,
    out: Receiver<String>,
    err: Receiver<String>,
    pub began: Instant,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// The next line of stdout.
    pub fn line(&self) -> String {
        self.out.recv_timeout(PATIENCE).unwrap()
    }

    /// The JSON document on its stdout, as soon as it is whole.
    pub fn json(&self) -> Value {
        let mut text = String::new();
        loop {
            match self.out.recv_timeout(PATIENCE) {
                Ok(line) => text.push_str(&line),
                Err(_) => panic!("{text}{:?}", self.err.try_iter().collect::<Vec<_>>()),
            }
            if let Ok(found) = serde_json::from_str(&text) {
                return found;
            }
        }
    }

    /// The lines of stderr up to the one that holds `text`.
    pub fn until(&self, text: &str) -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            let line = self.err.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("`{text}` was not said: {seen:?}"));
            let found = line.contains(text);
            seen.push(line);
            if found {
                return seen;
            }
        }
    }

    /// The lines of stderr that nobody has read yet.
    pub fn said(&self) -> Vec<String> {
        self.err.try_iter().collect()
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        // The shell's own: the program of that name is not on every machine.
        let kill = format!("kill -s {name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    /// Waits for the end, and how long that took.
    pub fn end(mut self) -> Ended {
        let (mut out, mut err) = (String::new(), String::new());
        for (from, to) in [(&self.out, &mut out), (&self.err, &mut err)] {
            loop {
                match from.recv_timeout(PATIENCE) {
                    Ok(line) => to.push_str(&format!("{line}\n")),
                    Err(RecvTimeoutError::Disconnected) => break,
                    Err(RecvTimeoutError::Timeout) => panic!("it goes on; so far it said: {to}"),
                }
            }
        }
        let status: ExitStatus = self.child.wait().unwrap();
        Ended { code: status.code(), out, err }
    }

    /// Asks it to stop, and expects that at once, with exit code 0.
    #[track_caller]
    pub fn stops_by(self, signal: &str, within: Duration) -> Ended {
        let began = Instant::now();
        self.signal(signal);
        let ended = self.end().fine();
        let took = began.elapsed();
        assert!(took < within, "it took {took:?} to stop");
        ended
    }
}

fn lines(from: impl Read + Send + 'static, mut log: Option<File>) -> Receiver<String> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            let Ok(line) = line else { return };
            if let Some(log) = &mut log {
                writeln!(log, "{line}").unwrap();
            }
            if send.send(line).is_err() {
                return;
            }
        }
    });
    receive
}

fn pieces(mut from: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(n @ 1..) = from.read(&mut bytes) {
            if send.send(bytes[..n].to_vec()).is_err() {
                return;
            }
        }
    });
    receive
}
