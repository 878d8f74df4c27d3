//! The simulation: two replicas of the service on one database, the sandbox, customers who buy plans
//! of two groups, an operator, and somebody in Stripe's dashboard, in one process, on one thread, from
//! one seed.
//!
//! Webhooks get lost, late or doubled; calls to Stripe fail in all the ways in which they can; a
//! process ends between any two steps, or stands still while the other one works; the database goes
//! away, or a commit's connection is lost; the replicas' clocks are apart. Changes get stuck and events
//! are parked, and the operator retries, closes or replays them, applies the catalog, and anchors and
//! verifies the audit trail. After each act, and each step of one that takes days, all that must always
//! hold is checked, at Stripe after each call that changes something there, and in the end, in good
//! weather, with nothing left to the operator and after one watermark pass, that what is stored is what
//! Stripe has. The same seed gives the same story.

mod acts;
mod dice;
mod luck;
mod office;
mod operator;
mod processor;
mod replicas;
mod shop;
mod skew;
mod stops;
mod storage;
mod story;
mod watcher;
mod weather;

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use specie_sandbox::Odds;
use specie_vocab::{BusinessTime, WallClock};

use acts::{Act, Ask, Begun, Doing, Done, Tools};
use dice::Dice;
use office::Office;
use operator::Order;
pub use processor::stay_on_one_processor;
use replicas::Replicas;
use stops::{Caught, Stops, Trap};
use storage::Storage;
use story::Story;
use watcher::Watcher;
use weather::Weather;

use crate::checks;
use crate::stage::{Opening, Over, Stage};

/// What is to be played.
#[derive(Clone, Debug)]
pub struct Play {
    /// From which all chance comes.
    pub seed: u64,
    /// An empty database: a SQLite file, or `postgres://`.
    pub database: String,
    /// So many acts at least.
    pub acts: usize,
    /// So many days of business time at least.
    pub days: i64,
}

/// What was played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Played {
    /// All that happened.
    pub story: String,
    /// How often a process ended.
    pub ends: u32,
    /// How often one stood still while the other worked.
    pub stalls: u32,
    /// How often the database went away.
    pub outages: u32,
    /// How many parked events an operator replayed.
    pub replayed: u32,
    /// About how many stuck changes an operator decided.
    pub decided: u32,
    /// How often somebody was shown what may be old.
    pub stale: u32,
}

/// Something does not hold. Prints as a story to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// With this seed it happens again.
    pub seed: u64,
    /// What does not hold.
    pub what: String,
    /// What happened before.
    pub story: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.story)?;
        write!(f, "seed {}: {}", self.seed, self.what)
    }
}

impl std::error::Error for Failure {}

/// Nothing takes so long in this process, on however busy a machine, unless it waits for itself.
const HANGS: Duration = Duration::from_secs(600);

/// The customers' ids in the app.
const CUSTOMERS: [&str; 3] = ["ada", "bob", "eve"];

/// Plays a seed to its end. Wants a runtime with one thread: there the order of everything follows
/// from the seed alone.
pub async fn play(play: Play) -> Result<Played, Box<Failure>> {
    let seed = play.seed;
    let story = Story::default();
    let played = async {
        let mut simulation = Simulation::open(&play, story.clone()).await?;
        simulation.run(&play).await?;
        let Simulation { ends, stalls, outages, stale, office, stage, .. } = simulation;
        stage.app.db.close().await;
        let (replayed, decided) = (office.replayed(), office.decided());
        Ok(Played { story: String::new(), ends, stalls, outages, replayed, decided, stale })
    };
    let ended: Result<_, String> = played.await;
    let story = story.text();
    match ended {
        Ok(played) => Ok(Played { story, ..played }),
        Err(what) => Err(Box::new(Failure { seed, what, story })),
    }
}

