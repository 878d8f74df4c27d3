//! `specie events`: what Stripe has sent, and parked events that are to be tried again.

use axum::http::Method;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use specie_server::events::{self, NotReplayed};
use specie_server::explain;
use specie_store::inbox::{self, Event, EventHead, Filter, InboxState};
use specie_vocab::{SystemChance, SystemClock, WallClock};

use crate::config::Environment;
use crate::database::{self, Writer};
use crate::fail::Fail;
use crate::operator::{self, ToReplay};
use crate::out;
use crate::table::{self, Column, left};

/// See `specie events --help`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  specie events list --state parked\n  specie events show evt_1Qx…\n  specie events replay --state parked\n\nThe database is the one that `DATABASE_URL` names; a running `specie serve` may stay."
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
    /// Lists events, the newest first.
    #[command(
        after_help = "Examples:\n  specie events list\n  specie events list --state parked --json\n  specie events list --customer ada --type invoice.paid --limit 20"
    )]
    List {
        /// Only those in this state.
        #[arg(long)]
        state: Option<State>,
        /// Only those about this customer: Stripe's id (cus_…), your app's, or ours.
        #[arg(long)]
        customer: Option<String>,
        /// Only those of this type.
        #[arg(long = "type", value_name = "TYPE")]
        kind: Option<String>,
        /// How many at most.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
    },
    /// Shows what is known of an event.
    #[command(
        after_help = "Examples:\n  specie events show evt_1Qx…\n  specie events show evt_1Qx… --payload"
    )]
    Show {
        /// Its id.
        id: String,
        /// Shows what came, too, as it came; it names people.
        #[arg(long)]
        payload: bool,
    },
    /// Lets parked events wait for their lanes again.
    #[command(
        after_help = "Examples:\n  specie events replay evt_1Qx… evt_1Qy…\n  specie events replay --state parked"
    )]
    Replay {
        /// Their ids.
        #[arg(required_unless_present = "state", conflicts_with = "state")]
        ids: Vec<String>,
        /// All that are parked.
        #[arg(long, value_parser = ["parked"])]
        state: Option<String>,
    },
}

/// What becomes of an event.
#[derive(Clone, Copy, ValueEnum)]
enum State {
    /// It waits for its lane.
    Pending,
    /// Its lane has looked.
    Handled,
    /// It fails again and again, and waits for a person.
    Parked,
    /// It is about a customer who is not ours.
    Unclaimed,
    /// It belongs to another account or mode.
    Foreign,
    /// It does not say what it is about.
    Unroutable,
}

impl From<State> for InboxState {
    fn from(state: State) -> Self {
        match state {
            State::Pending => Self::Pending,
            State::Handled => Self::Handled,
            State::Parked => Self::Parked,
            State::Unclaimed => Self::Unclaimed,
            State::Foreign => Self::Foreign,
            State::Unroutable => Self::Unroutable,
        }
    }
}

/// When, state, type, id, customer.
const COLUMNS: [Column; 5] = [left(19), left(10), left(36), left(30), left(20)];

/// Opens the database and does it.
pub async fn run(arguments: Arguments) -> Result<(), Fail> {
    let environment = Environment::read()?;
    let as_json = arguments.json;
    match arguments.what {
        What::List { state, customer, kind, limit } => {
            let filter = Filter { state: state.map(Into::into), customer, kind };
            let heads = heads(&environment, filter, limit).await?;
            list(&heads, as_json)
        }
        What::Show { id, payload } => {
            let db = database::reader(&environment).await?;
            let event = inbox::get(&mut db.read().await?, &id).await?;
            let event = event.ok_or_else(|| unknown(&id))?;
            show(&event, payload, as_json)
        }
        What::Replay { ids, .. } => {
            let events = replay(database::writer(&environment).await?, ids).await?;
            if as_json {
                return out::json(&json!({ "replayed": events }));
            }
            if events.is_empty() {
                return out::say("no event is parked");
            }
            for id in events {
                out::say(format!("replayed {id}"))?;
            }
            Ok(())
        }
    }
}

