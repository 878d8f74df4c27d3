//! News: mails, and what a new card sets off. Each is told once, and only while it is fresh.

use serde_json::json;
use specie_vocab::{BusinessTime, InvoiceId, Period};

use super::{FOREIGN, Ours, View, rows};
use crate::{
    CustomerFact, Effect, Held, IntentRequest, InvoiceFact, InvoiceStatus, MailFacts, MailKind,
    PaymentState, Standing, Status,
};

/// What is older is no news: it is remembered as told, and no mail goes out. Stripe's longest plan
/// of attempts is two months.
const FRESH: i64 = 70 * 86_400;

/// Tells what is new about the subscription of `row`, and remembers it there.
pub(super) fn tell(view: &View<'_>, found: &Ours<'_>, row: &mut Held, effects: &mut Vec<Effect>) {
    if row.standing == Standing::Second || found.unsound.is_some() {
        return;
    }
    let mut teller = Teller { view, found, row, effects };
    teller.unknown_price();
    for invoice in &found.invoices {
        if teller.is_sound(invoice) {
            teller.payment_failed(invoice);
            teller.recovered(invoice);
            teller.receipt(invoice);
        }
    }
    teller.new_card();
    teller.grace_over();
    teller.renewal_ahead();
    teller.cancellation();
    teller.ended();
}

struct Teller<'a, 'b> {
    view: &'a View<'a>,
    found: &'a Ours<'a>,
    row: &'b mut Held,
    effects: &'b mut Vec<Effect>,
}

impl Teller<'_, '_> {
    /// A renewal that was declined, or waits for the customer: one mail per attempt of Stripe's.
    fn payment_failed(&mut self, invoice: &InvoiceFact) {
        let unpaid = matches!(invoice.status, InvoiceStatus::Open | InvoiceStatus::Uncollectible);
        let tried = invoice.attempted && invoice.attempt_count > 0;
        let renewal = invoice.billing_reason == "subscription_cycle";
        let kind = match invoice.payment {
            PaymentState::Processing => return,
            PaymentState::RequiresAction => MailKind::ActionNeeded,
            PaymentState::Plain => MailKind::PaymentFailed,
        };
        let known = self.last_failure(&invoice.id);
        if !(unpaid && tried && renewal && self.found.is_alive())
            || known.is_some_and(|known| known >= invoice.attempt_count)
        {
            return;
        }
        let at = invoice.finalized_at.unwrap_or(invoice.created);
        let about = MailFacts {
            amount: Some(invoice.amount_remaining),
            attempt: Some(invoice.attempt_count),
            next_attempt: invoice.next_payment_attempt,
            grace_until: self.row.grace_until,
            ..self.about_invoice(invoice, at)
        };
        let key = format!("payment_failed:{}:{}", invoice.id, invoice.attempt_count);
        self.mail(key, kind, about);
    }

    /// The last attempt of which the customer was told.
    fn last_failure(&self, invoice: &InvoiceId) -> Option<i64> {
        let start = format!("payment_failed:{invoice}:");
        let attempts = self.row.told.iter().filter_map(|key| key.strip_prefix(&start));
        attempts.filter_map(|attempt| attempt.parse().ok()).max()
    }

    fn recovered(&mut self, invoice: &InvoiceFact) {
        if invoice.status == InvoiceStatus::Paid
            && self.found.is_running()
            && self.last_failure(&invoice.id).is_some()
        {
            let about = MailFacts {
                amount: Some(invoice.amount_paid),
                ..self.about_invoice(invoice, invoice.paid_at.unwrap_or(invoice.created))
            };
            self.mail(format!("recovered:{}", invoice.id), MailKind::Recovered, about);
        }
    }

