//! The story of a customer, a subscription, a payment, an invoice, a session, an event or an intent:
//! what came, what was read, what was decided and why, and what went out. It reads only.

mod about;
mod line;
mod subject;

use serde::Serialize;
use specie_store::{Db, StoreError};

pub use line::{Line, Part, meaning};
pub use subject::customer;

use jiff::Timestamp;
use specie_store::customers::Payer;

/// Why there is no story.
#[derive(Debug, thiserror::Error)]
pub enum Unexplained {
    /// Nothing has this id.
    #[error("nothing here has the id `{asked}`; looked for {}", .looked_for.join(", "))]
    Unknown {
        /// What was asked for.
        asked: String,
        /// What was looked for.
        looked_for: Vec<&'static str>,
    },
    /// Customers of several realms have it.
    #[error("`{asked}` is a customer in several realms: {}", .ids.join(", "))]
    Several {
        /// What was asked for.
        asked: String,
        /// Each one's realm and own id.
        ids: Vec<String>,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A story, told in order of time.
#[derive(Clone, Debug, Serialize)]
pub struct Story {
    /// The id that was asked for.
    pub asked: String,
    /// What it is: `customer`, `subscription`, `invoice`, `payment`, `session`, `event`, `intent`.
    pub kind: &'static str,
    /// Whose it is; null, if it belongs to nobody of ours.
    pub customer: Option<Customer>,
    /// What happened, the oldest first.
    pub story: Vec<Line>,
    /// What is still to happen.
    pub waiting: Vec<Line>,
}

/// A customer, by the three ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Customer {
    /// Ours.
    pub id: String,
    /// Within which the app's id is unique.
    pub realm: String,
    /// The app's.
    pub app_id: String,
    /// Stripe's; null, as long as there is none.
    pub stripe: Option<String>,
    /// How many decisions there were about them.
    pub version: i64,
    /// Since when we know of them.
    pub created_at: Timestamp,
}

impl From<&Payer> for Customer {
    fn from(payer: &Payer) -> Self {
        Self {
            id: payer.id.to_string(),
            realm: payer.realm.clone(),
            app_id: payer.app_id.clone(),
            stripe: payer.stripe.as_ref().map(ToString::to_string),
            version: payer.version,
            created_at: payer.created_at.timestamp(),
        }
    }
}

/// Tells the story of an id.
pub async fn explain(db: &Db, asked: &str) -> Result<Story, Unexplained> {
    let mut tx = db.snapshot().await?;
    let subject = subject::find(&mut tx, asked).await?;
    let known = about::known(&mut tx, &subject).await?;
    let about = about::related(&subject, asked, &known);
    let (story, waiting) = line::tell(&known, about.as_ref());
    let customer = subject.payer.as_ref().map(Customer::from);
    Ok(Story { asked: asked.into(), kind: subject.kind, customer, story, waiting })
}
