//! The terminal, when a person must be asked. What they answer comes from it and from nowhere else:
//! no argument, no variable, no pipe.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, IsTerminal, Write};

use specie_vocab::Secret;

use crate::fail::Fail;

/// The terminal of this process.
pub struct Terminal(File);

impl Terminal {
    /// The terminal, if a person sits at it. `what` begins the sentence that says why there must be
    /// one: `an approval`.
    pub fn open(what: &str) -> Result<Self, Fail> {
        let open = || OpenOptions::new().read(true).write(true).open("/dev/tty").ok();
        let tty = Some(()).filter(|()| std::io::stdin().is_terminal()).and_then(|()| open());
        tty.map(Self).ok_or_else(|| {
            Fail::Input(format!(
                "{what} is asked for on a terminal, and this is none\n\nhint: run the same command on a terminal; nothing else can answer for a person"
            ))
        })
    }

    /// Says something.
    pub fn say(&mut self, text: impl std::fmt::Display) -> Result<(), Fail> {
        writeln!(self.0, "{text}").map_err(|error| broken(&error))
    }

    /// Asks a question. Everything but `y` or `yes` is a no.
    pub fn yes(&mut self, question: &str) -> Result<bool, Fail> {
        write!(self.0, "{question} [y/N] ").map_err(|error| broken(&error))?;
        let mut line = String::new();
        BufReader::new(&self.0).read_line(&mut line).map_err(|error| broken(&error))?;
        Ok(matches!(line.trim().to_lowercase().as_str(), "y" | "yes"))
    }

    /// Asks for a passphrase, without showing it.
    pub fn passphrase(&mut self, prompt: &str) -> Result<Secret, Fail> {
        let typed = rpassword::prompt_password(format!("{prompt}: "));
        typed.map(Secret::new).map_err(|error| broken(&error))
    }
}

fn broken(error: &std::io::Error) -> Fail {
    Fail::Failed(format!("the terminal does not answer: {error}"))
}
