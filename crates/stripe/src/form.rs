//! Form bodies with nested names, as Stripe's API takes them: `items[0][price]=price_1`.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

mod decode;

pub use decode::{FormError, decode};

/// Everything but RFC 3986's unreserved characters.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Parameters in the order in which they are sent; names are written nested, as in `a[b][0]`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// No parameters.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `name`. An empty value unsets the field.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }

    /// Adds a whole number.
    #[must_use]
    pub fn set_int(self, name: impl Into<String>, value: i64) -> Self {
        self.set(name, value.to_string())
    }

    /// Adds `name` if there is a value.
    #[must_use]
    pub fn opt(self, name: impl Into<String>, value: Option<impl Into<String>>) -> Self {
        match value {
            Some(value) => self.set(name, value),
            None => self,
        }
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values, as they were added.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// The body, or a query: percent-encoded, the same bytes for the same parameters.
    pub fn to_body(&self) -> String {
        let encode = |text| utf8_percent_encode(text, RESERVED);
        let mut body = String::new();
        for (name, value) in &self.0 {
            if !body.is_empty() {
                body.push('&');
            }
            body.extend(encode(name));
            body.push('=');
            body.extend(encode(value));
        }
        body
    }
}

/// Names only: values may be personal.
impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}
