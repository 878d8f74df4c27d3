//! All that can happen to a sandbox, as data: what the journal keeps and replays.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::chaos::{Chaos, Mishap};
use crate::deliveries::{Deliveries, Outcome};
use crate::journal::checksum;
use crate::world::{Call, PageError, Refusal, Reply, World};

/// The sandbox's whole memory: the world and what waits to be delivered.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct State {
    pub world: World,
    pub deliveries: Deliveries,
    /// How far the world's clock is ahead of the wall's, when it flows.
    pub offset: Option<i64>,
    /// What goes wrong between the sandbox and its clients.
    pub chaos: Chaos,
    /// How many calls were answered since the chaos was set, if it is on.
    pub struck: u64,
    /// The world before the last write, if somebody may read late.
    pub past: Option<Box<World>>,
}

/// Something that happens. `wall` is Unix seconds of wall time.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Input {
    pub wall: i64,
    pub what: What,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    Call(Call),
    Advance {
        to: i64,
    },
    Flow {
        offset: i64,
    },
    Pay {
        session: String,
        card: String,
        email: Option<String>,
        name: Option<String>,
    },
    Cancel {
        session: String,
        subscription: String,
    },
    Resume {
        session: String,
        subscription: String,
    },
    ReplaceCard {
        session: String,
        card: String,
    },
    Attempt {
        number: u64,
        outcome: Outcome,
        millis: i64,
    },
    Flush,
    /// Test clocks that have advanced long enough are ready.
    Settle,
    /// A call that is refused before the world looks into it.
    Refuse {
        call: Call,
        refusal: Refusal,
    },
    /// An endpoint's secret is replaced.
    Roll {
        endpoint: String,
        expire_in: i64,
    },
    /// An idempotency key is in use, or no more.
    Hold {
        key: String,
        held: bool,
    },
    Switch {
        wanted: Value,
    },
    /// Knobs of the chaos are set.
    Chaos {
        wanted: Value,
    },
    /// The pages stand elsewhere from now on.
    Move {
        base_url: String,
    },
}

impl What {
    /// Whether the world's objects stay as they are, whatever comes of it.
    pub fn only_reads(&self) -> bool {
        matches!(self, Self::Call(call) if call.method == "GET")
    }

    /// The texts of a page's action.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Self::Pay { session, card, email, name } => {
                let typed = [email, name].into_iter().flatten().map(String::as_str);
                [session.as_str(), card].into_iter().chain(typed).collect()
            }
            Self::Cancel { session, subscription } | Self::Resume { session, subscription } => {
                vec![session, subscription]
            }
            Self::ReplaceCard { session, card } => vec![session, card],
            _ => Vec::new(),
        }
    }
}

/// What came of an input.
#[derive(Clone, Serialize)]
pub(crate) enum Answer {
    Reply(Reply),
    /// A reply that goes astray on its way.
    Astray(Reply, Option<Mishap>),
    /// A page's action: where it leads, if it leads anywhere.
    Page(Result<Option<String>, PageError>),
    Count(usize),
    Rolled(Option<String>),
    Switched(Result<(), String>),
    Done,
}

impl Answer {
    /// For the journal: tells whether a replay went the same way.
    pub fn digest(&self) -> String {
        checksum(&serde_json::to_vec(self).unwrap_or_default())
    }
}

impl State {
    pub fn new(world: World) -> Self {
        Self {
            world,
            deliveries: Deliveries::default(),
            offset: None,
            chaos: Chaos::default(),
            struck: 0,
            past: None,
        }
    }

    /// Lets `input` happen. The same inputs always lead to the same state and answers.
    pub fn apply(&mut self, input: &Input) -> Answer {
        let before = self.before(&input.what);
        let answer = self.happen(input);
        self.look_back(before);
        self.deliveries.collect(&mut self.world, input.wall);
        answer
    }

    fn happen(&mut self, input: &Input) -> Answer {
        let world = &mut self.world;
        world.sees(input.wall);
        match &input.what {
            What::Call(call) => return self.answer(call, input.wall),
            What::Chaos { wanted } => return Answer::Switched(self.unsettle(wanted)),
            What::Refuse { call, refusal } => {
                return Answer::Reply(world.refuse(call, refusal, input.wall));
            }
            What::Roll { endpoint, expire_in } => {
                return Answer::Rolled(world.roll_secret(endpoint, *expire_in, input.wall));
            }
            What::Switch { wanted } => return Answer::Switched(world.switch(wanted)),
            What::Hold { key, held } => world.hold_key(key, *held),
            What::Pay { session, card, email, name } => {
                let paid = world.pay_checkout(session, card, email.as_deref(), name.as_deref());
                return Answer::Page(paid.map(Some));
            }
            What::Cancel { session, subscription } => {
                return Answer::Page(world.portal_cancel(session, subscription).map(|()| None));
            }
            What::Resume { session, subscription } => {
                return Answer::Page(world.portal_resume(session, subscription).map(|()| None));
            }
            What::ReplaceCard { session, card } => {
                return Answer::Page(world.portal_replace_card(session, card).map(|()| None));
            }
            What::Flush => return Answer::Count(self.deliveries.flush(input.wall)),
            What::Advance { to } => {
                world.advance(*to);
                if self.offset.is_some() {
                    self.offset = Some(world.now() - input.wall);
                }
            }
            What::Settle => world.settle(input.wall),
            What::Flow { offset } => self.offset = Some(*offset),
            What::Attempt { number, outcome, millis } => {
                self.deliveries.note(world, *number, outcome, input.wall, *millis);
            }
            What::Move { base_url } => *world = moved(world, base_url),
        }
        Answer::Done
    }
}

/// The same world with its pages elsewhere. What it has answered keeps its old addresses, as a
/// link in a mail would.
fn moved(world: &World, base_url: &str) -> World {
    let same = || world.clone();
    let Ok(mut plain) = serde_json::to_value(world) else { return same() };
    plain["config"]["base_url"] = base_url.into();
    serde_json::from_value(plain).unwrap_or_else(|_| same())
}
