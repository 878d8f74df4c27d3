//! A text as words with places, stems and clauses.

use std::ops::Range;

use rust_stemmers::{Algorithm, Stemmer};

/// A word, a number or a sign of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// Where it stands, in bytes.
    pub span: Range<usize>,
    /// In small letters.
    pub text: String,
    /// What its forms have in common.
    pub stem: String,
    /// Its value in hundredths, if it is written in digits.
    pub number: Option<i64>,
    /// Whether it begins with a capital letter.
    pub capital: bool,
    /// Which clause it stands in, from 0.
    pub clause: usize,
    /// Whether it is a sign, such as a comma.
    pub sign: bool,
}

/// The words, numbers and signs of a text, in order.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let stemmer = Stemmer::create(Algorithm::English);
    let mut all: Vec<Token> = Vec::new();
    let mut clause = 0;
    let mut at = 0;
    let mut marker = false;
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() {
            let end = at + text[at..].find(|c: char| !c.is_whitespace()).unwrap_or(text.len() - at);
            if all.last().is_some_and(|it| it.clause == clause)
                && breaks(&text[at..end], &text[end..])
            {
                clause += 1;
            }
            marker = text[at..end].contains('\n') || all.is_empty();
            at = end;
            continue;
        }
        marker |= at == 0;
        let end = at + length(&text[at..]);
        let word = &text[at..end];
        let lower = word.to_lowercase();
        let numbers_item =
            marker && text[end..].starts_with([')', '.']) && word.parse::<u16>().is_ok();
        marker = false;
        let sign = numbers_item || !word.chars().any(char::is_alphanumeric);
        if lower == "but" && all.last().is_some_and(|it| it.clause == clause) {
            clause += 1;
        }
        all.push(Token {
            span: at..end,
            stem: stemmer.stem(&lower).into_owned(),
            number: if numbers_item { None } else { hundredths(word) },
            capital: c.is_uppercase(),
            text: lower,
            clause,
            sign,
        });
        if matches!(word, "." | "!" | "?" | ";") {
            clause += 1;
        }
        at = end;
    }
    for at in 0..all.len().saturating_sub(2) {
        let often = matches!(all[at + 1].text.as_str(), "a" | "an" | "per" | "each" | "every");
        if all[at].text == "once" && often && super::quantities::interval(&all, at + 1).is_some() {
            // `once a month` says how often, not that it happens once.
            all[at].text = "each".into();
            all[at].stem = "each".into();
        }
    }
    all
}

/// Whether a gap ends a clause: an empty line, or a new item of a list.
fn breaks(gap: &str, after: &str) -> bool {
    let lines = gap.matches('\n').count();
    let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let item = after.starts_with("- ")
        || after.starts_with("* ")
        || after.starts_with("• ")
        || (digits > 0 && (after[digits..].starts_with(". ") || after[digits..].starts_with(") ")));
    lines > 1 || (lines == 1 && item)
}

/// How many bytes the token at the beginning of `text` has.
fn length(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    let Some((_, first)) = chars.next() else { return 0 };
    if !first.is_alphanumeric() {
        return first.len_utf8();
    }
    let digits = first.is_ascii_digit();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, c)| *c);
        let goes_on = match c {
            _ if digits && c.is_ascii_digit() => true,
            ',' | '.' if digits => next.is_some_and(|c| c.is_ascii_digit()),
            _ if digits => false,
            '.' | '\'' | '’' => next.is_some_and(char::is_alphanumeric),
            '-' => matches!(text[..at].to_ascii_lowercase().as_str(), "semi" | "bi"),
            '+' | '#' => true,
            _ => c.is_alphanumeric(),
        };
        if !goes_on {
            return at;
        }
    }
    text.len()
}

/// `29`, `29.5`, `1,290.00`, `9,99`, `1.299,00` in hundredths: the last sign with one or two digits
/// behind it parts the places, signs before it the thousands. None for what is no number, or could be
/// two.
fn hundredths(word: &str) -> Option<i64> {
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let last = word.rfind([',', '.']);
    let (whole, part) = match last {
        Some(at) if word.len() - at <= 3 => (&word[..at], &word[at + 1..]),
        _ => (word, ""),
    };
    let groups: Vec<&str> = whole.split([',', '.']).collect();
    let grouped = groups.iter().skip(1).all(|it| it.len() == 3);
    let dotted = part.is_empty() && whole.contains('.');
    if !grouped || dotted {
        return None;
    }
    let places: i64 = format!("{part:0<2}").parse().ok()?;
    groups.concat().parse::<i64>().ok()?.checked_mul(100)?.checked_add(places)
}

