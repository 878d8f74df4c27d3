//! Every parameter of every endpoint is looked at: what nobody knows, what only Stripe knows, and
//! what is of the wrong kind is refused by its name, and nothing happens.

use crate::world::Lab;
use serde_json::Value;

/// One endpoint a line, below it what it takes; see the world's own reader.
const TABLE: &str = include_str!("../../src/world/endpoints.txt");

pub struct Endpoint {
    pub method: &'static str,
    /// With `x_1` for each id.
    pub path: String,
    /// Name, whether it is supported, and the kind.
    pub parameters: Vec<(&'static str, bool, &'static str)>,
}

/// The endpoints that are served, or those that are not.
pub fn endpoints(served: bool) -> Vec<Endpoint> {
    let mut found: Vec<(bool, Endpoint)> = Vec::new();
    for line in TABLE.lines() {
        if let Some(rest) = line.strip_prefix(' ') {
            let (name, kind) = rest[1..].split_once(' ').unwrap_or((&rest[1..], ""));
            let last = found.last_mut().unwrap();
            last.1.parameters.push((name, rest.starts_with('+'), kind));
            continue;
        }
        let (method, path) = line.trim_start_matches('!').split_once(' ').unwrap();
        let parts = path.split('/').map(|part| if part.starts_with('{') { "x_1" } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        found.push((!line.starts_with('!'), Endpoint { method, path, parameters: Vec::new() }));
    }
    found.into_iter().filter(|(is, _)| *is == served).map(|(_, endpoint)| endpoint).collect()
}

/// As it is sent: lists get a place.
pub fn sent(name: &str) -> String {
    name.replace("[]", "[0]")
}

fn text<'a>(error: &'a Value, field: &str) -> Option<&'a str> {
    error.get(field).and_then(Value::as_str)
}

#[test]
fn an_unknown_parameter_is_refused_at_any_depth() {
    let mut lab = Lab::new();
    let mut asked = 0;
    for endpoint in endpoints(true) {
        let objects =
            endpoint.parameters.iter().filter(|(_, is, kind)| *is && kind.starts_with('o'));
        let within = objects.map(|(name, ..)| format!("{}[specie_rubbish]", sent(name)));
        for name in within.chain(["specie_rubbish".to_owned()]) {
            let error = lab.refused(endpoint.method, &endpoint.path, &[(&name, "1")], 400);
            let of = format!("{} {}: {error}", endpoint.method, endpoint.path);
            assert_eq!(text(&error, "code"), Some("parameter_unknown"), "{of}");
            assert_eq!(text(&error, "param"), Some(name.as_str()), "{of}");
            let message = format!("Received unknown parameter: {name}");
            assert_eq!(text(&error, "message"), Some(message.as_str()), "{of}");
            asked += 1;
        }
    }
    assert!(asked > 90, "{asked}");
    assert_eq!(lab.seen(), 0);
}

#[test]
fn what_only_stripe_knows_is_refused_by_its_name() {
    let mut lab = Lab::new();
    let mut asked = 0;
    for endpoint in endpoints(true) {
        for (name, ..) in endpoint.parameters.iter().filter(|(_, is, _)| !is) {
            for (name, value) in [(sent(name), "1"), (sent(name), "")] {
                let error = lab.refused(endpoint.method, &endpoint.path, &[(&name, value)], 400);
                let of = format!("{} {}: {error}", endpoint.method, endpoint.path);
                assert_eq!(text(&error, "code"), Some("specie_sandbox_unsupported"), "{of}");
                assert_eq!(text(&error, "param"), Some(name.as_str()), "{of}");
                assert!(text(&error, "message").unwrap().contains(&format!("`{name}`")), "{of}");
                asked += 1;
            }
        }
    }
    assert!(asked > 400, "{asked}");
    for endpoint in endpoints(false) {
        let error = lab.refused(endpoint.method, &endpoint.path, &[], 400);
        assert_eq!(text(&error, "code"), Some("specie_sandbox_unsupported"), "{error}");
        assert_eq!(text(&error, "param"), None, "{error}");
        assert!(text(&error, "message").unwrap().contains(endpoint.method), "{error}");
    }
    assert_eq!(lab.seen(), 0);
}

/// What does not fit a kind, and how its refusal begins.
fn misfits(kind: &str, name: &str) -> Vec<(String, &'static str, Option<&'static str>, String)> {
    let plain = |value, code, message: &str| (name.to_owned(), value, code, message.to_owned());
    let inside =
        |value, code, message: &str| (format!("{name}[k]"), value, code, message.to_owned());
    let mut all = match kind.as_bytes().first() {
        Some(b'i' | b't') => ["abc", "1.5", "+1", "99999999999999999999"]
            .map(|value| {
                plain(
                    value,
                    Some("parameter_invalid_integer"),
                    &format!("Invalid integer: {value}"),
                )
            })
            .to_vec(),
        Some(b'b') => vec![plain("maybe", None, "Invalid boolean: maybe")],
        Some(b'e') => vec![plain("nonsense", None, "Invalid ")],
        Some(b'o' | b'm') => vec![plain("nonsense", None, "Invalid object")],
        Some(b's') => vec![
            inside("a", None, "Invalid string: {"),
            plain("  ", Some("parameter_invalid_string_blank"), "You passed a blank string"),
        ],
        _ => Vec::new(),
    };
    let unsettable = kind.split(':').next().unwrap_or_default().ends_with('?');
    if !unsettable {
        let message = format!("You passed an empty string for '{name}'.");
        all.push(plain("", Some("parameter_invalid_empty"), &message));
    }
    all
}

#[test]
fn a_value_of_the_wrong_kind_is_refused() {
    let mut lab = Lab::new();
    let mut asked = 0;
    for endpoint in endpoints(true) {
        for (name, _, kind) in endpoint.parameters.iter().filter(|(_, is, _)| *is) {
            let mut wrong = misfits(kind, &sent(name));
            if let Some(list) = name.strip_suffix("[]") {
                wrong.push((sent(list), "one", None, "Invalid array".into()));
            }
            for (sent, value, code, message) in wrong {
                let error = lab.refused(endpoint.method, &endpoint.path, &[(&sent, value)], 400);
                let of = format!("{} {} {sent}={value}: {error}", endpoint.method, endpoint.path);
                assert_eq!(text(&error, "code"), code, "{of}");
                assert!(text(&error, "message").unwrap().starts_with(&message), "{of}");
                let param = sent.trim_end_matches("[k]");
                assert_eq!(text(&error, "param"), Some(param), "{of}");
                asked += 1;
            }
        }
    }
    assert!(asked > 800, "{asked}");
    assert_eq!(lab.seen(), 0);
}

#[test]
fn what_is_missing_is_named() {
    let mut lab = Lab::new();
    for endpoint in endpoints(true) {
        let required = endpoint.parameters.iter().filter(|(name, _, kind)| {
            let kind = kind.split(':').next().unwrap_or_default();
            kind.ends_with('!') && !name.trim_end_matches("[]").contains('[')
        });
        let required: Vec<&str> = required.map(|(name, ..)| name.trim_end_matches("[]")).collect();
        if required.is_empty() {
            continue;
        }
        let error = lab.refused(endpoint.method, &endpoint.path, &[], 400);
        assert_eq!(text(&error, "code"), Some("parameter_missing"), "{error}");
        let param = text(&error, "param").unwrap();
        assert!(required.contains(&param), "{error}");
        assert_eq!(error["message"], format!("Missing required param: {param}."));
    }
}
