//! The rows of a table.

use std::ops::Range;

use super::Input;

/// A row: its cells without marks, and where they stand. The first cell is what stands before the first
/// line.
pub(super) type Row = Vec<(String, Range<usize>)>;

/// The cells of each row of a table but the one of dashes, without marks, and where they stand.
pub(super) fn rows(file: &Input<'_>, node: usize) -> Vec<Row> {
    let own = file.document.own(node);
    let first = file.document.line_at(own.start) - 1;
    let lines = file.document.lines[first..].iter().take_while(|line| line.start < own.end);
    let mut rows = Vec::new();
    for line in lines {
        let Ok(text) = std::str::from_utf8(&file.bytes[line.clone()]) else { continue };
        let mut cells = Vec::new();
        let mut at = 0;
        for cell in text.trim_end().trim_end_matches('|').split('|') {
            let name = cell.trim_matches(|c: char| c.is_whitespace() || "`*".contains(c));
            let start = line.start + at + cell.find(name).unwrap_or(0);
            cells.push((name.to_owned(), start..start + name.len()));
            at += cell.len() + 1;
        }
        let is_rule = |(cell, _): &(String, _)| cell.chars().all(|c| "-: ".contains(c));
        if !cells.iter().all(is_rule) {
            rows.push(cells);
        }
    }
    rows
}
