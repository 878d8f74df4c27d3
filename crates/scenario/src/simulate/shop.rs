//! What is sold in the simulation: SaaSKit's plan, and one of a second group beside it.

use specie_billing::catalog::StaleAccess;
use specie_billing::{Catalog, SAASKIT, catalog};

use super::dice::Dice;

/// The plan groups. A customer may hold a plan of each.
pub(super) const GROUPS: [&str; 2] = ["main", "storage"];

/// The plans and prices that customers choose; what stands here more often is chosen more often.
pub(super) const CHOICES: [(&str, &str); 6] = [
    ("pro", "monthly"),
    ("pro", "monthly"),
    ("pro", "monthly"),
    ("pro", "annual"),
    ("space", "monthly"),
    ("space", "monthly"),
];

const STORAGE: &str = r#"[[plans]]
key = "space"
name = "Space"
group = "storage"
prices = [{ key = "monthly", amount = "9.00", every = "30 days" }]

[[groups]]
key = "main"
name = "SaaSKit"

[[groups]]
key = "storage"
name = "Storage"
"#;

/// The catalog. Whether there is access where what is known may be old, the dice say.
pub(super) fn sold(dice: &Dice) -> Result<Catalog, String> {
    let in_main = SAASKIT.replace("key = \"pro\"\n", "key = \"pro\"\ngroup = \"main\"\n");
    let text = in_main.replace("[policies]\n", &format!("{STORAGE}\n[policies]\n"));
    let catalog = catalog::parse(&text, "simulation");
    let mut catalog = catalog.map_err(|faults| format!("no catalog: {faults:?}"))?;
    catalog.policies.access_when_stale = dice.one_of(&[StaleAccess::Allow, StaleAccess::Deny]);
    Ok(catalog)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_group_has_a_plan_that_is_chosen() {
        let catalog = sold(&Dice::new(1)).unwrap();
        let groups: Vec<_> = catalog.groups.iter().map(|group| group.key.as_str()).collect();
        assert_eq!(groups, GROUPS);
        for group in GROUPS {
            let mut chosen = CHOICES.iter().filter_map(|(plan, price)| catalog.price(plan, price));
            assert!(chosen.any(|price| price.group == group), "{group}");
        }
        assert!(CHOICES.iter().all(|(plan, price)| catalog.price(plan, price).is_some()));
        assert!(catalog.unsellable().is_empty());
    }
}
