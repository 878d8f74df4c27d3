//! `specie explain`: the story of one customer, subscription, payment or event.

use clap::Args;
use serde_json::Value;
use specie_server::explain::{self, Line, Part, Story, Unexplained, meaning};

use crate::config::Environment;
use crate::database;
use crate::fail::Fail;
use crate::out;
use crate::table::{self, Column, left};

/// See `specie explain --help`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  specie explain ada\n  specie explain sub_1Qx…\n  specie explain evt_1Qx… --json\n\nIt reads the database that `DATABASE_URL` names, beside a running `specie serve`. No address,\nname or card is told."
)]
pub struct Arguments {
    /// A customer by your app's id, ours or Stripe's (cus_…); a subscription (sub_…), a payment
    /// (pi_…), an invoice (in_…), a session (cs_…), an event (evt_…), or an intent.
    id: String,
    /// One JSON document on stdout.
    #[arg(long)]
    json: bool,
}

/// When, which part, what.
const COLUMNS: [Column; 3] = [left(20), left(8), left(70)];

/// Reads the database and tells the story.
pub async fn run(arguments: Arguments) -> Result<(), Fail> {
    let db = database::reader(&Environment::read()?).await?;
    let story = explain::explain(&db, &arguments.id).await?;
    if arguments.json { out::json(&story) } else { tell(&story) }
}

impl From<Unexplained> for Fail {
    fn from(error: Unexplained) -> Self {
        let hint = match error {
            Unexplained::Store(error) => return error.into(),
            Unexplained::Several { .. } => "ask for one of them",
            Unexplained::Unknown { .. } => {
                "`DATABASE_URL` names the database; `specie events list` shows what came"
            }
        };
        Self::Input(error.to_string()).with_hint(hint)
    }
}

fn tell(story: &Story) -> Result<(), Fail> {
    out::say(format!("{} {}", story.kind, story.asked))?;
    match &story.customer {
        Some(it) => {
            let stripe = it.stripe.as_deref().unwrap_or("not at Stripe yet");
            out::say(format!("of customer {} in `{}`: {}, {stripe}", it.app_id, it.realm, it.id))?;
        }
        None => out::say("of nobody who is ours")?,
    }
    out::say("")?;
    for line in &story.story {
        row(line)?;
    }
    if !story.waiting.is_empty() {
        out::say("\nstill to come")?;
    }
    for line in &story.waiting {
        row(line)?;
    }
    Ok(())
}

fn row(line: &Line) -> Result<(), Fail> {
    let at = line.at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    out::say(table::row(&COLUMNS, &[&at, word(line.part), &sentence(line)]))
}

fn word(part: Part) -> &'static str {
    match part {
        Part::Came => "came",
        Part::Read => "read",
        Part::Decided => "decided",
        Part::Sent => "sent",
        Part::Told => "told",
        Part::Waits => "waits",
    }
}

/// What happened, to what, by whom and why, and what else is known.
fn sentence(line: &Line) -> String {
    let mut text = line.what.clone();
    for part in line.id.iter() {
        text.push_str(&format!(" {part}"));
    }
    if let Some(who) = &line.who {
        text.push_str(&format!(", by {who}"));
    }
    if let Some(why) = &line.why {
        text.push_str(&format!(", because of {why}"));
        if let Some(meaning) = meaning(why) {
            text.push_str(&format!(" ({meaning})"));
        }
    }
    let details = if line.part == Part::Decided { &line.details["details"] } else { &line.details };
    let details = if details.is_null() { &line.details } else { details };
    let known = facts(details, line.id.as_deref());
    if known.is_empty() { text } else { format!("{text}: {known}") }
}

/// `name value` for each field that says something new.
fn facts(details: &Value, id: Option<&str>) -> String {
    let Value::Object(fields) = details else { return String::new() };
    let fact = |(name, value): (&String, &Value)| match value {
        Value::Null => None,
        Value::String(text) if Some(text.as_str()) == id => None,
        Value::String(text) => Some(format!("{name} {text}")),
        // What was, and what is.
        Value::Array(pair) if pair.len() == 2 => {
            Some(format!("{name} {} → {}", short(&pair[0]), short(&pair[1])))
        }
        other => Some(format!("{name} {}", short(other))),
    };
    fields.iter().filter_map(fact).collect::<Vec<_>>().join(", ")
}

fn short(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
