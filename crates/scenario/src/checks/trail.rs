//! The audit trail: whole, nothing in it twice, and each row that is held and each slot is what it
//! tells.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use specie_store::Tx;
use specie_store::audit::{self, Entry, Verdict};
use specie_store::customers::Payer;
use specie_store::held::StoredHeld;
use specie_store::slots::{SlotState, StoredSlot};
use specie_vocab::{SubscriptionId, hex};

use super::{Broken, Checked, none_twice};

/// Who changes what we hold, in the trail's word.
const STRIPE: &str = "stripe";

/// What a payer holds or held.
type Rows = BTreeMap<SubscriptionId, StoredHeld>;

/// What holds a payer's plan groups.
type Slots = BTreeMap<String, StoredSlot>;

/// What entries are about, by their places.
type Details = BTreeMap<i64, Value>;

/// Checks a payer's chain. Answers its end, shortened.
pub(super) async fn chain(
    tx: &mut Tx,
    payer: &Payer,
    held: &Rows,
    slots: &Slots,
) -> Checked<String> {
    let (all, verdict) = audit::read(tx, payer.id, specie_server::digest::sha256).await?;
    if let Verdict::Broken { n, why } = verdict {
        return Err(Broken::Said(format!("the chain of {} breaks at {n}: {why}", payer.app_id)));
    }
    let details: Details = audit::details(tx, payer.id).await?.into_iter().collect();
    once(&all, &details)?;
    let told = Told::by(&all, &details).and_then(|told| match told {
        Some(told) => told.fits(held).and_then(|()| told.fills(slots, &all)),
        None => Ok(()),
    });
    told.map_err(|why| Broken::Said(format!("the trail of {}: {why}", payer.app_id)))?;
    let Some(last) = all.last() else { return Ok("-".into()) };
    Ok(format!("{}:{}", all.len(), hex(&last.hash[..4])))
}

/// What we did is told once for each cause and change of ours: one event may lead to several. What
/// Stripe's objects brought is told once, but for changes: see [`Told`]. An event may be parked, and
/// replayed, again: how often, only whoever has replayed it can say.
fn once(all: &[Entry], details: &Details) -> Checked {
    let ours = all.iter().enumerate();
    let ours = ours.filter(|(_, it)| it.who != STRIPE && it.what != "event.replayed");
    let one = |(n, it): (usize, &Entry)| {
        (it.what.clone(), it.why.clone(), about(details.get(&it.n)), turn(&all[..n], it))
    };
    none_twice("an entry of the trail", ours.map(one))?;
    let theirs = all.iter().filter(|entry| entry.who == STRIPE && !is_change(&entry.what));
    let about = theirs.filter_map(|entry| Some((&entry.what, details.get(&entry.n)?.to_string())));
    none_twice("an entry of the trail about Stripe", about)
}

/// Of a change that gets stuck, is retried and gets stuck again: how often it had been the one before it
/// was the other.
fn turn(before: &[Entry], it: &Entry) -> usize {
    let other = match it.what.rsplit_once('.') {
        Some((kind, "stuck")) => format!("{kind}.retried"),
        Some((kind, "retried")) => format!("{kind}.stuck"),
        _ => return 0,
    };
    before.iter().filter(|entry| entry.why == it.why && entry.what == other).count()
}

/// Which change or object an entry is about, where that does not follow from its cause.
fn about(details: Option<&Value>) -> Option<String> {
    let details = details?;
    ["intent", "subject"].iter().find_map(|field| details[*field].as_str()).map(String::from)
}

fn is_change(what: &str) -> bool {
    matches!(what, "subscription.held" | "subscription.changed" | "slot.changed")
}

/// What the trail tells of a payer's subscriptions and slots.
///
/// The same change may come again, even with the same cause: reads lag, and the second look for an event
/// may find what was before it. But then it was taken back in between. So each change begins with what
/// those before it came to; one that was told twice does not.
#[derive(Default)]
struct Told {
    /// The fields of each subscription.
    rows: BTreeMap<String, Map<String, Value>>,
    /// What each group's slot holds.
    slots: BTreeMap<String, Value>,
}

impl Told {
    /// All that is told; none, if what some entry is about was erased.
    fn by(all: &[Entry], details: &Details) -> Result<Option<Self>, String> {
        let mut told = Self::default();
        for entry in all.iter().filter(|entry| entry.who == STRIPE) {
            let Some(about) = details.get(&entry.n) else { return Ok(None) };
            let subject = about["subject"].as_str().unwrap_or_default();
            let heard = told.hear(&entry.what, subject, &about["details"]);
            heard.map_err(|why| format!("at {}, {} of {subject}: {why}", entry.n, entry.what))?;
        }
        Ok(Some(told))
    }

