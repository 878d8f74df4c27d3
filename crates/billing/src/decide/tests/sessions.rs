//! Sessions and slots: one subscription of a group, and what is taken back.

use super::*;

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
