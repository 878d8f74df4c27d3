//! Renewals: declined, recovered, confirmed, paid by a new card.

use super::*;

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
            turn: 1,
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
            turn: 1,
        })]
    );
    assert_eq!(life.sees(&seen, day(1)).effects, [], "once");
    seen.subscriptions[0].default_payment_method = Some(card(2));
    assert_eq!(asked(&life.sees(&seen, day(1))), [] as [String; 0], "it was moved");
    seen.customer = with(card(3));
    assert_eq!(asked(&life.sees(&seen, day(2))), ["move_card:sub_1:pm_3:2"]);
    seen.subscriptions[0].default_payment_method = Some(card(3));
    seen.customer = with(card(2));
    assert_eq!(asked(&life.sees(&seen, day(3))), ["move_card:sub_1:pm_2:3"], "it comes back");
}

#[test]
fn a_card_that_the_customer_had_before_the_subscription_is_left_alone() {
    let mut life = Life(with_slot(Slot::Held { subscription: sub_id(1) }));
    let mut seen = facts(&[sub(1)], &[invoice(0)]);
    seen.customer = Some(CustomerFact { default_payment_method: Some(card(9)), ..customer() });
    assert_eq!(asked(&life.sees(&seen, day(0))), ["receipt:in_0"]);
    assert_eq!(life.sees(&seen, day(1)).effects, []);
    // Nor is it charged when the subscription's own is declined: nobody put it in that one's place.
    seen.subscriptions[0].status = Status::PastDue;
    seen.invoices.push(declined(1, 1));
    assert_eq!(asked(&life.sees(&seen, day(31))), ["payment_failed:in_1:1"]);
    seen.customer = Some(CustomerFact { default_payment_method: Some(card(2)), ..customer() });
    assert_eq!(asked(&life.sees(&seen, day(32))), ["recover:in_1:pm_2"]);
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
