//! Processes of the service that are alive.

use specie_vocab::WallTime;
use uuid::Uuid;

use crate::sql::{all, row, run, statements, value};
use crate::{StoreError, Tx};

row! {
    /// A process of the service.
    pub struct Replica in "replicas" by id: Uuid {
        /// New at each start.
        pub id: Uuid,
        /// When it started.
        pub started_at: WallTime,
        /// When it last said so.
        pub seen_at: WallTime,
        /// When a webhook of Stripe's last came to it.
        pub delivered_at: Option<WallTime>,
    }
}

/// Who has said nothing for so many seconds is taken to be gone.
pub const GONE: i64 = 90;

statements! {
    BEAT: Replica = "insert into replicas ({columns}) values ({places}) \
                     on conflict (id) do update \
                     set seen_at = excluded.seen_at, delivered_at = excluded.delivered_at";
    LIST: Replica = "select {columns} from replicas order by started_at, id";
    LAST_DELIVERY = "select max(delivered_at) from replicas";
    LEAVE = "delete from replicas where id = $1 or seen_at <= $2";
}

/// Says that a process is alive.
pub async fn beat(tx: &mut Tx, replica: &Replica) -> Result<(), StoreError> {
    let Replica { id, started_at, seen_at, delivered_at } = replica;
    run!(tx, BEAT, [id, started_at, seen_at, delivered_at]);
    Ok(())
}

/// How many processes are alive.
pub async fn alive(tx: &mut Tx, now: WallTime) -> Result<usize, StoreError> {
    let gone = now.plus_seconds(-GONE);
    Ok(list(tx).await?.iter().filter(|replica| replica.seen_at > gone).count())
}

/// Since when one of those that are alive lives; none, if nobody does.
pub async fn alive_since(tx: &mut Tx, now: WallTime) -> Result<Option<WallTime>, StoreError> {
    let gone = now.plus_seconds(-GONE);
    let all = list(tx).await?.into_iter().filter(|replica| replica.seen_at > gone);
    Ok(all.map(|replica| replica.started_at).min())
}

/// All processes, oldest first.
pub async fn list(tx: &mut Tx) -> Result<Vec<Replica>, StoreError> {
    Ok(all!(tx, LIST, []))
}

/// When a webhook of Stripe's last came to any of them.
pub async fn last_delivery(tx: &mut Tx) -> Result<Option<WallTime>, StoreError> {
    Ok(value!(tx, Option<WallTime>, LAST_DELIVERY, []))
}

/// Forgets a process that ends, and those that were last seen at `gone` or before.
pub async fn leave(tx: &mut Tx, id: Uuid, gone: WallTime) -> Result<(), StoreError> {
    run!(tx, LEAVE, [id, gone]);
    Ok(())
}
