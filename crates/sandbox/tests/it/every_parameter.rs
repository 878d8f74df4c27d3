//! Every parameter of every endpoint is looked at: what nobody knows, what only Stripe knows, and
//! what is of the wrong kind is refused by its name, and nothing happens.

use serde_json::Value;
use specie_sandbox::world::Config;

use crate::world::{Lab, START, call, id};

/// One endpoint a line, below it what it takes; see the world's own reader.
const TABLE: &str = include_str!("../../src/world/endpoints.txt");

struct Endpoint {
    method: &'static str,
    path: String,
    /// Name, whether it is supported, and the kind.
    parameters: Vec<(&'static str, bool, &'static str)>,
}

fn endpoints(served: bool) -> Vec<Endpoint> {
    let mut found: Vec<(bool, Endpoint)> = Vec::new();
    for line in TABLE.lines() {
        if let Some(rest) = line.strip_prefix(' ') {
            let (name, kind) = rest[1..].split_once(' ').unwrap_or((&rest[1..], ""));
            let last = found.last_mut().unwrap();
            last.1.parameters.push((name, rest.starts_with('+'), kind));
            continue;
        }
        let (method, path) = line.trim_start_matches('!').split_once(' ').unwrap();
        let parts = path.split('/').map(|part| if part.starts_with('{') { "x_1" } else { part });
        let path = parts.collect::<Vec<_>>().join("/");
        found.push((!line.starts_with('!'), Endpoint { method, path, parameters: Vec::new() }));
    }
    found.into_iter().filter(|(is, _)| *is == served).map(|(_, endpoint)| endpoint).collect()
}

/// As it is sent: lists get a place.
fn sent(name: &str) -> String {
    name.replace("[]", "[0]")
}

fn text<'a>(error: &'a Value, field: &str) -> Option<&'a str> {
    error.get(field).and_then(Value::as_str)
}

#[test]
fn an_unknown_parameter_is_refused_at_any_depth() {
    let mut lab = Lab::new();
    let mut asked = 0;
    for endpoint in endpoints(true) {
        let objects =
            endpoint.parameters.iter().filter(|(_, is, kind)| *is && kind.starts_with('o'));
        let within = objects.map(|(name, ..)| format!("{}[specie_rubbish]", sent(name)));
        for name in within.chain(["specie_rubbish".to_owned()]) {
            let error = lab.refused(endpoint.method, &endpoint.path, &[(&name, "1")], 400);
            let of = format!("{} {}: {error}", endpoint.method, endpoint.path);
            assert_eq!(text(&error, "code"), Some("parameter_unknown"), "{of}");
            assert_eq!(text(&error, "param"), Some(name.as_str()), "{of}");
            let message = format!("Received unknown parameter: {name}");
            assert_eq!(text(&error, "message"), Some(message.as_str()), "{of}");
            asked += 1;
        }
    }
    assert!(asked > 90, "{asked}");
    assert_eq!(lab.seen(), 0);
}

#[test]
fn what_only_stripe_knows_is_refused_by_its_name() {
    let mut lab = Lab::new();
    let mut asked = 0;
    for endpoint in endpoints(true) {
        for (name, ..) in endpoint.parameters.iter().filter(|(_, is, _)| !is) {
            for (name, value) in [(sent(name), "1"), (sent(name), "")] {
                let error = lab.refused(endpoint.method, &endpoint.path, &[(&name, value)], 400);
                let of = format!("{} {}: {error}", endpoint.method, endpoint.path);
                assert_eq!(text(&error, "code"), Some("specie_sandbox_unsupported"), "{of}");
                assert_eq!(text(&error, "param"), Some(name.as_str()), "{of}");
                assert!(text(&error, "message").unwrap().contains(&format!("`{name}`")), "{of}");
                asked += 1;
            }
        }
    }
    assert!(asked > 400, "{asked}");
    for endpoint in endpoints(false) {
        let error = lab.refused(endpoint.method, &endpoint.path, &[], 400);
        assert_eq!(text(&error, "code"), Some("specie_sandbox_unsupported"), "{error}");
        assert_eq!(text(&error, "param"), None, "{error}");
        assert!(text(&error, "message").unwrap().contains(endpoint.method), "{error}");
    }
    assert_eq!(lab.seen(), 0);
}

