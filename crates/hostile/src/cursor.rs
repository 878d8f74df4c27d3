//! Cursors of the API's pages.

use specie_server::reads::Cursor;
use specie_vocab::PaymentIntentId;

use crate::{Target, many};

pub const TARGET: Target = Target {
    name: "cursor",
    seeds,
    words: &[".", "pi_", "-", "+", "0", "9223372036854775808", "253402207200999999", "\0", "é"],
    run,
    grown,
};

fn seeds() -> Vec<Vec<u8>> {
    ["1767225600000000.pi_1abcDEF", "0.pi_0", "-62135596800000000.pi__", "1.in_1"]
        .map(|text| text.as_bytes().to_vec())
        .into()
}

fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let Ok(cursor) = text.parse::<Cursor>() else { return };
    assert!(PaymentIntentId::try_from(cursor.id.as_str()).is_ok(), "{text}");
    let written = cursor.to_string();
    assert_eq!(written.parse::<Cursor>().ok(), Some(cursor), "{text}");
    assert!(written.len() <= text.len() && written.is_ascii(), "{text}");
}

fn grown(size: usize) -> Vec<Vec<u8>> {
    let id = [b"1.pi_", many("a", size).as_slice()].concat();
    vec![many(".", size), many("1", size), many("1.pi_", size), id]
}
