//! The world's books: objects in the order in which they were made, ids, and what falls due.

use serde_json::{Map, Value, json};

use super::World;

/// Where Stripe's time in ids starts: 426,256,548 seconds after 1970.
const ID_EPOCH: i64 = 426_256_548;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Tasks by the rank in which they are done at a shared instant.
pub(crate) mod rank {
    /// A subscription ends with its period.
    pub const CANCEL: u8 = 2;
    /// A subscription's next period begins.
    pub const ROLLOVER: u8 = 5;
    /// A draft becomes an invoice, and is charged.
    pub const FINALIZE: u8 = 6;
    /// A payment is tried again.
    pub const RETRY: u8 = 7;
    /// A subscription that was never paid ends.
    pub const INCOMPLETE: u8 = 8;
    /// A renewal is announced.
    pub const UPCOMING: u8 = 12;
    /// A Checkout Session expires.
    pub const CHECKOUT: u8 = 14;
    /// A test clock is deleted.
    pub const CLOCK: u8 = 20;
}

/// A new object: `nulls` names its empty fields, `set` the others.
pub(crate) fn object(nulls: &str, set: Value) -> Value {
    let mut map: Map<String, Value> =
        nulls.split_whitespace().map(|name| (name.to_owned(), Value::Null)).collect();
    if let Value::Object(set) = set {
        map.extend(set);
    }
    Value::Object(map)
}

/// `object` with more fields.
pub(crate) fn with(mut object: Value, more: Value) -> Value {
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

/// The text of a field, or nothing.
pub(crate) fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    at(value, path).and_then(Value::as_str).unwrap_or_default()
}

/// The text of a field that may be null.
pub(crate) fn maybe(value: &Value, path: &str) -> Option<String> {
    at(value, path).and_then(Value::as_str).map(str::to_owned)
}

/// The number of a field, or zero.
pub(crate) fn int(value: &Value, path: &str) -> i64 {
    at(value, path).and_then(Value::as_i64).unwrap_or_default()
}

/// The truth of a field.
pub(crate) fn is(value: &Value, path: &str) -> bool {
    at(value, path).and_then(Value::as_bool).unwrap_or_default()
}

/// The field at a path of names and list positions, separated by dots.
pub(crate) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |node, key| match node {
        Value::Array(list) => key.parse::<usize>().ok().and_then(|n| list.get(n)),
        node => node.get(key),
    })
}

/// The list of a field; empty if there is none.
pub(crate) fn items<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    at(value, path).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// What changed from `old` to `new`, as `previous_attributes` tells it.
pub(crate) fn difference(old: &Value, new: &Value) -> Map<String, Value> {
    let (Value::Object(old), Value::Object(new)) = (old, new) else { return Map::new() };
    let mut changes = Map::new();
    for key in old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))) {
        let (was, is) =
            (old.get(key).unwrap_or(&Value::Null), new.get(key).unwrap_or(&Value::Null));
        if was == is {
            continue;
        }
        let change = match (was, is) {
            (Value::Object(list), Value::Object(_))
                if list.get("object") == Some(&json!("list")) =>
            {
                json!({ "data": list.get("data") })
            }
            (Value::Object(_), Value::Object(_)) => Value::Object(difference(was, is)),
            _ => was.clone(),
        };
        changes.insert(key.clone(), change);
    }
    changes
}

