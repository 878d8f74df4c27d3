//! Seeds: everything goes wrong that can, and what must hold holds.
//!
//! `SPECIE_SEEDS=1..500 cargo test -p specie-scenario --test it simulation::seeds` plays others.

use std::ops::RangeInclusive;

use specie_scenario::simulate::{Failure, Play, Played, play, stay_on_one_processor};

use crate::set::On;

async fn on(database: String, seed: u64) -> Result<Played, Box<Failure>> {
    play(Play { seed, database, acts: 20, days: 30 }).await
}

async fn on_sqlite(seed: u64) -> Result<Played, Box<Failure>> {
    // In memory, where there is such a folder: no seed is about the disk.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    on(folder.path().join("specie.db").display().to_string(), seed).await
}

/// The seeds that were asked for.
fn named() -> Option<RangeInclusive<u64>> {
    let text = std::env::var("SPECIE_SEEDS").ok()?;
    let (first, last) = text.split_once("..").unwrap_or((&text, &text));
    let number = |text: &str| text.parse().expect("SPECIE_SEEDS is `first..last`, or one seed");
    Some(number(first)..=number(last))
}

/// Plays those of `seeds` that leave `rest` when they are divided by two, so that two tests share
/// them.
async fn share(seeds: RangeInclusive<u64>, rest: u64) {
    stay_on_one_processor(rest as usize);
    let (mut failed, mut replayed, mut decided, mut stale) = (Vec::new(), 0, 0, 0);
    for seed in named().unwrap_or(seeds).filter(|seed| seed % 2 == rest) {
        match on_sqlite(seed).await {
            Ok(played) => {
                (replayed, decided) = (replayed + played.replayed, decided + played.decided);
                stale += played.stale;
            }
            Err(failure) => {
                println!("{failure}\n");
                failed.push(format!("seed {seed}: {}", failure.what));
            }
        }
    }
    assert!(failed.is_empty(), "{} seeds failed:\n{}", failed.len(), failed.join("\n"));
    println!("{replayed} events were replayed, about {decided} changes it was decided");
    println!("{stale} times what may be old was shown");
    assert!(named().is_some() || (replayed > 0 && decided > 0), "an operator had nothing to do");
    assert!(named().is_some() || stale > 0, "nothing that was shown could be old");
}

mod seeds {
    #[tokio::test]
    async fn that_are_odd_end_with_what_stripe_has() {
        super::share(1..=100, 1).await;
    }

    #[tokio::test]
    async fn that_are_even_end_with_what_stripe_has() {
        super::share(1..=100, 0).await;
    }
}

#[tokio::test]
async fn a_seed_plays_the_same_story_each_time() {
    let first = on_sqlite(7).await.unwrap_or_else(|failure| panic!("{failure}"));
    let again = on_sqlite(7).await.unwrap_or_else(|failure| panic!("{failure}"));
    let lines = first.story.lines().zip(again.story.lines());
    let differing = lines.enumerate().find(|(_, (one, other))| one != other);
    assert_eq!(differing, None);
    assert_eq!(first, again);
    let Played { ends, stalls, outages, .. } = first;
    assert!(ends > 0 && stalls > 0 && outages > 0, "processes end, stand still, lose the database");
}

#[tokio::test]
async fn a_few_seeds_hold_on_postgres() {
    for seed in 1..=2 {
        let played = On::Postgres.lend(async |database| on(database, seed).await).await;
        let Some(played) = played else { return };
        played.unwrap_or_else(|failure| panic!("{failure}"));
    }
}
