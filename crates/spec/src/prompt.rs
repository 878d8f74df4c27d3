//! The prompt by which a coding agent carries out the tasks of a spec.

use crate::{Document, NodeKind, State};

/// What a prompt is put together from.
#[derive(Clone, Copy)]
pub struct Prompt<'a> {
    /// The tasks.
    pub document: &'a Document,
    /// What their file holds.
    pub bytes: &'a [u8],
    /// The feature's name.
    pub title: &'a str,
    /// Where the file will stand, from the root.
    pub folder: &'a str,
    /// What the file will be called, without `.md`; further parts have their number behind it.
    pub stem: &'a str,
    /// The documents beside it: name and what it is.
    pub documents: &'a [(String, String)],
    /// The commands that validate after every task, beside the task's own.
    pub validation: &'a [String],
    /// When, as `2026-01-31 09:30`.
    pub generated: &'a str,
    /// Who writes it.
    pub author: &'a str,
    /// Whether the tasks are not approved.
    pub is_draft: bool,
    /// How many tokens one prompt may have.
    pub budget: usize,
    /// By what they are counted.
    pub tokenizer: &'a str,
}

/// A task does not fit into the budget.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} needs {tokens} tokens, more than the budget of {budget}")]
pub struct TooLarge {
    /// Which task, or the frame of the prompt itself.
    pub what: String,
    /// How many it needs, with the frame around it.
    pub tokens: usize,
    /// How many there may be.
    pub budget: usize,
}

/// A task with its heading, as it stands in the file.
struct Piece {
    phase: Option<String>,
    id: String,
    text: String,
}

/// The prompts: one, or as many as the budget makes necessary. `count` says how many tokens a text has.
pub fn prompts(
    prompt: &Prompt<'_>,
    count: &dyn Fn(&str) -> usize,
) -> Result<Vec<String>, TooLarge> {
    let (open, done) = prompt.pieces();
    let frame = |part: usize, parts: usize| prompt.frame(part, parts, &open, &done);
    // The frame of the last of many parts is the longest there can be.
    let fixed = count(&frame(999, 999)) + 4;
    let mut parts: Vec<Vec<&Piece>> = vec![Vec::new()];
    let mut used = fixed;
    for piece in &open {
        let heading = piece.phase.as_ref().map(|it| format!("## {it}\n\n")).unwrap_or_default();
        // A text that is put together of two has at most one token more than both.
        let tokens = count(&format!("{heading}{}\n", piece.text)) + 2;
        if fixed + tokens > prompt.budget {
            let what = format!("task {}", piece.id);
            return Err(TooLarge { what, tokens: fixed + tokens, budget: prompt.budget });
        }
        if used + tokens > prompt.budget {
            parts.push(Vec::new());
            used = fixed;
        }
        if let Some(part) = parts.last_mut() {
            part.push(piece);
        }
        used += tokens;
    }
    if fixed > prompt.budget {
        let what = "the frame of the prompt".into();
        return Err(TooLarge { what, tokens: fixed, budget: prompt.budget });
    }
    let all = parts.len();
    Ok(parts.iter().enumerate().map(|(n, part)| whole(&frame(n + 1, all), part)).collect())
}

/// What the file of a part is called, from 1: `kilo-prompt.md`, `kilo-prompt-part-2.md`.
pub fn file_name(stem: &str, part: usize) -> String {
    if part > 1 { format!("{stem}-part-{part}.md") } else { format!("{stem}.md") }
}

/// The frame with the tasks of one part.
fn whole(frame: &str, part: &[&Piece]) -> String {
    let mut text = frame.to_owned();
    let mut last: Option<&String> = None;
    for piece in part {
        if let Some(phase) = piece.phase.as_ref().filter(|it| Some(*it) != last) {
            text.push_str(&format!("\n## {phase}\n"));
        }
        last = piece.phase.as_ref();
        text.push('\n');
        text.push_str(&piece.text);
        text.push('\n');
    }
    text
}

