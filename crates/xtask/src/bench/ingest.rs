//! `cargo xtask bench ingest`: webhooks, ours on both databases, and an Express service beside it.

use std::path::Path;

use anyhow::Context;
use clap::{Args, ValueEnum};
use serde_json::Value;
use specie_store::inbox::{self, Filter, InboxState, NewEvent};
use specie_store::{Db, Options, migrate_up};
use specie_vocab::{BusinessTime, Chance, SystemChance, WallTime};

use super::Bench;
use super::events::{Whose, deliveries};
use super::express::Express;
use super::load::{Measured, Pace, send};
use super::postgres::Postgres;
use super::process::{cpu, memory};
use super::service::{Sandbox, Service, Work};

/// See `cargo xtask bench ingest --help`.
#[derive(Args)]
pub struct Arguments {
    /// Events of each measurement of ours; Express gets a quarter.
    #[arg(long, default_value_t = 12_000)]
    events: usize,
    /// Deliveries at once.
    #[arg(long, value_delimiter = ',', default_value = "1,16,64")]
    at_once: Vec<usize>,
    /// Customers of ours whose lanes work.
    #[arg(long, value_delimiter = ',', default_value = "64")]
    customers: Vec<usize>,
    /// Events that are stored before ingest is measured again, to see whether it stays as fast. Ten
    /// millions take minutes, and gigabytes of the scratch folder.
    #[arg(long, value_delimiter = ',', default_value = "10000,10000000")]
    stored: Vec<usize>,
    /// Events a second while the lag of the lanes is measured.
    #[arg(long, default_value_t = 1000)]
    pace: u32,
    /// For how many seconds it is.
    #[arg(long, default_value_t = 10)]
    lag_seconds: u32,
    /// Only these.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Peer>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Peer {
    /// Ours, on SQLite.
    Sqlite,
    /// Ours, on Postgres.
    Postgres,
    /// Express with a transaction an event.
    Express,
    /// Express with a statement an event.
    ExpressStatement,
}

impl Peer {
    fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "Specie, SQLite",
            Self::Postgres => "Specie, Postgres",
            Self::Express => "Express, transaction",
            Self::ExpressStatement => "Express, one statement",
        }
    }
}

const PEERS: [Peer; 4] = [Peer::Express, Peer::ExpressStatement, Peer::Postgres, Peer::Sqlite];

/// Measures, and prints the four tables of docs/measurements.md.
pub async fn run(bench: &Bench, arguments: &Arguments) -> anyhow::Result<()> {
    let mut scene = Scene { bench, postgres: None, arguments };
    if PEERS.into_iter().any(|peer| peer != Peer::Sqlite && scene.wants(peer)) {
        scene.postgres = Some(Postgres::start(bench).await?);
    }
    println!("To the answer:\n\n{HEAD}");
    for peer in PEERS.into_iter().filter(|it| scene.wants(*it)) {
        scene.to_the_answer(peer).await?;
    }
    let ours: Vec<Peer> =
        [Peer::Postgres, Peer::Sqlite].into_iter().filter(|it| scene.wants(*it)).collect();
    if !ours.is_empty() && !arguments.customers.is_empty() {
        println!("\nUntil the state is written:\n\n{WRITTEN}");
    }
    let mut lags = Vec::new();
    for peer in &ours {
        for customers in &arguments.customers {
            lags.push(scene.until_written(*peer, *customers).await?);
        }
    }
    if !lags.is_empty() {
        println!("\nFrom stored to written, at {} events a second:\n\n{LAG}", arguments.pace);
        lags.iter().for_each(|row| println!("{row}"));
    }
    if !ours.is_empty() && !arguments.stored.is_empty() {
        println!("\nWith many events stored, 16 at once:\n\n{STORED}");
    }
    for peer in &ours {
        for stored in &arguments.stored {
            scene.with_stored(*peer, *stored).await?;
        }
    }
    Ok(())
}

const HEAD: &str = "| what | at once | events/s | p50 ms | p99 ms | CPU s per 1,000: service | database | both | memory MB |\n\
                    | --- | --- | --- | --- | --- | --- | --- | --- | --- |";
const WRITTEN: &str = "| what | customers | at once | answers/s | p50 ms | p99 ms | written/s | CPU s per 1,000: service | database | both | sandbox, apart |\n\
                       | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |";

const LAG: &str = "| what | customers | p50 ms | p99 ms | CPU s per 1,000: service | database | both |\n\
                   | --- | --- | --- | --- | --- | --- | --- |";
const STORED: &str = "| what | stored before | events/s | p50 ms | p99 ms | CPU s per 1,000: service | database | both | memory MB |\n\
                      | --- | --- | --- | --- | --- | --- | --- | --- | --- |";

