//! `cargo xtask bench reads`: `GET subscription`. It fails when a read calls Stripe, and when an answer
//! is older than five minutes without saying so.

mod demands;

use std::path::Path;

use anyhow::ensure;
use clap::Args;
use http::Request;
use http_body_util::Full;
use serde_json::json;
use specie_store::held::{self, StoredHeld};
use specie_store::slots::{self, SlotState, StoredSlot};
use specie_store::{Db, Options, customers, migrate_up};
use specie_vocab::{BusinessTime, Chance, SystemChance, SystemClock, WallClock};

use super::Bench;
use super::load::{Connection, Pace, Ready, send, send_checked};
use super::postgres::Postgres;
use super::process::cpu;
use super::service::{Sandbox, Service, Work};
use demands::{Done, says_how_old};

/// See `cargo xtask bench reads --help`.
#[derive(Args)]
pub struct Arguments {
    /// Customers in the database.
    #[arg(long, default_value_t = 1_000_000)]
    customers: usize,
    /// Those that are read again and again, so that their views lie in memory.
    #[arg(long, default_value_t = 10_000)]
    hot: usize,
    /// Reads of each measurement.
    #[arg(long, default_value_t = 50_000)]
    reads: usize,
    /// Reads at once.
    #[arg(long, default_value_t = 16)]
    at_once: usize,
    /// Seconds that an answer may be old without being marked as stale: five minutes, and one in
    /// which it is on its way.
    #[arg(long, default_value_t = 301, allow_negative_numbers = true)]
    fresh: i64,
    /// Leaves Postgres out.
    #[arg(long)]
    only_sqlite: bool,
}

/// Measures, and prints a table.
pub async fn run(bench: &Bench, arguments: &Arguments) -> anyhow::Result<()> {
    println!(
        "| database | customers | read | reads/s | p50 ms | p99 ms | CPU s per 1,000: service | database | calls to Stripe |\n\
         | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    );
    let folder = bench.folder("reads-sqlite")?;
    let file = folder.join("specie.db").display().to_string();
    one(bench, arguments, ("SQLite", &file, None), &folder).await?;
    if !arguments.only_sqlite {
        let postgres = Postgres::start(bench).await?;
        let folder = bench.folder("reads-postgres")?;
        let url = postgres.database("reads")?;
        one(bench, arguments, ("Postgres", &url, Some(postgres.id())), &folder).await?;
    }
    Ok(())
}

async fn one(
    bench: &Bench,
    arguments: &Arguments,
    (name, url, database): (&str, &str, Option<u32>),
    folder: &Path,
) -> anyhow::Result<()> {
    fill(url, arguments.customers).await?;
    let sandbox = Sandbox::start(bench, folder).await?;
    let service = Service::start(bench, folder, &sandbox, url, Work::All).await?;
    let key = service.key()?;
    confirmed(&service, &key).await?;
    for (what, among) in [("again", arguments.hot), ("any", arguments.customers)] {
        if what == "again" {
            let all = (0..among).map(|n| read(&service.address, &key, n)).collect();
            send(&service.address, all, arguments.at_once, Pace::Closed).await?;
        }
        let step = 7_919; // a prime: one after the other, far apart
        let all = (0..arguments.reads).map(|n| read(&service.address, &key, n * step % among));
        let all = all.collect();
        let done = Done::by(&service).await?;
        let database = || database.map_or(0.0, |id| cpu(&[id]));
        let before = (cpu(&[service.id()]), database());
        let fresh = arguments.fresh;
        let check = move |body: &[u8]| says_how_old(body, fresh);
        let (address, at_once) = (&service.address, arguments.at_once);
        let measured = send_checked(address, all, at_once, Pace::Closed, check).await?;
        let after = (cpu(&[service.id()]), database());
        let calls = done.nobody_was_called(&service, url).await?;
        let used = |after: f64, before: f64| (after - before) * 1000.0 / arguments.reads as f64;
        println!(
            "| {name} | {} | {what} of {among} | {:.0} | {:.2} | {:.2} | {:.3} | {:.3} | {:.0} |",
            arguments.customers,
            measured.rate(),
            measured.at(500),
            measured.at(990),
            used(after.0, before.0),
            used(after.1, before.1),
            calls,
        );
    }
    Ok(())
}

fn read(address: &str, key: &str, customer: usize) -> Ready {
    Request::get(format!("http://{address}/api/billing/subscription"))
        .header("authorization", format!("Bearer {key}"))
        .header("specie-customer", format!("user-{customer}"))
        .body(Full::default())
        .expect("the parts are a request's")
}

/// Waits for the first watermark pass: it confirms all views.
async fn confirmed(service: &Service, key: &str) -> anyhow::Result<()> {
    let mut connection = Connection::open(&service.address).await?;
    for _ in 0..100 {
        let answer = connection.send(read(&service.address, key, 0)).await?;
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        ensure!(text.contains(r#""status":"active""#), "answered {text}");
        if text.contains(r#""stale":false"#) {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    anyhow::bail!("no watermark pass came to its end")
}

/// Customers, each with an active subscription.
async fn fill(url: &str, count: usize) -> anyhow::Result<()> {
    let db = Db::open(url, Options::default()).await?;
    migrate_up(&db).await?;
    let now = SystemClock.now();
    let business = |days: i64| BusinessTime::new(now.plus_seconds(days * 86_400).timestamp());
    for begun in (0..count).step_by(10_000) {
        let mut tx = db.begin().await?;
        for n in begun..count.min(begun + 10_000) {
            let payer = customers::Payer {
                id: SystemChance.payer(now),
                realm: "app".into(),
                app_id: format!("user-{n}"),
                stripe: Some(format!("cus_bench{n}").as_str().try_into()?),
                version: 1,
                created_at: now,
            };
            customers::insert(&mut tx, &payer).await?;
            let subscription: specie_vocab::SubscriptionId =
                format!("sub_bench{n}").as_str().try_into()?;
            let row = StoredHeld {
                subscription: subscription.clone(),
                group: "main".into(),
                plan: "pro".into(),
                price: "monthly".into(),
                status: "active".into(),
                access: "until".into(),
                access_until: Some(business(30)),
                grace_until: None,
                period_start: business(0),
                period_end: business(30),
                cancel_at_period_end: false,
                cancel_at: None,
                canceled_at: None,
                ended_at: None,
                created: business(0),
                latest_invoice: None,
                more: json!({
                    "subscription": &subscription, "group": "main", "plan": "pro",
                    "price": "monthly", "standing": "holder", "status": "active",
                    "access": { "access": "until", "until": business(30) },
                    "period": { "start": business(0).as_second(), "end": business(30).as_second() },
                    "cancel_at_period_end": false, "created": business(0), "currency": "usd",
                    "told": [],
                }),
            };
            held::save(&mut tx, payer.id, &row, now).await?;
            let slot = StoredSlot {
                group: "main".into(),
                state: SlotState::Held,
                intent: None,
                session: None,
                subscription: Some(subscription),
                others: json!([]),
            };
            slots::save(&mut tx, payer.id, &slot).await?;
        }
        tx.commit().await?;
    }
    db.close().await;
    Ok(())
}
