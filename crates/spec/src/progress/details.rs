//! What a task says of itself: its files, what it must do, how that is shown, what it waits for.

use crate::document::{Document, NodeKind};
use crate::{RefKind, refs};

/// What is read from the lines of one task, without those of its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Details {
    /// Without hours.
    pub(super) title: String,
    /// Verbs and paths: `create`, `src/a.rs`.
    pub(super) verbs: Vec<(String, String)>,
    /// Everything that may be a path, with those.
    pub(super) files: Vec<String>,
    pub(super) acceptance: Vec<String>,
    /// Commands.
    pub(super) validations: Vec<String>,
    /// Ids of tasks.
    pub(super) depends: Vec<String>,
    /// Why it is blocked, if it says so. May be empty.
    pub(super) blocked: Option<String>,
    /// Whether a block of code stands in it.
    pub(super) code: bool,
}

/// What stands before a colon, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    Verb,
    Acceptance,
    Validation,
    Status,
    Blocked,
    /// One whose words are nobody's demand: what it needs, for what it is.
    Other,
}

/// Whole names: `Validation rules` are no commands, and `Create the list` is no verb.
const LABELS: [(Label, &[&str]); 6] = [
    (Label::Verb, &["create", "edit", "modify", "delete"]),
    (Label::Acceptance, &["acceptance", "acceptance criteria", "acceptance criterion"]),
    (
        Label::Validation,
        &["validation", "validations", "validation command", "validation commands"],
    ),
    (Label::Status, &["status"]),
    (Label::Blocked, &["blocked"]),
    (
        Label::Other,
        &[
            "needs",
            "provides",
            "requirement",
            "requirements",
            "validates",
            "depends",
            "depends on",
            "dependencies",
            "boundary",
            "leverage",
            "prompt",
        ],
    ),
];

impl Details {
    /// What the nodes of a task say: `own` are its own, in their order, itself first.
    pub(super) fn of(document: &Document, own: &[usize]) -> Self {
        let mut all = Self::default();
        let Some(task) = own.first() else { return all };
        all.title = without_hours(&document.nodes[*task].text).to_owned();
        // Above a list under a heading, and of an item for those under it.
        let mut field: Option<Label> = None;
        let mut labels: Vec<(usize, Option<Label>)> = Vec::new();
        for n in own {
            let node = &document.nodes[*n];
            let above = labels.iter().find(|(item, _)| Some(*item) == node.parent);
            let above = above.map_or(field, |(_, label)| *label);
            all.note(node, &mut field, above, *n != *task && document.nodes[*task].mark.is_some());
            if matches!(node.kind, NodeKind::Detail | NodeKind::Entry) {
                let label = labelled(&node.text).map(|(label, ..)| label);
                labels.push((*n, label.or(above)));
            }
        }
        all.files.sort_unstable();
        all.files.dedup();
        all
    }

    /// Takes in one node. `above` is the label that it stands under; `is_item` says that what has no
    /// label is a demand, as in a list of details.
    fn note(
        &mut self,
        node: &crate::Node,
        field: &mut Option<Label>,
        above: Option<Label>,
        is_item: bool,
    ) {
        let tasks = node.refs.iter().filter(|it| it.kind == RefKind::Task);
        self.depends.extend(tasks.map(|it| it.to.clone().unwrap_or_else(|| it.text.clone())));
        self.files.extend(refs::files(&node.text, 0).into_iter().map(|it| it.text));
        self.files.extend(of_kind(node, RefKind::File));
        let id = node.id.as_deref().unwrap_or_default().to_lowercase();
        match node.kind {
            NodeKind::Field => {
                *field = Some(label_named(&id).unwrap_or(Label::Other));
                self.take(*field, &id, &node.text);
            }
            NodeKind::File => {
                *field = Some(Label::Other);
                self.verbs.extend(of_kind(node, RefKind::File).map(|path| (id.clone(), path)));
            }
            NodeKind::Criterion => self.acceptance.push(node.text.clone()),
            NodeKind::Validation | NodeKind::Code if above == Some(Label::Validation) => {
                self.validations.extend(lines(&node.text));
            }
            NodeKind::Validation | NodeKind::Code => self.code = true,
            NodeKind::Detail | NodeKind::Entry | NodeKind::Prose | NodeKind::Check => {
                match labelled(&node.text) {
                    Some((label, name, rest)) => self.take(Some(label), &name, rest),
                    None if above.is_none() && is_item => self.acceptance.push(node.text.clone()),
                    None => self.take(above, "", &node.text),
                }
            }
            _ => {}
        }
    }

    /// Takes in the words under a label.
    fn take(&mut self, label: Option<Label>, name: &str, text: &str) {
        match label {
            Some(Label::Verb) if !name.is_empty() => {
                let paths = refs::files(text, 0).into_iter().map(|it| (name.to_owned(), it.text));
                self.verbs.extend(paths);
            }
            Some(Label::Acceptance) if !text.trim().is_empty() => {
                self.acceptance.push(text.trim().into())
            }
            Some(Label::Validation) => self.validations.extend(between_backticks(text)),
            Some(Label::Blocked) => self.blocked = Some(reason(text)).filter(|it| !is_no(it)),
            Some(Label::Status) => {
                let word = text.trim_start_matches(|c: char| !c.is_alphabetic());
                let is_so = word.get(..7).is_some_and(|it| it.eq_ignore_ascii_case("blocked"));
                if is_so {
                    self.blocked = Some(reason(&word[7..]));
                }
            }
            _ => {}
        }
    }

