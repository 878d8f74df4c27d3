//! The shipped power, on many texts.

use std::collections::{BTreeMap, BTreeSet};

use specie_engine::Tree;
use specie_spec::power::lint;

use crate::power::{Spec, billing, spec};

const SEED1: &str = "Add subscription billing so users can pay monthly";
const TIERS: &str = "Build subscription billing with three tiers, Basic $5, Advanced $7 and Pro $10 a month, and a pass of $4 for 3 months that is paid once.";
const PAYMENTS: &str = "Create a payment processing system with Stripe integration. Need to support:\n- One-time payments\n- Subscription billing\n- Payment history\n- Refund processing\n- Webhook handling\n- PCI compliance\n\nTechnology: Node.js, TypeScript, PostgreSQL, Stripe API";

fn texts() -> BTreeMap<String, Vec<String>> {
    #[derive(serde::Deserialize)]
    struct One {
        text: String,
    }
    let all: BTreeMap<String, Vec<One>> =
        toml_edit::de::from_str(include_str!("paraphrases.toml")).unwrap();
    all.into_iter().map(|(name, all)| (name, all.into_iter().map(|it| it.text).collect())).collect()
}

#[test]
fn nothing_is_wrong_with_the_power() {
    assert_eq!(lint(&billing()), []);
}

#[test]
fn ten_paraphrases_of_each_request_give_the_same_facts() {
    let power = billing();
    let mut faults = Vec::new();
    for (name, texts) in texts() {
        assert!(texts.len() > 10, "{name}");
        let first = spec(&power, Tree::Kiro, &texts[0], &[]);
        for text in &texts {
            let other = spec(&power, Tree::Kiro, text, &[]);
            let differs: Vec<String> = first
                .facts
                .iter()
                .filter(|(name, value)| other.facts.get(*name) != Some(value))
                .map(|(name, value)| format!("{name}: {value} / {:?}", other.facts.get(name)))
                .chain(
                    other
                        .facts
                        .keys()
                        .filter(|it| !first.facts.contains_key(*it))
                        .map(|it| format!("+{it}")),
                )
                .collect();
            if !differs.is_empty() || !other.unknown.is_empty() {
                faults.push(format!(
                    "{name}: {text}\n   {differs:?}\n   unknown {:?}",
                    other.unknown
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
