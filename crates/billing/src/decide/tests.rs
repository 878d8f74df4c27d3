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

mod properties;

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

#[test]
fn a_paid_session_fills_its_slot_and_sends_a_receipt() {
    let mut life = Life(open_slot(1));
    let mut seen = facts(&[sub(1)], &[invoice(0)]);
    seen.sessions = vec![paid_session(1)];
    let decision = life.sees(&seen, day(0));
    assert_eq!(*life.slot(), Slot::Held { subscription: sub_id(1) });
    assert_eq!(life.held(1).access, Access::Open);
    assert_eq!(asked(&decision), ["receipt:in_0"]);
    assert_eq!(mails(&decision)[0].1.amount, Some(usd(2900)));
    assert_eq!(decision.wake_at, Some(day(30)));
    let audited: Vec<_> = decision
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Audit { what, subject, .. } => Some((*what, &**subject)),
            _ => None,
        })
        .collect();
    assert_eq!(audited, [("slot.changed", "main"), ("subscription.held", "sub_1")]);
    let Effect::Audit { details, .. } = &decision.effects[1] else { unreachable!() };
    assert_eq!(details["status"], serde_json::json!([null, "active"]));
    assert_eq!(details.get("told"), None);
}

#[test]
fn a_slot_is_freed_by_stripes_word_and_never_by_the_clock() {
    let year = day(365);
    let mut life = Life(open_slot(1));
    for seen in [Facts::default(), Facts { sessions: vec![session(1)], ..Facts::default() }] {
        assert_eq!(life.sees(&seen, year).effects, []);
        assert_eq!(*life.slot(), open_slot(1).slots["main"]);
    }
    let completed = Facts { sessions: vec![paid_session(1)], ..Facts::default() };
    assert_eq!(life.sees(&completed, year).effects, [], "its subscription is not known yet");
    let unknown = SubscriptionFact { plan: None, ..sub(1) };
    let completed = Facts { subscriptions: vec![unknown], ..completed };
    assert_eq!(life.sees(&completed, year).effects, [], "nor is its price");
    let expired = SessionFact { status: SessionStatus::Expired, ..session(1) };
    life.sees(&Facts { sessions: vec![expired], ..Facts::default() }, day(0));
    assert_eq!(*life.slot(), Slot::Empty);
}

#[test]
fn a_claim_becomes_a_session_or_ends_with_its_intent() {
    let claimed = || Life(with_slot(Slot::Claimed { intent: intent(2) }));
    let old = SessionFact { created: day(-1), ..session(1) };

    let mut life = claimed();
    let seen = Facts { sessions: vec![old.clone()], ..Facts::default() };
    life.sees(&seen, day(0));
    assert_eq!(*life.slot(), Slot::Claimed { intent: intent(2) }, "the old one is being expired");

    let seen = Facts { sessions: vec![old.clone(), session(2)], ..Facts::default() };
    life.sees(&seen, day(0));
    assert_eq!(*life.slot(), open_slot(2).slots["main"]);

    let mut life = claimed();
    let ended_intents = [intent(2)].into();
    life.sees(&Facts { sessions: vec![old], ended_intents, ..Facts::default() }, day(0));
    assert_eq!(*life.slot(), open_slot(1).slots["main"], "the old one can still be paid");

    let mut life = claimed();
    let ended_intents = [intent(2)].into();
    life.sees(&Facts { ended_intents, ..Facts::default() }, day(0));
    assert_eq!(*life.slot(), Slot::Empty);
}

#[test]
fn a_session_paid_while_another_choice_expires_it_is_adopted() {
    let mut life = Life(with_slot(Slot::Claimed { intent: intent(2) }));
    let mut seen = facts(&[sub(1)], &[invoice(0)]);
    seen.sessions = vec![paid_session(1)];
    let decision = life.sees(&seen, day(0));
    assert_eq!(*life.slot(), Slot::Held { subscription: sub_id(1) });
    assert_eq!(asked(&decision), ["receipt:in_0"]);
}

fn two_sessions() -> Facts {
    let mut seen = facts(&[sub(1), SubscriptionFact { created: day(1), ..sub(2) }], &[]);
    seen.sessions = vec![paid_session(1), paid_session(2)];
    seen
}

