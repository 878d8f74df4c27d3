//! The core's facts about a customer, from all that the mirrors hold of it.

use std::collections::{BTreeMap, BTreeSet};

use specie_billing::{
    CustomerFact, Facts, InvoiceFact, InvoiceStatus, PaymentState, PriceRef, SessionFact,
    SubscriptionFact,
};
use specie_store::customers::Payer;
use specie_store::intents::{self, Intent, IntentState};
use specie_store::mirrors::checkout_sessions::SessionRow;
use specie_store::mirrors::invoices::InvoiceRow;
use specie_store::mirrors::payments::PaymentRow;
use specie_store::mirrors::{self as m, subscriptions::SubscriptionRow};
use specie_store::{StoreError, Tx, price_versions};
use specie_vocab::{BusinessTime, CustomerId, IntentId, Money, Period};

use crate::App;

fn corrupt(table: &'static str, column: &'static str, id: impl ToString) -> StoreError {
    let found = "a word that is none of Stripe's".into();
    StoreError::Corrupt { table, column, id: id.to_string(), found }
}

/// What Stripe last said of a customer's objects, as far as facts follow from it.
pub(crate) struct Mirrors {
    pub(crate) subscriptions: Vec<SubscriptionRow>,
    pub(crate) invoices: Vec<InvoiceRow>,
    pub(crate) payments: Vec<PaymentRow>,
    pub(crate) sessions: Vec<SessionRow>,
}

impl Mirrors {
    pub(crate) async fn load(tx: &mut Tx, customer: &CustomerId) -> Result<Self, StoreError> {
        Ok(Self {
            subscriptions: m::subscriptions::of_customer(tx, customer).await?,
            invoices: m::invoices::of_customer(tx, customer).await?,
            payments: m::payments::of_customer(tx, customer).await?,
            sessions: m::checkout_sessions::of_customer(tx, customer).await?,
        })
    }
}

/// All that is known of a customer.
pub(crate) async fn facts(
    app: &App,
    tx: &mut Tx,
    payer: &Payer,
    customer: &CustomerId,
    mirrors: Mirrors,
) -> Result<Facts, StoreError> {
    // What else a payer asks for, the portal above all, leaves no mark on a session.
    let checkouts = intents::of_kind(tx, payer.id, "checkout").await?;
    let of_ours: BTreeMap<IntentId, &Intent> = checkouts.iter().map(|it| (it.id, it)).collect();
    let mark = |text: Option<&str>| {
        let id: IntentId = text?.parse().ok()?;
        of_ours.contains_key(&id).then_some(id)
    };

    let sessions = sessions(mirrors.sessions, &of_ours, &mark)?;
    let left: BTreeSet<_> = sessions.iter().filter_map(|session| session.intent).collect();
    // One that made a session has left it, though its mirror may not show it yet.
    let ended = |it: &&Intent| {
        let made = it.result.as_ref().is_some_and(|result| result["session"].is_string());
        let over = !matches!(it.state, IntentState::Open | IntentState::Stuck);
        over && !made && !left.contains(&it.id)
    };
    let subscriptions = subscriptions(tx, mirrors.subscriptions, &mark).await?;
    Ok(Facts {
        customer: customer_fact(tx, customer).await?,
        invoices: invoices(mirrors.invoices, &mirrors.payments)?,
        ended_intents: checkouts.iter().filter(ended).map(|it| it.id).collect(),
        refunds_today: match subscriptions.len() {
            // What is taken back is a second one.
            0 | 1 => 0,
            _ => refunds_today(app, tx).await?,
        },
        subscriptions,
        sessions,
    })
}

