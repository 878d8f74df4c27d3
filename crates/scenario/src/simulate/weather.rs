//! The way to Stripe, on bad days: answers get lost after the work was done, 500 comes before or
//! after it (and may stay stored under its key), 429, keys in use, keys that are taken for another
//! request's, reads that lag, objects that nobody can read for a while. Who comes by here looks at what
//! each change has made of Stripe, and that no key is taken for another request's but by the weather.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use serde_json::{Value, json};
use specie_sandbox::Sandbox;
use specie_stripe::{Transport, TransportError};
use specie_vocab::{IntentId, ManualClock, WallClock, WallTime};
use tower::{ServiceExt, service_fn};

use super::dice::Dice;
use super::stops::{Passing, Point};
use super::story::Story;
use crate::checks::{self, Broken, Closed};

/// What goes wrong with a call.
enum Trouble {
    /// It fails before anything was done.
    Before(Failing),
    /// It is carried out, and fails then.
    After(Failing),
    /// 429.
    Limited,
    /// 409: another request is at work under this key.
    KeyInUse,
    /// A read that shows what was so some seconds ago.
    Stale(Response<Bytes>),
    /// 400 to a read, as to the next ones of the same object.
    Unreadable,
}

/// How a call fails.
#[derive(Clone, Copy)]
enum Failing {
    /// Nothing comes back.
    Lost,
    /// 500 comes back, and a key that came with it may answer so for ever.
    Server,
    /// 400 comes back: its key was used with another request.
    Mistaken,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before(Failing::Lost) => "lost on the way",
            Self::Before(Failing::Server) => "500",
            Self::Before(Failing::Mistaken) => "its key is taken for another request's",
            Self::After(Failing::Lost) => "carried out, and its answer was lost",
            Self::After(Failing::Server) => "carried out, and answered with 500",
            Self::After(Failing::Mistaken) => {
                "carried out, and its key is taken for another request's"
            }
            Self::Limited => "429",
            Self::KeyInUse => "409, the key is in use",
            Self::Stale(_) => "answered with what was so some seconds ago",
            Self::Unreadable => "400, and so for a while",
        })
    }
}

/// The weather on the way to Stripe.
#[derive(Clone)]
pub(super) struct Weather {
    sandbox: Sandbox,
    state: Arc<Mutex<State>>,
}

struct State {
    dice: Dice,
    /// In percent of all calls.
    trouble: u32,
    /// How far a read may lag behind, in seconds of wall time.
    lag: i64,
    /// Answers that are stored under keys that failed.
    failed: BTreeMap<String, String>,
    /// The answers to each read that may still come back.
    read: BTreeMap<String, Vec<(WallTime, Response<Bytes>)>>,
    requests: u64,
    /// Whether keys are mistaken now.
    mistakes: bool,
    /// Objects that nobody can read, and how often that will still be tried in vain.
    unreadable: BTreeMap<String, u32>,
    /// Changes that an operator has closed, or was about to.
    closed: Closed,
    /// The first rule that a call of ours has broken at Stripe.
    broken: Option<String>,
}

impl Weather {
    pub(super) fn new(seed: u64, sandbox: Sandbox) -> Self {
        let state = State {
            dice: Dice::new(seed),
            trouble: 0,
            lag: 0,
            failed: BTreeMap::new(),
            read: BTreeMap::new(),
            requests: 0,
            mistakes: false,
            unreadable: BTreeMap::new(),
            closed: Closed::default(),
            broken: None,
        };
        Self { sandbox, state: Arc::new(Mutex::new(state)) }
    }

    /// From now on so many calls in a hundred go wrong, and a read may lag so many seconds behind. What
    /// could not be read can be again.
    pub(super) fn turn(&self, trouble: u32, lag: i64) {
        self.with(|state| {
            (state.trouble, state.lag) = (trouble, lag);
            state.unreadable.clear();
        });
    }

    /// Whether keys may be mistaken from now on: what that leads to waits for a person.
    pub(super) fn set_mistakes(&self, mistakes: bool) {
        self.with(|state| state.mistakes = mistakes);
    }

    /// What this change has made at Stripe is left there, if it is closed.
    pub(super) fn leave(&self, intent: IntentId) {
        self.with(|state| state.closed.leave(intent));
    }

    /// It is not closed, and goes on.
    pub(super) fn take_back(&self, intent: IntentId) {
        self.with(|state| state.closed.take_back(intent));
    }

    /// A customer was told of this session, whatever has made it: it is expired before another is made.
    /// Of two that can be paid by now, because a change was closed, it may be either: then both stay
    /// where they are.
    pub(super) fn answered(&self, session: &str) {
        let mut closed = self.with(|state| state.closed.clone());
        closed.count(session);
        if checks::at_stripe(&self.sandbox, &closed).is_ok() {
            self.with(|state| state.closed = closed);
        }
    }