#[test]
fn a_second_session_of_ours_is_canceled_and_refunded_once() {
    let mut life = Life(with_slot(Slot::Held { subscription: sub_id(1) }));
    let mut seen = two_sessions();
    let decision = life.sees(&seen, day(1));
    assert_eq!(asked(&decision), ["cancel_and_refund:sub_2"]);
    let conflict = Slot::Conflict { subscription: sub_id(1), others: vec![sub_id(2)] };
    assert_eq!(*life.slot(), conflict);
    assert_eq!((life.held(1).access, life.held(2).access), (Access::Open, Access::None));
    assert_eq!(life.held(2).standing, Standing::Second);

    seen.refunds_today = 1;
    assert_eq!(life.sees(&seen, day(2)).effects, []);
    seen.subscriptions[1].status = Status::Canceled;
    seen.subscriptions[1].ended_at = Some(day(1));
    let decision = life.sees(&seen, day(2));
    assert_eq!(asked(&decision), Vec::<String>::new(), "no mail about what was taken back");
    assert_eq!(*life.slot(), Slot::Held { subscription: sub_id(1) });
}

#[test]
fn the_one_that_the_slot_names_stays_else_the_older() {
    let refunded = |before: Before| asked(&Life(before).sees(&two_sessions(), day(1)));
    assert_eq!(refunded(empty()), ["cancel_and_refund:sub_2"]);
    assert_eq!(refunded(open_slot(2)), ["cancel_and_refund:sub_1"]);
    let claimed = with_slot(Slot::Claimed { intent: intent(2) });
    assert_eq!(refunded(claimed), ["cancel_and_refund:sub_1"]);
    let held = with_slot(Slot::Held { subscription: sub_id(2) });
    assert_eq!(refunded(held), ["cancel_and_refund:sub_1"]);

    let mut seen = two_sessions();
    seen.subscriptions[0].created = day(2);
    seen.sessions[0].created = day(2);
    assert_eq!(asked(&Life(empty()).sees(&seen, day(2))), ["cancel_and_refund:sub_1"]);
}

#[test]
fn only_what_is_surely_our_own_recent_doing_is_taken_back() {
    let alarm = ["alarm:second_subscription:sub_2"];
    let check = |change: &dyn Fn(&mut Facts), expected: &[&str]| {
        let mut life = Life(with_slot(Slot::Held { subscription: sub_id(1) }));
        let mut seen = two_sessions();
        change(&mut seen);
        assert_eq!(asked(&life.sees(&seen, day(9))), expected);
        let conflict = Slot::Conflict { subscription: sub_id(1), others: vec![sub_id(2)] };
        assert_eq!(*life.slot(), conflict, "it is shown in any case");
    };
    // Made in the dashboard, or by another installation.
    check(&|seen| seen.subscriptions[1].intent = None, &alarm);
    // Nobody knows when its session was made.
    check(&|seen| seen.sessions.truncate(1), &alarm);
    // Its session is known by what came of it, though not by its mark.
    check(&|seen| seen.sessions[1].intent = None, &["cancel_and_refund:sub_2"]);
    // To the second.
    let late = day(1).plus_seconds(-48 * 3600 - 1);
    check(&|seen| seen.sessions[1].created = late, &alarm);
    check(&|seen| seen.sessions[1].created = late.plus_seconds(1), &["cancel_and_refund:sub_2"]);
    check(&|seen| seen.subscriptions[1].intent_at = Some(late), &alarm);
    check(&|seen| seen.refunds_today = 1, &["cancel_and_refund:sub_2"]);
    check(&|seen| seen.refunds_today = 2, &["alarm:refund_ceiling:sub_2"]);
}

#[test]
fn the_ceiling_counts_within_one_decision_too() {
    let mut life = Life(with_slot(Slot::Held { subscription: sub_id(1) }));
    let mut seen = facts(&[sub(1), sub(2), sub(3), sub(4)], &[]);
    seen.sessions = (1..5).map(paid_session).collect();
    assert_eq!(
        asked(&life.sees(&seen, day(0))),
        ["cancel_and_refund:sub_2", "cancel_and_refund:sub_3", "alarm:refund_ceiling:sub_4",]
    );
}

#[test]
fn a_second_one_fills_the_slot_when_the_first_has_ended() {
    let mut life = Life(with_slot(Slot::Held { subscription: sub_id(1) }));
    let mut seen = facts(&[sub(1), SubscriptionFact { intent: None, ..sub(2) }], &[]);
    life.sees(&seen, day(0));
    seen.subscriptions[0].status = Status::Canceled;
    life.sees(&seen, day(1));
    assert_eq!(*life.slot(), Slot::Held { subscription: sub_id(2) });
    assert_eq!((life.held(1).access, life.held(2).access), (Access::None, Access::Open));
}

