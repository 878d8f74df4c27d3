//! `cargo xtask simulate`.

use crate::{printed, xtask};

#[test]
fn a_seed_tells_the_same_story_twice() {
    let told = || {
        printed(&[
            "simulate", "--first", "7", "--seeds", "1", "--acts", "3", "--days", "1", "--trace",
        ])
    };
    let story = told();
    assert!(story.starts_with("seed 7\n"), "{story}");
    assert!(story.contains("the weather is good again"), "{story}");
    let without_time = |story: &str| story.rsplit_once(", ").unwrap().0.to_owned();
    assert_eq!(without_time(&story), without_time(&told()));
    assert!(without_time(&story).ends_with("1 seeds, 0 failed"), "{story}");
}

#[test]
fn a_count_that_is_none_is_refused() {
    let out = xtask(&["simulate", "--seeds", "many"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("invalid value 'many' for '--seeds"));
}

#[test]
fn a_seed_is_played_on_the_postgres_that_is_named() {
    let Ok(server) = std::env::var("SPECIE_TEST_POSTGRES") else {
        eprintln!("skipped: SPECIE_TEST_POSTGRES names no server");
        return;
    };
    let few = ["simulate", "--seeds", "2", "--acts", "3", "--days", "1", "--postgres", &server];
    let told = printed(&few);
    assert!(told.starts_with("2 seeds, 0 failed"), "{told}");
}

#[test]
fn how_a_postgres_is_reached_may_stand_behind_its_name() {
    let Ok(server) = std::env::var("SPECIE_TEST_POSTGRES") else {
        eprintln!("skipped: SPECIE_TEST_POSTGRES names no server");
        return;
    };
    let and = if server.contains('?') { '&' } else { '?' };
    let server = format!("{server}{and}application_name=who/why");
    let two = ["simulate", "--seeds", "2", "--acts", "1", "--days", "1", "--postgres", &server];
    let told = printed(&two);
    assert!(told.starts_with("2 seeds, 0 failed"), "{told}");
}
