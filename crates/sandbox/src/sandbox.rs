//! A sandbox that can be held: a world behind a lock, its journal, and its clocks.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use specie_vocab::{BusinessClock, BusinessTime, Secret, WallClock, WallTime};
use tokio::sync::Notify;

use crate::chaos::{Chaos, Mishap};
use crate::deliveries::{Attempt, Waiting};
use crate::faults::{Fault, Faults, Odds};
use crate::input::{Answer, Input, State, What};
use crate::journal::{Journal, OpenError, Opened};
use crate::numbers::{has_number, head, without_numbers};
use crate::world::{Call, Config, PAGES, PageError, Refusal, Reply, World};

/// How a sandbox is set up.
pub struct Options {
    /// Where ids and secrets come from. A kept sandbox stays with its first seed.
    pub seed: u64,
    /// Where it is kept; in memory alone if there is no folder.
    pub data_dir: Option<PathBuf>,
    /// Where the clock of a new world starts.
    pub start: Timestamp,
    /// The origin of the hosted pages, such as `http://127.0.0.1:12111`.
    pub base_url: String,
    /// What the control API asks for.
    pub control_key: Secret,
    /// Tells wall time: retries of webhooks, signatures, idempotency keys.
    pub wall: Arc<dyn WallClock>,
}

/// What happened cannot be written down, so that nothing more may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the sandbox's journal cannot be written: make room on the disk and start again")]
pub struct Unwritable;

