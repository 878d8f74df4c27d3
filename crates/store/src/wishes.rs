//! What a lane is to look at without an event: an intent's result, a sync, a second look.

use serde_json::Value;
use specie_vocab::WallTime;
use uuid::Uuid;

use crate::call::Call;
use crate::sql::{all, row, run, statements};
use crate::{StoreError, Tx};

row! {
    /// Something to look at.
    pub struct Wish in "wishes" by id: Uuid {
        /// Ours, new for each wish.
        pub id: Uuid,
        /// Whose.
        pub lane: String,
        /// What to look at.
        pub what: Value,
        /// Not before this moment.
        pub due: WallTime,
        /// Goes ahead of all events.
        pub urgent: bool,
        /// Why: an intent, a call, a rule, or an event.
        pub why: String,
    }
}

statements! {
    // A worker may hold the wish that waits: the new id keeps it from ending this one too.
    ADD = "insert into wishes (id, lane, what, same, due, urgent, why) \
           values ($1, $2, $3, $4, $5, $6, $7) \
           on conflict (lane, same, due) do update \
           set id = excluded.id, urgent = (wishes.urgent or excluded.urgent)";
    DUE: Wish = "select {columns} from wishes where lane = $1 and due <= $2 \
                 order by urgent desc, due, id limit $3";
    OF_LANE: Wish = "select {columns} from wishes where lane = $1 order by due, id";
    DONE = "delete from wishes where id in ({ids})";
}

/// Adds a wish. One that is the same, and due at the same moment, is kept once.
pub async fn add(tx: &mut Tx, wish: &Wish) -> Result<(), StoreError> {
    let same = wish.what.to_string();
    run!(tx, ADD, [wish.id, wish.lane, wish.what, same, wish.due, wish.urgent, wish.why]);
    Ok(())
}

/// What a lane is due to look at, urgent first.
pub(crate) async fn due(
    tx: &mut Tx,
    lane: &str,
    now: WallTime,
    limit: i64,
) -> Result<Vec<Wish>, StoreError> {
    Ok(all!(tx, DUE, [lane, now, limit]))
}

/// What waits in a lane, due or not, in the order in which it falls due.
pub async fn of_lane(tx: &mut Tx, lane: &str) -> Result<Vec<Wish>, StoreError> {
    Ok(all!(tx, OF_LANE, [lane]))
}

/// Forgets wishes that are fulfilled.
pub async fn done(tx: &mut Tx, ids: &[Uuid]) -> Result<(), StoreError> {
    for ids in ids.chunks(64) {
        let text = DONE.ids(tx, 1, ids.len());
        let call = ids.iter().fold(Call::new(tx, text), Call::bind);
        call.execute(tx).await?;
    }
    Ok(())
}