    fn receipt(&mut self, invoice: &InvoiceFact) {
        if invoice.status == InvoiceStatus::Paid && invoice.amount_paid.minor > 0 {
            let about = MailFacts {
                amount: Some(invoice.amount_paid),
                ..self.about_invoice(invoice, invoice.paid_at.unwrap_or(invoice.created))
            };
            self.mail(format!("receipt:{}", invoice.id), MailKind::Receipt, about);
        }
    }

    /// A card that was put in place of another becomes the subscription's own, since Stripe's portal
    /// changes the customer's only. In place of one that failed, it pays at once: once per invoice
    /// and card.
    fn new_card(&mut self) {
        let customer = self.view.facts.customer.as_ref().filter(|customer| !customer.deleted);
        let Some(customer) = customer else { return };
        let (turn, just_now) = self.card_turn(customer);
        let Some(card) = customer.default_payment_method.as_ref().filter(|_| turn > 0) else {
            return;
        };
        let behind = matches!(self.row.status, Status::PastDue | Status::Unpaid);
        let runs = matches!(self.row.status, Status::Active | Status::Trialing);
        let open = self.found.invoices.iter().rev().find(|invoice| {
            invoice.status == InvoiceStatus::Open && invoice.attempted && self.is_own(invoice)
        });
        let own = self.row.default_payment_method.as_ref();
        let (other, invoice) = match open.filter(|_| behind) {
            Some(invoice) => (own.or(invoice.payment_method.as_ref()), Some(invoice.id.clone())),
            None if just_now && (runs || behind) => (own, None),
            None => return,
        };
        if other.is_none_or(|other| other == card) {
            return;
        }
        let request = IntentRequest::Recover {
            subscription: self.row.subscription.clone(),
            group: self.row.group.clone(),
            payment_method: card.clone(),
            invoice,
            turn,
        };
        if self.row.told.insert(request.key()) {
            self.effects.push(Effect::Intent(request));
        }
    }

    /// How often the customer's own card was replaced since we first looked, and whether it was just
    /// now. The first look only remembers it: what was there before the subscription says nothing
    /// about it.
    fn card_turn(&mut self, customer: &CustomerFact) -> (u32, bool) {
        const SEEN: &str = "customer_card:";
        let card = customer.default_payment_method.as_ref().map_or("none", |card| card.as_str());
        let before = self.row.told.iter().find(|key| key.starts_with(SEEN)).cloned();
        let (turn, replaced) =
            match before.as_ref().and_then(|key| key[SEEN.len()..].split_once(':')) {
                Some((turn, seen)) => {
                    let turn = turn.parse().unwrap_or(0);
                    if seen == card { (turn, false) } else { (turn + 1, true) }
                }
                None => (0, false),
            };
        if let Some(before) = before {
            self.row.told.remove(&before);
        }
        self.row.told.insert(format!("{SEEN}{turn}:{card}"));
        (turn, replaced)
    }

    /// Access has ended although Stripe goes on trying.
    fn grace_over(&mut self) {
        let Some(end) = self.row.grace_until.filter(|end| *end <= self.view.now) else { return };
        if self.row.told.insert(format!("grace_over:{end}")) {
            self.effects.push(Effect::Audit {
                what: "access.ended",
                subject: self.row.subscription.to_string(),
                details: json!({ "grace_until": end }),
            });
        }
    }

    fn renewal_ahead(&mut self) {
        let Period { start, end } = self.row.period;
        let Some(at) = rows::announced_at(self.row) else { return };
        if at <= self.view.now && self.view.now < BusinessTime::from_second(end) {
            let paid = self.found.invoices.iter().rev().find(|invoice| {
                invoice.status == InvoiceStatus::Paid
                    && matches!(
                        &*invoice.billing_reason,
                        "subscription_create" | "subscription_cycle"
                    )
            });
            let ahead = Period { start: end, end: end.saturating_add(end - start) };
            let about = MailFacts {
                amount: paid.map(|invoice| invoice.total),
                period: Some(ahead),
                ..self.about(at)
            };
            let key = format!("renewal_ahead:{}:{end}", self.row.subscription);
            self.mail(key, MailKind::RenewalAhead, about);
        }
    }