/// What does not fit a kind, and how its refusal begins.
fn misfits(kind: &str, name: &str) -> Vec<(String, &'static str, Option<&'static str>, String)> {
    let plain = |value, code, message: &str| (name.to_owned(), value, code, message.to_owned());
    let inside =
        |value, code, message: &str| (format!("{name}[k]"), value, code, message.to_owned());
    let mut all = match kind.as_bytes().first() {
        Some(b'i' | b't') => ["abc", "1.5", "+1", "99999999999999999999"]
            .map(|value| {
                plain(
                    value,
                    Some("parameter_invalid_integer"),
                    &format!("Invalid integer: {value}"),
                )
            })
            .to_vec(),
        Some(b'b') => vec![plain("maybe", None, "Invalid boolean: maybe")],
        Some(b'e') => vec![plain("nonsense", None, "Invalid ")],
        Some(b'o' | b'm') => vec![plain("nonsense", None, "Invalid object")],
        Some(b's') => vec![
            inside("a", None, "Invalid string: {"),
            plain("  ", Some("parameter_invalid_string_blank"), "You passed a blank string"),
        ],
        _ => Vec::new(),
    };
    let unsettable = kind.split(':').next().unwrap_or_default().ends_with('?');
    if !unsettable {
        let message = format!("You passed an empty string for '{name}'.");
        all.push(plain("", Some("parameter_invalid_empty"), &message));
    }
    all
}

#[test]
fn a_value_of_the_wrong_kind_is_refused() {
    let mut lab = Lab::new();
    let mut asked = 0;
    for endpoint in endpoints(true) {
        for (name, _, kind) in endpoint.parameters.iter().filter(|(_, is, _)| *is) {
            let mut wrong = misfits(kind, &sent(name));
            if let Some(list) = name.strip_suffix("[]") {
                wrong.push((sent(list), "one", None, "Invalid array".into()));
            }
            for (sent, value, code, message) in wrong {
                let error = lab.refused(endpoint.method, &endpoint.path, &[(&sent, value)], 400);
                let of = format!("{} {} {sent}={value}: {error}", endpoint.method, endpoint.path);
                assert_eq!(text(&error, "code"), code, "{of}");
                assert!(text(&error, "message").unwrap().starts_with(&message), "{of}");
                let param = sent.trim_end_matches("[k]");
                assert_eq!(text(&error, "param"), Some(param), "{of}");
                asked += 1;
            }
        }
    }
    assert!(asked > 800, "{asked}");
    assert_eq!(lab.seen(), 0);
}

#[test]
fn what_is_missing_is_named() {
    let mut lab = Lab::new();
    for endpoint in endpoints(true) {
        let required = endpoint.parameters.iter().filter(|(name, _, kind)| {
            let kind = kind.split(':').next().unwrap_or_default();
            kind.ends_with('!') && !name.trim_end_matches("[]").contains('[')
        });
        let required: Vec<&str> = required.map(|(name, ..)| name.trim_end_matches("[]")).collect();
        if required.is_empty() {
            continue;
        }
        let error = lab.refused(endpoint.method, &endpoint.path, &[], 400);
        assert_eq!(text(&error, "code"), Some("parameter_missing"), "{error}");
        let param = text(&error, "param").unwrap();
        assert!(required.contains(&param), "{error}");
        assert_eq!(error["message"], format!("Missing required param: {param}."));
    }
}

/// A die that falls the same way each time.
struct Die(u64);

