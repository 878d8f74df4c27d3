//! What customers see of themselves: from memory where it can be, from the database else.
//!
//! The cache is bounded. A decision raises the customer's version and leaves a floor, so that a
//! fill that was read before it is refused.
//!
//! What is shown is *confirmed* by a fetch of what it rests on, or by a watermark pass that found the
//! customer's lane at rest and no event of it parked. Five minutes later Stripe is asked, once and for a moment; if that
//! brings nothing, the answer says `stale`.

mod cache;
mod confirm;
mod payments;
mod plans;
mod view;

use specie_billing::catalog::StaleAccess;
use specie_store::customers::{self, Payer};
use specie_vocab::PayerId;

pub use cache::Cache;
pub use payments::{BadCursor, Cursor, payments};
pub use plans::plans;

use crate::views::SubscriptionView;
use crate::{ApiError, App};
use cache::Kept;
use confirm::{ask, confirmation};
use view::{at_now, none, read};

/// After so many outages in a row Stripe is known to be away, and readers do not ask.
const AWAY: u32 = 3;

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

/// A customer's subscription in a plan group, as of now, however long ago `payer` was read.
pub async fn subscription(
    app: &App,
    payer: &Payer,
    group: &str,
) -> Result<SubscriptionView, ApiError> {
    subscription_at_least(app, payer, group, newest(app, payer).await?).await
}

/// The same, as of when `payer` was read, and as of the decision that answered with `version`, or
/// later. 409 `version_ahead` when there was no such decision yet.
pub async fn subscription_at_least(
    app: &App,
    payer: &Payer,
    group: &str,
    version: i64,
) -> Result<SubscriptionView, ApiError> {
    let mut kept = match app.cache.get(payer.id) {
        Some(kept) if kept.version >= version.max(payer.version) => kept,
        _ => read_anew(app, payer.id).await?,
    };
    if kept.version < version {
        let text = format!("the newest decision about this customer is {}", kept.version);
        return Err(ApiError::conflict("version_ahead", text));
    }
    let mut confirmed = confirmation(app, &kept, group).await?;
    if confirmed.is_old() && app.stripe.outages() < AWAY {
        ask(app, payer.id, &kept, group).await;
        kept = read_anew(app, payer.id).await?;
        confirmed = confirmation(app, &kept, group).await?;
    }
    let mut view = match kept.groups.get(group).cloned() {
        Some(known) => at_now(known, app.business.now()),
        None => none(group, kept.version),
    };
    view.as_of = confirmed.at.timestamp();
    view.stale = kept.parked || confirmed.is_old();
    if view.stale && app.catalog.policies.access_when_stale == StaleAccess::Deny {
        view.access = false;
        view.access_until = None;
    }
    Ok(view)
}

async fn read_anew(app: &App, payer: PayerId) -> Result<Kept, ApiError> {
    let kept = read(app, payer).await?;
    app.cache.fill(payer, kept.clone());
    Ok(kept)
}

/// The newest decision, of whichever replica. Of a process that is alone the cache knows no older.
async fn newest(app: &App, payer: &Payer) -> Result<i64, ApiError> {
    if !app.db.is_shared() {
        return Ok(0);
    }
    let mut tx = app.db.read().await?;
    Ok(customers::get(&mut tx, payer.id).await?.map_or(0, |row| row.version))
}
