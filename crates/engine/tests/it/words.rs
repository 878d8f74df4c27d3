//! How requests are understood: what becomes a fact of the shipped power, and what is reported.

use specie_engine::Tree;
use specie_engine::form;
use specie_engine::make::{Which, pages};
use specie_spec::power::Facts;

use crate::power::{Spec, billing, spec};

/// The plans of a text with their amounts and intervals, and what was not understood.
fn sold(text: &str) -> (Vec<String>, Vec<String>) {
    let spec = spec(&billing(), Tree::Kiro, text, &[]);
    let said = spec.locked.answers.contains_key("ask_prices");
    (if said { vec!["asked".into()] } else { prices(&spec) }, spec.unknown)
}

fn prices(spec: &Spec) -> Vec<String> {
    let fact = |key: &str, field: &str| spec.facts[&format!("prices.{key}.{field}")].clone();
    let keys = spec.facts.iter().filter_map(|(name, key)| {
        (name.starts_with("prices.") && name.ends_with(".key")).then_some(key)
    });
    let of =
        |it: &String| format!("{} {} {}", fact(it, "plan"), fact(it, "amount"), fact(it, "every"));
    keys.map(of).collect()
}

/// Each text with its plans, and words of which each stands in something that is reported.
fn each(all: &[(&str, &[&str], &[&str])]) {
    let mut faults = Vec::new();
    for (text, plans, reported) in all {
        let (mut found, unknown) = sold(text);
        found.sort();
        let mut plans = plans.to_vec();
        plans.sort_unstable();
        let missing: Vec<&&str> = reported
            .iter()
            .filter(|it| !unknown.iter().any(|words| words.contains(**it)))
            .collect();
        let silent = reported.is_empty() && !unknown.is_empty();
        if found != plans || !missing.is_empty() || silent {
            faults.push(format!("{text}\n   {found:?}, reported {unknown:?}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn an_interval_holds_for_the_amounts_of_its_own_sentence() {
    each(&[
        (
            "Our budget is $5000. Add subscriptions: Pro $10 a month.",
            &["Pro $10.00 month"],
            &["$5000"],
        ),
        ("The setup fee is $99. Subscriptions: Pro $10 a month.", &["Pro $10.00 month"], &["$99"]),
        ("Stripe takes $0.30. Users pay $10 a month for Pro.", &["Pro $10.00 month"], &["$0.30"]),
        (
            "$4 buys three months once. Basic is $5 a month, Advanced is $7 a month, Pro is $10 a month.",
            &["Basic $5.00 month", "Advanced $7.00 month", "Pro $10.00 month"],
            &["$4"],
        ),
        (
            "Subscriptions:\n- Basic: $5\n- Advanced: $7\n- Pro: $10 a month",
            &["Basic $5.00 month", "Advanced $7.00 month", "Pro $10.00 month"],
            &[],
        ),
        ("Subscriptions: setup $99, then Gold $10 a month", &["Gold $10.00 month"], &["$99"]),
        ("Users subscribe and pay monthly. Pro costs $10.", &["Pro $10.00 month"], &[]),
        (
            "Users subscribe and pay monthly, $10 each. The setup fee is $99.",
            &["Pro $10.00 month"],
            &["$99"],
        ),
        (
            "Our budget is $5000. Users pay monthly for subscriptions. Gold costs $10.",
            &["Gold $10.00 month"],
            &["$5000"],
        ),
    ]);
}

#[test]
fn of_two_prices_for_the_same_thing_one_is_reported() {
    each(&[
        ("Pro is $10 a month. Subscriptions cost $4 a month.", &["Pro $10.00 month"], &["$4"]),
        (
            "Subscriptions: $4 a month. Basic is $5 a month. Pro is $10 a month.",
            &["Basic $5.00 month", "Pro $10.00 month"],
            &["$4"],
        ),
        ("Subscriptions: Pro $10 a month. Pro $12 a month.", &["Pro $10.00 month"], &["$12"]),
        ("Subscriptions: Pro $10 a month. Pro $12 every 30 days.", &["Pro $10.00 month"], &["$12"]),
    ]);
}

#[test]
fn a_duration_goes_to_the_word_that_is_nearest() {
    let days = |text: &str| {
        let facts = spec(&billing(), Tree::Kiro, text, &[]).facts;
        ["grace_days", "refund_days", "trial_days"].map(|it| facts.get(it).cloned())
    };
    let number = |n: i64| Some(format!("Number({n})"));
    assert_eq!(
        days("Subscriptions at $10 a month, refunds within 14 days, grace period of 3 days"),
        [number(3), number(14), None]
    );
    assert_eq!(
        days("Subscriptions at $10 a month, a trial of 10 days and a grace period of 5 days"),
        [number(5), None, number(10)]
    );
    assert_eq!(
        days("Subscriptions at $10 a month, with a grace period of 5 days and a trial"),
        [number(5), None, number(14)]
    );
    assert_eq!(days("Subscriptions at $10 a month with a 10-day trial")[2], number(10));
}

#[test]
fn what_a_catalog_cannot_hold_is_reported() {
    each(&[
        ("Users pay $0 monthly for Free, $9 monthly for Pro", &["Pro $9.00 month"], &["$0"]),
        (
            "Subscriptions: $10 every 45 days, $20 every 2 years, $30 every five years",
            &["Pro $10.00 45 days", "Pro $20.00 2 years"],
            &["$30"],
        ),
        ("Subscriptions: Pro $10 every hour, Team $12 a month", &["Team $12.00 month"], &["$10"]),
    ]);
    let keys = |text: &str| {
        let facts = spec(&billing(), Tree::Kiro, text, &[]).facts;
        facts
            .into_iter()
            .filter(|it| it.0.ends_with(".plan_key"))
            .map(|it| it.1)
            .collect::<Vec<_>>()
    };
    assert_eq!(keys("Subscriptions: Élite $10 a month, Ünter $12 a month"), ["elite", "unter"]);
    assert_eq!(keys("Subscriptions: Çé $10 a month, Ñé $12 a month"), ["ce", "ne"]);
    let daily = spec(&billing(), Tree::Kiro, "Subscriptions at $10 daily", &[]);
    assert!(daily.text("specie.toml").contains("grace_days = 1\n"));
    let weekly = spec(&billing(), Tree::Kiro, "Subscriptions at $10 weekly", &[]);
    assert!(weekly.text("specie.toml").contains("grace_days = 7\n"));
    let pass = spec(&billing(), Tree::Kiro, "Sell a pass of $4 for 90 days, paid once", &[]);
    assert!(pass.unknown.iter().any(|it| it.contains("$4")), "{:?}", pass.unknown);
}

#[test]
fn a_name_stands_beside_its_amount_and_may_have_several_words() {
    each(&[
        ("Subscriptions for Acme customers at $10 a month", &["Pro $10.00 month"], &["Acme"]),
        ("Sell subscriptions to Germany for €10 a month", &["Pro €10.00 month"], &["Germany"]),
        ("Sell subscriptions for Acme at $10 a month", &["Pro $10.00 month"], &["Acme"]),
        ("Subscriptions: $10 a month for Acme customers", &["Pro $10.00 month"], &["Acme"]),
        (
            "Migrate our 5000 existing users from Paddle to Stripe subscriptions at $10 a month by 2027-01-01",
            &["Pro $10.00 month"],
            &["Migrate", "5000", "Paddle", "2027"],
        ),
        (
            "Subscriptions: Team Pro $10 a month, Team Basic $5 a month",
            &["Team Pro $10.00 month", "Team Basic $5.00 month"],
            &[],
        ),
        (
            "Team Pro $10 a month, Team Basic $5 a month",
            &["Team Pro $10.00 month", "Team Basic $5.00 month"],
            &[],
        ),
        (
            "Subscriptions:\n- Silver Plus: $10 a month\n- Gold Plus: $20 a month",
            &["Silver Plus $10.00 month", "Gold Plus $20.00 month"],
            &[],
        ),
        ("Subscriptions: \"Pro | Plus\" $10 a month", &["Pro Plus $10.00 month"], &[]),
        ("Subscriptions at $10 a month for “the big one”", &["the big one $10.00 month"], &[]),
        (
            "Subscriptions at $19/month for the Basic plan and $49/month for the Gold plan.",
            &["Basic $19.00 month", "Gold $49.00 month"],
            &[],
        ),
        (
            "Subscriptions: Plan A $5 a month, Plan B $10 a month",
            &["A $5.00 month", "B $10.00 month"],
            &[],
        ),
        ("Launch Pro subscriptions at $10 a month", &["Pro $10.00 month"], &["Launch"]),
    ]);
}

#[test]
fn amounts_are_read_whole_or_reported() {
    each(&[
        ("Subscriptions for 1 200 € a year", &["Pro €1200.00 year"], &[]),
        ("Subscriptions for 1\u{202f}200 € a year", &["Pro €1200.00 year"], &[]),
        ("Subscriptions for 1\u{a0}200 € a year", &["Pro €1200.00 year"], &[]),
        (
            "Subscriptions: 4You $10 a month, Große $20 a month",
            &["4You $10.00 month", "Große $20.00 month"],
            &[],
        ),
        ("Subscriptions: Pro -$5 monthly", &["asked"], &["$5"]),
        (
            "Subscriptions: Basic 5, Advanced 7 and Pro 10 dollars per month",
            &["Basic $5.00 month", "Advanced $7.00 month", "Pro $10.00 month"],
            &[],
        ),
        ("Subscriptions: Team for 10 users at $50 a month", &["Team $50.00 month"], &["10"]),
        ("Subscriptions: $20 for 3 months, then $30", &["asked"], &["$20", "$30"]),
        ("Subscriptions: $10 per seat per month", &["asked"], &["$10", "seat"]),
        ("Subscriptions: Basic $5 per user, Pro $10 a month", &["Pro $10.00 month"], &["$5"]),
        ("Subscriptions: Basic $5 biweekly, Pro $10 a month", &["Pro $10.00 month"], &["biweekly"]),
        ("Subscriptions: Pro $5k a month", &["asked"], &["5k"]),
    ]);
}

#[test]
fn a_week_has_no_last_day_of_a_month() {
    let power = billing();
    let has = |text: &str| {
        spec(&power, Tree::Kiro, text, &[])
            .text("s/requirements.md")
            .contains("a day that its month does not have")
    };
    assert!(!has("Subscriptions: $10 a week"));
    assert!(!has("Subscriptions: $10 every 30 days"));
    assert!(has("Subscriptions: $10 a month"));
    assert!(has("Subscriptions: $10 a year"));
}

#[test]
fn a_default_adds_no_requirement_that_nobody_asked_for() {
    let power = billing();
    let usage = "usage-based billing for API calls in euros, with reseller commissions";
    let made = |text: &str| {
        let made = spec(&power, Tree::Kiro, text, &[]);
        assert_eq!(made.findings(), [] as [String; 0], "{text}");
        made.text("s/requirements.md")
    };
    assert!(!made(usage).contains("One-time payments"), "{}", made(usage));
    assert!(made("Accept payments with Stripe").contains("One-time payments"));
}

#[test]
fn words_that_make_a_negation_are_used() {
    for text in
        ["Sell subscriptions; refunds are out of scope", "Sell subscriptions. Drop refunds."]
    {
        let made = spec(&billing(), Tree::Kiro, text, &[]);
        assert_eq!(made.facts["refunds"], "Flag(false)", "{text}");
        assert_eq!(made.unknown, [] as [&str; 0], "{text}");
    }
}

#[test]
fn people_without_a_thing_do_not_refuse_it() {
    for text in [
        "Subscriptions at $10 a month. Users without a subscription cannot see the dashboard.",
        "Subscriptions at $10 a month. Customers with no subscription see the plans.",
    ] {
        let made = spec(&billing(), Tree::Kiro, text, &[]);
        assert_eq!(made.facts["subscriptions"], "Flag(true)", "{text}");
        assert_ne!(made.facts.get("dashboard").map(String::as_str), Some("Flag(false)"), "{text}");
    }
}

#[test]
fn causes_name_facts_that_are_there() {
    let power = billing();
    let mut all = Vec::new();
    for text in
        ["Add subscription billing so users can pay monthly", "Sell a pass of $4 for 3 months"]
    {
        let locked = spec(&power, Tree::Kiro, text, &[]).locked;
        let made = locked.make(&power, "A", "").unwrap();
        let facts: &Facts = &made.draft.facts;
        let known: Vec<String> = form::facts(facts, text)
            .iter()
            .map(|it| it["slot"].as_str().unwrap().to_owned())
            .collect();
        assert!(known.contains(&"request".to_owned()));
        for which in [Which::Spec, Which::Tasks] {
            for cause in form::causes(&pages(&made.draft, Tree::Kiro, "s", which), facts) {
                let named = cause["facts"].as_array().unwrap();
                assert!(!named.is_empty(), "{cause}");
                let stray = named.iter().find(|it| !known.iter().any(|k| *it == k));
                all.extend(stray.map(|it| format!("{it} of {cause}")));
            }
        }
    }
    assert_eq!(all, [] as [String; 0]);
}
