//! Lanes of objects that name no customer: the catalog's, and those that must be fetched before it
//! is known whose they are. Nothing about a customer is written here: its lane gets a wish.

use std::collections::BTreeSet;

use serde_json::Value;
use specie_store::StoreError;
use specie_store::customers;
use specie_store::inbox::{Event, InboxState};
use specie_store::lanes::{self as stored, Claim};
use specie_store::mirrors::{invoices, payments, prices, products};
use specie_stripe::{Form, Price, Priority, Product, StripeError};
use specie_vocab::{CustomerId, InvoiceId, PaymentIntentId, ProductId, WallTime};

use super::fetch::named_by;
use super::told::{self, Told};
use super::{
    LaneError, WishFor, cause, finish, look_again, newest, noted, second_look, told_by, wish,
};
use crate::{App, translate};

/// So many events are told on at most: a wish is found by what it says, and stays short.
const TOLD: usize = 8;

/// What a look of an object's lane came to.
pub(super) struct Looked {
    found: Found,
    /// Whether it may have been read late: what was told of is not there, or does not show it.
    is_late: bool,
}

impl From<Found> for Looked {
    fn from(found: Found) -> Self {
        Self { found, is_late: false }
    }
}

/// What an object's lane found.
enum Found {
    Product(Product),
    /// A product that was deleted.
    NoProduct(ProductId),
    Price(Price),
    /// It belongs to a customer, whose lane is to look at it, unless what was told is known.
    Belongs {
        customer: CustomerId,
        id: String,
        is_known: bool,
    },
    /// Nothing that we read.
    Nothing,
}

/// Writes what was found, or leaves a wish for it in its customer's lane, which compares it with what
/// was told here.
pub(super) async fn apply(
    app: &App,
    claim: &Claim,
    Looked { found, mut is_late }: Looked,
    since: WallTime,
) -> Result<(), LaneError> {
    let mut tx = app.db.begin().await?;
    let now = tx.now().await?;
    let mut state = InboxState::Handled;
    let mut told = Vec::new();
    match found {
        Found::Product(product) => {
            let mirrored = products::upsert(&mut tx, &translate::product(&product, now)?).await?;
            is_late |= second_look::is_doubtful(mirrored, since);
            told.push(noted::found("product", &claim.lane, noted::word(mirrored), &Value::Null));
        }
        Found::NoProduct(id) => {
            products::forget(&mut tx, &id).await?;
            told.push(noted::found("product", &claim.lane, "gone", &Value::Null));
        }
        Found::Price(price) => {
            let mirrored = prices::upsert(&mut tx, &translate::price(&price, now)?).await?;
            is_late |= second_look::is_doubtful(mirrored, since);
            told.push(noted::found("price", &claim.lane, noted::word(mirrored), &Value::Null));
        }
        Found::Belongs { customer, id, is_known } => {
            if customers::by_stripe(&mut tx, &customer).await?.is_some() {
                let why = cause::of_object(claim, &id);
                told.push(noted::theirs(&id, &customer));
                let what = WishFor::Object { id, told: told_on(claim) };
                if !is_known {
                    wish(app, &mut tx, customer.as_str(), &what, now, why).await?;
                }
            } else {
                state = InboxState::Unclaimed;
            }
        }
        Found::Nothing => {}
    }
    if let Some(id) = subject(claim).filter(|_| is_late) {
        let why = cause::of_object(claim, &id);
        let what = WishFor::Object { id, told: told_on(claim) };
        look_again(app, &mut tx, &claim.lane, &what, now, why).await?;
    }
    finish(&mut tx, claim, state).await?;
    noted::keep(&mut tx, claim, told, since).await?;
    stored::release(&mut tx, &claim.lane, claim.fence, None).await?;
    Ok(tx.commit().await?)
}

/// What the lane is about, as far as it can be read.
fn subject(claim: &Claim) -> Option<String> {
    if is_of_catalog(&claim.lane) {
        return Some(claim.lane.clone());
    }
    let wished = |what: &Value| match serde_json::from_value(what.clone()) {
        Ok(WishFor::Object { id, .. }) => Some(id),
        _ => None,
    };
    let told = claim.events.iter().find_map(named_by);
    told.or_else(|| claim.wishes.iter().find_map(|wish| wished(&wish.what)))
}

fn is_of_catalog(lane: &str) -> bool {
    lane.starts_with("prod_") || lane.starts_with("price_")
}

/// The events that whoever looks next compares with what they read: the newest ones, or one that cannot
/// be compared. Of the catalog none: a further look there has nothing newer to go by.
fn told_on(claim: &Claim) -> Vec<String> {
    if is_of_catalog(&claim.lane) {
        return Vec::new();
    }
    let newest = newest::of_objects(claim.events.iter()).map(|(_, event)| event);
    let other = claim.events.iter().find(|event| !newest::is_current(event));
    let here = newest.chain(other).map(|event| event.id.clone());
    let told: BTreeSet<_> = here.chain(claim.wishes.iter().flat_map(told_by)).collect();
    told.into_iter().take(TOLD).collect()
}

