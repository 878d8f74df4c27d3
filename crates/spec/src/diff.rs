//! What differs between two texts, line by line, and how it is shown so that nothing hides in it.

use std::collections::HashMap;
use std::fmt::Write;

/// How many lines are shown around what differs.
const CONTEXT: usize = 3;
/// Up to so many pairs of lines the shortest difference is looked for; beyond, lines that stand once
/// in each text are the anchors.
const PAIRS: usize = 1_000_000;

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// In both texts.
    Both,
    /// In the old one alone.
    Old,
    /// In the new one alone.
    New,
}

/// A line of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Where it stands.
    pub side: Side,
    /// Its bytes, with its line end if it has one.
    pub bytes: &'a [u8],
    /// Its place in the old text, from 0; of a new line that of the old line behind it.
    pub old: usize,
    /// Its place in the new text, from 0; of an old line that of the new line behind it.
    pub new: usize,
}

/// All lines of both texts, in their order.
pub fn diff<'a>(old: &'a [u8], new: &'a [u8]) -> Vec<Line<'a>> {
    let (old, new): (Vec<&[u8]>, Vec<&[u8]>) = (split(old), split(new));
    let mut same = pairs(&old, &new);
    same.push((old.len(), new.len()));
    let mut lines = Vec::with_capacity(old.len().max(new.len()));
    let (mut a, mut b) = (0, 0);
    for (to_a, to_b) in same {
        let gone = (a..to_a).map(|n| Line { side: Side::Old, bytes: old[n], old: n, new: b });
        lines.extend(gone);
        let come = (b..to_b).map(|n| Line { side: Side::New, bytes: new[n], old: to_a, new: n });
        lines.extend(come);
        if let Some(bytes) = old.get(to_a) {
            lines.push(Line { side: Side::Both, bytes, old: to_a, new: to_b });
        }
        (a, b) = (to_a + 1, to_b + 1);
    }
    lines
}

