//! Writing into a customer's audit trail.

use std::fmt;

use serde_json::Value;
use specie_store::intents::Intent;
use specie_store::{StoreError, Tx, audit};
use specie_vocab::PayerId;
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
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Customer => f.write_str("customer"),
            Self::Key(id) => write!(f, "key:{id}"),
            Self::Specie => f.write_str("specie"),
            Self::Stripe => f.write_str("stripe"),
        }
    }
}

/// What is written into a customer's trail.
pub(crate) struct Entry<'a> {
    /// Who did it, as [`Who`] writes it.
    pub(crate) who: &'a str,
    /// What happened: `subscription.activated`.
    pub(crate) what: &'a str,
    /// The id of its cause: an event, an intent.
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
    let mut salt = [0; 32];
    app.chance.fill(&mut salt);
    let at = app.wall.now();
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
