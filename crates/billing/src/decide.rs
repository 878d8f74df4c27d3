//! Decides what we hold and what follows, from what we held and what Stripe says.
//!
//! Slots and rows follow from Stripe's objects alone, so that news ends in the same rows however
//! late or often it comes; `now` only says on which side of a date we are. Effects follow from
//! transitions: what was asked for once is remembered, in the slot or in [`Held::told`], and is not
//! asked for again.

mod news;
mod rows;
mod slots;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use specie_vocab::{BusinessTime, PayerId, SubscriptionId};

use crate::{
    Effect, Facts, Held, InvoiceFact, InvoiceStatus, Policies, PriceRef, Slot, Status,
    SubscriptionFact,
};

/// Why what is in another currency than the catalog's is kept apart.
const FOREIGN: &str = "currency_mismatch";

/// What we held before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Before {
    /// Whose it is.
    pub payer: PayerId,
    /// The slots, by the plan group's key.
    pub slots: BTreeMap<String, Slot>,
    /// The subscriptions.
    pub held: BTreeMap<SubscriptionId, Held>,
}

/// What we hold now, and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The slots, all of them.
    pub slots: BTreeMap<String, Slot>,
    /// The subscriptions, all of them.
    pub held: BTreeMap<SubscriptionId, Held>,
    /// What is to be done, in a fixed order.
    pub effects: Vec<Effect>,
    /// The objects that stay apart if they are: those that are to be kept apart, whether that was
    /// asked for now or before, and what is alive and of no price that we know, with its invoices.
    pub apart: BTreeSet<String>,
    /// The next moment at which a decision on the same facts can come out otherwise.
    pub wake_at: Option<BusinessTime>,
}

/// Decides. Total and pure: all facts have an answer, whatever their order. There is one fact per
/// object; what mirrors do not know (yet) is left out and changes nothing.
pub fn decide(before: &Before, facts: &Facts, policies: &Policies, now: BusinessTime) -> Decision {
    let view = View::new(before, facts, policies, now);
    let mut effects = Vec::new();
    let slots = slots::decide(&view, &mut effects);
    let mut held = before.held.clone();
    let mut wake_at: Option<BusinessTime> = None;
    for subscription in view.subscriptions.values() {
        let id = &subscription.fact.id;
        let Some(mut row) = rows::decide(&view, subscription, &slots) else { continue };
        rows::audit(before.held.get(id), &row, &mut effects);
        news::tell(&view, subscription, &mut row, &mut effects);
        wake_at = [wake_at, rows::next_date(&row, now)].into_iter().flatten().min();
        held.insert(id.clone(), row);
    }
    let judged = view.subscriptions.values().flat_map(|found| found.apart(policies));
    let apart = judged.chain(view.unjudged()).collect();
    Decision { slots, held, effects, apart, wake_at }
}

/// The facts in order, each with what it belongs to.
struct View<'a> {
    before: &'a Before,
    facts: &'a Facts,
    policies: &'a Policies,
    now: BusinessTime,
    /// The subscriptions that are ours and of our catalog.
    subscriptions: BTreeMap<&'a SubscriptionId, Ours<'a>>,
}

/// A subscription of one of our customers, for a price of our catalog.
struct Ours<'a> {
    fact: &'a SubscriptionFact,
    /// What it is for; what it was for, if its price is none of ours any more.
    plan: PriceRef,
    /// Why it must not be granted.
    unsound: Option<&'static str>,
    /// Its invoices, oldest first.
    invoices: Vec<&'a InvoiceFact>,
}

impl<'a> View<'a> {
    fn new(
        before: &'a Before,
        facts: &'a Facts,
        policies: &'a Policies,
        now: BusinessTime,
    ) -> Self {
        let mut subscriptions: BTreeMap<_, _> = facts
            .subscriptions
            .iter()
            .filter_map(|fact| Some((&fact.id, Ours::new(before, fact, policies)?)))
            .collect();
        for invoice in &facts.invoices {
            if let Some(found) = subscriptions.get_mut(&invoice.subscription) {
                found.invoices.push(invoice);
            }
        }
        for found in subscriptions.values_mut() {
            found.invoices.sort_by_key(|invoice| (invoice.created, invoice.id.clone()));
        }
        Self { before, facts, policies, now, subscriptions }
    }

    /// What is alive and of no price that we know, and its invoices: nobody can say that it is sound.
    fn unjudged(&self) -> Vec<String> {
        let alive = self.facts.subscriptions.iter().filter(|fact| !fact.status.is_over());
        let unknown = alive.map(|fact| &fact.id).filter(|id| !self.subscriptions.contains_key(id));
        let unknown: BTreeSet<_> = unknown.collect();
        let invoices = self.facts.invoices.iter().filter(|it| unknown.contains(&it.subscription));
        let own = unknown.iter().map(ToString::to_string);
        own.chain(invoices.map(|it| it.id.to_string())).collect()
    }

    /// Every group that has a slot, or something to put into one.
    fn groups(&self) -> BTreeSet<&str> {
        let slots = self.before.slots.keys().map(String::as_str);
        let plans = self.subscriptions.values().map(|found| &*found.plan.group);
        let sessions = self.facts.sessions.iter().filter_map(|session| session.group.as_deref());
        slots.chain(plans).chain(sessions).collect()
    }
}

impl<'a> Ours<'a> {
    fn new(before: &Before, fact: &'a SubscriptionFact, policies: &Policies) -> Option<Self> {
        let known = || {
            let held = before.held.get(&fact.id)?;
            let (group, plan, price) = (&held.group, &held.plan, &held.price);
            Some(PriceRef { group: group.clone(), plan: plan.clone(), price: price.clone() })
        };
        let plan = fact.plan.clone().or_else(known).filter(|_| fact.ours)?;
        let unsound = if fact.currency != policies.currency {
            Some(FOREIGN)
        } else if fact.period.end <= fact.period.start {
            Some("impossible_period")
        } else {
            None
        };
        Some(Self { fact, plan, unsound, invoices: Vec::new() })
    }

    /// What of it is to be kept apart: itself, and its invoices.
    fn apart(&self, policies: &Policies) -> Vec<String> {
        let own = self.unsound.filter(|_| self.is_alive()).map(|_| self.fact.id.to_string());
        let invoices = self.invoices.iter().filter(|it| self.keeps_apart(it, policies));
        own.into_iter().chain(invoices.map(|it| it.id.to_string())).collect()
    }

    /// Whether an invoice of it needs a person: in another currency it grants nothing, paid or not,
    /// until it is withdrawn or nothing is to be granted any more.
    fn keeps_apart(&self, invoice: &InvoiceFact, policies: &Policies) -> bool {
        let foreign = invoice.total.currency != policies.currency;
        foreign && invoice.status != InvoiceStatus::Void && self.is_alive()
    }

    fn is_alive(&self) -> bool {
        !self.fact.status.is_over()
    }

    /// When it will end, if it is asked to.
    fn ends(&self) -> Option<BusinessTime> {
        let period_end = || BusinessTime::from_second(self.fact.period.end);
        let scheduled =
            self.fact.cancel_at.or_else(|| self.fact.cancel_at_period_end.then(period_end));
        scheduled.filter(|_| self.is_alive())
    }

    fn is_running(&self) -> bool {
        matches!(self.fact.status, Status::Active | Status::Trialing)
    }
}
