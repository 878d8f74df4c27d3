//! The way back: a body becomes nested objects, arrays and texts.

use std::collections::BTreeMap;

use percent_encoding::percent_decode;
use serde_json::{Map, Value};

/// The longest body that is read.
const LONGEST_BODY: usize = 1 << 20;
/// The most parameters that are read.
pub const MOST_PAIRS: usize = 2_000;
/// How deep names may nest: Stripe's deepest have six parts.
const DEEPEST: usize = 12;
/// The longest name, decoded, that is read.
const LONGEST_NAME: usize = 1_000;

/// Why a body is no form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// The body is larger than 1 MiB, or has more than 2,000 parameters.
    #[error("the form is too large")]
    TooLarge,
    /// A name is too long, or nests deeper than any of Stripe's.
    #[error("the name of a parameter is too long or nests too deeply")]
    TooDeep,
    /// Not UTF-8 after decoding.
    #[error("the form is not UTF-8")]
    NotUtf8,
    /// A name that is not `a[b][c]`.
    #[error("`{0}` is not the name of a parameter")]
    Malformed(String),
    /// One name is a text in one place and nested in another, or a list and an object.
    #[error("`{0}` is given in two shapes")]
    Conflict(String),
}

/// Reads a form: every leaf is a text; what is keyed by numbers or by `[]` becomes an array in
/// the order of its numbers, gaps closed; the rest are objects. A name given twice keeps its last
/// value. What stands under `metadata` is never an array, whatever its keys.
pub fn decode(body: &str) -> Result<Value, FormError> {
    if body.len() > LONGEST_BODY {
        return Err(FormError::TooLarge);
    }
    let mut root = Node::Branch(Branch::default());
    let pairs = body.split('&').filter(|pair| !pair.is_empty());
    for (n, pair) in pairs.enumerate() {
        if n >= MOST_PAIRS {
            return Err(FormError::TooLarge);
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (unescape(name)?, unescape(value)?);
        insert(&mut root, &name, &parts(&name)?, value)?;
    }
    finish(root, "", "")
}

/// One part of a name.
#[derive(Clone, Copy)]
enum Part<'a> {
    Key(&'a str),
    /// `[]`
    Next,
}

enum Node {
    Leaf(String),
    Branch(Branch),
}

#[derive(Default)]
struct Branch {
    named: BTreeMap<String, Node>,
    /// What came under `[]`, in order.
    listed: Vec<Node>,
}

fn unescape(text: &str) -> Result<String, FormError> {
    let spaced: Vec<u8> = text.bytes().map(|b| if b == b'+' { b' ' } else { b }).collect();
    let text = percent_decode(&spaced).decode_utf8().map_err(|_| FormError::NotUtf8)?;
    Ok(text.into_owned())
}

fn parts(name: &str) -> Result<Vec<Part<'_>>, FormError> {
    if name.len() > LONGEST_NAME {
        return Err(FormError::TooDeep);
    }
    let malformed = || FormError::Malformed(name.chars().take(80).collect());
    let (first, rest) = name.split_at(name.find('[').unwrap_or(name.len()));
    if first.is_empty() || first.contains(']') {
        return Err(malformed());
    }
    let mut parts = vec![Part::Key(first)];
    let mut rest = rest;
    while !rest.is_empty() {
        let inner = rest.strip_prefix('[').ok_or_else(malformed)?;
        let (key, after) = inner.split_once(']').ok_or_else(malformed)?;
        if key.contains('[') {
            return Err(malformed());
        }
        parts.push(if key.is_empty() { Part::Next } else { Part::Key(key) });
        rest = after;
    }
    if parts.len() > DEEPEST { Err(FormError::TooDeep) } else { Ok(parts) }
}

fn conflict(name: &str) -> FormError {
    FormError::Conflict(name.chars().take(80).collect())
}

fn insert(node: &mut Node, name: &str, parts: &[Part], value: String) -> Result<(), FormError> {
    let Some((part, rest)) = parts.split_first() else {
        return match node {
            Node::Leaf(leaf) => {
                *leaf = value;
                Ok(())
            }
            Node::Branch(_) => Err(conflict(name)),
        };
    };
    let Node::Branch(branch) = node else { return Err(conflict(name)) };
    let fresh = || match rest {
        [] => Node::Leaf(String::new()),
        _ => Node::Branch(Branch::default()),
    };
    let child = match part {
        Part::Key(key) => branch.named.entry((*key).to_owned()).or_insert_with(fresh),
        Part::Next => {
            if !branch.listed.last().is_some_and(|last| has_room(last, rest)) {
                branch.listed.push(fresh());
            }
            branch.listed.last_mut().expect("one was pushed if there was none")
        }
    };
    insert(child, name, rest, value)
}

/// Whether `rest` goes on with the element begun last: `[][a]=1&[][b]=2` is one object,
/// `[][a]=1&[][a]=2` are two.
fn has_room(node: &Node, rest: &[Part]) -> bool {
    match (node, rest) {
        (Node::Branch(branch), [Part::Key(key), deeper @ ..]) => match branch.named.get(*key) {
            Some(child) => has_room(child, deeper),
            None => true,
        },
        (Node::Branch(_), [Part::Next, ..]) => true,
        (Node::Branch(_) | Node::Leaf(_), _) => false,
    }
}

/// `key` is the last part of `path`.
fn finish(node: Node, path: &str, key: &str) -> Result<Value, FormError> {
    let branch = match node {
        Node::Leaf(text) => return Ok(Value::String(text)),
        Node::Branch(branch) => branch,
    };
    let mut numbered = Vec::new();
    let is_index = |key: &String| key.parse::<u32>().is_ok() && !key.starts_with('+');
    let is_list = !path.is_empty() && key != "metadata" && branch.named.keys().all(is_index);
    if !is_list && !branch.listed.is_empty() {
        return Err(conflict(path));
    }
    let mut object = Map::new();
    for (name, child) in branch.named {
        let path = if path.is_empty() { name.clone() } else { format!("{path}[{name}]") };
        let value = finish(child, &path, &name)?;
        match name.parse::<u32>() {
            Ok(index) if is_list => numbered.push((index, value)),
            _ => drop(object.insert(name, value)),
        }
    }
    if !is_list {
        return Ok(Value::Object(object));
    }
    numbered.sort_by_key(|(index, _)| *index);
    let listed = branch.listed.into_iter().map(|child| finish(child, path, ""));
    numbered
        .into_iter()
        .map(|(_, value)| Ok(value))
        .chain(listed)
        .collect::<Result<_, _>>()
        .map(Value::Array)
}
