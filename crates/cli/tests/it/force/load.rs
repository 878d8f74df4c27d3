//! Customers who buy, pay, cancel and resume, each call again and again until it is answered, and
//! events that come meanwhile: what was acknowledged is written down.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::Scope;
use std::time::{Duration, Instant};

use serde_json::Value;
use specie_stripe::sign;
use specie_vocab::{Secret, SystemClock, WallClock};

use super::town::Town;
use super::under_way::{Kind, UnderWay};
use crate::web::{Answer, stripe, try_to_send};

/// How many customers act at once.
const AT_ONCE: usize = 4;
/// How many of each of them are under way.
const UNDER_WAY: usize = 2;
/// How many lanes strangers' events belong to.
const STRANGERS: usize = 16;
/// So long nobody waits for something to happen.
const STANDSTILL: Duration = Duration::from_millis(1500);
/// All comes to its end within this time: leases of a minute are waited for.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// Counts what happens, for whoever waits for a moment of the load.
#[derive(Clone, Default)]
pub struct Pulse(Arc<(Mutex<u64>, Condvar)>);

impl Pulse {
    pub fn count(&self) {
        *self.0.0.lock().unwrap() += 1;
        self.0.1.notify_all();
    }

    /// Returns when so many more things have happened, or when they do not any more: what a
    /// killed process had taken holds customers up.
    pub fn after(&self, more: u64) {
        let (began, mut now) = (Instant::now(), self.0.0.lock().unwrap());
        let until = *now + more;
        while *now < until && began.elapsed() < STANDSTILL {
            now = self.0.1.wait_timeout(now, STANDSTILL).unwrap().0;
        }
    }

    /// Returns after so many microseconds: a moment between two things that are seen from outside.
    pub fn moments(&self, micros: u64) {
        let (began, wanted) = (Instant::now(), Duration::from_micros(micros));
        while let Some(left) = wanted.checked_sub(began.elapsed()) {
            std::thread::park_timeout(left);
        }
    }
}

/// What a customer does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Checkout,
    Pay,
    Sync,
    Cancel,
    Resume,
    Over,
}

/// A customer of the app.
#[derive(Clone, Debug)]
pub struct Customer {
    pub name: String,
    /// Whether their subscription ends with its period, in the end.
    pub cancels: bool,
    resumes: bool,
    next: Next,
    page: String,
    /// The session that was acknowledged last.
    pub session: String,
}

/// What was acknowledged.
#[derive(Default)]
pub struct Book {
    /// Events that were answered 200.
    pub events: BTreeSet<String>,
    /// Checkout sessions that were answered 201.
    pub sessions: BTreeSet<String>,
    /// Customers who did all they wanted.
    pub customers: Vec<Customer>,
}

/// See above.
pub struct Load {
    services: Vec<String>,
    stripe: String,
    key: String,
    secret: Secret,
    pub pulse: Pulse,
    under_way: UnderWay,
    pub book: Mutex<Book>,
    /// Nobody new comes.
    closed: AtomicBool,
    turn: AtomicUsize,
    /// How many customers were brought.
    brought: AtomicUsize,
    /// How many events were answered 503.
    refused: AtomicUsize,
}

/// Closes when it goes, however that comes.
struct Closing<'a>(&'a AtomicBool);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Load {
    pub fn new(town: &Town) -> Self {
        Self {
            services: town.services.clone(),
            stripe: town.stripe.clone(),
            key: town.key.clone(),
            secret: town.secret.clone(),
            pulse: town.pulse.clone(),
            under_way: town.under_way.clone(),
            book: Mutex::default(),
            closed: AtomicBool::new(false),
            turn: AtomicUsize::new(0),
            brought: AtomicUsize::new(0),
            refused: AtomicUsize::new(0),
        }
    }