/// How many lines were added, and how many removed.
pub fn counts(lines: &[Line<'_>]) -> (usize, usize) {
    let of = |side| lines.iter().filter(|line| line.side == side).count();
    (of(Side::New), of(Side::Old))
}

/// What differs with three lines around it, as `diff -u` writes it; empty when nothing does. What
/// a terminal would not show is written out: see [`visible`].
pub fn unified(lines: &[Line<'_>]) -> String {
    let mut out = String::new();
    let near = |n: usize| {
        let from = n.saturating_sub(CONTEXT);
        let around = &lines[from..lines.len().min(n + CONTEXT + 1)];
        around.iter().any(|line| line.side != Side::Both)
    };
    let mut n = 0;
    while n < lines.len() {
        let end = (n..lines.len()).find(|at| !near(*at)).unwrap_or(lines.len());
        if end > n {
            hunk(&lines[n..end], &mut out);
        }
        n = end.max(n) + 1;
    }
    out
}

fn hunk(lines: &[Line<'_>], out: &mut String) {
    let of = |not| lines.iter().filter(|line| line.side != not).count();
    let (olds, news) = (of(Side::New), of(Side::Old));
    // An empty side stands behind the line before it, as `diff -u` counts.
    let old = lines[0].old + usize::from(olds > 0);
    let new = lines[0].new + usize::from(news > 0);
    let _ = writeln!(out, "@@ -{old},{olds} +{new},{news} @@");
    for line in lines {
        let mark = match line.side {
            Side::Both => ' ',
            Side::Old => '-',
            Side::New => '+',
        };
        match line.bytes.strip_suffix(b"\n") {
            Some(text) => drop(writeln!(out, "{mark}{}", visible(text))),
            None => drop(writeln!(out, "{mark}{}\n\\ no line end", visible(line.bytes))),
        }
    }
}

/// A text as it can be shown to whoever approves it: control characters, characters that take no
/// place or turn the direction, and bytes that are no text are written out (`\u{1b}`, `\xff`), so
/// that none can hide another. Tabs stay.
pub fn visible(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c != '\t' && hides(c) {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            } else {
                out.push(c);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// Control characters, and those that Unicode calls default ignorable or bidirectional controls.
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0xAD | 0x34F | 0x61C | 0x115F | 0x1160 | 0x17B4 | 0x17B5 | 0x180B..=0x180F
            | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0x3164 | 0xFE00..=0xFE0F
            | 0xFEFF | 0xFFA0 | 0xFFF0..=0xFFFB | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A
            | 0xE0000..=0xE0FFF)
}

fn split(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

/// The lines that stand in both, as pairs of places that rise.
fn pairs(old: &[&[u8]], new: &[&[u8]]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut open = vec![(0..old.len(), 0..new.len())];
    while let Some((mut a, mut b)) = open.pop() {
        while !a.is_empty() && !b.is_empty() && old[a.start] == new[b.start] {
            found.push((a.start, b.start));
            (a.start, b.start) = (a.start + 1, b.start + 1);
        }
        while !a.is_empty() && !b.is_empty() && old[a.end - 1] == new[b.end - 1] {
            (a.end, b.end) = (a.end - 1, b.end - 1);
            found.push((a.end, b.end));
        }
        if a.len().saturating_mul(b.len()) <= PAIRS {
            let inside = longest(&old[a.clone()], &new[b.clone()]);
            found.extend(inside.iter().map(|(x, y)| (a.start + x, b.start + y)));
            continue;
        }
        let (mut x, mut y) = (a.start, b.start);
        for (to_x, to_y) in anchors(&old[a.clone()], &new[b.clone()]) {
            let (to_x, to_y) = (a.start + to_x, b.start + to_y);
            found.push((to_x, to_y));
            open.push((x..to_x, y..to_y));
            (x, y) = (to_x + 1, to_y + 1);
        }
        if (x, y) != (a.start, b.start) {
            open.push((x..a.end, y..b.end));
        }
    }
    found.sort_unstable();
    found
}

/// The longest common subsequence, by the table of all pairs.
fn longest(old: &[&[u8]], new: &[&[u8]]) -> Vec<(usize, usize)> {
    let wide = new.len() + 1;
    let mut table = vec![0u32; (old.len() + 1) * wide];
    for a in (0..old.len()).rev() {
        for b in (0..new.len()).rev() {
            table[a * wide + b] = if old[a] == new[b] {
                table[(a + 1) * wide + b + 1] + 1
            } else {
                table[(a + 1) * wide + b].max(table[a * wide + b + 1])
            };
        }
    }
    let (mut a, mut b) = (0, 0);
    let mut found = Vec::new();
    while a < old.len() && b < new.len() {
        if old[a] == new[b] {
            found.push((a, b));
            (a, b) = (a + 1, b + 1);
        } else if table[(a + 1) * wide + b] >= table[a * wide + b + 1] {
            a += 1;
        } else {
            b += 1;
        }
    }
    found
}

/// Lines that stand once in each text and in the same order: the longest rising run of them.
fn anchors(old: &[&[u8]], new: &[&[u8]]) -> Vec<(usize, usize)> {
    let mut seen: HashMap<&[u8], [(usize, usize); 2]> = HashMap::new();
    for (side, lines) in [old, new].into_iter().enumerate() {
        for (n, line) in lines.iter().enumerate() {
            let (count, place) = &mut seen.entry(line).or_default()[side];
            (*count, *place) = (*count + 1, n);
        }
    }
    let once = seen.values().filter(|[a, b]| a.0 == 1 && b.0 == 1);
    let mut all: Vec<(usize, usize)> = once.map(|[a, b]| (a.1, b.1)).collect();
    all.sort_unstable();
    rising(&all)
}

/// The longest run whose second places rise too.
fn rising(all: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; all.len()];
    for n in 0..all.len() {
        let at = ends.partition_point(|end| all[*end].1 < all[n].1);
        before[n] = at.checked_sub(1).map(|last| ends[last]);
        if at == ends.len() { ends.push(n) } else { ends[at] = n }
    }
    let back = std::iter::successors(ends.last().copied(), |n| before[*n]);
    let mut run: Vec<(usize, usize)> = back.map(|n| all[n]).collect();
    run.reverse();
    run
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The two texts that a difference is of.
    fn sides(lines: &[Line<'_>]) -> (Vec<u8>, Vec<u8>) {
        let of = |not| {
            let own = lines.iter().filter(|line| line.side != not);
            own.flat_map(|line| line.bytes.to_vec()).collect()
        };
        (of(Side::New), of(Side::Old))
    }

    #[test]
    fn what_differs_is_shown_with_what_stands_around_it() {
        let old = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n";
        let new = "a\nb\nc\nd\nE\nf\ng\nh\ni\nj\nk";
        let lines = diff(old.as_bytes(), new.as_bytes());
        assert_eq!(counts(&lines), (2, 1));
        let expected =
            "@@ -2,9 +2,10 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n i\n j\n+k\n\\ no line end\n";
        let shown = unified(&lines);
        assert!(shown.starts_with("@@ -2,") && shown.ends_with("+k\n\\ no line end\n"), "{shown}");
        assert_eq!(shown, expected);
        let apart = old.replace("a\n", "A\n").replace("j\n", "J\n");
        let shown = unified(&diff(old.as_bytes(), apart.as_bytes()));
        assert_eq!(shown.matches("@@ -").count(), 2, "{shown}");
        assert_eq!(unified(&diff(b"a\n", b"a\n")), "");
        assert_eq!(unified(&diff(b"", b"a\n")), "@@ -0,0 +1,1 @@\n+a\n");
        assert_eq!(unified(&diff(b"a\n", b"")), "@@ -1,1 +0,0 @@\n-a\n");
    }

    #[test]
    fn nothing_hides_from_whoever_approves() {
        let hidden = "keep\u{1b}[1A\u{202e}\u{200b} it\r".as_bytes();
        assert_eq!(visible(hidden), "keep\\u{1b}[1A\\u{202e}\\u{200b} it\\u{d}");
        assert_eq!(visible(b"a\tb\xff\xfe"), "a\tb\\xff\\xfe");
        assert_eq!(visible("Größe 請求 🎉".as_bytes()), "Größe 請求 🎉");
        assert!(unified(&diff(b"a\n", b"a\r\n")).contains("+a\\u{d}"));
    }

    #[test]
    fn large_texts_are_compared_by_their_anchors() {
        let line = |n: usize| format!("line {n}\n");
        let old: String = (0..4000).map(line).collect();
        let new: String = (100..4100).filter(|n| n % 3 != 0).map(line).collect();
        let lines = diff(old.as_bytes(), new.as_bytes());
        assert_eq!(sides(&lines), (old.clone().into_bytes(), new.clone().into_bytes()));
        assert_eq!(counts(&lines), (67, 1400));
        let (same, other) = ("x\n".repeat(3000), "y\n".repeat(3000));
        assert_eq!(counts(&diff(same.as_bytes(), other.as_bytes())), (3000, 3000));
    }

    proptest! {
        #[test]
        fn both_texts_can_be_had_back(old in "[ab\n]{0,60}", new in "[ab\n]{0,60}") {
            let lines = diff(old.as_bytes(), new.as_bytes());
            prop_assert_eq!(sides(&lines), (old.clone().into_bytes(), new.clone().into_bytes()));
            prop_assert_eq!(old == new, unified(&lines).is_empty());
        }
    }
}