fn unknown(id: &str) -> Fail {
    Fail::Input(format!("there is no event `{id}`\n\nhint: `specie events list` shows them"))
}

async fn heads(
    environment: &Environment,
    mut filter: Filter,
    limit: i64,
) -> Result<Vec<EventHead>, Fail> {
    let db = database::reader(environment).await?;
    let mut tx = db.read().await?;
    if let Some(named) = filter.customer.take_if(|named| !named.starts_with("cus_")) {
        let found = explain::customer(&mut tx, &named).await?;
        let stripe = found.and_then(|payer| payer.stripe);
        filter.customer = Some(stripe.map(String::from).ok_or_else(|| {
            Fail::Input(format!(
                "there is no customer `{named}` that Stripe knows: expected Stripe's id (cus_…), your app's, or ours"
            ))
        })?);
    }
    Ok(inbox::list(&mut tx, &filter, limit).await?)
}

fn list(heads: &[EventHead], as_json: bool) -> Result<(), Fail> {
    if as_json {
        let events: Vec<_> = heads.iter().map(head).collect();
        return out::json(&json!({ "events": events }));
    }
    if heads.is_empty() {
        return out::say("no event is like that");
    }
    out::say(table::row(&COLUMNS, &["came (UTC)", "state", "type", "event", "customer"]))?;
    for it in heads {
        let at = it.received_at.timestamp().strftime("%Y-%m-%d %H:%M:%S").to_string();
        let customer = it.customer.as_deref().unwrap_or_default();
        let cells = [at.as_str(), it.state.as_str(), &it.kind, &it.id, customer];
        out::say(table::row(&COLUMNS, &cells))?;
    }
    Ok(())
}

fn head(it: &EventHead) -> Value {
    json!({
        "id": it.id, "type": it.kind, "state": it.state.as_str(), "object": it.object,
        "customer": it.customer, "created": it.created.timestamp(),
        "received_at": it.received_at.timestamp(),
        "handled_at": it.handled_at.map(|at| at.timestamp()), "failures": it.failures,
        "reason": it.reason,
    })
}

fn show(it: &Event, payload: bool, as_json: bool) -> Result<(), Fail> {
    let mut facts = json!({
        "id": it.id, "type": it.kind, "state": it.state.as_str(), "object": it.object,
        "customer": it.customer, "lane": it.lane, "account": it.account,
        "livemode": it.livemode, "api_version": it.api_version,
        "created": it.created.timestamp(), "received_at": it.received_at.timestamp(),
        "handled_at": it.handled_at.map(|at| at.timestamp()), "failures": it.failures,
        "reason": it.reason,
    });
    if as_json {
        if payload {
            facts["payload"] = match serde_json::from_slice(&it.payload) {
                Ok(found) => found,
                Err(_) => String::from_utf8_lossy(&it.payload).into(),
            };
        }
        return out::json(&facts);
    }
    for (name, value) in facts.as_object().into_iter().flatten() {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        out::say(format!("{name:<12} {text}"))?;
    }
    if payload {
        out::say("")?;
        out::bytes(&it.payload)?;
        out::say("")?;
    }
    Ok(())
}

/// Replays these events, or all that are parked, if none is named.
async fn replay(writer: Writer, ids: Vec<String>) -> Result<Vec<String>, Fail> {
    match writer {
        Writer::Direct(db) => {
            let now = SystemClock.now();
            let replayed = match ids.is_empty() {
                true => events::replay_all(&db, &SystemChance, now).await,
                false => events::replay(&db, &SystemChance, &ids, now).await,
            };
            replayed.map(|it| it.events).map_err(|error| match error {
                NotReplayed::Store(error) => error.into(),
                NotReplayed::Unknown(id) => unknown(&id),
                error @ NotReplayed::NotParked { .. } => Fail::Input(error.to_string()),
            })
        }
        Writer::Through(path) => {
            let body = ToReplay { ids };
            let answer = operator::ask(&path, Method::POST, "/operator/replays", &body).await?;
            let events = answer["replayed"].as_array().into_iter().flatten();
            Ok(events.filter_map(|it| it.as_str().map(String::from)).collect())
        }
    }
}
