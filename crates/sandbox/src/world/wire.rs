//! How JSON is printed: two spaces, `id` and `object` first, then by the alphabet.

use serde::Serialize;
use serde_json::Value;

/// Prints `value` as Stripe does.
pub(crate) fn pretty(value: &Value) -> String {
    let mut out = Vec::with_capacity(4096);
    print(value, 0, &mut out);
    // What `serde_json` writes is UTF-8, and so is the rest.
    String::from_utf8(out)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// The keys that come first, in their order.
const FIRST: [&str; 2] = ["id", "object"];

fn indent(depth: usize, out: &mut Vec<u8>) {
    out.push(b'\n');
    out.resize(out.len() + 2 * depth, b' ');
}

fn print(value: &Value, depth: usize, out: &mut Vec<u8>) {
    match value {
        Value::Array(list) if !list.is_empty() => {
            out.push(b'[');
            for (n, entry) in list.iter().enumerate() {
                begin(n, depth, out);
                print(entry, depth + 1, out);
            }
            indent(depth, out);
            out.push(b']');
        }
        Value::Object(map) if !map.is_empty() => {
            out.push(b'{');
            let first = FIRST.iter().filter_map(|key| map.get_key_value(*key));
            // A map is sorted by its keys.
            let rest = map.iter().filter(|(key, _)| !FIRST.contains(&key.as_str()));
            for (n, (key, entry)) in first.chain(rest).enumerate() {
                begin(n, depth, out);
                plain(key, out);
                out.extend_from_slice(b": ");
                print(entry, depth + 1, out);
            }
            indent(depth, out);
            out.push(b'}');
        }
        value => plain(value, out),
    }
}

/// Where the `n`th entry of a list or an object begins.
fn begin(n: usize, depth: usize, out: &mut Vec<u8>) {
    if n > 0 {
        out.push(b',');
    }
    indent(depth + 1, out);
}

fn plain(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    // Nothing that JSON holds fails to be written to memory.
    let _written = serde_json::to_writer(out, value);
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
