//! `cargo xtask bench sandbox`: how fast the offline Stripe is, and whether it stays so with what is
//! stored.

use anyhow::{Context, ensure};
use bytes::Bytes;
use clap::Args;
use http::Request;
use http_body_util::Full;
use serde_json::Value;
use specie_vocab::{Chance, SystemChance};

use super::Bench;
use super::load::{Connection, Pace, Ready, micros, send};
use super::process::{cpu, memory};
use super::service::{STRIPE_KEY, Sandbox};

/// See `cargo xtask bench sandbox --help`.
#[derive(Args)]
pub struct Arguments {
    /// Objects that are stored before each measurement.
    #[arg(long, value_delimiter = ',', default_value = "1000,100000,1000000")]
    stored: Vec<usize>,
    /// Creates of each measurement.
    #[arg(long, default_value_t = 20_000)]
    creates: usize,
    /// New subscribers of each measurement.
    #[arg(long, default_value_t = 500)]
    flows: usize,
}

/// Measures, and prints two tables.
pub async fn run(bench: &Bench, arguments: &Arguments) -> anyhow::Result<()> {
    let mut stock = Stock::start(bench).await?;
    let mut flows = Vec::new();
    println!("{HEAD}");
    for wanted in &arguments.stored {
        let grown = stock.grow(*wanted).await?;
        let one = create(&stock.sandbox, arguments, 1).await?;
        let many = create(&stock.sandbox, arguments, 16).await?;
        stock.objects += 2 * arguments.creates;
        println!("| {wanted} | {one} | {many} | {grown:.1} |");
        let begun = stock.subscribe(arguments.flows).await?;
        let renewed = stock.renew().await?;
        flows.push(format!("| {wanted} | {begun:.0} | {} | {renewed:.0} |", stock.subscribers));
    }
    drop(stock);
    println!("\n{FLOWS}\n{}", flows.join("\n"));
    println!("\nA year of one customer with monthly renewals: {:.3} s.", year(bench).await?);
    Ok(())
}

const HEAD: &str = "| stored before | creates/s, 1 at once (p99 ms, CPU s per 1,000) | 16 at once | memory per object, KB |\n| --- | --- | --- | --- |";
const FLOWS: &str = "| stored before | new subscribers/s, one connection | subscribers then | their renewals/s |\n| --- | --- | --- | --- |";

/// One of so many stored objects is a subscriber; customers without anything are most others.
const ONE_IN: usize = 100;
/// A subscriber with what belongs to them: card, subscription, invoice, its payment, intent, charge
/// and balance transaction.
const OF_A_SUBSCRIBER: usize = 8;
/// What a renewal adds: the last five of those.
const OF_A_RENEWAL: usize = 5;
/// The longest month, and a day in which its drafts become invoices.
const MONTH: i64 = 32 * 86_400;

/// A sandbox, and how much is in it.
struct Stock {
    sandbox: Sandbox,
    price: String,
    objects: usize,
    subscribers: usize,
}

impl Stock {
    async fn start(bench: &Bench) -> anyhow::Result<Self> {
        let sandbox = Sandbox::start(bench, &bench.folder("sandbox")?).await?;
        let price = price(&sandbox).await?;
        Ok(Self { sandbox, price, objects: 0, subscribers: 0 })
    }

    /// Stores objects until there are `wanted`. Answers the memory of each, in KB; those of
    /// subscribers, which are larger, left out.
    async fn grow(&mut self, wanted: usize) -> anyhow::Result<f64> {
        self.subscribe(wanted.saturating_sub(self.objects) / ONE_IN).await?;
        let more = wanted.saturating_sub(self.objects);
        let before = memory(self.sandbox.id())?;
        for part in (0..more).step_by(50_000) {
            let all = creates(&self.sandbox, (more - part).min(50_000));
            send(&self.sandbox.address, all, 16, Pace::Closed).await?;
        }
        self.objects += more;
        Ok((memory(self.sandbox.id())? - before) * 1024.0 / more.max(1) as f64)
    }

    /// Makes so many new subscribers. Answers how many a second.
    async fn subscribe(&mut self, count: usize) -> anyhow::Result<f64> {
        let begun = micros();
        let mut connection = Connection::open(&self.sandbox.address).await?;
        for _ in 0..count {
            subscriber(&self.sandbox, &mut connection, &self.price).await?;
        }
        self.subscribers += count;
        self.objects += count * OF_A_SUBSCRIBER;
        Ok(count as f64 * 1e6 / (micros() - begun) as f64)
    }

