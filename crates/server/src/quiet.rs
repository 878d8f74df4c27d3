//! Running the service until nothing is due: for whoever moves the clock, and for tests.

use specie_store::{StoreError, intents as stored_intents, lanes as stored_lanes};
use specie_vocab::{BusinessTime, WallTime};

use crate::lanes::ahead;
use crate::{ApiError, App, intents, lanes, outbox};

/// What is left to wait for when nothing is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// The earliest moment in wall time at which something falls due.
    pub wall: Option<WallTime>,
    /// The earliest moment in business time at which a decision can change.
    pub business: Option<BusinessTime>,
}

/// How many rounds without rest are taken for a bug.
const ROUNDS: usize = 10_000;

/// Runs lanes, intents and outbox until nothing is due now, and says what waits for later.
pub async fn run_to_quiet(app: &App) -> Result<Waiting, ApiError> {
    for _ in 0..ROUNDS {
        if !round(app).await? {
            return Ok(waiting(app).await?);
        }
    }
    Err(ApiError::internal("the service does not come to rest"))
}

/// One round over all that is due. Answers whether there was anything.
async fn round(app: &App) -> Result<bool, ApiError> {
    let mut any = false;
    let lanes = due_lanes(app).await?;
    ahead::read_ahead(app, lanes.len()).await;
    for lane in lanes {
        any |= lanes::run(app, &lane).await? != lanes::Ran::Nothing;
    }
    for id in due_intents(app).await? {
        any |= match intents::drive(app, id).await {
            Ok(driven) => driven != intents::Driven::Busy,
            // It was let go, and waits for its next try: others go on.
            Err(error) => {
                tracing::warn!(%error, intent = %id, "an intent waits");
                true
            }
        };
    }
    any |= outbox::deliver_due(app).await? > 0;
    Ok(any)
}

/// How many lanes are asked for at once.
pub(crate) const AT_ONCE: usize = 100;

/// Lanes with something due now.
pub(crate) async fn due_lanes(app: &App) -> Result<Vec<String>, StoreError> {
    let mut tx = app.db.read().await?;
    let now = tx.now().await?;
    let held_since = app.shelf.held_since(app.wall.now());
    stored_lanes::due(&mut tx, now, app.business.now(), AT_ONCE as i64, held_since).await
}

/// Intents that nobody drives and that may be tried now.
pub(crate) async fn due_intents(app: &App) -> Result<Vec<specie_vocab::IntentId>, StoreError> {
    let mut tx = app.db.read().await?;
    let now = tx.now().await?;
    stored_intents::due(&mut tx, now, 100).await
}

async fn waiting(app: &App) -> Result<Waiting, StoreError> {
    let mut tx = app.db.read().await?;
    let now = tx.now().await?;
    Ok(Waiting {
        wall: stored_lanes::next_wall(&mut tx, now).await?,
        business: stored_lanes::next_business(&mut tx).await?,
    })
}
