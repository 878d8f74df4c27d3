//! Cancellations and ends, what is not ours, and which mails are left out.

use super::*;

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
fn what_is_over_or_sound_is_kept_apart_no_longer() {
    let apart = |subscriptions: &[SubscriptionFact], invoices: &[InvoiceFact]| {
        let seen = facts(subscriptions, invoices);
        let decision = decide(&empty(), &seen, &policies(), day(31));
        decision.apart.into_iter().collect::<Vec<_>>()
    };
    let eur = Currency::try_from("eur").unwrap();
    let foreign = SubscriptionFact { currency: eur, ..sub(2) };
    let timeless = SubscriptionFact { period: Period { start: START, end: START }, ..sub(1) };
    let mut bill = invoice(1);
    bill.total.currency = eur;
    let bills = std::slice::from_ref(&bill);
    assert_eq!(apart(&[sub(1), foreign.clone()], bills), ["in_1", "sub_2"]);
    assert_eq!(apart(&[timeless, foreign.clone()], bills), ["in_1", "sub_1", "sub_2"]);

    let over = |fact: SubscriptionFact| SubscriptionFact {
        status: Status::Canceled,
        ended_at: Some(day(31)),
        ..fact
    };
    let void = InvoiceFact { status: InvoiceStatus::Void, ..bill.clone() };
    assert_eq!(apart(&[sub(1), sub(2)], &[invoice(1)]), [""; 0], "they are sound");
    assert_eq!(apart(&[sub(1), over(foreign)], &[void]), [""; 0], "nothing comes of them");
    assert_eq!(apart(&[over(sub(1))], bills), [""; 0], "nothing is to be granted");
    let unknown = SubscriptionFact { plan: None, ..sub(1) };
    assert_eq!(apart(&[unknown], &[invoice(1)]), ["in_1", "sub_1"], "nobody knows what it is");
}

#[test]
fn what_was_held_and_is_kept_apart_ends_as_stripe_says() {
    let mut life = Life(with_slot(Slot::Held { subscription: sub_id(1) }));
    life.sees(&facts(&[sub(1)], &[]), day(0));
    let foreign = SubscriptionFact { currency: Currency::try_from("eur").unwrap(), ..sub(1) };
    life.sees(&facts(std::slice::from_ref(&foreign), &[]), day(1));
    assert_eq!((life.held(1).status, life.held(1).access), (Status::Active, Access::None));

    let ended = Some(day(2));
    let status = Status::Canceled;
    let over = SubscriptionFact { status, canceled_at: ended, ended_at: ended, ..foreign };
    let decision = life.sees(&facts(&[over], &[]), day(2));
    assert_eq!(asked(&decision), Vec::<String>::new());
    assert_eq!((life.held(1).status, life.held(1).ended_at), (Status::Canceled, ended));
    assert_eq!((life.slot(), decision.wake_at), (&Slot::Empty, None));
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
    seen.customer = None;
    assert_eq!(kinds(&life.sees(&seen, day(0))), []);
    seen.customer = Some(CustomerFact { email_known: false, ..customer() });
    assert_eq!(kinds(&life.sees(&seen, day(0))), []);
    seen.customer = Some(customer());
    assert_eq!(kinds(&life.sees(&seen, day(1))), [MailKind::Receipt]);
    seen.customer = Some(CustomerFact { deleted: true, ..customer() });
    seen.invoices.push(invoice(1));
    assert_eq!(kinds(&life.sees(&seen, day(31))), []);
}

#[test]
fn an_end_waits_for_an_address_too_and_is_told_once() {
    let mut life = Life(with_slot(Slot::Held { subscription: sub_id(1) }));
    let mut seen = facts(&[sub(1)], &[invoice(0)]);
    life.sees(&seen, day(0));
    seen.subscriptions[0].status = Status::Canceled;
    seen.subscriptions[0].ended_at = Some(day(30));
    seen.customer = None;
    assert_eq!(kinds(&life.sees(&seen, day(30))), []);
    seen.customer = Some(customer());
    assert_eq!(kinds(&life.sees(&seen, day(31))), [MailKind::Canceled]);
    assert_eq!(kinds(&life.sees(&seen, day(32))), []);
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
