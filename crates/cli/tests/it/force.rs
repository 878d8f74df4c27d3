//! Processes and databases under force: the real service is killed, or its database is, while
//! customers buy and cancel and events come, again and again. Nothing that was acknowledged is lost,
//! and nothing happens twice.
//!
//! `SPECIE_KILLS=500` kills so often, a quarter as often behind pgbouncer, takes Postgres down a fifth
//! as often, and `SPECIE_KILL_SEED=7` does so at other moments.

mod cluster;
mod disk;
mod load;
pub mod postgres;
mod rest;
mod town;
mod under_way;

use std::collections::BTreeMap;
use std::thread::Scope;
use std::time::{Duration, Instant};

use specie_vocab::{Chance, SeededChance};

use cluster::Cluster;
use disk::Disk;
use load::{Load, PATIENCE};
use postgres::Own;
use town::Town;
use under_way::{KINDS, Kind, Moment};

/// How often a process is killed where nobody says otherwise.
const KILLS: u64 = 25;
/// So long nobody is brought for what a kill is aimed at: it may come by itself.
const BY_ITSELF: Duration = Duration::from_millis(500);

/// Where the moments of a test come from.
pub struct Dice(SeededChance);

impl Dice {
    fn new() -> Self {
        let seed = number("SPECIE_KILL_SEED", 1);
        eprintln!("SPECIE_KILL_SEED={seed}");
        Self(SeededChance::new(seed))
    }

    /// A number below `end`.
    fn below(&self, end: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes) % end
    }

    /// After how many requests something happens: mostly soon, sometimes later.
    fn pulses(&self) -> u64 {
        let most = if self.below(4) == 0 { 60 } else { 15 };
        self.below(most)
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

fn kills() -> u64 {
    number("SPECIE_KILLS", KILLS)
}

/// At least so many that one is aimed at each kind of work.
fn kills_behind_pgbouncer() -> u64 {
    (kills() / 4).max(2 * KINDS.len() as u64)
}

/// How often Postgres goes down.
fn restarts() -> u64 {
    kills().div_ceil(5)
}

/// What the `n`th kill is aimed at: every other one at each kind of work in turn, the rest at nothing.
fn aim(n: usize) -> Option<Kind> {
    n.is_multiple_of(2).then(|| KINDS[n / 2 % KINDS.len()])
}

/// A moment within something of that kind, if one comes in time: not always at its very beginning.
fn in_the_middle<'scope>(
    kind: Kind,
    wanted: usize,
    town: &Town,
    (load, scope): (&'scope Load, &'scope Scope<'scope, '_>),
    dice: &Dice,
) -> Moment {
    let began = Instant::now();
    loop {
        let mut moment = town.under_way.next(kind, wanted, BY_ITSELF);
        if moment.found.contains(&kind) {
            load.pulse.moments(dice.below(2_000));
            moment.look_again();
        } else {
            load.bring(scope);
        }
        if moment.found.contains(&kind) || began.elapsed() > PATIENCE {
            return moment;
        }
    }
}

/// When a process is killed for the `n`th time: in the middle of what that kill is aimed at, or
/// whenever the dice say, which also say what process it is.
fn moment<'scope>(
    n: usize,
    town: &Town,
    (load, scope): (&'scope Load, &'scope Scope<'scope, '_>),
    dice: &Dice,
) -> Moment {
    let which = dice.below(town.replicas() as u64) as usize;
    if let Some(kind) = aim(n) {
        return in_the_middle(kind, which, town, (load, scope), dice);
    }
    load.pulse.after(dice.pulses());
    load.pulse.moments(dice.below(30_000));
    town.under_way.now(which)
}