/// Why a page's action did not happen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// The world refuses it.
    #[error(transparent)]
    Refused(#[from] PageError),
    /// It could not be written down.
    #[error(transparent)]
    Unwritable(#[from] Unwritable),
}

/// A running sandbox. Clones are the same one.
#[derive(Clone)]
pub struct Sandbox(Arc<Shared>);

pub(crate) struct Shared {
    inner: Mutex<Inner>,
    faults: Mutex<Faults>,
    opened: Opened,
    pub(crate) wall: Arc<dyn WallClock>,
    pub(crate) base_url: String,
    pub(crate) control_key: Secret,
    /// Somebody is sending: deliveries go one at a time.
    pub(crate) sending: tokio::sync::Mutex<()>,
    /// Something waits to be delivered.
    pub(crate) waiting: Notify,
    /// An attempt at a delivery is over.
    attempted: Notify,
}

struct Inner {
    state: State,
    journal: Option<Journal>,
    flowing: bool,
    broken: bool,
    changes: u64,
}

impl Sandbox {
    /// Opens the sandbox that `options` describe, continuing where it stopped.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let start = options.start.as_second();
        let base_url = options.base_url.trim_end_matches('/').to_owned();
        let config = Config::new(options.seed, start, &base_url);
        let (state, journal, opened) = match &options.data_dir {
            None => (State::new(World::new(config)), None, Opened::default()),
            Some(folder) => {
                let (journal, state, opened) = Journal::open(folder, config)?;
                (state, Some(journal), opened)
            }
        };

        let moved = state.world.config().base_url != base_url;
        let inner = Inner { state, journal, flowing: false, broken: false, changes: 0 };
        let sandbox = Self(Arc::new(Shared {
            inner: Mutex::new(inner),
            faults: Mutex::default(),
            opened,
            wall: options.wall,
            base_url: base_url.clone(),
            control_key: options.control_key,
            sending: tokio::sync::Mutex::default(),
            waiting: Notify::new(),
            attempted: Notify::new(),
        }));
        if moved && sandbox.put(What::Move { base_url }).is_err() {
            let path = options.data_dir.unwrap_or_default();
            return Err(OpenError::Folder { path, source: io::ErrorKind::StorageFull.into() });
        }
        Ok(sandbox)
    }

    /// What was found when it was opened.
    pub fn opened(&self) -> &Opened {
        &self.0.opened
    }

    /// Where its ids come from: the seed it was begun with.
    pub fn seed(&self) -> u64 {
        self.lock().state.world.config().seed
    }

    /// The world's time, in Unix seconds.
    pub fn now(&self) -> i64 {
        let inner = self.lock();
        inner.flowed_to(self.wall()).unwrap_or(0).max(inner.state.world.now())
    }

    /// When something falls due in the world next.
    pub fn next_due(&self) -> Option<i64> {
        self.lock().state.world.next_due()
    }

    /// Moves the world's time on to `to` (Unix seconds), with all that falls due on the way. An
    /// earlier moment changes nothing.
    pub fn advance(&self, to: i64) -> Result<(), Unwritable> {
        self.put(What::Advance { to }).map(|_| ())
    }

    /// Lets the world's time flow with the wall's from now on, as far ahead of it as it was left.
    pub fn flow(&self) -> Result<(), Unwritable> {
        let known = {
            let mut inner = self.lock();
            inner.flowing = true;
            inner.state.offset.is_some()
        };
        if !known {
            let offset = self.lock().state.world.now() - self.wall();
            self.put(What::Flow { offset })?;
        }
        self.catch_up()
    }

    /// Brings a flowing world's time up to now, if something has fallen due, and ends the advances
    /// of test clocks that have taken long enough.
    pub fn catch_up(&self) -> Result<(), Unwritable> {
        let wall = self.wall();
        if self.read(|state| state.world.next_ready()).is_some_and(|ready| ready <= wall) {
            self.put(What::Settle)?;
        }
        let to = {
            let inner = self.lock();
            let to = inner.flowed_to(self.wall());
            to.filter(|to| inner.state.world.next_due().is_some_and(|due| due <= *to))
        };
        to.map_or(Ok(()), |to| self.advance(to))
    }

    /// Answers a call to the API. A test card's number is turned into its token first; another
    /// number is refused, so that none is ever kept.
    pub fn call(&self, call: Call) -> Result<Reply, Unwritable> {
        self.call_astray(call).map(|(reply, _)| reply)
    }

    /// As [`Sandbox::call`], with what becomes of the reply on its way.
    pub(crate) fn call_astray(&self, call: Call) -> Result<(Reply, Option<Mishap>), Unwritable> {
        let head = head(&call);
        let call = match without_numbers(call, self.month()) {
            Ok(call) => call,
            Err(refusal) => return self.refuse(head, *refusal).map(|reply| (reply, None)),
        };
        match self.put(What::Call(call.without_key()))? {
            Answer::Reply(reply) => Ok((reply, None)),
            Answer::Astray(reply, mishap) => Ok((reply, mishap)),
            _ => unreachable!("a call is answered with a reply"),
        }
    }

    /// Refuses a call that the world need not look into, in the world's own words.
    pub(crate) fn refuse(&self, call: Call, refusal: Refusal) -> Result<Reply, Unwritable> {
        self.reply_to(What::Refuse { call: head(&call), refusal })
    }

    fn reply_to(&self, what: What) -> Result<Reply, Unwritable> {
        match self.put(what)? {
            Answer::Reply(reply) => Ok(reply),
            _ => unreachable!("a call is answered with a reply"),
        }
    }

    /// Pays an open Checkout Session with a card template (`pm_card_visa`), as a person does on
    /// its page. Answers where the page leads then.
    pub fn pay_checkout(
        &self,
        session: &str,
        card: &str,
        email: Option<&str>,
        name: Option<&str>,
    ) -> Result<String, ActionError> {
        let (email, name) = (email.map(Into::into), name.map(Into::into));
        let what = What::Pay { session: session.into(), card: card.into(), email, name };
        self.act(what).map(Option::unwrap_or_default)
    }

    /// Cancels a subscription at the end of its period, as a person does in the portal.
    pub fn portal_cancel(&self, session: &str, subscription: &str) -> Result<(), ActionError> {
        let (session, subscription) = (session.into(), subscription.into());
        self.act(What::Cancel { session, subscription }).map(|_| ())
    }

    /// Takes a cancellation back, as a person does in the portal.
    pub fn portal_resume(&self, session: &str, subscription: &str) -> Result<(), ActionError> {
        let (session, subscription) = (session.into(), subscription.into());
        self.act(What::Resume { session, subscription }).map(|_| ())
    }

    /// Makes another card (a template) the customer's default, as a person does in the portal.
    pub fn portal_replace_card(&self, session: &str, card: &str) -> Result<(), ActionError> {
        self.act(What::ReplaceCard { session: session.into(), card: card.into() }).map(|_| ())
    }

    /// How much has happened since the sandbox was opened that may have changed an object: all but
    /// reading calls. While it stands still, so do the objects.
    pub fn changes(&self) -> u64 {
        self.lock().changes
    }

    /// One object, as the API would print it.
    pub fn object(&self, id: &str) -> Option<Value> {
        self.lock().state.world.object(id)
    }

    /// All objects of a kind (`customer`, `checkout.session`, …), newest first.
    pub fn list(&self, kind: &str) -> Vec<Value> {
        self.lock().state.world.list(kind)
    }

    /// What `read` finds in each object of a kind, newest first. Nothing is copied but that.
    pub fn each<T>(&self, kind: &str, read: impl FnMut(&Value) -> T) -> Vec<T> {
        self.lock().state.world.newest(kind).map(read).collect()
    }

    /// The line items of a Checkout Session, which its object does not show.
    pub fn line_items(&self, session: &str) -> Vec<Value> {
        self.lock().state.world.line_items(session)
    }

    /// The newest objects of a kind, at most so many, newest first.
    pub(crate) fn list_newest(&self, kind: &str, most: usize) -> Vec<Value> {
        self.lock().state.world.list_newest(kind, most)
    }

    /// The objects of a kind that say `said` in `field`, newest first.
    pub(crate) fn list_with(&self, kind: &str, field: &str, said: &str) -> Vec<Value> {
        self.lock().state.world.newest_with(kind, field, said).cloned().collect()
    }

    /// How many objects of a kind there are.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.lock().state.world.count(kind)
    }

    /// What a Checkout Session sells, as `GET …/line_items` lists it.
    pub(crate) fn checkout_lines(&self, session: &str) -> Vec<Value> {
        let call = Call {
            method: "GET".into(),
            path: format!("/v1/checkout/sessions/{session}/line_items"),
            query: "limit=100".into(),
            authorization: Some(PAGES.into()),
            ..Call::default()
        };
        let Ok(reply) = self.call(call) else { return Vec::new() };
        let list = serde_json::from_str::<Value>(&reply.body).unwrap_or_default();
        list["data"].as_array().cloned().unwrap_or_default()
    }

    /// The next deliveries go wrong in these ways, in order; `None` goes well.
    pub fn name_faults(&self, faults: impl IntoIterator<Item = Option<Fault>>) {
        self.faults().name(faults);
    }

    /// From now on deliveries go wrong by chance, repeatably from `seed`.
    pub fn faults_by_chance(&self, seed: u64, odds: Odds) {
        self.faults().by_chance(seed, odds);
    }

    /// From now on all goes well.
    pub fn no_faults(&self) {
        self.faults().none();
    }

    /// When the next delivery is due. A moment that has passed means now.
    pub fn next_delivery(&self) -> Option<WallTime> {
        self.lock().state.deliveries.next_due().map(WallTime::from_second)
    }

    /// The attempts at deliveries, oldest first.
    pub fn attempts(&self) -> Vec<Attempt> {
        self.lock().state.deliveries.log().cloned().collect()
    }

    /// Makes all deliveries that wait for a later attempt due now. Answers how many.
    pub fn flush(&self) -> Result<usize, Unwritable> {
        match self.put(What::Flush)? {
            Answer::Count(count) => Ok(count),
            _ => unreachable!("a flush is answered with a count"),
        }
    }

    /// Replaces the signing secret of a webhook endpoint, as a person does on Stripe's dashboard.
    /// The old one signs beside the new one for `expire_in` seconds of wall time. Answers the new
    /// secret; none if there is no such endpoint.
    pub fn roll_secret(
        &self,
        endpoint: &str,
        expire_in: i64,
    ) -> Result<Option<Secret>, Unwritable> {
        match self.put(What::Roll { endpoint: endpoint.into(), expire_in })? {
            Answer::Rolled(secret) => Ok(secret.map(Secret::new)),
            _ => unreachable!("rolling a secret is answered with one"),
        }
    }

    /// Holds an idempotency key, as a request that is still being answered does, or lets go of it.
    pub fn hold_key(&self, key: &str, held: bool) -> Result<(), Unwritable> {
        self.put(What::Hold { key: key.into(), held }).map(|_| ())
    }

    /// The named switches and how they stand.
    pub fn switches(&self) -> Value {
        self.read(|state| state.world.switches())
    }

    /// Sets the switches that are named in `wanted`. All of them, or none and why not.
    pub fn switch(&self, wanted: &Value) -> Result<Result<(), String>, Unwritable> {
        if let Err(wrong) = self.read(|state| state.world.switched(wanted).map(|_| ())) {
            return Ok(Err(wrong)); // Nothing of it is written down.
        }
        match self.put(What::Switch { wanted: wanted.clone() })? {
            Answer::Switched(done) => Ok(done),
            _ => unreachable!("switches answer whether they were set"),
        }
    }

    /// What goes wrong between the sandbox and its clients.
    pub fn chaos(&self) -> Chaos {
        self.read(|state| state.chaos.clone())
    }

    /// Lets `chaos` loose from now on, or ends it. It is kept with the world.
    pub fn unsettle(&self, chaos: &Chaos) -> Result<(), Unwritable> {
        let wanted = serde_json::to_value(chaos).unwrap_or_default();
        self.set_chaos(&wanted).map(|_| ())
    }

    /// Sets the knobs of the chaos that are named. All of them, or none and why not.
    pub(crate) fn set_chaos(&self, wanted: &Value) -> Result<Result<(), String>, Unwritable> {
        if let Err(wrong) = self.chaos().with(wanted) {
            return Ok(Err(wrong));
        }
        match self.put(What::Chaos { wanted: wanted.clone() })? {
            Answer::Switched(done) => Ok(done),
            _ => unreachable!("the chaos answers whether it was set"),
        }
    }

    /// Writes a snapshot, so that the next start need not replay the journal.
    pub fn snapshot(&self) -> io::Result<()> {
        let inner = &mut *self.lock();
        inner.journal.as_mut().map_or(Ok(()), |journal| journal.snapshot(&inner.state))
    }

    /// Waits until all that happened has been sent once, as Stripe does before it leaves its
    /// payment page. Where nobody delivers in the background it does not wait.
    pub(crate) async fn told(&self) {
        loop {
            let attempted = self.0.attempted.notified();
            tokio::pin!(attempted);
            attempted.as_mut().enable();
            {
                let inner = self.lock();
                let is_new = |w: &Waiting| w.attempts == 0 && !w.held;
                if !inner.flowing || !inner.state.deliveries.waiting().any(is_new) {
                    return;
                }
            }
            attempted.await;
        }
    }

    /// Wall time in Unix seconds.
    pub(crate) fn wall(&self) -> i64 {
        self.0.wall.now().as_second()
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Faults> {
        self.0.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the state without letting anything happen.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.lock().state)
    }

    /// Whether something could not be written down, so that nothing more happens.
    pub(crate) fn is_broken(&self) -> bool {
        self.lock().broken
    }

    /// Lets something happen, and writes it down before it is told.
    pub(crate) fn put(&self, what: What) -> Result<Answer, Unwritable> {
        let wall = self.wall();
        let mut inner = self.lock();
        let flowed = inner.flowed_to(wall).filter(|to| *to > inner.state.world.now());
        if let Some(to) = flowed
            && !matches!(what, What::Attempt { .. } | What::Flush | What::Hold { .. })
        {
            inner.put(&Input { wall, what: What::Advance { to } })?;
        }
        let answer = inner.put(&Input { wall, what })?;
        if inner.state.deliveries.next_due().is_some_and(|due| due <= wall) {
            self.0.waiting.notify_one();
        }
        self.0.attempted.notify_waiters();
        Ok(answer)
    }

    /// The year and month of the world's clock: what a card must still be valid in.
    pub(crate) fn month(&self) -> (i16, i8) {
        let now = Timestamp::from_second(self.now()).unwrap_or_default().to_zoned(TimeZone::UTC);
        (now.year(), now.month())
    }

    fn act(&self, what: What) -> Result<Option<String>, ActionError> {
        if what.texts().into_iter().any(has_number) {
            let message = "A card number stands where none belongs.".into();
            return Err(PageError { message, code: "specie_sandbox_card_number".into() }.into());
        }
        match self.put(what)? {
            Answer::Page(done) => Ok(done?),
            _ => unreachable!("a page's action is answered with one"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Where a flowing clock stands.
    fn flowed_to(&self, wall: i64) -> Option<i64> {
        self.state.offset.filter(|_| self.flowing).map(|offset| wall + offset)
    }

    fn put(&mut self, input: &Input) -> Result<Answer, Unwritable> {
        if self.broken {
            return Err(Unwritable);
        }
        let answer = self.state.apply(input);
        self.changes += u64::from(!input.what.only_reads());
        let Some(journal) = &mut self.journal else { return Ok(answer) };
        let mut written = journal.append(input, &answer.digest());
        if written.is_ok() && journal.wants_snapshot() {
            written = journal.snapshot(&self.state);
        }
        if let Err(error) = written {
            tracing::error!(%error, "the sandbox's journal cannot be written");
            self.broken = true;
            return Err(Unwritable);
        }
        Ok(answer)
    }
}

impl BusinessClock for Sandbox {
    fn now(&self) -> BusinessTime {
        BusinessTime::from_second(Self::now(self))
    }
}
