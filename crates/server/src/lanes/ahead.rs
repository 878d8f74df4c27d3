//! Reading ahead: where many lanes wait, what their rows name is read from Stripe's lists, a hundred
//! objects a call, before the lanes are claimed one by one.
//!
//! What was read before a lane's claim counts for it only if nobody can have written anything newer
//! since: the lane's fence is noted before the lists are read, and the claim must be the next one. Nor
//! may the claim hold a row that had not come by then, since the lists were not asked because of
//! it. In all other cases the lane reads for itself, and so it does for what the lists did not have.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use specie_store::customers;
use specie_store::lanes::{self as stored, Claim, Waiting};
use specie_store::{StoreError, Tx};
use specie_stripe::{Form, Invoice, Page, Priority, StripeError};
use specie_vocab::{CustomerId, WallTime};
use uuid::Uuid;

use super::{LaneError, WishFor, bound, fetch};
use crate::App;
use crate::quiet::AT_ONCE;

/// From how many waiting lanes on lists are read.
const MANY: usize = 500;
/// How many lanes are read ahead at once.
const MOST: i64 = 2_000;
/// How long what was read ahead is kept for lanes that nobody of this process comes to, in seconds.
const KEPT: i64 = 30;
/// How long it is left alone where nothing was found, in seconds.
const FRUITLESS: i64 = 1;
/// How long a pass is waited for, in seconds: whoever has many to catch up with is always passing.
const PASS: i64 = 120;
/// And how long when it brings nothing more, in seconds: what follows is known.
const LULL: i64 = 10;
/// How long all lists together may take. What was read by then is used.
const PATIENCE: Duration = Duration::from_secs(30);
/// So long, in seconds, after its moment something may be written that was read ahead.
pub(super) const LONGEST: i64 = KEPT + 30;
/// So many pages of a list are read before it is asked whether they were worth it,
const TRIAL: usize = 5;
/// or a tenth of the calls that they are to save, but no more than this: what is looked for may lie
/// together further down.
const LONGEST_TRIAL: usize = 50;
/// They are, if a page brings so many objects that are looked for: each would cost a call.
const WORTH: usize = 2;

/// What was read ahead, by lane.
#[derive(Debug)]
pub struct Shelf {
    /// From how many waiting lanes on.
    many: usize,
    stock: Mutex<Stock>,
    /// One task at a time reads.
    reading: AtomicBool,
    /// What a pass over the list of events brings; nothing, once it is over.
    pass: Mutex<Option<Bringing>>,
}

/// What a pass brings that is under way.
#[derive(Debug)]
struct Bringing {
    /// When it brought the first, and the last.
    since: WallTime,
    last: WallTime,
    /// Whose, until they are many.
    lanes: HashSet<String>,
}

/// What lies on it.
#[derive(Debug, Default)]
struct Stock {
    lanes: HashMap<String, Ahead>,
    /// How many there were.
    filled: usize,
    /// By this process's clock: until then nothing more is read, unless nearly all is used. What nobody has come for by then is
    /// let go.
    until: Option<WallTime>,
}

impl Stock {
    /// Whether it is too early for more.
    fn is_left(&self, now: WallTime) -> bool {
        let is_used = self.filled > 0 && self.lanes.len() * 10 <= self.filled;
        !is_used && self.until.is_some_and(|until| now < until)
    }
}

impl Bringing {
    fn is_bringing(&self, now: WallTime) -> bool {
        let [first, last] = [self.since, self.last].map(|at| now.seconds_since(at));
        (0..PASS).contains(&first) && last < LULL
    }
}

impl Default for Shelf {
    fn default() -> Self {
        Self::from(MANY)
    }
}

/// What was read of one lane ahead of its claim.
#[derive(Debug)]
pub(super) struct Ahead {
    /// Before which moment nothing of it was read.
    pub(super) since: WallTime,
    /// Of the lane's last claim then.
    fence: i64,
    /// The rows that waited then.
    events: BTreeSet<String>,
    wishes: BTreeSet<Uuid>,
    /// As JSON text, by id.
    objects: BTreeMap<String, String>,
}

