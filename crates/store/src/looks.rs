//! What the lanes' looks at Stripe have found, and why they were taken: for the stories of events.

use serde_json::Value;
use specie_vocab::WallTime;

use crate::sql::{all, row, run, statements};
use crate::{StoreError, Tx};

row! {
    /// A look at Stripe.
    pub struct Look in "looks" by lane: String {
        /// The lane that looked.
        pub lane: String,
        /// Under which fence: no other look of the lane has it.
        pub fence: i64,
        /// When: what was found is that old, or newer.
        pub at: WallTime,
        /// A list of causes: ids of events and intents, names of calls and rules.
        pub because: Value,
        /// A list of what was found, nothing personal in it.
        pub found: Value,
    }
}

statements! {
    ADD: Look = "insert into looks ({columns}) values ({places}) \
                 on conflict (lane, fence) do update set {sets}";
    OF_LANE: Look = "select {columns} from looks where lane = $1 order by fence";
    FORGET = "delete from looks where (lane, fence) in ( \
                  select lane, fence from looks where at <= $1 order by at limit $2)";
}

/// Keeps a look. The caller holds its lane under that fence.
pub async fn add(tx: &mut Tx, look: &Look) -> Result<(), StoreError> {
    let Look { lane, fence, at, because, found } = look;
    run!(tx, ADD, [lane, fence, at, because, found]);
    Ok(())
}

/// The looks of a lane that are still kept, oldest first.
pub async fn of_lane(tx: &mut Tx, lane: &str) -> Result<Vec<Look>, StoreError> {
    Ok(all!(tx, OF_LANE, [lane]))
}

/// Forgets looks that were taken at `before` or earlier, at most `limit` of them, the oldest first.
/// Answers how many.
pub async fn forget_old(tx: &mut Tx, before: WallTime, limit: i64) -> Result<u64, StoreError> {
    Ok(run!(tx, FORGET, [before, limit]))
}
