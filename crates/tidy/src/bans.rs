//! What must not stand in a file.

use crate::{Fault, source};

/// Crates that count money: no floats in them.
const EXACT: &[&str] = &["vocab", "billing", "stripe", "store", "sandbox"];

/// Crates that do no I/O at all.
const PURE: &[&str] = &["vocab", "billing", "spec"];

/// Crates that know of no domain: what they know of one comes from a power.
const GENERAL: &[&str] = &["spec", "engine"];

/// Words of the domain that the shipped power covers.
const DOMAIN: &[&str] = &["stripe", "invoice", "refund", "subscription", "checkout", "webhook"];

/// Where the system's clock and chance may be read: the two sources themselves, the binary, and
/// what looks at how long a hostile input takes.
const CLOCK_KEEPERS: &[&str] = &[
    "crates/vocab/src/clock.rs",
    "crates/vocab/src/chance.rs",
    "crates/cli/",
    "crates/hostile/tests/it/main.rs",
    "crates/store/src/link.rs", // for how long a real connection has rested decides about nothing else
    "fuzz/src/main.rs",
];

/// Names that end like a secret and are none.
const PUBLIC_KEYS: &[&str] = &[
    "idempotency_key",
    "lookup_key",
    "public_key",
    "group_key",
    "plan_key",
    "price_key",
    "feature_key",
    "effect_key",
];

/// Words that must not stand in any file, and why. They are put together here, so that this file
/// does not hold them.
fn words() -> Vec<(String, &'static str)> {
    let place = "name a path inside the repository";
    let host = "name the package, never the address it comes from";
    vec![
        (["/wo", "rk/"].concat(), place),
        (["/tm", "p/specie"].concat(), place),
        (["registry.npm", "js.org"].concat(), host),
        (["pypi", ".org"].concat(), host),
        (["pythonhosted", ".org"].concat(), host),
        (["static.crates", ".io"].concat(), host),
        (["index.crates", ".io"].concat(), host),
        (["FIX", "ME"].concat(), "mend it, or say in a sentence what is missing and why"),
        (["XX", "X"].concat(), "mend it, or say in a sentence what is missing and why"),
        (["<<<<", "<<< "].concat(), "resolve the merge"),
        (["sk_li", "ve_5"].concat(), "revoke this key and take it out of the history"),
        (["rk_li", "ve_5"].concat(), "revoke this key and take it out of the history"),
        (["BEGIN PRIVATE", " KEY"].concat(), "make the key when the test runs"),
    ]
}

/// Every rule for a Rust file.
pub fn rust(path: &str, text: &str) -> Vec<Fault> {
    let code = source::code(text);
    let rules = [
        header,
        module_file,
        floats,
        unfinished,
        system_clock,
        printed_secrets,
        input_output,
        sleeping,
        domain,
    ];
    rules.iter().flat_map(|rule| rule(path, text, &code)).collect()
}

/// Every rule for a text file of any kind.
pub fn any_text(path: &str, text: &str) -> Vec<Fault> {
    let lock = path.ends_with("Cargo.lock") || path.starts_with("LICENSE");
    if lock { Vec::new() } else { banned_words(path, text) }
}

fn each_line(path: &str, code: &str, fault: impl Fn(&str) -> Option<String>) -> Vec<Fault> {
    code.lines()
        .enumerate()
        .filter_map(|(n, line)| fault(line).map(|message| Fault::at(path, n + 1, message)))
        .collect()
}

/// The crate that a path belongs to.
fn owner(path: &str) -> &str {
    path.strip_prefix("crates/").and_then(|rest| rest.split('/').next()).unwrap_or("")
}

fn banned_words(path: &str, text: &str) -> Vec<Fault> {
    let words = words();
    each_line(path, text, |line| {
        let (word, mend) = words.iter().find(|(word, _)| stands(line, word))?;
        Some(format!("`{word}` must not stand in the repository: {mend}"))
    })
}

/// A path, an address or a key counts wherever it stands; a word only when it stands alone.
fn stands(line: &str, word: &str) -> bool {
    if word.chars().all(|c| c.is_ascii_uppercase()) {
        has_word(line, word)
    } else {
        line.contains(word)
    }
}

fn header(path: &str, text: &str, _: &str) -> Vec<Fault> {
    if text.starts_with("//!") {
        return Vec::new();
    }
    vec![Fault::at(path, 1, "the first line must be `//!` and say what the file is for")]
}

fn module_file(path: &str, _: &str, _: &str) -> Vec<Fault> {
    if !path.ends_with("/mod.rs") {
        return Vec::new();
    }
    vec![Fault::at(path, 0, "no `mod.rs`: name it after its folder and put it beside it")]
}

fn floats(path: &str, _: &str, code: &str) -> Vec<Fault> {
    if !EXACT.contains(&owner(path)) {
        return Vec::new();
    }
    each_line(path, code, |line| {
        if line.contains("fn visit_f64") {
            return None; // how a reader refuses or skips one
        }
        (has_word(line, "f32") || has_word(line, "f64") || has_float(line)).then(|| {
            "no floats where money is counted: use `Money`, or `i64` in the smallest unit".into()
        })
    })
}