impl Ahead {
    /// What the lists had at a path of the API.
    pub(super) fn get(&self, path: &str) -> Option<Value> {
        let (_, id) = path.rsplit_once('/')?;
        serde_json::from_str(self.objects.get(id)?).ok()
    }

    /// Whether it was read for this claim, and nobody can have read anything newer meanwhile.
    fn is_for(&self, claim: &Claim) -> bool {
        claim.fence == self.fence + 1
            && claim.events.iter().all(|event| self.events.contains(&event.id))
            && claim.wishes.iter().all(|wish| self.wishes.contains(&wish.id))
    }
}

impl Shelf {
    /// Reads ahead where at least `many` lanes wait.
    pub fn from(many: usize) -> Self {
        let (stock, reading, pass) = Default::default();
        Self { many, stock, reading, pass }
    }

    /// A pass over the list of events is under way as long as this lives.
    pub(crate) fn passing(&self) -> impl Drop + '_ {
        Leaving(|| *self.pass() = None)
    }

    /// It has brought events of these lanes that were not known. More come page by page: a lane that
    /// was read now would soon have to be read again, and what its older events tell would look as if it
    /// had been read late.
    pub(crate) fn brought(&self, lanes: impl IntoIterator<Item = String>, now: WallTime) {
        let mut pass = self.pass();
        let first = || Bringing { since: now, last: now, lanes: HashSet::new() };
        let pass = pass.get_or_insert_with(first);
        pass.last = now;
        for lane in lanes {
            if pass.lanes.len() < self.many {
                pass.lanes.insert(lane);
            }
        }
    }

    /// Where a pass brings many lanes, what came since then waits until it is over. What somebody waits
    /// for, and what this process is told by Stripe, is begun at once.
    pub(crate) fn held_since(&self, now: WallTime) -> Option<WallTime> {
        let pass = self.pass();
        let pass = pass.as_ref().filter(|it| it.is_bringing(now) && it.lanes.len() >= self.many);
        pass.map(|it| it.since)
    }

    /// What was read ahead for a claim.
    pub(super) fn take(&self, claim: &Claim, now: WallTime) -> Option<Ahead> {
        let mut stock = self.lock();
        if stock.until.is_some_and(|until| until <= now) {
            *stock = Stock::default();
        }
        stock.lanes.remove(&claim.lane).filter(|ahead| ahead.is_for(claim))
    }

    /// The right to read ahead, as long as it lives. None, as long as another reads, a pass brings
    /// more since lately, or there is something left of what was read lately.
    fn begin(&self, now: WallTime) -> Option<impl Drop + '_> {
        let is_passing = self.pass().as_ref().is_some_and(|pass| pass.is_bringing(now));
        let is_left = self.lock().is_left(now);
        if is_passing || is_left || self.reading.swap(true, Ordering::Relaxed) {
            return None;
        }
        Some(Leaving(|| self.reading.store(false, Ordering::Relaxed)))
    }

    /// Puts down what was read, or that it was nothing.
    fn fill(&self, lanes: HashMap<String, Ahead>, now: WallTime) {
        let kept = if lanes.is_empty() { FRUITLESS } else { KEPT };
        let (filled, until) = (lanes.len(), Some(now.plus_seconds(kept)));
        *self.lock() = Stock { lanes, filled, until };
    }

    fn pass(&self) -> MutexGuard<'_, Option<Bringing>> {
        self.pass.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Stock> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does something at its end, however that comes.
struct Leaving<F: FnMut()>(F);

impl<F: FnMut()> Drop for Leaving<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Reads ahead, if `due` lanes may be many. What cannot be read now is read lane by lane.
pub(crate) async fn read_ahead(app: &App, due: usize) {
    if due < app.shelf.many.min(AT_ONCE) || app.stripe.outages() > 0 {
        return;
    }
    let Some(_turn) = app.shelf.begin(app.wall.now()) else { return };
    let lanes = read(app).await.unwrap_or_else(|error| {
        tracing::warn!(%error, "nothing could be read ahead");
        HashMap::new()
    });
    if !lanes.is_empty() {
        tracing::info!(lanes = lanes.len(), "many lanes wait: they were read ahead, from lists");
    }
    app.shelf.fill(lanes, app.wall.now());
}

