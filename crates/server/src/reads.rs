//! What customers see of themselves: from memory where it can be, from the database else.
//!
//! The cache is bounded. A decision raises the customer's version and leaves a floor, so that a
//! fill that was read before it is refused.

use std::collections::BTreeMap;
use std::sync::Mutex;

use jiff::Timestamp;
use quick_cache::sync::Cache as Bounded;
use serde_json::Value;
use specie_billing::{Held, Slot};
use specie_store::customers::{self, Payer};
use specie_store::mirrors::{checkout_sessions, invoices, payment_methods, payments};
use specie_store::mirrors::{customers as stripe_customers, payments::PaymentRow};
use specie_store::{StoreError, Tx, inbox, watermarks};
use specie_vocab::{BusinessTime, Money, PayerId, WallTime};

use crate::views::{
    AmountView, CardView, CheckoutView, PageView, PaymentView, PlanView, PriceView,
    SubscriptionView,
};
use crate::{ApiError, App, kept};

/// How many customers' views are kept in memory.
const KEPT: usize = 100_000;
/// How old a view may be before it counts as stale, in seconds of wall time.
const FRESH: i64 = 300;

/// Customers' views, in memory.
pub struct Cache {
    views: Bounded<PayerId, Kept>,
    floors: Mutex<BTreeMap<PayerId, i64>>,
}

#[derive(Clone)]
struct Kept {
    version: i64,
    groups: BTreeMap<String, Known>,
    read_at: WallTime,
    /// Whether an event of this customer is parked: what it told is not known yet.
    parked: bool,
}

/// What is known of one plan group of a customer, whatever the clock says.
#[derive(Clone)]
struct Known {
    view: SubscriptionView,
    held: Option<Held>,
}

impl Default for Cache {
    fn default() -> Self {
        Self { views: Bounded::new(KEPT), floors: Mutex::new(BTreeMap::new()) }
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
    let kept = match app.cache.get(payer.id) {
        Some(kept) if is_newest(app, payer.id, kept.version).await? => kept,
        _ => {
            let kept = read(app, payer.id).await?;
            app.cache.fill(payer.id, kept.clone());
            kept
        }
    };
    let known = kept.groups.get(group).cloned();
    let mut view = match known {
        Some(known) => at_now(known, app.business.now()),
        None => none(group, kept.version, kept.read_at),
    };
    let confirmed = confirmed_at(app).await?.unwrap_or(kept.read_at).max(kept.read_at);
    view.as_of = confirmed.timestamp();
    view.stale = kept.parked || app.wall.now().seconds_since(confirmed) > FRESH;
    if view.stale
        && app.catalog.policies.access_when_stale == specie_billing::catalog::StaleAccess::Deny
    {
        view.access = false;
    }
    Ok(view)
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

/// When the newest complete watermark pass began, which confirms every customer at rest.
async fn confirmed_at(app: &App) -> Result<Option<WallTime>, ApiError> {
    let mut tx = app.db.read().await?;
    Ok(watermarks::latest(&mut tx).await?.map(|mark| mark.began_at))
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

fn none(group: &str, version: i64, read_at: WallTime) -> SubscriptionView {
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
        as_of: read_at.timestamp(),
        stale: false,
    }
}

/// Reads all groups of a customer from the database.
async fn read(app: &App, payer: PayerId) -> Result<Kept, ApiError> {
    let mut tx = app.db.read().await?;
    let row = customers::get(&mut tx, payer).await?;
    let row = row.ok_or_else(|| ApiError::not_found("customer"))?;
    let read_at = app.wall.now();
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
        let mut view = none(&group.key, row.version, read_at);
        if let Some(shown) = shown {
            fill(app, &mut tx, &mut view, shown, &row).await?;
        }
        if let Slot::Open { session, .. } = &slot {
            let open = checkout_sessions::get(&mut tx, session).await?;
            view.open_checkout = open.and_then(|open| {
                let expires_at = open.expires_at.timestamp();
                Some(CheckoutView { id: open.id.to_string(), url: open.url?, expires_at })
            });
        }
        if let Slot::Conflict { others, .. } = &slot {
            view.conflicts = others.iter().map(ToString::to_string).collect();
        }
        groups.insert(group.key.clone(), Known { view, held: shown.cloned() });
    }
    let parked = match &row.stripe {
        Some(customer) => inbox::parked(&mut tx, customer).await? > 0,
        None => false,
    };
    Ok(Kept { version: row.version, groups, read_at, parked })
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
