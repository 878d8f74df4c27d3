//! How JSON is printed: two spaces, `id` and `object` first, then by the alphabet.

use serde_json::Value;

/// Prints `value` as Stripe does.
pub(crate) fn pretty(value: &Value) -> String {
    let mut out = String::new();
    print(value, 0, &mut out);
    out
}

fn indent(depth: usize, out: &mut String) {
    out.push('\n');
    for _ in 0..depth {
        out.push_str("  ");
    }
}

fn print(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Array(list) if list.is_empty() => out.push_str("[]"),
        Value::Array(list) => {
            out.push('[');
            for (n, entry) in list.iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                indent(depth + 1, out);
                print(entry, depth + 1, out);
            }
            indent(depth, out);
            out.push(']');
        }
        Value::Object(map) if map.is_empty() => out.push_str("{}"),
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_by_key(|key| {
                let rank = match key.as_str() {
                    "id" => 0,
                    "object" => 1,
                    _ => 2,
                };
                (rank, *key)
            });
            out.push('{');
            for (n, key) in keys.into_iter().enumerate() {
                if n > 0 {
                    out.push(',');
                }
                indent(depth + 1, out);
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push_str(": ");
                print(&map[key], depth + 1, out);
            }
            indent(depth, out);
            out.push('}');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::pretty;
    use serde_json::json;

    #[test]
    fn id_and_object_come_first() {
        let value = json!({"b": [], "a": {"z": null, "object": "x", "id": "1"}, "object": "y"});
        assert_eq!(
            pretty(&value),
            "{\n  \"object\": \"y\",\n  \"a\": {\n    \"id\": \"1\",\n    \"object\": \"x\",\n    \
             \"z\": null\n  },\n  \"b\": []\n}"
        );
    }
}
