//! One request: who asks, whether it was asked before, which endpoint answers.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::expandable::opens_surely;
use super::fault::{Answer, Fault};
use super::given::Given;
use super::params::{self};
use super::state::text;
use super::wire::pretty;
use super::{Call, PAGES, Refusal, Reply, VERSION, World};

/// Versions that are answered (as the newest), because their objects differ in additions only.
const VERSIONS: &str = "2025-03-31.basil 2025-04-30.basil 2025-05-28.basil 2025-06-30.basil \
    2025-07-30.basil 2025-08-27.basil 2025-09-30.clover 2025-10-29.clover 2025-11-17.clover \
    2025-12-15.clover 2026-01-28.clover 2026-02-25.clover 2026-03-25.dahlia 2026-04-22.dahlia \
    2026-05-27.dahlia 2026-06-24.dahlia 2026-07-29.dahlia 2026-08-26.dahlia 2026-09-30.endive \
    2026-10-28.endive";

/// How often expired idempotency keys are swept away, in seconds of wall time.
const SWEEP: i64 = 600;

/// The answer that an idempotency key stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    path: String,
    params: Vec<(String, String)>,
    status: u16,
    body: String,
    request: String,
    at: i64,
    should_retry: bool,
}

/// What becomes of a call.
#[derive(Clone, Copy)]
pub(super) enum Way<'a> {
    /// What it asks for.
    Do,
    /// Nothing; it is refused before it begins.
    Refuse(&'a Refusal),
    /// Nothing; it fails, and its key stands for that.
    Fail(&'a Refusal),
}

fn flatten(value: &Value, name: &str, out: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let name = if name.is_empty() { key.clone() } else { format!("{name}[{key}]") };
                flatten(value, &name, out);
            }
        }
        Value::Array(list) => {
            for (n, value) in list.iter().enumerate() {
                flatten(value, &format!("{name}[{n}]"), out);
            }
        }
        leaf => out.push((name.to_owned(), leaf.as_str().unwrap_or_default().to_owned())),
    }
}

impl World {
    pub(super) fn answer(&mut self, call: &Call, way: Way<'_>, wall: i64) -> Reply {
        self.settle(wall);
        self.forget_old_events();
        let oldest = self.forget_old_answers();
        let request = self.short_id("req_");
        let post = call.method == "POST";
        let key = call.idempotency_key.clone().filter(|key| !key.is_empty());
        let mut reply = Reply { status: 200, headers: fixed_headers(), body: String::new() };
        let header = |reply: &mut Reply, name: &str, value: &str| {
            reply.headers.push((name.to_owned(), value.to_owned()));
        };
        if let Err(fault) = authorize(call.authorization.as_deref()) {
            header(&mut reply, "WWW-Authenticate", "Bearer realm=\"Stripe\"");
            return self.finish(reply, Err(fault), None);
        }
        header(&mut reply, "Request-Id", &request);
        if let Some(key) = key.as_ref().filter(|_| post || call.method == "DELETE") {
            header(&mut reply, "Idempotency-Key", key);
        }
        if let Some(version) = call.version.as_deref()
            && !VERSIONS.split_whitespace().any(|known| known == version)
        {
            header(&mut reply, "Stripe-Version", version);
            let old = version.get(..10).is_some_and(|day| {
                day < "2025-03-31"
                    && day.len() == 10
                    && day
                        .bytes()
                        .enumerate()
                        .all(|(n, b)| if n == 4 || n == 7 { b == b'-' } else { b.is_ascii_digit() })
            });
            if old {
                return self.finish(
                    reply,
                    Err(Fault::unsupported("value of", "Stripe-Version")),
                    Some(&request),
                );
            }
            let mut fault = Fault::invalid(format!("Invalid Stripe API version: {version}"));
            fault.final_word = false;
            return self.finish(reply, Err(fault), None);
        }
        header(&mut reply, "Stripe-Version", VERSION);
        if let Some(account) = &call.account {
            header(&mut reply, "Stripe-Account", account);
            if *account != self.account {
                let fault = Fault::unsupported("value of", "Stripe-Account");
                return self.finish(reply, Err(fault), Some(&request));
            }
        }
        let decoded = match way {
            Way::Refuse(refusal) => Err(Fault::of(refusal)),
            _ => decode(call),
        };
        let tree = match decoded {
            Ok(tree) => tree,
            Err(fault) => {
                if post && fault.final_word {
                    header(&mut reply, "Stripe-Should-Retry", "false");
                }
                return self.finish(reply, Err(fault), Some(&request));
            }
        };
        let mut flat = Vec::new();
        flatten(&tree, "", &mut flat);
        flat.sort();
        if let Some(key) = key.as_ref().filter(|_| post) {
            if key.chars().count() > 255 {
                let fault = Fault::idempotency("Idempotency keys can be at most 255 characters.");
                return self.finish(reply, Err(fault), Some(&request));
            }
            if self.held.contains(key) {
                return self.finish(reply, Err(Fault::in_use(key)), Some(&request));
            }
            if let Some(kept) = self.kept.get(key).filter(|it| it.at >= oldest).cloned() {
                return self.replay(reply, call, key, &kept, &flat, &request);
            }
            header(&mut reply, "Original-Request", &request);
        }
        self.request = Some((request.clone(), key.clone().filter(|_| post)));
        let answer = match way {
            Way::Fail(refusal) => Err(Fault::begun(refusal)),
            _ => self.dispatch(call, tree),
        };
        self.request = None;
        let unbegun = answer.as_ref().is_err_and(|fault| fault.unbegun);
        let final_word = answer.as_ref().err().is_none_or(|fault| fault.final_word);
        if post && final_word {
            header(&mut reply, "Stripe-Should-Retry", "false");
        }
        let reply = self.finish(reply, answer, Some(&request));
        if let Some(key) = key.filter(|_| post && !unbegun) {
            self.kept.insert(
                key,
                Kept {
                    path: call.path.clone(),
                    params: flat,
                    status: reply.status,
                    body: reply.body.clone(),
                    request,
                    at: self.wall,
                    should_retry: final_word,
                },
            );
        }
        reply
    }