struct Simulation {
    stage: Stage,
    dice: Dice,
    weather: Weather,
    storage: Storage,
    stops: Stops,
    story: Story,
    replicas: Replicas,
    watcher: Watcher,
    office: Office,
    /// The checkouts that each customer has begun.
    begun: Vec<(&'static str, Begun)>,
    ends: u32,
    stalls: u32,
    outages: u32,
    stale: u32,
}

impl Simulation {
    async fn open(play: &Play, story: Story) -> Result<Self, String> {
        let catalog = shop::sold(&Dice::new(play.seed ^ 0xCA7))?;
        story.note(&format!("what may be old: {:?}", catalog.policies.access_when_stale));
        let stage = Stage::open(Opening {
            database: play.database.clone(),
            over: Over::Process,
            start: Timestamp::from_second(1_767_258_000).map_err(|error| error.to_string())?,
            seed: play.seed,
            catalog,
            sandbox_folder: None,
            watch: None,
        });
        let stage = stage.await.map_err(|error| error.to_string())?;
        let weather = Weather::new(play.seed ^ 0x5EA, stage.sandbox.clone());
        let (stops, dice) = (Stops::default(), Dice::new(play.seed ^ 0xD00));
        let storage = Storage::new(play.seed ^ 0xDB);
        let replicas = Replicas::start(
            &stage,
            weather.clone(),
            storage.clone(),
            stops.clone(),
            story.clone(),
            dice,
        );
        let watcher = Watcher::new(&stage, storage.clone(), weather.clone());
        Ok(Self {
            stage,
            dice: Dice::new(play.seed),
            weather,
            storage,
            stops,
            story,
            replicas,
            watcher,
            office: Office::default(),
            begun: Vec::new(),
            ends: 0,
            stalls: 0,
            outages: 0,
            stale: 0,
        })
    }

    async fn run(&mut self, play: &Play) -> Result<(), String> {
        self.calmly(Act::Pass, 0).await?;
        let until = self.stage.sandbox.now() + play.days * 86_400;
        let mut acts = 0;
        while acts < play.acts || self.stage.sandbox.now() < until {
            if acts % 10 == 0 {
                self.rest().await?;
                self.turn_weather();
            }
            self.drift();
            let (act, at) = self.next_act();
            self.badly(act, at).await?;
            acts += 1;
        }
        self.rest().await
    }

    /// Good weather, an operator who leaves nothing, one watermark pass, or two where no webhook comes,
    /// and a look at everything.
    async fn rest(&mut self) -> Result<(), String> {
        self.weather.turn(0, 0);
        self.storage.turn(0);
        self.stage.sandbox.no_faults();
        self.stage.wall.advance_to(self.stage.wall.now().plus_seconds(60).timestamp());
        self.tell("the weather is good again");
        self.before(&Act::Settle, 0).await?;
        self.well(Act::Operate(Order::ReplayAll), 0).await?;
        self.well(Act::Settle, 0).await?;
        self.well(Act::Pass, 0).await?;
        self.well(Act::Settle, 0).await?;
        if self.nobody_is_told() {
            // Nor of what has just been changed by our own doing.
            self.well(Act::Pass, 0).await?;
            self.well(Act::Settle, 0).await?;
        }
        for customer in CUSTOMERS {
            for group in shop::GROUPS {
                for at in 0..replicas::REPLICAS {
                    self.well(Act::Ask { customer, what: Ask::Look { group } }, at).await?;
                }
            }
        }
        self.well(Act::Operate(Order::Verify), 0).await?;
        self.finds_the_catalog().await?;
        self.tells_of_replays().await?;
        let sides = self.stage.sides();
        checks::always(&sides).await.map_err(|broken| broken.to_string())?;
        checks::at_rest(&sides).await.map_err(|broken| broken.to_string())
    }

    /// Whether somebody has switched the endpoint off: events are found by passes alone.
    fn nobody_is_told(&self) -> bool {
        self.stage.sandbox.list("webhook_endpoint").iter().all(|it| it["status"] != "enabled")
    }

    fn tell(&self, text: &str) {
        let now = BusinessTime::from_second(self.stage.sandbox.now());
        self.story.tell(now, self.stage.wall.now(), text);
    }

