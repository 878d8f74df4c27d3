//! What customers see of themselves: from memory where it can be, from the database else.
//!
//! The cache is bounded. A decision raises the customer's version and leaves a floor, so that a
//! fill that was read before it is refused.
//!
//! What is shown is *confirmed* by a fetch of its own, or by a watermark pass that found the
//! customer's lane at rest. Five minutes later Stripe is asked, once and for a moment; if that
//! brings nothing, the answer says `stale`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;

use jiff::Timestamp;
use quick_cache::sync::Cache as Bounded;
use serde_json::Value;
use specie_billing::{Held, Slot};
use specie_store::customers::{self, Payer};
use specie_store::mirrors::{
    checkout_sessions, invoices, payment_methods, payments, subscriptions,
};
use specie_store::mirrors::{customers as stripe_customers, payments::PaymentRow};
use specie_store::{StoreError, Tx, inbox, lanes as stored_lanes, watermarks};
use specie_vocab::{BusinessTime, Money, PayerId, WallTime};

use crate::app::Patience;
use crate::lanes::{self, WishFor};
use crate::views::{
    AmountView, CardView, CheckoutView, PageView, PaymentView, PlanView, PriceView,
    SubscriptionView,
};
use crate::{ApiError, App, kept};

/// How many customers' views are kept in memory.
const KEPT: usize = 100_000;
/// How old a view may be before it counts as stale, in seconds of wall time.
const FRESH: i64 = 300;
/// A reader never waits for Stripe any longer.
const MOMENT: Duration = Duration::from_millis(300);
/// After so many outages in a row Stripe is known to be away, and readers do not ask.
const AWAY: u32 = 3;

/// Customers' views, in memory.
pub struct Cache {
    views: Bounded<PayerId, Kept>,
    floors: Mutex<BTreeMap<PayerId, i64>>,
    /// Customers for whom a reader is asking Stripe.
    asking: Mutex<BTreeSet<PayerId>>,
}

#[derive(Clone)]
struct Kept {
    version: i64,
    groups: BTreeMap<String, Known>,
    /// The customer's lane; none, if Stripe knows nothing of them.
    lane: Option<String>,
    created_at: WallTime,
    /// Whether an event of this customer is parked: what it told is not known yet.
    parked: bool,
}

/// What is known of one plan group of a customer, whatever the clock says.
#[derive(Clone)]
struct Known {
    view: SubscriptionView,
    held: Option<Held>,
    /// When what is shown was last fetched.
    fetched_at: Option<WallTime>,
}

impl Default for Cache {
    fn default() -> Self {
        Self { views: Bounded::new(KEPT), floors: Mutex::default(), asking: Mutex::default() }
    }
}

impl Cache {
    /// Forgets what is older than `version`, and refuses it from now on.
    pub fn drop_below(&self, payer: PayerId, version: i64) {
        let mut floors = self.floors.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if floors.len() > KEPT {
            floors.clear();
            self.views.clear();
        }
        let floor = floors.entry(payer).or_insert(version);
        *floor = version.max(*floor);
        self.views.remove(&payer);
    }

    fn asking(&self) -> std::sync::MutexGuard<'_, BTreeSet<PayerId>> {
        self.asking.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn get(&self, payer: PayerId) -> Option<Kept> {
        self.views.get(&payer)
    }

    fn fill(&self, payer: PayerId, kept: Kept) {
        let floors = self.floors.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if floors.get(&payer).is_none_or(|floor| kept.version >= *floor) {
            self.views.insert(payer, kept);
        }
    }
}

/// The plans that can be bought, in the catalog's order.
pub fn plans(app: &App) -> Vec<PlanView> {
    let catalog = &app.catalog;
    let feature = |key: &String| {
        catalog.features.iter().find(|it| it.key == *key).map_or(key.clone(), |it| it.name.clone())
    };
    let mut plans = Vec::new();
    for group in &catalog.groups {
        for plan in &group.plans {
            plans.push(PlanView {
                group: group.key.clone(),
                plan: plan.key.clone(),
                name: plan.name.clone(),
                description: Some(plan.description.clone()).filter(|text| !text.is_empty()),
                features: plan.features.iter().map(feature).collect(),
                prices: plan.prices.iter().map(price_view).collect(),
            });
        }
    }
    plans
}

fn price_view(price: &specie_billing::catalog::Price) -> PriceView {
    PriceView {
        price: price.key.clone(),
        amount: amount(price.amount),
        interval: price.interval.unit.as_str().into(),
        interval_count: price.interval.count,
        every: price.interval.to_string(),
    }
}

fn amount(money: Money) -> AmountView {
    AmountView {
        amount: money.minor,
        currency: money.currency.to_string(),
        text: money.to_string(),
    }
}

