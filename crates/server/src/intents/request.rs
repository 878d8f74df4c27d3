//! Which steps an intent has, what each one sends, and what it is about.

use serde::Deserialize;
use serde_json::{Value, json};
use specie_store::customers::Payer;
use specie_store::intents::{Intent, Step, StepState};
use specie_store::mirrors::invoices::{self, InvoiceRow};
use specie_store::mirrors::payments::{self, PaymentRow};
use specie_store::mirrors::{checkout_sessions, customers, subscriptions};
use specie_store::{StoreError, Tx};
use specie_stripe::{ApiFault, Form};
use specie_vocab::{CustomerId, SubscriptionId};

use super::what::{Ending, Expiry, Purchase, Recovery, TakeBack, Task, Visit};
use crate::lanes::{self, WishFor};
use crate::{ApiError, App, kept};

/// A call, before it has a key.
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) form: Form,
}

fn post(path: String, form: Form) -> Call {
    Call { method: "POST", path, form }
}

/// The steps of each kind of intent, in order.
fn steps_of(kind: &str) -> &'static [&'static str] {
    match kind {
        "checkout" => &["customer", "expire", "session"],
        "expiry" => &["expire"],
        "cancellation" => &["update"],
        "portal" => &["portal"],
        "cancel_and_refund" => &["cancel", "refund"],
        "recover" => &["move_card", "pay"],
        _ => &[],
    }
}

/// The first step that is not done and is needed.
pub(crate) fn next_step(
    intent: &Intent,
    payer: &Payer,
    steps: &[Step],
) -> Option<(i64, &'static str)> {
    let needed = |name: &str| match name {
        "customer" => payer.stripe.is_none(),
        "expire" => intent.what.get("expire").is_some_and(Value::is_string),
        "pay" => intent.what.get("invoice").is_some_and(Value::is_string),
        _ => true,
    };
    let done =
        |name: &str| steps.iter().any(|step| step.name == name && step.state == StepState::Done);
    let mut all = (1_i64..).zip(steps_of(&intent.kind).iter().copied());
    all.find(|(_, name)| needed(name) && !done(name))
}

/// What a finished intent leaves for whoever began it.
pub(crate) fn result(intent: &Intent, steps: &[Step]) -> Value {
    let object = |name: &str| {
        steps.iter().find(|step| step.name == name).and_then(|step| step.object.clone())
    };
    match intent.kind.as_str() {
        "checkout" => json!({ "session": object("session") }),
        "portal" => json!({ "url": object("portal") }),
        _ => json!({}),
    }
}

fn read<T: for<'a> Deserialize<'a>>(intent: &Intent) -> Result<T, ApiError> {
    let corrupt = |error: serde_json::Error| StoreError::Corrupt {
        table: "intents",
        column: "what",
        id: intent.id.to_string(),
        found: error.to_string(),
    };
    Ok(serde_json::from_value(intent.what.clone()).map_err(corrupt)?)
}

/// What there is to send for a step.
pub(crate) enum Built {
    Call(Call),
    /// There is nothing to call for.
    NotNeeded,
    /// What the call needs is not known yet.
    NotYet,
    /// It is about a customer whom Stripe does not have any more.
    Gone,
}

/// The call of a step.
pub(crate) async fn build(
    app: &App,
    tx: &mut Tx,
    intent: &Intent,
    payer: &Payer,
    name: &str,
    _steps: &[Step],
) -> Result<Built, ApiError> {
    let mark = intent.id.to_string();
    Ok(Built::Call(match name {
        "customer" => {
            let form = Form::new()
                .set("metadata[specie_customer]", payer.id.to_string())
                .set("metadata[specie_intent]", &mark);
            post("/v1/customers".into(), form)
        }
        "expire" => {
            let session = target(intent, name, &[]).unwrap_or_default();
            post(format!("/v1/checkout/sessions/{session}/expire"), Form::new())
        }
        "session" => {
            let Some(customer) = &payer.stripe else { return Ok(Built::Gone) };
            let methods = &app.catalog.settings.payment_methods;
            let form = session(&read(intent)?, customer.as_str(), &mark, methods);
            post("/v1/checkout/sessions".into(), form)
        }
        "update" => {
            let ending: Ending = read(intent)?;
            let form = Form::new()
                .set(
                    "cancel_at_period_end",
                    if ending.cancel_at_period_end { "true" } else { "false" },
                )
                .set("metadata[specie_intent]", &mark);
            post(format!("/v1/subscriptions/{}", ending.subscription), form)
        }
        "portal" => match &payer.stripe {
            Some(customer) => portal(&read(intent)?, customer.as_str()),
            None => return Ok(Built::Gone),
        },
        "cancel" => {
            let back: TakeBack = read(intent)?;
            let path = format!("/v1/subscriptions/{}", back.subscription);
            Call { method: "DELETE", path, form: Form::new() }
        }
        "refund" => {
            let back: TakeBack = read(intent)?;
            let owner = owner(tx, intent, payer).await?;
            let Some(customer) = owner else { return Ok(Built::Gone) };
            let payment = match paid(tx, &customer, &back.subscription).await? {
                Paid::By(payment) => payment,
                Paid::Nothing => return Ok(Built::NotNeeded),
                Paid::NotYetKnown => {
                    let now = tx.now().await?;
                    let (what, why) = (WishFor::Everything, intent.id.to_string());
                    lanes::wish(app, tx, customer.as_str(), &what, now, &why).await?;
                    return Ok(Built::NotYet);
                }
            };
            let form = Form::new()
                .set("payment_intent", &payment)
                .set("reason", "duplicate")
                .set("metadata[specie_intent]", &mark);
            post("/v1/refunds".into(), form)
        }
        "move_card" => {
            let recovery: Recovery = read(intent)?;
            let form = Form::new()
                .set("default_payment_method", recovery.payment_method.as_str())
                .set("metadata[specie_intent]", &mark);
            post(format!("/v1/subscriptions/{}", recovery.subscription), form)
        }
        "pay" => {
            let recovery: Recovery = read(intent)?;
            let Some(invoice) = recovery.invoice else { return Ok(Built::NotNeeded) };
            let form = Form::new().set("payment_method", recovery.payment_method.as_str());
            post(format!("/v1/invoices/{invoice}/pay"), form)
        }
        other => return Err(ApiError::internal(format!("no step is called `{other}`"))),
    }))
}

