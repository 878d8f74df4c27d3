//! What must stand in no log, database or journal that the tests leave behind: secrets, card numbers,
//! and in logs mail addresses.

use crate::Fault;

/// Where something was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What a process said: no address of a person either.
    Log,
    /// A database of the service.
    Database,
    /// The sandbox's journal or snapshot: it signs webhooks, so that their secrets stand in it.
    Journal,
}

/// What kind of file this is, by its name; none for those that nobody looks into.
pub fn kind(name: &str) -> Option<Kind> {
    match name {
        "journal" | "snapshot" => Some(Kind::Journal),
        "log" => Some(Kind::Log),
        _ if name.ends_with(".log") => Some(Kind::Log),
        _ if [".db", ".db-wal", ".sql"].iter().any(|end| name.ends_with(end)) => {
            Some(Kind::Database)
        }
        _ => None,
    }
}

/// What secrets begin with, and how many letters or digits must follow to be one. Documents and
/// messages name the beginnings.
const SECRETS: [(&str, usize); 6] = [
    ("sk_test_", 4),
    ("sk_live_", 4),
    ("rk_live_", 4),
    ("rk_test_", 4),
    ("whsec_", 4),
    ("sk_specie_", 24),
];

/// All that must not stand in `bytes`. `secrets` are those that the test has handed out.
pub fn found(place: &str, kind: Kind, bytes: &[u8], secrets: &[String]) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |at: usize, what: &str| {
        let line = bytes[..at].iter().filter(|b| **b == b'\n').count() + 1;
        faults.push(Fault::at(place, line, format!("{what}: it must not be written there")));
    };
    for secret in secrets {
        places(bytes, secret).for_each(|at| fault(at, "a secret that the test has set"));
    }
    for (start, least) in SECRETS {
        if kind == Kind::Journal && start != "sk_live_" && start != "rk_live_" {
            continue;
        }
        for at in places(bytes, start).filter(|at| begins(bytes, *at)) {
            let rest = &bytes[at + start.len()..];
            let length = rest.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
            if length >= least {
                fault(at, &format!("a secret that begins with `{start}`"));
            }
        }
    }
    // A line of a journal begins with its checksum, and names those of an answer and of a snapshot:
    // the 16 hexadecimal digits of one may all be decimal.
    let is_named = |at| ["answer", "sum"].contains(&word_before(bytes, at).as_str());
    let is_first = |at: usize| at == 0 || bytes[at - 1] == b'\n';
    let is_sum = |at: &usize| kind == Kind::Journal && (is_first(*at) || is_named(*at));
    let cards = cards(bytes).into_iter().filter(|at| !is_sum(at));
    cards.for_each(|at| {
        fault(at, &format!("the number of a card after `{}`", word_before(bytes, at)))
    });
    if kind == Kind::Log {
        mails(bytes).into_iter().for_each(|at| fault(at, "a mail address"));
    }
    for hidden in in_hexadecimal(bytes).filter(|_| kind == Kind::Database) {
        faults.extend(found(place, kind, &hidden, secrets));
    }
    faults
}

/// What a dump of Postgres's writes as `\\x` and digits: a column of bytes.
fn in_hexadecimal(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let value = |b: &u8| char::from(*b).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    places(bytes, "\\x").map(move |at| {
        let digits: Vec<u8> = bytes[at + 2..].iter().map_while(value).collect();
        digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
    })
}

fn places<'a>(bytes: &'a [u8], text: &'a str) -> impl Iterator<Item = usize> + 'a {
    let length = text.len().max(1);
    bytes.windows(length).enumerate().filter(|(_, it)| *it == text.as_bytes()).map(|(at, _)| at)
}

/// Whether no word goes on at `at`.
fn begins(bytes: &[u8], at: usize) -> bool {
    at == 0 || !(bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
}

/// Where card numbers begin: 15 or 16 digits in one piece or in groups of four, standing alone, with
/// the beginning of a test card's issuer and the right check digit.
fn cards(bytes: &[u8]) -> Vec<usize> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let (digits, length) = number(&bytes[at..]);
        let fraction = at > 0 && bytes[at - 1] == b'.';
        let ends = bytes.get(at + length).is_none_or(|b| *b == b'.' || !word(*b));
        let alone = begins(bytes, at) && !fraction && ends;
        if alone && is_card(&digits) && !NUMBERS.contains(&word_before(bytes, at).as_str()) {
            found.push(at);
        }
        at += length.max(1);
    }
    found
}

/// What may be any number, and so that of a card by chance: the one from which ids come.
const NUMBERS: [&str; 1] = ["seed"];

/// The last word or number before `at`: in JSON, a value's name. Empty, if there is none.
fn word_before(bytes: &[u8], at: usize) -> String {
    let part = |b: &u8| word(*b) && *b != b'.';
    let before = &bytes[..at];
    let end = before.iter().rposition(part).map_or(0, |at| at + 1);
    let start = before[..end].iter().rposition(|b| !part(b)).map_or(0, |at| at + 1);
    String::from_utf8_lossy(&before[start..end]).into_owned()
}

fn word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'.'
}

