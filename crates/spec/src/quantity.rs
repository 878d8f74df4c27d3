//! Numbers in a sentence, with what they count: `5 seconds`, `$29.00`, `at most 20 users`.
//!
//! Status codes, ids, versions, dates and whatever stands in backticks or quotes are no quantities.

use std::ops::Range;

/// A number that counts or measures something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantity {
    /// As it is written, without signs of thousands: `1000`, `29.00`.
    pub value: String,
    /// What it counts, in the singular: `second`, `%`, `$`, `user`. None if nothing is named.
    pub unit: Option<String>,
    /// Whether the unit is one of measure: of time, money, size or share.
    pub is_measure: bool,
    /// Whether it limits something: `within 5`, `at most 5`.
    pub is_limit: bool,
    /// Where it stands in the sentence, with its unit.
    pub span: Range<usize>,
    /// Whether the sentence, or a part of it, ends right behind it.
    pub is_last: bool,
}

/// Units, as they are written and as they are compared.
const UNITS: &[(&[&str], &str)] = &[
    (&["ms", "millisecond", "milliseconds"], "millisecond"),
    (&["s", "sec", "secs", "second", "seconds"], "second"),
    (&["min", "mins", "minute", "minutes"], "minute"),
    (&["h", "hr", "hrs", "hour", "hours"], "hour"),
    (&["d", "day", "days"], "day"),
    (&["week", "weeks"], "week"),
    (&["month", "months"], "month"),
    (&["year", "years"], "year"),
    (&["%", "percent"], "%"),
    (&["b", "byte", "bytes"], "byte"),
    (&["kb", "kib"], "kilobyte"),
    (&["mb", "mib"], "megabyte"),
    (&["gb", "gib"], "gigabyte"),
    (&["tb", "tib"], "terabyte"),
    (&["px", "pixel", "pixels"], "pixel"),
    (&["usd", "dollar", "dollars"], "$"),
    (&["eur", "euro", "euros"], "€"),
    (&["gbp"], "£"),
    (&["cent", "cents"], "cent"),
];

/// Words before a number that make it a name.
const LABELS: &[&str] = &[
    "status",
    "code",
    "codes",
    "http",
    "https",
    "step",
    "phase",
    "level",
    "version",
    "section",
    "requirement",
    "requirements",
    "criterion",
    "criteria",
    "property",
    "task",
    "tasks",
    "type",
    "tier",
    "stage",
    "port",
    "rule",
    "error",
    "figure",
    "table",
    "option",
    "case",
    "line",
    "page",
    "row",
    "rfc",
    "iso",
    "aes",
    "tls",
    "sha",
    "oauth",
    "number",
    "id",
    "priority",
    "chapter",
    "variant",
    "class",
    "group",
    "round",
    "day",
    "week",
    "month",
    "year",
    "quarter",
    "wcag",
    "es",
    "python",
    "node",
];

/// Words after a number that are not what it counts.
const STOPS: &[&str] = &[
    "and", "or", "in", "for", "to", "when", "if", "per", "the", "then", "with", "from", "at", "on",
    "by", "is", "are", "as", "after", "before", "until", "while", "unless", "that", "which", "but",
    "so", "via", "without", "it", "a", "an", "shall", "must", "than", "instead", "using",
];

/// The quantities of a sentence, in its order.
pub fn quantities(text: &str) -> Vec<Quantity> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        at += match first {
            '`' | '"' => rest[1..].find(first).map_or(1, |end| end + 2),
            c if c.is_ascii_digit() => {
                let length = number(rest);
                found.extend(quantity(text, at..at + length));
                length
            }
            // What begins with a letter goes on to its end: `sha256`, `v2`.
            c if c.is_alphabetic() || c == '_' => word(rest).len(),
            c => c.len_utf8(),
        };
    }
    found
}

/// How long a number is, with points, commas and colons inside: `1,000`, `29.00`, `1.2.3`, `10:30`.
fn number(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let goes_on = |at: &usize| is_digit(*at) || b".,:/_".contains(&bytes[*at]) && is_digit(at + 1);
    (0..bytes.len()).find(|at| !goes_on(at)).unwrap_or(bytes.len())
}

/// Letters, digits, hyphens and points between them.
fn word(rest: &str) -> &str {
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_' && c != '-' && c != '\'');
    &rest[..end.unwrap_or(rest.len())]
}

