//! Passes over Stripe's list of events: each row is one that was read to its end.

use serde_json::{Value, json};
use specie_vocab::WallTime;
use uuid::Uuid;

use crate::sql::{all, found, one, row, run, statements};
use crate::{StoreError, Tx, dialect};

row! {
    /// A complete pass.
    pub struct Watermark in "watermarks" by id: Uuid {
        /// Ours.
        pub id: Uuid,
        /// The event that headed the list when it began.
        pub head: Option<String>,
        /// When it began.
        pub began_at: WallTime,
        /// How many events it read.
        pub events: i64,
        /// The lanes that were not at rest when it had read to its end.
        pub restless: Value,
    }
}

impl Watermark {
    /// A pass that has read to its end, and left `restless` lanes with something to do.
    pub fn new(
        id: Uuid,
        head: Option<String>,
        began_at: WallTime,
        events: i64,
        restless: &[String],
    ) -> Self {
        Self { id, head, began_at, events, restless: json!(restless) }
    }

    /// Whether it shows that nothing was to be learnt of this lane's customer when it began.
    pub fn confirms(&self, lane: &str) -> bool {
        self.restless.as_array().is_some_and(|lanes| lanes.iter().all(|it| it != lane))
    }
}

statements! {
    ADD: Watermark = "insert into watermarks ({columns}) values ({places})";
    BEFORE: Watermark = "select {columns} from watermarks where began_at <= $1 \
                         order by began_at desc, id desc limit 1";
    LATEST: Watermark = "select {columns} from watermarks order by began_at desc, id desc limit 1";
    SINCE: Watermark = "select {columns} from watermarks where began_at >= $1 \
                        order by began_at desc, id desc";
    OLDEST: Watermark = "select {columns} from watermarks order by began_at, id limit 1";
    // The newest of the old ones stays: the next pass may have to read back to it.
    PRUNE = "delete from watermarks where began_at < \
             (select max(old.began_at) from watermarks old where old.began_at <= $1)";
}

/// Adds a pass that is complete.
pub async fn add(tx: &mut Tx, mark: &Watermark) -> Result<(), StoreError> {
    let Watermark { id, head, began_at, events, restless } = mark;
    run!(tx, ADD, [id, head, began_at, events, restless]);
    Ok(())
}

/// The latest pass that began at `moment` or before.
pub async fn latest_before(tx: &mut Tx, moment: WallTime) -> Result<Option<Watermark>, StoreError> {
    Ok(one!(tx, BEFORE, [moment]))
}

/// The latest pass.
pub async fn latest(tx: &mut Tx) -> Result<Option<Watermark>, StoreError> {
    Ok(one!(tx, LATEST, []))
}

/// The passes that began at `moment` or later, the latest first.
pub async fn since(tx: &mut Tx, moment: WallTime) -> Result<Vec<Watermark>, StoreError> {
    Ok(all!(tx, SINCE, [moment]))
}

/// When the latest pass began that confirms a lane, of those that began at `moment` or later.
pub async fn confirmed(
    tx: &mut Tx,
    lane: &str,
    moment: WallTime,
) -> Result<Option<WallTime>, StoreError> {
    Ok(found!(tx, WallTime, dialect::confirmed(tx), [moment, lane]))
}

/// The oldest pass that is kept.
pub async fn oldest(tx: &mut Tx) -> Result<Option<Watermark>, StoreError> {
    Ok(one!(tx, OLDEST, []))
}

/// Forgets passes that began before the latest of those that began at `moment` or before.
pub async fn prune(tx: &mut Tx, moment: WallTime) -> Result<u64, StoreError> {
    Ok(run!(tx, PRUNE, [moment]))
}
