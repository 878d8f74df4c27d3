//! The table of phases that a file may begin with, and the mark of each.

use std::ops::Range;

use super::{Phase, PhaseState};
use crate::check::Input;
use crate::{Change, NodeKind, ids};

/// The marks, and the words that may stand behind one.
const MARKS: [char; 4] = ['⬜', '🟦', '✅', '❌'];
const WORDS: [&str; 9] = [
    "",
    "not started",
    "pending",
    "open",
    "in progress",
    "started",
    "done",
    "complete",
    "completed",
];

/// A row of the table that has a mark.
pub(super) struct Row {
    pub(super) phase: String,
    pub(super) mark: char,
    /// From 1.
    pub(super) line: usize,
    /// The mark, and the words that stand behind it.
    cell: Range<usize>,
}

impl Row {
    /// All rows of a file. A table of phases is one whose first cell says so.
    pub(super) fn all(file: &Input<'_>) -> Vec<Self> {
        let document = file.document;
        let mut rows = Vec::new();
        let mut before: Option<(usize, bool)> = None;
        for (n, (range, owner)) in document.lines.iter().zip(&document.owners).enumerate() {
            if document.nodes[*owner].kind != NodeKind::Table {
                continue;
            }
            let Ok(text) = std::str::from_utf8(&file.bytes[range.clone()]) else { continue };
            let fits = match before {
                Some((table, fits)) if table == *owner => fits,
                _ => first_cell(text).eq_ignore_ascii_case("phase"),
            };
            before = Some((*owner, fits));
            rows.extend(Self::of(text, range.start, n + 1).filter(|_| fits));
        }
        rows
    }

    fn of(text: &str, start: usize, line: usize) -> Option<Self> {
        let first = first_cell(text);
        let phase = ids::after_name(&first, &["Phase"]).map_or(first, |(id, _)| id);
        let (at, mark) = text.char_indices().find(|(_, c)| MARKS.contains(c))?;
        let rest = &text[at..];
        let end = rest.find('|').unwrap_or(rest.len());
        let cell = start + at..start + at + rest[..end].trim_end().len();
        Some(Self { phase, mark, line, cell })
    }
}

fn first_cell(row: &str) -> String {
    let cell = row.trim().trim_start_matches('|').split('|').next().unwrap_or_default();
    ids::unmarked(cell)
}

/// The splices that make the marks of the table of phases say how far each phase is. One that marks
/// a phase as blocked stays: who has set it takes it away.
pub fn marks(file: &Input<'_>, phases: &[Phase]) -> Vec<Change> {
    let rows = Row::all(file);
    let rows = rows.iter().filter(|row| row.mark != '❌');
    rows.filter_map(|row| {
        let phase = phases.iter().find(|it| it.id == row.phase && it.path == file.path)?;
        change(file, row, phase.state())
    })
    .collect()
}

fn change(file: &Input<'_>, row: &Row, state: PhaseState) -> Option<Change> {
    let (mark, words) = match state {
        PhaseState::Done => ('✅', "Done"),
        PhaseState::InProgress | PhaseState::Started => ('🟦', "In Progress"),
        PhaseState::NotStarted => ('⬜', "Not Started"),
    };
    let was = std::str::from_utf8(&file.bytes[row.cell.clone()]).ok()?;
    // What follows may be a selector of the picture's form.
    let behind = was.trim_start_matches(row.mark).trim_start_matches('\u{fe0f}');
    let known = WORDS.contains(&behind.trim().to_lowercase().as_str());
    let kept = if known { behind.trim() } else { behind };
    let now = match (known, kept.is_empty()) {
        (true, false) => format!("{mark} {words}"),
        _ => format!("{mark}{behind}"),
    };
    (row.mark != mark).then(|| Change { span: row.cell.clone(), was: was.into(), now })
}
