//! What the catalog takes, and what it says of what it does not.

use proptest::prelude::*;
use specie_vocab::{Currency, Interval, IntervalUnit, Money};

use super::*;

#[test]
fn the_first_example_sells_pro_by_the_month_and_by_the_year() {
    let checked = check(SAASKIT, "specie.toml");
    assert_eq!(checked.diagnostics, []);
    let catalog = checked.catalog.unwrap();
    let found: Vec<_> = catalog
        .prices()
        .map(|(group, plan, price)| {
            (&*group.key, &*plan.key, &*price.key, price.amount, price.interval)
        })
        .collect();
    let every = |count| Interval { unit: IntervalUnit::Day, count };
    let usd = |minor| Money::new(minor, Currency::USD);
    assert_eq!(
        found,
        [
            ("main", "pro", "monthly", usd(2900), every(30)),
            ("main", "pro", "annual", usd(29000), every(365)),
        ]
    );
    assert_eq!(catalog.brand.name, "SaaSKit");
    assert_eq!(catalog.policies.grace_days, 14);
    assert_eq!(catalog.unsellable(), []);
    let annual = catalog.price("pro", "annual").unwrap();
    assert_eq!(catalog.short_name(&annual), "annual");
    assert_eq!(catalog.look_up(&annual).unwrap().2.amount, usd(29000));
    assert_eq!(catalog.price("pro", "weekly"), None);
    assert_eq!(catalog.price("free", "monthly"), None);
}

#[test]
fn the_second_example_sells_three_tiers_and_names_the_pass_it_cannot_sell_yet() {
    let checked = check(TIERS, "specie.toml");
    assert_eq!(checked.diagnostics, []);
    let catalog = checked.catalog.unwrap();
    let found: Vec<_> =
        catalog.prices().map(|(_, plan, price)| (&*plan.key, price.amount.minor)).collect();
    assert_eq!(found, [("basic", 500), ("advanced", 700), ("pro", 1000)]);
    assert_eq!(catalog.groups[0].plans[1].limits["projects"], 20);
    assert_eq!(catalog.groups[0].plans[1].features.last().unwrap(), "projects");
    let pass = &catalog.passes[0];
    assert_eq!((pass.amount.minor, pass.months), (400, 3));
    let unsellable = catalog.unsellable();
    assert_eq!(unsellable.len(), 1);
    assert_eq!(unsellable[0].what, "pass `season`");
    let basic = catalog.price("basic", "monthly").unwrap();
    assert_eq!(catalog.why_unsellable(&basic), None);
    assert_eq!(catalog.short_name(&basic), "basic/monthly");
}