/// The plan group that a request means: the one it names, or the only one of the catalog.
pub fn only_group(app: &App, named: Option<&str>) -> Result<String, ApiError> {
    let groups = &app.catalog.groups;
    match (named, groups.as_slice()) {
        (Some(named), _) if groups.iter().any(|group| group.key == named) => Ok(named.into()),
        (Some(_), _) => Err(ApiError::not_found("plan group")),
        (None, [only]) => Ok(only.key.clone()),
        (None, []) => Err(ApiError::not_found("plan group")),
        (None, _) => Err(ApiError::invalid("the catalog has several plan groups: say `?group=`")),
    }
}

/// A customer's subscription in a plan group.
pub async fn subscription(
    app: &App,
    payer: &Payer,
    group: &str,
) -> Result<SubscriptionView, ApiError> {
    subscription_at_least(app, payer, group, 0).await
}

/// The same, as of the decision that answered with `version`, or a later one. 409 `version_ahead`
/// when there was none yet.
pub async fn subscription_at_least(
    app: &App,
    payer: &Payer,
    group: &str,
    version: i64,
) -> Result<SubscriptionView, ApiError> {
    let mut kept = match app.cache.get(payer.id) {
        Some(kept) if kept.version >= version && is_newest(app, payer.id, kept.version).await? => {
            kept
        }
        _ => read_anew(app, payer.id).await?,
    };
    if kept.version < version {
        let text = format!("the newest decision about this customer is {}", kept.version);
        return Err(ApiError::conflict("version_ahead", text));
    }
    let mut confirmed = confirmed_at(app, &kept, group).await?;
    if is_old(app, confirmed) && app.stripe.outages() < AWAY {
        ask(app, payer.id, &kept, group).await;
        kept = read_anew(app, payer.id).await?;
        confirmed = confirmed_at(app, &kept, group).await?;
    }
    let mut view = match kept.groups.get(group).cloned() {
        Some(known) => at_now(known, app.business.now()),
        None => none(group, kept.version),
    };
    view.as_of = confirmed.timestamp();
    view.stale = kept.parked || is_old(app, confirmed);
    if view.stale
        && app.catalog.policies.access_when_stale == specie_billing::catalog::StaleAccess::Deny
    {
        view.access = false;
        view.access_until = None;
    }
    Ok(view)
}

async fn read_anew(app: &App, payer: PayerId) -> Result<Kept, ApiError> {
    let kept = read(app, payer).await?;
    app.cache.fill(payer, kept.clone());
    Ok(kept)
}

/// Whether no other replica has decided since: a process that is alone knows that without asking.
async fn is_newest(app: &App, payer: PayerId, version: i64) -> Result<bool, ApiError> {
    if !app.db.is_shared() {
        return Ok(true);
    }
    let mut tx = app.db.read().await?;
    let row = customers::get(&mut tx, payer).await?;
    Ok(row.is_some_and(|row| row.version == version))
}

fn is_old(app: &App, confirmed: WallTime) -> bool {
    app.wall.now().seconds_since(confirmed) > FRESH
}

/// When what is shown was last known to be true: by a fetch of its own, or by a watermark pass that
/// found the lane at rest. Of a customer whom Stripe does not know there is nothing to confirm.
async fn confirmed_at(app: &App, kept: &Kept, group: &str) -> Result<WallTime, ApiError> {
    let now = app.wall.now();
    let Some(lane) = &kept.lane else { return Ok(now) };
    let recent = now.plus_seconds(-FRESH);
    let mut tx = app.db.read().await?;
    let passes = watermarks::since(&mut tx, recent).await?;
    let mut pass = passes.into_iter().find(|pass| pass.confirms(lane));
    if pass.is_none() {
        let last = watermarks::latest_before(&mut tx, recent).await?;
        pass = last.filter(|pass| pass.confirms(lane));
    }
    let fetched = kept.groups.get(group).and_then(|known| known.fetched_at);
    let passed = pass.map(|pass| pass.began_at);
    Ok(fetched.max(passed).unwrap_or(kept.created_at).min(now))
}

/// Asks Stripe, unless somebody does already for this customer. Nobody waits for longer than a
/// moment; what comes later is there for the next reader.
async fn ask(app: &App, payer: PayerId, kept: &Kept, group: &str) {
    let (Some(lane), Some(turn)) = (kept.lane.clone(), Turn::take(app, payer)) else { return };
    let subscription = kept.groups.get(group).and_then(|known| known.view.subscription.clone());
    let look = async move {
        let looked = look(&turn.app, &lane, subscription).await;
        if let Err(error) = looked {
            tracing::debug!(%error, payer = %turn.payer, "a view could not be confirmed");
        }
    };
    if app.patience == Patience::Sleeps {
        // It goes on by itself: a lane that is left in the middle is held up by its lease.
        let _late = tokio::time::timeout(MOMENT, tokio::spawn(look)).await;
    } else {
        look.await;
    }
}