struct Scene<'a> {
    bench: &'a Bench,
    /// Only where something needs it.
    postgres: Option<Postgres>,
    arguments: &'a Arguments,
}

/// CPU seconds for a thousand events.
struct Used {
    service: f64,
    database: f64,
}

impl Scene<'_> {
    fn wants(&self, peer: Peer) -> bool {
        self.arguments.only.is_empty() || self.arguments.only.contains(&peer)
    }

    fn database(&self, peer: Peer, folder: &Path) -> anyhow::Result<String> {
        if peer == Peer::Sqlite {
            return Ok(folder.join("specie.db").display().to_string());
        }
        let name = folder.file_name().unwrap_or_default().to_string_lossy().replace('-', "_");
        self.postgres.as_ref().context("no Postgres was started")?.database(&name)
    }

    /// CPU seconds that a process and the database have used so far.
    fn cpu(&self, id: u32) -> (f64, f64) {
        (cpu(&[id]), self.postgres.as_ref().map_or(0.0, |it| cpu(&[it.id()])))
    }

    async fn to_the_answer(&self, peer: Peer) -> anyhow::Result<()> {
        let folder = self.bench.folder(&format!("answer-{peer:?}").to_lowercase())?;
        let database = self.database(peer, &folder)?;
        let (url, id, events, _alive) = match peer {
            Peer::Express | Peer::ExpressStatement => {
                let form = if peer == Peer::Express { "transaction" } else { "statement" };
                let express = Express::start(&folder, &database, form).await?;
                let url = format!("http://{}/webhook", express.address);
                (url, express.id(), self.arguments.events / 4, Alive::Express(express))
            }
            Peer::Postgres | Peer::Sqlite => {
                let sandbox = Sandbox::start(self.bench, &folder).await?;
                let work = Work::OnlyIngest;
                let service =
                    Service::start(self.bench, &folder, &sandbox, &database, work).await?;
                let events = self.arguments.events;
                (service.webhook(), service.id(), events, Alive::Ours(sandbox, service))
            }
        };
        for at_once in &self.arguments.at_once {
            let (measured, used) = self.one(&url, id, events, *at_once).await?;
            println!("| {} | {at_once} | {}", peer.name(), row(&measured, &used, id)?);
        }
        Ok(())
    }

    async fn one(
        &self,
        url: &str,
        id: u32,
        events: usize,
        at_once: usize,
    ) -> anyhow::Result<(Measured, Used)> {
        let address = url.split('/').nth(2).unwrap_or_default();
        let whose = Whose::Strangers(1000);
        send(address, deliveries(url, 1000, &whose), at_once, Pace::Closed).await?;
        let requests = deliveries(url, events, &whose);
        let before = self.cpu(id);
        let measured = send(address, requests, at_once, Pace::Closed).await?;
        Ok((measured, self.used(id, before, events)))
    }

    fn used(&self, id: u32, before: (f64, f64), events: usize) -> Used {
        let per_thousand = |seconds: f64| seconds * 1000.0 / events as f64;
        let now = self.cpu(id);
        Used { service: per_thousand(now.0 - before.0), database: per_thousand(now.1 - before.1) }
    }

    /// Prints the rows of one peer, and answers the row of its lag.
    async fn until_written(&self, peer: Peer, customers: usize) -> anyhow::Result<String> {
        let folder = format!("written-{customers}-{peer:?}").to_lowercase();
        let folder = self.bench.folder(&folder)?;
        let database = self.database(peer, &folder)?;
        let sandbox = Sandbox::start(self.bench, &folder).await?;
        let service = Service::start(self.bench, &folder, &sandbox, &database, Work::All).await?;
        let customers = service.customers(&sandbox, &service.key()?, customers).await?;
        service.settled().await?;
        for at_once in &self.arguments.at_once {
            let events = self.arguments.events;
            let requests = deliveries(&service.webhook(), events, &Whose::Of(&customers));
            let id = service.id();
            let before = self.cpu(id);
            let apart = cpu(&[sandbox.id()]);
            let begun = super::load::micros();
            let measured = send(&service.address, requests, *at_once, Pace::Closed).await?;
            service.settled().await?;
            let seconds = (super::load::micros() - begun) as f64 / 1e6;
            let used = self.used(id, before, events);
            let apart = (cpu(&[sandbox.id()]) - apart) * 1000.0 / events as f64;
            println!(
                "| {} | {} | {at_once} | {:.0} | {:.1} | {:.1} | {:.0} | {:.3} | {:.3} | {:.3} | {apart:.3} |",
                peer.name(),
                customers.len(),
                measured.rate(),
                measured.at(500),
                measured.at(990),
                events as f64 / seconds,
                used.service,
                used.database,
                used.service + used.database,
            );
        }
        self.lag(peer, &service, &database, &customers).await
    }

    async fn lag(
        &self,
        peer: Peer,
        service: &Service,
        database: &str,
        customers: &[Value],
    ) -> anyhow::Result<String> {
        let events = (self.arguments.pace * self.arguments.lag_seconds) as usize;
        let requests = deliveries(&service.webhook(), events, &Whose::Of(customers));
        let before = self.cpu(service.id());
        let pace = Pace::PerSecond(self.arguments.pace);
        send(&service.address, requests, 64, pace).await?;
        service.settled().await?;
        let used = self.used(service.id(), before, events);
        let lags = lags(database, events).await?;
        let at = |per_mille: usize| lags[(lags.len() - 1) * per_mille / 1000] as f64 / 1000.0;
        Ok(format!(
            "| {} | {} | {:.0} | {:.0} | {:.3} | {:.3} | {:.3} |",
            peer.name(),
            customers.len(),
            at(500),
            at(990),
            used.service,
            used.database,
            used.service + used.database,
        ))
    }

    async fn with_stored(&self, peer: Peer, stored: usize) -> anyhow::Result<()> {
        let folder = self.bench.folder(&format!("stored-{stored}-{peer:?}").to_lowercase())?;
        let database = self.database(peer, &folder)?;
        fill(&database, stored).await?;
        let sandbox = Sandbox::start(self.bench, &folder).await?;
        let work = Work::OnlyIngest;
        let service = Service::start(self.bench, &folder, &sandbox, &database, work).await?;
        let (url, id) = (service.webhook(), service.id());
        let (measured, used) = self.one(&url, id, self.arguments.events, 16).await?;
        println!("| {} | {stored} | {}", peer.name(), row(&measured, &used, id)?);
        Ok(())
    }
}