/// Whose objects an intent is about. Whoever had a second subscription may be forgotten by now, and
/// gets their money back all the same; whose session was expired may be, too.
pub(crate) async fn owner(
    tx: &mut Tx,
    intent: &Intent,
    payer: &Payer,
) -> Result<Option<CustomerId>, ApiError> {
    match intent.kind.as_str() {
        "expiry" => Ok(Some(read::<Expiry>(intent)?.customer)),
        "cancel_and_refund" => {
            let back: TakeBack = read(intent)?;
            let row = subscriptions::get(tx, &back.subscription).await?;
            Ok(row.map(|row| row.customer).or_else(|| payer.stripe.clone()))
        }
        _ => Ok(payer.stripe.clone()),
    }
}

fn session(purchase: &Purchase, customer: &str, mark: &str, payment_methods: &[String]) -> Form {
    let form = Form::new()
        .set("mode", "subscription")
        .set("customer", customer)
        .set("line_items[0][price]", &purchase.stripe_price)
        .set("line_items[0][quantity]", "1")
        .set("success_url", &purchase.success_url)
        .set("cancel_url", &purchase.cancel_url)
        .set("metadata[specie_intent]", mark)
        .set("subscription_data[metadata][specie_intent]", mark)
        .set("adaptive_pricing[enabled]", "false");
    payment_methods.iter().enumerate().fold(form, |form, (n, kind)| {
        form.set(format!("allowed_payment_method_types[{n}]"), kind.as_str())
    })
}

fn portal(visit: &Visit, customer: &str) -> Call {
    let mut form = Form::new().set("customer", customer).set("return_url", &visit.return_url);
    match (visit.task, &visit.subscription) {
        (Some(Task::ReplaceCard), _) => form = form.set("flow_data[type]", "payment_method_update"),
        (Some(Task::Cancel), Some(subscription)) => {
            let field = "flow_data[subscription_cancel][subscription]";
            form = form.set("flow_data[type]", "subscription_cancel");
            form = form.set(field, subscription.as_str());
        }
        _ => {}
    }
    post("/v1/billing_portal/sessions".into(), form)
}

/// Whether a subscription was paid for.
enum Paid {
    /// By this payment, which was not given back.
    By(String),
    /// Nothing was paid, or all was given back.
    Nothing,
    /// A payment is under way, or its invoice has been read and the payment has not.
    NotYetKnown,
}

async fn paid(
    tx: &mut Tx,
    customer: &CustomerId,
    subscription: &SubscriptionId,
) -> Result<Paid, ApiError> {
    let mut invoices = invoices::of_customer(tx, customer).await?;
    invoices.retain(|row| row.subscription.as_ref() == Some(subscription));
    let mut payments = payments::of_customer(tx, customer).await?;
    payments.retain(|row| invoices.iter().any(|it| row.invoice.as_ref() == Some(&it.id)));
    let kept = |row: &&PaymentRow| row.status == "succeeded" && row.amount_refunded < row.amount;
    if let Some(payment) = payments.iter().find(kept) {
        return Ok(Paid::By(payment.id.to_string()));
    }
    let newest = subscriptions::get(tx, subscription).await?.and_then(|row| row.latest_invoice);
    let unread = newest.is_some_and(|newest| invoices.iter().all(|it| it.id != newest));
    let under_way = payments.iter().any(|row| row.status == "processing");
    let by_none = |it: &&InvoiceRow| {
        let of_it = |row: &&PaymentRow| row.invoice.as_ref() == Some(&it.id);
        it.amount_paid > 0 && !payments.iter().any(|row| of_it(&row) && row.status == "succeeded")
    };
    match unread || under_way || invoices.iter().any(|it| by_none(&it)) {
        true => Ok(Paid::NotYetKnown),
        false => Ok(Paid::Nothing),
    }
}