impl Die {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit.max(1)
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// A value that may or may not fit: mostly of the right kind, with ids that are there.
fn value(die: &mut Die, name: &str, kind: &str, ids: &[String]) -> String {
    let parts = name.rsplit('[').map(|part| part.trim_end_matches(']'));
    let last = parts.into_iter().find(|part| part.parse::<u8>().is_err()).unwrap_or(name);
    let words: Vec<&str> = kind.split_once(':').map_or("", |it| it.1).split(',').collect();
    match (kind.as_bytes().first(), last) {
        (Some(b'i'), _) => {
            (*die.one(&["1", "0", "-1", "100", "2900", "99999999", "12"])).to_owned()
        }
        (Some(b't'), _) => (START + 3_600 * i64::try_from(die.below(30)).unwrap()).to_string(),
        (Some(b'b'), _) => (*die.one(&["true", "false"])).to_owned(),
        (Some(b'e'), _) => (*die.one(&words)).to_owned(),
        (_, "currency") => (*die.one(&["usd", "usd", "eur", "xyz"])).to_owned(),
        (_, "token") => (*die.one(&["tok_visa", "tok_chargeCustomerFail", "tok_x"])).to_owned(),
        (_, "url" | "success_url" | "cancel_url" | "return_url") => "http://h/x".to_owned(),
        (_, "email") => "a@b.example".to_owned(),
        (_, "name" | "description" | "unit_amount_decimal" | "reason") => "7".to_owned(),
        (_, "expand") => {
            (*die.one(&["customer", "data", "data.customer", "latest_invoice.payments", "x"]))
                .to_owned()
        }
        _ => die.one(ids).clone(),
    }
}

/// Whatever is asked in whatever order: never an error of the server, always the declared shape
/// (the lab looks at each answer), and the world can be put away and goes on.
fn a_life(seed: u64) {
    let endpoints = endpoints(true);
    let die = &mut Die(seed);
    let mut lab = Lab::with(Config::new(seed, START, "http://h"));
    lab.hook();
    let cards = ["pm_card_visa", "pm_card_chargeCustomerFail", "nope"];
    lab.subscribed(cards[die.below(2)], "day", "7");
    for step in 0..10 {
        let ids = lab.ids();
        match die.below(10) {
            0 => lab.world.advance(lab.world.now() + i64::try_from(die.below(900_000)).unwrap()),
            1 => {
                let session =
                    lab.world.list("checkout.session").first().map(id).unwrap_or_default();
                let card = cards[die.below(3)];
                let _ = lab.world.pay_checkout(&session, card, Some("a@b.c"), None);
            }
            _ => {
                let endpoint = die.one(&endpoints);
                let path = endpoint.path.replace("x_1", die.one(&ids).as_str());
                let mut pairs: Vec<(String, String)> = Vec::new();
                for (name, is_known, kind) in &endpoint.parameters {
                    let needed = kind.split(':').next().unwrap_or_default().ends_with('!');
                    let chosen = if needed { die.below(8) > 0 } else { die.below(6) == 0 };
                    if !is_known || kind.starts_with('o') || !chosen {
                        continue;
                    }
                    let name = match kind.as_bytes().first() {
                        Some(b'm') => format!("{name}[k{}]", die.below(3)),
                        Some(b'r') => format!("{name}[gte]"),
                        _ => sent(name),
                    };
                    let value = if die.below(20) == 0 {
                        String::new()
                    } else {
                        value(die, &name, kind, &ids)
                    };
                    pairs.push((name, value));
                }
                let pairs: Vec<(&str, &str)> =
                    pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
                let mut asked = call(endpoint.method, &path, &pairs);
                asked.idempotency_key = (die.below(4) == 0).then(|| format!("k{}", die.below(4)));
                let reply = lab.raw(&asked);
                assert!(reply.status < 500, "seed {seed}, step {step}: {}", reply.body);
            }
        }
    }
    let text = serde_json::to_string(&lab.world).unwrap();
    let mut back: specie_sandbox::world::World = serde_json::from_str(&text).unwrap();
    for world in [&mut lab.world, &mut back] {
        world.advance(world.now() + 9 * 86_400);
    }
    let same = serde_json::to_string(&back).unwrap() == serde_json::to_string(&lab.world).unwrap();
    assert!(same, "seed {seed}");
}

#[test]
fn no_sequence_of_calls_breaks_the_world() {
    (0..75).for_each(a_life);
}

#[test]
fn nor_do_as_many_others() {
    (75..150).for_each(a_life);
}
