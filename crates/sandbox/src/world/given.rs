//! The parameters of a request, after they were checked.

use serde_json::{Map, Value};

/// Checked parameters: nested objects, arrays and texts.
#[derive(Clone, Debug)]
pub(crate) struct Given(pub Value);

impl Given {
    /// What stands at `path`, its parts separated by dots.
    pub fn at(&self, path: &str) -> Option<&Value> {
        path.split('.').try_fold(&self.0, |node, key| node.get(key))
    }

    /// The text at `path`; empty means to unset.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.at(path).and_then(Value::as_str)
    }

    /// The text at `path`, unless it is missing or unset.
    pub fn filled(&self, path: &str) -> Option<&str> {
        self.text(path).filter(|text| !text.is_empty())
    }

    /// The whole number at `path`.
    pub fn int(&self, path: &str) -> Option<i64> {
        self.text(path).and_then(|text| text.parse().ok())
    }

    /// The truth at `path`.
    pub fn bool(&self, path: &str) -> Option<bool> {
        self.text(path).and_then(|text| text.parse().ok())
    }

    /// The list at `path`; empty if there is none.
    pub fn list(&self, path: &str) -> Vec<Given> {
        let list = self.at(path).and_then(Value::as_array);
        list.map(|list| list.iter().cloned().map(Given).collect()).unwrap_or_default()
    }

    /// The texts at `path`.
    pub fn texts(&self, path: &str) -> Vec<String> {
        let list = self.list(path);
        list.iter().filter_map(|given| given.0.as_str()).map(str::to_owned).collect()
    }

    /// Metadata as a new object takes it.
    pub fn metadata(&self, path: &str) -> Value {
        let mut kept = Map::new();
        self.merge_metadata(path, &mut kept);
        Value::Object(kept)
    }

    /// Merges what is given into `kept`: empty values remove a key, an empty text removes all.
    pub fn merge_metadata(&self, path: &str, kept: &mut Map<String, Value>) {
        match self.at(path) {
            Some(Value::Object(map)) => {
                for (key, value) in map {
                    if value.as_str() == Some("") {
                        kept.remove(key);
                    } else {
                        kept.insert(key.clone(), value.clone());
                    }
                }
            }
            Some(Value::String(text)) if text.is_empty() => kept.clear(),
            _ => {}
        }
    }

    /// Whether `second` fits the range or the moment at `path`.
    pub fn in_range(&self, path: &str, second: i64) -> bool {
        match self.at(path) {
            None => true,
            Some(Value::Object(map)) => map.iter().all(|(key, bound)| {
                let bound: i64 = bound.as_str().and_then(|b| b.parse().ok()).unwrap_or_default();
                match key.as_str() {
                    "gt" => second > bound,
                    "gte" => second >= bound,
                    "lt" => second < bound,
                    _ => second <= bound,
                }
            }),
            Some(one) => one.as_str().and_then(|b| b.parse::<i64>().ok()) == Some(second),
        }
    }
}