/// What the lane is to look at when a step has been answered.
pub(crate) fn looks_at(name: &str, object: &str, body: &Value) -> String {
    match name {
        "refund" => body["payment_intent"].as_str().unwrap_or(object).into(),
        _ => object.into(),
    }
}

/// What a step is about, when it was refused.
pub(crate) fn target(intent: &Intent, name: &str, _steps: &[Step]) -> Option<String> {
    let text = |field: &str| intent.what.get(field)?.as_str().map(String::from);
    match name {
        "expire" => text("expire"),
        "update" | "cancel" | "move_card" => text("subscription"),
        "pay" => text("invoice"),
        _ => None,
    }
}

/// Whether what an intent is about, read freshly before its first step, is over already: a second
/// subscription that has ended or is the only one by now, so that somebody else has taken care of
/// it and of its payment; a card that the customer has replaced again.
pub(crate) async fn is_over(app: &App, intent: &Intent, payer: &Payer) -> Result<bool, ApiError> {
    let mut tx = app.db.read().await?;
    let Some(customer) = &owner(&mut tx, intent, payer).await? else { return Ok(false) };
    drop(tx);
    let why = intent.id.to_string();
    let look = |id: String| lanes::look_now(app, customer.as_str(), WishFor::object(id), &why);
    match intent.kind.as_str() {
        "cancel_and_refund" => {
            let back: TakeBack = read(intent)?;
            look(back.subscription.to_string()).await?;
            let mut tx = app.db.read().await?;
            let row = subscriptions::get(&mut tx, &back.subscription).await?;
            let status = row.as_ref().map_or("", |row| &row.status);
            let ended = matches!(status, "canceled" | "incomplete_expired");
            Ok(ended || is_held(&mut tx, intent, &back).await?)
        }
        "recover" => {
            let recovery: Recovery = read(intent)?;
            look(customer.to_string()).await?;
            let mut tx = app.db.read().await?;
            let row = customers::get(&mut tx, customer).await?;
            let card = row.and_then(|row| row.default_payment_method);
            Ok(card.as_deref() != Some(recovery.payment_method.as_str()))
        }
        _ => Ok(false),
    }
}

/// Whether a second subscription whose end was asked for without an answer, read freshly, is the only
/// one by now. One that has ended holds nothing: that was the answer, and its payment is still to be
/// given back.
pub(crate) async fn is_the_only_one(
    app: &App,
    intent: &Intent,
    payer: &Payer,
) -> Result<bool, ApiError> {
    let mut tx = app.db.read().await?;
    let Some(customer) = owner(&mut tx, intent, payer).await? else { return Ok(false) };
    drop(tx);
    let back: TakeBack = read(intent)?;
    let (look, why) = (WishFor::object(back.subscription.to_string()), intent.id.to_string());
    lanes::look_now(app, customer.as_str(), look, &why).await?;
    let mut tx = app.db.read().await?;
    is_held(&mut tx, intent, &back).await
}

/// Whether a second subscription is what its plan group holds by now.
async fn is_held(tx: &mut Tx, intent: &Intent, back: &TakeBack) -> Result<bool, ApiError> {
    let group = intent.plan_group.as_deref().unwrap_or_default();
    let slot = kept::slot_of(tx, intent.payer, group).await?;
    Ok(slot.subscription() == Some(&back.subscription))
}

/// Whether a refused step has nevertheless what it aimed at, or does no harm when it is left out.
pub(crate) async fn may_go_on(
    app: &App,
    intent: &Intent,
    name: &str,
    fault: &ApiFault,
) -> Result<bool, ApiError> {
    let Some(target) = target(intent, name, &[]) else { return Ok(false) };
    let mut tx = app.db.read().await?;
    Ok(match name {
        // Expired by itself meanwhile; a complete one is adopted, and this intent is undone.
        "expire" => {
            let Ok(id) = target.as_str().try_into() else { return Ok(false) };
            let row = checkout_sessions::get(&mut tx, &id).await?;
            row.is_some_and(|row| row.status.as_deref() == Some("expired"))
        }
        // Of a canceled one Stripe says that it is not there; our own read of it may lag.
        "cancel" => {
            let Ok(id) = target.as_str().try_into() else { return Ok(false) };
            let row = subscriptions::get(&mut tx, &id).await?;
            fault.status == 404 || row.is_some_and(|row| row.status == "canceled")
        }
        // Declined, or paid meanwhile: that is Stripe's news, and the lane has seen it.
        "pay" => matches!(fault.status, 400 | 402),
        _ => false,
    })
}
