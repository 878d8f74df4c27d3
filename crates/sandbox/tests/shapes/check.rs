//! Checks answers of the sandbox against the shapes that Stripe's own types declare. For tests:
//! whoever asks the sandbox includes this file.

use std::sync::OnceLock;

use serde_json::Value;

fn shapes() -> &'static Value {
    static READ: OnceLock<Value> = OnceLock::new();
    READ.get_or_init(|| serde_json::from_str(include_str!("endive.json")).expect("JSON"))
}

/// Where the answer to a request is not as declared: its whole body for a success, the form of the
/// error otherwise.
pub fn answer(method: &str, path: &str, status: u16, body: &str) -> Vec<String> {
    let Ok(body) = serde_json::from_str::<Value>(body) else {
        return vec![format!("{method} {path}: not JSON: {body}")];
    };
    let mut faults = faults(&body);
    match status {
        200 => success(method, path, &body, &mut faults),
        status => refusal(status, &body, &mut faults),
    }
    faults.into_iter().map(|fault| format!("{method} {path} ({status}){fault}")).collect()
}

/// Where an object in `value` is not as declared.
pub fn faults(value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    every(value, "", &mut faults);
    faults
}

/// The body is what this endpoint answers.
fn success(method: &str, path: &str, body: &Value, faults: &mut Vec<String>) {
    let Some(declared) = declared(method, path) else {
        faults.push(": no such endpoint is declared".into());
        return;
    };
    let names = |of: &Value| -> Vec<String> {
        of.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let fits = |object: &Value, wanted: &[String]| {
        name_of(object).is_some_and(|name| wanted.contains(&name))
    };
    if declared["one"].is_array() {
        let wanted = names(&declared["one"]);
        if !fits(body, &wanted) {
            faults.push(format!(": {} is not one of {wanted:?}", body["object"]));
        }
        return;
    }
    let wanted = names(&declared["list"]);
    if body["object"] != "list" || body["url"] != path || !body["has_more"].is_boolean() {
        faults.push(": not a list with its own address".into());
    }
    for entry in body["data"].as_array().into_iter().flatten() {
        if !fits(entry, &wanted) {
            faults.push(format!(": {} is not one of {wanted:?}", entry["object"]));
        }
    }
}

/// What an endpoint answers; the one with the fewest variables in its path decides.
fn declared(method: &str, path: &str) -> Option<&'static Value> {
    let parts: Vec<&str> = path.split('/').collect();
    let variables = |name: &str| name.matches('{').count();
    let found = shapes()["answers"].as_object()?.iter().filter(|(name, _)| {
        name.strip_prefix(method).and_then(|rest| rest.strip_prefix(' ')).is_some_and(|wanted| {
            let wanted: Vec<&str> = wanted.split('/').collect();
            wanted.len() == parts.len()
                && wanted.iter().zip(&parts).all(|(w, p)| w == p || w.starts_with('{'))
        })
    });
    found.min_by_key(|(name, _)| variables(name)).map(|(_, declared)| declared)
}

/// The body is an error as Stripe tells one.
fn refusal(status: u16, body: &Value, faults: &mut Vec<String>) {
    let mut say = |what: &str| faults.push(format!(": {what}: {body}"));
    let Some(error) =
        body["error"].as_object().filter(|_| body.as_object().is_some_and(|body| body.len() == 1))
    else {
        return say("not an error");
    };
    let text = |name: &str| error.get(name).and_then(Value::as_str);
    if text("message").is_none_or(str::is_empty) {
        say("an error without a message");
    }
    let kind = match status {
        402 => "card_error",
        500.. => "api_error",
        400 if text("type") == Some("idempotency_error") => "idempotency_error",
        _ => "invalid_request_error",
    };
    if text("type") != Some(kind) {
        say("an error of the wrong type");
    }
    let url = text("code").filter(|code| !code.starts_with("specie_sandbox_"));
    let url = url.map(|code| code.replace('_', "-"));
    let url = url.map(|code| format!("https://stripe.com/docs/error-codes/{code}"));
    if text("doc_url") != url.as_deref() {
        say("not the address that explains the code");
    }
    if kind == "idempotency_error" && (error.contains_key("code") || error.contains_key("param")) {
        say("a key that was used otherwise has neither code nor param");
    }
    let known = "advice_code charge code decline_code doc_url message network_advice_code \
                 network_decline_code param payment_intent payment_method payment_method_type \
                 request_log_url setup_intent source type";
    for (name, value) in error {
        let whole = matches!(name.as_str(), "payment_intent" | "payment_method" | "setup_intent");
        if !known.split_whitespace().any(|known| known == name) {
            say(&format!("unknown field {name}"));
        } else if whole != value.is_object() || (!whole && !value.is_string()) {
            say(&format!("{name} is of the wrong kind"));
        }
    }
    let log = text("request_log_url");
    let is_log =
        |url: &str| url.starts_with("https://dashboard.stripe.com/acct_") && url.contains("=req_");
    let has_none = status == 401 || text("message").unwrap_or_default().contains("API version");
    if log.is_none() != has_none || !log.is_none_or(is_log) {
        say("the address of the log");
    }
    if status == 401 && error.len() != 2 {
        say("more than message and type");
    }
}

