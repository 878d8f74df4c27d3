//! The routing facts of an event, read without building a tree.

use serde_json::Value;
use specie_stripe::{Routing, Secrets, routing, sign};
use specie_vocab::{Secret, WallTime};

use crate::{Target, many};

pub const TARGET: Target = Target {
    name: "routing",
    seeds,
    words: &[
        "\"id\"",
        "\"object\"",
        "\"type\"",
        "\"created\"",
        "\"api_version\"",
        "\"account\"",
        "\"livemode\"",
        "\"data\"",
        "\"previous_attributes\"",
        "\"customer\"",
        "\"event\"",
        "null",
        "true",
        "1e999",
        "-0",
        "18446744073709551616",
        "\\u0000",
        "\\ud800",
        "{}",
        "[]",
        ":",
        ",",
    ],
    run,
    grown,
};

const FIRST: &str = r#"{"id":"evt_1","object":"event","api_version":"2020-08-27",
    "created":1767225600,"data":{"object":{"id":"in_1","object":"invoice","customer":"cus_1",
    "lines":{"object":"list","data":[{"id":"il_1"}]}}},"livemode":false,"type":"invoice.paid"}"#;
const SECOND: &str = r#"{"type":"customer.updated","livemode":true,"account":"acct_1","data":
    {"previous_attributes":{"customer":"cus_0"},"object":{"object":"customer","id":"cus_1",
    "customer":{"id":"cus_\u0032","object":"customer"}}},"created":0,"object":"event","id":"evt_2"}"#;
const THIN: &str = r#"{"id":"evt_3","object":"v2.core.event","type":"v1.billing.meter.no_meter",
    "created":"2026-01-01T00:00:00.000Z","livemode":false,"related_object":{"id":"mtr_1"}}"#;

const HALF: &str = r#"{"id":"evt_4","object":"event","created":1,"data":{"object":{"name":"\ud800"}},
    "livemode":false,"type":"customer.updated"}"#;

fn seeds() -> Vec<Vec<u8>> {
    [FIRST, SECOND, THIN, HALF].map(|text| text.as_bytes().to_vec()).into()
}

fn run(bytes: &[u8]) {
    let (secret, now) = (Secret::new("whsec_test"), WallTime::from_second(1_700_000_000));
    let header = sign(&secret, bytes, now);
    let secrets = Secrets::new([secret]);
    let verified = secrets.verify(&header, bytes, now).expect("it was signed just now");
    let read = routing(&verified);
    match (&read, serde_json::from_slice::<Value>(bytes)) {
        (Ok(facts), Ok(tree)) => {
            assert_bounded(facts);
            assert_same(facts, &tree);
        }
        // What is left out is skipped, not read: half a surrogate there is no fault.
        (Ok(facts), Err(_)) => assert_bounded(facts),
        (Err(reason), _) => assert!(!reason.to_string().is_empty()),
    }
}

/// All texts are ASCII and short: they become keys in a database.
fn assert_bounded(facts: &Routing) {
    let Routing { id, kind, api_version, account, object, customer, .. } = facts;
    let others = [api_version, account, object, customer].into_iter().flatten();
    for text in [id, kind].into_iter().chain(others) {
        let fits = text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
        assert!(fits && (1..=255).contains(&text.len()), "{text:?}");
    }
    assert!(id.starts_with("evt_") && facts.created >= 0);
}

/// A reader that builds the tree finds the same.
fn assert_same(facts: &Routing, tree: &Value) {
    let text = |value: &Value| value.as_str().or(value["id"].as_str()).map(str::to_owned);
    assert_eq!(text(&tree["id"]).as_ref(), Some(&facts.id));
    assert_eq!(text(&tree["type"]).as_ref(), Some(&facts.kind));
    assert_eq!(tree["created"].as_i64(), Some(facts.created));
    assert_eq!(tree["livemode"].as_bool(), Some(facts.livemode));
    assert_eq!(text(&tree["data"]["object"]["id"]), facts.object);
}

fn grown(size: usize) -> Vec<Vec<u8>> {
    let around = |start: &str, unit: &str, end: &str| {
        [start.as_bytes(), many(unit, size).as_slice(), end.as_bytes()].concat()
    };
    vec![
        many("[", size),
        many(r#"{"id":"#, size),
        around(r#"{"id":""#, "a", r#""}"#),
        around(r#"{"id":""#, r"\u0061", r#""}"#),
        around(r#"{"x":["#, "1,", "1]}"),
        around("{", r#""x":1,"#, r#""id":"evt_1"}"#),
        around("", " ", FIRST),
        around(r#"{"created":"#, "9", "}"),
    ]
}
