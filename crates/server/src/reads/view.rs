//! A customer's view, put together from the database.

use std::collections::BTreeMap;

use jiff::Timestamp;
use specie_billing::{Held, Slot};
use specie_store::customers::{self, Payer};
use specie_store::mirrors::checkout_sessions::SessionRow;
use specie_store::mirrors::{
    checkout_sessions, customers as stripe_customers, invoices, payment_methods, subscriptions,
};
use specie_store::{StoreError, Tx, inbox, price_versions};
use specie_vocab::{BusinessTime, Interval, Money, PayerId, PriceId};

use super::cache::{Kept, Known};
use super::plans::amount;
use crate::views::{CardView, CheckoutView, SubscriptionView};
use crate::{ApiError, App, kept};

/// What depends on time is computed at the read.
pub(super) fn at_now(known: Known, now: BusinessTime) -> SubscriptionView {
    let mut view = known.view;
    if let Some(held) = known.held {
        view.access = held.access.is_given(now);
        view.access_until =
            held.access.until().filter(|_| view.access).map(BusinessTime::timestamp);
    }
    view
}

/// What is shown of a plan group in which the customer never had anything.
pub(super) fn none(group: &str, version: i64) -> SubscriptionView {
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
pub(super) async fn read(app: &App, payer: PayerId) -> Result<Kept, ApiError> {
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
        let (mut rests_on, mut fetched_at) = (None, None);
        if let Some(shown) = shown {
            let mirror = subscriptions::get(&mut tx, &shown.subscription).await?;
            rests_on = Some(shown.subscription.to_string());
            fetched_at = mirror.as_ref().map(|mirror| mirror.fetched_at);
            let bought = mirror.and_then(|mirror| mirror.price);
            let terms = terms(app, &mut tx, shown, bought.as_ref()).await?;
            view.amount = terms.map(|(money, _)| amount(money));
            view.every = terms.map(|(_, interval)| interval.to_string());
            fill(&mut tx, &mut view, shown, &row).await?;
        }
        if let Slot::Open { session, .. } = &slot {
            let open = checkout_sessions::get(&mut tx, session).await?;
            // A subscription that is over says nothing of the one that may be paid by now.
            rests_on = Some(session.to_string());
            fetched_at = open.as_ref().map(|open| open.fetched_at);
            view.open_checkout = match open {
                Some(open) => waiting(&mut tx, open).await?,
                None => None,
            };
        }
        if let Slot::Conflict { others, .. } = &slot {
            view.conflicts = others.iter().map(ToString::to_string).collect();
        }
        let held = shown.cloned();
        groups.insert(group.key.clone(), Known { view, held, rests_on, fetched_at });
    }
    let parked = match &row.stripe {
        Some(customer) => inbox::parked(&mut tx, customer).await? > 0,
        None => false,
    };
    let lane = row.stripe.map(|customer| customer.to_string());
    Ok(Kept { version: row.version, groups, lane, created_at: row.created_at, parked })
}

/// A session that waits to be paid. Whoever was deleted at Stripe has none: they get another.
async fn waiting(tx: &mut Tx, open: SessionRow) -> Result<Option<CheckoutView>, StoreError> {
    let customer = stripe_customers::get(tx, &open.customer).await?;
    if customer.is_some_and(|row| row.deleted) {
        return Ok(None);
    }
    let (id, expires_at) = (open.id.to_string(), open.expires_at.timestamp());
    Ok(open.url.map(|url| CheckoutView { id, url, expires_at }))
}

/// What a period costs, and how long it is: as it was bought, whatever is sold under that name by
/// now; as the catalog has it, if that is not known.
async fn terms(
    app: &App,
    tx: &mut Tx,
    held: &Held,
    bought: Option<&PriceId>,
) -> Result<Option<(Money, Interval)>, StoreError> {
    let version = match bought {
        Some(bought) => price_versions::by_stripe(tx, bought).await?,
        None => None,
    };
    let version = version.filter(|it| (&it.plan, &it.price) == (&held.plan, &held.price));
    if let Some(terms) = version.and_then(|version| version.terms()) {
        return Ok(Some(terms));
    }
    let plan = app.catalog.plan(&held.plan);
    let price = plan.and_then(|(_, plan)| plan.prices.iter().find(|it| it.key == held.price));
    Ok(price.map(|price| (price.amount, price.interval)))
}

async fn fill(
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
