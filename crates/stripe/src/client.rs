//! Calls to Stripe over any transport: reads with retries, stored requests exactly once.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use specie_vocab::Secret;
use tower::ServiceExt;

use crate::rate::endpoint_of;
use crate::{
    API_VERSION, Form, Priority, RateBudget, StripeError, Transport, TransportError, Unreadable,
};

mod answer;
mod notes;

use notes::Notes;
pub use notes::OUTCOMES;

/// How to wait: the binary sleeps, a simulation moves its clock.
pub type Sleep = Arc<dyn Fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// After a read that failed, two more, as in Stripe's libraries.
const RETRIES: u32 = 2;
/// The first wait between them; it doubles.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
/// `Retry-After` is not followed any longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Longer than Stripe takes for anything we ask.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The most that Stripe gives at once.
const PAGE: i64 = 100;

/// A client of Stripe's API. Clones share the transport and the rate budget.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    transport: Transport,
    base_url: String,
    key: Secret,
    rate: RateBudget,
    sleep: Sleep,
    timeout: Option<Duration>,
    notes: Arc<Notes>,
}

/// A request as it was stored before it was first sent: a repeat sends these bytes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRequest {
    /// `POST` or `DELETE`.
    pub method: String,
    /// From `/v1/` on, with its query.
    pub path: String,
    /// The form, encoded.
    pub body: String,
    /// Stripe carries out what bears one key once.
    pub idempotency_key: String,
    /// The `Stripe-Version` it was written for.
    pub version: String,
}

/// What Stripe answered to a stored request that it carried out.
#[derive(Clone)]
pub struct Answer {
    /// The status: 200.
    pub status: u16,
    /// The object.
    pub body: Value,
    /// This request's id.
    pub request_id: Option<String>,
    /// The id of the request that was carried out first under this key; another than
    /// `request_id` if this is a replay.
    pub original_request: Option<String>,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its objects, newest first.
    pub data: Vec<Value>,
    /// Whether another page follows.
    pub has_more: bool,
}

impl StoredRequest {
    /// A change by `POST`, in the version that we speak.
    pub fn post(path: impl Into<String>, form: &Form, key: impl Into<String>) -> Self {
        Self {
            method: Method::POST.to_string(),
            path: path.into(),
            body: form.to_body(),
            idempotency_key: key.into(),
            version: API_VERSION.into(),
        }
    }

    /// A `DELETE`; Stripe's libraries write its parameters into the query.
    pub fn delete(path: impl Into<String>, form: &Form, key: impl Into<String>) -> Self {
        let path = with_query(&path.into(), form);
        Self {
            method: Method::DELETE.to_string(),
            body: String::new(),
            ..Self::post(path, form, key)
        }
    }
}

impl Client {
    /// A client that sends `key` to `base_url` by `transport`, and waits by tokio's timer.
    pub fn new(transport: Transport, base_url: String, key: Secret, rate: RateBudget) -> Self {
        let base_url = base_url.trim_end_matches('/').to_owned();
        let sleep: Sleep = Arc::new(|time| Box::pin(tokio::time::sleep(time)));
        let (timeout, notes) = (Some(TIMEOUT), Arc::default());
        Self(Arc::new(Inner { transport, base_url, key, rate, sleep, timeout, notes }))
    }

    /// Shares Stripe's limits with so many processes in all, this one included.
    pub fn share(&self, processes: u32) {
        self.0.rate.share(processes);
    }

    /// Waits by `sleep`: between retries, for the rate budget, and for a timeout.
    #[must_use]
    pub fn with_sleep(self, sleep: Sleep) -> Self {
        Self(Arc::new(Inner { sleep, ..Arc::unwrap_or_clone(self.0) }))
    }

    /// Gives up a call after `timeout` (30 s, if not said); never, if none: for a world in this
    /// process, where `sleep` may return at once.
    #[must_use]
    pub fn with_timeout(self, timeout: Option<Duration>) -> Self {
        Self(Arc::new(Inner { timeout, ..Arc::unwrap_or_clone(self.0) }))
    }

    /// How many calls in a row, by all clones, have met an outage. Zero as soon as one is answered.
    pub fn outages(&self) -> u32 {
        self.0.notes.outages()
    }

    /// Whether Stripe did not accept the API key when it was last asked.
    pub fn key_refused(&self) -> bool {
        self.0.notes.key_refused()
    }

    /// An endpoint that the key lacked the right to when it was last asked, as `POST/v1/refunds`. None,
    /// if there is none.
    pub fn right_missing(&self) -> Option<String> {
        self.0.notes.right_missing("")
    }

    /// Whether there is an endpoint that the key lacked the right to read.
    pub fn may_not_read(&self) -> bool {
        self.0.notes.right_missing("GET").is_some()
    }

    /// What Stripe's clock showed at its last answer, to the second; none before the first.
    pub fn stripe_time(&self) -> Option<i64> {
        self.0.notes.date()
    }

    /// How many calls, retries included, had each of the [`OUTCOMES`].
    pub fn outcomes(&self) -> [u64; OUTCOMES.len()] {
        self.0.notes.outcomes()
    }

    /// Reads `path` (from `/v1/` on). Retried twice on lost connections, 409, 5xx, and where
    /// Stripe asks for it.
    pub async fn get(
        &self,
        path: &str,
        query: &Form,
        priority: Priority,
    ) -> Result<Value, StripeError> {
        let path = with_query(path, query);
        let mut attempt = 0;
        loop {
            let answer = self.call(&Method::GET, &path, "", None, API_VERSION, priority).await;
            let wait = match &answer {
                Ok(response) => answer::retry_after(response),
                Err(StripeError::Unreachable(_)) => Some(Duration::ZERO),
                Err(_) => None,
            };
            match wait {
                Some(asked) if attempt < RETRIES => {
                    let backoff = FIRST_BACKOFF * 2_u32.pow(attempt);
                    (self.0.sleep)(asked.clamp(backoff, LONGEST_WAIT)).await;
                    attempt += 1;
                }
                _ => {
                    let read = answer.and_then(|answer| answer::read(&answer));
                    self.0.notes.asked(&endpoint_of("GET", &path), &read);
                    return self.counted(read).map(|answer| answer.body);
                }
            }
        }
    }