    /// How webhooks and calls fare from now on.
    fn turn_weather(&mut self) {
        let calls = self.dice.one_of(&[0, 4, 12, 25]);
        let lag = self.dice.one_of(&[5, 5, 55]);
        self.weather.turn(calls, lag);
        let commits = self.dice.one_of(&[0, 0, 3, 15]);
        self.storage.turn(commits);
        let odds =
            self.dice.one_of(&[(0, 0, 0, 0), (5, 5, 5, 10), (25, 20, 15, 20), (60, 0, 0, 20)]);
        let (lose, fail, duplicate, delay) = odds;
        let odds = Odds { lose, fail, duplicate, delay, longest_delay: 3_000 };
        self.stage.sandbox.faults_by_chance(u64::from(self.dice.below(u32::MAX)), odds);
        self.tell(&format!(
            "weather: {calls} % of calls fail, reads lag {lag} s, {commits} % of commits, webhooks {odds:?}"
        ));
    }

    /// A little wall time goes by between two acts.
    fn drift(&self) {
        let seconds = i64::from(self.dice.one_of(&[0, 0, 0, 1, 2, 4, 30]));
        self.stage.wall.advance_to(self.stage.wall.now().plus_seconds(seconds).timestamp());
    }

    fn begin(&self, act: &Act, at: usize) -> Doing {
        let all: Vec<_> = (0..replicas::REPLICAS).collect();
        self.begin_with(act, at, &all)
    }

    fn begin_with(&self, act: &Act, at: usize, working: &[usize]) -> Doing {
        let tools = Tools {
            replica: self.replicas.get(at).clone(),
            conductor: self.replicas.conductor(&self.stage, working),
            watcher: self.watcher.clone(),
            weather: self.weather.clone(),
            office: self.office.clone(),
            stripe: self.stage.stripe.clone(),
            key: self.stage.server_key.clone(),
            now: self.stage.sandbox.now(),
        };
        self.tell(&format!("{act} [{at}]"));
        tools.begin(act.clone())
    }

    /// An act in which nobody ends and nobody stands still.
    async fn calmly(&mut self, act: Act, at: usize) -> Result<(), String> {
        let doing = self.begin(&act, at);
        self.through(&act, doing).await
    }

    /// An act in good weather: nothing is in the way of what it asks for.
    async fn well(&mut self, act: Act, at: usize) -> Result<(), String> {
        let doing = self.begin(&act, at);
        match self.end_of(&act, doing).await? {
            Done::Refused(why) => Err(format!("{act}, in good weather: {why}")),
            done => self.learn(&act, done).await,
        }
    }

    /// An act on which a process may end or stand still.
    async fn badly(&mut self, act: Act, at: usize) -> Result<(), String> {
        self.before(&act, at).await?;
        match self.dice.below(20) {
            0..4 => self.until_an_end(act, at, &[0, 1]).await,
            4..8 => self.with_a_stall(act, at).await,
            8..10 => self.with_an_outage(act, at).await,
            _ => self.calmly(act, at).await,
        }
    }

    /// The database goes away at some point of an act, and is back at its end.
    async fn with_an_outage(&mut self, act: Act, at: usize) -> Result<(), String> {
        let mut doing = self.begin(&act, at);
        let trap = self.trap(false);
        let Some(caught) = self.up_to(&act, &mut doing, trap).await? else { return Ok(()) };
        self.story.note(&format!("the database goes away, {}", caught.point));
        self.storage.set_down(true);
        self.outages += 1;
        caught.let_go();
        let ended = self.through(&act, doing).await;
        self.storage.set_down(false);
        self.story.note("the database is back");
        ended
    }

    async fn through(&mut self, act: &Act, doing: Doing) -> Result<(), String> {
        let done = self.end_of(act, doing).await?;
        self.learn(act, done).await
    }

    async fn end_of(&self, act: &Act, doing: Doing) -> Result<Done, String> {
        let done = tokio::time::timeout(HANGS, doing).await;
        done.map_err(|_| format!("{act}: it waits for itself"))
    }