    /// Does something under load. Returns when all customers have done what they wanted.
    pub fn under<'env>(&'env self, act: impl for<'scope> FnOnce(&'scope Scope<'scope, 'env>)) {
        std::thread::scope(|scope| {
            let closing = Closing(&self.closed);
            for group in 0..AT_ONCE {
                scope.spawn(move || self.customers((0..).map(|n| Customer::new(group, n))));
            }
            scope.spawn(|| self.deliveries());
            act(scope);
            drop(closing);
        });
    }

    /// Brings another customer, who buys and cancels, and may resume: when what was killed holds up all
    /// others, nothing happens for as long as a lease lasts.
    pub fn bring<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) {
        let customer = Customer::who_cancels(self.brought.fetch_add(1, Ordering::SeqCst));
        scope.spawn(move || self.customers(std::iter::once(customer)));
    }

    /// How many events were answered 503.
    pub fn refused(&self) -> usize {
        self.refused.load(Ordering::SeqCst)
    }

    /// The replica whose turn it is, and its address.
    fn service(&self) -> (usize, &str) {
        let n = self.turn.fetch_add(1, Ordering::SeqCst) % self.services.len();
        (n, &self.services[n])
    }

    /// Some who come one after the other, as long as anybody may. Returns when they are through.
    fn customers(&self, mut coming: impl Iterator<Item = Customer>) {
        let (mut under_way, mut closed) = (Vec::<Customer>::new(), None);
        let mut fresh = true;
        loop {
            if self.closed.load(Ordering::SeqCst) {
                let began = *closed.get_or_insert_with(Instant::now);
                assert!(began.elapsed() < PATIENCE, "they do not get on: {under_way:?}");
            } else if fresh
                && under_way.len() < UNDER_WAY
                && let Some(customer) = coming.next()
            {
                under_way.insert(0, customer);
            }
            if under_way.is_empty() {
                return;
            }
            fresh = !fresh;
            let mut customer = under_way.remove(0);
            let before = customer.next;
            self.act(&mut customer);
            if customer.next == Next::Over {
                self.book.lock().unwrap().customers.push(customer);
            } else if customer.next == before {
                under_way.push(customer); // Others go on meanwhile.
                std::thread::park_timeout(Duration::from_millis(5));
            } else {
                under_way.insert(0, customer);
            }
        }
    }

    /// Does what comes next, once. It comes next again, unless it was acknowledged.
    fn act(&self, customer: &mut Customer) {
        let sync = format!("checkout/{}/sync", customer.session);
        let buy = r#"{"plan": "pro", "price": "monthly"}"#;
        let (method, path, body, key) = match customer.next {
            Next::Checkout => ("POST", "checkout", buy, "buys"),
            Next::Pay => return self.pay(customer),
            Next::Sync => ("POST", sync.as_str(), "", ""),
            Next::Cancel => ("POST", "subscription/cancellation", "{}", "cancels"),
            Next::Resume => ("DELETE", "subscription/cancellation", "", "resumes"),
            Next::Over => return,
        };
        let answer = self.call(&customer.name, key, method, path, body);
        let Some(answer) = answer else { return };
        match (customer.next, answer.status) {
            (Next::Checkout, 200 | 201) => customer.begun(&answer, &self.book),
            (Next::Sync, 200) => customer.next = customer.after_buying(&answer),
            (Next::Cancel, 200) if customer.resumes => customer.next = Next::Resume,
            (Next::Cancel | Next::Resume, 200) => customer.next = Next::Over,
            // Another call of theirs is still under way, or what it needs is away.
            (_, 409 | 429 | 503) => {}
            (_, status) => panic!("{:?}: {status}: {}", customer, answer.body),
        }
    }

    fn call(&self, name: &str, key: &str, method: &str, path: &str, body: &str) -> Option<Answer> {
        let bearer = format!("Bearer {}", self.key);
        let key = format!("{name}-{key}");
        let mut headers = vec![
            ("Authorization", bearer.as_str()),
            ("Specie-Customer", name),
            ("Content-Type", "application/json"),
        ];
        // Every other customer's app sends keys.
        if !path.ends_with("sync") && name.ends_with(['0', '2', '4', '6', '8']) {
            headers.push(("Idempotency-Key", &key));
        }
        self.pulse.count();
        let (n, service) = self.service();
        let url = format!("{service}/api/billing/{path}");
        let sent = Kind::of(path).map(|kind| self.under_way.sent(kind, n));
        let answer = try_to_send(method, &url, &headers, body).ok().flatten();
        drop(sent);
        self.pulse.count();
        answer.filter(Answer::is_whole)
    }

    /// Types a card on the sandbox's page, which nobody kills.
    fn pay(&self, customer: &mut Customer) {
        crate::serve::pay(&customer.page);
        self.pulse.count();
        customer.next = Next::Sync;
    }

    /// Strangers' events, and now and then one of Stripe's list once more.
    fn deliveries(&self) {
        for n in 0.. {
            if self.closed.load(Ordering::SeqCst) {
                return;
            }
            if n % 50 == 49 {
                let list = stripe("GET", &self.stripe, "/v1/events?limit=10", "");
                for event in list["data"].as_array().unwrap() {
                    self.deliver(event["id"].as_str().unwrap(), &event.to_string());
                }
            }
            let id = format!("evt_stranger{n}");
            let customer = format!("cus_stranger{}", n % STRANGERS);
            let body = format!(
                r#"{{"id": "{id}", "object": "event", "api_version": "2026-10-28.endive",
                "created": 1, "livemode": false, "type": "customer.updated",
                "data": {{"object": {{"id": "{customer}", "object": "customer"}}}}}}"#
            );
            self.deliver(&id, &body);
        }
    }

    fn deliver(&self, id: &str, body: &str) {
        let signature = sign(&self.secret, body.as_bytes(), SystemClock.now());
        let headers = [("Stripe-Signature", signature.as_str())];
        let (n, service) = self.service();
        let url = format!("{service}/api/billing/webhook");
        let sent = self.under_way.sent(Kind::Ingest, n);
        let answer = try_to_send("POST", &url, &headers, body);
        drop(sent);
        match answer {
            Ok(Some(answer)) if answer.status == 200 => {
                self.book.lock().unwrap().events.insert(id.into());
            }
            Ok(Some(answer)) => {
                assert_eq!(answer.status, 503, "{answer:?}");
                self.refused.fetch_add(1, Ordering::SeqCst);
            }
            _ => std::thread::park_timeout(Duration::from_millis(5)),
        }
    }
}

impl Customer {
    fn new(group: usize, n: usize) -> Self {
        Self {
            name: format!("customer-{group}-{n}"),
            cancels: n % 3 == 1,
            resumes: n % 3 == 2,
            next: Next::Checkout,
            page: String::new(),
            session: String::new(),
        }
    }

    /// One of those who are brought.
    fn who_cancels(n: usize) -> Self {
        let resumes = n % 4 < 2;
        Self { cancels: !resumes, resumes, ..Self::new(AT_ONCE, n) }
    }

    fn begun(&mut self, answer: &Answer, book: &Mutex<Book>) {
        let checkout = answer.json();
        let text = |field: &str| checkout[field].as_str().unwrap().to_owned();
        (self.session, self.page) = (text("id"), text("url"));
        book.lock().unwrap().sessions.insert(self.session.clone());
        self.next = Next::Pay;
    }

    /// A payment that is acknowledged gives access.
    fn after_buying(&self, answer: &Answer) -> Next {
        let view: Value = answer.json();
        assert_eq!(view["access"], true, "{}: {view}", self.name);
        if self.cancels || self.resumes { Next::Cancel } else { Next::Over }
    }
}
