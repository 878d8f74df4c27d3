//! Form bodies with nested names, as Stripe's API takes them: `items[0][price]=price_1`.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

mod decode;

pub use decode::{FormError, MOST_PAIRS, decode};

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_form_is_encoded_in_its_order_and_without_surprises() {
        let form = Form::new()
            .set("items[0][price]", "price_1")
            .set_int("items[0][quantity]", -2)
            .opt("email", Some("a+b c@ü.example"))
            .opt("name", None::<String>)
            .set("metadata[x]", "");
        assert_eq!(
            form.to_body(),
            "items%5B0%5D%5Bprice%5D=price_1&items%5B0%5D%5Bquantity%5D=-2\
             &email=a%2Bb%20c%40%C3%BC.example&metadata%5Bx%5D="
        );
        assert_eq!(form.pairs().len(), 4);
        assert!(!format!("{form:?}").contains("example"), "values are personal");
        assert_eq!(Form::new().to_body(), "");
    }

    /// Form bodies and what they mean; the first five are Stripe's own constructs.
    #[test]
    fn bodies_are_read_as_stripe_reads_them() {
        let check = |body, expected: Value| assert_eq!(decode(body), Ok(expected), "{body}");
        check("name=Ada&active=true&n=3", json!({"name": "Ada", "active": "true", "n": "3"}));
        check("recurring[interval]=month", json!({"recurring": {"interval": "month"}}));
        check("images[]=a&images[]=b", json!({"images": ["a", "b"]}));
        check(
            "items[0][price]=p&items[0][quantity]=2&items[1][id]=si",
            json!({"items": [{"price": "p", "quantity": "2"}, {"id": "si"}]}),
        );
        check("created[gte]=1&created[lt]=2", json!({"created": {"gte": "1", "lt": "2"}}));
        check("items%5B0%5D%5Bprice%5D=p", json!({"items": [{"price": "p"}]}));
        check("a=x+y%20z%2B&b", json!({"a": "x y z+", "b": ""}));
        check("", json!({}));
        check("&&a=1&", json!({"a": "1"}));
        check("a=1&a=2", json!({"a": "2"}));
        check("a=b=c", json!({"a": "b=c"}));
        check("a=%zz%", json!({"a": "%zz%"}));
    }

    #[test]
    fn numbers_only_group_and_their_gaps_are_closed() {
        let check = |body, expected: Value| assert_eq!(decode(body), Ok(expected), "{body}");
        check("a[7]=x&a[2]=y&a[10]=z", json!({"a": ["y", "x", "z"]}));
        check("a[1][b]=1&a[0][b]=0&a[1][c]=2", json!({"a": [{"b": "0"}, {"b": "1", "c": "2"}]}));
        check("a[0]=x&a[]=y", json!({"a": ["x", "y"]}));
        check("a[][b]=1&a[][c]=2&a[][b]=3", json!({"a": [{"b": "1", "c": "2"}, {"b": "3"}]}));
        check("a[0]=x&a[k]=y", json!({"a": {"0": "x", "k": "y"}}));
        check("metadata[0]=x", json!({"metadata": {"0": "x"}}));
        check("s[metadata][42]=x&s[b][]=y", json!({"s": {"metadata": {"42": "x"}, "b": ["y"]}}));
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let conflict = |name: &str| Err(FormError::Conflict(name.into()));
        assert_eq!(decode("a=1&a[b]=2"), conflict("a[b]"));
        assert_eq!(decode("a[b]=2&a=1"), conflict("a"));
        assert_eq!(decode("a[k]=2&a[]=1"), conflict("a"));
        assert_eq!(decode("metadata[]=1"), conflict("metadata"));
        for name in ["", "[a]", "a[", "a[b", "a]", "a[b]c", "a[b][", "a[[b]]"] {
            assert_eq!(decode(&format!("{name}=1")), Err(FormError::Malformed(name.into())));
        }
        assert_eq!(decode("a=%FF"), Err(FormError::NotUtf8));
        assert_eq!(decode(&format!("a{}=1", "[b]".repeat(12))), Err(FormError::TooDeep));
        assert_eq!(decode(&format!("{}=1", "a".repeat(1001))), Err(FormError::TooDeep));
        assert_eq!(decode(&"a=1&".repeat(2001)), Err(FormError::TooLarge));
        assert_eq!(decode(&"a".repeat((1 << 20) + 1)), Err(FormError::TooLarge));
        assert!(decode(&"a=1&".repeat(2000)).is_ok());
    }

    /// A tree of parameters as a form would carry it: no empty objects or arrays, no list-like keys.
    fn tree() -> impl Strategy<Value = Value> {
        let leaf = any::<String>().prop_map(Value::String);
        let nested = leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 1..4).prop_map(Value::Array),
                prop::collection::btree_map("[a-z_ü&=+% ]{1,6}", inner, 1..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        });
        prop::collection::btree_map("[a-l]{1,6}", nested, 0..4)
            .prop_map(|map| Value::Object(map.into_iter().collect()))
    }

    fn flatten(form: Form, name: String, value: &Value) -> Form {
        let under = |key: &str| if name.is_empty() { key.into() } else { format!("{name}[{key}]") };
        match value {
            Value::Array(items) => {
                let numbered = items.iter().enumerate();
                numbered.fold(form, |form, (n, item)| flatten(form, under(&n.to_string()), item))
            }
            Value::Object(map) => {
                map.iter().fold(form, |form, (key, value)| flatten(form, under(key), value))
            }
            leaf => form.set(name, leaf.as_str().unwrap()),
        }
    }

    proptest! {
        #[test]
        fn a_tree_comes_back_from_its_form(tree in tree()) {
            let body = flatten(Form::new(), String::new(), &tree).to_body();
            prop_assert!(body.bytes().all(|b| b.is_ascii_graphic()));
            prop_assert_eq!(decode(&body), Ok(tree));
        }

        #[test]
        fn no_body_panics(body in "(\\[|\\]|=|&|%|[ab0-9]|metadata|%5B|%5D|\\PC){0,40}") {
            let _ = decode(&body);
        }

        #[test]
        fn no_text_panics(body in any::<String>()) {
            let _ = decode(&body);
        }
    }
}