    /// The text that its digest is of: one line a part, none of them its box or its hours.
    pub(super) fn canonical(&self) -> String {
        let mut text = format!("specie.spec.task/1\ntitle: {}\n", self.title);
        let mut add = |name: &str, value: &str| {
            text.push_str(&format!("{name}: {}\n", value.trim().replace('\n', " ")));
        };
        self.verbs.iter().for_each(|(verb, path)| add("file", &format!("{verb} {path}")));
        self.acceptance.iter().for_each(|it| add("acceptance", it));
        self.validations.iter().for_each(|it| add("validation", it));
        text
    }
}

fn of_kind(node: &crate::Node, kind: RefKind) -> impl Iterator<Item = String> {
    node.refs.iter().filter(move |it| it.kind == kind).map(|it| it.text.clone())
}

fn label_named(lower: &str) -> Option<Label> {
    LABELS.iter().find(|(_, names)| names.contains(&lower)).map(|(label, _)| *label)
}

/// `**Blocked:** no`
fn is_no(why: &str) -> bool {
    ["", "no", "none", "false"].iter().any(|no| why.eq_ignore_ascii_case(no))
}

/// `Validation: words`, also `**Status:** words`: the label, its name in small letters, the words.
fn labelled(text: &str) -> Option<(Label, String, &str)> {
    let (name, rest) = text.split_once(':')?;
    let name = name.trim_matches(['*', '_', ' ']).to_lowercase();
    let label = label_named(&name)?;
    Some((label, name, rest.trim_start_matches(['*', '_']).trim()))
}

/// `(needs a key)`, `- needs a key`: `needs a key`.
fn reason(text: &str) -> String {
    let text = text.trim_matches(|c: char| c.is_whitespace() || "-–—:*_.".contains(c));
    let inside = text.strip_prefix('(').and_then(|it| it.strip_suffix(')'));
    inside.unwrap_or(text).trim().to_owned()
}

/// A title without `(~3h)` or `(~4 hours)` at its end.
pub(crate) fn without_hours(title: &str) -> &str {
    let title = title.trim();
    let Some((before, inside)) = title.strip_suffix(')').and_then(|it| it.rsplit_once('(')) else {
        return title;
    };
    let inside = inside.trim().trim_start_matches('~').trim_start();
    let unit = inside.trim_start_matches(|c: char| c.is_ascii_digit() || ".-– ".contains(c));
    let counted = unit.len() < inside.len();
    let hours = ["h", "hr", "hrs", "hour", "hours"].contains(&unit);
    if counted && hours { before.trim_end() } else { title }
}

/// The commands of a block, one a line: comments are none, and a line that ends with `\` goes on.
fn lines(block: &str) -> Vec<String> {
    let joined = block.replace("\\\r\n", " ").replace("\\\n", " ");
    let lines = joined.lines().map(str::trim).map(|it| it.strip_prefix("$ ").unwrap_or(it).trim());
    lines.filter(|it| !it.is_empty() && !it.starts_with('#')).map(Into::into).collect()
}

fn between_backticks(text: &str) -> Vec<String> {
    let parts = text.split('`').skip(1).step_by(2).map(str::trim);
    let closed = text.matches('`').count() / 2;
    parts.take(closed).filter(|it| !it.is_empty()).map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_no_part_of_a_title() {
        let cases = [
            ("Create the tables (~3h)", "Create the tables"),
            ("Create the tables (~4 hours)", "Create the tables"),
            ("Create (2-3h)", "Create"),
            ("Create (draft)", "Create (draft)"),
            ("Create (h)", "Create (h)"),
            ("Create", "Create"),
        ];
        for (title, expected) in cases {
            assert_eq!(without_hours(title), expected);
        }
    }

    #[test]
    fn a_block_has_one_command_a_line() {
        let block =
            "# first\npsql -f a.sql\n\n$ cargo test \\\n  --all\npsql -c \"\\dt\"  # Verify";
        let expected = ["psql -f a.sql", "cargo test    --all", "psql -c \"\\dt\"  # Verify"];
        assert_eq!(lines(block), expected);
        assert_eq!(between_backticks("`a b`, then `c` and `open"), ["a b", "c"]);
    }

    #[test]
    fn labels_are_read_in_every_dress() {
        let of = |text| labelled(text).map(|(_, name, rest)| (name, rest.to_owned()));
        assert_eq!(of("Validation: `a`"), Some(("validation".into(), "`a`".into())));
        assert_eq!(of("**Status:** BLOCKED"), Some(("status".into(), "BLOCKED".into())));
        assert_eq!(of("_Blocked: no key_"), Some(("blocked".into(), "no key_".into())));
        assert_eq!(of("Note: words"), None);
        assert_eq!(of("Validation rules: `amount > 0`"), None);
        assert_eq!(of("guard against it"), None);
        assert_eq!(reason("no key_"), "no key");
        assert_eq!(reason(" (no key)"), "no key");
    }
}