    fn hear(&mut self, what: &str, subject: &str, details: &Value) -> Result<(), String> {
        let known = self.rows.contains_key(subject);
        match what {
            "subscription.held" if known => Err("it was held before".into()),
            "subscription.changed" if !known => Err("it was not held before".into()),
            "subscription.held" | "subscription.changed" => self.change(subject, details),
            "slot.changed" => self.fill(subject, details),
            _ => Ok(()),
        }
    }

    fn change(&mut self, subject: &str, details: &Value) -> Result<(), String> {
        let row = self.rows.entry(subject.to_owned()).or_default();
        for (field, step) in details.as_object().into_iter().flatten() {
            let (from, to) = (&step[0], &step[1]);
            let known = row.get(field).unwrap_or(&Value::Null);
            if from != known || from == to {
                return Err(format!("{field} goes from {from} to {to}, and was {known}"));
            }
            row.insert(field.clone(), to.clone());
        }
        Ok(())
    }

    /// Intents claim an empty slot, and let it go, in their own entries.
    fn fill(&mut self, group: &str, details: &Value) -> Result<(), String> {
        let (from, to) = (&details["from"], &details["to"]);
        let known = self.slots.get(group);
        let follows = known == Some(from) || (is_free(from) && known.is_none_or(is_free));
        if from == to || !follows {
            return Err(format!("it goes from {from} to {to}, and was {known:?}"));
        }
        self.slots.insert(group.to_owned(), to.clone());
        Ok(())
    }

    /// What is held is what was told of it.
    fn fits(&self, held: &Rows) -> Result<(), String> {
        let nothing = Map::new();
        let lost = self.rows.keys().find(|id| !held.keys().any(|held| held.as_str() == *id));
        if let Some(id) = lost {
            return Err(format!("{id} was told of, and is not held"));
        }
        for (id, row) in held {
            let told = without_nulls(self.rows.get(id.as_str()).unwrap_or(&nothing));
            let mut kept = without_nulls(row.more.as_object().unwrap_or(&nothing));
            // What was asked for already is memory, and no state.
            kept.remove("told");
            if kept != told {
                return Err(format!("{id} is held as {kept:?}, and told as {told:?}"));
            }
        }
        Ok(())
    }

    /// Each slot is what was told of it last, unless an intent that was begun has claimed it since.
    fn fills(&self, slots: &Slots, all: &[Entry]) -> Result<(), String> {
        let empty = json!({ "state": "empty" });
        for group in slots.keys().chain(self.slots.keys()) {
            let kept = slots.get(group).map_or_else(|| empty.clone(), said);
            let told = self.slots.get(group).unwrap_or(&empty);
            let begun = || all.iter().any(|entry| kept["intent"] == entry.why.as_str());
            let free = is_free(told) && is_free(&kept);
            if kept != *told && !(free && (kept == empty || begun())) {
                return Err(format!("the slot {group} is {kept}, and told as {told}"));
            }
        }
        Ok(())
    }
}

/// Whether no word of Stripe's holds a slot.
fn is_free(slot: &Value) -> bool {
    slot["state"] == "empty" || slot["state"] == "claimed"
}

/// A slot as the trail writes it.
fn said(slot: &StoredSlot) -> Value {
    let StoredSlot { state, intent, session, subscription, others, .. } = slot;
    let word = state.as_str();
    match state {
        SlotState::Empty => json!({ "state": word }),
        SlotState::Claimed => json!({ "state": word, "intent": intent }),
        SlotState::Open => json!({ "state": word, "intent": intent, "session": session }),
        SlotState::Held => json!({ "state": word, "subscription": subscription }),
        SlotState::Conflict => {
            json!({ "state": word, "subscription": subscription, "others": others })
        }
    }
}

