//! What is right when all has come to rest: all that was acknowledged has happened, and once.

use std::time::{Duration, Instant};

use serde_json::Value;
use specie_billing::{Catalog, catalog};
use specie_sandbox::{Options as SandboxOptions, Sandbox};
use specie_scenario::Door;
use specie_scenario::checks::{self, Sides};
use specie_store::inbox::InboxState;
use specie_store::{Db, Options, Tx, customers, inbox, lanes, mails, watermarks};
use specie_stripe::transport;
use specie_vocab::{Secret, SystemClock, WallClock};

use super::load::Load;
use super::postgres::on;
use super::town::Town;

/// Leases of a minute are waited for.
const PATIENCE: Duration = Duration::from_secs(240);
/// How many mails one process hands over at once.
const SENDERS: usize = 4;

/// Waits for rest, stops all, and looks. `stops` is how often the service or its database could not go
/// on: what was handed over just then, and could not be written down, comes again.
pub fn all_is_right(mut town: Town, load: &Load, stops: u64) {
    let db = on(Db::open_read_only(&town.place.database(), Options::default())).unwrap();
    // What came while nobody was there is brought by the watermark pass that begins with a process.
    let since = SystemClock.now();
    town.stop();
    (0..town.replicas()).for_each(|n| town.start(n));
    wait_for(&db, "a watermark pass", async |tx| {
        watermarks::latest(tx).await.unwrap().is_some_and(|mark| mark.began_at >= since)
    });
    wait_for(&db, "rest", async |tx| lanes::at_rest(tx).await.unwrap());
    town.stop();
    town.place.run(&["audit", "verify"]).fine();
    let book = load.book.lock().unwrap();
    let (events, sessions) = (book.events.len(), book.sessions.len());
    eprintln!("{} customers, {sessions} sessions, {events} events", book.customers.len());
    assert!(!book.customers.is_empty(), "nobody got through");

    let sandbox = taken_over(town);
    let stripe = Door { transport: transport(sandbox.0.router()), base: sandbox.1.stripe.clone() };
    let (sandbox, town) = (&sandbox.0, &sandbox.1);
    let policies = &sold(town).policies;
    let sides = Sides { db: &db, sandbox, stripe: &stripe, policies };
    on(async {
        checks::always(&sides).await.unwrap();
        checks::at_rest(&sides).await.unwrap();
        let tx = &mut db.read().await.unwrap();
        for id in &book.events {
            let event = inbox::head(tx, id).await.unwrap();
            let state = event.unwrap_or_else(|| panic!("{id} was lost")).state;
            assert!(
                matches!(state, InboxState::Handled | InboxState::Unclaimed),
                "{id}: {state:?}"
            );
        }
        let known: Vec<_> = sandbox.list("checkout.session");
        for id in &book.sessions {
            assert!(known.iter().any(|it| it["id"] == id.as_str()), "{id} was acknowledged");
        }
        let (subscriptions, charges) = (sandbox.list("subscription"), sandbox.list("charge"));
        for customer in &book.customers {
            let payer = customers::find(tx, "app", &customer.name).await.unwrap().unwrap();
            let theirs = payer.stripe.unwrap();
            let of_them = |it: &&Value| it["customer"] == theirs.as_str();
            let all: Vec<_> = subscriptions.iter().filter(of_them).collect();
            assert_eq!(all.len(), 1, "{customer:?}: {all:?}");
            assert_eq!(all[0]["cancel_at_period_end"], customer.cancels, "{customer:?}");
            assert_eq!(charges.iter().filter(of_them).count(), 1, "{customer:?}");
            let mails = mails::of_payer(tx, payer.id, 100).await.unwrap();
            let receipts = mails.iter().filter(|mail| mail.kind == "receipt").count();
            assert_eq!(receipts, 1, "{customer:?}: {mails:?}");
        }
        let written = mails::list(tx, 100_000).await.unwrap();
        let got = town.mails.lock().unwrap();
        for mail in &written {
            assert!(mail.sent_at.is_some() && got.contains_key(&mail.message_id), "{mail:?}");
        }
        assert_eq!(got.len(), written.len(), "a mail came under another name");
        let again: usize = got.values().map(|times| times - 1).sum();
        eprintln!("{} mails, {again} of them came again after a stop", got.len());
        assert!(again <= stops as usize * SENDERS, "{got:?}");
    });
    on(db.close());
}

fn sold(town: &Town) -> Catalog {
    catalog::parse(&town.place.read("specie.toml"), "specie.toml").unwrap()
}

fn wait_for(db: &Db, what: &str, is_so: impl AsyncFn(&mut Tx) -> bool) {
    let began = Instant::now();
    while !on(async { is_so(&mut db.read().await.unwrap()).await }) {
        assert!(began.elapsed() < PATIENCE, "{what} does not come");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

/// The sandbox, out of its process.
fn taken_over(town: Town) -> (Sandbox, Town) {
    town.sandbox.signal("TERM");
    let folder = town.place.path(".specie/local/stripe");
    let options = || SandboxOptions {
        seed: 1,
        data_dir: Some(folder.clone()),
        start: SystemClock.now().timestamp(),
        base_url: town.stripe.clone(),
        control_key: Secret::new("nobody"),
        wall: std::sync::Arc::new(SystemClock),
    };
    let began = Instant::now();
    loop {
        match Sandbox::open(options()) {
            Ok(sandbox) => return (sandbox, town),
            Err(error) => assert!(began.elapsed() < PATIENCE, "{error}"),
        }
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