/// The stem of a word, as those of a text are made.
pub(crate) fn stem(word: &str) -> String {
    Stemmer::create(Algorithm::English).stem(&word.to_lowercase()).into_owned()
}

/// The number at `at` in hundredths, in digits or in words, and where what follows begins.
pub(crate) fn number(tokens: &[Token], at: usize) -> Option<(i64, usize)> {
    let first = tokens.get(at)?;
    if let Some(value) = first.number {
        return Some((value, at + 1));
    }
    let mut next = at;
    let (mut total, mut group, mut known) = (0_i64, 0_i64, false);
    while let Some(token) = tokens.get(next).filter(|it| it.clause == first.clause) {
        match token.text.as_str() {
            "hundred" if known => group *= 100,
            "thousand" if known => {
                total += group * 1000;
                group = 0;
            }
            "-" if known && joins(tokens, next) => {}
            "and" if known && group >= 100 && counts(tokens.get(next + 1)) => {}
            word => match small(word) {
                Some(value) if group == 0 || fits(group, value) => {
                    group += value;
                    known = true;
                }
                _ => break,
            },
        }
        next += 1;
    }
    known.then(|| ((total + group) * 100, next))
}

fn joins(tokens: &[Token], hyphen: usize) -> bool {
    let (Some(before), Some(after)) = (tokens.get(hyphen.wrapping_sub(1)), tokens.get(hyphen + 1))
    else {
        return false;
    };
    small(&before.text).is_some_and(|it| it >= 20) && small(&after.text).is_some_and(|it| it < 10)
}

fn counts(token: Option<&Token>) -> bool {
    token.is_some_and(|it| small(&it.text).is_some())
}

/// Whether `value` goes on a number: `twenty` and `nine`, `two hundred` and `ninety`.
fn fits(group: i64, value: i64) -> bool {
    match group % 100 {
        0 => group > 0,
        tens => tens >= 20 && tens % 10 == 0 && value < 10,
    }
}

fn small(word: &str) -> Option<i64> {
    const WORDS: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 8] =
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    let found = WORDS.iter().position(|it| *it == word);
    let tens = || TENS.iter().position(|it| *it == word).map(|it| (it + 2) * 10);
    found.or_else(tens).and_then(|it| i64::try_from(it).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_parted_into_words_numbers_and_signs() {
        let words: Vec<String> =
            tokens("Node.js at $29.00/month, e-mail.").into_iter().map(|it| it.text).collect();
        assert_eq!(
            words,
            ["node.js", "at", "$", "29.00", "/", "month", ",", "e", "-", "mail", "."]
        );
        let text = "Need to support:\n- One thing\n- Another\n\nEnd; done but late";
        let clauses: Vec<(String, usize)> =
            tokens(text).into_iter().filter(|it| !it.sign).map(|it| (it.text, it.clause)).collect();
        let of = |word: &str| clauses.iter().find(|it| it.0 == word).unwrap().1;
        assert_eq!(
            (of("need"), of("one"), of("another"), of("end"), of("done"), of("late")),
            (0, 1, 2, 3, 4, 5)
        );
    }

    #[test]
    fn numbers_are_read_in_digits_and_in_words() {
        for (text, value, length) in [
            ("29", 2900, 1),
            ("1,290.50 a", 129_050, 1),
            ("twenty-nine dollars", 2900, 3),
            ("twenty nine", 2900, 2),
            ("two hundred and ninety", 29_000, 4),
            ("two hundred ninety euros", 29_000, 3),
            ("three thousand four hundred", 340_000, 4),
            ("five seven", 500, 1),
            ("ten and", 1000, 1),
            ("9,99", 999, 1),
            ("1.299,00", 129_900, 1),
            ("1,200", 120_000, 1),
        ] {
            assert_eq!(number(&tokens(text), 0), Some((value, length)), "{text}");
        }
        assert_eq!(number(&tokens("monthly"), 0), None);
    }
}
