//! Changes that are stuck, and what an operator decides about them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::json;
use specie_billing::Slot;
use specie_store::customers::{self, Payer};
use specie_store::intents::{self as stored, Intent, IntentState};
use specie_store::{Db, StoreError, Tx};
use specie_vocab::{Chance, IntentId, PayerId, WallTime};

use super::request;
use crate::trail::{Entry, Who, append_at};
use crate::{ApiError, App, kept, lanes};

/// Why a change was ended that an operator closed, as its result says it.
pub const CLOSED: &str = "an operator closed it";

/// The outcome of a try whose change is to go on: what it did is looked for first.
pub(super) const REOPENED: &str = "reopened";

/// What is to become of a stuck change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// A minute later, when no list of Stripe's lags behind any longer, what it has done is taken up.
    /// What it has not done is asked for under a new key if a rule of ours wants it and still does;
    /// a customer was told that it is not done, and may ask again.
    Retry,
    /// Nothing more of it is done, and its slot is free. What it has made at Stripe stays there.
    Close,
}

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum NotDecided {
    /// No change has this id.
    #[error("there is no intent `{0}`")]
    Unknown(IntentId),
    /// Nobody has to decide about it.
    #[error("intent `{id}` is {state}, and only stuck ones are retried or closed")]
    NotStuck {
        /// Ours.
        id: IntentId,
        /// How far it has come.
        state: &'static str,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was decided about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decided {
    /// The changes, each once.
    pub intents: Vec<IntentId>,
    /// Whose views are to be read anew, from which version on.
    pub customers: Vec<(PayerId, i64)>,
}

/// Decides about stuck changes: all of them, or none if one is not stuck. Their customers' trails say
/// so.
pub async fn decide(
    db: &Db,
    chance: &dyn Chance,
    ids: &[IntentId],
    decision: Decision,
    now: WallTime,
) -> Result<Decided, NotDecided> {
    let mut tx = db.begin().await?;
    // Two operators who name the same customers must not meet each other's locks the wrong way round.
    let mut all = BTreeSet::new();
    for id in ids {
        all.insert((stuck(&mut tx, *id).await?.payer, *id));
    }
    let mut decided = Decided::default();
    for (payer, id) in all {
        customers::lock(&mut tx, payer).await?;
        let version = decide_one(&mut tx, chance, id, decision, now).await?;
        decided.intents.push(id);
        decided.customers.push((payer, version));
    }
    tx.commit().await?;
    for intent in &decided.intents {
        tracing::info!(%intent, who = "operator", ?decision, "a stuck change was decided about");
    }
    Ok(decided)
}

/// The same within a service that runs: its views are read anew.
pub async fn decide_here(
    app: &App,
    ids: &[IntentId],
    decision: Decision,
) -> Result<Decided, NotDecided> {
    let decided = decide(&app.db, &*app.chance, ids, decision, app.wall.now()).await?;
    for (payer, version) in &decided.customers {
        app.cache.drop_below(*payer, *version);
    }
    Ok(decided)
}

async fn stuck(tx: &mut Tx, id: IntentId) -> Result<Intent, NotDecided> {
    let intent = stored::get(tx, id).await?.ok_or(NotDecided::Unknown(id))?;
    match intent.state {
        IntentState::Stuck => Ok(intent),
        state => Err(NotDecided::NotStuck { id, state: state.as_str() }),
    }
}

/// Decides about one of a customer who is locked, and answers the version of their view.
async fn decide_one(
    tx: &mut Tx,
    chance: &dyn Chance,
    id: IntentId,
    decision: Decision,
    now: WallTime,
) -> Result<i64, NotDecided> {
    let intent = stuck(tx, id).await?;
    let became = match decision {
        Decision::Retry => retry(tx, id).await?,
        Decision::Close => close(tx, &intent).await?,
    };
    let (who, what) = (Who::Operator.to_string(), format!("{}.{became}", intent.kind));
    let why = id.to_string();
    let entry = Entry { who: &who, what: &what, why: &why, details: &intent.what };
    append_at(chance, now, tx, intent.payer, entry).await?;
    Ok(customers::bump(tx, intent.payer).await?)
}

async fn retry(tx: &mut Tx, id: IntentId) -> Result<&'static str, StoreError> {
    for mut sent in stored::tries(tx, id).await? {
        if sent.outcome.as_deref() == Some("stuck") {
            sent.outcome = Some(REOPENED.into());
            stored::answer(tx, &sent).await?;
        }
    }
    let from = tx.now().await?.plus_seconds(lanes::LAG);
    stored::reopen(tx, id, from).await?;
    Ok("retried")
}

async fn close(tx: &mut Tx, intent: &Intent) -> Result<&'static str, StoreError> {
    free_slot(tx, intent).await?;
    let now = tx.now().await?;
    let result = json!({ "why": CLOSED });
    stored::finish(tx, intent.id, IntentState::Undone, Some(&result), now).await?;
    Ok(IntentState::Undone.as_str())
}

/// Whether a retried change ends here, how and why, now that its step was found to be done or not.
pub(super) async fn ends(
    app: &App,
    intent: &Intent,
    payer: &Payer,
    step: &str,
    done: bool,
) -> Result<Option<(IntentState, &'static str)>, ApiError> {
    Ok(match (intent.kind.as_str(), step, done) {
        // By whom is not known, nor whether its payment is owed back.
        ("cancel_and_refund", "cancel", true) => Some((IntentState::Failed, "it is canceled")),
        (_, _, true) | ("cancel_and_refund", "refund", false) => None,
        ("cancel_and_refund" | "recover", _, false) => {
            let over = request::is_over(app, intent, payer).await?;
            over.then_some((IntentState::Undone, "over already"))
        }
        _ => Some((IntentState::Undone, "not done")),
    })
}

/// Frees the slot that an intent has claimed, if it has.
pub(super) async fn free_slot(tx: &mut Tx, intent: &Intent) -> Result<(), StoreError> {
    let Some(group) = &intent.plan_group else { return Ok(()) };
    if kept::slot_of(tx, intent.payer, group).await? == (Slot::Claimed { intent: intent.id }) {
        kept::save_slot(tx, intent.payer, group, &Slot::Empty).await?;
    }
    Ok(())
}