    /// Lets a month go by, in which each subscriber renews. Answers how many a second.
    async fn renew(&mut self) -> anyhow::Result<f64> {
        let seconds = advance(&self.sandbox, MONTH).await?;
        self.objects += self.subscribers * OF_A_RENEWAL;
        Ok(self.subscribers as f64 / seconds)
    }
}

/// Requests that create customers.
fn creates(sandbox: &Sandbox, count: usize) -> Vec<Ready> {
    (0..count)
        .map(|n| form(sandbox, "/v1/customers", &format!("email=ada{n}@example.com&name=Ada")))
        .collect()
}

async fn create(
    sandbox: &Sandbox,
    arguments: &Arguments,
    at_once: usize,
) -> anyhow::Result<String> {
    let all = creates(sandbox, arguments.creates);
    let before = cpu(&[sandbox.id()]);
    let measured = send(&sandbox.address, all, at_once, Pace::Closed).await?;
    let used = (cpu(&[sandbox.id()]) - before) * 1000.0 / arguments.creates as f64;
    Ok(format!("{:.0} ({:.1}, {used:.3})", measured.rate(), measured.at(990)))
}

fn form(sandbox: &Sandbox, path: &str, body: &str) -> Ready {
    Request::post(format!("http://{}{path}", sandbox.address))
        .header("authorization", format!("Bearer {STRIPE_KEY}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("idempotency-key", SystemChance.token())
        .body(Full::new(Bytes::from(body.to_owned())))
        .expect("the parts are a request's")
}

/// Sends a form, and answers the id of what it made.
async fn made(connection: &mut Connection, request: Ready) -> anyhow::Result<String> {
    let answer = connection.send(request).await?;
    ensure!(answer.status().is_success(), "answered {answer:?}");
    let body: Value = serde_json::from_slice(answer.body())?;
    Ok(body["id"].as_str().context("an object without an id")?.to_owned())
}

async fn price(sandbox: &Sandbox) -> anyhow::Result<String> {
    let connection = &mut Connection::open(&sandbox.address).await?;
    let product = made(connection, form(sandbox, "/v1/products", "name=Pro")).await?;
    let body = format!("product={product}&currency=usd&unit_amount=2900&recurring[interval]=month");
    made(connection, form(sandbox, "/v1/prices", &body)).await
}

/// A customer, their card, and a subscription that is paid at once.
async fn subscriber(
    sandbox: &Sandbox,
    connection: &mut Connection,
    price: &str,
) -> anyhow::Result<()> {
    let body = "email=ada@example.com&payment_method=pm_card_visa";
    let customer = made(connection, form(sandbox, "/v1/customers", body)).await?;
    let cards =
        Request::get(format!("http://{}/v1/customers/{customer}/payment_methods", sandbox.address));
    let cards = cards.header("authorization", format!("Bearer {STRIPE_KEY}"));
    let answer = connection.send(cards.body(Full::default())?).await?;
    let cards: Value = serde_json::from_slice(answer.body())?;
    let card = cards["data"][0]["id"].as_str().with_context(|| format!("no card: {cards}"))?;
    let body = format!("customer={customer}&items[0][price]={price}&default_payment_method={card}");
    made(connection, form(sandbox, "/v1/subscriptions", &body)).await?;
    Ok(())
}

/// Seconds for one customer's year with monthly renewals.
async fn year(bench: &Bench) -> anyhow::Result<f64> {
    let folder = bench.folder("sandbox-year")?;
    let sandbox = Sandbox::start(bench, &folder).await?;
    let price = price(&sandbox).await?;
    let mut connection = Connection::open(&sandbox.address).await?;
    subscriber(&sandbox, &mut connection, &price).await?;
    advance(&sandbox, 31_536_000).await
}

/// Moves the clock by so many seconds. Answers how many that took.
async fn advance(sandbox: &Sandbox, seconds: i64) -> anyhow::Result<f64> {
    let mut connection = Connection::open(&sandbox.address).await?;
    let body = format!(r#"{{"seconds": {seconds}}}"#);
    let request = Request::post(format!("http://{}/_sandbox/clock/advance", sandbox.address))
        .header("specie-sandbox-key", sandbox.control_key()?)
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body)))?;
    let begun = micros();
    let answer = connection.send(request).await?;
    let seconds = (micros() - begun) as f64 / 1e6;
    ensure!(answer.status().is_success(), "answered {answer:?}");
    Ok(seconds)
}
