//! What an id names, and whose it is.

use specie_store::customers::{self, Payer};
use specie_store::inbox::{self, EventHead};
use specie_store::looks;
use specie_store::mirrors::customers as stripe_customers;
use specie_store::mirrors::{checkout_sessions, invoices, payments, subscriptions};
use specie_store::{StoreError, Tx, intents};
use specie_vocab::CustomerId;

use super::Unexplained;

/// What was found under an id.
pub(super) struct Subject {
    pub kind: &'static str,
    /// Who pays, if they are ours.
    pub payer: Option<Payer>,
    /// Their lane: Stripe's id.
    pub customer: Option<CustomerId>,
    /// The event, if it is one.
    pub event: Option<EventHead>,
}

/// Looks where the form of the id leads, and then among the app's own ids.
pub(super) async fn find(tx: &mut Tx, asked: &str) -> Result<Subject, Unexplained> {
    if let Some(found) = by_form(tx, asked).await? {
        return Ok(found);
    }
    match of_app(tx, asked).await? {
        Some(payer) => Ok(of_payer(payer)),
        None => Err(Unexplained::Unknown { asked: asked.into(), looked_for: looked_for(asked) }),
    }
}

/// The customer of that id, which is our own or the app's, if there is one. An error, if customers of
/// several realms have it.
pub async fn customer(tx: &mut Tx, asked: &str) -> Result<Option<Payer>, Unexplained> {
    match own(tx, asked).await? {
        Some(payer) => Ok(Some(payer)),
        None => of_app(tx, asked).await,
    }
}

async fn own(tx: &mut Tx, asked: &str) -> Result<Option<Payer>, StoreError> {
    match asked.parse() {
        Ok(id) => customers::get(tx, id).await,
        Err(_) => Ok(None),
    }
}

async fn of_app(tx: &mut Tx, asked: &str) -> Result<Option<Payer>, Unexplained> {
    let mut named = customers::by_app_id(tx, asked).await?;
    if named.len() > 1 {
        let ids = named.iter().map(|it| format!("{} in `{}`", it.id, it.realm)).collect();
        return Err(Unexplained::Several { asked: asked.into(), ids });
    }
    Ok(named.pop())
}

fn looked_for(asked: &str) -> Vec<&'static str> {
    let by_form: &[&str] = match asked.split_once('_').map(|(prefix, _)| prefix) {
        Some("cus") => &["a customer of Stripe's"],
        Some("sub") => &["a subscription"],
        Some("in") => &["an invoice"],
        Some("pi") => &["a payment"],
        Some("cs") => &["a checkout session"],
        Some("evt") => &["an event"],
        _ if uuid::Uuid::try_parse(asked).is_ok() => &["a customer's own id", "an intent"],
        _ => &[],
    };
    by_form.iter().copied().chain(["a customer of the app by that id"]).collect()
}

fn of_payer(payer: Payer) -> Subject {
    Subject { kind: "customer", customer: payer.stripe.clone(), payer: Some(payer), event: None }
}

async fn by_form(tx: &mut Tx, asked: &str) -> Result<Option<Subject>, StoreError> {
    if let Some(payer) = own(tx, asked).await? {
        return Ok(Some(of_payer(payer)));
    }
    if let Ok(id) = asked.parse()
        && let Some(intent) = intents::get(tx, id).await?
    {
        let payer = customers::get(tx, intent.payer).await?;
        return Ok(payer.map(|payer| Subject { kind: "intent", ..of_payer(payer) }));
    }
    if asked.starts_with("evt_") {
        let Some(event) = inbox::head(tx, asked).await? else { return Ok(None) };
        let named = event.customer.as_deref().and_then(|id| CustomerId::try_from(id).ok());
        let customer = match named {
            Some(customer) => Some(customer),
            None => found_out(tx, &event).await?,
        };
        let found = of_stripe(tx, "event", customer).await?;
        return Ok(Some(Subject { event: Some(event), ..found }));
    }
    if let Ok(id) = CustomerId::try_from(asked) {
        let found = of_stripe(tx, "customer", Some(id.clone())).await?;
        let is_known = found.payer.is_some()
            || stripe_customers::get(tx, &id).await?.is_some()
            || !inbox::of_customer(tx, asked).await?.is_empty();
        return Ok(is_known.then_some(found));
    }
    let of_object = match asked.split_once('_').map(|(prefix, _)| prefix) {
        Some("sub") => match asked.try_into() {
            Ok(id) => subscriptions::get(tx, &id).await?.map(|it| ("subscription", it.customer)),
            Err(_) => None,
        },
        Some("in") => match asked.try_into() {
            Ok(id) => invoices::get(tx, &id).await?.map(|it| ("invoice", it.customer)),
            Err(_) => None,
        },
        Some("pi") => match asked.try_into() {
            Ok(id) => payments::get(tx, &id).await?.map(|it| ("payment", it.customer)),
            Err(_) => None,
        },
        Some("cs") => match asked.try_into() {
            Ok(id) => checkout_sessions::get(tx, &id).await?.map(|it| ("session", it.customer)),
            Err(_) => None,
        },
        _ => None,
    };
    match of_object {
        Some((kind, customer)) => of_stripe(tx, kind, Some(customer)).await.map(Some),
        None => Ok(None),
    }
}

/// Whose an event is that names no customer, as its look has found.
async fn found_out(tx: &mut Tx, event: &EventHead) -> Result<Option<CustomerId>, StoreError> {
    let Some(lane) = &event.lane else { return Ok(None) };
    let looks = looks::of_lane(tx, lane).await?;
    let found = looks.iter().filter_map(|look| look.found.as_array()).flatten();
    let mut customers = found.filter_map(|it| it["customer"].as_str());
    Ok(customers.find_map(|id| CustomerId::try_from(id).ok()))
}

/// Something of a customer of Stripe's, who may be nobody of ours.
async fn of_stripe(
    tx: &mut Tx,
    kind: &'static str,
    customer: Option<CustomerId>,
) -> Result<Subject, StoreError> {
    let payer = match &customer {
        Some(customer) => customers::by_stripe(tx, customer).await?,
        None => None,
    };
    Ok(Subject { kind, payer, customer, event: None })
}
