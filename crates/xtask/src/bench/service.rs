//! The sandbox and the service, from the binary that is measured.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::Value;
use specie_vocab::{Chance, SystemChance};

use super::Bench;
use super::events::SECRET;
use super::load::{Connection, Ready};
use super::process::{Running, free_port, output, wait_for};

/// Any key of a sandbox.
pub const STRIPE_KEY: &str = "sk_test_bench";

/// A running sandbox.
pub struct Sandbox {
    server: Running,
    log: PathBuf,
    /// `127.0.0.1:1234`.
    pub address: String,
}

impl Sandbox {
    /// Starts one that keeps its state in `folder`.
    pub async fn start(bench: &Bench, folder: &Path) -> anyhow::Result<Self> {
        let address = format!("127.0.0.1:{}", free_port()?);
        let mut command = Command::new(&bench.specie);
        command.args(["sandbox", "--port", port(&address), "--data-dir"]);
        command.arg(folder.join("stripe")).arg("--json").current_dir(folder);
        let log = folder.join("sandbox.log");
        let mut server = Running::start(&mut command, &log, "-TERM")?;
        wait_for("the sandbox", || is_open(&address) || !server.runs()).await?;
        ensure!(server.runs(), "the sandbox ended: {}", fs::read_to_string(&log)?);
        Ok(Self { server, log, address })
    }

    /// What opens its control calls.
    pub fn control_key(&self) -> anyhow::Result<String> {
        let said = fs::read_to_string(&self.log)?;
        let key = said.split_once(r#""control_key":"#).and_then(|(_, rest)| rest.split('"').nth(1));
        Ok(key.with_context(|| said.clone())?.to_owned())
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.server.id()
    }
}

/// How a service is started.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// As it is.
    All,
    /// It stores events, and lanes do not work.
    OnlyIngest,
}

/// A running service with the SaaSKit catalog.
pub struct Service {
    server: Running,
    folder: PathBuf,
    specie: PathBuf,
    environment: Vec<(&'static str, String)>,
    /// `127.0.0.1:1234`.
    pub address: String,
    /// The same of its private listener.
    pub private: String,
    /// From its start to its first answer, in milliseconds.
    pub ready_after: i64,
}

impl Service {
    /// Migrates the database, writes the catalog to the sandbox, and starts.
    pub async fn start(
        bench: &Bench,
        folder: &Path,
        sandbox: &Sandbox,
        database: &str,
        work: Work,
    ) -> anyhow::Result<Self> {
        let [address, private] = [free_port()?, free_port()?].map(|it| format!("127.0.0.1:{it}"));
        let environment = vec![
            ("STRIPE_SECRET_KEY", STRIPE_KEY.to_owned()),
            ("STRIPE_WEBHOOK_SECRET", SECRET.to_owned()),
            ("STRIPE_API_BASE", format!("http://{}", sandbox.address)),
            ("PUBLIC_URL", format!("http://{address}")),
            ("JWT_SECRET", SystemChance.token()),
            ("DATABASE_URL", database.to_owned()),
        ];
        let specie = bench.specie.clone();
        let program = || {
            let mut command = Command::new(&specie);
            command.current_dir(folder).envs(environment.clone());
            command
        };
        output(program().arg("init"))?;
        output(program().args(["migrate", "up"]))?;
        output(program().args(["catalog", "apply", "--secret-file", "endpoint.secret"]))?;
        let mut command = program();
        command.args(["serve", "--port", port(&address), "--private-port", port(&private)]);
        if work == Work::OnlyIngest {
            command.arg("--only-ingest");
        }
        let log = folder.join("serve.log");
        let begun = super::load::micros();
        let mut server = Running::start(&mut command, &log, "-TERM")?;
        wait_for("the service", || is_open(&address) || !server.runs()).await?;
        ensure!(server.runs(), "the service ended: {}", fs::read_to_string(&log)?);
        // It listens before it answers.
        Connection::open(&address).await?.send(get(&address, "/healthz")?).await?;
        let ready_after = (super::load::micros() - begun) / 1000;
        let folder = folder.to_owned();
        Ok(Self { server, folder, specie, environment, address, private, ready_after })
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.server.id()
    }

    /// Where events are delivered.
    pub fn webhook(&self) -> String {
        format!("http://{}/api/billing/webhook", self.address)
    }

    /// A new server key.
    pub fn key(&self) -> anyhow::Result<String> {
        let mut command = Command::new(&self.specie);
        command.current_dir(&self.folder).envs(self.environment.clone());
        Ok(output(command.args(["keys", "create", "--name", "bench"]))?.trim().to_owned())
    }

    /// Makes `count` customers who have begun a checkout, and answers them as Stripe shows them.
    pub async fn customers(
        &self,
        sandbox: &Sandbox,
        key: &str,
        count: usize,
    ) -> anyhow::Result<Vec<Value>> {
        let mut connection = Connection::open(&self.address).await?;
        for n in 0..count {
            let request = Request::post(format!("http://{}/api/billing/checkout", self.address))
                .header("authorization", format!("Bearer {key}"))
                .header("specie-customer", format!("bench-{n}"))
                .header("content-type", "application/json")
                .body(Full::new(Bytes::from_static(br#"{"plan":"pro","price":"monthly"}"#)))?;
            let answer = connection.send(request).await?;
            ensure!(answer.status().is_success(), "a checkout was answered with {answer:?}");
        }
        all_customers(sandbox).await
    }

    /// Waits until no lane has anything to do.
    pub async fn settled(&self) -> anyhow::Result<()> {
        let mut connection = Connection::open(&self.private).await?;
        for _ in 0..3000 {
            let answer = connection.send(get(&self.private, "/metrics")?).await?;
            let text = String::from_utf8_lossy(answer.body()).into_owned();
            if figure(&text, "specie_lanes_waiting") == Some(0.0) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        anyhow::bail!("lanes still have work after five minutes")
    }
}

/// A figure of `/metrics`.
pub fn figure(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line?.trim().parse().ok()
}

/// A request that only reads.
pub fn get(address: &str, path: &str) -> anyhow::Result<Ready> {
    let request = Request::get(format!("http://{address}{path}"));
    Ok(request.header("authorization", format!("Bearer {STRIPE_KEY}")).body(Full::default())?)
}

/// All customers that the sandbox knows.
async fn all_customers(sandbox: &Sandbox) -> anyhow::Result<Vec<Value>> {
    let mut connection = Connection::open(&sandbox.address).await?;
    let mut all: Vec<Value> = Vec::new();
    loop {
        let last = all.last().and_then(|last| last["id"].as_str());
        let after = last.map(|id| format!("&starting_after={id}")).unwrap_or_default();
        let path = format!("/v1/customers?limit=100{after}");
        let answer = connection.send(get(&sandbox.address, &path)?).await?;
        let page: Value = serde_json::from_slice(answer.body())?;
        let data = page["data"].as_array().context("no list of customers")?;
        all.extend_from_slice(data);
        if page["has_more"] != true {
            return Ok(all);
        }
    }
}

fn port(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(_, port)| port)
}

fn is_open(address: &str) -> bool {
    std::net::TcpStream::connect(address).is_ok()
}