/// What the lists have of the lanes that wait, if these are many.
async fn read(app: &App) -> Result<HashMap<String, Ahead>, LaneError> {
    let Some(mut reading) = Reading::of_waiting(app).await? else { return Ok(HashMap::new()) };
    bound(app).await?;
    let lists = reading.lists();
    let read = match app.patience.sleeps() {
        true => tokio::time::timeout(PATIENCE, lists).await.unwrap_or(Ok(())),
        false => lists.await,
    };
    if let Err(error) = read {
        tracing::warn!(%error, "not all could be read ahead");
    }
    let mut lanes = reading.lanes;
    lanes.retain(|_, ahead| !ahead.objects.is_empty());
    Ok(lanes)
}

/// A list of Stripe's, and what is read with each of its objects: the same as when a lane reads one.
struct List {
    prefix: &'static str,
    path: &'static str,
    status: Option<&'static str>,
    expand: &'static [&'static str],
}

/// Subscriptions bring invoices, and invoices tell which payments are theirs.
const LISTS: [List; 5] = [
    List {
        prefix: "sub_",
        path: "/v1/subscriptions",
        status: Some("all"),
        expand: fetch::SUBSCRIPTION,
    },
    List { prefix: "in_", path: "/v1/invoices", status: None, expand: fetch::INVOICE },
    List { prefix: "pi_", path: "/v1/payment_intents", status: None, expand: fetch::PAYMENT },
    List { prefix: "cs_", path: "/v1/checkout/sessions", status: None, expand: &[] },
    List { prefix: "cus_", path: "/v1/customers", status: None, expand: fetch::CUSTOMER },
];

/// What is looked for, and what was found.
struct Reading<'a> {
    app: &'a App,
    /// Objects that lanes will ask for, each with its lane.
    wanted: BTreeMap<String, String>,
    lanes: HashMap<String, Ahead>,
}

impl<'a> Reading<'a> {
    /// Notes the fences of the lanes that wait, and then what waits in them. None, if they are not many.
    async fn of_waiting(app: &'a App) -> Result<Option<Self>, StoreError> {
        let mut reading = Self { app, wanted: BTreeMap::new(), lanes: HashMap::new() };
        let mut tx = app.db.read().await?;
        let since = tx.now().await?;
        let waiting = stored::waiting_customers(&mut tx, since, app.business.now(), MOST).await?;
        if waiting.len() < app.shelf.many {
            return Ok(None);
        }
        for lane in waiting {
            reading.note(&mut tx, lane, since).await?;
        }
        Ok((reading.lanes.len() >= app.shelf.many).then_some(reading))
    }

    /// Notes what waits in a lane of a customer of ours. Whoever stood still while they held it may wake,
    /// and write what is newer under the fence that is noted.
    async fn note(
        &mut self,
        tx: &mut Tx,
        Waiting { lane, fence, leased_until }: Waiting,
        since: WallTime,
    ) -> Result<(), StoreError> {
        let Ok(customer) = CustomerId::try_from(lane.as_str()) else { return Ok(()) };
        if leased_until.is_some() || customers::by_stripe(tx, &customer).await?.is_none() {
            return Ok(());
        }
        let (events, wishes) = stored::named(tx, &lane, since).await?;
        let wished = wishes.iter().filter_map(|it| serde_json::from_value(it.what.clone()).ok());
        let wished = wished.filter_map(|it| match it {
            WishFor::Object { id, .. } => Some(id),
            WishFor::Everything | WishFor::Ask { .. } => None,
        });
        let named = events.iter().filter_map(|event| event.object.clone()).chain(wished);
        self.wanted.extend(named.map(|id| (id, lane.clone())));
        let ahead = Ahead {
            since,
            fence,
            events: events.into_iter().map(|event| event.id).collect(),
            wishes: wishes.iter().map(|wish| wish.id).collect(),
            objects: BTreeMap::new(),
        };
        self.lanes.insert(lane, ahead);
        Ok(())
    }

