//! What an operator does with events: one that is parked waits for its lane again.

use serde_json::json;
use specie_store::inbox::{self, Filter, InboxState};
use specie_store::{Db, StoreError, customers};
use specie_vocab::{Chance, CustomerId, PayerId, WallTime};

use crate::App;
use crate::trail::{Entry, Who, append_at};

/// How many events are replayed at most by one call.
const MOST: i64 = 10_000;

/// Why nothing was replayed.
#[derive(Debug, thiserror::Error)]
pub enum NotReplayed {
    /// No event has this id.
    #[error("there is no event `{0}`")]
    Unknown(String),
    /// It waits for nobody.
    #[error("event `{id}` is {state}, and only parked ones are replayed")]
    NotParked {
        /// As Stripe names it.
        id: String,
        /// What became of it.
        state: &'static str,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was replayed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// The events, as Stripe names them.
    pub events: Vec<String>,
    /// Whose views are to be read anew, from which version on.
    pub customers: Vec<(PayerId, i64)>,
}

/// Lets these events wait for their lanes again: all of them, or none if one is not parked.
pub async fn replay(
    db: &Db,
    chance: &dyn Chance,
    ids: &[String],
    now: WallTime,
) -> Result<Replayed, NotReplayed> {
    let mut tx = db.read().await?;
    for id in ids {
        let head = inbox::head(&mut tx, id).await?;
        let head = head.ok_or_else(|| NotReplayed::Unknown(id.clone()))?;
        if head.state != InboxState::Parked {
            return Err(NotReplayed::NotParked { id: id.clone(), state: head.state.as_str() });
        }
    }
    drop(tx);
    let mut replayed = Replayed::default();
    for id in ids {
        one(db, chance, id, now, &mut replayed).await?;
    }
    Ok(replayed)
}

/// The same of all that are parked.
pub async fn replay_all(
    db: &Db,
    chance: &dyn Chance,
    now: WallTime,
) -> Result<Replayed, NotReplayed> {
    let mut tx = db.read().await?;
    let filter = Filter { state: Some(InboxState::Parked), ..Filter::default() };
    let parked = inbox::list(&mut tx, &filter, MOST).await?;
    drop(tx);
    let ids: Vec<_> = parked.into_iter().rev().map(|head| head.id).collect();
    replay(db, chance, &ids, now).await
}

/// Replays these events, or all that are parked if none is named, within a service that runs: its
/// views are read anew, and its lanes look at once.
pub async fn replay_here(app: &App, ids: &[String]) -> Result<Replayed, NotReplayed> {
    let (chance, now) = (&*app.chance, app.wall.now());
    let replayed = match ids.is_empty() {
        true => replay_all(&app.db, chance, now).await?,
        false => replay(&app.db, chance, ids, now).await?,
    };
    for (payer, version) in &replayed.customers {
        app.cache.drop_below(*payer, *version);
    }
    app.stir();
    Ok(replayed)
}

/// One event, its customer's trail and the version of their view in one transaction. Nothing, if
/// another has replayed it meanwhile.
async fn one(
    db: &Db,
    chance: &dyn Chance,
    id: &str,
    now: WallTime,
    replayed: &mut Replayed,
) -> Result<(), StoreError> {
    let mut tx = db.begin().await?;
    let Some(head) = inbox::head(&mut tx, id).await? else { return Ok(()) };
    let customer = head.customer.as_deref().and_then(|id| CustomerId::try_from(id).ok());
    let mut payer = None;
    if let Some(customer) = customer
        && let Some(found) = customers::by_stripe(&mut tx, &customer).await?
    {
        payer = customers::lock(&mut tx, found.id).await?;
    }
    if !inbox::replay(&mut tx, id).await? {
        return Ok(());
    }
    if let Some(payer) = payer {
        let details = json!({ "subject": head.object, "details": { "type": head.kind } });
        let who = Who::Operator.to_string();
        let entry = Entry { who: &who, what: "event.replayed", why: id, details: &details };
        append_at(chance, now, &mut tx, payer.id, entry).await?;
        let version = customers::bump(&mut tx, payer.id).await?;
        replayed.customers.push((payer.id, version));
    }
    tx.commit().await?;
    tracing::info!(event = id, who = "operator", "an event is replayed");
    replayed.events.push(id.to_owned());
    Ok(())
}