impl World {
    /// The next random number (SplitMix64).
    pub(crate) fn random(&mut self) -> u64 {
        self.chance = self.chance.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.chance;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn letters(&mut self, count: usize, of: &[u8]) -> String {
        let mut made = String::with_capacity(count);
        for _ in 0..count {
            let n = usize::try_from(self.random() % of.len() as u64).unwrap_or_default();
            made.push(char::from(of[n]));
        }
        made
    }

    /// `count` random letters and digits.
    pub(crate) fn noise(&mut self, count: usize) -> String {
        self.letters(count, BASE62)
    }

    /// `count` random capital letters and digits.
    pub(crate) fn capitals(&mut self, count: usize) -> String {
        self.letters(count, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
    }

    /// `count` random digits.
    pub(crate) fn digits(&mut self, count: usize) -> String {
        self.letters(count, b"0123456789")
    }

    fn fresh(&mut self, prefix: &str, make: impl Fn(&mut Self) -> String) -> String {
        loop {
            let id = format!("{prefix}{}", make(self));
            if !self.is_taken(&id) {
                return id;
            }
        }
    }

    /// Whether something has this id already.
    pub(super) fn is_taken(&self, id: &str) -> bool {
        self.objects.contains_key(id) || self.events.contains_key(id)
    }

    /// An id with 14 random characters.
    pub(crate) fn short_id(&mut self, prefix: &str) -> String {
        self.fresh(prefix, |world| world.noise(14))
    }

    /// An id with 24 characters after its prefix: `first`, the time, the account, chance.
    pub(crate) fn long_id(&mut self, prefix: &str, first: char) -> String {
        self.fresh(prefix, |world| {
            let mut rest = (world.now - ID_EPOCH).max(0);
            let mut time = [b'0'; 5];
            for digit in time.iter_mut().rev() {
                *digit = BASE62[usize::try_from(rest % 62).unwrap_or_default()];
                rest /= 62;
            }
            let time = String::from_utf8_lossy(&time).into_owned();
            let account = world.account.chars().rev().take(10).collect::<String>();
            let account: String = account.chars().rev().collect();
            format!("{first}{time}{account}{}", world.noise(8))
        })
    }

    /// An id of the payment that `intent` belongs to: they share their first 16 characters.
    pub(crate) fn payment_id(&mut self, prefix: &str, intent: &str) -> String {
        let shared: String = intent.trim_start_matches("pi_").chars().take(16).collect();
        self.fresh(prefix, |world| format!("{shared}{}", world.noise(8)))
    }

    /// Keeps a new object.
    pub(crate) fn keep(&mut self, object: Value) {
        let (id, kind) = (text(&object, "id").to_owned(), text(&object, "object").to_owned());
        self.objects.insert(id.clone(), object);
        self.enlist(&kind, &id);
    }

    /// Keeps an object instead of the one that it was.
    pub(crate) fn replace(&mut self, id: &str, object: Value) {
        self.objects.insert(id.to_owned(), object);
        self.note(id);
    }

    /// The object with `id`, if it is of that kind and was not deleted.
    pub(crate) fn find(&self, kind: &str, id: &str) -> Option<&Value> {
        let object = self.objects.get(id)?;
        (text(object, "object") == kind && !is(object, "deleted")).then_some(object)
    }

    /// A copy of the object with `id`; null if there is none.
    pub(crate) fn copy(&self, id: &str) -> Value {
        self.objects.get(id).cloned().unwrap_or_default()
    }

    /// The objects of a kind, newest first.
    pub(crate) fn newest<'a>(&'a self, kind: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
        let found = self.row(kind).newest().filter_map(|id| self.objects.get(id));
        found.filter(|object| !is(object, "deleted"))
    }

    /// Sets fields of an object, and tells what they were before. Paths are separated by dots.
    pub(crate) fn set<const N: usize>(
        &mut self,
        id: &str,
        fields: [(&str, Value); N],
    ) -> Map<String, Value> {
        let old = self.copy(id);
        let Some(object) = self.objects.get_mut(id) else { return Map::new() };
        for (path, value) in fields {
            put(object, path, value);
        }
        let changes = difference(&old, object);
        if !changes.is_empty() {
            self.note(id);
        }
        changes
    }

    /// Makes something fall due. A task of that rank for that object happens once: the new moment
    /// replaces the old one.
    pub(crate) fn plan(&mut self, rank: u8, id: &str, due: i64) {
        self.unplan(rank, id);
        let task = format!("{rank:02}/{id}");
        self.agenda.insert((due, task.clone()));
        self.dues.insert(task, due);
    }

    /// Takes something back from the agenda.
    pub(crate) fn unplan(&mut self, rank: u8, id: &str) {
        let task = format!("{rank:02}/{id}");
        if let Some(due) = self.dues.remove(&task) {
            self.agenda.remove(&(due, task));
        }
    }
}

/// Sets the field at a path of names, separated by dots.
pub(crate) fn put(object: &mut Value, path: &str, value: Value) {
    let mut node = object;
    for key in path.split('.') {
        if !node.is_object() && !node.is_array() {
            *node = json!({});
        }
        node = match node {
            Value::Array(list) => match key.parse::<usize>().ok().and_then(|n| list.get_mut(n)) {
                Some(entry) => entry,
                None => return,
            },
            node => &mut node[key],
        };
    }
    *node = value;
}
