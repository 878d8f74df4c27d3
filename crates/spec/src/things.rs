//! What tasks need and make, by name: `Needs: table `users` (given), endpoint `GET /api/users``.

use std::ops::Range;

/// What kind of thing a task needs or makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Kind {
    Table,
    Column,
    Endpoint,
    Event,
    Variable,
    File,
    /// What only one task can have at a time, such as a test database. No task makes it.
    Resource,
    Thing,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Table,
        Self::Column,
        Self::Endpoint,
        Self::Event,
        Self::Variable,
        Self::File,
        Self::Resource,
        Self::Thing,
    ];

    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Column => "column",
            Self::Endpoint => "endpoint",
            Self::Event => "event",
            Self::Variable => "variable",
            Self::File => "file",
            Self::Resource => "resource",
            Self::Thing => "thing",
        }
    }

    /// The kind that some words name: `table`, `the table`, `environment variable`.
    fn named(words: &str) -> Option<Self> {
        let mut words = words.split_whitespace().collect::<Vec<_>>();
        let last = words.pop()?;
        let is_plain = match words.as_slice() {
            [] => true,
            [one] => ["and", "the", "a", "an", "environment"].contains(one),
            _ => false,
        };
        Self::ALL.into_iter().find(|kind| is_plain && kind.as_str() == last)
    }
}

/// A thing that a task needs or makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Thing {
    pub(crate) kind: Kind,
    /// As it is written.
    pub(crate) name: String,
    /// As it is compared.
    pub(crate) key: String,
    /// Whether the project has it already.
    pub(crate) given: bool,
    /// Where its name stands, in bytes of the file.
    pub(crate) span: Range<usize>,
}

impl Thing {
    pub(crate) fn new(kind: Kind, name: &str, span: Range<usize>) -> Self {
        Self { kind, name: name.into(), key: key(kind, name), given: false, span }
    }

    /// `table `users``.
    pub(crate) fn shown(&self) -> String {
        format!("{} `{}`", self.kind.as_str(), self.name)
    }

    /// The table of a column.
    pub(crate) fn table(&self) -> Option<&str> {
        let (table, _) = self.key.split_once('.').filter(|_| self.kind == Kind::Column)?;
        Some(table)
    }
}

/// Two names of one thing have the same key.
fn key(kind: Kind, name: &str) -> String {
    match kind {
        Kind::Table | Kind::Column => name.to_lowercase().replace('"', ""),
        Kind::Endpoint => endpoint(name).unwrap_or_else(|| name.into()),
        Kind::File => name.strip_prefix("./").unwrap_or(name).into(),
        Kind::Event | Kind::Variable | Kind::Resource | Kind::Thing => name.into(),
    }
}

/// `POST /api/users/{}` of `post /api/users/:id/?all=1`; none for what is no endpoint.
pub(crate) fn endpoint(name: &str) -> Option<String> {
    const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    let (method, path) = name.trim().split_once(char::is_whitespace)?;
    let method = method.to_ascii_uppercase();
    let path = path.trim().split(['?', '#']).next().unwrap_or_default();
    let is_path = path.starts_with('/') && !path.contains(|c: char| c.is_whitespace() || c == '*');
    if !METHODS.contains(&method.as_str()) || !is_path || path.contains("...") {
        return None;
    }
    let parts = path.trim_matches('/').split('/').map(|part| {
        let is_place = part.starts_with([':', '{', '<', '[']) || part.starts_with('$');
        if is_place { "{}" } else { part }
    });
    Some(format!("{method} /{}", parts.collect::<Vec<_>>().join("/")))
}

/// What stands between backticks, without them.
pub(crate) fn quoted(text: &str) -> Vec<Range<usize>> {
    let mut ticks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'`').map(|(at, _)| at);
    let mut found = Vec::new();
    while let (Some(open), Some(close)) = (ticks.next(), ticks.next()) {
        found.push(open + 1..close);
    }
    found
}

/// The things of a list that begins at `start` of the file. What has not the form KIND `NAME` is prose,
/// and left out.
pub(crate) fn list(text: &str, start: usize) -> Vec<Thing> {
    let mut found: Vec<Thing> = Vec::new();
    let mut from = 0;
    for span in quoted(text) {
        let before = text[from..span.start - 1].rsplit([',', ';']).next().unwrap_or_default();
        let (given, length) = remark(&text[span.end + 1..]);
        from = span.end + 1 + length;
        let name = text[span.clone()].trim();
        let kind = Kind::named(&before.trim().replace(['*', '_'], "").to_lowercase());
        if let Some(kind) = kind.filter(|_| !name.is_empty() && ends(&text[from..])) {
            let span = start + span.start..start + span.end;
            found.push(Thing { given, ..Thing::new(kind, name, span) });
        }
    }
    found
}

/// Whether a remark in brackets says that a thing is given, and how long it is.
fn remark(after: &str) -> (bool, usize) {
    let blanks = after.len() - after.trim_start().len();
    let Some(inside) = after.trim_start().strip_prefix('(') else { return (false, 0) };
    let Some((remark, _)) = inside.split_once(')') else { return (false, 0) };
    let given = remark.split(|c: char| !c.is_alphabetic()).any(|word| word == "given");
    (given, blanks + remark.len() + 2)
}

/// Whether a new entry may begin here.
fn ends(after: &str) -> bool {
    let after = after.trim_start().trim_start_matches(['.', '*', '_']);
    after.is_empty() || after.starts_with([',', ';', '\n']) || after.starts_with("and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_things_has_kinds_and_names_and_the_rest_is_prose() {
        let text = "table `users` (given), column `users.Plan` and endpoint `POST /api/a/:id/`, \
                    the `thing` we know, file `./src/x.rs`, table `old` from before, thing `seen`.\n";
        let found = list(text, 100);
        let shown: Vec<_> =
            found.iter().map(|it| (it.shown(), it.key.as_str(), it.given)).collect();
        assert_eq!(
            shown,
            [
                ("table `users`".into(), "users", true),
                ("column `users.Plan`".into(), "users.plan", false),
                ("endpoint `POST /api/a/:id/`".into(), "POST /api/a/{}", false),
                ("file `./src/x.rs`".into(), "src/x.rs", false),
                ("thing `seen`".into(), "seen", false),
            ]
        );
        for it in &found {
            assert_eq!(&text[it.span.start - 100..it.span.end - 100], it.name);
        }
        assert_eq!(found[1].table(), Some("users"));
        assert_eq!(list("`", 0), []);
    }

    #[test]
    fn an_endpoint_is_a_method_and_a_path() {
        assert_eq!(endpoint("GET /users/{id}?page=2").as_deref(), Some("GET /users/{}"));
        assert_eq!(endpoint("get /"), Some("GET /".into()));
        for text in ["GET users", "FETCH /users", "GET", "GET /api/*", "GET /api/...", ""] {
            assert_eq!(endpoint(text), None, "{text}");
        }
    }
}