impl Prompt<'_> {
    /// The tasks that are open, and the ids of those that are done.
    fn pieces(&self) -> (Vec<Piece>, Vec<String>) {
        let nodes = &self.document.nodes;
        let is_task = |n: usize| nodes[n].kind == NodeKind::Task;
        let (mut open, mut done) = (Vec::new(), Vec::new());
        let phases = self.document.nearest(|node| node.kind == NodeKind::Phase);
        for n in (0..nodes.len()).filter(|n| is_task(*n)) {
            if self.document.subtree(n).skip(1).any(is_task) {
                continue; // it is told by its parts
            }
            let node = &nodes[n];
            let id = node.id.clone().or_else(|| node.ordinal.clone()).unwrap_or_default();
            let boxes = nodes[self.document.subtree(n)].iter().filter_map(|it| it.state);
            let states: Vec<State> = node.state.map_or_else(|| boxes.collect(), |it| vec![it]);
            if !states.is_empty() && states.iter().all(|it| *it == State::Done) {
                done.push(id);
                continue;
            }
            let above = node.parent.filter(|it| is_task(*it)).or(phases[n]);
            let phase = above.map(|it| self.heading(it));
            open.push(Piece { phase, id, text: self.text(n) });
        }
        (open, done)
    }

    /// The words of a phase's first line, without marks.
    fn heading(&self, n: usize) -> String {
        let node = &self.document.nodes[n];
        let id = node.id.as_deref().map(|it| format!("{it}. ")).unwrap_or_default();
        match node.kind {
            NodeKind::Phase => node.text.clone(),
            _ => format!("Phase {id}{}", node.text),
        }
    }

    /// A task as it stands in the file, moved to the left.
    fn text(&self, n: usize) -> String {
        let own = self.document.subtree(n);
        let lines = self.document.lines.iter().zip(&self.document.owners);
        let lines: Vec<String> = lines
            .filter(|(_, owner)| own.contains(owner))
            .map(|(line, _)| {
                String::from_utf8_lossy(&self.bytes[line.clone()]).trim_end().to_owned()
            })
            .collect();
        let blank = |it: &&String| !it.is_empty();
        let indent = lines
            .iter()
            .filter(blank)
            .map(|it| it.len() - it.trim_start().len())
            .min()
            .unwrap_or(0);
        let moved: Vec<&str> = lines.iter().map(|it| it.get(indent..).unwrap_or("")).collect();
        moved.join("\n").trim_end().to_owned()
    }

    /// Everything but the tasks.
    fn frame(&self, part: usize, parts: usize, open: &[Piece], done: &[String]) -> String {
        let mut text = format!("# Kilo Code / Claude Code Implementation: {}\n\n", self.title);
        let mut say = |line: &str| {
            text.push_str(line);
            text.push('\n');
        };
        if self.is_draft {
            say("**Status:** DRAFT (the tasks are not approved)");
        }
        say(&format!("**Generated:** {}", self.generated));
        say(&format!("**Author:** {}", self.author));
        say(&format!("**Total:** {} tasks are open, {} are done", open.len(), done.len()));
        say(&format!(
            "**Token Budget:** {} tokens a prompt, counted with {}",
            self.budget, self.tokenizer
        ));
        if parts > 1 {
            say(&format!("**Part:** {part} of {parts}; the parts are carried out in their order"));
        }
        say("\n## Supporting Documentation\n");
        for (name, what) in self.documents {
            say(&format!("- `{}/{name}` - {what}", self.folder));
        }
        say("\nRead all of it before you begin.");
        say(LIMITS);
        say("**Validation after each task:** run the commands that the task names, then");
        for command in self.validation {
            say(&format!("- `{command}`"));
        }
        if self.validation.is_empty() {
            say("- the project's tests and its linter");
        }
        say(&format!(
            "\nTick a task when its validation passes: `specie spec tick {}/tasks.md ID --state done`. Never tick one whose validation did not run.",
            self.folder
        ));
        say("\n## Execution Modes\n");
        say(&format!("- Kilo Code: `kilo {}/{}`", self.folder, file_name(self.stem, part)));
        say("- Claude Code: give it one phase after the other, and wait for its checkpoint");
        if !done.is_empty() {
            say(&format!("\n**Done already, not to be done again:** {}", done.join(", ")));
        }
        text
    }
}

const LIMITS: &str = "
## Critical Execution Constraints

**Hard limits:**
- At most 10 tasks a cycle
- At most 5 edits of a file in one task
- At most 50 lines in one replacement
- At most 2 retries of a task
- Stop after 3 errors in a row
- Stop when 80 % of the tokens are used

**File strategies:**
- SMALL (under 200 lines): any method
- MEDIUM (200-500 lines): replacements only
- LARGE (over 500 lines): replacements of at most 50 lines, one place at a time
- A file that is not named by the task stays as it is
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dialect, Kind, read};

    const TASKS: &str = "# Implementation Plan: X\n\n## Tasks\n\n- [ ] 1. One\n  - [x] 1.1 Done\n  - [ ] 1.2 Two\n    - CREATE: `a.rs` (~10 lines - SMALL)\n- [ ] 2. Three\n  - [ ] 2.1 Four\n    - a\n";

    fn made(budget: usize) -> Result<Vec<String>, TooLarge> {
        let document = read(TASKS.as_bytes(), Dialect::Kiro, Kind::Tasks);
        let prompt = Prompt {
            document: &document,
            bytes: TASKS.as_bytes(),
            title: "X",
            folder: "f",
            stem: "kilo-prompt",
            documents: &[("design.md".into(), "Design".into())],
            validation: &[],
            generated: "2026-01-31 09:30",
            author: "A",
            is_draft: true,
            budget,
            tokenizer: "words",
        };
        prompts(&prompt, &|text| text.split_whitespace().count())
    }

    #[test]
    fn open_tasks_are_told_under_their_phases_and_done_ones_named() {
        let all = made(1000).unwrap();
        let [one] = all.as_slice() else { panic!("{} parts", all.len()) };
        assert!(one.contains("## Phase 1. One\n\n- [ ] 1.2 Two\n  - CREATE: `a.rs`"), "{one}");
        assert!(one.contains("## Phase 2. Three\n\n- [ ] 2.1 Four\n  - a\n"), "{one}");
        assert!(one.contains("not to be done again:** 1.1") && !one.contains("1.1 Done"));
        assert!(one.contains("DRAFT") && !one.contains("**Part:**"));
    }

    #[test]
    fn a_budget_is_kept_by_parts_and_one_that_holds_no_task_is_refused() {
        let whole = made(1000).unwrap()[0].split_whitespace().count();
        let parts = made(whole + 12).unwrap();
        assert!(parts.len() == 2, "{}", parts.len());
        for part in &parts {
            assert!(part.split_whitespace().count() <= whole + 12);
        }
        assert!(parts[0].contains("`kilo f/kilo-prompt.md`"), "{}", parts[0]);
        assert!(parts[1].contains("`kilo f/kilo-prompt-part-2.md`"), "{}", parts[1]);
        assert!(parts[1].contains("2.1 Four") && !parts[0].contains("2.1 Four"));
        assert!(made(20).is_err());
    }
}
