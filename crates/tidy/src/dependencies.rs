//! Who may depend on whom, and what may come in from outside.
//!
//! All functions read what cargo prints: `cargo metadata --format-version 1` or `cargo tree`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::Fault;

/// The arrows. They point inwards; a crate that is not named here has no place yet.
const MAY_USE: &[(&str, &[&str])] = &[
    ("vocab", &[]),
    ("billing", &["vocab"]),
    ("stripe", &["vocab"]),
    ("store", &["vocab", "billing"]),
    ("server", &["vocab", "billing", "stripe", "store"]),
    ("sandbox", &["vocab", "stripe"]),
    ("scenario", &["vocab", "billing", "stripe", "store", "server", "sandbox"]),
    ("hostile", &["vocab", "billing", "stripe", "server", "sandbox"]),
    ("spec", &[]),
    ("engine", &["spec", "vocab"]),
    (
        "cli",
        &["vocab", "billing", "stripe", "store", "server", "sandbox", "scenario", "spec", "engine"],
    ),
    ("tidy", &[]),
    ("xtask", &["vocab", "stripe", "store", "scenario", "tidy"]),
];

/// Crates from outside that only some of ours may use, and why.
const ONLY_IN: &[(&str, &[&str], &str)] = &[
    ("sqlx", &["store"], "every line of SQL lies in `store`"),
    (
        "anyhow",
        &["cli", "xtask"],
        "a library says which errors can happen: one `thiserror` enum a crate",
    ),
    ("clap", &["cli", "xtask"], "arguments are read at the edge"),
    ("clap_complete", &["cli"], "arguments are read at the edge"),
    ("rpassword", &["cli"], "a passphrase is typed at the terminal, and nobody else reads one"),
    ("lettre", &["server"], "mails leave in one place: `server::smtp`"),
    ("hyper-rustls", &["stripe"], "the one HTTPS client is Stripe's transport"),
    ("getrandom", &["vocab"], "take a `vocab::Chance` as an argument"),
    (
        "toml_edit",
        &["billing", "cli", "engine", "spec"],
        "configuration, powers and answers are read in one place each",
    ),
];

/// What the crates that only decide do without.
const PURE: &[&str] = &["vocab", "billing", "spec"];
const IMPURE: &[&str] = &["tokio", "sqlx", "axum", "hyper", "hyper-util", "tower", "tower-http"];

/// What must not come in at all, not even through others, and what to take.
const BANNED: &[(&str, &str)] = &[
    ("openssl", "TLS and digests are `aws-lc-rs`"),
    ("openssl-sys", "TLS and digests are `aws-lc-rs`"),
    ("native-tls", "TLS is `rustls`"),
    ("ring", "one crypto family: `aws-lc-rs`; switch the feature that brings `ring` off"),
    ("chrono", "time is `jiff`"),
    ("reqwest", "the HTTP client is `hyper-util`, which is a tower service already"),
    ("async-stripe", "read the few objects we need in `stripe`"),
];

/// Licences that ask for no more than a notice.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Dependencies between our crates that point the wrong way, or that a crate may not have.
pub fn arrows(metadata: &Value) -> Vec<Fault> {
    let ours: BTreeSet<&str> = list(metadata, "workspace_members");
    let mut faults = Vec::new();
    for package in packages(metadata).filter(|p| ours.contains(text(p, "id"))) {
        let name = text(package, "name");
        let folder = name.strip_prefix("specie-").unwrap_or(name);
        let Some((_, may)) = MAY_USE.iter().find(|(known, _)| *known == folder) else {
            let mend = "give it its arrows in `MAY_USE` of crates/tidy/src/dependencies.rs";
            faults.push(Fault::at(name, 0, format!("a crate without a place: {mend}")));
            continue;
        };
        let used = package["dependencies"].as_array().into_iter().flatten();
        for other in used.map(|d| text(d, "name")) {
            faults.extend(arrow(folder, may, other).map(|why| Fault::at(name, 0, why)));
        }
    }
    faults
}

/// What is wrong with `folder` using `other`, if anything.
fn arrow(folder: &str, may: &[&str], other: &str) -> Option<String> {
    if let Some(inner) = other.strip_prefix("specie-") {
        let allowed = may.contains(&inner);
        return (!allowed).then(|| {
            format!(
                "may not use `{inner}`: dependencies point inwards; move what is shared inwards"
            )
        });
    }
    if PURE.contains(&folder) && IMPURE.contains(&other) {
        return Some(format!(
            "may not use `{other}`: it decides, and does no I/O; do it in `server`"
        ));
    }
    let (_, keepers, why) = ONLY_IN.iter().find(|(known, ..)| *known == other)?;
    (!keepers.contains(&folder)).then(|| format!("may not use `{other}`: {why}"))
}