/// Microseconds from stored to written of the events that came last, sorted.
async fn lags(database: &str, events: usize) -> anyhow::Result<Vec<i64>> {
    let db = Db::open_read_only(database, Options::default()).await?;
    let filter = Filter { state: Some(InboxState::Handled), ..Filter::default() };
    let limit = i64::try_from(events)?;
    let found = inbox::list(&mut db.read().await?, &filter, limit).await?;
    let mut lags: Vec<i64> = found
        .iter()
        .filter_map(|event| {
            let micros = |at: WallTime| at.timestamp().as_microsecond();
            Some(micros(event.handled_at?) - micros(event.received_at))
        })
        .collect();
    anyhow::ensure!(lags.len() == events, "{} of {events} events were written", lags.len());
    lags.sort_unstable();
    Ok(lags)
}

/// Events of long ago, with small bodies: it is their number that counts.
async fn fill(database: &str, count: usize) -> anyhow::Result<()> {
    let db = Db::open(database, Options::default()).await?;
    migrate_up(&db).await?;
    for begun in (0..count).step_by(6400) {
        let events: Vec<NewEvent> = (begun..count.min(begun + 6400)).map(old).collect();
        inbox::add(&db, &events).await?;
    }
    db.close().await;
    Ok(())
}

fn old(n: usize) -> NewEvent {
    let second = 1_700_000_000 + i64::try_from(n).unwrap_or_default();
    let customer = format!("cus_old{}", n % 100_000);
    NewEvent {
        id: format!("evt_{}", &SystemChance.token()[..24]),
        kind: "customer.updated".into(),
        created: BusinessTime::from_second(second),
        api_version: Some("2026-10-28.endive".into()),
        account: None,
        livemode: false,
        object: Some(customer.clone()),
        customer: Some(customer.clone()),
        lane: Some(customer),
        payload: b"{}".to_vec(),
        received_at: WallTime::from_second(second),
        state: InboxState::Unclaimed,
    }
}

/// What runs as long as it is measured.
enum Alive {
    Express(#[expect(dead_code, reason = "it ends with this value")] Express),
    Ours(
        #[expect(dead_code, reason = "it ends with this value")] Sandbox,
        #[expect(dead_code, reason = "it ends with this value")] Service,
    ),
}

fn row(measured: &Measured, used: &Used, id: u32) -> anyhow::Result<String> {
    Ok(format!(
        "{:.0} | {:.1} | {:.1} | {:.3} | {:.3} | {:.3} | {:.0} |",
        measured.rate(),
        measured.at(500),
        measured.at(990),
        used.service,
        used.database,
        used.service + used.database,
        memory(id)?,
    ))
}