fn without_nulls(fields: &Map<String, Value>) -> Map<String, Value> {
    let fields = fields.iter().filter(|(_, value)| !value.is_null());
    fields.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use specie_vocab::{IntentId, PayerId, WallTime};
    use uuid::Uuid;

    use super::*;

    fn hears(entries: &[(&str, &str, Value)]) -> Result<Told, String> {
        let mut told = Told::default();
        for (what, subject, details) in entries {
            told.hear(what, subject, details)?;
        }
        Ok(told)
    }

    #[test]
    fn a_change_comes_again_only_after_it_was_taken_back() {
        let held = ("subscription.held", "sub_1", json!({ "status": [null, "active"] }));
        let late = ("subscription.changed", "sub_1", json!({ "status": ["active", "past_due"] }));
        let paid = ("subscription.changed", "sub_1", json!({ "status": ["past_due", "active"] }));
        let told = hears(&[held.clone(), late.clone(), paid, late.clone()]).unwrap();
        assert_eq!(told.rows["sub_1"]["status"], "past_due");
        assert!(hears(&[held.clone(), late.clone(), late.clone()]).is_err());
        assert!(hears(&[held.clone(), held]).is_err());
        assert!(hears(&[late]).is_err());
    }

    #[test]
    fn a_slot_goes_on_from_where_it_was_unless_an_intent_has_claimed_it() {
        let slot = |state: &str| json!({ "state": state });
        let step = |from: &str, to: &str| {
            ("slot.changed", "main", json!({ "from": slot(from), "to": slot(to) }))
        };
        let claimed = [step("claimed", "open"), step("open", "empty"), step("claimed", "open")];
        assert!(hears(&claimed).is_ok());
        assert!(hears(&[step("claimed", "open"), step("claimed", "open")]).is_err());
        assert!(hears(&[step("open", "held")]).is_err(), "nobody has opened it");
        assert!(hears(&[step("empty", "held"), step("held", "held")]).is_err());
    }

    fn entry(what: &str, why: &str) -> Entry {
        let (who, what, why) = ("operator".into(), what.into(), why.into());
        let (at, payer) = (WallTime::from_second(0), PayerId(Uuid::nil()));
        let (details_digest, hash) = (Vec::new(), Vec::new());
        Entry { payer, n: 1, at, who, what, why, details_digest, hash }
    }

    fn slot(state: SlotState, intent: Option<IntentId>, subscription: Option<&str>) -> StoredSlot {
        let subscription = subscription.map(|id| SubscriptionId::try_from(id).unwrap());
        let (group, others) = ("main".into(), json!([]));
        StoredSlot { group, state, intent, session: None, subscription, others }
    }

    #[test]
    fn a_slot_is_what_was_told_last_or_what_an_intent_has_claimed_since() {
        let held = json!({ "from": { "state": "empty" }, "to":
            { "state": "held", "subscription": "sub_1" } });
        let over = json!({ "from": held["to"], "to": { "state": "empty" } });
        let (taken, freed) = (("slot.changed", "main", held), ("slot.changed", "main", over));
        let told = hears(std::slice::from_ref(&taken)).unwrap();
        let free = hears(&[taken, freed]).unwrap();
        let intent = IntentId(Uuid::from_u128(7));
        let begun = [entry("checkout.begun", &intent.to_string())];
        let kept = |slot: StoredSlot| Slots::from([("main".to_owned(), slot)]);
        let holds = |id: &str| kept(slot(SlotState::Held, None, Some(id)));
        let claimed = kept(slot(SlotState::Claimed, Some(intent), None));
        let empty = kept(slot(SlotState::Empty, None, None));

        assert!(told.fills(&holds("sub_1"), &[]).is_ok());
        assert!(told.fills(&holds("sub_2"), &[]).is_err());
        assert!(told.fills(&empty, &[]).is_err() && told.fills(&Slots::new(), &[]).is_err());
        assert!(told.fills(&claimed, &begun).is_err());
        assert!(free.fills(&empty, &[]).is_ok() && free.fills(&claimed, &begun).is_ok());
        assert!(free.fills(&claimed, &[]).is_err(), "nothing was begun that claims it");
        assert!(free.fills(&holds("sub_1"), &[]).is_err());
    }

    #[test]
    fn a_change_gets_stuck_and_is_retried_in_turns() {
        let told = |words: &[&str]| {
            let all: Vec<_> =
                words.iter().map(|word| entry(&format!("checkout.{word}"), "7")).collect();
            once(&all, &Details::new())
        };
        assert!(told(&["begun", "stuck", "retried", "stuck", "retried", "done"]).is_ok());
        assert!(told(&["begun", "stuck", "stuck"]).is_err());
        assert!(told(&["begun", "stuck", "retried", "retried"]).is_err());
        assert!(told(&["begun", "done", "done"]).is_err());
    }
}
