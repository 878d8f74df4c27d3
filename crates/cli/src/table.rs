//! Lines in columns: what is too long for its column goes on below, inside the column.

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

/// Lines of at most `width` characters, broken between words; a word that is longer is cut.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let mut rest: Vec<char> = word.chars().collect();
        let last = lines.last().map_or(0, |line| line.chars().count());
        if last > 0 && last + 1 + rest.len() > width {
            lines.push(String::new());
        }
        while rest.len() > width {
            let tail = rest.split_off(width);
            extend(&mut lines, &rest);
            lines.push(String::new());
            rest = tail;
        }
        extend(&mut lines, &rest);
    }
    lines
}

fn extend(lines: &mut [String], word: &[char]) {
    if let Some(line) = lines.last_mut() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.extend(word);
    }
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
            row(&columns, &["x", "abcdefghijklm", "", "y"]),
            "x    abcdefghij        y\n     klm"
        );
        assert_eq!(row(&columns, &["x", "", "", ""]), "x");
    }
}
