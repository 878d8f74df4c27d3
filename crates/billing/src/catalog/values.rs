//! The small languages inside texts of the file: keys, amounts, intervals, colours, links.

use specie_vocab::{Currency, Interval, IntervalUnit};

/// What a key looks like.
pub(super) const KEY: &str = "a small letter, then up to 39 small letters, digits, `_` or `-`";

pub(super) fn is_key(text: &str) -> bool {
    let rest = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    text.len() <= 40
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(rest)
}

/// `29.00` in minor units: all decimals of the currency, or none.
pub(super) fn amount(text: &str, currency: Currency) -> Option<i64> {
    let decimals = currency.decimals() as usize;
    let (whole, part) = match text.split_once('.') {
        Some((whole, part)) if part.len() == decimals && decimals > 0 => (whole, part),
        Some(_) => return None,
        None => (text, ""),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let plain = whole == "0" || !whole.starts_with('0');
    if whole.is_empty() || whole.len() > 15 || !plain || !digits(whole) || !digits(part) {
        return None;
    }
    format!("{whole}{part:0<decimals$}").parse().ok()
}

/// An amount of the currency, as one writes it in the file.
pub(super) fn example_amount(currency: Currency) -> &'static str {
    match currency.decimals() {
        0 => "2900",
        3 => "29.000",
        _ => "29.00",
    }
}

/// `month`, `1 month`, `30 days`.
pub(super) fn interval(text: &str) -> Option<Interval> {
    let (count, unit) = match text.split_once(' ') {
        Some((count, unit)) => (count, unit),
        None => ("1", text),
    };
    let unit = match unit {
        "day" | "days" => IntervalUnit::Day,
        "week" | "weeks" => IntervalUnit::Week,
        "month" | "months" => IntervalUnit::Month,
        "year" | "years" => IntervalUnit::Year,
        _ => return None,
    };
    let plain = !count.starts_with('0') && count.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| count.parse().ok()).flatten().map(|count| Interval { unit, count })
}

/// The fewest days that the interval can have.
pub(super) fn shortest_days(interval: Interval) -> u32 {
    let days = match interval.unit {
        IntervalUnit::Day => 1,
        IntervalUnit::Week => 7,
        IntervalUnit::Month => 28,
        IntervalUnit::Year => 365,
    };
    interval.count.saturating_mul(days)
}

