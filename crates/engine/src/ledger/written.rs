//! The one way to write an entry.
//!
//! An entry is text, one fact a line, in one order, so that its digest names it and a reviewer can
//! read it in a merge request. Its signature is over all lines but its own.

use std::collections::BTreeSet;
use std::fmt::Write;

use jiff::Timestamp;
use specie_vocab::hex;

use super::entry::{
    Approval, By, Entry, LARGEST, Levels, Mode, Scope, What, is_name, is_word, levels_named,
    levels_text,
};
use super::name::{Digest, PublicKey, unhex};

const FIRST: &str = "specie ledger entry 1";

/// What is signed: all of the entry but the signature.
pub fn signed_part(entry: &Entry) -> String {
    let mut out = format!("{FIRST}\nat {}\n", entry.at);
    let _ = match &entry.by {
        By::Key(key) => writeln!(out, "by {key}"),
        By::Rule(mode) => writeln!(out, "by rule {mode}"),
    };
    what_part(&entry.what, &mut out);
    for parent in &entry.parents {
        let _ = writeln!(out, "parent {parent}");
    }
    out
}

fn what_part(what: &What, out: &mut String) {
    let _ = match what {
        What::Mode { spec, mode } => writeln!(out, "mode {}\nspec {spec}", mode.as_str()),
        What::Approver { name, key, levels } => {
            writeln!(out, "approver {name}\nkey {key}\nlevels {}", levels_text(levels))
        }
        What::Approval(Approval { spec, scope, files }) => {
            let _ = match scope {
                Scope::Task(name) | Scope::Files(name) => {
                    writeln!(out, "approval {} {name}", scope.as_str())
                }
                _ => writeln!(out, "approval {}", scope.as_str()),
            };
            let _ = writeln!(out, "spec {spec}");
            files.iter().try_for_each(|(path, digest)| match digest {
                Some(digest) => writeln!(out, "file {digest} {path}"),
                None => writeln!(out, "file absent {path}"),
            })
        }
    };
}

/// The entry as it lies on disk.
pub fn written(entry: &Entry, signature: Option<&[u8; 64]>) -> Vec<u8> {
    let mut out = signed_part(entry);
    if let Some(signature) = signature {
        let _ = writeln!(out, "signature {}", hex(signature));
    }
    out.into_bytes()
}

/// The entry and its signature that these bytes are; else in one sentence why they are none.
pub fn parse(bytes: &[u8]) -> Result<(Entry, Option<[u8; 64]>), &'static str> {
    if bytes.len() > LARGEST {
        return Err("it is larger than any entry");
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text")?;
    let rest = text.strip_prefix(FIRST).ok_or("it does not begin with `specie ledger entry 1`")?;
    let mut read = Read::default();
    for line in rest.lines().skip(1) {
        read.line(line).ok_or("it has a line that no entry has")?;
    }
    let signature = read.signature;
    let entry = read.entry().ok_or("it lacks something that every entry has")?;
    if matches!(entry.by, By::Rule(_)) && signature.is_some() {
        return Err("it is by rule, and has a signature");
    }
    // One way to write it: order, repetition, blanks and line ends are checked in one go.
    if written(&entry, signature.as_ref()) != bytes {
        return Err("it is not written as entries are");
    }
    Ok((entry, signature))
}

/// What the lines read so far have said.
#[derive(Default)]
struct Read {
    at: Option<Timestamp>,
    by: Option<By>,
    scope: Option<Scope>,
    mode: Option<Mode>,
    name: Option<String>,
    key: Option<PublicKey>,
    levels: Option<Levels>,
    spec: Option<String>,
    files: Vec<(String, Option<Digest>)>,
    parents: BTreeSet<Digest>,
    signature: Option<[u8; 64]>,
}

impl Read {
    fn line(&mut self, line: &str) -> Option<()> {
        let (word, rest) = line.split_once(' ')?;
        match word {
            "at" => self.at = Some(rest.parse().ok()?),
            "by" => self.by = Some(by(rest)?),
            "approval" => self.scope = Some(scope(rest)?),
            "mode" => self.mode = Some(Mode::named(rest)?),
            "approver" => self.name = Some(rest.to_owned()).filter(|it| is_name(it)),
            "key" => self.key = Some(rest.parse().ok()?),
            "levels" => self.levels = Some(levels_named(rest)?),
            "spec" => self.spec = Some(rest.to_owned()).filter(|it| is_word(it)),
            "file" => self.files.push(file(rest)?),
            "parent" => drop(self.parents.insert(rest.parse().ok()?)),
            "signature" => self.signature = Some(unhex(rest)?),
            _ => return None,
        }
        Some(())
    }

