//! What holds for all facts: twice is once, order means nothing, late news ends in the same rows,
//! and the receipts add up.

use proptest::prelude::*;
use proptest::sample::subsequence;

use super::*;

fn times() -> impl Strategy<Value = BusinessTime> {
    (-60_i64..120).prop_map(day)
}

fn subscriptions() -> impl Strategy<Value = Vec<SubscriptionFact>> {
    let one = |n| {
        let state = (prop::sample::select(&Status::ALL[..]), times(), prop::option::of(times()));
        let marks = (0_u32..5, prop::option::of(0_u32..4), any::<[bool; 3]>(), 0_u32..3);
        (state, marks).prop_map(move |((status, created, ends), marks)| {
            let (kind, made_by, [ending, old, yearly], paid_with) = marks;
            let length = if yearly { 365 } else { 30 };
            let start = created.as_second();
            let mut fact = SubscriptionFact {
                status,
                created,
                intent: made_by.map(intent),
                intent_at: old.then(|| day(-90)),
                period: Period { start, end: start + length * DAY },
                cancel_at_period_end: ending,
                cancel_at: ends,
                canceled_at: ends,
                ended_at: ends.filter(|_| status.is_over()),
                default_payment_method: (paid_with > 0).then(|| card(paid_with)),
                ..sub(n)
            };
            match kind {
                0 => fact.plan = None,
                1 => fact.currency = Currency::try_from("eur").unwrap(),
                2 => fact.plan.as_mut().unwrap().group = "extra".into(),
                _ => {}
            }
            fact
        })
    };
    (one(1), one(2), one(3), 0_usize..8).prop_map(|(a, b, c, which)| {
        let all = [a, b, c].into_iter().enumerate();
        all.filter(|(bit, _)| which >> bit & 1 == 1).map(|(_, fact)| fact).collect()
    })
}

fn invoices() -> impl Strategy<Value = Vec<InvoiceFact>> {
    let one = |n: i64| {
        (1_u32..4, 0_i64..4, 0_u32..5, any::<bool>()).prop_map(move |(whose, tries, kind, eur)| {
            let status = match kind {
                0 => InvoiceStatus::Draft,
                1 => InvoiceStatus::Open,
                2 => InvoiceStatus::Uncollectible,
                3 => InvoiceStatus::Void,
                _ => InvoiceStatus::Paid,
            };
            let base = if kind == 4 { invoice(n) } else { declined(n, tries) };
            let mut fact =
                InvoiceFact { subscription: sub_id(whose), attempted: tries > 0, status, ..base };
            if eur && n == 2 {
                fact.total.currency = Currency::try_from("eur").unwrap();
            }
            fact
        })
    };
    let all = (one(-2), one(-1), one(0), one(1), one(2));
    all.prop_flat_map(|(a, b, c, d, e)| subsequence(vec![a, b, c, d, e], 0..=5))
}

fn sessions() -> impl Strategy<Value = Vec<SessionFact>> {
    let one = |n| {
        (0_u32..3, prop::option::of(1_u32..4), any::<bool>(), times()).prop_map(
            move |(status, made, grouped, created)| SessionFact {
                status: match status {
                    0 => SessionStatus::Open,
                    1 => SessionStatus::Complete,
                    _ => SessionStatus::Expired,
                },
                subscription: made.map(sub_id),
                group: grouped.then(|| "main".into()),
                created,
                ..session(n)
            },
        )
    };
    (one(1), one(2), one(3)).prop_flat_map(|(a, b, c)| subsequence(vec![a, b, c], 0..=3))
}

fn any_facts() -> impl Strategy<Value = Facts> {
    let customers =
        (any::<[bool; 3]>(), 0_u32..4).prop_map(|([known, email, deleted], paid_with)| {
            known.then(|| CustomerFact {
                email_known: email,
                default_payment_method: (paid_with > 0).then(|| card(paid_with)),
                deleted,
                ..customer()
            })
        });
    let ended = prop::collection::btree_set((0_u32..4).prop_map(intent), 0..3);
    (customers, subscriptions(), invoices(), sessions(), ended, 0_u32..4).prop_map(
        |(customer, subscriptions, invoices, sessions, ended_intents, refunds_today)| Facts {
            customer,
            subscriptions,
            invoices,
            sessions,
            ended_intents,
            refunds_today,
        },
    )
}

