//! Links between the documents of the repository lead somewhere.

use std::collections::BTreeSet;

use crate::Fault;

/// Relative links of a Markdown file that lead to no committed file or folder.
pub fn dead(path: &str, text: &str, files: &BTreeSet<&str>) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (n, line) in text.lines().enumerate() {
        for target in targets(line) {
            let found = resolve(path, target);
            let folder = format!("{found}/");
            if !files.contains(found.as_str()) && !files.iter().any(|f| f.starts_with(&folder)) {
                let message = format!(
                    "`{target}` leads nowhere: there is no `{found}`; write it, or mend the link"
                );
                faults.push(Fault::at(path, n + 1, message));
            }
        }
    }
    faults
}

/// The relative targets in a line: what stands in `](…)`, without its anchor.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.split("](").skip(1).filter_map(|rest| {
        let target = rest.split([')', '#', ' ']).next()?;
        (!target.is_empty() && !target.contains(':')).then_some(target)
    })
}

/// The path in the repository that a target in the file `from` means.
fn resolve(from: &str, target: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_leads_nowhere_is_refused() {
        let files = BTreeSet::from(["README.md", "docs/a.md", "docs/decisions/1.md"]);
        let text = "[a](docs/a.md#part) [b](docs/b.md)\n[d](docs/decisions/) [w](https://a.b/c)\n";
        let found = dead("README.md", text, &files);
        assert!(found.len() == 1 && found[0].line == 1, "{found:?}");
        assert_eq!(dead("docs/a.md", "[up](../README.md) [down](decisions/1.md)", &files), []);
        assert_eq!(dead("docs/a.md", "[up](README.md) [here](#part)", &files).len(), 1);
    }
}