    /// Runs an act up to a trap. Answers who was caught; none, if it ended before.
    async fn up_to(
        &mut self,
        act: &Act,
        doing: &mut Doing,
        trap: Trap,
    ) -> Result<Option<Caught>, String> {
        self.stops.set(trap);
        let stops = self.stops.clone();
        let either = async {
            tokio::select! {
                biased;
                caught = stops.reached() => Err(caught),
                done = doing.as_mut() => Ok(done),
            }
        };
        let either = tokio::time::timeout(HANGS, either).await;
        self.stops.clear();
        match either.map_err(|_| format!("{act}: it waits for itself"))? {
            Err(caught) => Ok(Some(caught)),
            Ok(done) => self.learn(act, done).await.map(|()| None),
        }
    }

    /// Some points ahead: near ones as often as far ones.
    fn trap(&self, lets_others_work: bool) -> Trap {
        let reach = 1 << (1 + self.dice.below(if lets_others_work { 5 } else { 6 }));
        Trap { after: self.dice.below(reach), lets_others_work }
    }

    async fn until_an_end(&mut self, act: Act, at: usize, working: &[usize]) -> Result<(), String> {
        let mut doing = self.begin_with(&act, at, working);
        let trap = self.trap(false);
        if let Some(caught) = self.up_to(&act, &mut doing, trap).await? {
            drop(doing);
            self.ended(caught);
        }
        self.check().await
    }

    fn ended(&mut self, caught: Caught) {
        let (n, point) = (caught.replica, caught.point);
        self.story.note(&format!("replica {n} ended {point}"));
        drop(caught);
        self.replicas.replace(&self.stage, n);
        self.ends += 1;
    }

    /// A process stands still at a call to Stripe or after a commit, and the other one goes on working.
    async fn with_a_stall(&mut self, act: Act, at: usize) -> Result<(), String> {
        let mut doing = self.begin(&act, at);
        let trap = self.trap(true);
        let Some(caught) = self.up_to(&act, &mut doing, trap).await? else { return Ok(()) };
        let (still, other) = (caught.replica, 1 - caught.replica);
        self.stalls += 1;
        self.story.note(&format!("replica {still} stands still {}", caught.point));
        for _ in 0..=self.dice.below(3) {
            self.drift();
            let (act, _) = self.next_act();
            self.before(&act, other).await?;
            if self.dice.percent(25) {
                self.until_an_end(act, other, &[other]).await?;
            } else {
                let doing = self.begin_with(&act, other, &[other]);
                self.through(&act, doing).await?;
            }
        }
        if self.dice.percent(20) {
            drop(doing);
            self.ended(caught);
            return self.check().await;
        }
        self.before(&act, other).await?;
        self.tell(&format!("replica {still} goes on"));
        caught.let_go();
        self.through(&act, doing).await
    }

    /// Notes what became of an act, and checks what must always hold.
    async fn learn(&mut self, act: &Act, done: Done) -> Result<(), String> {
        // What a call of its own broke explains whatever went wrong with the act after that.
        self.weather.holds()?;
        match (act, done) {
            (_, Done::Wrong(what)) => return Err(format!("{act}: {what}")),
            (_, Done::Told(line) | Done::Refused(line)) => self.story.note(&line),
            (Act::Ask { customer, .. }, Done::Began(begun)) => {
                self.story.note(&begun.session);
                self.weather.answered(&begun.session);
                self.begun.retain(|(_, known)| *known != begun);
                self.begun.push((customer, begun));
            }
            (Act::Ask { customer, .. }, Done::Saw(view)) => {
                let (subscription, status) = (&view["subscription"], &view["status"]);
                let (group, access, version) = (&view["group"], &view["access"], &view["version"]);
                self.story.note(&format!(
                    "{group} {subscription} {status} access {access} version {version}"
                ));
                self.stale += u32::from(view["stale"] == true);
                let shown = checks::shown(&self.stage.sides(), customer, &view).await;
                shown.map_err(|broken| broken.to_string())?;
            }
            (_, Done::Began(_) | Done::Saw(_)) => {}
        }
        self.check().await
    }

    async fn check(&self) -> Result<(), String> {
        let heads = self.watcher.check_all().await?;
        self.story.note(&heads);
        Ok(())
    }
}