/// The digits from here on, with single spaces or dashes between groups of four, and how long that is.
fn number(bytes: &[u8]) -> (Vec<u8>, usize) {
    let mut digits = Vec::new();
    let mut length = 0;
    for (n, b) in bytes.iter().enumerate() {
        let between = matches!(b, b' ' | b'-') && !digits.is_empty() && digits.len() % 4 == 0;
        match b {
            b'0'..=b'9' => digits.push(b - b'0'),
            _ if between && bytes.get(n + 1).is_some_and(u8::is_ascii_digit) => {}
            _ => break,
        }
        length = n + 1;
    }
    (digits, length)
}

fn is_card(digits: &[u8]) -> bool {
    let issuer = match digits {
        [4, ..] | [5, 1..=5, ..] | [2, 2..=7, ..] | [6, 0 | 4 | 5, ..] => digits.len() == 16,
        [3, 4 | 7, ..] => digits.len() == 15,
        _ => false,
    };
    let double = |digit: u8| if digit > 4 { 2 * digit - 9 } else { 2 * digit };
    let weigh =
        |(n, digit): (usize, &u8)| u32::from(if n % 2 == 1 { double(*digit) } else { *digit });
    issuer && digits.iter().rev().enumerate().map(weigh).sum::<u32>() % 10 == 0
}

/// What our own hints show as an example.
const EXAMPLES: [&str; 2] = ["billing@example.com", "password@mail.example.com"];

/// Where the `@` of a mail address stands: a word, and a host with a dot. Our own examples and crates'
/// names with versions are none.
fn mails(bytes: &[u8]) -> Vec<usize> {
    let ats = bytes.iter().enumerate().filter(|(_, b)| **b == b'@').map(|(at, _)| at);
    ats.filter(|at| {
        let before = bytes[..*at].last().is_some_and(u8::is_ascii_alphanumeric);
        let host: Vec<u8> =
            bytes[at + 1..].iter().copied().take_while(|b| word(*b) || *b == b'-').collect();
        let dot = host.iter().position(|b| *b == b'.');
        let named = host.first().is_some_and(u8::is_ascii_alphabetic);
        let example = EXAMPLES.iter().any(|text| {
            let start = at - text.find('@').unwrap_or(0).min(*at);
            bytes[start..].starts_with(text.as_bytes())
        });
        before && named && !example && dot.is_some_and(|dot| dot > 0 && dot + 2 < host.len())
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: Kind, text: &str) -> Vec<String> {
        let secrets = ["a password of this test".to_owned()];
        let faults = found("x", kind, text.as_bytes(), &secrets);
        faults.into_iter().map(|it| format!("{}: {}", it.line, it.message)).collect()
    }

    #[test]
    fn what_is_planted_is_found() {
        let planted = [
            concat!("key sk_te", "st_abcd1234"),
            concat!("\"sk_li", "ve_abcd1234\""),
            concat!("secret=whs", "ec_abcd1234"),
            concat!("sk_spe", "cie_0123456789abcdef0123456789abcdef"),
            "smtp://me:a password of this test@host",
            "paid with 4242424242424242.\n",
            "\"4242 4242 4242 4242\"",
            "5555-5555-5555-4444",
            "378282246310005",
            "seed=7 4242424242424242",
        ];
        for text in planted {
            let in_log = check(Kind::Log, &format!("a line\n{text}"));
            assert!(in_log.len() == 1 && in_log[0].starts_with("2: "), "{text}: {in_log:?}");
            assert_eq!(check(Kind::Database, text).len(), 1, "{text}");
        }
        assert_eq!(check(Kind::Log, "to ada@example.com").len(), 1);
        assert_eq!(check(Kind::Database, "to ada@example.com").len(), 0, "customers have one");
        assert_eq!(check(Kind::Journal, concat!("whs", "ec_abcd1234")).len(), 0, "it signs");
        let lines = "4242424242424242 {}\n4242424242424242 {\"number\":\"4242424242424242\"}";
        assert_eq!(
            check(Kind::Journal, lines),
            ["2: the number of a card after `number`: it must not be written there"]
        );
        let sums = r#"{"answer":"4242424242424242"} {"sum":"4242424242424242"}"#;
        assert_eq!(check(Kind::Journal, sums), [""; 0], "of an answer, and of a snapshot");
        assert_eq!(check(Kind::Log, sums).len(), 2);
        assert_eq!(check(Kind::Journal, concat!("sk_li", "ve_abcd1234")).len(), 1);
        let hidden: String =
            "paid with 4242424242424242".bytes().map(|b| format!("{b:02x}")).collect();
        assert_eq!(check(Kind::Database, &format!("1\t\\\\x{hidden}\t2")).len(), 1);
    }

    #[test]
    fn what_only_looks_like_it_is_not() {
        for text in [
            concat!("`sk_te", "st_…` or `whs", "ec_`"),
            concat!("disk_te", "st_abcd1234"),
            "evt_4242424242424242",
            "{\"config\":{\"seed\":4242424242424242,\"start\":1}}",
            "1767225600000000",
            "4242424242424241",
            "42424242424242421",
            "0.4242424242424242",
            "tokio@1.54",
            "@example.com and a @ b.c",
            "such as smtps://user:password@mail.example.com or Name <billing@example.com>",
        ] {
            assert_eq!(check(Kind::Log, text), [""; 0], "{text}");
        }
    }

    #[test]
    fn files_are_known_by_their_names() {
        assert_eq!(kind("specie.db-wal"), Some(Kind::Database));
        assert_eq!(kind("3-serve.log"), Some(Kind::Log));
        assert_eq!(kind("journal"), Some(Kind::Journal));
        assert_eq!(kind("webhook.secret"), None);
    }
}
