//! Card numbers, in a form that is sent to the sandbox and in a field of its pages.

use std::cell::RefCell;

use serde_json::Value;
use specie_sandbox::world::Call;
use specie_sandbox::{ActionError, Sandbox};

use crate::{Target, many, sandbox};

pub const TARGET: Target = Target {
    name: "numbers",
    seeds,
    words: &[
        "4242424242424242",
        "4242-4242-4242-4242",
        "4242 4242 4242 4242",
        "4242+-+4242+-+4242+-+4242",
        "378282246310005",
        "card[number]=",
        "x[card][number]=",
        "[exp_month]=1",
        "[exp_year]=34",
        "[cvc]=123",
        "metadata[a]=",
        "%34",
        "%20",
        "+",
        " ",
        "-",
        "_",
        "&",
        "=",
    ],
    run,
    grown,
};

fn seeds() -> Vec<Vec<u8>> {
    [
        "type=card&card[number]=4242424242424242&card[exp_month]=9&card[exp_year]=34&card[cvc]=123",
        "type=card&card%5Bnumber%5D=4242+4242+4242+4242&card[exp_month]=1&card[exp_year]=2030",
        "type=card&card[token]=tok_visa&metadata[a]=4242-4242-4242-4242",
        "type=card&card[token]=tok_visa&metadata[a]=1767225600000&metadata[b]=pi_4242424242424242",
        "4242 - 4242 - 4242 - 4242",
        "card 5555555555554444, until 12/34",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into()
}

/// A sandbox, and how often it was used.
struct Scene {
    sandbox: Sandbox,
    used: u32,
}

/// After so many inputs another sandbox is made: each may leave a card.
const MOST_USED: u32 = 1_000;

thread_local! {
    static SCENE: RefCell<Scene> = RefCell::new(scene());
}

fn scene() -> Scene {
    Scene { sandbox: sandbox(None), used: 0 }
}

fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    SCENE.with_borrow_mut(|scene| {
        if scene.used == MOST_USED {
            *scene = self::scene();
        }
        scene.used += 1;
        send(&scene.sandbox, &text);
        type_in(&scene.sandbox, &text);
    });
}

/// What is kept of a form shows no number.
fn send(sandbox: &Sandbox, body: &str) {
    let call = Call {
        method: "POST".into(),
        path: "/v1/payment_methods".into(),
        body: body.into(),
        authorization: Some("Bearer sk_test_anybody".into()),
        ..Call::default()
    };
    let reply = sandbox.call(call).expect("nothing is written");
    let said: Value = serde_json::from_str(&reply.body).expect("every answer is JSON");
    match reply.status {
        200 => assert!(!shows_number(&said), "{body}: {said}"),
        400 | 402 => assert!(said["error"]["type"].is_string(), "{body}: {said}"),
        other => panic!("{body}: {other}: {said}"),
    }
}

/// A number in the wrong field of a page is refused as such.
fn type_in(sandbox: &Sandbox, text: &str) {
    match sandbox.pay_checkout("cs_test_nobody", "pm_card_visa", Some(text), None) {
        Err(ActionError::Refused(error)) => {
            let is_refused = error.code == "specie_sandbox_card_number";
            assert!(is_refused || !holds_number(text), "{text}: {error}");
        }
        other => panic!("{text}: {other:?}"),
    }
}

fn shows_number(value: &Value) -> bool {
    match value {
        Value::String(text) => holds_number(text),
        Value::Array(list) => list.iter().any(shows_number),
        Value::Object(map) => {
            map.iter().any(|(name, value)| holds_number(name) || shows_number(value))
        }
        _ => false,
    }
}

/// Whether one of these stands there as a word of its own, with dashes in it or without.
fn holds_number(text: &str) -> bool {
    let numbers = ["4242424242424242", "5555555555554444", "378282246310005"];
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.split(|c| !is_part(c)).any(|word| numbers.contains(&word.replace('-', "").as_str()))
}

fn grown(size: usize) -> Vec<Vec<u8>> {
    let card = |n: usize| {
        format!(
            "x{n}[card][number]=4242424242424242&x{n}[card][exp_month]=1&x{n}[card][exp_year]=34&"
        )
    };
    let cards: String = (0..size / card(0).len()).map(card).collect();
    let described = |unit: &str| [b"description=", many(unit, size).as_slice()].concat();
    vec![
        cards.into_bytes(),
        described("-+"),
        described("4+-+"),
        described("4-"),
        described("4+"),
        described("a+"),
        many("- ", size),
        many("1 - ", size),
        many("4242-", size),
    ]
}