    fn cancellation(&mut self) {
        let Some(ends) = self.found.ends() else { return };
        let at = self.row.canceled_at.unwrap_or(ends);
        let about = MailFacts { ends_at: Some(ends), ..self.about(at) };
        let key = format!("cancellation_scheduled:{}:{}", self.row.subscription, at.as_second());
        self.mail(key, MailKind::CancellationScheduled, about);
    }

    /// Only of a subscription that was seen alive; the rest is history.
    fn ended(&mut self) {
        let before = self.view.before.held.get(&self.row.subscription);
        let was_alive = before.is_some_and(|held| !held.status.is_over());
        let waits = format!("ending:{}", self.row.subscription);
        if self.row.status == Status::Canceled && (was_alive || self.row.told.contains(&waits)) {
            let at = self.row.ended_at.unwrap_or(self.view.now);
            let about = MailFacts { ends_at: Some(at), ..self.about(at) };
            self.mail(format!("canceled:{}", self.row.subscription), MailKind::Canceled, about);
            // It is not alive when it is looked at again.
            self.row.told.insert(waits);
        }
    }

    /// Somebody moved it to a price that is none of ours. It goes on as it was.
    fn unknown_price(&mut self) {
        let subject = self.row.subscription.to_string();
        let alarm = Effect::Alarm { code: "unknown_price", subject };
        if self.found.fact.plan.is_none() && self.found.is_alive() {
            self.once(alarm);
        }
    }

    /// Whether an invoice is in our currency. One that is not grants nothing, and is shown unless it
    /// is over.
    fn is_sound(&mut self, invoice: &InvoiceFact) -> bool {
        if self.found.keeps_apart(invoice, self.view.policies) {
            self.once(Effect::Quarantine {
                object: invoice.id.to_string(),
                reason: FOREIGN,
                details: json!({
                    "currency": invoice.total.currency,
                    "expected_currency": self.view.policies.currency,
                }),
            });
        }
        self.is_own(invoice)
    }

    fn is_own(&self, invoice: &InvoiceFact) -> bool {
        invoice.total.currency == self.view.policies.currency
    }

    fn once(&mut self, effect: Effect) {
        if effect.key().is_some_and(|key| self.row.told.insert(key)) {
            self.effects.push(effect);
        }
    }

    /// Sends a mail, unless it was sent or is old. One that nobody can receive yet waits: the customer
    /// has no address, or has not been read.
    fn mail(&mut self, key: String, kind: MailKind, about: MailFacts) {
        let customer = self.view.facts.customer.as_ref();
        let deleted = customer.is_some_and(|customer| customer.deleted);
        if !deleted && customer.is_none_or(|customer| !customer.email_known) {
            return;
        }
        let fresh = self.view.now.seconds_since(about.at) <= FRESH;
        if self.row.told.insert(key.clone()) && fresh && !deleted {
            self.effects.push(Effect::Mail { key, kind, about: Box::new(about) });
        }
    }

    fn about(&self, at: BusinessTime) -> MailFacts {
        MailFacts {
            subscription: self.row.subscription.clone(),
            group: self.row.group.clone(),
            plan: self.row.plan.clone(),
            price: self.row.price.clone(),
            at,
            invoice: None,
            number: None,
            amount: None,
            attempt: None,
            next_attempt: None,
            grace_until: None,
            ends_at: None,
            period: None,
            link: None,
            pdf: None,
        }
    }

    fn about_invoice(&self, invoice: &InvoiceFact, at: BusinessTime) -> MailFacts {
        MailFacts {
            invoice: Some(invoice.id.clone()),
            number: invoice.number.clone(),
            period: invoice.line_period,
            link: invoice.hosted_invoice_url.clone(),
            pdf: invoice.invoice_pdf.clone(),
            ..self.about(at)
        }
    }
}
