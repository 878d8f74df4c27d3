//! Checks objects against the shapes that Stripe's own types declare.

use std::sync::OnceLock;

use serde_json::Value;

fn shapes() -> &'static Value {
    static READ: OnceLock<Value> = OnceLock::new();
    READ.get_or_init(|| serde_json::from_str(include_str!("../shapes/endive.json")).expect("JSON"))
}

/// Panics where `value` or an object in it is not as declared.
#[track_caller]
pub fn check(value: &Value) {
    let faults = faults(value);
    assert!(faults.is_empty(), "{}\n{value:#}", faults.join("\n"));
}

/// Where `value` or an object in it is not as declared.
pub fn faults(value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    any(value, "", &mut faults);
    faults
}

fn any(value: &Value, path: &str, faults: &mut Vec<String>) {
    match value {
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(n, v)| any(v, &format!("{path}[{n}]"), faults))
        }
        Value::Object(map) => {
            let kind = map.get("object").and_then(Value::as_str);
            let known = kind.and_then(|kind| shapes()["objects"][kind].as_str());
            if let Some(name) = known.filter(|_| map.get("deleted").is_none()) {
                schema(value, &shapes()["schemas"][name], &format!("{path}<{name}>"), faults);
            } else if kind == Some("list") {
                for key in ["object", "data", "has_more", "url"] {
                    if !map.contains_key(key) {
                        faults.push(format!("{path}: a list without {key}"));
                    }
                }
            }
            for (key, value) in map {
                any(value, &format!("{path}.{key}"), faults);
            }
        }
        _ => {}
    }
}

fn schema(value: &Value, shape: &Value, path: &str, faults: &mut Vec<String>) {
    let mut shape = shape;
    loop {
        if let Some(name) = shape["$ref"].as_str() {
            shape = &shapes()["schemas"][name.rsplit('/').next().unwrap_or_default()];
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
    let good = match shape["type"].as_str() {
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64(),
        Some("boolean") => value.is_boolean(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => true,
    };
    if !good {
        faults.push(format!("{path}: not a {}: {value}", shape["type"]));
        return;
    }
    if let (Some(words), Some(text)) = (shape["enum"].as_array(), value.as_str())
        && !words.iter().any(|word| word == text)
    {
        faults.push(format!("{path}: `{text}` is not one of {words:?}"));
    }
    if let (Some(entries), false) = (value.as_array(), shape["items"].is_null()) {
        for (n, entry) in entries.iter().enumerate() {
            schema(entry, &shape["items"], &format!("{path}[{n}]"), faults);
        }
    }
    let Some(map) = value.as_object() else { return };
    for name in shape["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if !map.contains_key(name) {
            faults.push(format!("{path}: without {name}"));
        }
    }
    if let Some(fields) = shape["properties"].as_object() {
        for (name, field) in fields {
            match map.get(name) {
                None => {}
                Some(Value::Null) => {
                    let nullable = field["nullable"] == true;
                    let optional = !shape["required"]
                        .as_array()
                        .is_some_and(|r| r.iter().any(|n| n == name.as_str()));
                    if !nullable && !optional {
                        faults.push(format!("{path}.{name}: null"));
                    }
                }
                Some(inner) => schema(inner, field, &format!("{path}.{name}"), faults),
            }
        }
    }
}
