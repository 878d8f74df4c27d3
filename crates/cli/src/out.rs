//! What a command says on stdout.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use serde::Serialize;

use crate::fail::Fail;

/// Says a line, at once.
pub fn say(line: impl Display) -> Result<(), Fail> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Fail::Unheard,
        _ => Fail::Failed(format!("the output cannot be written: {error}")),
    })
}

/// Writes bytes as they are.
pub fn bytes(bytes: &[u8]) -> Result<(), Fail> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Fail::Unheard,
        _ => Fail::Failed(format!("the output cannot be written: {error}")),
    })
}

/// Says one JSON document.
pub fn json(document: &impl Serialize) -> Result<(), Fail> {
    let text = serde_json::to_string_pretty(document)
        .map_err(|error| Fail::Failed(format!("this cannot be told as JSON: {error}")))?;
    say(text)
}

/// `1 error`, `2 errors`.
pub fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}