/// Tells in the middle of what the service was killed how often. Each kill that was aimed has met its
/// kind.
fn each_kind_was_met(met: &BTreeMap<Kind, usize>, kills: u64) {
    for kind in KINDS {
        let met = met.get(&kind).copied().unwrap_or_default();
        let aimed = (0..kills as usize).filter(|n| aim(*n) == Some(kind)).count();
        eprintln!("{met} of {kills} kills in the middle of: {kind:?}; aimed: {aimed}");
        assert!(met >= aimed, "{aimed} kills were aimed at {kind:?}, and {met} met one");
    }
}

/// Kills one process after the other under load, starts each again, and looks at what is left.
fn kill_again_and_again(mut town: Town, kills: u64) {
    let (dice, load) = (Dice::new(), Load::new(&town));
    let began = Instant::now();
    let said = |what| eprintln!("{:6.1} s: {what}", began.elapsed().as_secs_f64());
    let mut met = BTreeMap::<Kind, usize>::new();
    load.under(|scope| {
        for n in 0..kills as usize {
            let moment = moment(n, &town, (&load, scope), &dice);
            let which = moment.replica;
            town.kill(which);
            moment.found.iter().for_each(|kind| *met.entry(*kind).or_default() += 1);
            drop(moment);
            town.start(which);
        }
        said("all kills are done");
    });
    said("all customers have what they wanted");
    each_kind_was_met(&met, kills);
    rest::all_is_right(town, &load, kills);
}

#[test]
fn killing_the_service_at_any_moment_on_sqlite_loses_and_doubles_nothing() {
    kill_again_and_again(Town::new("specie.db", 1), kills());
}

#[test]
fn killing_the_service_at_any_moment_on_postgres_loses_and_doubles_nothing() {
    let Some(own) = Own::make() else { return };
    kill_again_and_again(Town::new(&own.url(), 1), kills());
    own.drop();
}

#[test]
fn two_replicas_behind_pgbouncer_lose_and_double_nothing_when_they_are_killed() {
    let Ok(way) = std::env::var("SPECIE_TEST_PGBOUNCER") else {
        eprintln!("skipped: SPECIE_TEST_PGBOUNCER names no pgbouncer");
        return;
    };
    let Some(own) = Own::make() else { return };
    kill_again_and_again(Town::new(&own.by(&way), 2), kills_behind_pgbouncer());
    own.drop();
}

#[test]
fn a_postgres_that_goes_down_at_any_moment_loses_and_doubles_nothing() {
    let Some(cluster) = Cluster::make() else { return };
    let town = Town::new(&Own::on(&cluster.url()).url(), 1);
    let (dice, load, stops) = (Dice::new(), Load::new(&town), restarts());
    load.under(|_| {
        for _ in 0..stops {
            load.pulse.after(dice.pulses());
            load.pulse.moments(dice.below(30_000));
            cluster.restart();
        }
    });
    rest::all_is_right(town, &load, stops);
}

/// Fills the disk under load, and makes room when it was felt.
fn fill(town: Town, disk: &Disk) {
    let load = Load::new(&town);
    load.under(|_| {
        load.pulse.after(30);
        disk.fill();
        town.says("events could not be stored");
        // What was told of first may have been an event of the sandbox's own.
        (0..30).take_while(|_| load.refused() == 0).for_each(|_| load.pulse.after(10));
        assert!(load.refused() > 0, "nothing was refused");
        disk.make_room();
    });
    rest::all_is_right(town, &load, 1);
}

#[test]
fn a_disk_that_is_full_under_sqlite_refuses_events_and_loses_none() {
    let Some(disk) = Disk::make("8m") else { return };
    let file = disk.path().join("specie.db");
    fill(Town::new(file.to_str().unwrap(), 1), &disk);
}

#[test]
fn a_disk_that_is_full_under_postgres_refuses_events_and_loses_none() {
    let Some(cluster) = Cluster::make() else { return };
    let Some(disk) = Disk::make("32m") else { return };
    let own = Own::on_disk(&cluster.url(), disk.path());
    fill(Town::new(&own.url(), 1), &disk);
    own.drop();
}