    fn entry(self) -> Option<Entry> {
        let what = match (self.scope, self.mode, self.name) {
            (Some(scope), None, None) if !self.files.is_empty() => {
                What::Approval(Approval { spec: self.spec?, scope, files: self.files })
            }
            (None, Some(mode), None) => What::Mode { spec: self.spec?, mode },
            (None, None, Some(name)) => {
                What::Approver { name, key: self.key?, levels: self.levels? }
            }
            _ => return None,
        };
        Some(Entry { at: self.at?, by: self.by?, what, parents: self.parents })
    }
}

fn by(text: &str) -> Option<By> {
    match text.strip_prefix("rule ") {
        Some(mode) => mode.parse().ok().map(By::Rule),
        None => text.parse().ok().map(By::Key),
    }
}

fn scope(text: &str) -> Option<Scope> {
    let name = |name: &str| is_word(name).then(|| name.to_owned());
    match text.split_once(' ') {
        None if text == "spec" => Some(Scope::Spec),
        None if text == "plan" => Some(Scope::Plan),
        None if text == "tasks" => Some(Scope::Tasks),
        Some(("task", rest)) => name(rest).map(Scope::Task),
        Some(("files", rest)) => name(rest).map(Scope::Files),
        _ => None,
    }
}

fn file(text: &str) -> Option<(String, Option<Digest>)> {
    let (digest, path) = text.split_once(' ').filter(|(_, path)| is_word(path))?;
    match digest {
        "absent" => Some((path.into(), None)),
        _ => Some((path.into(), Some(digest.parse().ok()?))),
    }
}

#[cfg(test)]
mod tests {
    use specie_spec::approval::Level;

    use super::*;

    fn digest(n: u8) -> Digest {
        Digest::of(&[n])
    }

    fn entries() -> Vec<Entry> {
        let key = PublicKey::new([7; 32]);
        let files = vec![("tasks.md".into(), Some(digest(1))), ("a b.md".into(), None)];
        let scopes = [
            Scope::Spec,
            Scope::Plan,
            Scope::Tasks,
            Scope::Task("1.2".into()),
            Scope::Files("T 3".into()),
        ];
        let approval = |scope| {
            What::Approval(Approval { spec: "specs/a b".into(), scope, files: files.clone() })
        };
        let mut whats: Vec<What> = scopes.into_iter().map(approval).collect();
        whats.push(What::Mode { spec: ".".into(), mode: Mode::PerFile });
        for levels in [Levels::new(), Levels::from(Level::ALL)] {
            whats.push(What::Approver { name: "ada".into(), key, levels });
        }
        let of = |(n, what)| Entry {
            at: Timestamp::from_second(1_790_000_000).unwrap(),
            by: if n == 0 { By::Rule(digest(9)) } else { By::Key(key) },
            what,
            parents: BTreeSet::from([digest(3), digest(4)]),
        };
        whats.into_iter().enumerate().map(of).collect()
    }

    #[test]
    fn what_is_written_is_read_back() {
        for entry in entries() {
            let signature = matches!(entry.by, By::Key(_)).then_some([5; 64]);
            let bytes = written(&entry, signature.as_ref());
            assert_eq!(parse(&bytes), Ok((entry, signature)));
        }
    }

    #[test]
    fn there_is_one_way_to_write_an_entry() {
        for entry in entries() {
            let text = String::from_utf8(written(&entry, None)).unwrap();
            assert!(parse(text.as_bytes()).is_ok());
            let lines: Vec<&str> = text.lines().collect();
            let parents = lines.iter().rposition(|it| it.starts_with("parent")).unwrap();
            let mut swapped = lines.clone();
            swapped.swap(parents - 1, parents);
            let by_rule = matches!(entry.by, By::Rule(_));
            assert_eq!(parse(&written(&entry, Some(&[5; 64]))).is_err(), by_rule);
            let others = [
                text.replace('\n', "\r\n"),
                text.trim_end().to_owned(),
                format!("{text}\n"),
                format!("{text}{}\n", lines[1]),
                format!("{text}{}\n", lines[parents]),
                format!("{text}colour red\n"),
                text.replacen("at 2026", "at  2026", 1),
                text.replacen("Z\n", "+00:00\n", 1),
                text.replacen("entry 1", "entry 2", 1),
                swapped.join("\n") + "\n",
                text.to_uppercase(),
                String::new(),
            ];
            for other in others {
                assert!(parse(other.as_bytes()).is_err(), "{other}");
            }
        }
    }
}
