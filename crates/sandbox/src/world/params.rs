//! What each endpoint takes: every parameter is checked, and what is not supported is refused by
//! its name.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde_json::Value;

use super::fault::{Answer, Fault};
use super::given::Given;

/// One endpoint a line; below it `+name type` for what is supported and `-name` for what Stripe
/// takes and the sandbox does not. `!` marks endpoints of Stripe's that are not served.
const TABLE: &str = include_str!("endpoints.txt");

/// What a parameter holds.
#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Text,
    Integer,
    Boolean,
    Time,
    OneOf(Vec<&'static str>),
    Object,
    Metadata,
    Range,
    Unsupported,
}

#[derive(Clone, Debug)]
struct Spec {
    kind: Kind,
    required: bool,
    unsettable: bool,
}

/// An endpoint and what it takes.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// `POST /v1/customers/{id}`.
    pub name: &'static str,
    /// Whether it is served.
    pub served: bool,
    method: &'static str,
    path: Vec<&'static str>,
    specs: BTreeMap<&'static str, Spec>,
}

fn spec(line: &'static str) -> (&'static str, Spec) {
    let (name, rest) = line.split_once(' ').unwrap_or((line, "s"));
    let (kind, list) = rest.split_once(':').unwrap_or((rest, ""));
    let found = match kind.trim_end_matches(['!', '?']) {
        "i" => Kind::Integer,
        "b" => Kind::Boolean,
        "t" => Kind::Time,
        "e" => Kind::OneOf(list.split(',').collect()),
        "o" => Kind::Object,
        "m" => Kind::Metadata,
        "r" => Kind::Range,
        _ => Kind::Text,
    };
    (name, Spec { kind: found, required: kind.ends_with('!'), unsettable: kind.ends_with('?') })
}

fn endpoint(line: &'static str, served: bool) -> Endpoint {
    let (method, path) = line.split_once(' ').unwrap_or((line, ""));
    let path = path.split('/').skip(1).collect();
    Endpoint { name: line, served, method, path, specs: BTreeMap::new() }
}

fn table() -> &'static Vec<Endpoint> {
    static READ: OnceLock<Vec<Endpoint>> = OnceLock::new();
    READ.get_or_init(|| {
        let mut table: Vec<Endpoint> = Vec::new();
        for line in TABLE.lines() {
            if let Some(line) = line.strip_prefix('!') {
                table.push(endpoint(line, false));
            } else if let Some(last) = table.last_mut().filter(|_| line.starts_with(' ')) {
                let (name, spec) = match line.strip_prefix(" -") {
                    Some(name) => {
                        let spec =
                            Spec { kind: Kind::Unsupported, required: false, unsettable: true };
                        (name, spec)
                    }
                    None => spec(line.trim_start_matches(" +")),
                };
                last.specs.insert(name, spec);
            } else {
                table.push(endpoint(line, true));
            }
        }
        table
    })
}

/// The endpoint for a request, and the ids in its path.
pub(crate) fn find(method: &str, path: &str) -> Option<(&'static Endpoint, Vec<String>)> {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let fits = |endpoint: &&Endpoint| {
        endpoint.method == method
            && endpoint.path.len() == parts.len()
            && endpoint
                .path
                .iter()
                .zip(&parts)
                .all(|(want, have)| want == have || (want.starts_with('{') && !have.is_empty()))
    };
    let variables =
        |endpoint: &&Endpoint| endpoint.path.iter().filter(|p| p.starts_with('{')).count();
    let found = table().iter().filter(fits).min_by_key(variables)?;
    let ids = found.path.iter().zip(&parts).filter(|(want, _)| want.starts_with('{'));
    let plain = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into();
    Some((found, ids.map(|(_, have)| plain(have)).collect()))
}

/// Checks what was sent against what `endpoint` takes.
pub(crate) fn check(endpoint: &Endpoint, tree: Value) -> Answer<Given> {
    let mut unknown = Vec::new();
    walk(endpoint, &tree, "", "", &mut unknown)?;
    match unknown.as_slice() {
        [] => {}
        [one] => {
            let fault = Fault::parameter(format!("Received unknown parameter: {one}"), one);
            return Err(fault.code("parameter_unknown"));
        }
        [first, ..] => {
            let message = format!("Received unknown parameters: {}", unknown.join(", "));
            return Err(Fault::parameter(message, first).code("parameter_unknown"));
        }
    }
    require(endpoint, &tree, "", "")?;
    Ok(Given(tree))
}

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_owned() } else { format!("{prefix}[{key}]") }
}

fn walk(
    endpoint: &Endpoint,
    node: &Value,
    pattern: &str,
    name: &str,
    unknown: &mut Vec<String>,
) -> Answer<()> {
    let Value::Object(map) = node else { return Ok(()) };
    for (key, value) in map {
        let (pattern, name) = (join(pattern, key), join(name, key));
        let listed = format!("{pattern}[]");
        if let Some(spec) = endpoint.specs.get(pattern.as_str()) {
            one(endpoint, spec, value, &pattern, &name, unknown)?;
        } else if let Some(spec) = endpoint.specs.get(listed.as_str()) {
            match value {
                Value::Array(list) => {
                    for (n, value) in list.iter().enumerate() {
                        let name = format!("{name}[{n}]");
                        one(endpoint, spec, value, &listed, &name, unknown)?;
                    }
                }
                Value::String(text) if text.is_empty() && spec.unsettable => {}
                Value::String(text) if text.is_empty() => return Err(empty(&name)),
                _ => return Err(Fault::parameter("Invalid array", &name)),
            }
        } else {
            unknown.push(name);
        }
    }
    Ok(())
}

