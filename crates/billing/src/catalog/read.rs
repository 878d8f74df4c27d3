//! From the parsed file to the catalog.

use std::collections::HashMap;
use std::ops::Range;

use specie_vocab::Currency;
use toml_edit::{Document, Item};

use super::fields::{Fault, Faults, Fields, Spanned};
use super::file::Checked;
use super::plans::Reader;
use super::{Catalog, Feature, FeatureKind, terms, values};
use crate::Severity;

/// What may be wrong only because a line could not be read.
const FOLLOW: [&str; 5] =
    ["missing-key", "unknown-feature", "unused-feature", "unknown-group", "empty-group"];

pub(super) fn read(text: &str, file: &str) -> Checked {
    let faults = Faults::new(text, file);
    let catalog = document(text, &faults).map(|document| {
        super::secrets::check(document.as_item(), &faults);
        catalog(document.as_item(), &faults)
    });
    let mut diagnostics = faults.into_sorted();
    if diagnostics.iter().any(|fault| fault.rule == SYNTAX) {
        diagnostics.retain(|fault| !FOLLOW.contains(&fault.rule));
    }
    let good = diagnostics.iter().all(|fault| fault.severity != Severity::Error);
    Checked { catalog: catalog.filter(|_| good), diagnostics }
}

const SYNTAX: &str = "syntax";
/// So many lines that are no TOML are named: each costs another reading of the file.
const MOST_SYNTAX: usize = 20;

/// The parsed file. A line that is no TOML is noted and left out, so that the rest is checked too;
/// where more than a line hangs on it, or there are too many of them, there is nothing to go on with.
fn document(text: &str, faults: &Faults<'_>) -> Option<Document<String>> {
    let mut text = text.to_owned();
    for _ in 0..MOST_SYNTAX {
        let error = match Document::parse(text.clone()) {
            Ok(document) => return Some(document),
            Err(error) => error,
        };
        let span = error.span().unwrap_or(0..0);
        let line = statement_at(&text, span.start);
        faults.error(Fault {
            rule: SYNTAX,
            span,
            message: format!("this is not TOML: {}", error.message().replace('\n', "; ")),
            found: None,
            expected: None,
            help: None,
        });
        let line = line?;
        let blank = " ".repeat(line.len());
        text.replace_range(line, &blank);
    }
    None
}

/// The line around `at`, if it is a statement of its own.
fn statement_at(text: &str, at: usize) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let start = bytes.get(..at)?.iter().rposition(|b| *b == b'\n').map_or(0, |before| before + 1);
    let end = bytes[start..].iter().position(|b| *b == b'\n').map_or(text.len(), |n| start + n);
    let line = &text[start..end];
    let count = |one: char| line.matches(one).count();
    let whole = line.contains('=')
        && !line.trim_start().starts_with('[')
        && count('[') == count(']')
        && count('{') == count('}')
        && !line.contains("\"\"\"")
        && !line.contains("'''");
    whole.then_some(start..end)
}

/// Reads everything, whatever is wrong: each fault is noted, and something stands in its place.
fn catalog(root: &Item, faults: &Faults<'_>) -> Catalog {
    let root = Fields::of(root, "the catalog", 0..0, faults).expect("a document is a table");
    root.only(&[
        "currency", "brand", "features", "groups", "plans", "passes", "policies", "settings",
    ]);

    let currency = currency(&root, faults);
    let brand = terms::brand(&root, faults);
    let (features, feature_spans) = features(&root, faults);
    let mut reader = Reader::new(faults, currency, &features);
    let (groups, shortest) = reader.groups(&root, &brand.name);
    let passes = reader.passes(&root, &groups);
    let used = reader.used();

    if root.item("plans").is_none() && root.item("passes").is_none() {
        root.missing(
            "plans",
            "describe at least one plan under `[[plans]]`, or a pass under `[[passes]]`",
        );
    }
    for feature in features.iter().filter(|feature| !used.contains(&feature.key)) {
        faults.warning(Fault {
            rule: "unused-feature",
            span: feature_spans[&feature.key].clone(),
            message: format!("no plan and no pass has the feature `{}`", feature.key),
            found: None,
            expected: None,
            help: Some(format!(
                "add `{}` to the `features` of a plan, or leave it out",
                feature.key
            )),
        });
    }
    let longest_trial = groups
        .iter()
        .flat_map(|group| &group.plans)
        .flat_map(|plan| &plan.prices)
        .filter_map(|price| price.trial_days)
        .max();
    let policies = terms::policies(&root, currency, shortest, longest_trial, faults);
    let settings = terms::settings(&root, faults);
    Catalog { currency, groups, passes, features, policies, brand, settings }
}

