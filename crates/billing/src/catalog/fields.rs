//! Reads the fields of a TOML table, and notes what is wrong with them instead of stopping.

use std::cell::{Cell, RefCell};
use std::ops::Range;

use toml_edit::{Item, TableLike, Value};

use super::values::masked;
use crate::diagnostic::{Diagnostic, Severity, position};

/// So many errors, and so many warnings, are told of one file: nobody reads more, and each place
/// costs a look through the file.
const MOST: usize = 100;

/// The file, and what was found wrong in it so far.
pub(super) struct Faults<'a> {
    pub text: &'a str,
    pub file: &'a str,
    found: RefCell<Vec<Diagnostic>>,
}

/// A fault on its way to its list.
pub(super) struct Fault {
    pub rule: &'static str,
    pub span: Range<usize>,
    pub message: String,
    pub found: Option<String>,
    pub expected: Option<String>,
    pub help: Option<String>,
}

impl<'a> Faults<'a> {
    pub fn new(text: &'a str, file: &'a str) -> Self {
        Self { text, file, found: RefCell::default() }
    }

    pub fn error(&self, fault: Fault) {
        self.add(Severity::Error, fault);
    }

    pub fn warning(&self, fault: Fault) {
        self.add(Severity::Warning, fault);
    }

    fn add(&self, severity: Severity, fault: Fault) {
        if self.found.borrow().iter().filter(|it| it.severity == severity).count() >= MOST {
            return;
        }
        let Fault { rule, span, message, found, expected, help } = fault;
        let message = one_line(&masked(&message));
        let found = found.map(|found| one_line(&masked(&found)));
        let help = help.map(|help| one_line(&help));
        let (line, column) = position(self.text, span.start);
        let file = self.file.into();
        let found_here =
            Diagnostic { rule, severity, message, found, expected, file, span, line, column, help };
        self.found.borrow_mut().push(found_here);
    }

    /// All of them, in the order of the file.
    pub fn into_sorted(self) -> Vec<Diagnostic> {
        let mut all = self.found.into_inner();
        all.sort_by_key(|fault| (fault.span.start, fault.span.end, fault.rule));
        all
    }
}

/// What a file holds may be no text for a line: a line feed in a key is shown as `\n`.
fn one_line(text: &str) -> String {
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.into() };
    text.chars().map(shown).collect()
}

/// A value with its place.
#[derive(Clone, Debug)]
pub(super) struct Spanned<T> {
    pub value: T,
    pub span: Range<usize>,
}

/// A table of the file, and the keys that were asked for.
pub(super) struct Fields<'a> {
    table: &'a dyn TableLike,
    /// How messages call it: `plan `pro``.
    pub what: String,
    /// Its header, or all of it.
    pub span: Range<usize>,
    faults: &'a Faults<'a>,
    unread: Cell<bool>,
}

impl<'a> Fields<'a> {
    pub fn of(
        item: &'a Item,
        what: impl Into<String>,
        span: Range<usize>,
        faults: &'a Faults<'a>,
    ) -> Option<Self> {
        let what = what.into();
        match item.as_table_like() {
            Some(table) => Some(Self::new(table, what, span, faults)),
            None => {
                wrong_type(faults, &what, item.type_name(), "a table", span);
                None
            }
        }
    }

    pub fn new(
        table: &'a dyn TableLike,
        what: impl Into<String>,
        span: Range<usize>,
        faults: &'a Faults<'a>,
    ) -> Self {
        Self { table, what: what.into(), span, faults, unread: Cell::new(true) }
    }

    /// Every key that is not among `known` is a fault.
    pub fn only(&self, known: &[&str]) {
        self.unread.set(false);
        for (name, _) in self.table.iter() {
            if !known.contains(&name) {
                let near = super::values::nearest(name, known);
                self.faults.error(Fault {
                    rule: "unknown-key",
                    span: self.key_span(name),
                    message: format!("{} has no key `{name}`", self.what),
                    found: Some(format!("`{name}`")),
                    expected: Some(format!("one of {}", list(known))),
                    help: near.map(|near| format!("did you mean `{near}`?")),
                });
            }
        }
    }

    pub fn key_span(&self, name: &str) -> Range<usize> {
        let key = self.table.get_key_value(name).and_then(|(key, _)| key.span());
        key.unwrap_or_else(|| self.span.clone())
    }