    /// Whether all that must hold at Stripe does.
    pub(super) fn at_stripe(&self) -> Result<(), Broken> {
        let closed = self.with(|state| state.closed.clone());
        checks::at_stripe(&self.sandbox, &closed)
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What a call of ours has broken at Stripe, if one ever did.
    pub(super) fn holds(&self) -> Result<(), String> {
        self.with(|state| state.broken.clone()).map_or(Ok(()), Err)
    }

    /// The way by which one replica reaches `inner`.
    pub(super) fn way(
        &self,
        inner: Transport,
        passing: Passing,
        wall: Arc<ManualClock>,
        story: Story,
    ) -> Transport {
        let weather = self.clone();
        Transport::new(service_fn(move |request| {
            let (weather, inner, passing) = (weather.clone(), inner.clone(), passing.clone());
            let (wall, story) = (wall.clone(), story.clone());
            async move {
                passing.pass(Point::BeforeCall).await;
                let answer = weather.carry(inner, request, wall.now(), &story).await;
                passing.pass(Point::AfterCall).await;
                answer
            }
        }))
    }

    async fn carry(
        &self,
        inner: Transport,
        request: Request<Bytes>,
        now: WallTime,
        story: &Story,
    ) -> Result<Response<Bytes>, TransportError> {
        let call = Call::of(&request);
        if let Some(stored) = self.with(|state| state.stored(&call)) {
            story.note(&format!("{call}: 500 again under its key"));
            return Ok(stored);
        }
        if self.with(|state| state.refuses(&call)) {
            story.note(&format!("{call}: 400 again"));
            return Ok(refusal(StatusCode::BAD_REQUEST, "invalid_request_error"));
        }
        let trouble = self.with(|state| state.trouble(&call, now));
        if let Some(trouble) = &trouble {
            story.note(&format!("{call}: {trouble}"));
        }
        match trouble {
            None => {}
            Some(Trouble::Before(how)) => return self.failed(how, &call),
            Some(Trouble::After(how)) => {
                self.carry_out(inner, request, &call).await?;
                return self.failed(how, &call);
            }
            Some(Trouble::Limited) => {
                return Ok(refusal(StatusCode::TOO_MANY_REQUESTS, "invalid_request_error"));
            }
            Some(Trouble::KeyInUse) => {
                return Ok(refusal(StatusCode::CONFLICT, "idempotency_error"));
            }
            Some(Trouble::Unreadable) => {
                return Ok(refusal(StatusCode::BAD_REQUEST, "invalid_request_error"));
            }
            Some(Trouble::Stale(old)) => return Ok(old),
        }
        let answer = self.carry_out(inner, request, &call).await?;
        if call.method == Method::GET {
            self.with(|state| state.remember(&call, now, answer.clone()));
        }
        Ok(answer)
    }

    async fn carry_out(
        &self,
        inner: Transport,
        request: Request<Bytes>,
        call: &Call,
    ) -> Result<Response<Bytes>, TransportError> {
        let answer = inner.oneshot(request).await?;
        if is_mistaken(&answer) {
            self.broke(format!("{call}: we have used its key with another request"));
        }
        if call.method != Method::GET {
            self.look(call);
        }
        Ok(answer)
    }

    /// Looks at what a change has made of Stripe, at once: what one call breaks, a later one of the
    /// same act may mend.
    fn look(&self, call: &Call) {
        if let Err(broken) = self.at_stripe() {
            self.broke(format!("after {call}: {broken}"));
        }
    }

    fn broke(&self, what: String) {
        self.with(|state| {
            state.broken.get_or_insert(what);
        });
    }

    fn failed(&self, how: Failing, call: &Call) -> Result<Response<Bytes>, TransportError> {
        match how {
            Failing::Lost => Err(TransportError::new("nothing came back")),
            Failing::Server => Ok(self.with(|state| state.fail(call))),
            Failing::Mistaken => Ok(refusal(StatusCode::BAD_REQUEST, "idempotency_error")),
        }
    }
}

/// What is told of a call.
struct Call {
    method: Method,
    path: String,
    key: Option<String>,
}

impl Call {
    fn of(request: &Request<Bytes>) -> Self {
        let uri = request.uri();
        let path = uri.path_and_query().map_or_else(|| uri.path(), |all| all.as_str());
        let key = request.headers().get("idempotency-key");
        Self {
            method: request.method().clone(),
            path: path.to_owned(),
            key: key.and_then(|key| key.to_str().ok()).map(String::from),
        }
    }

    /// Whether it is a step of a change, by its key.
    fn is_of_a_change(&self) -> bool {
        let intent = self.key.as_deref().and_then(|key| key.split_once(':'));
        intent.is_some_and(|(id, _)| id.parse::<IntentId>().is_ok())
    }