#[test]
fn a_declined_renewal_is_told_once_per_attempt_until_it_has_recovered() {
    let mut life = Life(open_slot(1));
    life.sees(&facts(&[sub(1)], &[invoice(0)]), day(0));
    let renewed = Period { start: START + 30 * DAY, end: START + 60 * DAY };
    let behind = SubscriptionFact { status: Status::PastDue, period: renewed, ..sub(1) };

    let decision =
        life.sees(&facts(std::slice::from_ref(&behind), &[invoice(0), declined(1, 1)]), day(31));
    assert_eq!(asked(&decision), ["payment_failed:in_1:1"]);
    assert_eq!(kinds(&decision), [MailKind::PaymentFailed]);
    let about = mails(&decision)[0].1;
    assert_eq!(about.link.as_deref(), Some("https://pay.example.com/in_1"));
    assert_eq!((about.amount, about.attempt), (Some(usd(2900)), Some(1)));
    let grace = day(44).plus_seconds(3600);
    assert_eq!((about.grace_until, about.next_attempt), (Some(grace), Some(day(33))));
    assert_eq!(life.held(1).access, Access::Until(grace));
    assert_eq!(decision.wake_at, Some(grace));

    let decision =
        life.sees(&facts(std::slice::from_ref(&behind), &[invoice(0), declined(1, 3)]), day(35));
    assert_eq!(asked(&decision), ["payment_failed:in_1:3"], "the second was missed");
    let decision = life.sees(&facts(&[behind], &[invoice(0), declined(1, 2)]), day(35));
    assert_eq!(decision.effects, [], "old news");

    let running = SubscriptionFact { period: renewed, ..sub(1) };
    let paid = InvoiceFact { paid_at: Some(day(36)), ..invoice(1) };
    let decision = life.sees(&facts(&[running], &[invoice(0), paid]), day(36));
    assert_eq!(asked(&decision), ["recovered:in_1", "receipt:in_1"]);
    assert_eq!((life.held(1).access, life.held(1).grace_until), (Access::Open, None));
}

#[test]
fn grace_counts_from_the_first_unpaid_renewal_and_is_not_prolonged_by_the_next() {
    let mut life = Life(with_slot(Slot::Held { subscription: sub_id(1) }));
    let period = Period { start: START + 60 * DAY, end: START + 90 * DAY };
    let behind = SubscriptionFact { status: Status::PastDue, period, ..sub(1) };
    let old = InvoiceFact { id: InvoiceId::try_from("in_old").unwrap(), ..declined(-9, 4) };
    let seen = facts(&[behind], &[declined(2, 1), old, declined(1, 4), invoice(0)]);
    let decision = life.sees(&seen, day(61));
    assert_eq!(life.held(1).grace_until, Some(day(44).plus_seconds(3600)));
    assert!(!life.held(1).access.is_given(day(61)));
    let ended = |effect: &Effect| matches!(effect, Effect::Audit { what: "access.ended", .. });
    assert_eq!(decision.effects.iter().filter(|effect| ended(effect)).count(), 1);
}

#[test]
fn what_is_paid_after_the_end_is_no_recovery() {
    let mut life = Life(with_slot(Slot::Held { subscription: sub_id(1) }));
    let behind = SubscriptionFact { status: Status::PastDue, ..sub(1) };
    life.sees(&facts(&[behind], &[declined(1, 1)]), day(31));
    let over = SubscriptionFact { status: Status::Canceled, ended_at: Some(day(45)), ..sub(1) };
    let decision = life.sees(&facts(std::slice::from_ref(&over), &[declined(1, 2)]), day(45));
    assert_eq!(kinds(&decision), [MailKind::Canceled]);
    let decision = life.sees(&facts(&[over], &[invoice(1)]), day(46));
    assert_eq!(kinds(&decision), [MailKind::Receipt]);
}

#[test]
fn others_stand_by_id_whichever_is_older() {
    let older = SubscriptionFact { created: day(-1), ..sub(3) };
    let mut life = Life(with_slot(Slot::Held { subscription: sub_id(1) }));
    life.sees(&facts(&[sub(1), older, sub(2)], &[]), day(0));
    let others = vec![sub_id(2), sub_id(3)];
    assert_eq!(*life.slot(), Slot::Conflict { subscription: sub_id(1), others });
}