fn empty(name: &str) -> Box<Fault> {
    let message = format!(
        "You passed an empty string for '{name}'. We assume empty values are an attempt to unset a \
         parameter; however '{name}' cannot be unset. You should remove '{name}' from your request \
         or supply a non-empty value."
    );
    Fault::parameter(message, name).code("parameter_invalid_empty")
}

fn one(
    endpoint: &Endpoint,
    spec: &Spec,
    value: &Value,
    pattern: &str,
    name: &str,
    unknown: &mut Vec<String>,
) -> Answer<()> {
    if spec.kind == Kind::Unsupported {
        return Err(Fault::unsupported("parameter", name));
    }
    let text = value.as_str();
    if text == Some("") {
        return if spec.unsettable { Ok(()) } else { Err(empty(name)) };
    }
    let last = name.rsplit('[').next().unwrap_or(name).trim_end_matches(']');
    let last = if last.bytes().all(|b| b.is_ascii_digit()) { name } else { last };
    let integer = |text: &str| {
        let plain = !text.starts_with('+') && text.parse::<i64>().is_ok();
        plain.then_some(()).ok_or_else(|| {
            let fault = Fault::parameter(format!("Invalid integer: {text}"), name);
            fault.code("parameter_invalid_integer")
        })
    };
    let scalar = || {
        text.ok_or_else(|| {
            let shown = match value {
                Value::Array(list) => {
                    let pairs = list.iter().enumerate().map(|(n, v)| (n.to_string(), v.clone()));
                    Value::Object(pairs.collect()).to_string()
                }
                other => other.to_string(),
            };
            Fault::parameter(format!("Invalid string: {shown}"), name)
        })
    };
    match &spec.kind {
        Kind::Text if scalar()?.trim().is_empty() => {
            let message = format!("You passed a blank string for '{name}'.");
            Err(Fault::parameter(message, name).code("parameter_invalid_string_blank"))
        }
        Kind::Text => Ok(()),
        Kind::Integer | Kind::Time => integer(scalar()?),
        Kind::Boolean => match scalar()? {
            "true" | "false" => Ok(()),
            other => Err(Fault::parameter(format!("Invalid boolean: {other}"), name)),
        },
        Kind::OneOf(words) => {
            let text = scalar()?;
            if words.contains(&text) {
                return Ok(());
            }
            let list = one_of(words);
            Err(Fault::parameter(format!("Invalid {last}: must be one of {list}"), name))
        }
        Kind::Object if value.is_object() => walk(endpoint, value, pattern, name, unknown),
        Kind::Object => Err(Fault::parameter("Invalid object", name)),
        Kind::Metadata => metadata(value, name),
        Kind::Range => match value {
            Value::Object(map) => {
                for (key, bound) in map {
                    if !matches!(key.as_str(), "gt" | "gte" | "lt" | "lte") {
                        unknown.push(join(name, key));
                    } else {
                        integer(bound.as_str().unwrap_or("[object]"))?;
                    }
                }
                Ok(())
            }
            other => integer(other.as_str().unwrap_or("[array]")),
        },
        Kind::Unsupported => Ok(()),
    }
}

/// `a`, `a or b`, `a, b, or c`.
pub(crate) fn one_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [one, two] => format!("{one} or {two}"),
        [head @ .., last] => format!("{}, or {last}", head.join(", ")),
    }
}

fn metadata(value: &Value, name: &str) -> Answer<()> {
    let Value::Object(map) = value else { return Err(Fault::parameter("Invalid object", name)) };
    if map.len() > 50 {
        return Err(Fault::too_much_metadata(name));
    }
    for (key, value) in map {
        let param = join(name, key);
        let Some(text) = value.as_str() else {
            return Err(Fault::parameter("Metadata values must be strings", &param));
        };
        if key.chars().count() > 40 {
            let message = format!(
                "Metadata keys must be 40 characters or less, but the key '{key}' is {} characters.",
                key.chars().count()
            );
            return Err(Fault::parameter(message, &param));
        }
        if text.chars().count() > 500 {
            let message = format!(
                "Metadata values can have up to 500 characters, but you passed in a value that is \
                 {} characters. Invalid value: {text}",
                text.chars().count()
            );
            return Err(Fault::parameter(message, &param));
        }
    }
    Ok(())
}

/// Whatever is required beside what was given is there.
fn require(endpoint: &Endpoint, node: &Value, pattern: &str, name: &str) -> Answer<()> {
    let Value::Object(map) = node else { return Ok(()) };
    for (wanted, spec) in endpoint.specs.iter().filter(|(_, spec)| spec.required) {
        let inner = match pattern {
            "" => (!wanted.contains('[') || wanted.ends_with("[]")).then_some(*wanted),
            pattern => wanted
                .strip_prefix(pattern)
                .and_then(|rest| rest.strip_prefix('['))
                .and_then(|rest| rest.strip_suffix(']'))
                .filter(|rest| !rest.contains('[') && !rest.is_empty()),
        };
        let Some(key) = inner.map(|key| key.trim_end_matches("[]")) else { continue };
        if spec.required && !map.contains_key(key) {
            let name = join(name, key);
            let fault = Fault::parameter(format!("Missing required param: {name}."), &name);
            return Err(fault.code("parameter_missing"));
        }
    }
    for (key, value) in map {
        let (pattern, name) = (join(pattern, key), join(name, key));
        match value {
            Value::Object(_) => require(endpoint, value, &pattern, &name)?,
            Value::Array(list) => {
                for (n, value) in list.iter().enumerate() {
                    require(endpoint, value, &format!("{pattern}[]"), &format!("{name}[{n}]"))?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}