    /// Reads one page of a list.
    pub async fn page(
        &self,
        path: &str,
        query: &Form,
        priority: Priority,
    ) -> Result<Page, StripeError> {
        let unreadable = |field| Unreadable { object: "list", field };
        let mut list = self.get(path, query, priority).await?;
        let has_more = list["has_more"].as_bool().ok_or_else(|| unreadable("has_more"))?;
        match list["data"].take() {
            Value::Array(data) => Ok(Page { data, has_more }),
            _ => Err(unreadable("data").into()),
        }
    }

    /// Reads a list to its end, 100 objects at a time. What is made meanwhile comes before the
    /// first page and is not in it.
    pub async fn list_all(
        &self,
        path: &str,
        query: &Form,
        priority: Priority,
    ) -> Result<Vec<Value>, StripeError> {
        let unreadable = Unreadable { object: "list", field: "data.id" };
        let mut all: Vec<Value> = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let query = query.clone().set_int("limit", PAGE).opt("starting_after", after.clone());
            let page = self.page(path, &query, priority).await?;
            all.extend(page.data);
            if !page.has_more {
                return Ok(all);
            }
            let last = all.last().and_then(|last| last["id"].as_str()).map(String::from);
            // A list that does not move on would be read for ever.
            if last.is_none() || last == after {
                return Err(unreadable.into());
            }
            after = last;
        }
    }

    /// Sends a stored request once: whether it is sent again is the intent's to say.
    pub async fn send(&self, stored: &StoredRequest) -> Result<Answer, StripeError> {
        let method = Method::from_bytes(stored.method.as_bytes())
            .map_err(|error| StripeError::Unsendable(error.to_string()))?;
        let key = Some(stored.idempotency_key.as_str());
        let StoredRequest { path, body, version, .. } = stored;
        let response = self.call(&method, path, body, key, version, Priority::Interactive).await;
        let answer = response.and_then(|response| answer::read(&response));
        self.0.notes.asked(&endpoint_of(method.as_str(), path), &answer);
        self.counted(answer)
    }

    /// Notes whether this was an outage: callers wait the longer, the more of them there are.
    fn counted<T>(&self, answer: Result<T, StripeError>) -> Result<T, StripeError> {
        match &answer {
            // Another call of ours is at work: Stripe is well.
            Err(StripeError::KeyInUse) => {}
            Err(error) if error.is_outage() => self.0.notes.outage(),
            _ => self.0.notes.well(),
        }
        answer
    }

    async fn call(
        &self,
        method: &Method,
        path: &str,
        body: &str,
        key: Option<&str>,
        version: &str,
        priority: Priority,
    ) -> Result<Response<Bytes>, StripeError> {
        let endpoint = endpoint_of(method.as_str(), path);
        let request = self.request(method, path, body, key, version)?;
        self.0.rate.take(&endpoint, priority, |time| (self.0.sleep)(time)).await;
        let response = self.within(self.0.transport.clone().oneshot(request)).await;
        self.0.notes.answered(response.as_ref().ok());
        let response = response.map_err(StripeError::Unreachable)?;
        if let Some(limit) = answer::rate_limit(&response) {
            let own = limit.starts_with("endpoint");
            self.0.rate.limited(own.then_some(endpoint.as_str()));
        }
        tracing::debug!(%method, endpoint, status = response.status().as_u16(), "stripe answered");
        Ok(response)
    }

    fn request(
        &self,
        method: &Method,
        path: &str,
        body: &str,
        key: Option<&str>,
        version: &str,
    ) -> Result<Request<Bytes>, StripeError> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.0.base_url))
            .header("authorization", format!("Bearer {}", self.0.key.expose()))
            .header("stripe-version", version)
            .header("user-agent", concat!("Specie/", env!("CARGO_PKG_VERSION")));
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if method == Method::POST {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        let mut request = request
            .body(Bytes::copy_from_slice(body.as_bytes()))
            .map_err(|error| StripeError::Unsendable(error.to_string()))?;
        mark_sensitive(request.headers_mut());
        Ok(request)
    }

    async fn within<T>(
        &self,
        call: impl Future<Output = Result<T, TransportError>>,
    ) -> Result<T, TransportError> {
        let Some(timeout) = self.0.timeout else { return call.await };
        tokio::select! {
            biased;
            answer = call => answer,
            () = (self.0.sleep)(timeout) => Err(TransportError::new(format_args!(
                "no answer in {} s", timeout.as_secs(),
            ))),
        }
    }
}

/// Keeps the key out of whatever prints headers.
fn mark_sensitive(headers: &mut HeaderMap) {
    if let Some(value) = headers.get_mut("authorization") {
        value.set_sensitive(true);
    }
}

fn with_query(path: &str, query: &Form) -> String {
    if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.to_body()) }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base_url", &self.0.base_url).finish_non_exhaustive()
    }
}

/// Without the body, which may be personal.
impl fmt::Debug for StoredRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        write!(f, "{} {path} ({})", self.method, self.idempotency_key)
    }
}

/// Without the body, which may be personal.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("request_id", &self.request_id)
            .field("original_request", &self.original_request)
            .finish_non_exhaustive()
    }
}
