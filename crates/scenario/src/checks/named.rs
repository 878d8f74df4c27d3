//! What is kept names nobody but by ids: no address, no name.

use specie_store::customers::{self, Payer};
use specie_store::intents::{self, Intent};
use specie_store::{StoreError, Tx, audit, held, inbox, looks, outbox, quarantine};

use super::{Checked, MOST, must};

/// What stands in each address, and in each name that somebody types here, as text and within a form.
/// No id has any of it.
const PERSONAL: [&str; 5] = ["@", "%40", "Name ", "Name+", "Name%20"];

/// What was written down, and where.
type Said = Vec<(&'static str, String)>;

/// Nothing that is kept of a payer names somebody. Left out is what cannot do without: the mirrors and
/// the events, which are Stripe's own words and say who pays, and the mails, which go to an address.
pub(super) async fn nobody(tx: &mut Tx, payer: &Payer) -> Checked {
    let mut said = trail(tx, payer).await?;
    for intent in intents::of_payer(tx, payer.id, MOST).await? {
        said.extend(change(tx, &intent).await?);
    }
    said.extend(decided(tx, payer).await?);
    said.extend(apart(tx, payer).await?);
    for (what, text) in &said {
        must(!is_personal(text), || format!("{what} of {} names somebody: {text}", payer.app_id))?;
    }
    Ok(())
}

pub(super) fn is_personal(text: &str) -> bool {
    PERSONAL.iter().any(|mark| text.contains(mark))
}

async fn trail(tx: &mut Tx, payer: &Payer) -> Result<Said, StoreError> {
    let mut said = Said::new();
    for entry in audit::list(tx, payer.id).await? {
        said.push(("the audit trail", format!("{} {} {}", entry.who, entry.what, entry.why)));
    }
    for (_, details) in audit::details(tx, payer.id).await? {
        said.push(("the audit trail", details.to_string()));
    }
    Ok(said)
}

/// A change of ours, with the bytes that were sent for it.
async fn change(tx: &mut Tx, intent: &Intent) -> Result<Said, StoreError> {
    let result = intent.result.as_ref().map(|result| ("an intent", result.to_string()));
    let mut said = vec![("an intent", intent.what.to_string())];
    said.extend(result);
    for step in intents::steps(tx, intent.id).await? {
        said.extend(step.object.map(|object| ("a step", object)));
    }
    for sent in intents::tries(tx, intent.id).await? {
        said.push(("a request", format!("{} {}", sent.path, sent.body)));
    }
    Ok(said)
}

/// What was decided, and what it asks for.
async fn decided(tx: &mut Tx, payer: &Payer) -> Result<Said, StoreError> {
    let mut said = Said::new();
    for row in held::load(tx, payer.id).await?.into_values() {
        said.push(("a held subscription", row.more.to_string()));
    }
    for effect in outbox::of_payer(tx, payer.id).await? {
        said.push(("an effect", format!("{} {}", effect.key, effect.what)));
    }
    Ok(said)
}

/// What waits for a person, and why.
async fn apart(tx: &mut Tx, payer: &Payer) -> Result<Said, StoreError> {
    let mut said = Said::new();
    for row in quarantine::open(tx, MOST).await?.into_iter().filter(|row| row.payer == payer.id) {
        said.push(("the quarantine", format!("{} {}", row.reason, row.details)));
    }
    let mut own = customers::former(tx, payer.id).await?;
    own.extend(payer.stripe.clone());
    for customer in own {
        for look in looks::of_lane(tx, customer.as_str()).await? {
            said.push(("a look", format!("{} {}", look.because, look.found)));
        }
        let events = inbox::of_customer(tx, customer.as_str()).await?;
        let reasons = events.into_iter().filter_map(|event| event.reason);
        said.extend(reasons.map(|reason| ("the inbox", reason)));
    }
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::is_personal;

    #[test]
    fn addresses_and_names_are_seen_in_texts_and_forms() {
        let named = ["ada@example.com", "email=ada%40example.com", "{\"name\":\"Name 17\"}"];
        let in_forms = ["name=Name+ada", "name=Name%20ada"];
        for text in named.iter().chain(&in_forms) {
            assert!(is_personal(text), "{text}");
        }
        for text in ["cus_Name17", "sub_1NameOfNobody", "name=", "specie.main.pro.monthly"] {
            assert!(!is_personal(text), "{text}");
        }
    }
}