/// Packages that must not be built into anything of ours, with the one that brings each.
///
/// Reads what `cargo tree --prefix depth` prints: unlike the metadata it knows which features
/// are on.
pub fn banned(tree: &str) -> Vec<Fault> {
    let mut way: Vec<&str> = Vec::new();
    let mut faults = Vec::new();
    for line in tree.lines() {
        let digits = line.len() - line.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let Ok(depth) = line[..digits].parse::<usize>() else { continue };
        let name = line[digits..].split(' ').next().unwrap_or_default();
        way.truncate(depth);
        if let Some((_, mend)) = BANNED.iter().find(|(known, _)| *known == name) {
            let through = way.last().unwrap_or(&"the workspace");
            faults.push(Fault::at(name, 0, format!("comes in through `{through}`: {mend}")));
        }
        way.push(name);
    }
    faults
}

/// Packages whose licence asks for more than a notice, or that have none.
pub fn licences(metadata: &Value) -> Vec<Fault> {
    packages(metadata)
        .filter(|package| !permitted(text(package, "license")))
        .map(|package| {
            let found = match text(package, "license") {
                "" => "no licence".to_owned(),
                licence => format!("the licence `{licence}`"),
            };
            let mend = "take another crate, or add the licence to `LICENCES` with the reason";
            Fault::at(text(package, "name"), 0, format!("has {found}: {mend}"))
        })
        .collect()
}

/// Whether an SPDX expression can be met with the permitted licences alone.
fn permitted(expression: &str) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = either(&words, &mut at);
    met && at == words.len()
}

fn either(words: &[&str], at: &mut usize) -> bool {
    let mut met = both(words, at);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= both(words, at);
    }
    met
}

fn both(words: &[&str], at: &mut usize) -> bool {
    let mut met = licence(words, at);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= licence(words, at);
    }
    met
}

fn licence(words: &[&str], at: &mut usize) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let met = either(words, at);
        *at += 1; // the closing one
        return met;
    }
    if words.get(*at) == Some(&"WITH") {
        *at += 2; // an exception only ever permits more
    }
    LICENCES.contains(word)
}

fn packages(metadata: &Value) -> impl Iterator<Item = &Value> {
    metadata["packages"].as_array().into_iter().flatten()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

fn list<'a>(value: &'a Value, field: &str) -> BTreeSet<&'a str> {
    value[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn workspace(name: &str, uses: &[&str]) -> Value {
        let uses: Vec<Value> = uses.iter().map(|name| json!({ "name": name })).collect();
        json!({
            "workspace_members": ["a"],
            "packages": [{ "id": "a", "name": name, "license": "MIT", "dependencies": uses }],
        })
    }

    #[test]
    fn an_arrow_that_points_outwards_is_refused() {
        assert_eq!(arrows(&workspace("specie-billing", &["specie-store"])).len(), 1);
        assert_eq!(arrows(&workspace("specie-store", &["specie-stripe"])).len(), 1);
        assert_eq!(arrows(&workspace("specie-store", &["specie-billing", "sqlx"])), []);
    }

    #[test]
    fn a_crate_without_a_place_is_refused() {
        assert_eq!(arrows(&workspace("specie-common", &[])).len(), 1);
    }

    #[test]
    fn what_only_some_may_use_is_refused_elsewhere() {
        for (name, keepers, _) in ONLY_IN {
            assert_eq!(arrows(&workspace("specie-tidy", &[name])).len(), 1, "{name}");
            assert_eq!(arrows(&workspace(&format!("specie-{}", keepers[0]), &[name])), []);
        }
        assert_eq!(arrows(&workspace("specie-billing", &["tokio"])).len(), 1);
    }

    #[test]
    fn a_banned_crate_is_refused_however_deep_it_lies() {
        for (name, _) in BANNED {
            let found = banned(&format!("0a v1.0.0\n1b v1.0.0\n2{name} v1.0.0 (*)\n1c v1.0.0\n"));
            assert!(found.len() == 1 && found[0].message.contains("`b`"), "{found:?}");
        }
        assert_eq!(banned("0a v1.0.0\n1rings v1.0.0\n\n0b v1.0.0 (proc-macro)\n"), []);
    }

    #[test]
    fn licences_are_read_as_expressions() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "MIT OR GPL-3.0",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-2.0",
            "ISC AND (GPL-3.0 OR ISC) AND BSD-3-Clause",
        ] {
            assert!(permitted(good), "{good}");
        }
        for bad in
            ["", "GPL-3.0", "MIT AND GPL-3.0", "(MIT OR ISC) AND AGPL-3.0", "MPL-2.0", "MIT ISC"]
        {
            assert!(!permitted(bad), "{bad}");
        }
        let mut metadata = workspace("specie-vocab", &[]);
        assert_eq!(licences(&metadata), []);
        metadata["packages"][0]["license"] = json!("AGPL-3.0-only");
        assert_eq!(licences(&metadata).len(), 1);
    }
}