    /// The object that a lane reads with what hangs on it.
    fn expanded(&self) -> Option<&str> {
        let (path, query) = self.path.split_once('?')?;
        let is_of_one = path.split('/').nth(3).is_some();
        (self.method == Method::GET && is_of_one && query.contains("expand")).then_some(path)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl State {
    fn trouble(&mut self, call: &Call, now: WallTime) -> Option<Trouble> {
        use Failing::{Lost, Mistaken, Server};
        if !self.dice.percent(self.trouble) {
            return None;
        }
        let rolled = self.dice.below(14);
        if call.method != Method::GET {
            let mistakes = self.mistakes && call.is_of_a_change();
            return Some(match rolled {
                0..2 => Trouble::Before(Lost),
                2..6 => Trouble::After(Lost),
                6..8 => Trouble::Before(Server),
                8..10 => Trouble::After(Server),
                10..12 => Trouble::Limited,
                12 if mistakes => Trouble::Before(Mistaken),
                13 if mistakes => Trouble::After(Mistaken),
                _ => Trouble::KeyInUse,
            });
        }
        match rolled {
            0..2 => Some(Trouble::Before(Lost)),
            2..4 => Some(Trouble::Before(Server)),
            4..6 => Some(Trouble::Limited),
            6..11 if call.expanded().is_some() => self.spoiled(call),
            _ => self.lagging(call, now).map(Trouble::Stale),
        }
    }

    /// An object cannot be read from now on, several times: seldom enough, or so often that its event is
    /// parked.
    fn spoiled(&mut self, call: &Call) -> Option<Trouble> {
        let object = call.expanded()?;
        self.unreadable.insert(object.to_owned(), 3 + self.dice.below(10));
        Some(Trouble::Unreadable)
    }

    /// Whether this is a read of an object that nobody can read.
    fn refuses(&mut self, call: &Call) -> bool {
        let Some(object) = call.expanded() else { return false };
        let Some(left) = self.unreadable.get_mut(object) else { return false };
        let refused = *left > 0;
        *left = left.saturating_sub(1);
        refused
    }

    /// One of the answers that were true within the last seconds. Servers lag by different times, so
    /// a later read may show an earlier state.
    fn lagging(&mut self, call: &Call, now: WallTime) -> Option<Response<Bytes>> {
        let (lag, old) = (self.lag, self.read.get_mut(&call.path)?);
        old.retain(|(at, _)| now.seconds_since(*at) < lag);
        let which = self.dice.below(u32::try_from(old.len()).unwrap_or(1));
        old.get(which as usize).map(|(_, answer)| answer.clone())
    }

    fn remember(&mut self, call: &Call, now: WallTime, answer: Response<Bytes>) {
        let (lag, old) = (self.lag, self.read.entry(call.path.clone()).or_default());
        old.retain(|(at, _)| now.seconds_since(*at) < lag);
        match old.last_mut() {
            Some((at, last)) if last.body() == answer.body() => *at = now,
            _ => old.push((now, answer)),
        }
    }

    /// A failure; Stripe may store it under the key of the request, if it has one.
    fn fail(&mut self, call: &Call) -> Response<Bytes> {
        self.requests += 1;
        let id = format!("req_weather{}", self.requests);
        if call.method == Method::POST
            && let Some(key) = &call.key
            && self.dice.percent(50)
        {
            self.failed.insert(key.clone(), id.clone());
        }
        failure(&id, None)
    }

    fn stored(&mut self, call: &Call) -> Option<Response<Bytes>> {
        let original = self.failed.get(call.key.as_ref()?)?.clone();
        self.requests += 1;
        Some(failure(&format!("req_weather{}", self.requests), Some(&original)))
    }
}

fn failure(id: &str, original: Option<&str>) -> Response<Bytes> {
    let mut response = refusal(StatusCode::INTERNAL_SERVER_ERROR, "api_error");
    let mut set = |name: &'static str, value: &str| {
        if let Ok(value) = value.parse() {
            response.headers_mut().insert(name, value);
        }
    };
    set("request-id", id);
    if let Some(original) = original {
        set("original-request", original);
        set("idempotent-replayed", "true");
    }
    response
}

/// Whether an answer says that its key was used with another request.
fn is_mistaken(answer: &Response<Bytes>) -> bool {
    answer.status() == StatusCode::BAD_REQUEST
        && serde_json::from_slice::<Value>(answer.body())
            .is_ok_and(|said| said["error"]["type"] == "idempotency_error")
}

fn refusal(status: StatusCode, kind: &str) -> Response<Bytes> {
    let body = json!({ "error": { "type": kind, "message": "bad weather" } }).to_string();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    response
}