fn first_slots() -> impl Strategy<Value = Before> {
    (0_u32..6, 1_u32..4).prop_map(|(kind, n)| match kind {
        0 => empty(),
        1 => with_slot(Slot::Claimed { intent: intent(n) }),
        2 => with_slot(Slot::Held { subscription: sub_id(n) }),
        3 => with_slot(Slot::Empty),
        _ => open_slot(n),
    })
}

/// Whatever facts came before.
fn any_before() -> impl Strategy<Value = Before> {
    let seen = prop::collection::vec((any_facts(), times()), 0..3);
    (first_slots(), seen).prop_map(|(before, seen)| {
        seen.into_iter().fold(before, |before, (facts, now)| after(&before, &facts, now).0)
    })
}

fn after(before: &Before, facts: &Facts, now: BusinessTime) -> (Before, Decision) {
    let decision = decide(before, facts, &policies(), now);
    let (slots, held) = (decision.slots.clone(), decision.held.clone());
    (Before { payer: before.payer, slots, held }, decision)
}

/// The rows without what they remember.
fn rows(before: &Before) -> Vec<Held> {
    let forget = |held: &Held| Held { told: BTreeSet::new(), ..held.clone() };
    before.held.values().map(forget).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn deciding_twice_changes_nothing(before in any_before(), facts in any_facts(), now in times()) {
        let (once, first) = after(&before, &facts, now);
        let (twice, second) = after(&once, &facts, now);
        prop_assert_eq!(&once, &twice);
        prop_assert_eq!(second.effects, []);
        prop_assert_eq!(first.wake_at, second.wake_at);
    }

    #[test]
    fn the_order_of_facts_does_not_matter(
        before in any_before(), facts in any_facts(), now in times(), turn in 0_usize..6,
    ) {
        let mut turned = facts.clone();
        turned.subscriptions.rotate_left(turn % facts.subscriptions.len().max(1));
        turned.invoices.reverse();
        turned.sessions.rotate_left(turn % facts.sessions.len().max(1));
        prop_assert_eq!(
            decide(&before, &facts, &policies(), now),
            decide(&before, &turned, &policies(), now)
        );
    }

    /// Whoever pays has access through one subscription of a group at most, in our currency, and
    /// the slot names it.
    #[test]
    fn access_is_given_once_and_only_by_the_slots_own(
        before in any_before(), facts in any_facts(), now in times(),
    ) {
        let (after, _) = after(&before, &facts, now);
        for fact in &facts.subscriptions {
            let Some(held) = after.held.get(&fact.id) else { continue };
            if held.access != Access::None {
                prop_assert_eq!(after.slots[&held.group].subscription(), Some(&fact.id));
                prop_assert_eq!(fact.currency, Currency::USD);
                prop_assert!(!fact.status.is_over());
            }
        }
    }

    /// What a person is asked to look at is not taken for sound or over at the same time.
    #[test]
    fn what_a_person_is_asked_about_is_kept_apart(
        before in any_before(), facts in any_facts(), now in times(),
    ) {
        let (_, decision) = after(&before, &facts, now);
        for effect in &decision.effects {
            if let Effect::Quarantine { object, .. } = effect {
                prop_assert!(decision.apart.contains(object) && facts.know(object), "{}", object);
            }
        }
    }

    /// The clock alone frees no slot and changes no row.
    #[test]
    fn time_alone_changes_no_rows(
        before in any_before(), facts in any_facts(), now in times(), later in 0_i64..400,
    ) {
        let (at_once, _) = after(&before, &facts, now);
        let (later, _) = after(&at_once, &facts, now.plus_seconds(later * DAY));
        prop_assert_eq!(rows(&at_once), rows(&later));
        prop_assert_eq!(at_once.slots, later.slots);
    }

    /// Between now and `wake_at` nothing happens by itself.
    #[test]
    fn nothing_happens_before_the_wake_up(
        before in any_before(), facts in any_facts(), now in times(), later in 1_i64..400,
    ) {
        let (at_once, decision) = after(&before, &facts, now);
        let last = decision.wake_at.map_or(now.plus_seconds(later * DAY), |at| at.plus_seconds(-1));
        let (_, quiet) = after(&at_once, &facts, last.max(now));
        prop_assert_eq!(quiet.effects, []);
    }
}

/// A life in versions: each object goes through its own, one after the other.
struct Story {
    subscriptions: Vec<Vec<SubscriptionFact>>,
    invoices: Vec<Vec<InvoiceFact>>,
    sessions: Vec<Vec<SessionFact>>,
}

