//! Reading fields: absent and null are one, an id stands where an object is expanded.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Unreadable;

/// One object, and what it should be.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    object: &'static str,
    value: &'a Value,
}

impl<'a> Reader<'a> {
    /// Of a value that must be an `object` of this kind.
    pub fn of(value: &'a Value, object: &'static str) -> Result<Self, Unreadable> {
        if value["object"] != object {
            return Err(Unreadable { object, field: "object" });
        }
        Ok(Self { object, value })
    }

    /// Of a part of an object that does not always say its kind.
    pub fn part(value: &'a Value, object: &'static str) -> Self {
        Self { object, value }
    }

    pub fn fault(&self, field: &'static str) -> Unreadable {
        Unreadable { object: self.object, field }
    }

    /// What stands at a path such as `status_transitions.paid_at`; null, if the path ends early.
    pub fn at(&self, path: &'static str) -> &'a Value {
        path.split('.').fold(self.value, |value, name| &value[name])
    }

    fn opt<T>(
        &self,
        path: &'static str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Unreadable> {
        match self.at(path) {
            Value::Null => Ok(None),
            value => read(value).map(Some).ok_or_else(|| self.fault(path)),
        }
    }

    pub fn opt_text(&self, path: &'static str) -> Result<Option<String>, Unreadable> {
        self.opt(path, |value| value.as_str().map(String::from))
    }

    pub fn text(&self, path: &'static str) -> Result<String, Unreadable> {
        self.opt_text(path)?.ok_or_else(|| self.fault(path))
    }

    pub fn opt_int(&self, path: &'static str) -> Result<Option<i64>, Unreadable> {
        self.opt(path, Value::as_i64)
    }

    pub fn int(&self, path: &'static str) -> Result<i64, Unreadable> {
        self.opt_int(path)?.ok_or_else(|| self.fault(path))
    }

    /// False, where it is absent.
    pub fn flag(&self, path: &'static str) -> Result<bool, Unreadable> {
        Ok(self.opt(path, Value::as_bool)?.unwrap_or(false))
    }

    /// The id there, whether it stands alone or in an expanded object.
    pub fn opt_ref(&self, path: &'static str) -> Result<Option<&'a str>, Unreadable> {
        self.opt(path, |value| value.as_str().or_else(|| value["id"].as_str()))
    }

    pub fn opt_id<T: TryFrom<&'a str>>(&self, path: &'static str) -> Result<Option<T>, Unreadable> {
        let id = self.opt_ref(path)?;
        id.map(|id| T::try_from(id).map_err(|_| self.fault(path))).transpose()
    }

    pub fn id<T: TryFrom<&'a str>>(&self, path: &'static str) -> Result<T, Unreadable> {
        self.opt_id(path)?.ok_or_else(|| self.fault(path))
    }

    /// The id there; none, if it has the form of another age, such as a card's in place of a
    /// payment method's or a plan's in place of a price's: it is none of ours.
    pub fn modern_id<T: TryFrom<&'a str>>(
        &self,
        path: &'static str,
    ) -> Result<Option<T>, Unreadable> {
        Ok(self.opt_ref(path)?.and_then(|id| T::try_from(id).ok()))
    }

    /// Empty, where it is absent.
    pub fn metadata(&self, path: &'static str) -> Result<BTreeMap<String, String>, Unreadable> {
        let entry = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.into()));
        let map = self.opt(path, |value| value.as_object()?.iter().map(entry).collect())?;
        Ok(map.unwrap_or_default())
    }

    /// The `data` of a list, or nothing where it is absent.
    pub fn list(&self, path: &'static str) -> Result<&'a [Value], Unreadable> {
        let data = self.opt(path, |list| list["data"].as_array().map(Vec::as_slice))?;
        Ok(data.unwrap_or_default())
    }
}
