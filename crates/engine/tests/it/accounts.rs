//! A second power, which no line of the engine knows of.

use std::path::{Path, PathBuf};

use specie_engine::{Tree, power_in};
use specie_spec::power::{Fragment, Power, lint, understand};

use crate::power::{billing, spec};

const REQUEST: &str = "Users must confirm their email before accessing the dashboard";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/powers/accounts")
}

#[test]
fn another_domain_needs_no_other_engine() {
    let power = power_in(&folder()).unwrap();
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

/// A way to spoil a power, and what is then said of which place.
type Spoiled = (fn(&mut Power), &'static str, &'static str);

#[test]
fn what_is_wrong_with_a_power_is_named_with_its_place() {
    let spoiled: [Spoiled; 18] = [
        (|it| it.concepts[1].id = "link".into(), "concept link", "its name stands twice"),
        (|it| it.slots[0].id = "Link-minutes".into(), "slot Link-minutes", "its name is not made"),
        (|it| it.questions[0].id = "stack".into(), "question stack", "is one of the engine's"),
        (|it| it.concepts[0].core = false, "concepts", "no text is covered"),
        (|it| twice(it), "criterion message-sent", "its id stands twice"),
        (
            |it| it.concepts[0].implies.push("post".into()),
            "concept confirm_email",
            "there is no concept `post`",
        ),
        (
            |it| drop_fragment(it, "message"),
            "criterion message-sent",
            "there is no requirement `message`",
        ),
        (
            |it| fragment(it, "message-sent").each = "months".into(),
            "criterion message-sent",
            "`each` names `months`, which is no slot",
        ),
        (
            |it| it.slots[0].units.push("moon".into()),
            "slot link_minutes",
            "`moon` is no unit of time",
        ),
        (|it| it.slots[0].longest = "long".into(), "slot link_minutes", "`long` is no duration"),
        (|it| it.questions[0].options.clear(), "question by", "it has neither options nor a slot"),
        (
            |it| it.questions[0].default = "by_post".into(),
            "question by",
            "its default `by_post` is none of its options",
        ),
        (
            |it| it.questions[1].default = "for long".into(),
            "question ask_lifetime",
            "its default `for long` cannot be read",
        ),
        (
            |it| it.questions[1].slot = Some("hours".into()),
            "question ask_lifetime",
            "there is no slot `hours`",
        ),
        (
            |it| it.stacks[0].every_task.push("format".into()),
            "stack rust-axum",
            "it has no command `format`, which `every_task` names",
        ),
        (
            |it| it.stacks[0].every_task.push("test".into()),
            "stack rust-axum",
            "`test` needs an argument",
        ),
        (
            |it| drop(it.stacks[0].files.remove("migration")),
            "stack rust-axum",
            "it has no file `migration`",
        ),
        (
            |it| drop(it.stacks[0].commands.remove("lint")),
            "stack rust-axum",
            "it has no command `lint`",
        ),
    ];
    for (spoil, place, what) in spoiled {
        let mut power = power_in(&folder()).unwrap();
        spoil(&mut power);
        let found = lint(&power);
        let told = found.iter().any(|it| it.place == place && it.what.contains(what));
        assert!(told, "{place}: {what}: {found:?}");
    }
}

fn fragment<'a>(power: &'a mut Power, id: &str) -> &'a mut Fragment {
    power.fragments.iter_mut().find(|it| it.id == id).unwrap()
}

fn twice(power: &mut Power) {
    let again = fragment(power, "message-sent").clone();
    power.fragments.push(again);
}

fn drop_fragment(power: &mut Power, id: &str) {
    power.fragments.retain(|it| it.id != id);
}
