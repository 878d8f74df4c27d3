//! `specie audit verify` of a trail that somebody with the database has rewritten.

use serde_json::json;
use specie_server::digest::sha256;
use specie_store::audit;
use specie_vocab::{PayerId, WallTime};
use uuid::Uuid;

use crate::place::Place;

/// Adds an entry of long ago, as whoever has the file could: it fits, and waits for a root.
fn add_old_entry(place: &Place) {
    let path = place.path("specie.db").display().to_string();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let db = specie_store::Db::open(&path, Default::default()).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let (payer, at) = (PayerId(Uuid::from_u128(1)), WallTime::from_second(1_700_000_000));
        let (who, what, why, details) = ("stripe", "subscription.held", "evt_1", json!({}));
        audit::append(&mut tx, payer, at, who, what, why, &details, [7; 32], sha256).await.unwrap();
        tx.commit().await.unwrap();
        db.close().await;
    });
}

#[test]
fn a_trail_without_any_root_is_not_sound_to_who_has_the_key() {
    let place = Place::new().with("DATABASE_URL", "specie.db");
    place.run(&["migrate", "up"]).fine();
    let public = "07".repeat(32);
    let key = ["audit", "verify", "--public-key", public.as_str()];
    assert!(place.run(&key).fine().out.ends_with("sound\n"), "nothing has been written yet");
    add_old_entry(&place);

    let unasked = place.run(&["audit", "verify"]).fine();
    assert!(unasked.err.contains("it was not asked who signed"), "{unasked:?}");
    let place = place.with("SPECIE_AUDIT_KEY", &"07".repeat(32));
    for command in [&key[..], &["audit", "verify"]] {
        let found = place.run(command);
        found.refused(3, &[]);
        let said =
            "root 1: it is missing, and entries have been written since 2023-11-14T22:13:20Z";
        assert!(found.out.contains(said) && found.out.ends_with("1 finding\n"), "{found:?}");
    }
    let found = place.run(&["audit", "verify", "--json"]);
    found.refused(3, &[]);
    let told = found.json();
    assert_eq!((&told["sound"], &told["findings"][0]["root"]), (&false.into(), &1.into()));
}
