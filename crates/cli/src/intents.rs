//! `specie intents`: our changes at Stripe, and what is to become of those that are stuck.

use axum::http::Method;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use specie_server::intents::stuck::{self, Decision, NotDecided};
use specie_store::customers;
use specie_store::intents::{self, Intent, IntentState};
use specie_vocab::{IntentId, SystemChance, SystemClock, WallClock};

use crate::config::Environment;
use crate::database::{self, Writer};
use crate::fail::Fail;
use crate::operator::{self, ToDecide};
use crate::out;
use crate::table::{self, Column, left};

/// See `specie intents --help`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  specie intents list --state stuck\n  specie explain 019a…\n  specie intents retry 019a…\n\nThe database is the one that `DATABASE_URL` names; a running `specie serve` may stay."
)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
    /// One JSON document on stdout.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum What {
    /// Lists changes, the newest first. `specie explain ID` tells the story of one.
    #[command(
        after_help = "Examples:\n  specie intents list\n  specie intents list --state stuck --json"
    )]
    List {
        /// Only those in this state.
        #[arg(long)]
        state: Option<State>,
        /// How many at most.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
    },
    /// Lets stuck changes go on in a minute: what they have done at Stripe is looked for and taken up.
    #[command(after_help = "Examples:\n  specie intents retry 019a…")]
    Retry {
        /// Their ids.
        #[arg(required = true)]
        ids: Vec<IntentId>,
    },
    /// Ends stuck changes: nothing more of them is done, and what they have made at Stripe stays.
    #[command(after_help = "Examples:\n  specie intents close 019a…")]
    Close {
        /// Their ids.
        #[arg(required = true)]
        ids: Vec<IntentId>,
    },
}

/// How far a change has come.
#[derive(Clone, Copy, ValueEnum)]
enum State {
    /// It is still to be carried out.
    Open,
    /// It is done.
    Done,
    /// What was half done is undone, or an operator closed it.
    Undone,
    /// Stripe refused it.
    Failed,
    /// An operator has to decide.
    Stuck,
}

impl From<State> for IntentState {
    fn from(state: State) -> Self {
        match state {
            State::Open => Self::Open,
            State::Done => Self::Done,
            State::Undone => Self::Undone,
            State::Failed => Self::Failed,
            State::Stuck => Self::Stuck,
        }
    }
}

/// When, state, kind, id, customer.
const COLUMNS: [Column; 5] = [left(19), left(7), left(17), left(36), left(20)];

/// Opens the database and does it.
pub async fn run(arguments: Arguments) -> Result<(), Fail> {
    let environment = Environment::read()?;
    let as_json = arguments.json;
    let (ids, decision) = match arguments.what {
        What::List { state, limit } => {
            let listed = listed(&environment, state.map(Into::into), limit).await?;
            return list(&listed, as_json);
        }
        What::Retry { ids } => (ids, Decision::Retry),
        What::Close { ids } => (ids, Decision::Close),
    };
    let ids = decide(database::writer(&environment).await?, ids, decision).await?;
    let done = match decision {
        Decision::Retry => "retried",
        Decision::Close => "closed",
    };
    if as_json {
        return out::json(&json!({ done: ids }));
    }
    for id in ids {
        out::say(format!("{done} {id}"))?;
    }
    Ok(())
}

/// Changes, each with its customer's id in the app.
async fn listed(
    environment: &Environment,
    state: Option<IntentState>,
    limit: i64,
) -> Result<Vec<(Intent, String)>, Fail> {
    let db = database::reader(environment).await?;
    let mut tx = db.read().await?;
    let mut listed = Vec::new();
    for intent in intents::list(&mut tx, state, limit).await? {
        let payer = customers::get(&mut tx, intent.payer).await?;
        listed.push((intent, payer.map(|payer| payer.app_id).unwrap_or_default()));
    }
    Ok(listed)
}

fn list(listed: &[(Intent, String)], as_json: bool) -> Result<(), Fail> {
    if as_json {
        let intents: Vec<_> =
            listed.iter().map(|(intent, customer)| one(intent, customer)).collect();
        return out::json(&json!({ "intents": intents }));
    }
    if listed.is_empty() {
        return out::say("no change is like that");
    }
    out::say(table::row(&COLUMNS, &["begun (UTC)", "state", "change", "intent", "customer"]))?;
    for (it, customer) in listed {
        let at = it.created_at.timestamp().strftime("%Y-%m-%d %H:%M:%S").to_string();
        let id = it.id.to_string();
        out::say(table::row(&COLUMNS, &[&at, it.state.as_str(), &it.kind, &id, customer]))?;
        let why = it.result.as_ref().and_then(|result| result["why"].as_str());
        if let Some(why) = why.filter(|_| it.state == IntentState::Stuck) {
            out::say(format!("  {why}"))?;
        }
    }
    Ok(())
}

fn one(it: &Intent, customer: &str) -> Value {
    let why = it.result.as_ref().and_then(|result| result["why"].as_str());
    json!({
        "id": it.id, "kind": it.kind, "state": it.state.as_str(), "customer": customer,
        "plan_group": it.plan_group, "asked_by": it.asked_by,
        "created_at": it.created_at.timestamp(),
        "finished_at": it.finished_at.map(|at| at.timestamp()), "why": why,
    })
}

/// Answers which they are, each once.
async fn decide(
    writer: Writer,
    ids: Vec<IntentId>,
    decision: Decision,
) -> Result<Vec<IntentId>, Fail> {
    match writer {
        Writer::Direct(db) => {
            let now = SystemClock.now();
            let decided = stuck::decide(&db, &SystemChance, &ids, decision, now).await;
            let decided = decided.map_err(|error| match error {
                NotDecided::Store(error) => error.into(),
                error => Fail::Input(format!("{error}\n\nhint: `specie intents list` shows them")),
            })?;
            Ok(decided.intents)
        }
        Writer::Through(path) => {
            let body = ToDecide { ids, decision };
            let answer = operator::ask(&path, Method::POST, "/operator/decisions", &body).await?;
            let decided = answer["decided"].as_array().into_iter().flatten();
            Ok(decided.filter_map(|id| id.as_str()?.parse().ok()).collect())
        }
    }
}
