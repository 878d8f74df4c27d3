//! Lanes of objects that name no customer: the catalog's, and those that must be fetched before it
//! is known whose they are. Nothing about a customer is written here: its lane gets a wish.

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
use super::{LaneError, WishFor, cause, finish, newest, noted, wish};
use crate::{App, translate};

/// What an object's lane found.
pub(super) enum Found {
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

/// Writes what was found, or leaves a wish for it in its customer's lane.
pub(super) async fn apply(
    app: &App,
    claim: &Claim,
    found: Found,
    since: WallTime,
) -> Result<(), LaneError> {
    let mut tx = app.db.begin().await?;
    let now = tx.now().await?;
    let mut state = InboxState::Handled;
    let mut told = Vec::new();
    match found {
        Found::Product(product) => {
            let mirrored = products::upsert(&mut tx, &translate::product(&product, now)?).await?;
            told.push(noted::found("product", &claim.lane, noted::word(mirrored), &Value::Null));
        }
        Found::NoProduct(id) => {
            products::forget(&mut tx, &id).await?;
            told.push(noted::found("product", &claim.lane, "gone", &Value::Null));
        }
        Found::Price(price) => {
            let mirrored = prices::upsert(&mut tx, &translate::price(&price, now)?).await?;
            told.push(noted::found("price", &claim.lane, noted::word(mirrored), &Value::Null));
        }
        Found::Belongs { customer, id, is_known } => {
            if customers::by_stripe(&mut tx, &customer).await?.is_some() {
                let why = cause::of_object(claim, &id);
                told.push(noted::theirs(&id, &customer));
                let what = WishFor::object(id);
                if !is_known {
                    wish(app, &mut tx, customer.as_str(), &what, now, why).await?;
                }
            } else {
                state = InboxState::Unclaimed;
            }
        }
        Found::Nothing => {}
    }
    finish(&mut tx, claim, state).await?;
    noted::keep(&mut tx, claim, told, since).await?;
    stored::release(&mut tx, &claim.lane, claim.fence, None).await?;
    Ok(tx.commit().await?)
}

/// Reads the lane's object, as far as is needed to know whose it is.
pub(super) async fn look(app: &App, claim: &Claim) -> Result<Found, LaneError> {
    let lane = claim.lane.as_str();
    if lane.starts_with("prod_") {
        let found = get(app, &format!("/v1/products/{lane}")).await?;
        return Ok(match (found, ProductId::try_from(lane)) {
            (Some(found), _) if found["deleted"] != true => Found::Product(Product::parse(&found)?),
            (Some(_), Ok(id)) => Found::NoProduct(id),
            // Stripe does not know it: it was deleted, if its event says so.
            (None, Ok(id)) if claim.events.iter().any(|it| it.kind == "product.deleted") => {
                Found::NoProduct(id)
            }
            _ => Found::Nothing,
        });
    }
    if lane.starts_with("price_") {
        let found = get(app, &format!("/v1/prices/{lane}")).await?;
        return Ok(match found {
            Some(found) => Found::Price(Price::parse(&found)?),
            None => Found::Nothing,
        });
    }
    let Some(id) = claim.events.iter().find_map(named_by) else { return Ok(Found::Nothing) };
    if let Some((customer, is_known)) = known(app, claim, &id).await? {
        return Ok(Found::Belongs { customer, id, is_known });
    }
    let path = match id.split_once('_').map(|(prefix, _)| prefix) {
        Some("in") => format!("/v1/invoices/{id}"),
        Some("pi") => format!("/v1/payment_intents/{id}"),
        Some("sub") => format!("/v1/subscriptions/{id}"),
        Some("cs") => format!("/v1/checkout/sessions/{id}"),
        Some("pm") => format!("/v1/payment_methods/{id}"),
        _ => return Ok(Found::Nothing),
    };
    let found = get(app, &path).await?;
    let customer = found.and_then(|found| customer_of(&found));
    // A detached card names its customer no more; its event does.
    let customer = customer.or_else(|| {
        claim
            .events
            .iter()
            .find_map(|event| CustomerId::try_from(Told::by(event)?.customer()?).ok())
    });
    let theirs = |customer| Found::Belongs { customer, id, is_known: false };
    Ok(customer.map_or(Found::Nothing, theirs))
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
        return Ok(invoice.map(|invoice| (invoice.customer, is_shown(&invoice.raw))));
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
