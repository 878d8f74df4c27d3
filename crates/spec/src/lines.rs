//! The lines of a file, and what each one is by itself.

use std::borrow::Cow;
use std::ops::Range;

use crate::document::State;

/// The lines of a file, each with its line end. A file that ends with a line end has no line after.
pub(crate) fn split(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut lines = Vec::new();
    let mut start = 0;
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        lines.push(start..at + 1);
        start = at + 1;
    }
    if start < bytes.len() {
        lines.push(start..bytes.len());
    }
    lines
}

/// A line without its end, and where it begins in the file.
pub(crate) struct Line<'a> {
    /// Its bytes, without line end, trailing blanks and, at the beginning of a file, its mark.
    pub(crate) bytes: &'a [u8],
    /// Where these begin in the file.
    pub(crate) start: usize,
}

impl<'a> Line<'a> {
    pub(crate) fn of(file: &'a [u8], range: &Range<usize>) -> Self {
        let mark = if range.start == 0 && file.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let start = range.start + mark;
        let bytes = file[start..range.end].trim_ascii_end();
        Self { bytes, start }
    }

    /// What it is.
    pub(crate) fn token(&self) -> Token {
        let indent = self.bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let rest = &self.bytes[indent..];
        let columns = columns(&self.bytes[..indent]);
        if rest.is_empty() {
            return Token::Blank;
        }
        if let Some(fence) = fence(rest) {
            return Token::Fence(fence);
        }
        if let Some((level, text)) = heading(rest).filter(|_| columns < 4) {
            return Token::Heading { level, text: indent + text };
        }
        if rest[0] == b'|' {
            return Token::Table;
        }
        if is_rule(rest) {
            return Token::Rule;
        }
        item(rest).or_else(|| quoted_box(rest)).map_or(
            Token::Text { columns, text: indent },
            |item| {
                Token::Item(Item {
                    columns,
                    text: indent + item.text,
                    mark: item.mark.map(|(at, state)| (indent + at, state)),
                    ..item
                })
            },
        )
    }

    /// What stands from `at` on.
    pub(crate) fn from(&self, at: usize) -> Cow<'a, str> {
        String::from_utf8_lossy(self.bytes.get(at..).unwrap_or_default())
    }
}

/// What a line is by itself. Places are bytes from the line's beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Blank,
    Heading {
        level: usize,
        text: usize,
    },
    /// Opens or closes a block of code.
    Fence(Fence),
    Item(Item),
    Table,
    /// `---`
    Rule,
    Text {
        columns: usize,
        text: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fence {
    mark: u8,
    length: usize,
    /// Whether nothing follows, so that it may close one.
    bare: bool,
}

impl Fence {
    /// Whether `other` closes the block that this one opened.
    pub(crate) fn is_closed_by(self, other: Self) -> bool {
        other.mark == self.mark && other.length >= self.length && other.bare
    }
}

/// An item of a list, or a box without a bullet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) columns: usize,
    /// `7` of `7.`; none for a bullet.
    pub(crate) number: Option<String>,
    /// Where the character of its box stands, and what it says.
    pub(crate) mark: Option<(usize, State)>,
    /// Whether `*` follows the box.
    pub(crate) optional: bool,
    /// Where its words begin.
    pub(crate) text: usize,
}

/// How far blanks reach; a tab reaches to the next multiple of four.
fn columns(blanks: &[u8]) -> usize {
    blanks.iter().fold(0, |at, byte| if *byte == b'\t' { at / 4 * 4 + 4 } else { at + 1 })
}

fn fence(rest: &[u8]) -> Option<Fence> {
    let mark = *rest.first().filter(|byte| matches!(byte, b'`' | b'~'))?;
    let length = rest.iter().take_while(|byte| **byte == mark).count();
    let info = &rest[length..];
    let inline = mark == b'`' && info.contains(&b'`');
    (length >= 3 && !inline).then(|| Fence { mark, length, bare: info.trim_ascii().is_empty() })
}

/// A heading's level, and where its words begin. `##Tasks` is taken for one, too.
fn heading(rest: &[u8]) -> Option<(usize, usize)> {
    let level = rest.iter().take_while(|byte| **byte == b'#').count();
    let after = rest.get(level);
    let spaced = after.is_none_or(|byte| byte.is_ascii_whitespace());
    let pasted = level >= 2 && after.is_some_and(|byte| byte.is_ascii_alphanumeric());
    if !(1..=6).contains(&level) || !(spaced || pasted) {
        return None;
    }
    let blanks = rest[level..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    Some((level, level + blanks))
}

fn is_rule(rest: &[u8]) -> bool {
    let mark = rest[0];
    let marks = rest.iter().filter(|byte| !byte.is_ascii_whitespace());
    matches!(mark, b'-' | b'*' | b'_')
        && marks.clone().all(|byte| *byte == mark)
        && marks.count() >= 3
}

fn item(rest: &[u8]) -> Option<Item> {
    let (number, after) = bullet(rest).unwrap_or((None, 0));
    let boxed = checkbox(&rest[after..]);
    if after == 0 && boxed.is_none() {
        return None;
    }
    let (mark, optional, text) = match boxed {
        Some((state, optional, text)) => (Some((after + 1, state)), optional, after + text),
        None => (None, false, after),
    };
    Some(Item { columns: 0, number, mark, optional, text })
}

/// An item with a box in a quotation: it can be ticked like any other.
fn quoted_box(rest: &[u8]) -> Option<Item> {
    let inside = rest.iter().take_while(|byte| matches!(byte, b'>' | b' ')).count();
    let found = item(&rest[inside..]).filter(|_| rest.starts_with(b">"))?;
    let is_bullet = bullet(&rest[inside..]).is_some();
    let (at, state) = found.mark.filter(|_| is_bullet)?;
    Some(Item { mark: Some((inside + at, state)), text: inside + found.text, ..found })
}

/// A bullet or a number, and where what it stands before begins.
fn bullet(rest: &[u8]) -> Option<(Option<String>, usize)> {
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let marked = match (digits, rest.get(digits)) {
        (0, Some(b'-' | b'*' | b'+')) => 1,
        (1..=9, Some(b'.' | b')')) => digits + 1,
        _ => return None,
    };
    let blanks = rest[marked..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    if blanks == 0 && marked < rest.len() {
        return None;
    }
    let number = (digits > 0).then(|| String::from_utf8_lossy(&rest[..digits]).into_owned());
    Some((number, marked + blanks))
}

/// `[x]`, what it says, whether `*` follows (also as `\*`), and where the words begin.
fn checkbox(rest: &[u8]) -> Option<(State, bool, usize)> {
    let [b'[', mark, b']', after @ ..] = rest else { return None };
    let state = State::of(*mark)?;
    let (optional, star) = match after {
        [b'\\', b'*', ..] => (true, 2),
        [b'*', b'*', ..] => (false, 0),
        [b'*', ..] => (true, 1),
        _ => (false, 0),
    };
    let after = &after[star..];
    let blanks = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let apart = blanks > 0 || after.is_empty() || star > 0 || after.starts_with(b"**");
    apart.then_some((state, optional, 3 + star + blanks))
}
