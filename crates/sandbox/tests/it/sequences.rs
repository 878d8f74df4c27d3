//! Random sequences of calls, valid and not, over all endpoints: never an error of the server, never
//! a panic, always the declared shape, and the world's sums agree at every stop.
//!
//! `SPECIE_SEQUENCES=1..200 cargo test -p specie-sandbox --test it sequences` plays others.

mod calls;
mod invariants;

use specie_sandbox::world::{Config, World};

use crate::world::{Lab, START, call, id};
use calls::Caller;

/// So many steps has a sequence.
const STEPS: usize = 2_000;
/// So often the whole world is looked at.
const STOP: usize = 500;
/// So often what is looked up is compared with what is there.
const LOOK: usize = 50;

fn seeds() -> std::ops::RangeInclusive<u64> {
    let Ok(text) = std::env::var("SPECIE_SEQUENCES") else { return 1..=2 };
    let number = |text: &str| text.parse().expect("SPECIE_SEQUENCES is `first..last`, or one seed");
    match text.split_once("..") {
        Some((first, last)) => number(first)..=number(last),
        None => number(&text)..=number(&text),
    }
}

/// One sequence: what a world can live through.
fn a_life(seed: u64) {
    let mut lab = Lab::with(Config::new(seed, START, "http://h"));
    lab.hook();
    let mut caller = Caller::new(seed);
    for step in 0..STEPS {
        caller.step(&mut lab, &format!("seed {seed}, step {step}"));
        if step % LOOK == LOOK - 1 {
            the_index_is_right(&lab.world, &format!("seed {seed}, step {step}"));
        }
        if step % STOP == STOP - 1 {
            invariants::check(&mut lab, &format!("seed {seed}, step {step}"));
        }
    }
    goes_on_when_put_away(&mut lab, seed);
}

fn the_index_is_right(world: &World, of: &str) {
    let faults = world.index_faults();
    assert!(faults.is_empty(), "{of}: a look at all objects finds else: {faults:#?}");
}

/// The world can be written down and read back, and goes on in the same way.
fn goes_on_when_put_away(lab: &mut Lab, seed: u64) {
    let text = serde_json::to_string(&lab.world).unwrap();
    let mut back: World = serde_json::from_str(&text).unwrap();
    the_index_is_right(&back, &format!("seed {seed}, read back"));
    for world in [&mut lab.world, &mut back] {
        world.settle(lab.wall + 3_600);
        world.advance(world.now() + 9 * 86_400);
        the_index_is_right(world, &format!("seed {seed}, gone on"));
    }
    let same = serde_json::to_string(&back).unwrap() == serde_json::to_string(&lab.world).unwrap();
    assert!(same, "seed {seed}: the world that was put away differs");
}

#[test]
fn no_sequence_of_calls_breaks_the_world() {
    let all: Vec<u64> = seeds().collect();
    std::thread::scope(|scope| {
        for half in [0, 1] {
            let all = &all;
            scope.spawn(move || all.iter().skip(half).step_by(2).for_each(|seed| a_life(*seed)));
        }
    });
}