    /// Forgets the answers whose keys have expired, some time after they have: looking through all of
    /// them takes long. Answers since when a key counts.
    fn forget_old_answers(&mut self) -> i64 {
        let oldest = self.wall.saturating_sub(self.config.switches.idempotency_retention);
        if self.wall.saturating_sub(self.swept) >= SWEEP {
            self.swept = self.wall;
            self.kept.retain(|_, kept| kept.at >= oldest);
        }
        oldest
    }

    fn replay(
        &self,
        mut reply: Reply,
        call: &Call,
        key: &str,
        kept: &Kept,
        flat: &[(String, String)],
        request: &str,
    ) -> Reply {
        let other = format!(
            "Try using a key other than '{key}' if you meant to execute a different request."
        );
        if kept.path != call.path {
            let fault = Fault::idempotency(format!(
                "Keys for idempotent requests can only be used for the same endpoint they were \
                 first used for ('{}' vs '{}'). {other}",
                call.path, kept.path
            ));
            return self.finish(reply, Err(fault), Some(request));
        }
        if kept.params != flat {
            let fault = Fault::idempotency(format!(
                "Keys for idempotent requests can only be used with the same parameters they were \
                 first used with. {other}"
            ));
            return self.finish(reply, Err(fault), Some(request));
        }
        reply.headers.push(("Original-Request".into(), kept.request.clone()));
        reply.headers.push(("Idempotent-Replayed".into(), "true".into()));
        if kept.should_retry {
            reply.headers.push(("Stripe-Should-Retry".into(), "false".into()));
        }
        reply.status = kept.status;
        reply.body.clone_from(&kept.body);
        reply
    }

    /// Prints an answer. `request` is in the address of the log, where there is one.
    fn finish(&self, mut reply: Reply, answer: Answer, request: Option<&str>) -> Reply {
        match answer {
            Ok(value) => reply.body = pretty(&value),
            Err(mut fault) => {
                reply.status = fault.status;
                if let Some(request) = request {
                    let log = format!(
                        "https://dashboard.stripe.com/{}/test/workbench/logs?object={request}",
                        self.account
                    );
                    fault.body.insert("request_log_url".into(), json!(log));
                }
                reply.body = pretty(&json!({ "error": fault.body }));
            }
        }
        reply.body.push('\n');
        reply
    }

    /// An object that is updated has room for the metadata that is added.
    fn check_room(&self, ids: &[String], given: &Given) -> Answer<()> {
        let held = ids.first().and_then(|id| self.objects.get(id));
        let Some(mut held) = held.and_then(|held| held["metadata"].as_object().cloned()) else {
            return Ok(());
        };
        given.merge_metadata("metadata", &mut held);
        if held.len() > 50 { Err(Fault::too_much_metadata("metadata")) } else { Ok(()) }
    }

    /// Holds an idempotency key, as a request that is still being answered does, or lets go of it.
    pub fn hold_key(&mut self, key: &str, held: bool) {
        if held {
            self.held.insert(key.to_owned());
        } else {
            self.held.remove(key);
        }
    }