/// A file with one plan, in which `change` replaces a text.
fn changed(from: &str, to: &str) -> String {
    let text = r##"currency = "usd"
[brand]
name = "Acme"
[features]
api = "API"
seats = { name = "Seats", kind = "limit" }
[[plans]]
key = "pro"
name = "Pro"
features = ["api"]
limits = { seats = 5 }
prices = [{ key = "monthly", amount = "29.00", every = "30 days" }]
[policies]
grace_days = 7
"##;
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

fn faults(text: &str) -> Vec<String> {
    check(text, "specie.toml").diagnostics.iter().map(ToString::to_string).collect()
}

#[test]
fn each_fault_has_its_place_and_its_mend() {
    let table = [
        (
            "currency = \"usd\"",
            "currency = \"USD\"",
            "1:12: error[unknown-currency]: `USD` is no currency that Stripe charges in; write it in lower case: `usd`",
        ),
        (
            "currency = \"usd\"",
            "currency = \"zzz\"",
            "1:12: error[unknown-currency]: `zzz` is no currency that Stripe charges in; for example `usd`, `eur` or `gbp`",
        ),
        (
            "currency = \"usd\"\n",
            "",
            "1:1: error[missing-key]: the catalog has no `currency`; write `currency = \"usd\"`, or another ISO 4217 code in lower case",
        ),
        (
            "grace_days = 7",
            "grace_dyas = 7",
            "14:1: error[unknown-key]: `policies` has no key `grace_dyas`; did you mean `grace_days`?",
        ),
        (
            "grace_days = 7",
            "grace_days = 31",
            "14:14: error[policy-clash]: `grace_days` is 31, longer than a period of `pro/monthly` (every 30 days); access without payment must end before the next period does",
        ),
        (
            "grace_days = 7",
            "grace_days = -1",
            "14:14: error[number-out-of-range]: `grace_days` of `policies` is -1, expected a number from 0 to 90",
        ),
        (
            "grace_days = 7",
            "grace_days = \"7\"",
            "14:14: error[wrong-type]: `grace_days` of `policies` is a string, expected a whole number",
        ),
        (
            "grace_days = 7",
            "when_stale = \"alow\"",
            "14:14: error[invalid-choice]: `when_stale` of `policies` is `alow`, expected `allow` or `deny`; did you mean `allow`?",
        ),
        (
            "\"29.00\"",
            "29.00",
            "12:39: error[invalid-amount]: `amount` of a price of plan `pro` is `29.00`, expected an amount in quotes with its decimals; write it in quotes with its decimals: `amount = \"29.00\"`",
        ),
        (
            "\"29.00\"",
            "\"0.00\"",
            "12:39: error[amount-not-above-zero]: `amount` of a price of plan `pro` is `0.00`, expected an amount above zero; write it in quotes with its decimals: `amount = \"29.00\"`",
        ),
        (
            "\"29.00\"",
            "\"0.49\"",
            "12:39: warning[below-minimum]: Stripe charges nothing below $0.50: $0.49 is kept as debt",
        ),
        (
            "\"30 days\"",
            "\"4 years\"",
            "12:56: error[invalid-interval]: `every` of a price of plan `pro` is `4 years`, expected at most three years, as Stripe takes it; write for example `every = \"month\"` or `every = \"30 days\"`",
        ),
        (
            "every = \"30 days\"",
            "every = \"30 days\", currency = \"eur\"",
            "12:78: error[mixed-currencies]: price `pro/monthly` is in `eur`, but the catalog is in `usd`; all prices have the catalog's currency: leave the key out",
        ),
        (
            "every = \"30 days\"",
            "every = \"30 days\", trial_days = 100",
            "13:1: error[policy-clash]: a price has a trial of 100 days, but `trial_max_days` is 90",
        ),
        (
            "features = [\"api\"]",
            "features = [\"api\", \"apy\"]",
            "10:20: error[unknown-feature]: plan `pro` names the feature `apy`, which does not exist; did you mean `api`?",
        ),
        (
            "features = [\"api\"]",
            "features = [\"api\", \"api\"]",
            "10:20: error[duplicate-key]: feature `api` stands twice in plan `pro`",
        ),
        (
            "features = [\"api\"]",
            "features = []",
            "5:1: warning[unused-feature]: no plan and no pass has the feature `api`; add `api` to the `features` of a plan, or leave it out",
        ),
        (
            "features = [\"api\"]",
            "features = [\"api\", \"seats\"]",
            "10:20: error[misplaced-feature]: the feature `seats` needs a number; write `limits = { seats = 10 }`",
        ),
        (
            "key = \"pro\"",
            "key = \"Pro\"",
            "8:7: error[invalid-key]: the plan key `Pro` is not a small letter, then up to 39 small letters, digits, `_` or `-`",
        ),
        (
            "key = \"pro\"",
            "key = \"pro\"\ngroup = \"mian\"",
            "9:9: error[unknown-group]: plan `pro` names the group `mian`, which does not exist; did you mean `main`?",
        ),
        (
            "name = \"Acme\"",
            "name = \"Acme\"\naccent = \"red\"",
            "4:10: error[invalid-colour]: `accent` is `red`, expected a colour such as `#4f46e5`",
        ),
        (
            "name = \"Acme\"",
            "name = \"Acme\"\nterms = \"javascript:alert(1)\"",
            "4:9: error[invalid-link]: `terms` is `javascript:alert(1)`, expected an `https://` address",
        ),
        (
            "[policies]",
            "[settings]\nreturn_urls = [\"http://example.com\"]\n[policies]",
            "14:16: error[invalid-return-url]: `return_urls` is `http://example.com`, expected an address that must start with `https://`; `http://` is for this machine only",
        ),
        (
            "name = \"Acme\"",
            "name = \"sk_test_abc\"",
            "3:8: error[secret]: the file holds a secret key; take it out, replace it at its source, and keep secrets in the environment or in `.env`",
        ),
        (
            "[policies]",
            "[[passes]]\nkey = \"pro\"\nname = \"P\"\namount = \"4.00\"\nfor = \"3 months\"\n[policies]",
            "14:7: error[duplicate-key]: pass `pro` stands twice in the catalog",
        ),
        (
            "[policies]",
            "[[passes]]\nkey = \"p\"\nname = \"P\"\namount = \"4.00\"\nfor = \"3 days\"\n[policies]",
            "17:7: error[invalid-interval]: a pass runs for days or weeks, expected months; write for example `for = \"3 months\"`",
        ),
        (
            "[policies]",
            "[[groups]]\nkey = \"main\"\nname = \"M\"\n[[groups]]\nkey = \"more\"\nname = \"N\"\n[policies]",
            "7:1: error[missing-key]: a plan has no `group`; name one of the groups: main, more",
        ),
    ];
    for (from, to, expected) in table {
        let found = faults(&changed(from, to));
        let expected = format!("specie.toml:{expected}");
        assert!(found.contains(&expected), "{to}\nexpected {expected}\nfound    {found:#?}");
    }
}

#[test]
fn all_faults_come_at_once_in_the_order_of_the_file() {
    let text = "currency = \"zzz\"\ncolour = 1\n[brand]\n[[plans]]\nkey = \"a\"\n\
                prices = [{ key = \"m\", amount = 1, every = \"x\" }, { key = \"m\" }]\n\
                [[plans]]\nkey = \"a\"\nname = \"A\"\n[policies]\ngrace_days = true\n";
    let checked = check(text, "specie.toml");
    assert_eq!(checked.catalog, None);
    let found: Vec<_> = checked.diagnostics.iter().map(|fault| (fault.line, fault.rule)).collect();
    assert_eq!(
        found,
        [
            (1, "unknown-currency"),
            (2, "unknown-key"),
            (3, "missing-key"),
            (4, "missing-key"),
            (6, "invalid-amount"),
            (6, "invalid-interval"),
            (6, "missing-key"),
            (6, "missing-key"),
            (6, "duplicate-key"),
            (7, "missing-key"),
            (8, "duplicate-key"),
            (11, "wrong-type"),
        ]
    );
}

#[test]
fn a_line_that_is_no_toml_does_not_hide_what_else_is_wrong() {
    let rules = |text: &str| -> Vec<_> {
        check(text, "specie.toml")
            .diagnostics
            .iter()
            .map(|fault| (fault.line, fault.rule))
            .collect()
    };
    let text = changed("name = \"Acme\"", "name = Acme\naccent = \"red\"");
    let text = text.replace("key = \"pro\"", "key = \"pro\"\nkey = \"pro\"");
    let text = text.replace("grace_days = 7", "grace_days =");
    assert_eq!(
        rules(&text),
        [(3, "syntax"), (4, "invalid-colour"), (10, "syntax"), (16, "syntax")]
    );
    assert_eq!(rules("currency = \n"), [(1, "syntax")]);
    assert_eq!(rules("[[plans\nkey = 1\n"), [(1, "syntax")], "nothing to go on with");
    assert_eq!(rules(""), [(1, "missing-key"), (1, "missing-key"), (1, "missing-key")]);
}

#[test]
fn a_fault_is_shown_with_its_line() {
    let text = changed("grace_days = 7", "grace_dyas = 7");
    let faults = parse(&text, "specie.toml").unwrap_err();
    insta::assert_snapshot!(faults[0].full(&text), @"
    error[unknown-key]: `policies` has no key `grace_dyas`
      --> specie.toml:14:1
       |
    14 | grace_dyas = 7
       | ^^^^^^^^^^ expected one of `grace_days`, `when_stale`, `refunds_per_day`, `trial_max_days`, `credit`, `cancellation`, `after_dunning`, `full_refund`, `dispute`
       |
       = help: did you mean `grace_days`?
    ");
}

#[test]
fn a_warning_leaves_the_catalog_usable() {
    let text = changed("\"29.00\"", "\"0.49\"");
    assert_eq!(check(&text, "specie.toml").diagnostics.len(), 1);
    assert_eq!(parse(&text, "specie.toml").unwrap().groups[0].plans[0].prices[0].amount.minor, 49);
}

#[test]
fn trials_and_seats_are_checked_and_named_as_not_for_sale_yet() {
    let text = changed("every = \"30 days\"", "every = \"30 days\", trial_days = 14");
    let text = text.replace("limits =", "seats = { min = 2, max = 9 }\nlimits =");
    let catalog = parse(&text, "specie.toml").unwrap();
    let what: Vec<_> = catalog.unsellable().into_iter().map(|found| found.what).collect();
    assert_eq!(what, ["plan `pro`", "price `pro/monthly`"]);
    let monthly = catalog.price("pro", "monthly").unwrap();
    assert_eq!(
        catalog.why_unsellable(&monthly).unwrap().why,
        "plans by the seat cannot be sold yet"
    );
}

#[test]
fn what_lies_just_within_its_bounds_is_taken() {
    for (from, to) in [
        ("grace_days = 7", "grace_days = 30"),
        ("every = \"30 days\"", "every = \"30 days\", trial_days = 90"),
        ("\"29.00\"", "\"999999.99\""),
        ("\"29.00\"", "\"0.50\""),
        ("\"30 days\"", "\"1095 days\""),
    ] {
        assert_eq!(faults(&changed(from, to)), Vec::<String>::new(), "{to}");
    }
    let found = check(&changed("\"29.00\"", "\"1000000.00\""), "specie.toml").diagnostics;
    assert_eq!(found[0].rule, "amount-too-large");
}

/// Both forms of an array of tables mean the same.
#[test]
fn prices_may_stand_in_tables_of_their_own() {
    let inline = changed("api", "api");
    let tables = inline.replace(
        "prices = [{ key = \"monthly\", amount = \"29.00\", every = \"30 days\" }]",
        "[[plans.prices]]\nkey = \"monthly\"\namount = \"29\"\nevery = \"30 days\"",
    );
    assert_ne!(inline, tables);
    assert_eq!(parse(&inline, "a").unwrap(), parse(&tables, "b").unwrap());
}

#[test]
fn a_file_full_of_faults_is_told_of_by_its_first_ones() {
    let told = |line: &str| check(&line.repeat(1000), "specie.toml").diagnostics.len();
    assert_eq!(told("a =\n"), 20, "lines that are no TOML");
    let unknown: String = (0..1000).map(|n| format!("k{n} = 1\n")).collect();
    let checked = check(&unknown, "specie.toml");
    assert_eq!(checked.diagnostics.len(), 100);
    assert_eq!(checked.catalog, None);
}

#[test]
fn a_message_is_one_line_whatever_the_file_holds() {
    let text = SAASKIT.replace("\"annual\"", r#""an\nu\u001bal""#);
    let checked = check(&text, "specie.toml");
    let line = checked.diagnostics[0].to_string();
    assert!(line.contains(r"`an\nu\u{1b}al`"), "{line}");
    assert!(!line.contains(char::is_control), "{line}");
}

const PAGE: &str = include_str!("../../../../docs/catalog.md");

/// The page's file is one that is taken, with every key of every table in it.
#[test]
fn the_page_tells_of_every_key() {
    let (_, rest) = PAGE.split_once("```toml\n").unwrap();
    let (file, _) = rest.split_once("```").unwrap();
    assert_eq!(check(file, "specie.toml").diagnostics, []);
    let sources = [include_str!("read.rs"), include_str!("plans.rs"), include_str!("terms.rs")];
    let mut keys = 0;
    for list in sources.iter().flat_map(|source| source.split(".only(&[").skip(1)) {
        for key in list.split_once(']').unwrap().0.split('"').skip(1).step_by(2) {
            let told = [format!("\n{key} ="), format!(" {key} ="), format!("{key}]")];
            assert!(told.iter().any(|text| file.contains(text)), "{key}");
            keys += 1;
        }
    }
    assert!(keys > 40, "{keys}");
}

#[test]
fn the_page_tells_of_every_rule() {
    let sources = [
        include_str!("read.rs"),
        include_str!("plans.rs"),
        include_str!("terms.rs"),
        include_str!("fields.rs"),
        include_str!("secrets.rs"),
    ];
    let (_, table) = PAGE.split_once("## Faults").unwrap();
    let mut rules = 0;
    for rest in sources.iter().flat_map(|source| source.split("rule: \"").skip(1)) {
        let rule = rest.split_once('"').unwrap().0;
        assert!(table.contains(&format!("`{rule}`")), "{rule}");
        rules += 1;
    }
    assert!(rules > 12, "{rules}");
}

proptest! {
    /// Whatever stands in the file, reading it answers, and every place lies within it.
    #[test]
    fn no_text_breaks_the_reader(cut in 0_usize..900, length in 0_usize..40, put in "[\\[\\]{}=\"a-z0-9.é\n]{0,6}") {
        let mut text = SAASKIT.to_owned();
        let floor = |mut at: usize| { while !text.is_char_boundary(at) { at -= 1 } at };
        let start = floor(cut.min(text.len()));
        let end = floor((start + length).min(text.len()));
        text.replace_range(start..end, &put);
        let checked = check(&text, "specie.toml");
        let good = checked.diagnostics.iter().all(|fault| fault.severity != crate::Severity::Error);
        prop_assert_eq!(checked.catalog.is_some(), good);
        for fault in checked.diagnostics {
            prop_assert!(text.get(fault.span.clone()).is_some(), "{:?}", fault);
            prop_assert!(!fault.full(&text).is_empty());
        }
    }
}
