//! Lines in columns: what is too long for its column goes on below, inside the column. A word stays
//! whole, and is looked for and copied so: one that is too long pushes the rest of its line on.

/// A column of text.
#[derive(Clone, Copy)]
pub struct Column {
    width: usize,
    right: bool,
}

/// A column whose text begins at its left.
pub const fn left(width: usize) -> Column {
    Column { width, right: false }
}

/// A column whose text ends at its right.
pub const fn right(width: usize) -> Column {
    Column { width, right: true }
}

/// The cells side by side, one space between the columns, as many lines as the longest needs.
pub fn row(columns: &[Column], cells: &[&str]) -> String {
    let cells: Vec<Vec<String>> =
        columns.iter().zip(cells).map(|(column, cell)| wrapped(cell, column.width)).collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    let line = |n: usize| {
        let parts: Vec<String> =
            columns.iter().zip(&cells).map(|(column, cell)| column.pad(cell.get(n))).collect();
        parts.join(" ").trim_end().to_owned()
    };
    (0..height).map(line).collect::<Vec<_>>().join("\n")
}

impl Column {
    fn pad(self, text: Option<&String>) -> String {
        let text = text.map_or("", String::as_str);
        let gap = " ".repeat(self.width.saturating_sub(text.chars().count()));
        if self.right { gap + text } else { text.to_owned() + &gap }
    }
}

/// Lines of at most `width` characters, broken between words; a word that is longer stands alone.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let length = |text: &str| text.chars().count();
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if length(line) + 1 + length(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_cells_go_on_in_their_column() {
        let columns = [left(4), left(10), right(6), left(8)];
        let found = row(&columns, &["ada", "pays for a long time", "$29.00", "active, renews"]);
        assert_eq!(found, "ada  pays for a $29.00 active,\n     long time         renews");
        assert_eq!(
            row(&columns, &["x", "evt_1 abcdefghijklm", "", "y"]),
            "x    evt_1             y\n     abcdefghijklm"
        );
        assert_eq!(
            row(&columns, &["x", "abcdefghijklm", "", "y"]),
            "x    abcdefghijklm        y",
            "a word is never cut"
        );
        assert_eq!(row(&columns, &["x", "", "", ""]), "x");
    }
}