/// Whether a number with a fraction stands in the line: `1.5`, but not `pair.0.1` or `0..1`.
fn has_float(line: &str) -> bool {
    let bytes = line.as_bytes();
    (1..bytes.len().saturating_sub(1)).any(|dot| {
        if bytes[dot] != b'.' || !bytes[dot + 1].is_ascii_digit() {
            return false;
        }
        let start = bytes[..dot].iter().rposition(|b| !b.is_ascii_digit() && *b != b'_');
        let digits = dot - start.map_or(0, |at| at + 1);
        let before = start.map_or(b' ', |at| bytes[at]);
        digits > 0 && before != b'.' && !before.is_ascii_alphanumeric()
    })
}

/// Before the tests of a file.
fn domain(path: &str, text: &str, _: &str) -> Vec<Fault> {
    if !GENERAL.contains(&owner(path)) || path.contains("/tests/") {
        return Vec::new();
    }
    let text = text.split("#[cfg(test)]").next().unwrap_or(text);
    each_line(path, text, |line| {
        let lower = line.to_lowercase();
        let word = DOMAIN.iter().find(|word| lower.contains(*word))?;
        Some(format!(
            "`{word}` is a word of one domain: it belongs into a power, not into the engine"
        ))
    })
}

fn unfinished(path: &str, _: &str, code: &str) -> Vec<Fault> {
    each_line(path, code, |line| {
        let found = ["todo!", "unimplemented!", "dbg!", "#[ignore"]
            .into_iter()
            .find(|word| line.contains(word))?;
        Some(format!("`{found}` must not be committed: finish it, or take it out"))
    })
}

fn system_clock(path: &str, _: &str, code: &str) -> Vec<Fault> {
    if CLOCK_KEEPERS.iter().any(|keeper| path.starts_with(keeper)) {
        return Vec::new();
    }
    each_line(path, code, |line| {
        let found = [
            "SystemTime::now",
            "Instant::now",
            "Timestamp::now",
            "Zoned::now",
            "Uuid::new_v4",
            "Uuid::now_v7",
            "thread_rng",
            "getrandom::",
        ]
        .into_iter()
        .find(|word| line.contains(word))?;
        Some(format!(
            "`{found}` makes a run unrepeatable: take `now` or a `vocab::Chance` as an argument"
        ))
    })
}

fn printed_secrets(path: &str, _: &str, code: &str) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (start, body) in printing_types(code) {
        let first = code[..start].matches('\n').count() + 1;
        faults.extend(body.lines().enumerate().filter_map(|(n, line)| {
            let name = secret_field(line)?;
            let message = format!(
                "`{name}` would be printed by the derived `Debug`: make it a `vocab::Secret`"
            );
            Some(Fault::at(path, first + n, message))
        }));
    }
    faults
}

/// Where the bodies of the types that derive `Debug` begin, and those bodies.
fn printing_types(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("#[derive(") {
        let Some(close) = code[at..].find(")]").map(|n| at + n) else { continue };
        if !has_word(&code[at..close], "Debug") {
            continue;
        }
        let Some(open) = code[close..].find(['{', ';']).map(|n| close + n) else { continue };
        if code[open..].starts_with('{') {
            found.push((open, &code[open..closing(code, open)]));
        }
    }
    found
}

/// Where the brace that opens at `open` closes.
fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0;
    for (n, c) in code[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return open + n;
        }
    }
    code.len()
}

/// The name of the field in this line, if it holds a secret as plain text.
fn secret_field(line: &str) -> Option<&str> {
    let (name, kind) = line.trim().split_once(": ")?;
    let name = name.rsplit([' ', '(', '{']).next()?;
    let lower = name.to_lowercase();
    let plain = ["String", "str", "Vec<u8>", "Bytes", "[u8"].iter().any(|word| kind.contains(word));
    let named = ["secret", "password", "passphrase", "token"].iter().any(|w| lower.contains(w))
        || (lower.ends_with("_key") && !PUBLIC_KEYS.contains(&lower.as_str()));
    let plain = plain && !kind.contains("'static str"); // a constant of the source is no secret
    let digest = ["_hash", "_file", "_path"].iter().any(|end| lower.ends_with(end));
    (plain && named && !digest && !kind.contains("Secret")).then_some(name)
}

fn input_output(path: &str, _: &str, code: &str) -> Vec<Fault> {
    let world =
        path == "crates/sandbox/src/world.rs" || path.starts_with("crates/sandbox/src/world/");
    let pure = PURE.contains(&owner(path)) && path.contains("/src/");
    if !world && !pure {
        return Vec::new();
    }
    each_line(path, source::production(code), |line| {
        let found = ["std::fs", "std::net", "std::env", "std::process", "std::thread", "tokio::"]
            .into_iter()
            .find(|word| line.contains(word))?;
        Some(format!("`{found}` in a part that does no I/O: do it in the shell and pass what came"))
    })
}

