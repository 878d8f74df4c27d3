//! Which lines of which files were run, without those of test code.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What the tests ran of a file.
pub struct File {
    /// From the root of the repository.
    pub path: String,
    /// How many lines can be run.
    pub lines: usize,
    /// How many of them were.
    pub covered: usize,
    /// Those that were not.
    pub missed: Vec<usize>,
}

/// Reads a report in the format of lcov, and leaves out what is test code.
pub fn read(root: &Path, report: &str) -> anyhow::Result<Vec<File>> {
    let mut found = Vec::new();
    let mut tests = BTreeSet::new();
    for (path, lines) in parse(report) {
        let Ok(within) = Path::new(path).strip_prefix(root) else { continue };
        if !within.starts_with("crates") || !within.iter().any(|it| it == "src") {
            continue;
        }
        let code = code_of(Path::new(path), &fs::read_to_string(path)?, &mut tests);
        let lines: Vec<_> = lines.into_iter().filter(|(line, _)| *line <= code).collect();
        found.push((PathBuf::from(path), within.display().to_string(), lines));
    }
    found.retain(|(path, ..)| !path.ancestors().any(|it| tests.contains(&it.with_extension(""))));
    Ok(found.into_iter().map(|(_, path, lines)| counted(path, &lines)).collect())
}

fn counted(path: String, lines: &[(usize, u64)]) -> File {
    let missed: Vec<_> = lines.iter().filter(|(_, n)| *n == 0).map(|(line, _)| *line).collect();
    File { path, lines: lines.len(), covered: lines.len() - missed.len(), missed }
}

/// Files, with how often each of their lines was run.
fn parse(report: &str) -> BTreeMap<&str, BTreeMap<usize, u64>> {
    let mut files: BTreeMap<&str, BTreeMap<usize, u64>> = BTreeMap::new();
    let mut path = "";
    for line in report.lines() {
        if let Some(found) = line.strip_prefix("SF:") {
            path = found;
        } else if let Some((line, count)) =
            line.strip_prefix("DA:").and_then(|it| it.split_once(','))
            && let (Ok(line), Ok(count)) = (line.parse(), count.parse::<u64>())
        {
            let seen = files.entry(path).or_default().entry(line).or_default();
            *seen = count.max(*seen);
        }
    }
    files
}

/// How many lines of a file come before its tests, which stand at the end. A module of tests that is
/// a file of its own is added to `tests`, without its extension.
fn code_of(path: &Path, text: &str, tests: &mut BTreeSet<PathBuf>) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    for (n, pair) in lines.windows(2).enumerate().filter(|(_, pair)| pair[0] == "#[cfg(test)]") {
        let Some(module) = pair[1].strip_prefix("mod ") else { continue };
        match module.strip_suffix(';') {
            Some(name) => {
                let is_root = path.file_stem().is_some_and(|it| it == "lib" || it == "main");
                let folder = if is_root { path.parent().map(Path::to_owned) } else { None };
                tests.insert(folder.unwrap_or_else(|| path.with_extension("")).join(name));
            }
            None => return n,
        }
    }
    lines.len()
}

/// Numbers as people write them: `3, 7-9`.
pub fn ranges(numbers: &[usize]) -> String {
    let mut all: Vec<(usize, usize)> = Vec::new();
    for &n in numbers {
        match all.last_mut() {
            Some((_, to)) if *to + 1 == n => *to = n,
            _ => all.push((n, n)),
        }
    }
    let written = all.iter().map(|(from, to)| match from == to {
        true => from.to_string(),
        false => format!("{from}-{to}"),
    });
    written.collect::<Vec<_>>().join(", ")
}
