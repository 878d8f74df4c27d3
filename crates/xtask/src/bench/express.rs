//! The service of `bench/express`: what ours is measured against.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};

use super::events::SECRET;
use super::process::{Running, output, wait_for};

/// A running one.
pub struct Express {
    server: Running,
    /// `127.0.0.1:1234`.
    pub address: String,
}

impl Express {
    /// Starts it on an empty Postgres database. `form` is `transaction` or `statement`.
    pub async fn start(folder: &Path, database: &str, form: &str) -> anyhow::Result<Self> {
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bench/express");
        if !home.join("node_modules").exists() {
            let flags = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
            output(Command::new("npm").args(flags).current_dir(&home))?;
        }
        let mut command = Command::new("node");
        command.arg("server.mjs").current_dir(&home).env("NODE_ENV", "production");
        command.env("DATABASE_URL", database).env("STRIPE_WEBHOOK_SECRET", SECRET);
        command.env("PORT", "0").env("FORM", form);
        let log = folder.join("express.log");
        let mut server = Running::start(&mut command, &log, "-TERM")?;
        let said = || fs::read_to_string(&log).unwrap_or_default();
        wait_for("Express", || said().contains("/webhook") || !server.runs()).await?;
        ensure!(server.runs(), "Express ended: {}", said());
        let text = said();
        let address = text.trim().strip_prefix("http://").and_then(|it| it.split_once('/'));
        Ok(Self { server, address: address.context(text.clone())?.0.to_owned() })
    }

    /// Its process.
    pub fn id(&self) -> u32 {
        self.server.id()
    }
}