/// A first subscription with a renewal that recovers, then its end, and a second one after it.
fn story() -> Story {
    let period = |n: i64| Period { start: START + n * 30 * DAY, end: START + (n + 1) * 30 * DAY };
    let renewed = |status| SubscriptionFact { status, period: period(1), ..sub(1) };
    let leaving = SubscriptionFact {
        cancel_at_period_end: true,
        cancel_at: Some(day(60)),
        canceled_at: Some(day(40)),
        ..renewed(Status::Active)
    };
    let over =
        SubscriptionFact { status: Status::Canceled, ended_at: Some(day(60)), ..leaving.clone() };
    let second = SubscriptionFact {
        created: day(61),
        period: Period { start: START + 61 * DAY, end: START + 91 * DAY },
        ..sub(2)
    };
    let second_bill = InvoiceFact {
        id: InvoiceId::try_from("in_9").unwrap(),
        subscription: sub_id(2),
        created: day(61),
        paid_at: Some(day(61)),
        ..invoice(0)
    };
    let draft = InvoiceFact { status: InvoiceStatus::Draft, attempted: false, ..declined(1, 0) };
    Story {
        subscriptions: vec![
            vec![sub(1), renewed(Status::Active), renewed(Status::PastDue), leaving, over],
            vec![second],
        ],
        invoices: vec![
            vec![invoice(0)],
            vec![draft, declined(1, 1), declined(1, 2), invoice(1)],
            vec![second_bill],
        ],
        sessions: vec![
            vec![session(1), paid_session(1)],
            vec![
                SessionFact { created: day(61), ..session(2) },
                SessionFact { created: day(61), ..paid_session(2) },
            ],
        ],
    }
}

impl Story {
    fn objects(&self) -> usize {
        self.subscriptions.len() + self.invoices.len() + self.sessions.len()
    }

    /// What is known when each object has come as far as `known` says; 0: not at all. The second
    /// session could only be made when the first subscription was known to be over.
    fn at(&self, known: [usize; 7]) -> Facts {
        let [first, second, a, b, second_bill, c, second_session] = known;
        let known = match first {
            0..5 => [first, 0, a, b, 0, c, 0],
            5.. => [first, second, a, b, second_bill, c, second_session],
        };
        fn pick<T: Clone>(all: &[Vec<T>], known: &[usize]) -> Vec<T> {
            let far = |(versions, far): (&Vec<T>, &usize)| {
                versions.get(far.checked_sub(1)?.min(versions.len() - 1)).cloned()
            };
            all.iter().zip(known).filter_map(far).collect()
        }
        let (subscriptions, rest) = known.split_at(self.subscriptions.len());
        let (invoices, sessions) = rest.split_at(self.invoices.len());
        Facts {
            customer: Some(customer()),
            subscriptions: pick(&self.subscriptions, subscriptions),
            invoices: pick(&self.invoices, invoices),
            sessions: pick(&self.sessions, sessions),
            ..Facts::default()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    /// News may be late, lost on the way or mixed up: once all is known, the rows are the same, no
    /// mail has gone out twice, and the receipts are what was paid.
    #[test]
    fn late_news_ends_in_the_same_rows(
        steps in prop::collection::vec((0_usize..7, 1_usize..3), 0..20),
    ) {
        let story = story();
        let all = story.at([9; 7]);
        let now = day(62);
        let (straight, _) = after(&open_slot(1), &all, now);

        prop_assert_eq!(story.objects(), 7);
        let mut known = [0_usize; 7];
        let mut life = open_slot(1);
        let mut effects = Vec::new();
        for (object, on) in steps {
            known[object] += on;
            let (next, decision) = after(&life, &story.at(known), now);
            life = next;
            effects.extend(decision.effects);
        }
        let (life, decision) = after(&life, &all, now);
        effects.extend(decision.effects);

        prop_assert_eq!(rows(&life), rows(&straight));
        let filled = Slot::Held { subscription: sub_id(2) };
        prop_assert_eq!(&life.slots["main"], &filled);

        let keys: Vec<_> = effects.iter().filter_map(Effect::key).collect();
        let unique: BTreeSet<_> = keys.iter().collect();
        prop_assert_eq!(unique.len(), keys.len(), "{:?}", keys);
        let receipts: i64 = effects.iter().filter_map(|effect| match effect {
            Effect::Mail { kind: MailKind::Receipt, about, .. } => about.amount.map(|sum| sum.minor),
            _ => None,
        }).sum();
        prop_assert_eq!(receipts, 3 * 2900);
    }
}
