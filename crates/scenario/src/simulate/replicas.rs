//! The processes of the service: two on one database. One that ends is replaced by a new one.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::Request;
use specie_server::{App, Patience, routes};
use specie_stripe::{Transport, transport};
use tower::{ServiceExt, service_fn};

use super::dice::Dice;
use super::skew::Skewed;
use super::stops::Stops;
use super::storage::Storage;
use super::story::Story;
use super::weather::Weather;
use crate::conductor::Conductor;
use crate::door::Door;
use crate::stage::{Backing, Stage};

/// How many there are.
pub(super) const REPLICAS: usize = 2;

/// By how many seconds a replica's clock may be ahead. More than a minute is reported; what is signed
/// more than five minutes ago is refused.
const AHEAD: [i64; 8] = [0, 0, 0, 1, -2, 40, -50, 600];

/// From how many waiting lanes on a replica may read ahead: not in a world as small as this, or nearly
/// always.
const MANY: [usize; 3] = [500, 2, 1];

/// A process of the service.
#[derive(Clone)]
pub(super) struct Replica {
    pub(super) app: App,
    pub(super) door: Door,
    /// How many came before it in its place.
    pub(super) ended: u32,
}

/// All of them.
pub(super) struct Replicas {
    all: Vec<Replica>,
    weather: Weather,
    storage: Storage,
    stops: Stops,
    story: Story,
    dice: Arc<Dice>,
    /// By how many seconds the clock of each is ahead of the database's.
    ahead: [i64; REPLICAS],
    /// From how many waiting lanes on each reads ahead.
    many: usize,
    /// Where a webhook may arrive.
    doors: Arc<Mutex<Vec<Transport>>>,
    webhooks: Transport,
}

impl Replicas {
    pub(super) fn start(
        stage: &Stage,
        weather: Weather,
        storage: Storage,
        stops: Stops,
        story: Story,
        dice: Dice,
    ) -> Self {
        let doors = Arc::default();
        let ahead = std::array::from_fn(|_| dice.one_of(&AHEAD));
        story.note(&format!("the replicas' clocks are ahead by {ahead:?} s"));
        let many = dice.one_of(&MANY);
        story.note(&format!("a replica reads ahead from {many} waiting lanes on"));
        let dice = Arc::new(dice);
        let webhooks = to_any(Arc::clone(&doors), Arc::clone(&dice), stops.clone());
        let all = Vec::new();
        let mut made =
            Self { all, weather, storage, stops, story, dice, ahead, many, doors, webhooks };
        made.all = (0..REPLICAS).map(|n| made.make(stage, n, 0)).collect();
        made.open_doors();
        made
    }

    fn make(&self, stage: &Stage, n: usize, ended: u32) -> Replica {
        let passing = self.stops.of(n);
        let inner = stage.stripe.transport.clone();
        let (wall, story) = (stage.wall.clone(), self.story.clone());
        let gate = self.storage.way(passing.clone(), story.clone());
        let app = stage.replica(Backing {
            db: stage.app.db.clone().with_gate(gate),
            to_stripe: self.weather.way(inner, passing, wall.clone(), story),
            wall: Arc::new(Skewed::new(wall, self.ahead[n])),
            patience: Patience::Yields,
            many: self.many,
        });
        let to_service = transport(routes::router(app.clone()));
        let door = Door { transport: to_service, base: stage.service.base.clone() };
        Replica { app, door, ended }
    }

    fn open_doors(&self) {
        let doors = self.all.iter().map(|replica| replica.door.transport.clone()).collect();
        *self.doors.lock().unwrap_or_else(PoisonError::into_inner) = doors;
    }

    /// One process ends, and another begins in its place.
    pub(super) fn replace(&mut self, stage: &Stage, n: usize) {
        self.all[n] = self.make(stage, n, self.all[n].ended + 1);
        self.open_doors();
    }

    pub(super) fn get(&self, n: usize) -> &Replica {
        &self.all[n]
    }

    /// Moves time for those of `which`, in an order that the dice say: who comes first finds all the
    /// work. Webhooks reach any.
    pub(super) fn conductor(&self, stage: &Stage, which: &[usize]) -> Conductor {
        let mut left = which.to_vec();
        let mut apps = Vec::new();
        while !left.is_empty() {
            let next = self.dice.below(u32::try_from(left.len()).unwrap_or(1));
            apps.push(self.all[left.remove(next as usize)].app.clone());
        }
        Conductor::new(apps, stage.sandbox.clone(), self.webhooks.clone(), stage.wall.clone())
    }
}

/// Each request to one of `doors`, by chance. Stripe waits for the answer before it sends the next:
/// nobody stands still meanwhile.
fn to_any(doors: Arc<Mutex<Vec<Transport>>>, dice: Arc<Dice>, stops: Stops) -> Transport {
    Transport::new(service_fn(move |request: Request<Bytes>| {
        let door = {
            let doors = doors.lock().unwrap_or_else(PoisonError::into_inner);
            let n = dice.below(u32::try_from(doors.len()).unwrap_or(1));
            doors[n as usize].clone()
        };
        let stops = stops.clone();
        async move {
            let _awaited = stops.awaited();
            door.oneshot(request).await
        }
    }))
}