    async fn lists(&mut self) -> Result<(), StripeError> {
        for list in &LISTS {
            self.list(list).await?;
        }
        Ok(())
    }

    /// Reads a list from its newest object on, until all that is looked for is found or too little is.
    async fn list(&mut self, list: &List) -> Result<(), StripeError> {
        let of_list = self.wanted.keys().filter(|id| id.starts_with(list.prefix));
        let mut missing: BTreeSet<String> = of_list.cloned().collect();
        if missing.is_empty() || missing.len() < self.app.shelf.many / 50 {
            return Ok(());
        }
        let (wanted, mut after) = (missing.len(), None);
        for pages in 1.. {
            let page = self.page(list, after.clone()).await?;
            for object in &page.data {
                if object["id"].as_str().is_some_and(|id| missing.remove(id)) {
                    self.keep(object);
                }
            }
            let next = page.data.last().and_then(|last| last["id"].as_str()).map(String::from);
            let found = wanted - missing.len();
            if missing.is_empty()
                || !page.has_more
                || !pays(wanted, pages, found)
                || next.is_none()
                || next == after
            {
                break;
            }
            after = next;
        }
        Ok(())
    }

    async fn page(&self, list: &List, after: Option<String>) -> Result<Page, StripeError> {
        let expand = list.expand.iter().enumerate();
        let query = Form::new().set_int("limit", 100).opt("status", list.status);
        let query = expand.fold(query.opt("starting_after", after), |query, (n, field)| {
            query.set(format!("expand[{n}]"), format!("data.{field}"))
        });
        self.app.stripe.page(list.path, &query, Priority::Background).await
    }

    /// Keeps an object for its lane. An invoice that came with its subscription is not looked for any
    /// more; the payments of an invoice are.
    fn keep(&mut self, object: &Value) {
        let id = object["id"].as_str().unwrap_or_default();
        let Some(lane) = self.wanted.remove(id) else { return };
        let invoice = if id.starts_with("in_") { object } else { &object["latest_invoice"] };
        if let Ok(invoice) = Invoice::parse(invoice) {
            self.wanted.remove(invoice.id.as_str());
            let payments = invoice.payments.iter().filter_map(|it| it.payment_intent.as_ref());
            self.wanted.extend(payments.map(|id| (id.to_string(), lane.clone())));
        }
        if let Some(ahead) = self.lanes.get_mut(&lane) {
            ahead.objects.insert(id.to_owned(), object.to_string());
        }
    }
}

/// Whether a list is read on from which so many pages have brought so many of those that are looked for.
fn pays(wanted: usize, pages: usize, found: usize) -> bool {
    pages < (wanted / 10).clamp(TRIAL, LONGEST_TRIAL) || found >= WORTH * pages
}

#[cfg(test)]
mod tests {
    use specie_store::wishes::Wish;

    use super::*;