/// Lets the lane look at what is shown; what waits in it comes first, and is enough.
async fn look(app: &App, lane: &str, subscription: Option<String>) -> Result<(), ApiError> {
    let mut tx = app.db.read().await?;
    let now = tx.now().await?;
    let waiting = stored_lanes::has_due(&mut tx, lane, now).await?;
    drop(tx);
    if waiting {
        return lanes::settle(app, lane).await;
    }
    let wish = subscription.map_or(WishFor::Everything, |id| WishFor::Object { id });
    lanes::look_now(app, lane, wish).await
}

/// One reader at a time asks for a customer.
struct Turn {
    app: App,
    payer: PayerId,
}

impl Turn {
    fn take(app: &App, payer: PayerId) -> Option<Self> {
        app.cache.asking().insert(payer).then(|| Self { app: app.clone(), payer })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.app.cache.asking().remove(&self.payer);
    }
}

/// What depends on time is computed at the read.
fn at_now(known: Known, now: BusinessTime) -> SubscriptionView {
    let mut view = known.view;
    if let Some(held) = known.held {
        view.access = held.access.is_given(now);
        view.access_until =
            held.access.until().filter(|_| view.access).map(BusinessTime::timestamp);
    }
    view
}

fn none(group: &str, version: i64) -> SubscriptionView {
    SubscriptionView {
        group: group.into(),
        status: "none".into(),
        access: false,
        access_until: None,
        subscription: None,
        plan: None,
        price: None,
        amount: None,
        every: None,
        current_period_start: None,
        current_period_end: None,
        cancel_at_period_end: false,
        ends_at: None,
        canceled_at: None,
        grace_until: None,
        next_payment_attempt: None,
        card: None,
        open_checkout: None,
        conflicts: Vec::new(),
        version,
        as_of: Timestamp::UNIX_EPOCH,
        stale: false,
    }
}

/// Reads all groups of a customer from the database.
async fn read(app: &App, payer: PayerId) -> Result<Kept, ApiError> {
    let mut tx = app.db.read().await?;
    let row = customers::get(&mut tx, payer).await?;
    let row = row.ok_or_else(|| ApiError::not_found("customer"))?;
    let slots = kept::slots(&mut tx, payer).await?;
    let held = kept::held(&mut tx, payer).await?;
    let mut groups = BTreeMap::new();
    for group in &app.catalog.groups {
        let slot = slots.get(&group.key).cloned().unwrap_or(Slot::Empty);
        // The slot's own, else the one that ended last.
        let shown = match slot.subscription() {
            Some(id) => held.get(id),
            None => held.values().filter(|it| it.group == group.key).max_by_key(|it| it.ended_at),
        };
        let mut view = none(&group.key, row.version);
        let mut fetched_at = None;
        if let Some(shown) = shown {
            let mirror = subscriptions::get(&mut tx, &shown.subscription).await?;
            fetched_at = mirror.map(|mirror| mirror.fetched_at);
            fill(app, &mut tx, &mut view, shown, &row).await?;
        }
        if let Slot::Open { session, .. } = &slot {
            let open = checkout_sessions::get(&mut tx, session).await?;
            fetched_at = fetched_at.max(open.as_ref().map(|open| open.fetched_at));
            view.open_checkout = open.and_then(|open| {
                let expires_at = open.expires_at.timestamp();
                Some(CheckoutView { id: open.id.to_string(), url: open.url?, expires_at })
            });
        }
        if let Slot::Conflict { others, .. } = &slot {
            view.conflicts = others.iter().map(ToString::to_string).collect();
        }
        groups.insert(group.key.clone(), Known { view, held: shown.cloned(), fetched_at });
    }
    let parked = match &row.stripe {
        Some(customer) => inbox::parked(&mut tx, customer).await? > 0,
        None => false,
    };
    let lane = row.stripe.map(|customer| customer.to_string());
    Ok(Kept { version: row.version, groups, lane, created_at: row.created_at, parked })
}

