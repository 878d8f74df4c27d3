//! Writes what was read into the mirrors, and tells what came of it.

use serde_json::Value;
use specie_store::Tx;
use specie_store::mirrors::{self as m, Mirrored};
use specie_vocab::{CustomerId, WallTime};

use super::fetch::{Payment, Seen};
use super::{LaneError, noted, second_look};
use crate::translate::Mirrors;
use crate::{gist, translate};

/// What is read of an object: what it is, and its id.
#[derive(Clone, Copy)]
struct Object<'a>(&'static str, &'a str);

/// What came of writing mirrors.
pub(super) struct Written {
    /// Since when it was read.
    at: WallTime,
    /// Whether any row is another one now.
    pub(super) changed: bool,
    /// The objects that must be looked at again.
    pub(super) doubtful: Vec<String>,
    /// What was found of each object, for its story.
    pub(super) found: Vec<Value>,
}

impl Written {
    /// Takes in what came of an object, and of which fields. If that is doubtful, `again` is to be
    /// looked at.
    fn note(&mut self, object: Object<'_>, again: &str, mirrored: Mirrored, fields: &Value) {
        self.changed |= !matches!(mirrored, Mirrored::Same | Mirrored::Kept);
        if second_look::is_doubtful(mirrored, self.at) {
            self.doubtful.push(again.to_owned());
        }
        let Object(kind, id) = object;
        self.found.push(noted::found(kind, id, noted::word(mirrored), fields));
    }
}

/// Writes what was read since `at`.
pub(super) async fn write(
    tx: &mut Tx,
    customer: &CustomerId,
    known: &mut Mirrors,
    seen: &Seen,
    at: WallTime,
) -> Result<Written, LaneError> {
    let mut written = Written { at, changed: false, doubtful: Vec::new(), found: Vec::new() };
    customers(tx, seen, &mut written).await?;
    payment_methods(tx, seen, &mut written).await?;
    subscriptions(tx, customer, known, seen, &mut written).await?;
    invoices(tx, customer, known, seen, &mut written).await?;
    for it in &seen.payments {
        payment(tx, customer, known, it, &mut written).await?;
    }
    sessions(tx, customer, known, seen, &mut written).await?;
    Ok(written)
}

async fn customers(tx: &mut Tx, seen: &Seen, written: &mut Written) -> Result<(), LaneError> {
    for it in &seen.customers {
        let mut row = translate::customer(it, written.at);
        if row.deleted {
            written.changed |= m::payment_methods::forget_all(tx, &row.id).await?;
            let before = m::customers::get(tx, &row.id).await?;
            row.created = before.map_or(row.created, |before| before.created);
        }
        let mirrored = m::customers::upsert(tx, &row).await?;
        let id = row.id.as_str();
        written.note(Object("customer", id), id, mirrored, &Value::Null);
    }
    Ok(())
}

async fn payment_methods(tx: &mut Tx, seen: &Seen, written: &mut Written) -> Result<(), LaneError> {
    for it in &seen.payment_methods {
        match (translate::payment_method(it, written.at), it.id.as_str().try_into()) {
            (Some(row), _) => {
                let mirrored = m::payment_methods::upsert(tx, &row).await?;
                if mirrored == Mirrored::New && is_deleted(tx, &row.customer).await? {
                    m::payment_methods::forget(tx, &row.id).await?;
                    continue;
                }
                let id = row.id.as_str();
                written.note(Object("payment method", id), id, mirrored, &Value::Null);
            }
            (None, Ok(id)) => {
                written.changed |= m::payment_methods::forget(tx, &id).await?;
                let gone = noted::found("payment method", it.id.as_str(), "gone", &Value::Null);
                written.found.push(gone);
            }
            (None, Err(_)) => {}
        }
    }
    Ok(())
}

/// Whether a customer is known to be deleted: what is read of theirs was read late.
async fn is_deleted(tx: &mut Tx, customer: &CustomerId) -> Result<bool, LaneError> {
    Ok(m::customers::get(tx, customer).await?.is_some_and(|row| row.deleted))
}

async fn subscriptions(
    tx: &mut Tx,
    customer: &CustomerId,
    known: &mut Mirrors,
    seen: &Seen,
    written: &mut Written,
) -> Result<(), LaneError> {
    for it in &seen.subscriptions {
        let row = translate::subscription(it, written.at);
        let before = known.subscriptions.iter().find(|it| it.id == row.id);
        let (id, fields) = (row.id.clone(), gist::since(before, &row, gist::subscription));
        let mirrored = m::subscriptions::put(tx, customer, &mut known.subscriptions, row).await?;
        written.note(Object("subscription", id.as_str()), id.as_str(), mirrored, &fields);
    }
    Ok(())
}

async fn invoices(
    tx: &mut Tx,
    customer: &CustomerId,
    known: &mut Mirrors,
    seen: &Seen,
    written: &mut Written,
) -> Result<(), LaneError> {
    for it in &seen.invoices {
        let row = translate::invoice(it, written.at)?;
        let before = known.invoices.iter().find(|it| it.id == row.id);
        let (id, fields) = (row.id.clone(), gist::since(before, &row, gist::invoice));
        let mirrored = m::invoices::put(tx, customer, &mut known.invoices, row).await?;
        written.note(Object("invoice", id.as_str()), id.as_str(), mirrored, &fields);
    }
    Ok(())
}

/// With its refunds: they are read with it.
async fn payment(
    tx: &mut Tx,
    customer: &CustomerId,
    known: &mut Mirrors,
    it: &Payment,
    written: &mut Written,
) -> Result<(), LaneError> {
    let row = translate::payment(&it.intent, written.at)?;
    let before = known.payments.iter().find(|it| it.id == row.id);
    let (id, fields) = (row.id.clone(), gist::since(before, &row, gist::payment));
    let mirrored = m::payments::put(tx, customer, &mut known.payments, row).await?;
    written.note(Object("payment", id.as_str()), id.as_str(), mirrored, &fields);
    for refund in &it.refunds {
        let row = translate::refund(refund, &it.intent, written.at)?;
        let mirrored = m::refunds::upsert(tx, &row).await?;
        // What was there before is not at hand.
        let fields = match mirrored {
            Mirrored::New => gist::changed(&Value::Null, &gist::refund(&row)),
            _ => Value::Null,
        };
        written.note(Object("refund", row.id.as_str()), id.as_str(), mirrored, &fields);
    }
    Ok(())
}

async fn sessions(
    tx: &mut Tx,
    customer: &CustomerId,
    known: &mut Mirrors,
    seen: &Seen,
    written: &mut Written,
) -> Result<(), LaneError> {
    for it in &seen.sessions {
        let row = translate::session(it, written.at)?;
        let before = known.sessions.iter().find(|it| it.id == row.id);
        let (id, fields) = (row.id.clone(), gist::since(before, &row, gist::session));
        let mirrored = m::checkout_sessions::put(tx, customer, &mut known.sessions, row).await?;
        written.note(Object("checkout session", id.as_str()), id.as_str(), mirrored, &fields);
    }
    Ok(())
}
