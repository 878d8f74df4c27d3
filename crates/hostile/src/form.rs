//! Form bodies with nested names.

use serde_json::Value;
use specie_stripe::{Form, FormError, decode};

use crate::{Target, many};

pub const TARGET: Target = Target {
    name: "form",
    seeds,
    words: &[
        "[]",
        "[0]",
        "[1]",
        "[metadata]",
        "metadata",
        "items",
        "&",
        "=",
        "%5B",
        "%5D",
        "%00",
        "%ff",
        "+",
        "[4294967295]",
        "[4294967296]",
        "[00]",
        "[+1]",
        "[-1]",
        "a[b][c][d]",
    ],
    run,
    grown,
};

fn seeds() -> Vec<Vec<u8>> {
    [
        "name=Ada&active=true&email=a%2Bb%40example.com",
        "items[0][price]=p&items[0][quantity]=2&items[1][id]=si&expand[]=customer",
        "a[][b]=1&a[][c]=2&a[][b]=3&created[gte]=1&created[lt]=2",
        "metadata[0]=x&metadata[k]=y&s[metadata][42]=x&images[]=a&images[]=b",
        "a[7]=x&a[2]=y&a[10]=z&a[]=w",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

fn run(bytes: &[u8]) {
    let body = String::from_utf8_lossy(bytes);
    let tree = match decode(&body) {
        Ok(tree) => tree,
        Err(reason) => return assert!(reason.to_string().len() < 500, "{reason}"),
    };
    assert!(tree.is_object(), "{tree}");
    // What was read says the same when it is written as it is.
    let again = decode(&flat(Form::new(), "", &tree).to_body());
    let grew = matches!(again, Err(FormError::TooLarge | FormError::TooDeep));
    assert!(grew || again.as_ref() == Ok(&tree), "{body}: {tree} is not {again:?}");
}

fn flat(form: Form, name: &str, value: &Value) -> Form {
    let under = |key: &str| if name.is_empty() { key.into() } else { format!("{name}[{key}]") };
    match value {
        Value::Array(list) => list
            .iter()
            .enumerate()
            .fold(form, |form, (n, value)| flat(form, &under(&n.to_string()), value)),
        Value::Object(map) => {
            map.iter().fold(form, |form, (key, value)| flat(form, &under(key), value))
        }
        leaf => form.set(name, leaf.as_str().expect("a leaf is a text")),
    }
}

fn grown(size: usize) -> Vec<Vec<u8>> {
    let numbered = |unit: fn(usize) -> String, length: usize| {
        (0..size / length).map(unit).collect::<String>().into_bytes()
    };
    vec![
        many("&", size),
        many("a=1&", size),
        many("a[]=1&", size),
        many("a[][b]=1&", size),
        many("[", size),
        many("%5B", size),
        many("+", size),
        [b"a=", many("%41", size).as_slice()].concat(),
        numbered(|n| format!("a[{n}]=1&"), 8),
        numbered(|n| format!("a[k{n}]=1&"), 8),
        numbered(|n| format!("a[][{n}]=1&"), 10),
        numbered(|n| format!("a[{}][][]=1&", n % 7), 12),
    ]
}