/// The declared name of an object's kind.
fn name_of(object: &Value) -> Option<String> {
    let name = shapes()["objects"][object["object"].as_str()?].as_str()?;
    Some(if object["deleted"] == true { format!("Deleted{name}") } else { name.to_owned() })
}

/// Every object of a declared kind in `value` is as declared.
fn every(value: &Value, path: &str, faults: &mut Vec<String>) {
    match value {
        Value::Array(list) => {
            for (n, value) in list.iter().enumerate() {
                every(value, &format!("{path}[{n}]"), faults);
            }
        }
        Value::Object(map) => {
            let kind = map.get("object").and_then(Value::as_str);
            if let Some(name) = name_of(value) {
                fields(value, &shapes()["schemas"][&name], &format!("{path}<{name}>"), faults);
            } else if kind == Some("list") {
                for key in ["object", "data", "has_more", "url"] {
                    if !map.contains_key(key) {
                        faults.push(format!("{path}: a list without {key}"));
                    }
                }
            } else if let Some(kind) = kind {
                faults.push(format!("{path}: nothing is declared for {kind}"));
            }
            for (key, value) in map {
                // What an event tells of the past is a part of an object.
                if key != "previous_attributes" {
                    every(value, &format!("{path}.{key}"), faults);
                }
            }
        }
        _ => {}
    }
}

/// A value has its declared shape. Objects of a declared kind within it need only be of the right
/// kind: [`every`] looks into them.
fn schema(value: &Value, shape: &Value, path: &str, faults: &mut Vec<String>) {
    let (mut shape, mut name) = (shape, None);
    loop {
        if let Some(reference) = shape["$ref"].as_str() {
            name = reference.rsplit('/').next();
            shape = &shapes()["schemas"][name.unwrap_or_default()];
        } else if shape["allOf"].is_array() {
            shape = &shape["allOf"][0];
        } else {
            break;
        }
    }
    if value.is_null() || shape.is_null() {
        return;
    }
    if let Some(choices) = shape["anyOf"].as_array() {
        let fits = choices.iter().any(|choice| {
            let mut own = Vec::new();
            schema(value, choice, path, &mut own);
            own.is_empty()
        });
        if !fits {
            faults.push(format!("{path}: fits none of its shapes: {value}"));
        }
        return;
    }
    match (name_of(value), name) {
        (Some(found), Some(wanted)) if found == wanted => return,
        (Some(found), Some(wanted)) => {
            faults.push(format!("{path}: {found} where {wanted} belongs"));
            return;
        }
        _ => {}
    }
    let good = match shape["type"].as_str() {
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("number") => value.is_number(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => true,
    };
    if !good {
        faults.push(format!("{path}: not a {}: {value}", shape["type"]));
        return;
    }
    if let Some(words) = shape["enum"].as_array()
        && !words.contains(value)
    {
        faults.push(format!("{path}: {value} is not one of {words:?}"));
    }
    let (entries, each) = match &shape["x-list-of"] {
        Value::Null => (value, &shape["items"]),
        each => (&value["data"], each),
    };
    for (n, entry) in entries.as_array().into_iter().flatten().enumerate() {
        schema(entry, each, &format!("{path}[{n}]"), faults);
    }
    fields(value, shape, path, faults);
}

/// The fields of an object are there and as declared.
fn fields(value: &Value, shape: &Value, path: &str, faults: &mut Vec<String>) {
    let Some(map) = value.as_object() else { return };
    let required = || shape["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    for name in required().filter(|name| !map.contains_key(*name)) {
        faults.push(format!("{path}: without {name}"));
    }
    for (name, field) in shape["properties"].as_object().into_iter().flatten() {
        match map.get(name) {
            None => {}
            Some(Value::Null) if field["nullable"] == true => {}
            Some(Value::Null) if !required().any(|wanted| wanted == name) => {}
            Some(Value::Null) => faults.push(format!("{path}.{name}: null")),
            Some(inner) => schema(inner, field, &format!("{path}.{name}"), faults),
        }
    }
    if shape["x-metadata"] == true && !map.values().all(Value::is_string) {
        faults.push(format!("{path}: metadata that is no text"));
    }
}