fn quantity(text: &str, span: Range<usize>) -> Option<Quantity> {
    let (before, written, after) = (&text[..span.start], &text[span.clone()], &text[span.end..]);
    let value = written.replace([',', '_'], "");
    let is_number = value.split('.').count() <= 2 && !value.contains([':', '/']);
    if !is_number || before.ends_with(['-', '#', '/', '.', '_', '§', '[', '=', '<', '>', ':']) {
        return None;
    }
    let currency = before.chars().next_back().filter(|c| "$€£¥".contains(*c));
    let before =
        before.trim_end_matches(['$', '€', '£', '¥']).trim_end_matches(['(', '~', '±']).trim_end();
    let last: Vec<&str> = before.rsplit(|c: char| c.is_whitespace()).take(2).collect();
    let last_word = last.first().map(|it| it.to_lowercase()).unwrap_or_default();
    if LABELS.contains(&last_word.trim_matches(|c: char| !c.is_alphanumeric())) {
        return None;
    }
    let (unit, length) = match currency {
        Some(sign) => (Some(sign.to_string()), 0),
        None => unit_of(after)?,
    };
    let rest = after[length..].trim_start_matches(['*', '_']);
    let measure = unit.as_deref().filter(|it| currency.is_some() || is_measure(it));
    let start = span.start - currency.map_or(0, char::len_utf8);
    Some(Quantity {
        is_measure: measure.is_some(),
        unit,
        value,
        is_limit: is_limit(&last_word, last.get(1).unwrap_or(&"").trim_start_matches('(')),
        span: start..span.end + length,
        is_last: ends(rest),
    })
}

fn is_measure(unit: &str) -> bool {
    UNITS.iter().any(|(_, name)| *name == unit)
}

/// The unit or the thing that stands behind a number, and how long that is with the blank before it.
/// None at all when the number is a part of a word: `2FA`, `3-way`, `5xx`.
fn unit_of(after: &str) -> Option<(Option<String>, usize)> {
    let blank = after.len() - after.trim_start_matches(' ').len();
    let rest = &after[blank..];
    if rest.starts_with('%') {
        return Some((Some("%".into()), blank + 1));
    }
    let hyphen = usize::from(blank == 0 && rest.starts_with('-'));
    let name = word(&rest[hyphen..]);
    let lower = name.to_lowercase();
    let known = UNITS.iter().find(|(names, _)| names.contains(&lower.as_str()));
    let length = blank + hyphen + name.len();
    match known {
        Some((_, unit)) => Some((Some((*unit).into()), length)),
        None if blank == 0 && !name.is_empty() => None,
        None if hyphen > 0 => None,
        None if name.is_empty() || STOPS.contains(&lower.as_str()) => Some((None, 0)),
        None if lower.starts_with(|c: char| c.is_ascii_digit()) => Some((None, 0)),
        None => Some((Some(lower.strip_suffix('s').unwrap_or(&lower).into()), length)),
    }
}

fn is_limit(last: &str, before: &str) -> bool {
    match last {
        "within" | "every" | "exceed" | "exceeds" | "exceeding" => true,
        "most" | "least" => before.eq_ignore_ascii_case("at"),
        "than" => ["more", "less", "fewer", "longer"].contains(&before.to_lowercase().as_str()),
        "to" => before.eq_ignore_ascii_case("up"),
        "of" => ["maximum", "minimum", "limit"].contains(&before.to_lowercase().as_str()),
        _ => false,
    }
}

/// Whether a sentence, or what stands in brackets, ends here.
fn ends(rest: &str) -> bool {
    let after = rest.trim_start_matches(['.', ')', ';']);
    rest.trim().is_empty()
        || after.len() < rest.len() && (after.is_empty() || after.starts_with(' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let of = |it: Quantity| {
            let unit = it.unit.unwrap_or_else(|| "?".into());
            let marks = [(it.is_measure, "m"), (it.is_limit, "l"), (it.is_last, "e")];
            let marks: String = marks.iter().filter(|it| it.0).map(|it| it.1).collect();
            format!("{} {unit} {marks} [{}]", it.value, &text[it.span])
        };
        quantities(text).into_iter().map(of).collect()
    }

    #[test]
    fn numbers_have_units_or_count_things() {
        let cases: [(&str, &[&str]); 12] = [
            ("answer within 5 seconds", &["5 second mle [5 seconds]"]),
            ("keep it for 30 days.", &["30 day me [30 days]"]),
            ("charge $29.00 and €5", &["29.00 $ m [$29.00]", "5 € me [€5]"]),
            ("use 80 % or 80% of it", &["80 % m [80 %]", "80 % m [80%]"]),
            ("allow at most 1,000 users at once", &["1000 user l [1,000 users]"]),
            ("answer within 200ms", &["200 millisecond mle [200ms]"]),
            ("offer a 14-day trial", &["14 day m [14-day]"]),
            ("answer within 5", &["5 ? le [5]"]),
            ("store up to 200.", &["200 ? le [200]"]),
            ("retry at least 3 in an hour", &["3 ? l [3]"]),
            ("between 1 and 5", &["1 ?  [1]", "5 ? e [5]"]),
            ("keep **10** things (at most 7)", &["10 ?  [10]", "7 ? le [7]"]),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn codes_ids_versions_and_dates_are_no_quantities() {
        for text in [
            "answer with status 400",
            "answer HTTP 404",
            "send `within 5`",
            "say \"wait 5 seconds\"",
            "follow RFC 7807 and version 2",
            "use TLS 1.2.3 and SHA-256, v2, sha256 and 2FA",
            "begin on 2026-11-21 at 10:30",
            "meet requirement 1.2 and 5xx answers",
            "close #42 of /v1/7",
        ] {
            let found = quantities(text);
            assert!(found.iter().all(|it| it.unit.is_none() && !it.is_limit), "{text}: {found:?}");
        }
    }
}