    fn ahead() -> Ahead {
        Ahead {
            since: WallTime::from_second(1),
            fence: 7,
            events: BTreeSet::from(["evt_1".into(), "evt_2".into()]),
            wishes: BTreeSet::from([Uuid::from_u128(1)]),
            objects: BTreeMap::from([("sub_1".into(), r#"{"id":"sub_1"}"#.into())]),
        }
    }

    fn claim(fence: i64, wish: u128) -> Claim {
        let what = serde_json::json!(WishFor::Everything);
        let (lane, due, why) = ("cus_1".to_owned(), WallTime::from_second(0), "rule:x".to_owned());
        let id = Uuid::from_u128(wish);
        let wish = Wish { id, lane: lane.clone(), what, due, urgent: false, why };
        let (events, unreadable) = Default::default();
        Claim { lane, fence, events, wishes: vec![wish], failures: 0, unreadable }
    }

    #[test]
    fn what_was_read_ahead_counts_for_the_next_claim_of_what_was_noted() {
        assert!(ahead().is_for(&claim(8, 1)));
        assert!(!ahead().is_for(&claim(9, 1)), "another has had the lane since");
        assert!(!ahead().is_for(&claim(8, 2)), "this was wished afterwards");
        let path = "/v1/subscriptions/sub_1";
        assert_eq!(ahead().get(path), Some(serde_json::json!({ "id": "sub_1" })));
        assert_eq!(ahead().get("/v1/subscriptions/sub_2"), None);
    }

    #[test]
    fn a_list_is_read_on_as_long_as_it_may_save_calls() {
        assert!(pays(10, TRIAL - 1, 0));
        assert!(!pays(10, TRIAL, 2 * TRIAL - 1));
        assert!(pays(10, TRIAL, 2 * TRIAL));
        assert!(pays(300, 29, 0), "they may lie together");
        assert!(!pays(300, 30, 59));
        assert!(!pays(10_000, LONGEST_TRIAL, 0));
    }

    #[test]
    fn what_a_pass_brings_waits_for_it_where_it_is_much_and_not_for_long() {
        let (shelf, now) = (Shelf::from(2), WallTime::from_second(100));
        let lane = |lane: &str| [lane.to_owned(), lane.to_owned()];
        let pass = shelf.passing();
        shelf.brought(lane("cus_1"), now);
        assert_eq!(shelf.held_since(now), None, "it has brought one");
        let later = now.plus_seconds(PASS - 1);
        shelf.brought(lane("cus_2"), later);
        shelf.brought(lane("cus_3"), later);
        assert_eq!(shelf.held_since(later), Some(now));
        assert_eq!(shelf.held_since(now.plus_seconds(PASS)), None, "it takes long");
        assert_eq!(shelf.held_since(now.plus_seconds(-1)), None, "the clock was set back");
        drop(pass);
        assert_eq!(shelf.held_since(later), None, "it is over");

        let _pass = shelf.passing();
        shelf.brought(["cus_1", "cus_2"].map(String::from), now);
        assert_eq!(shelf.held_since(now.plus_seconds(LULL - 1)), Some(now));
        assert_eq!(shelf.held_since(now.plus_seconds(LULL)), None, "it brings nothing more");
    }

    #[test]
    fn one_reads_at_a_time_and_not_before_what_was_read_is_old() {
        let (shelf, now) = (Shelf::from(1), WallTime::from_second(100));
        let turn = shelf.begin(now);
        assert!(turn.is_some());
        assert!(shelf.begin(now).is_none(), "one reads");
        drop(turn);
        let pass = shelf.passing();
        assert!(shelf.begin(now).is_some(), "nobody knows whether it brings anything");
        shelf.brought(["cus_1".to_owned()], now);
        shelf.brought(["cus_2".to_owned()], now.plus_seconds(1));
        assert!(shelf.begin(now.plus_seconds(1)).is_none(), "a pass brings more");
        assert!(shelf.begin(now.plus_seconds(1 + LULL)).is_some(), "it has brought all");
        drop(pass);
        assert!(shelf.begin(now).is_some());
        shelf.fill(HashMap::new(), now);
        assert!(shelf.begin(now).is_none(), "there was nothing just now");
        let now = now.plus_seconds(FRUITLESS);
        assert!(shelf.begin(now).is_some());

        let two = || HashMap::from(["cus_1", "cus_2"].map(|lane| (lane.to_owned(), ahead())));
        shelf.fill(two(), now);
        assert!(shelf.begin(now.plus_seconds(KEPT - 1)).is_none(), "this is to be used");
        assert!(shelf.take(&claim(8, 1), now).is_some());
        assert!(shelf.take(&claim(8, 1), now).is_none(), "once");
        assert_eq!(shelf.lock().lanes.len(), 1);
        assert!(shelf.begin(now).is_none(), "one is left");
        let later = now.plus_seconds(KEPT);
        assert!(shelf.take(&claim(8, 1), later).is_none());
        assert_eq!(shelf.lock().lanes.len(), 0, "it is let go");
        shelf.fill(HashMap::from([("cus_1".to_owned(), ahead())]), later);
        assert!(shelf.take(&claim(8, 1), later).is_some());
        assert!(shelf.begin(later).is_some(), "all is used");
    }
}