#[test]
fn a_first_payment_that_fails_or_waits_sends_no_mail_about_a_renewal() {
    let mut life = Life(open_slot(1));
    let seen =
        facts(&[SubscriptionFact { status: Status::Incomplete, ..sub(1) }], &[declined(0, 1)]);
    assert_eq!(asked(&life.sees(&seen, day(0))), Vec::<String>::new());
    assert_eq!(*life.slot(), Slot::Held { subscription: sub_id(1) });
    assert_eq!(life.held(1).access, Access::None);

    let expired = SubscriptionFact { status: Status::IncompleteExpired, ..sub(1) };
    let voided = InvoiceFact { status: InvoiceStatus::Void, ..declined(0, 1) };
    assert_eq!(asked(&life.sees(&facts(&[expired], &[voided]), day(1))), Vec::<String>::new());
    assert_eq!(*life.slot(), Slot::Empty);
}

/// A bank debit makes a subscription active before it is paid.
#[test]
fn an_active_subscription_that_was_never_paid_gives_no_access() {
    let mut life = Life(open_slot(1));
    let waiting = InvoiceFact { payment: PaymentState::Processing, ..declined(0, 1) };
    life.sees(&facts(&[sub(1)], &[waiting]), day(0));
    assert_eq!(life.held(1).access, Access::None);
    life.sees(&facts(&[sub(1)], &[invoice(0)]), day(5));
    assert_eq!(life.held(1).access, Access::Open);
    let renewal = InvoiceFact { payment: PaymentState::Processing, ..declined(1, 1) };
    let decision = life.sees(&facts(&[sub(1)], &[invoice(0), renewal]), day(31));
    assert_eq!(life.held(1).access, Access::Open);
    assert_eq!(asked(&decision), Vec::<String>::new());
}

#[test]
fn a_renewal_that_must_be_confirmed_asks_for_that() {
    let mut life = Life(with_slot(Slot::Held { subscription: sub_id(1) }));
    let behind = SubscriptionFact { status: Status::PastDue, ..sub(1) };
    let waits = InvoiceFact { payment: PaymentState::RequiresAction, ..declined(1, 1) };
    let decision = life.sees(&facts(std::slice::from_ref(&behind), &[waits]), day(31));
    assert_eq!(kinds(&decision), [MailKind::ActionNeeded]);
    let decision = life.sees(&facts(&[behind], &[declined(1, 1)]), day(31));
    assert_eq!(kinds(&decision), [], "the same attempt");
}

#[test]
fn a_new_card_pays_at_once_once_per_invoice_and_card() {
    let mut life = Life(with_slot(Slot::Held { subscription: sub_id(1) }));
    let behind = SubscriptionFact { status: Status::PastDue, ..sub(1) };
    let mut seen = facts(&[behind], &[invoice(0), declined(1, 1)]);
    let same = Some(card(1));
    seen.customer = Some(CustomerFact { default_payment_method: same, ..customer() });
    assert_eq!(asked(&life.sees(&seen, day(31))), ["receipt:in_0", "payment_failed:in_1:1"]);

    seen.customer = Some(CustomerFact { default_payment_method: Some(card(2)), ..customer() });
    let decision = life.sees(&seen, day(32));
    assert_eq!(
        decision.effects,
        [Effect::Intent(IntentRequest::Recover {
            subscription: sub_id(1),
            group: "main".into(),
            payment_method: card(2),
            invoice: Some(InvoiceId::try_from("in_1").unwrap()),
        })]
    );
    // It was moved and declined as well; then a third one comes.
    seen.subscriptions[0].default_payment_method = Some(card(2));
    seen.invoices[1] = declined(1, 2);
    assert_eq!(asked(&life.sees(&seen, day(32))), ["payment_failed:in_1:2"]);
    seen.customer = Some(CustomerFact { default_payment_method: Some(card(3)), ..customer() });
    assert_eq!(asked(&life.sees(&seen, day(33))), ["recover:in_1:pm_3"]);
}

