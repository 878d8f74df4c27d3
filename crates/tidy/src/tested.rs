//! Tests that documents name are there.

use crate::Fault;

/// Where it stands what the simulation has found, each with the test that it led to.
pub const DOCUMENT: &str = "docs/measurements.md";
/// The part of the document with the list.
const PART: &str = "## Simulation";

/// Whether there is a test of that name, which may come with its modules. `files` are all files with
/// their texts.
pub fn is_there(files: &[(String, String)], test: &str) -> bool {
    let head = format!("fn {}(", test.rsplit("::").next().unwrap_or_default());
    files.iter().any(|(path, text)| path.ends_with(".rs") && text.contains(&head))
}

/// What the simulation has found and names no test, or one that is not there.
pub fn untested(files: &[(String, String)]) -> Vec<Fault> {
    let text = files.iter().find(|(path, _)| path == DOCUMENT).map_or("", |(_, text)| text);
    let lines = text.lines().enumerate().skip_while(|(_, line)| *line != PART).skip(1);
    let part = lines.take_while(|(_, line)| !line.starts_with("## "));
    let mut found = part.filter(|(_, line)| line.starts_with("- ")).peekable();
    if found.peek().is_none() {
        return vec![Fault::at(DOCUMENT, 0, format!("`{PART}` lists nothing; mend what reads it"))];
    }
    found.filter_map(|(n, line)| Some(Fault::at(DOCUMENT, n + 1, missing(files, line)?))).collect()
}

/// What is missing in a line that has to name its test.
fn missing(files: &[(String, String)], line: &str) -> Option<String> {
    let quoted = line.split('`').skip(1).step_by(2);
    let mut named = quoted.filter(|it| it.contains("::")).peekable();
    if named.peek().is_none() {
        return Some("it names no test: write `module::test` behind it".to_owned());
    }
    let gone = named.find(|test| !is_there(files, test))?;
    Some(format!("it names `{gone}`, and there is no such test"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(document: &str) -> [(String, String); 2] {
        let code = "#[test]\nfn late_is_late() {}".to_owned();
        [(DOCUMENT.to_owned(), document.to_owned()), ("a.rs".to_owned(), code)]
    }

    #[test]
    fn a_test_is_known_by_its_last_name() {
        for (test, is_known) in [
            ("late_is_late", true),
            ("flow::sqlite::late_is_late", true),
            ("late_is_late::flow", false),
            ("late", false),
            ("is_late", false),
        ] {
            assert_eq!(is_there(&files(""), test), is_known, "{test}");
        }
    }

    #[test]
    fn whatever_was_found_names_a_test_that_is_there() {
        let lines = |line: &str| {
            let document = format!("- before\n\n{PART}\n\n{line}\n\n## Other\n\n- behind");
            untested(&files(&document)).iter().map(|fault| fault.line).collect::<Vec<_>>()
        };
        assert_eq!(lines("- late: `flow::late_is_late`;"), [0; 0]);
        for faulty in [
            "- late;",
            "- late: `late_is_late`;",
            "- late: `flow::late_is_lat`;",
            "- late: `flow::late_is_late`, `flow::gone`;",
        ] {
            assert_eq!(lines(faulty), [5], "{faulty}");
        }
        assert_eq!(lines("no list"), [0], "a list that is not found is no list without faults");
    }
}
