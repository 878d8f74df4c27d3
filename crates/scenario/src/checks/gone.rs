//! Customers who were deleted at Stripe: all that is kept of them is what Stripe still says.

use std::collections::BTreeSet;

use http::Method;
use specie_store::Tx;
use specie_store::mirrors::customers;
use specie_vocab::CustomerId;

use super::named::is_personal;
use super::{Checked, Sides, must};
use crate::agree::NotCompared;
use crate::person::stripe_api;

/// What is kept of each as Stripe wrote it is what Stripe writes now, and names nobody. Nobody is
/// without a row: whoever becomes a payer's is looked at, and Stripe answers for the deleted, too.
pub(super) async fn are_forgotten(
    sides: &Sides<'_>,
    tx: &mut Tx,
    known: &BTreeSet<String>,
) -> Checked {
    for id in known {
        let Ok(known) = CustomerId::try_from(id.as_str()) else { continue };
        let row = customers::get(tx, &known).await?;
        must(row.is_some(), || format!("{id} is ours, and has no row in stripe_customers"))?;
        let Some(row) = row.filter(|row| row.deleted) else { continue };
        let path = format!("/v1/customers/{id}");
        let answer = stripe_api(sides.stripe, Method::GET, &path, "").await;
        let theirs = answer.map_err(NotCompared::from)?;
        let kept = row.raw;
        must(!is_personal(&kept.to_string()), || {
            format!("{id} is deleted, and what is kept names somebody: {kept}")
        })?;
        must(kept == theirs, || format!("{id} is deleted, and kept is {kept}, not {theirs}"))?;
    }
    Ok(())
}
