//! A second power, which no line of the engine knows of.

use std::path::Path;

use specie_engine::{Tree, power_in};
use specie_spec::power::{lint, understand};

use crate::power::{billing, spec};

const REQUEST: &str = "Users must confirm their email before accessing the dashboard";

#[test]
fn another_domain_needs_no_other_engine() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/powers/accounts");
    let power = power_in(&folder).unwrap();
    assert_eq!(lint(&power), []);
    assert!(understand(&power, REQUEST).is_covered(&power));
    assert!(!understand(&billing(), REQUEST).is_covered(&billing()));
    for tree in [Tree::Kiro, Tree::SmartSpec] {
        let spec = spec(&power, tree, REQUEST, &[]);
        assert_eq!(spec.unknown, [] as [String; 0]);
        assert_eq!(spec.findings(), [] as [String; 0]);
        assert!(spec.locked.criteria.len() >= 10 && spec.locked.requirements.len() >= 3);
    }
    let longer =
        spec(&power, Tree::Kiro, &format!("{REQUEST}. The link expires after two hours."), &[]);
    assert!(longer.facts.values().any(|it| it.contains("120")), "{:?}", longer.facts);
}