/// How many second subscriptions of this installation were taken back in the last day. It is exact
/// under [`intents::hold_ceiling`].
pub(crate) async fn refunds_today(app: &App, tx: &mut Tx) -> Result<u32, StoreError> {
    let since = app.wall.now().plus_seconds(-86_400);
    let count = intents::count_since(tx, "cancel_and_refund", since).await?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

async fn customer_fact(
    tx: &mut Tx,
    customer: &CustomerId,
) -> Result<Option<CustomerFact>, StoreError> {
    let row = m::customers::get(tx, customer).await?;
    Ok(row.map(|row| CustomerFact {
        id: row.id,
        email_known: row.email.is_some(),
        default_payment_method: row
            .default_payment_method
            .and_then(|id| id.as_str().try_into().ok()),
        deleted: row.deleted,
        currency: row.currency,
    }))
}

async fn subscriptions(
    tx: &mut Tx,
    rows: Vec<SubscriptionRow>,
    mark: &impl Fn(Option<&str>) -> Option<IntentId>,
) -> Result<Vec<SubscriptionFact>, StoreError> {
    let mut facts = Vec::new();
    for row in rows {
        let wrong = |column| corrupt("stripe_subscriptions", column, &row.id);
        let plan = match &row.price {
            Some(price) => price_versions::by_stripe(tx, price).await?,
            None => None,
        };
        // The intent that an update left as its mark says nothing of where it came from.
        let intent = mark(row.raw["metadata"]["specie_intent"].as_str());
        let start = row.current_period_start.ok_or_else(|| wrong("current_period_start"))?;
        let end = row.current_period_end.ok_or_else(|| wrong("current_period_end"))?;
        facts.push(SubscriptionFact {
            status: row.status.parse().map_err(|_| wrong("status"))?,
            plan: plan.map(|it| PriceRef { group: it.group, plan: it.plan, price: it.price }),
            ours: true,
            intent,
            intent_at: None,
            period: Period { start: start.as_second(), end: end.as_second() },
            cancel_at_period_end: row.cancel_at_period_end,
            cancel_at: row.cancel_at,
            canceled_at: row.canceled_at,
            ended_at: row.ended_at,
            created: row.created,
            currency: row.currency,
            latest_invoice: row.latest_invoice,
            default_payment_method: row
                .default_payment_method
                .and_then(|id| id.as_str().try_into().ok()),
            id: row.id,
        });
    }
    Ok(facts)
}

fn sessions(
    rows: Vec<SessionRow>,
    of_ours: &BTreeMap<IntentId, &Intent>,
    mark: &impl Fn(Option<&str>) -> Option<IntentId>,
) -> Result<Vec<SessionFact>, StoreError> {
    let mut facts = Vec::new();
    for row in rows {
        let intent = mark(row.intent.as_deref());
        let status = row.status.as_deref().unwrap_or_default();
        facts.push(SessionFact {
            status: status
                .parse()
                .map_err(|_| corrupt("stripe_checkout_sessions", "status", &row.id))?,
            group: intent.and_then(|id| of_ours.get(&id)?.plan_group.clone()),
            intent,
            subscription: row.subscription,
            created: row.created,
            id: row.id,
        });
    }
    Ok(facts)
}

fn invoices(
    rows: Vec<InvoiceRow>,
    payments: &[PaymentRow],
) -> Result<Vec<InvoiceFact>, StoreError> {
    let mut facts = Vec::new();
    for row in rows {
        let of_it: Vec<_> =
            payments.iter().filter(|payment| payment.invoice.as_ref() == Some(&row.id)).collect();
        facts.extend(invoice(row, &of_it)?);
    }
    Ok(facts)
}

/// An invoice of a subscription; others are none of ours.
fn invoice(row: InvoiceRow, payments: &[&PaymentRow]) -> Result<Option<InvoiceFact>, StoreError> {
    let Some(subscription) = row.subscription else { return Ok(None) };
    let status: InvoiceStatus =
        row.status.parse().map_err(|_| corrupt("stripe_invoices", "status", &row.id))?;
    let newest = payments.iter().max_by_key(|payment| payment.created);
    let payment = match newest.map(|payment| payment.status.as_str()) {
        Some("processing") => PaymentState::Processing,
        Some("requires_action") => PaymentState::RequiresAction,
        _ => PaymentState::Plain,
    };
    let last_card = newest.and_then(|it| {
        let raw = &it.raw;
        let charged = raw["latest_charge"]["payment_method"].as_str();
        let failed = raw["last_payment_error"]["payment_method"]["id"].as_str();
        charged.or(failed).or_else(|| raw["payment_method"].as_str())?.try_into().ok()
    });
    let money = |minor| Money::new(minor, row.currency);
    let period = |start: Option<BusinessTime>, end: Option<BusinessTime>| {
        Some(Period { start: start?.as_second(), end: end?.as_second() })
    };
    Ok(Some(InvoiceFact {
        subscription,
        status,
        billing_reason: row.billing_reason.unwrap_or_default(),
        total: money(row.total),
        amount_paid: money(row.amount_paid),
        amount_remaining: money(row.amount_remaining),
        attempt_count: row.attempt_count,
        attempted: row.attempted,
        next_payment_attempt: row.next_payment_attempt,
        created: row.created,
        finalized_at: row.finalized_at,
        paid_at: row.paid_at,
        line_period: period(row.line_period_start, row.line_period_end),
        payment,
        payment_method: last_card,
        number: row.number,
        hosted_invoice_url: row.hosted_invoice_url,
        invoice_pdf: row.invoice_pdf,
        id: row.id,
    }))
}
