//! The webhooks that wait to be sent, and the log of those that were.
//!
//! Three attempts, or many for three days, as the world's switch says; in wall time.

mod queue;

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use self::queue::Queue;
use crate::world::{Pending, World};

/// So many attempts are remembered for each endpoint.
const LOG_LENGTH: usize = 500;

/// What became of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The endpoint answered with this status. Only 2xx counts as received.
    Answered(u16),
    /// There was no answer.
    Failed(String),
    /// A fault: Stripe thinks it arrived, but it never will.
    Lost,
    /// A fault: held back until this second of wall time.
    Held(i64),
    /// The endpoint was deleted or switched off.
    Dropped,
}

/// One attempt at a delivery, as the log shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// The event's id.
    pub event: String,
    /// The endpoint's id.
    pub endpoint: String,
    /// Where it went.
    pub url: String,
    /// The which-th attempt of this delivery, from 1.
    pub attempt: usize,
    /// When, in Unix seconds of wall time.
    pub at: i64,
    /// How long the endpoint took, in milliseconds of wall time.
    pub millis: i64,
    /// What became of it.
    pub outcome: Outcome,
    /// When the next attempt is due, in Unix seconds of wall time.
    pub next: Option<i64>,
}

/// A delivery that is not done.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Waiting {
    pub number: u64,
    pub pending: Pending,
    /// How many attempts there were.
    pub attempts: usize,
    /// Unix seconds of wall time.
    pub due: i64,
    /// Held back once already.
    pub held: bool,
}

#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Deliveries {
    last: u64,
    waiting: Queue,
    log: VecDeque<Attempt>,
}

impl Deliveries {
    /// Takes over what the world has emitted since the last time.
    pub fn collect(&mut self, world: &mut World, wall: i64) {
        for pending in world.take_deliveries() {
            self.last += 1;
            let number = self.last;
            self.waiting.put(Waiting { number, pending, attempts: 0, due: wall, held: false });
        }
    }

    /// The next that is due by `wall`: the earliest due, in the order in which they happened.
    pub fn due(&self, wall: i64) -> Option<&Waiting> {
        self.waiting.first().filter(|waiting| waiting.due <= wall)
    }

    /// When the next is due.
    pub fn next_due(&self) -> Option<i64> {
        self.waiting.first().map(|waiting| waiting.due)
    }

    /// Those that wait, in the order in which they happened.
    pub fn waiting(&self) -> impl Iterator<Item = &Waiting> {
        self.waiting.iter()
    }

    /// The attempts, oldest first.
    pub fn log(&self) -> impl Iterator<Item = &Attempt> {
        self.log.iter()
    }

    /// Makes all that wait due. Answers how many were not.
    pub fn flush(&mut self, wall: i64) -> usize {
        let late = self.waiting.after(wall);
        for number in &late {
            if let Some(waiting) = self.waiting.take(*number) {
                self.waiting.put(Waiting { due: wall, ..waiting });
            }
        }
        late.len()
    }

    /// Notes what became of an attempt, and tells the world when it is the last.
    pub fn note(
        &mut self,
        world: &mut World,
        number: u64,
        outcome: &Outcome,
        at: i64,
        millis: i64,
    ) {
        let Some(mut waiting) = self.waiting.take(number) else { return };
        if let Outcome::Held(until) = *outcome {
            return self.waiting.put(Waiting { due: until, held: true, ..waiting });
        }

        waiting.attempts += 1;
        let plan = world.config().switches.webhook_retries;
        let retry = plan.pause_after(waiting.attempts).map(|pause| at + pause);
        let next = match outcome {
            Outcome::Answered(200..=299) | Outcome::Lost | Outcome::Dropped => None,
            _ => retry,
        };
        let attempt = Attempt {
            event: waiting.pending.event.clone(),
            endpoint: waiting.pending.endpoint.clone(),
            url: waiting.pending.url.clone(),
            attempt: waiting.attempts,
            at,
            millis,
            outcome: outcome.clone(),
            next,
        };
        match next {
            Some(due) => self.waiting.put(Waiting { due, ..waiting }),
            None => {
                let ok = matches!(outcome, Outcome::Answered(200..=299) | Outcome::Lost);
                world.delivered(&attempt.event, &attempt.endpoint, ok);
            }
        }
        self.remember(attempt);
    }

    fn remember(&mut self, attempt: Attempt) {
        let of_endpoint = self.log.iter().filter(|a| a.endpoint == attempt.endpoint).count();
        if of_endpoint >= LOG_LENGTH
            && let Some(oldest) = self.log.iter().position(|a| a.endpoint == attempt.endpoint)
        {
            self.log.remove(oldest);
        }
        self.log.push_back(attempt);
    }
}
