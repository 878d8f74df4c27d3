//! What can happen: something that a customer, somebody in Stripe's dashboard, an operator or time
//! does. Who, what and where was decided before; carrying it out may be broken off anywhere.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use http::Method;
use serde_json::{Value, json};
use specie_server::watermark;
use specie_vocab::Secret;

use super::office::Office;
use super::operator::Order;
use super::replicas::Replica;
use super::watcher::Watcher;
use super::weather::Weather;
use crate::conductor::{Conductor, Stuck};
use crate::door::{Door, DoorError, Reply};
use crate::person::{Refusal, stripe_api};

/// A checkout that a customer began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Begun {
    pub(super) session: String,
    pub(super) url: String,
}

/// What somebody does.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// A call of the app's server for a customer.
    Ask { customer: &'static str, what: Ask },
    /// A customer pays on Stripe's page.
    Pay { customer: &'static str, begun: Begun, card: &'static str },
    /// A customer opens the portal and does something there.
    Portal { customer: &'static str, visit: Visit },
    /// A call to Stripe's API that is none of ours.
    Dashboard { what: &'static str, method: Method, path: String, form: String },
    /// Time passes, and both replicas work.
    Wait { seconds: i64 },
    /// Both come to rest at this business time.
    Settle,
    /// What is due now is delivered and worked on; no clock moves.
    Pulse,
    /// A watermark pass.
    Pass,
    /// An operator gives an order.
    Operate(Order),
}

/// What the app's server asks for.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    Choose { plan: &'static str, price: &'static str },
    Sync { session: String },
    Cancel { group: &'static str },
    Resume { group: &'static str },
    Look { group: &'static str },
}

/// What a customer does in the portal.
#[derive(Clone, Debug)]
pub(super) enum Visit {
    Card(&'static str),
    Cancel,
    Resume,
}

/// What became of an act.
pub(super) enum Done {
    /// It went as it went: a line for the story.
    Told(String),
    /// A checkout was begun.
    Began(Begun),
    /// What a customer sees.
    Saw(Box<Value>),
    /// The service did not do it, and said why. In good weather it does what it can.
    Refused(String),
    /// This must not happen.
    Wrong(String),
}

/// An act that is being carried out.
pub(super) type Doing = Pin<Box<dyn Future<Output = Done> + Send>>;

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask { customer, what } => match what {
                Ask::Choose { plan, price } => write!(f, "{customer} chooses {plan}/{price}"),
                Ask::Sync { session } => write!(f, "{customer} comes back from {}", short(session)),
                Ask::Cancel { group } => write!(f, "{customer} cancels in {group}"),
                Ask::Resume { group } => write!(f, "{customer} resumes in {group}"),
                Ask::Look { group } => write!(f, "{customer} looks at {group}"),
            },
            Self::Pay { customer, begun, card } => {
                write!(f, "{customer} pays {} with {card}", short(&begun.session))
            }
            Self::Portal { customer, visit } => match visit {
                Visit::Card(card) => write!(f, "{customer} enters {card} in the portal"),
                Visit::Cancel => write!(f, "{customer} cancels in the portal"),
                Visit::Resume => write!(f, "{customer} resumes in the portal"),
            },
            Self::Dashboard { what, path, .. } => write!(f, "dashboard: {what} ({path})"),
            Self::Wait { seconds } => write!(f, "{} h {} s pass", seconds / 3600, seconds % 3600),
            Self::Settle => f.write_str("everything comes to rest"),
            Self::Pulse => f.write_str("what is due is worked on"),
            Self::Pass => f.write_str("a watermark pass"),
            Self::Operate(order) => write!(f, "{order}"),
        }
    }
}

fn short(session: &str) -> &str {
    session.get(..session.len().min(20)).unwrap_or(session)
}

/// What an act is carried out with.
#[derive(Clone)]
pub(super) struct Tools {
    pub(super) replica: Replica,
    pub(super) conductor: Conductor,
    pub(super) watcher: Watcher,
    pub(super) weather: Weather,
    pub(super) office: Office,
    pub(super) stripe: Door,
    pub(super) key: Secret,
    /// The world's time when the act begins.
    pub(super) now: i64,
}

impl Tools {
    /// Begins an act.
    pub(super) fn begin(self, act: Act) -> Doing {
        Box::pin(async move {
            match act {
                Act::Ask { customer, what } => self.ask(customer, what).await,
                Act::Pay { customer, begun, card } => self.pay(customer, &begun, card).await,
                Act::Portal { customer, visit } => self.portal(customer, &visit).await,
                Act::Dashboard { method, path, form, .. } => {
                    told(stripe_api(&self.stripe, method, &path, &form).await)
                }
                Act::Wait { seconds } => self.wait(seconds).await,
                Act::Settle => came_to(self.conductor.settle().await),
                Act::Pulse => came_to(self.conductor.pulse().await),
                Act::Pass => match watermark::pass(&self.replica.app).await {
                    Ok(added) => Done::Told(format!("{added} events were new")),
                    Err(error) => came_to(Err(Stuck::Service(error))),
                },
                Act::Operate(order) => self.operate(order).await,
            }
        })
    }

    async fn wait(&self, seconds: i64) -> Done {
        let to = self.now + seconds;
        loop {
            let stepped = self.conductor.step(to).await;
            if let Err(broken) = self.watcher.check().await {
                return Done::Wrong(broken);
            }
            match stepped {
                Ok(true) => {}
                other => return came_to(other.map(drop)),
            }
        }
    }

    async fn call(
        &self,
        customer: &str,
        method: Method,
        path: &str,
        body: Value,
    ) -> Result<Reply, DoorError> {
        let bearer = format!("Bearer {}", self.key.expose());
        let headers = [
            ("authorization", bearer.as_str()),
            ("specie-customer", customer),
            ("content-type", "application/json"),
        ];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.replica.door.send(method, &format!("/api/billing/{path}"), &headers, body).await
    }

    async fn ask(&self, customer: &str, what: Ask) -> Done {
        let ending = |group: &str| format!("subscription/cancellation?group={group}");
        let (method, path, body) = match &what {
            Ask::Choose { plan, price } => {
                (Method::POST, "checkout".into(), json!({ "plan": plan, "price": price }))
            }
            Ask::Sync { session } => {
                (Method::POST, format!("checkout/{session}/sync"), Value::Null)
            }
            Ask::Cancel { group } => (Method::POST, ending(group), json!({})),
            Ask::Resume { group } => (Method::DELETE, ending(group), Value::Null),
            Ask::Look { group } => {
                (Method::GET, format!("subscription?group={group}"), Value::Null)
            }
        };
        let reply = match self.call(customer, method, &path, body).await {
            Ok(reply) => reply,
            Err(error) => return Done::Wrong(format!("the service gave no answer: {error}")),
        };
        let status = reply.status.as_u16();
        let found = reply.json().unwrap_or_default();
        match (status, what) {
            (200..=299, Ask::Choose { .. }) => {
                let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
                Done::Began(Begun { session: text("id"), url: text("url") })
            }
            (200..=299, Ask::Cancel { group } | Ask::Resume { group } | Ask::Look { group })
                if found["group"] != group =>
            {
                Done::Wrong(format!("asked about {group}, the service tells {found}"))
            }
            (200..=299, _) => Done::Saw(Box::new(found)),
            (500, _) => Done::Wrong(format!("the service failed: {}", reply.text())),
            (_, _) => Done::Refused(format!("{status} {}", found["code"].as_str().unwrap_or("?"))),
        }
    }

    async fn pay(&self, customer: &str, begun: &Begun, card: &str) -> Done {
        let (email, name) = (format!("{customer}@example.com"), name_of(customer));
        let fields = [
            ("email", email.as_str()),
            ("number", card),
            ("expiry", "12 / 34"),
            ("cvc", "123"),
            ("name", name.as_str()),
        ];
        page(self.stripe.submit(&begun.url, &fields).await)
    }

    async fn portal(&self, customer: &str, visit: &Visit) -> Done {
        let body = match visit {
            Visit::Card(_) => json!({ "task": "replace_card" }),
            Visit::Cancel | Visit::Resume => json!({}),
        };
        let reply = match self.call(customer, Method::POST, "portal", body).await {
            Ok(reply) if reply.status.is_success() => reply.json().unwrap_or_default(),
            Ok(reply) if reply.status.as_u16() == 500 => {
                return Done::Wrong(format!("the service failed: {}", reply.text()));
            }
            Ok(reply) => return Done::Refused(format!("{}", reply.status)),
            Err(error) => return Done::Wrong(format!("the service gave no answer: {error}")),
        };
        let url = reply["url"].as_str().unwrap_or_default();
        let path = url.split('?').next().unwrap_or(url);
        match visit {
            Visit::Card(card) => {
                let name = name_of(customer);
                let fields = [
                    ("number", *card),
                    ("expiry", "12 / 34"),
                    ("cvc", "123"),
                    ("name", name.as_str()),
                ];
                page(self.stripe.submit(&format!("{path}/card"), &fields).await)
            }
            Visit::Cancel => self.on_each(path, "cancel").await,
            Visit::Resume => self.on_each(path, "resume").await,
        }
    }

    /// Presses a button of the portal's beside each subscription that it shows.
    async fn on_each(&self, path: &str, button: &str) -> Done {
        let shown = match self.stripe.get(path, &[]).await {
            Ok(shown) => shown.text(),
            Err(error) => return Done::Told(error.to_string()),
        };
        let start = format!("/{button}/sub_");
        let ids = shown.split(&start).skip(1).map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
            format!("sub_{}", &rest[..end])
        });
        let mut ids: Vec<_> = ids.collect();
        ids.dedup();
        let mut done = Done::Told("there was no such button".into());
        for id in ids {
            done = page(self.stripe.submit(&format!("{path}/{button}/{id}"), &[]).await);
        }
        done
    }
}