/// Whether an event of the claim tells that its object was deleted.
fn tells_of_deletion(claim: &Claim) -> bool {
    claim.events.iter().any(|event| event.kind.ends_with(".deleted"))
}

/// Reads the lane's object, as far as is needed to know whose it is.
pub(super) async fn look(app: &App, claim: &Claim) -> Result<Looked, LaneError> {
    let lane = claim.lane.as_str();
    if let Ok(id) = ProductId::try_from(lane) {
        return product(app, claim, id).await;
    }
    if lane.starts_with("price_") {
        return price(app, claim).await;
    }
    let Some(id) = subject(claim) else { return Ok(Found::Nothing.into()) };
    if let Some((customer, is_known)) = known(app, claim, &id).await? {
        return Ok(Found::Belongs { customer, id, is_known }.into());
    }
    of_customer(app, claim, id).await
}

/// One that Stripe does not know was deleted, if its event says so, or if it is looked for again.
async fn product(app: &App, claim: &Claim, id: ProductId) -> Result<Looked, LaneError> {
    let found = get(app, &format!("/v1/products/{id}")).await?;
    Ok(match found {
        Some(found) if found["deleted"] == true => Found::NoProduct(id).into(),
        Some(found) => {
            let is_late = !second_look::shows(claim, &found);
            Looked { found: Found::Product(Product::parse(&found)?), is_late }
        }
        None if tells_of_deletion(claim) || claim.events.is_empty() => Found::NoProduct(id).into(),
        None => is_not_there(claim),
    })
}

async fn price(app: &App, claim: &Claim) -> Result<Looked, LaneError> {
    let found = get(app, &format!("/v1/prices/{}", claim.lane)).await?;
    Ok(match found {
        Some(found) => {
            let is_late = !second_look::shows(claim, &found);
            Looked { found: Found::Price(Price::parse(&found)?), is_late }
        }
        None if tells_of_deletion(claim) => Found::Nothing.into(),
        None => is_not_there(claim),
    })
}

/// What was told of and cannot be read may be there in a while. Who looks again waits no longer.
fn is_not_there(claim: &Claim) -> Looked {
    Looked { found: Found::Nothing, is_late: !claim.events.is_empty() }
}

/// An object that was never read.
async fn of_customer(app: &App, claim: &Claim, id: String) -> Result<Looked, LaneError> {
    let path = match id.split_once('_').map(|(prefix, _)| prefix) {
        Some("in") => format!("/v1/invoices/{id}"),
        Some("pi") => format!("/v1/payment_intents/{id}"),
        Some("sub") => format!("/v1/subscriptions/{id}"),
        Some("cs") => format!("/v1/checkout/sessions/{id}"),
        Some("pm") => format!("/v1/payment_methods/{id}"),
        _ => return Ok(Found::Nothing.into()),
    };
    let found = get(app, &path).await?;
    let customer = found.as_ref().and_then(customer_of);
    // A detached card names its customer no more; its event does.
    let customer = customer.or_else(|| {
        claim
            .events
            .iter()
            .find_map(|event| CustomerId::try_from(Told::by(event)?.customer()?).ok())
    });
    Ok(match customer {
        Some(customer) => Found::Belongs { customer, id, is_known: false }.into(),
        None if found.is_none() => is_not_there(claim),
        None => Found::Nothing.into(),
    })
}

/// Whose an object is that was read before (it stays so), and whether all that was told was seen then.
async fn known(
    app: &App,
    claim: &Claim,
    id: &str,
) -> Result<Option<(CustomerId, bool)>, StoreError> {
    let mut tx = app.db.read().await?;
    if let Ok(id) = InvoiceId::try_from(id) {
        let invoice = invoices::get(&mut tx, &id).await?;
        let is_shown = |raw: &Value| claim.events.iter().all(|event| shows(raw, event));
        let is_known = |raw: &Value| !claim.events.is_empty() && is_shown(raw);
        return Ok(invoice.map(|invoice| (invoice.customer, is_known(&invoice.raw))));
    }
    let Ok(id) = PaymentIntentId::try_from(id) else { return Ok(None) };
    Ok(payments::get(&mut tx, &id).await?.map(|payment| (payment.customer, false)))
}

/// Whether an invoice has the payment that an event tells of, in the state that it tells.
fn shows(invoice: &Value, event: &Event) -> bool {
    let Some(told) = newest::payload(event) else { return false };
    let payments = invoice["payments"]["data"].as_array().into_iter().flatten();
    told["object"] == "invoice_payment"
        && payments.into_iter().any(|it| it["id"] == told["id"] && it["status"] == told["status"])
}

async fn get(app: &App, path: &str) -> Result<Option<Value>, StripeError> {
    match app.stripe.get(path, &Form::new(), Priority::Background).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_missing() => Ok(None),
        Err(error) => Err(error),
    }
}

fn customer_of(object: &Value) -> Option<CustomerId> {
    CustomerId::try_from(told::id(&object["customer"])?).ok()
}