    pub fn item(&self, name: &str) -> Option<Spanned<&'a Item>> {
        let item = self.table.get(name)?;
        let span = item.span().unwrap_or_else(|| self.key_span(name));
        Some(Spanned { value: item, span })
    }

    pub fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Item, Range<usize>)> {
        self.table.iter().map(|(name, item)| (name, item, self.key_span(name)))
    }

    pub fn text(&self, name: &str) -> Option<Spanned<&'a str>> {
        let Spanned { value: item, span } = self.item(name)?;
        match item.as_str() {
            Some(value) => Some(Spanned { value, span }),
            None => {
                self.wrong(name, item.type_name(), "a text in quotes", span);
                None
            }
        }
    }

    pub fn number(&self, name: &str, range: std::ops::RangeInclusive<i64>) -> Option<u32> {
        let Spanned { value: item, span } = self.item(name)?;
        let Some(found) = item.as_integer() else {
            self.wrong(name, item.type_name(), "a whole number", span);
            return None;
        };
        let fits = range.contains(&found).then(|| u32::try_from(found).ok()).flatten();
        if fits.is_none() {
            let expected = format!("a number from {} to {}", range.start(), range.end());
            self.faults.error(Fault {
                rule: "number-out-of-range",
                span,
                message: format!("`{name}` of {} is {found}, expected {expected}", self.what),
                found: Some(found.to_string()),
                expected: Some(expected),
                help: None,
            });
        }
        fits
    }

    /// The value that `name` is set to, of some named ones; None if absent or wrong.
    pub fn choice<T: Copy>(&self, name: &str, choices: &[(&'static str, T)]) -> Option<T> {
        let Spanned { value, span } = self.text(name)?;
        let found = choices.iter().find(|(word, _)| *word == value);
        if found.is_none() {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            let near = super::values::nearest(value, &words);
            self.faults.error(Fault {
                rule: "invalid-choice",
                span,
                message: format!(
                    "`{name}` of {} is `{value}`, expected {}",
                    self.what,
                    one_of(&words)
                ),
                found: Some(format!("`{value}`")),
                expected: Some(one_of(&words)),
                help: near.map(|near| format!("did you mean `{near}`?")),
            });
        }
        found.map(|(_, choice)| *choice)
    }

    /// The tables of an array, whichever of its two forms it has.
    pub fn tables(&self, name: &str, what: &str) -> Vec<Fields<'a>> {
        let Some(Spanned { value: item, span }) = self.item(name) else { return Vec::new() };
        if let Some(tables) = item.as_array_of_tables() {
            let place = |table: &toml_edit::Table| table.span().unwrap_or_else(|| span.clone());
            return tables
                .iter()
                .map(|table| Fields::new(table, what, place(table), self.faults))
                .collect();
        }
        let Some(array) = item.as_array() else {
            self.wrong(name, item.type_name(), "an array of tables", span);
            return Vec::new();
        };
        let each = |value: &'a Value| {
            let place = value.span().unwrap_or_else(|| span.clone());
            match value.as_inline_table() {
                Some(table) => Some(Fields::new(table, what, place, self.faults)),
                None => {
                    self.wrong(name, value.type_name(), "a table in braces", place);
                    None
                }
            }
        };
        array.iter().filter_map(each).collect()
    }

    /// The texts of an array.
    pub fn texts(&self, name: &str) -> Vec<Spanned<&'a str>> {
        let Some(Spanned { value: item, span }) = self.item(name) else { return Vec::new() };
        let Some(array) = item.as_array() else {
            self.wrong(name, item.type_name(), "an array of texts", span);
            return Vec::new();
        };
        let each = |value: &'a Value| {
            let place = value.span().unwrap_or_else(|| span.clone());
            match value.as_str() {
                Some(value) => Some(Spanned { value, span: place }),
                None => {
                    self.wrong(name, value.type_name(), "a text in quotes", place);
                    None
                }
            }
        };
        array.iter().filter_map(each).collect()
    }

    /// Notes that `name` is not there.
    pub fn missing(&self, name: &str, help: &str) {
        self.faults.error(Fault {
            rule: "missing-key",
            span: self.span.clone(),
            message: format!("{} has no `{name}`", self.what),
            found: None,
            expected: Some(format!("a key `{name}`")),
            help: Some(help.into()),
        });
    }

    fn wrong(&self, name: &str, found: &str, expected: &str, span: Range<usize>) {
        wrong_type(self.faults, &format!("`{name}` of {}", self.what), found, expected, span);
    }
}

impl Drop for Fields<'_> {
    fn drop(&mut self) {
        debug_assert!(!self.unread.get(), "the keys of {} were never checked", self.what);
    }
}

pub(super) fn wrong_type(
    faults: &Faults<'_>,
    what: &str,
    found: &str,
    expected: &str,
    span: Range<usize>,
) {
    let found = match found.as_bytes().first() {
        Some(b'a' | b'e' | b'i' | b'o' | b'u') => format!("an {found}"),
        _ => format!("a {found}"),
    };
    faults.error(Fault {
        rule: "wrong-type",
        span,
        message: format!("{what} is {found}, expected {expected}"),
        found: Some(found),
        expected: Some(expected.into()),
        help: None,
    });
}

fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

fn one_of(words: &[&str]) -> String {
    match words {
        [only] => format!("`{only}`"),
        [first, second] => format!("`{first}` or `{second}`"),
        many => format!("one of {}", list(many)),
    }
}