async fn fill(
    app: &App,
    tx: &mut Tx,
    view: &mut SubscriptionView,
    held: &Held,
    payer: &Payer,
) -> Result<(), StoreError> {
    let time = |at: Option<BusinessTime>| at.map(BusinessTime::timestamp);
    let second = |at: i64| Timestamp::from_second(at).ok();
    view.status = held.status.as_str().into();
    view.subscription = Some(held.subscription.to_string());
    view.plan = Some(held.plan.clone());
    view.price = Some(held.price.clone());
    view.current_period_start = second(held.period.start);
    view.current_period_end = second(held.period.end);
    view.cancel_at_period_end = held.cancel_at_period_end;
    view.canceled_at = time(held.canceled_at);
    view.ends_at = time(held.ended_at.or(held.cancel_at));
    view.grace_until = time(held.grace_until);
    let plan =
        app.catalog.groups.iter().flat_map(|group| &group.plans).find(|it| it.key == held.plan);
    let price = plan.and_then(|plan| plan.prices.iter().find(|it| it.key == held.price));
    view.amount = price.map(|price| amount(price.amount));
    view.every = price.map(|price| price.interval.to_string());
    if let Some(invoice) = &held.latest_invoice {
        let invoice = invoices::get(tx, invoice).await?;
        view.next_payment_attempt =
            time(invoice.filter(|it| it.status == "open").and_then(|it| it.next_payment_attempt));
    }
    view.card = card(tx, held, payer).await?;
    Ok(())
}

/// The card that pays: the subscription's own, else the customer's.
async fn card(tx: &mut Tx, held: &Held, payer: &Payer) -> Result<Option<CardView>, StoreError> {
    let mut id = held.default_payment_method.clone();
    if id.is_none()
        && let Some(customer) = &payer.stripe
    {
        let row = stripe_customers::get(tx, customer).await?;
        id = row.and_then(|row| row.default_payment_method?.as_str().try_into().ok());
    }
    let Some(id) = id else { return Ok(None) };
    let row = payment_methods::get(tx, &id).await?;
    Ok(row.and_then(|row| Some(CardView { brand: row.brand?, last4: row.last4? })))
}

/// A customer's payments, newest first. `cursor` is a `next_cursor` of the page before.
pub async fn payments(
    app: &App,
    payer: &Payer,
    cursor: Option<&str>,
    limit: usize,
) -> Result<PageView<PaymentView>, ApiError> {
    let after = cursor.map(parse_cursor).transpose()?;
    let limit = limit.clamp(1, 100);
    let Some(customer) = &payer.stripe else {
        return Ok(PageView { data: Vec::new(), next_cursor: None });
    };
    let mut tx = app.db.read().await?;
    let mut rows = payments::page(&mut tx, customer, after, limit as i64 + 1).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(cursor_of);
    let mut data = Vec::new();
    for row in rows {
        let invoice = match &row.invoice {
            Some(invoice) => invoices::get(&mut tx, invoice).await?,
            None => None,
        };
        let paid = row.status == "succeeded";
        data.push(PaymentView {
            id: row.id.to_string(),
            created_at: row.created.timestamp(),
            amount: amount(Money::new(row.amount, row.currency)),
            refunded_amount: row.amount_refunded,
            status: payment_status(&row).into(),
            card: row.card_brand.clone().zip(row.card_last4.clone()).map(card_of),
            receipt_url: row.receipt_url.filter(|_| paid),
            invoice_pdf: invoice.as_ref().and_then(|it| it.invoice_pdf.clone()),
            invoice_url: invoice.and_then(|it| it.hosted_invoice_url),
        });
    }
    Ok(PageView { data, next_cursor })
}

fn card_of((brand, last4): (String, String)) -> CardView {
    CardView { brand, last4 }
}

/// The words of requirement 4.7 for a payment intent and its newest charge.
fn payment_status(row: &PaymentRow) -> &'static str {
    let disputed = row.raw["latest_charge"]["disputed"] == Value::Bool(true);
    match (row.status.as_str(), row.amount_refunded) {
        ("succeeded", _) if disputed => "disputed",
        ("succeeded", 0) => "succeeded",
        ("succeeded", refunded) if refunded < row.amount => "partially_refunded",
        ("succeeded", _) => "refunded",
        ("requires_action", _) => "requires_action",
        ("canceled", _) => "failed",
        ("requires_payment_method", _) if row.failure_code.is_some() => "failed",
        _ => "pending",
    }
}

fn cursor_of(row: &PaymentRow) -> String {
    format!("{}.{}", row.created.timestamp().as_microsecond(), row.id)
}

fn parse_cursor(text: &str) -> Result<(BusinessTime, String), ApiError> {
    let parsed = text.split_once('.').and_then(|(micros, id)| {
        let at = Timestamp::from_microsecond(micros.parse().ok()?).ok()?;
        let id = specie_vocab::PaymentIntentId::try_from(id).ok()?;
        Some((BusinessTime::new(at), id.to_string()))
    });
    parsed.ok_or_else(|| ApiError::invalid("`cursor` is not one that a page before has answered"))
}