#[test]
fn a_new_card_while_all_is_paid_becomes_the_subscriptions_own() {
    let mut life = Life(with_slot(Slot::Held { subscription: sub_id(1) }));
    let mut seen = facts(&[sub(1)], &[invoice(0)]);
    life.sees(&seen, day(0));
    let with = |card| Some(CustomerFact { default_payment_method: Some(card), ..customer() });
    seen.customer = with(card(2));
    assert_eq!(
        life.sees(&seen, day(1)).effects,
        [Effect::Intent(IntentRequest::Recover {
            subscription: sub_id(1),
            group: "main".into(),
            payment_method: card(2),
            invoice: None,
        })]
    );
    assert_eq!(life.sees(&seen, day(1)).effects, [], "once");
    seen.subscriptions[0].default_payment_method = Some(card(2));
    assert_eq!(asked(&life.sees(&seen, day(1))), [] as [String; 0], "it was moved");
    seen.customer = with(card(3));
    assert_eq!(asked(&life.sees(&seen, day(2))), ["move_card:sub_1:pm_3"]);
}

#[test]
fn a_card_that_the_customer_had_before_the_subscription_is_left_alone() {
    let mut life = Life(with_slot(Slot::Held { subscription: sub_id(1) }));
    let mut seen = facts(&[sub(1)], &[invoice(0)]);
    seen.customer = Some(CustomerFact { default_payment_method: Some(card(9)), ..customer() });
    assert_eq!(asked(&life.sees(&seen, day(0))), ["receipt:in_0"]);
    assert_eq!(life.sees(&seen, day(1)).effects, []);
}

#[test]
fn a_new_card_is_not_moved_to_what_has_ended() {
    let mut life = Life(with_slot(Slot::Held { subscription: sub_id(1) }));
    let over = SubscriptionFact {
        status: Status::Canceled,
        ended_at: Some(day(0)),
        canceled_at: Some(day(0)),
        ..sub(1)
    };
    let mut seen = facts(&[over], &[invoice(0)]);
    life.sees(&seen, day(0));
    seen.customer = Some(CustomerFact { default_payment_method: Some(card(2)), ..customer() });
    assert_eq!(life.sees(&seen, day(1)).effects, []);
}

#[test]
fn a_cancellation_holds_until_the_periods_end_and_can_be_undone() {
    let mut life = Life(with_slot(Slot::Held { subscription: sub_id(1) }));
    life.sees(&facts(&[sub(1)], &[]), day(0));
    let leaving = |at| SubscriptionFact {
        cancel_at_period_end: true,
        cancel_at: Some(day(30)),
        canceled_at: Some(day(at)),
        ..sub(1)
    };
    let decision = life.sees(&facts(&[leaving(3)], &[]), day(3));
    assert_eq!(kinds(&decision), [MailKind::CancellationScheduled]);
    assert_eq!(mails(&decision)[0].1.ends_at, Some(day(30)));
    assert_eq!(life.held(1).access, Access::Until(day(30)));
    assert_eq!(decision.wake_at, Some(day(30)));

    let decision = life.sees(&facts(&[sub(1)], &[]), day(4));
    assert_eq!(asked(&decision), Vec::<String>::new());
    assert_eq!(decision.effects.len(), 1, "the audit log has it");
    assert_eq!(life.held(1).access, Access::Open);

    let decision = life.sees(&facts(&[leaving(5)], &[]), day(5));
    assert_eq!(kinds(&decision), [MailKind::CancellationScheduled]);

    let over = SubscriptionFact { status: Status::Canceled, ended_at: Some(day(30)), ..leaving(5) };
    let decision = life.sees(&facts(&[over], &[]), day(30));
    assert_eq!(kinds(&decision), [MailKind::Canceled]);
    assert_eq!((life.slot(), decision.wake_at), (&Slot::Empty, None));
    assert_eq!(life.held(1).access, Access::None);
}

#[test]
fn history_that_was_never_seen_alive_is_recorded_without_mails() {
    let mut life = Life(empty());
    let over = SubscriptionFact { status: Status::Canceled, ended_at: Some(day(60)), ..sub(1) };
    let bills = [invoice(0), invoice(1)];
    let decision = Life(empty()).sees(&facts(std::slice::from_ref(&over), &bills), day(61));
    assert_eq!(kinds(&decision), [MailKind::Receipt; 2], "receipts are due whatever was seen");
    let decision = life.sees(&facts(&[over], &bills), day(400));
    assert_eq!(asked(&decision), Vec::<String>::new());
    assert_eq!(life.held(1).status, Status::Canceled);
}