/// What a customer types for a name: no id has such a text in it, so that it is found where it must
/// not stand.
fn name_of(customer: &str) -> String {
    format!("Name {customer}")
}

/// What a page of Stripe's said.
fn page(reply: Result<Reply, DoorError>) -> Done {
    match reply {
        Ok(reply) if reply.status.is_server_error() => {
            Done::Wrong(format!("the sandbox failed: {}", reply.text()))
        }
        Ok(reply) => Done::Told(reply.status.as_u16().to_string()),
        Err(error) => Done::Wrong(format!("the sandbox gave no answer: {error}")),
    }
}

fn told(answer: Result<Value, Refusal>) -> Done {
    match answer {
        Ok(found) => Done::Told(found["id"].as_str().unwrap_or("done").into()),
        Err(Refusal::Refused { status, body, .. }) if status.is_server_error() => {
            Done::Wrong(format!("the sandbox failed: {status} {body}"))
        }
        Err(Refusal::Refused { status, .. }) => Done::Told(format!("refused with {status}")),
        Err(Refusal::Door(error)) => Done::Wrong(error.to_string()),
    }
}

/// In bad weather the service may have to wait. It must not fail, nor go round in circles.
fn came_to(ended: Result<(), Stuck>) -> Done {
    match ended {
        Ok(()) => Done::Told("done".into()),
        Err(Stuck::Service(error)) if error.status.as_u16() == 503 => {
            Done::Refused(format!("{} {}", error.status.as_u16(), error.code))
        }
        Err(stuck) => Done::Wrong(stuck.to_string()),
    }
}
