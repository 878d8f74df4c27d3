//! What customers and operators may do. Each command is an intent (`docs/decisions`): committed
//! before its first call to Stripe, finished after a crash, applied through the customer's lane.

pub mod cancellation;
pub mod checkout;
pub mod portal;

use specie_store::intents::IntentState;
use specie_vocab::{IntentId, PayerId};

use crate::intents::{self, Driven};
use crate::{ApiError, App};

/// How often a call looks again while another call of the same customer is under way.
const ROUNDS: usize = 200;

/// One look at what is so, with the customer locked.
enum Begun<T> {
    /// What is wanted is so already.
    Found(T),
    /// An intent that must come to its end first: ours, or an earlier one.
    Intent(IntentId),
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
    look: impl Fn() -> Look,
) -> Result<Settled<T>, ApiError>
where
    Look: Future<Output = Result<Begun<T>, ApiError>>,
{
    let Some(_turn) = app.turns.take(payer).await else { return Ok(Settled::Busy) };
    for _ in 0..ROUNDS {
        let id = match look().await? {
            Begun::Found(it) => return Ok(Settled::Found(it)),
            Begun::Intent(id) => id,
        };
        match intents::drive(app, id).await? {
            Driven::Finished(IntentState::Failed) => return Ok(Settled::Failed),
            Driven::Finished(_) => {}
            Driven::Busy => app.wait_for_others().await,
            Driven::Waits => return Err(ApiError::stripe_unavailable()),
        }
    }
    Ok(Settled::Busy)
}
