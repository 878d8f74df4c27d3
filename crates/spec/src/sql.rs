//! The tables that a spec's SQL makes.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use crate::check::Input;
use crate::{Document, NodeKind};

/// Words that begin a line of a table which is no column.
const CONSTRAINTS: [&str; 9] = [
    "primary",
    "foreign",
    "unique",
    "check",
    "constraint",
    "exclude",
    "fulltext",
    "spatial",
    "period",
];
/// Words after which nobody can tell whether a column comes.
const UNSURE: [&str; 3] = ["key", "index", "like"];

/// A table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    /// As it is written.
    pub(crate) name: String,
    /// As they are written, and where: file and bytes.
    pub(crate) columns: Vec<(String, usize, Range<usize>)>,
    /// The same as they are compared.
    known: HashSet<String>,
    /// Whether it may have more columns than these.
    pub(crate) is_open: bool,
}

impl Table {
    /// Whether it has a column, `created_at` being the same as `createdAt`.
    pub(crate) fn has(&self, column: &str) -> bool {
        self.is_open || self.known.contains(&plain(column))
    }

    fn add(&mut self, name: &str, file: usize, span: Range<usize>) {
        if self.known.insert(plain(name)) {
            self.columns.push((name.into(), file, span));
        }
    }
}

/// A name as it is compared.
pub(crate) fn plain(name: &str) -> String {
    name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
}

/// The tables that stand in SQL under a heading about the data model, by their names in lower case.
/// What other SQL of the spec adds to them counts as well.
pub(crate) fn tables(files: &[Input<'_>]) -> BTreeMap<String, Table> {
    let mut modelled = BTreeMap::new();
    let mut others = Vec::new();
    for (f, file) in files.iter().enumerate() {
        for (node, is_model) in blocks(file) {
            for (table, is_new) in statements(file.bytes, inside(file, node), f) {
                match is_model && is_new {
                    true => merge(modelled.entry(table.name.to_lowercase()).or_default(), table),
                    false => others.push(table),
                }
            }
        }
    }
    for table in others {
        if let Some(known) = modelled.get_mut(&table.name.to_lowercase()) {
            merge(known, table);
        }
    }
    modelled
}

fn merge(known: &mut Table, more: Table) {
    known.name = more.name;
    known.is_open |= more.is_open;
    for (name, file, span) in more.columns {
        known.add(&name, file, span);
    }
}

/// The blocks of SQL, and whether each stands under a heading about the data model.
fn blocks(file: &Input<'_>) -> Vec<(usize, bool)> {
    let nodes = &file.document.nodes;
    let is_sql = |n: &usize| {
        let line = &file.bytes[file.document.lines[nodes[*n].line - 1].clone()];
        let info = line.trim_ascii().trim_ascii_start();
        let info = info.iter().skip_while(|byte| matches!(byte, b'`' | b'~')).copied();
        let info: Vec<u8> = info.collect();
        info.trim_ascii().to_ascii_lowercase().ends_with(b"sql")
    };
    let codes = (0..nodes.len()).filter(|n| nodes[*n].kind == NodeKind::Code).filter(is_sql);
    codes.map(|n| (n, is_model(file.document, n))).collect()
}

fn is_model(document: &Document, node: usize) -> bool {
    let above = std::iter::successors(document.nodes[node].parent, |n| document.nodes[*n].parent);
    above.into_iter().any(|n| {
        let words = document.nodes[n].text.to_lowercase();
        document.nodes[n].kind == NodeKind::Heading
            && ["data model", "schema"].iter().any(|name| words.contains(name))
    })
}

/// What stands between the fences of a block.
fn inside(file: &Input<'_>, node: usize) -> Range<usize> {
    let own = file.document.own(node);
    let first = &file.document.lines[file.document.nodes[node].line - 1];
    first.end.min(own.end)..own.end
}

/// A word or a sign of SQL, and where it stands. Comments and texts are left out.
struct Token<'a> {
    text: &'a str,
    span: Range<usize>,
    is_quoted: bool,
}

impl Token<'_> {
    fn is(&self, word: &str) -> bool {
        !self.is_quoted && self.text.eq_ignore_ascii_case(word)
    }

    fn is_name(&self) -> bool {
        self.is_quoted || self.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
    }
}

/// The tables of a block, and of each whether it is made here or only added to.
fn statements(bytes: &[u8], span: Range<usize>, file: usize) -> Vec<(Table, bool)> {
    let Ok(text) = std::str::from_utf8(&bytes[span.clone()]) else { return Vec::new() };
    let (tokens, has_gaps) = tokens(text, span.start);
    let begins = |token: &Token<'_>| token.is("create") || token.is("alter") || token.is(";");
    let mut starts: Vec<usize> = (0..tokens.len()).filter(|n| begins(&tokens[*n])).collect();
    starts.push(tokens.len());
    let mut found = Vec::new();
    for pair in starts.windows(2) {
        let statement = &tokens[pair[0]..pair[1]];
        found.extend(created(statement, file).map(|it| (it, true)));
        found.extend(added(statement, file).map(|it| (it, false)));
    }
    for (table, _) in &mut found {
        table.is_open |= has_gaps;
    }
    found
}

