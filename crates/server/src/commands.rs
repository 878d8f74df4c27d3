//! What customers and operators may do. Each command is an intent (`docs/decisions`): committed
//! before its first call to Stripe, finished after a crash, applied through the customer's lane.

pub mod cancellation;
pub mod checkout;
pub mod portal;

use serde_json::json;
use specie_store::Tx;
use specie_store::customers::{self, Payer};
use specie_store::intents::IntentState;
use specie_vocab::{CustomerId, IntentId, PayerId};

use crate::intents::{self, Driven};
use crate::lanes::{self, WishFor};
use crate::trail::why;
use crate::{ApiError, App, reads};

/// How often a call looks again while another call of the same customer is under way.
const ROUNDS: usize = 200;
/// How often a call looks for what it has just done, when Stripe's reads lag behind.
const UNSEEN: usize = 5;

/// One look at what is so, with the customer locked.
enum Begun<T> {
    /// What is wanted is so already.
    Found(T),
    /// An intent that was begun just now, for what is wanted.
    New(IntentId),
    /// An intent that must come to its end first.
    Open(IntentId),
    /// It was done at Stripe; this object of the customer's does not show it yet.
    Unseen(CustomerId, String),
}

/// What a call knows of its looks before this one.
#[derive(Clone, Copy, Default)]
struct SoFar {
    /// The intent that it began.
    own: Option<IntentId>,
    /// Whether that has been carried out.
    done: bool,
    /// How often what was done could not be seen.
    unseen: usize,
}

impl SoFar {
    /// Whether it is worth to look once more for what was done.
    fn may_wait(self) -> bool {
        self.unseen < UNSEEN
    }
}

/// What looking and driving came to.
enum Settled<T> {
    Found(T),
    /// Stripe refused the change.
    Failed,
    /// Another call did not come to its end in time.
    Busy,
}

/// Looks, and drives what must be driven, until what is wanted is so. What an intent came to is
/// read by the next look. 503 when Stripe does not answer; the intent is then finished by itself.
async fn settled<T, Look>(
    app: &App,
    payer: PayerId,
    look: impl Fn(SoFar) -> Look,
) -> Result<Settled<T>, ApiError>
where
    Look: Future<Output = Result<Begun<T>, ApiError>>,
{
    let Some(_turn) = app.turns.take(payer).await else { return Ok(Settled::Busy) };
    let mut so_far = SoFar::default();
    for round in 0..app.rounds(ROUNDS) {
        let id = match look(so_far).await? {
            Begun::Found(it) => return Ok(Settled::Found(it)),
            Begun::New(id) => {
                // What it makes may be as late to be seen as what was there before.
                so_far = SoFar { own: Some(id), unseen: 0, ..so_far };
                id
            }
            Begun::Open(id) => id,
            Begun::Unseen(customer, id) => {
                so_far.unseen += 1;
                app.wait_for_others().await;
                let own = so_far.own.map(|own| own.to_string());
                let why = own.as_deref().unwrap_or(why::CHECKOUT);
                lanes::look_now(app, customer.as_str(), WishFor::object(id), why).await?;
                continue;
            }
        };
        let own = so_far.own == Some(id);
        match intents::drive(app, id).await? {
            // Somebody else's failure says nothing of what is wanted here.
            Driven::Finished(IntentState::Failed) if own => return Ok(Settled::Failed),
            Driven::Finished(state) => so_far.done |= own && state == IntentState::Done,
            Driven::Busy if app.waits_for_stripe(round) => {
                return Err(ApiError::stripe_unavailable());
            }
            Driven::Busy => app.wait_for_others().await,
            Driven::Waits => return Err(ApiError::stripe_unavailable()),
        }
    }
    Ok(Settled::Busy)
}

/// The customer, locked until the transaction ends.
async fn locked(tx: &mut Tx, payer: PayerId) -> Result<Payer, ApiError> {
    customers::lock(tx, payer).await?.ok_or_else(|| ApiError::not_found("customer"))
}

/// A conflict, with the subscription as it is.
async fn with_view(error: ApiError, app: &App, payer: &Payer, group: &str) -> ApiError {
    match reads::subscription(app, payer, group).await {
        Ok(now) => error.with("subscription", json!(now)),
        Err(_) => error,
    }
}
