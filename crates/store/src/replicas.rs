//! Processes of the service that are alive.

use specie_vocab::WallTime;
use uuid::Uuid;

use crate::sql::{all, row, run, statements};
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
    }
}

/// Who has said nothing for so many seconds is taken to be gone.
pub const GONE: i64 = 90;

statements! {
    BEAT: Replica = "insert into replicas ({columns}) values ({places}) \
                     on conflict (id) do update set seen_at = excluded.seen_at";
    LIST: Replica = "select {columns} from replicas order by started_at, id";
    LEAVE = "delete from replicas where id = $1 or seen_at <= $2";
}

/// Says that a process is alive.
pub async fn beat(tx: &mut Tx, replica: &Replica) -> Result<(), StoreError> {
    let Replica { id, started_at, seen_at } = replica;
    run!(tx, BEAT, [id, started_at, seen_at]);
    Ok(())
}

/// How many processes are alive.
pub async fn alive(tx: &mut Tx, now: WallTime) -> Result<usize, StoreError> {
    let gone = now.plus_seconds(-GONE);
    Ok(list(tx).await?.iter().filter(|replica| replica.seen_at > gone).count())
}

/// All processes, oldest first.
pub async fn list(tx: &mut Tx) -> Result<Vec<Replica>, StoreError> {
    Ok(all!(tx, LIST, []))
}

/// Forgets a process that ends, and those that were last seen at `gone` or before.
pub async fn leave(tx: &mut Tx, id: Uuid, gone: WallTime) -> Result<(), StoreError> {
    run!(tx, LEAVE, [id, gone]);
    Ok(())
}
