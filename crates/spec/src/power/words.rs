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
    /// Which sentence or list, from 0: the items of a list are one, and so are its first words.
    pub group: usize,
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
    let mut groups = Groups::default();
    groups.gap(1, text);
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() {
            let end = at + text[at..].find(|c: char| !c.is_whitespace()).unwrap_or(text.len() - at);
            if all.last().is_some_and(|it| it.clause == clause)
                && breaks(&text[at..end], &text[end..])
            {
                clause += 1;
            }
            marker = text[at..end].contains('\n') || all.is_empty();
            groups.gap(text[at..end].matches('\n').count(), &text[end..]);
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
            capital: word.chars().find(|c| c.is_alphabetic()).is_some_and(char::is_uppercase),
            text: lower,
            clause,
            group: groups.of_token(),
            sign,
        });
        if matches!(word, "." | "!" | "?" | ";") {
            clause += 1;
            let item =
                all.iter().rev().nth(1).is_some_and(|it| it.sign && it.text.parse::<u16>().is_ok());
            groups.ended |= word != ";" && !item;
        }
        at = end;
    }
    let mut all = with_thousands(text, all);
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

/// Which words belong together, while a text is read: a sentence, or a list.
#[derive(Default)]
struct Groups {
    last: usize,
    now: usize,
    list: Option<usize>,
    ended: bool,
}

impl Groups {
    /// White space with so many ends of lines, before `after`.
    fn gap(&mut self, lines: usize, after: &str) {
        if lines > 0 && is_item(after) {
            if let Some(list) = self.list {
                (self.now, self.ended) = (list, false);
            } else {
                self.list = Some(self.of_token());
            }
        } else if lines > 1 {
            (self.list, self.ended) = (None, true);
        }
    }

    /// The group of the next token.
    fn of_token(&mut self) -> usize {
        if std::mem::take(&mut self.ended) {
            self.last += 1;
            self.now = self.last;
        }
        self.now
    }
}

/// Whether a gap ends a clause: an empty line, or a new item of a list.
fn breaks(gap: &str, after: &str) -> bool {
    let lines = gap.matches('\n').count();
    lines > 1 || (lines == 1 && is_item(after))
}

/// Whether a line begins as an item of a list.
fn is_item(line: &str) -> bool {
    let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    line.starts_with("- ")
        || line.starts_with("* ")
        || line.starts_with("• ")
        || (digits > 0 && (line[digits..].starts_with(". ") || line[digits..].starts_with(") ")))
}

/// The tokens, with numbers whose thousands are parted by a space (`1 200 €`) in one piece.
fn with_thousands(text: &str, all: Vec<Token>) -> Vec<Token> {
    let mut joined: Vec<Token> = Vec::new();
    let mut at = 0;
    while at < all.len() {
        let end = thousands(text, &all, at);
        let mut token = all[at].clone();
        if end > at + 1 {
            token.span.end = all[end - 1].span.end;
            token.text = text[token.span.clone()].split_whitespace().collect();
            token.number = hundredths(&token.text);
            token.stem.clone_from(&token.text);
        }
        joined.push(token);
        at = end;
    }
    joined
}

/// Where the number that begins at `at` ends, with its groups of three digits. Parted by plain spaces
/// it is one number only beside a currency.
fn thousands(text: &str, all: &[Token], at: usize) -> usize {
    let begins = all[at].number.is_some() && all[at].text.len() <= 3;
    let (mut end, mut plain) = (at + 1, false);
    while let Some(next) = all.get(end).filter(|it| begins && it.clause == all[at].clause) {
        let gap = &text[all[end - 1].span.end..next.span.start];
        let three = next.text.split([',', '.']).next().is_some_and(|it| it.len() == 3);
        let parted = matches!(gap, " " | "\u{a0}" | "\u{202f}" | "\u{2009}");
        if !parted
            || !three
            || next.number.is_none()
            || !all[end - 1].text.ends_with(|c: char| c.is_ascii_digit())
        {
            break;
        }
        plain |= gap == " ";
        end += 1;
    }
    let sign =
        |it: Option<&Token>| it.is_some_and(|it| super::quantities::currency(&it.text).is_some());
    let goes_on = |it: &Token| {
        let often = matches!(it.text.as_str(), "a" | "an" | "per" | "each" | "every");
        it.sign || often || super::quantities::adverb(&it.text).is_some()
    };
    let before = at.checked_sub(1).and_then(|it| all.get(it));
    let priced = sign(all.get(end)) || (sign(before) && all.get(end).is_none_or(goes_on));
    if plain && !priced { at + 1 } else { end }
}

/// How many bytes the token at the beginning of `text` has.
fn length(text: &str) -> usize {
    let mut chars = text.char_indices().peekable();
    let Some((_, first)) = chars.next() else { return 0 };
    if !first.is_alphanumeric() {
        return first.len_utf8();
    }
    if let Some(sign) = dollar(text) {
        return sign;
    }
    let digits = first.is_ascii_digit() && !is_word(text);
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, c)| *c);
        let goes_on = match c {
            _ if digits && c.is_ascii_digit() => true,
            ',' | '.' if digits => next.is_some_and(|c| c.is_ascii_digit()),
            '\'' | '’' if digits => {
                let rest = &text[at + c.len_utf8()..];
                rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len() == 3
            }
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

/// How long a sign such as `US$` is, if the text begins with one.
fn dollar(text: &str) -> Option<usize> {
    let letters = text.len() - text.trim_start_matches(|c: char| c.is_ascii_uppercase()).len();
    ((1..=3).contains(&letters) && text[letters..].starts_with('$')).then_some(letters + 1)
}

/// Whether letters behind the digits make it a word, such as `4ever`; a unit or a currency does not.
fn is_word(text: &str) -> bool {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let letters: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
    !letters.is_empty() && !super::quantities::is_unit(&letters.to_lowercase())
}

/// `29`, `29.5`, `1,290.00`, `9,99`, `1.299,00` in hundredths: the last sign with one or two digits
/// behind it parts the places, signs before it the thousands. None for what is no number, or could be
/// two.
fn hundredths(word: &str) -> Option<i64> {
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let word = word.replace(['\'', '’'], "");
    let word = word.as_str();
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
    fn a_list_is_one_group_and_so_is_a_sentence() {
        let group = |text: &str| -> Vec<usize> {
            tokens(text).iter().filter(|it| !it.sign).map(|it| it.group).collect()
        };
        assert_eq!(group("One two; three. Four"), [0, 0, 0, 1]);
        assert_eq!(group("Intro:\n- one. Aside\n- two\n\nEnd"), [0, 0, 1, 0, 2]);
        assert_eq!(group("Intro.\n- one\n\n- two"), [0, 1, 1]);
        assert_eq!(group("1. one\n2. two"), [0, 0]);
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
            ("1 200 €", 120_000, 1),
            ("1\u{202f}200 seats", 120_000, 1),
            ("1\u{a0}200,50", 120_050, 1),
            ("1'200", 120_000, 1),
            ("1 200 seats", 100, 1),
        ] {
            assert_eq!(number(&tokens(text), 0), Some((value, length)), "{text}");
        }
        assert_eq!(number(&tokens("monthly"), 0), None);
        assert_eq!(number(&tokens("4ever"), 0), None);
    }
}
