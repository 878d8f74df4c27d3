//! The audit chain: it grows at its end, and shows what was done to it.

use serde_json::json;
use specie_store::audit::{self, Verdict};
use specie_store::{Db, Tx};
use specie_vocab::PayerId;

use crate::scene::{both, id, wall};

/// Not a cryptographic digest, but one that differs when a byte does (FNV-1a, four times over).
pub(crate) fn digest(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    for (seed, chunk) in (1_u64..).zip(out.chunks_mut(8)) {
        let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325 ^ seed, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        chunk.copy_from_slice(&hash.to_be_bytes());
    }
    out
}

pub(crate) async fn append(tx: &mut Tx, payer: PayerId, n: i64) {
    let details = json!({ "amount": 2900, "email": "ann@example.com", "n": n });
    let (who, what, why) = ("stripe", "subscription.started", "evt_1");
    audit::append(tx, payer, wall(n), who, what, why, &details, [7; 32], digest).await.unwrap();
}

async fn filled(db: &Db) -> PayerId {
    let payer = PayerId(id(1));
    let mut tx = db.begin().await.unwrap();
    for n in 1..=4 {
        append(&mut tx, payer, n).await;
    }
    append(&mut tx, PayerId(id(2)), 1).await;
    tx.commit().await.unwrap();
    payer
}

/// Runs a statement past the store, as somebody who has the database could.
pub(crate) async fn meddle(db: &Db, sql: &'static str) -> Result<(), specie_store::StoreError> {
    let mut tx = db.begin().await.unwrap();
    specie_store::raw(&mut tx, sql).await?;
    tx.commit().await
}

both! {
    async fn a_chain_grows_and_is_sound(db: Db) {
        let payer = filled(&db).await;
        let mut tx = db.begin().await.unwrap();
        assert_eq!(audit::verify(&mut tx, payer, digest).await.unwrap(), Verdict::Sound { entries: 4 });
        let entries = audit::list(&mut tx, payer).await.unwrap();
        assert_eq!(entries.iter().map(|entry| entry.n).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!(entries[1].at, wall(2));
        let details = audit::details(&mut tx, payer).await.unwrap();
        assert_eq!(details[3], (4, json!({ "amount": 2900, "email": "ann@example.com", "n": 4 })));
    }

    async fn erased_details_leave_a_sound_chain_and_no_trace_of_a_person(db: Db) {
        let payer = filled(&db).await;
        let mut tx = db.begin().await.unwrap();
        assert_eq!(audit::erase_details(&mut tx, payer).await.unwrap(), 4);
        assert!(audit::details(&mut tx, payer).await.unwrap().is_empty());
        assert_eq!(audit::verify(&mut tx, payer, digest).await.unwrap(), Verdict::Sound { entries: 4 });
    }

    async fn an_entry_can_not_be_changed_or_taken_away(db: Db) {
        filled(&db).await;
        for sql in [
            "update audit set what = 'nothing' where n = 2",
            "delete from audit where n = 2",
            "delete from audit",
        ] {
            let refused = meddle(&db, sql).await.unwrap_err().to_string();
            assert!(refused.contains("audit is append-only"), "{sql}: {refused}");
        }
        let only_one = if db.is_postgres() {
            "truncate audit"
        } else {
            "insert or replace into audit select * from audit where n = 2"
        };
        let refused = meddle(&db, only_one).await.unwrap_err().to_string();
        assert!(refused.contains("audit is append-only"), "{only_one}: {refused}");
    }

    async fn who_takes_the_triggers_away_is_found_out(db: Db) {
        let payer = filled(&db).await;
        let disarm: &[&str] = if db.is_postgres() {
            &["drop trigger audit_append_only on audit"]
        } else {
            &["drop trigger audit_no_update", "drop trigger audit_no_delete"]
        };
        for sql in disarm {
            meddle(&db, sql).await.unwrap();
        }
        let check = async |sql: &'static str, n, why| {
            let mut tx = db.begin().await.unwrap();
            specie_store::raw(&mut tx, sql).await.unwrap();
            let found = audit::verify(&mut tx, payer, digest).await.unwrap();
            assert_eq!(found, Verdict::Broken { n, why }, "{sql}");
        };
        let hash = "its hash does not follow from the one before";
        check("update audit set why = 'evt_2' where n = 2", 2, hash).await;
        check("update audit set who = 'stripes', what = 'ubscription.started' where n = 3", 3, hash).await;
        check("delete from audit where n = 3", 3, "an entry is missing").await;
        check("delete from audit where n = 1", 1, "an entry is missing").await;
        check("delete from audit where n = 4", 4, "details belong to no entry").await;
        check("update audit set n = 9 where n = 4", 4, "an entry is missing").await;
        let details = "its details are not those it was made with";
        check("update audit_details set details = salt where n = 2", 2, details).await;
    }
}
