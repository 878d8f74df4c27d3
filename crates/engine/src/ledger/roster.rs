//! `.specie/approvers`: who may approve what, for people to read. The ledger decides; this says it.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::entry::{is_name, levels_named, levels_text};
use super::name::PublicKey;
use super::rights::Approver;

const HEAD: &str = "# Who may approve, at which levels, by which key. Changed by `specie spec approvers` alone:\n# the ledger holds each change, signed by one who was in here.\n";

/// The file's text.
pub fn print(approvers: &BTreeMap<PublicKey, Approver>) -> String {
    let mut all: Vec<_> = approvers.iter().map(|(key, it)| (&it.name, &it.levels, key)).collect();
    all.sort();
    all.into_iter().fold(HEAD.to_owned(), |mut text, (name, levels, key)| {
        let _ = writeln!(text, "{name} {} {key}", levels_text(levels));
        text
    })
}

/// What the file says; else the line, from 1, that says nothing. Empty lines and those that begin
/// with `#` say nothing by right.
pub fn parse(text: &str) -> Result<BTreeMap<PublicKey, Approver>, usize> {
    let lines = text.lines().enumerate().map(|(n, line)| (n + 1, line.trim()));
    let mut found = BTreeMap::new();
    for (n, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let (key, approver) = read(line).ok_or(n)?;
        if found.insert(key, approver).is_some() {
            return Err(n);
        }
    }
    Ok(found)
}

fn read(line: &str) -> Option<(PublicKey, Approver)> {
    let parts: Vec<&str> = line.split_whitespace().collect();
    let [name, levels, key] = parts.as_slice() else { return None };
    let name = Some(*name).filter(|name| is_name(name))?.to_owned();
    let levels = levels_named(levels)?;
    Some((key.parse().ok()?, Approver { name, levels }))
}

#[cfg(test)]
mod tests {
    use specie_spec::approval::Level;

    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_what_says_nothing_has_a_line() {
        let of = |n, name: &str, levels: &[Level]| {
            let levels = levels.iter().copied().collect();
            (PublicKey::new([n; 32]), Approver { name: name.into(), levels })
        };
        let all = BTreeMap::from([of(1, "zoe", &Level::ALL), of(2, "ada", &[Level::Task])]);
        let text = print(&all);
        assert!(text.contains("\nada task ed25519:0202"), "{text}");
        assert_eq!(parse(&text), Ok(all.clone()));
        assert_eq!(parse(&text.replace('\n', "\r\n")), Ok(all));
        assert_eq!(parse(&format!("{text}{}", text.lines().last().unwrap())), Err(5));
        for bad in ["ada", "ada task 12", "ada all ed25519:00", "=======", "a task b c"] {
            assert_eq!(parse(bad), Err(1), "{bad}");
        }
    }
}
