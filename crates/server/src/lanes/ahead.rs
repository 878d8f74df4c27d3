//! Reading ahead: where many lanes wait, what their rows name is read from Stripe's lists, a hundred
//! objects a call, before the lanes are claimed one by one.
//!
//! What was read before a lane's claim counts for it only if nobody can have written anything newer
//! since: the lane's fence is noted before the lists are read, and the claim must be the next one. Nor
//! may the claim hold a row that had not come by then, since the lists were not asked because of
//! it. In all other cases the lane reads for itself, and so it does for what the lists did not have.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
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
const KEPT: i64 = 60;
/// How long a pass is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// And how often it is looked whether it is over.
const LOOK: Duration = Duration::from_millis(50);
/// So many pages of a list are read before it is asked whether they were worth it,
const TRIAL: usize = 5;
/// which they are if a page brings so many objects that are looked for: each would cost a call.
const WORTH: usize = 2;

/// What was read ahead, by lane.
#[derive(Debug)]
pub struct Shelf {
    /// From how many waiting lanes on.
    many: usize,
    stock: Mutex<Stock>,
    /// One task at a time reads.
    reading: AtomicBool,
    /// Passes over the list of events that are under way.
    passes: AtomicUsize,
}

/// What lies on it.
#[derive(Debug, Default)]
struct Stock {
    lanes: HashMap<String, Ahead>,
    /// By this process's clock. What nobody has come for by then is left.
    until: Option<WallTime>,
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
        let (stock, reading, passes) = Default::default();
        Self { many, stock, reading, passes }
    }

    /// A pass over the list of events is under way as long as this lives: what it brings comes page
    /// by page, and a lane that was read ahead would soon have to be read again.
    pub(crate) fn passing(&self) -> impl Drop + '_ {
        self.passes.fetch_add(1, Ordering::Relaxed);
        Leaving(move || {
            self.passes.fetch_sub(1, Ordering::Relaxed);
        })
    }

    /// What was read ahead for a claim.
    pub(super) fn take(&self, claim: &Claim) -> Option<Ahead> {
        self.lock().lanes.remove(&claim.lane).filter(|ahead| ahead.is_for(claim))
    }

    /// The right to read ahead, as long as it lives. None, as long as something is to come or is left.
    fn begin(&self, now: WallTime) -> Option<impl Drop + '_> {
        let is_left = {
            let stock = self.lock();
            !stock.lanes.is_empty() && stock.until.is_some_and(|until| now < until)
        };
        let busy = is_left || self.passes.load(Ordering::Relaxed) > 0;
        if busy || self.reading.swap(true, Ordering::Relaxed) {
            return None;
        }
        Some(Leaving(|| self.reading.store(false, Ordering::Relaxed)))
    }

    fn lock(&self) -> MutexGuard<'_, Stock> {
        self.stock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits, for a minute at most, for a pass over the list of events that may bring more for the lanes
/// that wait, and reads ahead if `due` of them may be many.
pub(crate) async fn prepare(app: &App, due: usize) {
    let pass = async {
        while app.shelf.passes.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(LOOK).await;
        }
    };
    let _too_long = tokio::time::timeout(PATIENCE, pass).await;
    read_ahead(app, due).await;
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
    match fill(app).await {
        Ok(0) => {}
        Ok(lanes) => tracing::info!(lanes, "many lanes wait: they were read ahead, from lists"),
        Err(error) => tracing::warn!(%error, "nothing could be read ahead"),
    }
}

/// Answers for how many lanes anything was found.
async fn fill(app: &App) -> Result<usize, LaneError> {
    let mut reading = Reading::of_waiting(app).await?;
    if reading.lanes.len() < app.shelf.many {
        return Ok(0);
    }
    bound(app).await?;
    for list in &LISTS {
        reading.list(list).await?;
    }
    let mut lanes = reading.lanes;
    lanes.retain(|_, ahead| !ahead.objects.is_empty());
    let filled = lanes.len();
    *app.shelf.lock() = Stock { lanes, until: Some(app.wall.now().plus_seconds(KEPT)) };
    Ok(filled)
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
    /// Notes the fences of the lanes that wait, and then what waits in them.
    async fn of_waiting(app: &'a App) -> Result<Self, StoreError> {
        let mut reading = Self { app, wanted: BTreeMap::new(), lanes: HashMap::new() };
        let mut tx = app.db.read().await?;
        let since = tx.now().await?;
        for waiting in stored::waiting(&mut tx, since, app.business.now(), MOST).await? {
            if CustomerId::try_from(waiting.lane.as_str()).is_ok() {
                reading.note(&mut tx, waiting, since).await?;
            }
        }
        Ok(reading)
    }

    /// Notes what waits in a lane.
    async fn note(
        &mut self,
        tx: &mut Tx,
        Waiting { lane, fence }: Waiting,
        since: WallTime,
    ) -> Result<(), StoreError> {
        let (events, wishes) = stored::named(tx, &lane, since).await?;
        let wished = wishes.iter().filter_map(|it| serde_json::from_value(it.what.clone()).ok());
        let wished = wished.filter_map(|it| match it {
            WishFor::Object { id } => Some(id),
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
            let pays = pages < TRIAL || wanted - missing.len() >= WORTH * pages;
            if missing.is_empty() || !page.has_more || !pays || next.is_none() || next == after {
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
    fn one_reads_at_a_time_and_not_before_all_is_used() {
        let (shelf, now) = (Shelf::from(1), WallTime::from_second(100));
        let turn = shelf.begin(now);
        assert!(turn.is_some());
        assert!(shelf.begin(now).is_none(), "one reads");
        drop(turn);
        let pass = shelf.passing();
        assert!(shelf.begin(now).is_none(), "a pass brings more");
        drop(pass);
        let lanes = HashMap::from([("cus_1".to_owned(), ahead())]);
        *shelf.lock() = Stock { lanes, until: Some(now.plus_seconds(KEPT)) };
        assert!(shelf.begin(now).is_none(), "this is to be used");
        assert!(shelf.begin(now.plus_seconds(KEPT)).is_some(), "it was not");
        assert!(shelf.take(&claim(8, 1)).is_some());
        assert!(shelf.take(&claim(8, 1)).is_none(), "once");
        assert!(shelf.begin(now).is_some());
    }
}