/// A column that SQL names: of which table, in which file, and where.
pub(crate) struct Use {
    pub(crate) table: String,
    pub(crate) column: String,
    pub(crate) file: usize,
    pub(crate) span: Range<usize>,
}

/// The columns that indexes and references name in the SQL of a spec.
pub(crate) fn uses(files: &[Input<'_>]) -> Vec<Use> {
    let mut found = Vec::new();
    for (f, file) in files.iter().enumerate() {
        for (node, _) in blocks(file) {
            let span = inside(file, node);
            let Ok(text) = std::str::from_utf8(&file.bytes[span.clone()]) else { continue };
            let (tokens, _) = tokens(text, span.start);
            let named = (0..tokens.len()).filter(|n| names_columns(&tokens, *n));
            found.extend(named.flat_map(|n| listed(&tokens[n + 1..], f)));
        }
    }
    found
}

/// Whether a table with columns follows: `REFERENCES`, and the `ON` of an index.
fn names_columns(tokens: &[Token<'_>], n: usize) -> bool {
    let before = &tokens[n.saturating_sub(8)..n];
    let is_index = before.iter().rposition(|it| it.is("index")).is_some_and(|at| {
        let is_create = before[..at].iter().any(|it| it.is("create"));
        is_create && !before[at..].iter().any(|it| it.is(";"))
    });
    tokens[n].is("references") || tokens[n].is("on") && is_index
}

/// `table (one, two)`; what is no plain name is left out.
fn listed(tokens: &[Token<'_>], file: usize) -> Vec<Use> {
    let open = tokens.iter().take(4).position(|it| it.is("("));
    let Some(open) = open else { return Vec::new() };
    let Some(table) = tokens[..open].iter().rev().find(|it| it.is_name()) else {
        return Vec::new();
    };
    let close =
        tokens[open..].iter().position(|it| it.is(")")).map_or(tokens.len(), |it| open + it);
    let parts = tokens[open + 1..close].split(|it| it.is(","));
    let plain = parts.filter_map(|part| part.first().filter(|it| it.is_name() && part.len() < 3));
    let is_call = tokens[open + 1..close].iter().any(|it| it.is("("));
    let made = plain.filter(|_| !is_call).map(|it| Use {
        table: table.text.into(),
        column: it.text.into(),
        file,
        span: it.span.clone(),
    });
    made.collect()
}

/// `CREATE TABLE name ( … )`
fn created(statement: &[Token<'_>], file: usize) -> Option<Table> {
    statement.first().filter(|token| token.is("create"))?;
    let at = statement.iter().take(4).position(|token| token.is("table"))?;
    let open = at + statement[at..].iter().position(|token| token.is("("))?;
    let name = statement[at + 1..open].iter().rev().find(|token| token.is_name())?;
    let mut table = Table { name: name.text.into(), ..Table::default() };
    table.is_open = statement[at..open].iter().any(|it| it.is("as") || it.is("of"));
    let (mut depth, mut begins) = (0_usize, true);
    for (n, token) in statement.iter().enumerate().skip(open) {
        match token.text {
            "(" if !token.is_quoted => depth += 1,
            ")" if !token.is_quoted => depth = depth.saturating_sub(1),
            "," if depth == 1 && !token.is_quoted => begins = true,
            _ if begins && depth == 1 => {
                begins = false;
                table.take(token, statement.get(n + 1), file);
            }
            _ => {}
        }
        if depth == 0 {
            table.is_open |= statement[n..].iter().any(|it| it.is("inherits") || it.is("as"));
            break;
        }
    }
    Some(table)
}

/// `ALTER TABLE name ADD COLUMN …`
fn added(statement: &[Token<'_>], file: usize) -> Option<Table> {
    let skips = |token: &&Token<'_>| {
        ["alter", "table", "column", "if", "not", "exists", "only"].iter().any(|it| token.is(it))
    };
    statement.get(1).filter(|token| statement[0].is("alter") && token.is("table"))?;
    let mut names = statement.iter().skip_while(skips);
    let mut name = names.next().filter(|token| token.is_name())?;
    if names.next().is_some_and(|token| token.is(".")) {
        name = names.next()?;
    }
    let mut table = Table { name: name.text.into(), ..Table::default() };
    for (n, _) in statement.iter().enumerate().filter(|(_, token)| token.is("add")) {
        let mut words = statement[n + 1..].iter().skip_while(skips);
        if let Some(first) = words.next().filter(|it| !CONSTRAINTS.iter().any(|word| it.is(word))) {
            table.take(first, words.next(), file);
        }
    }
    table.is_open |= statement.iter().any(|token| token.is("rename"));
    Some(table)
}

impl Table {
    /// Takes the first word of a line.
    fn take(&mut self, token: &Token<'_>, after: Option<&Token<'_>>, file: usize) {
        let is_one_of = |words: &[&str]| words.iter().any(|word| token.is(word));
        if is_one_of(&CONSTRAINTS) {
            return;
        }
        let is_column = token.is_name() && after.is_some_and(Token::is_name);
        match is_column && !is_one_of(&UNSURE) {
            true => self.add(token.text, file, token.span.clone()),
            false => self.is_open = true,
        }
    }
}

/// What a comment says that leaves something out.
const GAPS: [&str; 5] = ["...", "…", "other ", "existing ", " etc"];

/// Words and signs, and whether a comment says that something is left out.
fn tokens(text: &str, start: usize) -> (Vec<Token<'_>>, bool) {
    let mut found = Vec::new();
    let mut has_gaps = false;
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let is_comment = rest.starts_with("--") || rest.starts_with("/*");
        let word = &rest[..length(first, rest)];
        let span = start + at..start + at + word.len();
        at += word.len();
        let quoted = ['"', '`', '['].contains(&first).then(|| unquoted(word)).flatten();
        match quoted {
            Some(text) => {
                found.push(Token { text, span: span.start + 1..span.end - 1, is_quoted: true })
            }
            None if is_comment => {
                let lower = word.to_lowercase();
                has_gaps |= GAPS.iter().any(|gap| lower.contains(gap));
            }
            None if word == "..." || first == '…' => has_gaps = true,
            None if first.is_whitespace() || first == '\'' => {}
            None => found.push(Token { text: word, span, is_quoted: false }),
        }
    }
    (found, has_gaps)
}

/// How long the word, sign, text or comment is that begins here.
fn length(first: char, rest: &str) -> usize {
    let to = |mark: &str| rest.find(mark).map_or(rest.len(), |end| end + mark.len());
    let closing = |mark: char| rest[1..].find(mark).map_or(rest.len(), |end| end + 2);
    match first {
        _ if rest.starts_with("--") => to("\n"),
        _ if rest.starts_with("/*") => to("*/"),
        _ if rest.starts_with("...") => 3,
        '\'' | '"' | '`' => closing(first),
        '[' => closing(']'),
        c if c.is_alphanumeric() || c == '_' => {
            rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())
        }
        c => c.len_utf8(),
    }
}

/// A name without its quotes; none when they are not closed, or nothing stands between them.
fn unquoted(word: &str) -> Option<&str> {
    let inner = word.get(1..)?.strip_suffix(['"', '`', ']'])?;
    (!inner.is_empty()).then_some(inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dialect, Kind, read};

    fn found(text: &str) -> Vec<String> {
        let document = read(text.as_bytes(), Dialect::Kiro, Kind::Design);
        let input = Input { path: "design.md", bytes: text.as_bytes(), document: &document };
        let all = tables(&[input]);
        all.values()
            .map(|table| {
                for (name, _, span) in &table.columns {
                    assert_eq!(&text[span.clone()], name);
                }
                let names: Vec<_> = table.columns.iter().map(|it| it.0.as_str()).collect();
                let open = if table.is_open { " …" } else { "" };
                format!("{}: {}{open}", table.name, names.join(" "))
            })
            .collect()
    }

    #[test]
    fn tables_of_the_data_model_have_columns() {
        let text = "\
## Data Model
```sql
CREATE TABLE IF NOT EXISTS public.users ( -- who is known
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(), /* by, chance */
  \"full name\" TEXT NOT NULL DEFAULT 'a, b',
  tags TEXT[],
  amount NUMERIC(10, 2) CHECK (amount > 0),
  PRIMARY KEY (id), CONSTRAINT one UNIQUE (tags)
)
CREATE TABLE `plans` (name TEXT);
CREATE INDEX by_name ON plans (name);
```
## Migration
```sql
ALTER TABLE plans ADD COLUMN price INT, ADD CONSTRAINT two CHECK (price > 0);
CREATE TABLE elsewhere (a INT);
```
```ts
CREATE TABLE no_sql (a INT);
```
";
        assert_eq!(found(text), ["plans: name price", "users: id full name tags amount"]);
    }

    #[test]
    fn what_may_have_more_columns_is_open() {
        for sql in [
            "CREATE TABLE a (b INT, ...);",
            "CREATE TABLE a (b INT -- other columns\n);",
            "CREATE TABLE a (b INT, LIKE c);",
            "CREATE TABLE a (b INT, key d);",
            "CREATE TABLE a (b INT, untyped);",
            "CREATE TABLE a (b INT) INHERITS (c);",
            "CREATE TABLE a (b INT); ALTER TABLE a RENAME COLUMN b TO c;",
        ] {
            let text = format!("# Data Models\n```sql\n{sql}\n```\n");
            assert_eq!(found(&text), ["a: b …"], "{sql}");
        }
    }

    #[test]
    fn anything_else_is_read_to_its_end() {
        for sql in
            ["CREATE TABLE \"é", "CREATE TABLE a (", "ALTER TABLE", "ALTER TABLE a ADD", "/*", "'"]
        {
            found(&format!("# Data Model\n```sql\n{sql}\n```\n"));
        }
        let mut table = Table::default();
        table.add("created_at", 0, 0..0);
        assert!(table.has("createdAt") && !table.has("created_by"));
    }
}
