//! What a customer's days come to: one table of facts after the other.

use specie_vocab::{
    Currency, CustomerId, IntentId, InvoiceId, Money, PaymentMethodId, Period, SessionId,
    SubscriptionId,
};

use super::*;
use crate::{
    Access, CustomerFact, IntentRequest, InvoiceStatus, MailFacts, MailKind, PaymentState,
    SessionFact, SessionStatus, Standing,
};

mod ends;
mod properties;
mod renewals;
mod sessions;

const DAY: i64 = 86_400;
/// When the first subscription begins.
const START: i64 = 1_800_000_000;

fn day(days: i64) -> BusinessTime {
    BusinessTime::from_second(START + days * DAY)
}

fn usd(minor: i64) -> Money {
    Money::new(minor, Currency::USD)
}

fn sub_id(n: u32) -> SubscriptionId {
    SubscriptionId::try_from(format!("sub_{n}")).unwrap()
}

fn card(n: u32) -> PaymentMethodId {
    PaymentMethodId::try_from(format!("pm_{n}")).unwrap()
}

fn intent(n: u32) -> IntentId {
    format!("00000000-0000-7000-8000-{n:012}").parse().unwrap()
}

fn policies() -> Policies {
    Policies { grace_days: 14, refunds_per_day: 2, ..Policies::new(Currency::USD) }
}

fn empty() -> Before {
    let payer = "00000000-0000-7000-8000-000000000000".parse().unwrap();
    Before { payer, slots: BTreeMap::new(), held: BTreeMap::new() }
}

fn with_slot(slot: Slot) -> Before {
    Before { slots: [("main".to_owned(), slot)].into(), ..empty() }
}

fn open_slot(n: u32) -> Before {
    with_slot(Slot::Open { intent: intent(n), session: session(n).id })
}

fn customer() -> CustomerFact {
    CustomerFact {
        id: CustomerId::try_from("cus_1").unwrap(),
        email_known: true,
        default_payment_method: None,
        deleted: false,
        currency: Some(Currency::USD),
    }
}

/// An active monthly subscription of ours, made by intent `n`.
fn sub(n: u32) -> SubscriptionFact {
    SubscriptionFact {
        id: sub_id(n),
        status: Status::Active,
        plan: Some(PriceRef { group: "main".into(), plan: "pro".into(), price: "monthly".into() }),
        ours: true,
        intent: Some(intent(n)),
        intent_at: None,
        period: Period { start: START, end: START + 30 * DAY },
        cancel_at_period_end: false,
        cancel_at: None,
        canceled_at: None,
        ended_at: None,
        created: day(0),
        currency: Currency::USD,
        latest_invoice: None,
        default_payment_method: Some(card(1)),
    }
}

fn session(n: u32) -> SessionFact {
    SessionFact {
        id: SessionId::try_from(format!("cs_{n}")).unwrap(),
        status: SessionStatus::Open,
        intent: Some(intent(n)),
        group: Some("main".into()),
        subscription: None,
        created: day(0).plus_seconds(-600),
    }
}

fn paid_session(n: u32) -> SessionFact {
    SessionFact { status: SessionStatus::Complete, subscription: Some(sub_id(n)), ..session(n) }
}

/// The paid invoice number `n` of the first subscription, `n` months after its beginning.
fn invoice(n: i64) -> InvoiceFact {
    let (start, end) = (START + n * 30 * DAY, START + (n + 1) * 30 * DAY);
    InvoiceFact {
        id: InvoiceId::try_from(format!("in_{n}").replace('-', "before_")).unwrap(),
        subscription: sub_id(1),
        status: InvoiceStatus::Paid,
        billing_reason: if n == 0 { "subscription_create" } else { "subscription_cycle" }.into(),
        total: usd(2900),
        amount_paid: usd(2900),
        amount_remaining: usd(0),
        attempt_count: 1,
        attempted: true,
        next_payment_attempt: None,
        created: BusinessTime::from_second(start),
        finalized_at: Some(BusinessTime::from_second(start + 3600)),
        paid_at: Some(BusinessTime::from_second(start + 3600)),
        line_period: Some(Period { start, end }),
        payment: PaymentState::Plain,
        payment_method: None,
        number: Some(format!("A-{n}")),
        hosted_invoice_url: Some(format!("https://pay.example.com/in_{n}")),
        invoice_pdf: None,
    }
}

/// The same, declined for the `attempt`th time.
fn declined(n: i64, attempt: i64) -> InvoiceFact {
    InvoiceFact {
        status: InvoiceStatus::Open,
        amount_paid: usd(0),
        amount_remaining: usd(2900),
        attempt_count: attempt,
        next_payment_attempt: Some(day(n * 30 + 3)),
        paid_at: None,
        ..invoice(n)
    }
}

fn facts(subscriptions: &[SubscriptionFact], invoices: &[InvoiceFact]) -> Facts {
    Facts {
        customer: Some(customer()),
        subscriptions: subscriptions.to_vec(),
        invoices: invoices.to_vec(),
        ..Facts::default()
    }
}

/// A customer's life: what was held is carried from one decision to the next.
struct Life(Before);

impl Life {
    fn sees(&mut self, facts: &Facts, now: BusinessTime) -> Decision {
        let decision = decide(&self.0, facts, &policies(), now);
        self.0.slots = decision.slots.clone();
        self.0.held = decision.held.clone();
        let again = decide(&self.0, facts, &policies(), now);
        assert_eq!(again.effects, [], "asked for a second time");
        assert_eq!((&again.slots, &again.held), (&decision.slots, &decision.held));
        decision
    }

    fn slot(&self) -> &Slot {
        &self.0.slots["main"]
    }

    fn held(&self, n: u32) -> &Held {
        &self.0.held[&sub_id(n)]
    }
}

fn mails(decision: &Decision) -> Vec<(MailKind, &MailFacts)> {
    let mail = |effect| match effect {
        &Effect::Mail { kind, ref about, .. } => Some((kind, &**about)),
        _ => None,
    };
    decision.effects.iter().filter_map(mail).collect()
}

fn kinds(decision: &Decision) -> Vec<MailKind> {
    mails(decision).into_iter().map(|(kind, _)| kind).collect()
}

/// Everything that was asked for but audit entries, by key.
fn asked(decision: &Decision) -> Vec<String> {
    decision.effects.iter().filter_map(Effect::key).collect()
}
