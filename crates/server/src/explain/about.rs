//! All that is known of a customer, and which of it belongs to one thing.

use std::collections::BTreeSet;

use serde_json::Value;
use specie_store::audit::{self, Entry};
use specie_store::inbox::{self, EventHead};
use specie_store::intents::{self, Intent, Step, Try};
use specie_store::looks::{self, Look};
use specie_store::mails::{self, Mail};
use specie_store::mirrors as m;
use specie_store::mirrors::checkout_sessions::SessionRow;
use specie_store::mirrors::invoices::InvoiceRow;
use specie_store::mirrors::payments::PaymentRow;
use specie_store::mirrors::refunds::RefundRow;
use specie_store::mirrors::subscriptions::SubscriptionRow;
use specie_store::outbox::{self, Queued};
use specie_store::wishes::{self, Wish};
use specie_store::{StoreError, Tx, customers};
use specie_vocab::CustomerId;

use super::subject::Subject;

/// More intents or mails of one customer than that are not told.
const MOST: i64 = 10_000;

/// All that is stored about a customer.
#[derive(Default)]
pub(super) struct Known {
    pub events: Vec<EventHead>,
    pub entries: Vec<(Entry, Value)>,
    pub intents: Vec<(Intent, Vec<Step>, Vec<Try>)>,
    pub effects: Vec<Queued>,
    pub mails: Vec<Mail>,
    pub wishes: Vec<Wish>,
    /// Of an event alone: what was read because of it.
    pub looks: Vec<Look>,
    pub subscriptions: Vec<SubscriptionRow>,
    pub invoices: Vec<InvoiceRow>,
    pub payments: Vec<PaymentRow>,
    pub refunds: Vec<RefundRow>,
    pub sessions: Vec<SessionRow>,
}

impl Known {
    /// Adds what is stored under one of Stripe's ids.
    async fn of_customer(&mut self, tx: &mut Tx, customer: &CustomerId) -> Result<(), StoreError> {
        self.events.extend(inbox::of_customer(tx, customer.as_str()).await?);
        self.wishes.extend(wishes::of_lane(tx, customer.as_str()).await?);
        self.subscriptions.extend(m::subscriptions::of_customer(tx, customer).await?);
        self.invoices.extend(m::invoices::of_customer(tx, customer).await?);
        self.payments.extend(m::payments::of_customer(tx, customer).await?);
        self.refunds.extend(m::refunds::of_customer(tx, customer).await?);
        self.sessions.extend(m::checkout_sessions::of_customer(tx, customer).await?);
        Ok(())
    }
}

pub(super) async fn known(tx: &mut Tx, subject: &Subject) -> Result<Known, StoreError> {
    let mut known = Known::default();
    let mut own: Vec<_> = subject.customer.iter().cloned().collect();
    if let Some(payer) = &subject.payer {
        own.extend(payer.stripe.clone());
        own.extend(customers::former(tx, payer.id).await?);
    }
    own.sort();
    own.dedup();
    for customer in &own {
        known.of_customer(tx, customer).await?;
    }
    // One that names no customer, or is kept apart, is in no customer's list.
    if let Some(event) = &subject.event
        && !known.events.iter().any(|it| it.id == event.id)
    {
        known.events.push(event.clone());
    }
    if let Some(event) = &subject.event {
        let others =
            own.iter().map(CustomerId::as_str).filter(|it| Some(*it) != event.lane.as_deref());
        for lane in event.lane.as_deref().into_iter().chain(others) {
            known.looks.extend(looks::of_lane(tx, lane).await?);
        }
    }
    let Some(payer) = &subject.payer else { return Ok(known) };
    let mut details: std::collections::BTreeMap<i64, Value> =
        audit::details(tx, payer.id).await?.into_iter().collect();
    for entry in audit::list(tx, payer.id).await? {
        let told = details.remove(&entry.n).unwrap_or(Value::Null);
        known.entries.push((entry, told));
    }
    for intent in intents::of_payer(tx, payer.id, MOST).await?.into_iter().rev() {
        let steps = intents::steps(tx, intent.id).await?;
        let tries = intents::tries(tx, intent.id).await?;
        known.intents.push((intent, steps, tries));
    }
    known.effects = outbox::of_payer(tx, payer.id).await?;
    known.mails = mails::of_payer(tx, payer.id, MOST).await?;
    Ok(known)
}

/// The ids of what belongs to the thing that was asked for; none, if all of the customer's does.
pub(super) fn related(subject: &Subject, asked: &str, known: &Known) -> Option<BTreeSet<String>> {
    if subject.kind == "customer" {
        return None;
    }
    let mut about = BTreeSet::from([asked.to_owned()]);
    let mut add = |id: String| about.insert(id);
    match subject.kind {
        "subscription" => {
            let of_it =
                |id: &Option<_>| id.as_ref().map(ToString::to_string).as_deref() == Some(asked);
            for row in known.invoices.iter().filter(|row| of_it(&row.subscription)) {
                add(row.id.to_string());
            }
            for row in known.sessions.iter().filter(|row| of_it(&row.subscription)) {
                add(row.id.to_string());
                row.intent.clone().map(&mut add);
            }
        }
        "payment" => {
            let row = known.payments.iter().find(|row| row.id.as_str() == asked);
            row.and_then(|row| row.invoice.as_ref()).map(|id| add(id.to_string()));
        }
        "session" => {
            let row = known.sessions.iter().find(|row| row.id.as_str() == asked);
            row.and_then(|row| row.intent.clone()).map(&mut add);
        }
        "intent" => {
            let it = known.intents.iter().find(|(intent, ..)| intent.id.to_string() == asked);
            for step in it.into_iter().flat_map(|(_, steps, _)| steps) {
                // A customer is everybody's.
                let object = step.object.as_deref().filter(|id| !id.starts_with("cus_"));
                object.filter(|id| id.contains('_')).map(|id| add(id.to_owned()));
            }
        }
        "event" => {
            for (entry, details) in known.entries.iter().filter(|(entry, _)| entry.why == asked) {
                if entry.what.ends_with(".begun")
                    && let Some(id) = details["intent"].as_str()
                {
                    add(id.to_owned());
                }
            }
        }
        _ => {}
    }
    if subject.kind != "event" {
        belonging(&mut about, known);
    }
    Some(about)
}

/// Adds what hangs on what is there: payments on invoices, charges and refunds on payments, and the intents that
/// name any of it.
fn belonging(about: &mut BTreeSet<String>, known: &Known) {
    for row in &known.payments {
        if row.invoice.as_ref().is_some_and(|id| about.contains(id.as_str())) {
            about.insert(row.id.to_string());
        }
        if about.contains(row.id.as_str()) {
            about.extend(row.latest_charge.clone());
        }
    }
    for row in &known.refunds {
        if row.payment_intent.as_ref().is_some_and(|id| about.contains(id.as_str())) {
            about.insert(row.id.to_string());
        }
    }
    for (intent, steps, _) in &known.intents {
        let what = intent.what.to_string();
        let made = |step: &Step| step.object.as_ref().is_some_and(|id| about.contains(id));
        if names(about, &what) || steps.iter().any(made) {
            about.insert(intent.id.to_string());
        }
    }
}

/// Whether a text names any of these ids.
pub(super) fn names(about: &BTreeSet<String>, text: &str) -> bool {
    about.iter().any(|id| text.contains(id.as_str()))
}