fn currency(root: &Fields<'_>, faults: &Faults<'_>) -> Currency {
    let help = "write `currency = \"usd\"`, or another ISO 4217 code in lower case";
    let Some(Spanned { value, span }) = root.text("currency") else {
        if root.item("currency").is_none() {
            root.missing("currency", help);
        }
        return Currency::USD;
    };
    match known_currency(value) {
        Some(currency) => currency,
        None => {
            unknown_currency(value, span, faults);
            Currency::USD
        }
    }
}

pub(super) fn known_currency(code: &str) -> Option<Currency> {
    super::currencies::KNOWN.contains(&code).then(|| Currency::try_from(code).ok()).flatten()
}

pub(super) fn unknown_currency(found: &str, span: Range<usize>, faults: &Faults<'_>) {
    let lower = found.to_ascii_lowercase();
    let help = known_currency(&lower).map(|_| format!("write it in lower case: `{lower}`"));
    faults.error(Fault {
        rule: "unknown-currency",
        span,
        message: format!("`{found}` is no currency that Stripe charges in"),
        found: Some(format!("`{found}`")),
        expected: Some("an ISO 4217 code in lower case".into()),
        help: help.or_else(|| Some("for example `usd`, `eur` or `gbp`".into())),
    });
}

fn features(
    root: &Fields<'_>,
    faults: &Faults<'_>,
) -> (Vec<Feature>, HashMap<String, Range<usize>>) {
    let (mut found, mut spans) = (Vec::new(), HashMap::new());
    let Some(Spanned { value: item, span }) = root.item("features") else { return (found, spans) };
    let Some(table) = Fields::of(item, "`features`", span, faults) else { return (found, spans) };
    let every: Vec<&str> = table.entries().map(|(key, ..)| key).collect();
    table.only(&every);
    for (key, item, span) in table.entries() {
        check_key("feature", key, span.clone(), faults);
        if let Some((name, kind)) = feature(key, item, span.clone(), faults) {
            spans.insert(key.to_owned(), span);
            found.push(Feature { key: key.into(), name, kind });
        }
    }
    (found, spans)
}

fn feature(
    key: &str,
    item: &Item,
    span: Range<usize>,
    faults: &Faults<'_>,
) -> Option<(String, FeatureKind)> {
    if let Some(name) = item.as_str() {
        let name = Spanned { value: name, span: item.span().unwrap_or(span) };
        return Some((words(name, "name", "the feature", faults), FeatureKind::Switch));
    }
    let what = format!("feature `{key}`");
    let fields = Fields::of(item, what.clone(), item.span().unwrap_or(span), faults)?;
    fields.only(&["name", "kind"]);
    let name = required(&fields, "name", "write the name that pages show", faults);
    let kinds = [
        ("switch", FeatureKind::Switch),
        ("limit", FeatureKind::Limit),
        ("metered", FeatureKind::Metered),
    ];
    Some((name, fields.choice("kind", &kinds).unwrap_or(FeatureKind::Switch)))
}

pub(super) fn check_key(what: &str, key: &str, span: Range<usize>, faults: &Faults<'_>) {
    if !values::is_key(key) {
        faults.error(Fault {
            rule: "invalid-key",
            span,
            message: format!("the {what} key `{key}` is not {}", values::KEY),
            found: Some(format!("`{key}`")),
            expected: Some(values::KEY.into()),
            help: None,
        });
    }
}

/// A text that must be there; something stands in its place if it is not.
pub(super) fn required(fields: &Fields<'_>, name: &str, help: &str, faults: &Faults<'_>) -> String {
    if fields.item(name).is_none() {
        fields.missing(name, help);
    }
    optional(fields, name, faults).unwrap_or_default()
}

pub(super) fn optional(fields: &Fields<'_>, name: &str, faults: &Faults<'_>) -> Option<String> {
    fields.text(name).map(|found| words(found, name, &fields.what, faults))
}

/// A text for people: one line, neither empty nor endless.
fn words(found: Spanned<&str>, name: &str, what: &str, faults: &Faults<'_>) -> String {
    let Spanned { value, span } = found;
    let good = !value.trim().is_empty()
        && value.chars().count() <= 250
        && !value.chars().any(char::is_control);
    if !good {
        faults.error(Fault {
            rule: "invalid-text",
            span,
            message: format!("`{name}` of {what} is not one line of 1 to 250 characters"),
            found: None,
            expected: Some("one line of 1 to 250 characters".into()),
            help: None,
        });
    }
    value.into()
}