fn sleeping(path: &str, _: &str, code: &str) -> Vec<Fault> {
    each_line(path, code, |line| {
        line.contains("thread::sleep").then(|| {
            "`thread::sleep` waits for luck: wait for the thing itself, or move the clock".into()
        })
    })
}

fn has_word(text: &str, word: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word).any(|(at, _)| {
        !part(text[..at].chars().next_back()) && !part(text[at + word.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines at which a Rust file with this text is refused.
    fn refused(path: &str, text: &str) -> Vec<usize> {
        rust(path, &format!("//! Sample.\n{text}")).into_iter().map(|f| f.line - 1).collect()
    }

    const MONEY: &str = "crates/billing/src/sample.rs";
    const SHELL: &str = "crates/server/src/sample.rs";

    #[test]
    fn the_engine_knows_of_no_domain() {
        let header = "//! A file.\n";
        let refused = |path: &str, line: &str| !rust(path, &format!("{header}{line}\n")).is_empty();
        assert!(refused("crates/spec/src/a.rs", "const A: &str = \"an Invoice\";"));
        assert!(refused("crates/engine/src/a.rs", "// a webhook"));
        assert!(!refused("crates/spec/tests/a.rs", "const A: &str = \"an invoice\";"));
        assert!(!refused("crates/spec/src/a.rs", "#[cfg(test)]\nconst A: &str = \"an invoice\";"));
        assert!(!refused("crates/billing/src/a.rs", "// an invoice"));
    }

    #[test]
    fn a_file_without_a_header_is_refused() {
        assert_eq!(rust(SHELL, "use std::fmt;\n").len(), 1);
        assert_eq!(rust(SHELL, "//! Sample.\n").len(), 0);
    }

    #[test]
    fn a_mod_file_is_refused() {
        assert_eq!(rust("crates/server/src/a/mod.rs", "//! Sample.\n").len(), 1);
    }

    #[test]
    fn floats_are_refused_where_money_is_counted() {
        for bad in ["let a: f64 = b;", "let a = 1.5;", "a as f32", "g(2_0.25)"] {
            assert_eq!(refused(MONEY, bad), [1], "{bad}");
        }
        for good in [
            "let a = pair.0.1;",
            "for a in 0..1 {}",
            "// 1.5 f64",
            "\"f64 1.5\"",
            "v1.2()",
            "fn visit_f64<E>(self, _: f64)",
        ] {
            assert!(refused(MONEY, good).is_empty(), "{good}");
        }
        assert!(refused(SHELL, "let a: f64 = 1.5;").is_empty());
    }

    #[test]
    fn what_is_unfinished_is_refused() {
        for bad in ["todo!()", "unimplemented!()", "dbg!(a)", "#[ignore]", "#[ignore = \"x\"]"] {
            assert_eq!(refused(SHELL, bad), [1], "{bad}");
        }
    }

    #[test]
    fn the_system_clock_is_refused_outside_its_keepers() {
        for bad in ["SystemTime::now()", "tokio::time::Instant::now()", "Uuid::now_v7()"] {
            assert_eq!(refused(SHELL, bad), [1], "{bad}");
            assert!(refused("crates/cli/src/main.rs", bad).is_empty(), "{bad}");
        }
    }

    #[test]
    fn secrets_that_would_print_are_refused() {
        let sample = "#[derive(Clone, Debug)]\n#[serde(x)]\npub struct A {\n    pub jwt_secret: String,\n    \
                      pub api_key: Option<String>,\n    token: Vec<u8>,\n}\n";
        assert_eq!(refused(SHELL, sample), [4, 5, 6]);
        assert_eq!(refused(SHELL, &sample.replace("Debug", "Default")), [0; 0]);
        let good = "#[derive(Debug)]\nstruct A {\n    key: String,\n    jwt_secret: Secret,\n    \
                    token_hash: Vec<u8>,\n    token: &'static str,\n    idempotency_key: String,\n}\n";
        assert_eq!(refused(SHELL, good), [0; 0]);
    }

    #[test]
    fn input_and_output_are_refused_in_the_pure_parts() {
        assert_eq!(refused(MONEY, "use std::fs;"), [1]);
        assert_eq!(refused("crates/sandbox/src/world/clock.rs", "tokio::spawn(a)"), [1]);
        assert!(refused("crates/sandbox/src/skin.rs", "tokio::spawn(a)").is_empty());
        assert!(refused(MONEY, "#[cfg(test)]\nuse std::fs;").is_empty());
    }

    #[test]
    fn sleeping_is_refused() {
        assert_eq!(refused(SHELL, "std::thread::sleep(a)"), [1]);
    }

    #[test]
    fn every_banned_word_is_refused_in_any_file() {
        for (word, _) in words() {
            assert_eq!(any_text("README.md", &format!("a\nsee {word} b\n")).len(), 1, "{word}");
        }
        assert!(any_text("README.md", "mktemp a.XXXXXX\n").is_empty());
    }
}
