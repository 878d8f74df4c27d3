//! Writing into a customer's audit trail.

use std::fmt;

use serde_json::{Value, json};
use specie_store::intents::Intent;
use specie_store::{StoreError, Tx, audit};
use specie_vocab::{Chance, PayerId, WallTime};
use uuid::Uuid;

use crate::App;
use crate::digest::sha256;

/// Who did something, as the trail names them: by what they are and by our own ids, never by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The customer whose trail it is: on the pages, or by the app's JWT.
    Customer,
    /// The app's own server, with this key. Written `key:` and the key's id.
    Key(Uuid),
    /// A rule of ours.
    Specie,
    /// Stripe, or somebody in its dashboard: an object there changed.
    Stripe,
    /// Whoever runs this installation, by a command.
    Operator,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Customer => f.write_str("customer"),
            Self::Key(id) => write!(f, "key:{id}"),
            Self::Specie => f.write_str("specie"),
            Self::Stripe => f.write_str("stripe"),
            Self::Operator => f.write_str("operator"),
        }
    }
}

/// Why a lane looks, where no event of Stripe's and no intent of ours says it: the calls of the API and
/// of the pages, and the rules of the service. The trail names them as they stand here.
pub mod why {
    /// Every name, and what it means.
    pub const NAMES: &[(&str, &str)] = &[
        (CHECKOUT, "the customer began a checkout"),
        (SYNC, "the customer came back from a checkout"),
        (CANCELLATION, "an end was asked for, or taken back"),
        (PORTAL, "the customer came back from Stripe's portal"),
        (CLOCK, "a date that was set before came"),
        (CONFIRM, "a view was too old to be shown without asking Stripe"),
        (LOOK, "written before causes were kept"),
    ];
    /// A checkout is begun.
    pub const CHECKOUT: &str = "call:checkout";
    /// The customer comes back from a checkout.
    pub const SYNC: &str = "call:sync";
    /// An end is asked for or taken back.
    pub const CANCELLATION: &str = "call:cancellation";
    /// The customer comes back from Stripe's portal.
    pub const PORTAL: &str = "call:portal";
    /// A date comes that was set before.
    pub const CLOCK: &str = "rule:clock";
    /// A view is too old.
    pub const CONFIRM: &str = "rule:confirm";
    /// Rows that were written before causes were kept.
    pub const LOOK: &str = "rule:look";
}

/// What is written into a customer's trail.
pub(crate) struct Entry<'a> {
    /// Who did it, as [`Who`] writes it.
    pub(crate) who: &'a str,
    /// What happened: `subscription.activated`.
    pub(crate) what: &'a str,
    /// Its cause: the id of an event or of an intent, or a name of [`why`].
    pub(crate) why: &'a str,
    /// What there is to say, without anything personal.
    pub(crate) details: &'a Value,
}

/// Appends to a customer's trail.
pub(crate) async fn append(
    app: &App,
    tx: &mut Tx,
    payer: PayerId,
    entry: Entry<'_>,
) -> Result<(), StoreError> {
    append_at(&*app.chance, app.wall.now(), tx, payer, entry).await
}

/// The same where there is no service: by a command.
pub(crate) async fn append_at(
    chance: &dyn Chance,
    at: WallTime,
    tx: &mut Tx,
    payer: PayerId,
    entry: Entry<'_>,
) -> Result<(), StoreError> {
    let mut salt = [0; 32];
    chance.fill(&mut salt);
    let Entry { who, what, why, details } = entry;
    audit::append(tx, payer, at, who, what, why, details, salt, sha256).await
}

/// Appends what happened to an intent, in the name of whoever asked for it.
pub(crate) async fn of_intent(
    app: &App,
    tx: &mut Tx,
    intent: &Intent,
    what: &str,
) -> Result<(), StoreError> {
    let why = intent.id.to_string();
    let entry = Entry { who: &intent.asked_by, what, why: &why, details: &intent.what };
    append(app, tx, intent.payer, entry).await
}

/// Appends that a rule has begun an intent, and because of what. One cause may lead to several: the
/// details say which this is.
pub(crate) async fn of_rule(
    app: &App,
    tx: &mut Tx,
    intent: &Intent,
    what: &str,
    why: &str,
) -> Result<(), StoreError> {
    let mut details = intent.what.clone();
    if let Value::Object(fields) = &mut details {
        fields.insert("intent".into(), json!(intent.id));
    }
    let entry = Entry { who: &intent.asked_by, what, why, details: &details };
    append(app, tx, intent.payer, entry).await
}
