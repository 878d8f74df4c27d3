//! Tells what happens to the demo's customers: each charge, each decline, each turn of a
//! subscription and each mail once, with what the customer sees then.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;
use specie_store::mails::{self, Mail};

use super::{Charge, DemoError, Line, dollars, ledger};
use crate::person::Person;
use crate::stage::Stage;

/// What was seen so far, so that each thing is told once.
pub(super) struct Telling<'a> {
    pub(super) stage: &'a Stage,
    charges: BTreeSet<String>,
    mails: BTreeSet<String>,
    views: BTreeMap<String, Value>,
    pub(super) timeline: Vec<Line>,
    tell: &'a mut (dyn FnMut(&Line) + Send),
}

impl<'a> Telling<'a> {
    pub(super) fn new(stage: &'a Stage, tell: &'a mut (dyn FnMut(&Line) + Send)) -> Self {
        Self {
            stage,
            charges: BTreeSet::new(),
            mails: BTreeSet::new(),
            views: BTreeMap::new(),
            timeline: Vec::new(),
            tell,
        }
    }

    fn say(&mut self, at: Timestamp, who: &str, what: String, money: Option<String>, sees: String) {
        let line = Line { at, customer: who.into(), what, money, sees };
        (self.tell)(&line);
        self.timeline.push(line);
    }

    /// Something that a customer did, and what came of it.
    pub(super) async fn did(&mut self, person: &Person<'_>, what: &str) -> Result<(), DemoError> {
        let view = person.subscription().await?;
        let sees = seen(&view);
        self.views.insert(person.id.clone(), view);
        self.say(self.now(), &person.id, what.into(), None, sees);
        self.look(&[person]).await
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.stage.sandbox.now()).unwrap_or(Timestamp::MAX)
    }

    /// Tells what happened since the last look.
    pub(super) async fn look(&mut self, people: &[&Person<'_>]) -> Result<(), DemoError> {
        let mut turned = Vec::new();
        for person in people {
            let view = person.subscription().await?;
            let before = self.views.insert(person.id.clone(), view.clone());
            turned.push((person.id.as_str(), before.unwrap_or_default(), view));
        }
        let charged = self.new_charges().await?;
        for (who, before, view) in turned {
            // A charge has said it already.
            if seen(&before) != seen(&view) && !charged.contains(who) {
                self.say(self.now(), who, turn(&before, &view), None, seen(&view));
            }
        }
        self.new_mails().await
    }

    /// Tells the charges that are new, and answers with whose they are.
    async fn new_charges(&mut self) -> Result<BTreeSet<String>, DemoError> {
        let known = &self.charges;
        let news = ledger::news(self.stage, |id| known.contains(id)).await?;
        let mut whose = BTreeSet::new();
        for entry in news {
            self.charges.insert(entry.id);
            let Charge { at, customer, amount, status, .. } = &entry.charge;
            let (what, money) = match status.as_str() {
                "succeeded" => (paid_for(&entry.charge), Some(dollars(*amount))),
                _ => (format!("the card is declined for {}", dollars(*amount)), None),
            };
            let sees = self.views.get(customer).map(seen).unwrap_or_default();
            self.say(*at, customer, what, money, sees);
            whose.insert(entry.charge.customer);
        }
        Ok(whose)
    }

    async fn new_mails(&mut self) -> Result<(), DemoError> {
        let mut tx = self.stage.app.db.read().await?;
        let all = mails::list(&mut tx, 1000).await?;
        drop(tx);
        for mail in all.into_iter().rev() {
            if self.mails.insert(mail.key.clone()) {
                let who = mail.recipient.split('@').next().unwrap_or_default();
                let (what, sees) = (mailed(&mail), format!("“{}”", mail.subject));
                self.say(mail.created_at.timestamp(), who, what, None, sees);
            }
        }
        Ok(())
    }
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

fn paid_for(charge: &Charge) -> String {
    format!("pays for {} to {}", day(charge.period_start), day(charge.period_end))
}

/// A mail by what it is for.
fn mailed(mail: &Mail) -> String {
    let what = match mail.kind.as_str() {
        "receipt" => "a receipt",
        "payment_failed" => "a link to replace the card",
        "action_needed" => "a link to confirm the payment",
        "recovered" => "the payment went through",
        "renewal_ahead" => "a renewal is coming",
        "cancellation_scheduled" => "when it will end",
        "canceled" => "it has ended",
        other => other,
    };
    format!("mail: {what}")
}

/// What turned a subscription from `before` into `after`, where no charge did.
fn turn(before: &Value, after: &Value) -> String {
    let end = |view: &Value| view["current_period_end"].as_str()?.parse::<Timestamp>().ok();
    match after["status"].as_str().unwrap_or_default() {
        "canceled" => "the subscription ends".into(),
        "active" if end(before).is_some() && end(before) < end(after) => {
            match (end(before), end(after)) {
                (Some(from), Some(to)) => {
                    format!("the next {} days begin", (to.as_second() - from.as_second()) / 86_400)
                }
                _ => "the next period begins".into(),
            }
        }
        "past_due" if after["access"] != true => "access ends, unpaid".into(),
        status => format!("the subscription is {}", status.replace('_', " ")),
    }
}

/// What the customer sees, in a few words.
pub(super) fn seen(view: &Value) -> String {
    let status = view["status"].as_str().unwrap_or("none");
    let day = |field: &str| {
        view[field].as_str().and_then(|text| text.get(..10)).unwrap_or_default().to_owned()
    };
    let access = if view["access"] == true { "access" } else { "no access" };
    match status {
        "none" => "no subscription".into(),
        "canceled" => format!("ended, {access}"),
        "past_due" if view["access"] == true && view["grace_until"].is_string() => {
            format!("past due, access until {}", day("grace_until"))
        }
        "past_due" => format!("past due, {access}"),
        _ if view["cancel_at_period_end"] == true => format!("{status}, ends {}", day("ends_at")),
        _ => format!("{status}, renews {}", day("current_period_end")),
    }
}