/// `#4f46e5`.
pub(super) fn is_colour(text: &str) -> bool {
    text.strip_prefix('#')
        .is_some_and(|hex| hex.len() == 6 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// An address that a page may link to.
pub(super) fn is_link(text: &str) -> bool {
    let local = ["http://localhost", "http://127.0.0.1", "http://[::1]"]
        .iter()
        .filter_map(|start| text.strip_prefix(start))
        .any(|rest| rest.is_empty() || rest.starts_with([':', '/']));
    let https = text.strip_prefix("https://").is_some_and(|rest| {
        rest.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')
    });
    (local || https) && is_plain(text)
}

/// `mailto:help@example.com`.
pub(super) fn is_mail_link(text: &str) -> bool {
    text.strip_prefix("mailto:")
        .and_then(|address| address.split_once('@'))
        .is_some_and(|(user, host)| !user.is_empty() && host.contains('.'))
        && is_plain(text)
}

fn is_plain(text: &str) -> bool {
    text.len() <= 2000 && text.bytes().all(|b| b.is_ascii_graphic() && !br#"\"'<>`"#.contains(&b))
}

/// What a text that must never stand in the file starts with, and what it is then.
const SECRETS: [(&str, &str); 6] = [
    ("sk_live_", "a live secret key"),
    ("sk_test_", "a secret key"),
    ("rk_", "a restricted key"),
    ("whsec_", "a webhook secret"),
    ("postgres://", "a database address"),
    ("postgresql://", "a database address"),
];

/// What kind of secret a text is, if it is one.
pub(super) fn secret_kind(text: &str) -> Option<&'static str> {
    SECRETS.iter().find(|(start, _)| text.starts_with(start)).map(|(_, kind)| *kind)
}

/// A text that may be printed: what follows the beginning of a secret is stars, as many as it has
/// bytes, so that every place in the text stays where it was.
pub(crate) fn masked(text: &str) -> String {
    let mut masked = text.to_owned();
    for (start, _) in SECRETS {
        let mut from = 0;
        while let Some(found) = masked[from..].find(start) {
            let begin = from + found + start.len();
            let ends = |c: char| c.is_whitespace() || c.is_control() || "\"'`,;".contains(c);
            let end = masked[begin..].find(ends).map_or(masked.len(), |end| begin + end);
            let inside = masked[..from + found].ends_with(|c: char| c.is_ascii_alphanumeric());
            if !inside {
                masked.replace_range(begin..end, &"*".repeat(end - begin));
            }
            from = end;
        }
    }
    masked
}

/// The known word that `found` was probably meant to be.
pub(super) fn nearest<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    let most = (found.chars().count() / 3).clamp(1, 3);
    known
        .iter()
        .map(|word| (distance(found, word), *word))
        .filter(|(far, _)| *far <= most)
        .min()
        .map(|(_, word)| word)
}

/// How many letters must be put in, left out, replaced, or swapped with the next.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(60).collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            if i == 0 || j == 0 {
                rows[i][j] = i + j;
                continue;
            }
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let best = replaced.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            let swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            rows[i][j] = if swapped { best.min(rows[i - 2][j - 2] + 1) } else { best };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_all_decimals_or_none() {
        let read = |text, code| amount(text, Currency::try_from(code).unwrap());
        assert_eq!(read("29.00", "usd"), Some(2900));
        assert_eq!(read("29", "usd"), Some(2900));
        assert_eq!(read("0.50", "usd"), Some(50));
        assert_eq!(read("0", "usd"), Some(0));
        assert_eq!(read("500", "jpy"), Some(500));
        assert_eq!(read("1.500", "kwd"), Some(1500));
        let wrong =
            ["", "29.0", "29.", ".50", "-1", "+1", "029", "29,00", "$29", "1e3", " 29", "29.000"];
        for wrong in wrong {
            assert_eq!(read(wrong, "usd"), None, "{wrong:?}");
        }
        assert_eq!(read("5.00", "jpy"), None);
        assert_eq!(read("9999999999999999", "usd"), None);
    }

    #[test]
    fn intervals_read_as_people_say_them() {
        let read = |text| interval(text).map(|found| found.to_string());
        assert_eq!(read("30 days").as_deref(), Some("every 30 days"));
        assert_eq!(read("month").as_deref(), Some("every month"));
        assert_eq!(read("1 year").as_deref(), Some("every year"));
        for wrong in ["", "0 days", "-1 days", "+1 days", "30", "30 Days", "30  days", "fortnight"]
        {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_slip_of_the_keys_finds_its_word() {
        let known = ["amount", "every", "key"];
        assert_eq!(nearest("amuont", &known), Some("amount"));
        assert_eq!(nearest("evry", &known), Some("every"));
        assert_eq!(nearest("interval", &known), None);
        assert_eq!(nearest("", &known), None);
    }

    #[test]
    fn links_are_plain_and_safe() {
        for good in ["https://example.com/a?b=c", "http://127.0.0.1:8080", "http://localhost/x"] {
            assert!(is_link(good), "{good}");
        }
        let wrong = [
            "http://example.com",
            "http://localhost.evil.com",
            "javascript:alert(1)",
            "https://",
            "https:///x",
            "example.com",
            "https://a b",
            "https://a\"onclick=",
        ];
        for wrong in wrong {
            assert!(!is_link(wrong), "{wrong}");
        }
        assert!(is_mail_link("mailto:help@example.com") && !is_mail_link("mailto:help"));
    }
}