    fn dispatch(&mut self, call: &Call, tree: Value) -> Answer {
        let Some((endpoint, ids)) = params::find(&call.method, &call.path) else {
            return Err(Fault::unrecognized(&call.method, &call.path));
        };
        if !endpoint.served {
            return Err(Fault::unsupported("endpoint", endpoint.name));
        }
        let given = params::check(endpoint, tree)?;
        // A bad path to expand must not leave a half-done write behind.
        if call.method == "GET" {
            let answer = self.read(endpoint, &ids, &given, &call.path)?;
            return if text(&answer, "object") == "list" {
                Ok(answer)
            } else {
                self.expand(answer, &given.texts("expand"))
            };
        }
        self.check_room(&ids, &given)?;
        let expand = given.texts("expand");
        let sure = expand.iter().all(|path| opens_surely(&call.path, path));
        let before = (!sure).then(|| self.clone());
        let clock = self.clock_for(endpoint, &ids, &given)?;
        let write = |world: &mut Self| world.write(endpoint, &ids, &given);
        let answer = self.within(clock.as_deref(), write)?;
        match self.expand(answer, &expand) {
            Err(fault) => {
                debug_assert!(before.is_some(), "{expand:?} opens surely in {}", call.path);
                if let Some(before) = before {
                    let chance = self.chance;
                    *self = before;
                    self.chance = chance;
                }
                Err(fault)
            }
            good => good,
        }
    }
}

fn decode(call: &Call) -> Answer {
    let form = if call.method == "POST" { &call.body } else { &call.query };
    let wrong = |error: specie_stripe::form::FormError| {
        let mut fault = Fault::invalid(format!("Invalid request: {error}"));
        fault.unbegun = true;
        fault.final_word = false;
        fault
    };
    let mut tree = specie_stripe::form::decode(form).map_err(wrong)?;
    // Either place is read, as the libraries send deletions in both ways.
    let other = if call.method == "POST" { &call.query } else { &call.body };
    if call.method != "GET" && !other.is_empty() {
        let more = specie_stripe::form::decode(other).map_err(wrong)?;
        if let (Value::Object(tree), Value::Object(more)) = (&mut tree, more) {
            tree.extend(more);
        }
    }
    Ok(tree)
}

/// The key in an `Authorization` header; none, if there is none.
fn key_in(header: Option<&str>) -> Option<String> {
    let header = header?.trim();
    let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
    let key = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => rest.trim().to_owned(),
        "basic" => basic(rest.trim())?,
        _ => return None,
    };
    (!key.is_empty()).then_some(key)
}

fn opens(key: &str) -> bool {
    key.strip_prefix("sk_test_").is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    })
}

/// What is shown of a key that is none of ours.
fn shown(key: &str) -> String {
    let letters: Vec<char> = key.chars().collect();
    match letters.len() {
        0..=12 => "*".repeat(letters.len()),
        len => letters
            .iter()
            .enumerate()
            .map(|(n, c)| if n < 8 || n + 4 >= len { *c } else { '*' })
            .collect(),
    }
}

/// What is kept of an `Authorization` header: which key it was makes no difference to the answer,
/// and may be a live one that was sent here by mistake.
pub(crate) fn keyless(header: Option<&str>) -> Option<String> {
    if header == Some(PAGES) {
        return header.map(str::to_owned);
    }
    let key = key_in(header)?;
    Some(if opens(&key) { ANY.into() } else { format!("Bearer {}", shown(&key)) })
}

/// Stands for every key that opens the sandbox.
const ANY: &str = "Bearer sk_test_any";

fn authorize(header: Option<&str>) -> Answer<()> {
    let none = "You did not provide an API key. You need to provide your API key in the \
        Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See \
        https://stripe.com/docs/api#authentication for details, or we can help at \
        https://support.stripe.com/.";
    let key = key_in(header).ok_or_else(|| Fault::unauthorized(none))?;
    if opens(&key) {
        return Ok(());
    }
    Err(Fault::unauthorized(format!("Invalid API Key provided: {}", shown(&key))))
}

/// The user name of HTTP Basic.
fn basic(text: &str) -> Option<String> {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    Some(text.split(':').next().unwrap_or_default().to_owned())
}

fn fixed_headers() -> Vec<(String, String)> {
    [
        ("Content-Type", "application/json"),
        ("Cache-Control", "no-cache, no-store"),
        ("Vary", "Origin"),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Allow-Methods", "GET, HEAD, PUT, PATCH, POST, DELETE"),
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Max-Age", "300"),
        (
            "Access-Control-Expose-Headers",
            "Request-Id, Stripe-Manage-Version, Stripe-Should-Retry, \
             X-Stripe-External-Auth-Required, X-Stripe-Privileged-Session-Required",
        ),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}