#[test]
fn another_currency_is_kept_apart_and_never_granted() {
    let eur = Currency::try_from("eur").unwrap();
    let foreign = SubscriptionFact { currency: eur, ..sub(2) };
    let mut life = Life(empty());
    let decision = life.sees(&facts(std::slice::from_ref(&foreign), &[]), day(0));
    assert_eq!(asked(&decision), ["quarantine:currency_mismatch:sub_2"]);
    assert!(life.0.held.is_empty());
    assert_eq!(*life.slot(), Slot::Conflict { subscription: sub_id(2), others: vec![] });

    let decision = life.sees(&facts(&[foreign, sub(1)], &[]), day(0));
    assert_eq!(asked(&decision), Vec::<String>::new(), "it was said already");
    assert_eq!(life.slot().subscription(), Some(&sub_id(1)));

    let mut life = Life(with_slot(Slot::Held { subscription: sub_id(1) }));
    let mut bill = invoice(1);
    bill.total.currency = eur;
    bill.amount_paid.currency = eur;
    let decision = life.sees(&facts(&[sub(1)], &[bill]), day(31));
    assert_eq!(asked(&decision), ["quarantine:currency_mismatch:in_1"]);
}

#[test]
fn what_is_not_ours_or_not_of_the_catalog_is_untouched() {
    let strangers =
        [SubscriptionFact { plan: None, ..sub(1) }, SubscriptionFact { ours: false, ..sub(2) }];
    let decision = Life(empty()).sees(&facts(&strangers, &[invoice(0)]), day(0));
    assert_eq!((decision.effects, decision.slots.len(), decision.held.len()), (vec![], 0, 0));
}

#[test]
fn a_held_subscription_that_leaves_the_catalog_goes_on_with_an_alarm() {
    let mut life = Life(open_slot(1));
    life.sees(&facts(&[sub(1)], &[]), day(0));
    let moved = SubscriptionFact { plan: None, ..sub(1) };
    let decision = life.sees(&facts(&[moved], &[]), day(1));
    assert_eq!(asked(&decision), ["alarm:unknown_price:sub_1"]);
    assert_eq!(*life.slot(), Slot::Held { subscription: sub_id(1) });
    assert_eq!(life.held(1).access, Access::Open);
}

#[test]
fn the_renewal_of_a_year_is_announced_a_month_ahead() {
    let mut life = Life(with_slot(Slot::Held { subscription: sub_id(1) }));
    let period = Period { start: START, end: START + 365 * DAY };
    let annual = SubscriptionFact { period, ..sub(1) };
    let seen = facts(std::slice::from_ref(&annual), &[invoice(0)]);
    let decision = life.sees(&seen, day(0));
    assert_eq!((kinds(&decision), decision.wake_at), (vec![MailKind::Receipt], Some(day(335))));
    let decision = life.sees(&seen, day(335));
    assert_eq!(kinds(&decision), [MailKind::RenewalAhead]);
    assert_eq!(decision.wake_at, Some(day(365)));
    assert_eq!(life.sees(&seen, day(340)).effects, []);
    let leaving = SubscriptionFact { cancel_at: Some(day(365)), ..annual };
    let decision = Life(empty()).sees(&facts(&[leaving], &[]), day(340));
    assert!(!kinds(&decision).contains(&MailKind::RenewalAhead));
}

#[test]
fn a_mail_waits_for_an_address_and_a_deleted_customer_gets_none() {
    let mut life = Life(with_slot(Slot::Held { subscription: sub_id(1) }));
    let mut seen = facts(&[sub(1)], &[invoice(0)]);
    seen.customer = Some(CustomerFact { email_known: false, ..customer() });
    assert_eq!(kinds(&life.sees(&seen, day(0))), []);
    seen.customer = Some(customer());
    assert_eq!(kinds(&life.sees(&seen, day(1))), [MailKind::Receipt]);
    seen.customer = Some(CustomerFact { deleted: true, ..customer() });
    seen.invoices.push(invoice(1));
    assert_eq!(kinds(&life.sees(&seen, day(31))), []);
}

#[test]
fn groups_do_not_mix() {
    let extra = PriceRef { group: "extra".into(), plan: "space".into(), price: "monthly".into() };
    let other = SubscriptionFact { plan: Some(extra), ..sub(2) };
    let decision = Life(empty()).sees(&facts(&[sub(1), other], &[]), day(0));
    assert_eq!(asked(&decision), Vec::<String>::new());
    assert_eq!(decision.slots["main"], Slot::Held { subscription: sub_id(1) });
    assert_eq!(decision.slots["extra"], Slot::Held { subscription: sub_id(2) });
}
