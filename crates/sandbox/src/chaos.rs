//! Chaos: what goes wrong between the sandbox and its clients, in percent and from a seed.
//!
//! Which call is struck depends on the seed and on how many calls there were since the chaos was
//! set; which webhook, on its number and attempt. So the same seed and calls give the same bytes,
//! over a restart as well.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use specie_vocab::SeededChance;

use crate::faults::{Fault, Odds, below};
use crate::input::{Answer, State, What};
use crate::world::{Call, Refusal, Reply, World, brief};

/// How often what goes wrong. All but the seed and the longest times are in percent: of all
/// attempts to send a webhook, and of all calls to the API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chaos {
    /// Where the chances come from.
    pub seed: u64,
    /// A webhook never arrives, and is never tried again.
    pub lose: u32,
    /// An attempt does not arrive; it is made again by the plan.
    pub fail: u32,
    /// A webhook arrives twice.
    pub duplicate: u32,
    /// A webhook comes late.
    pub delay: u32,
    /// The latest one, in seconds.
    pub longest_delay: i64,
    /// A webhook comes after all that are due with it.
    pub reorder: u32,
    /// The work is done, and the connection breaks before the answer is there.
    pub lose_answer: u32,
    /// The answer is slow.
    pub slow: u32,
    /// The slowest one, in milliseconds.
    pub slowest: i64,
    /// A reading call sees the world as it was before the last write.
    pub stale: u32,
    /// 429, nothing is done.
    pub limit: u32,
    /// 500, nothing is done.
    pub error_before: u32,
    /// 500, and all is done. The same key gives the true answer.
    pub error_after: u32,
    /// 500, nothing is done, and the same key gives 500 again. For `POST` with a key alone.
    pub error_stored: u32,
}

impl Default for Chaos {
    fn default() -> Self {
        Self {
            seed: 1,
            lose: 0,
            fail: 0,
            duplicate: 0,
            delay: 0,
            longest_delay: 600,
            reorder: 0,
            lose_answer: 0,
            slow: 0,
            slowest: 3_000,
            stale: 0,
            limit: 0,
            error_before: 0,
            error_after: 0,
            error_stored: 0,
        }
    }
}

/// What goes wrong with one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mishap {
    /// The answer never arrives.
    Lost,
    /// It takes so many milliseconds.
    Slow(u32),
    Stale,
    Limited,
    Before,
    After,
    Stored,
}

/// The largest number that a knob takes.
fn most(knob: &str) -> u64 {
    match knob {
        "seed" => u64::MAX,
        "longest_delay" => 864_000,
        "slowest" => 600_000,
        _ => 100,
    }
}

impl Chaos {
    /// Reads `lose=5,fail=2` (also a knob a line), a JSON object of knobs, or `off`. The error says
    /// what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "off" {
            return Ok(Self::default());
        }
        if text.starts_with('{') {
            let json = serde_json::from_str(text).map_err(|error| format!("no JSON: {error}"))?;
            return Self::default().with(&json);
        }
        let mut named = Map::new();
        let knobs = text.split([',', '\n']).map(str::trim);
        for knob in knobs.filter(|knob| !knob.is_empty() && !knob.starts_with('#')) {
            let number = knob
                .split_once('=')
                .and_then(|(name, value)| Some((name.trim(), value.trim().parse::<u64>().ok()?)));
            let Some((name, number)) = number else {
                return Err(format!("`{knob}` is not `name=number`"));
            };
            if named.insert(name.to_owned(), json!(number)).is_some() {
                return Err(format!("`{name}` is set twice"));
            }
        }
        Self::default().with(&Value::Object(named))
    }

    /// With the knobs that are named in `wanted` set: all of them, or none and why not.
    pub(crate) fn with(&self, wanted: &Value) -> Result<Self, String> {
        let Value::Object(wanted) = wanted else { return Err("send a JSON object".into()) };
        let mut all = json!(self);
        for (name, value) in wanted {
            let Some(knob) = all.get_mut(name) else {
                return Err(format!("there is no knob `{name}`"));
            };
            let most = most(name);
            if value.as_u64().is_none_or(|number| number > most) {
                let found = brief(value);
                let wanted = format!("a whole number from 0 to {most}");
                return Err(format!("`{name}` is {found}, and has to be {wanted}"));
            }
            *knob = value.clone();
        }
        let chaos: Self = serde_json::from_value(all).map_err(|error| error.to_string())?;
        chaos.check()?;
        Ok(chaos)
    }

    fn webhooks(&self) -> [u32; 5] {
        [self.lose, self.fail, self.duplicate, self.delay, self.reorder]
    }

    fn answers(&self) -> [u32; 7] {
        [
            self.lose_answer,
            self.slow,
            self.stale,
            self.limit,
            self.error_before,
            self.error_after,
            self.error_stored,
        ]
    }

    fn check(&self) -> Result<(), String> {
        let sum = |knobs: &[u32]| knobs.iter().map(|percent| u64::from(*percent)).sum::<u64>();
        if sum(&self.webhooks()) > 100 {
            return Err("the knobs of webhooks make up more than 100 %".into());
        }
        if sum(&self.answers()) > 100 {
            return Err("the knobs of answers make up more than 100 %".into());
        }
        if !(1..=864_000).contains(&self.longest_delay) {
            return Err("`longest_delay` goes from 1 s to 864000".into());
        }
        if !(1..=600_000).contains(&self.slowest) {
            return Err("`slowest` goes from 1 ms to 600000".into());
        }
        Ok(())
    }

    /// Whether nothing goes wrong.
    pub fn is_off(&self) -> bool {
        self.webhooks().iter().chain(&self.answers()).all(|percent| *percent == 0)
    }

    /// What goes wrong with an attempt to send a webhook.
    pub(crate) fn webhook(&self, number: u64, attempt: usize) -> Option<Fault> {
        if self.webhooks().iter().all(|percent| *percent == 0) {
            return None;
        }
        let chance =
            self.chance("webhook", number.wrapping_mul(1_000).wrapping_add(attempt as u64));
        let odds = Odds {
            lose: self.lose,
            fail: self.fail,
            duplicate: self.duplicate,
            delay: self.delay,
            longest_delay: self.longest_delay,
        };
        match odds.roll(&chance) {
            Err(rest) if rest < self.reorder => Some(Fault::Delay(1)),
            Err(_) => None,
            Ok(fault) => Some(fault),
        }
    }

    fn call(&self, number: u64) -> Option<Mishap> {
        let chance = self.chance("call", number);
        let mut rolled = below(&chance, 100);
        let hit = self.answers().iter().position(|percent| {
            let hits = rolled < *percent;
            rolled = rolled.saturating_sub(*percent);
            hits
        })?;
        let slowest = u32::try_from(self.slowest).unwrap_or(u32::MAX);
        let mishaps = [
            Mishap::Lost,
            Mishap::Slow(1 + below(&chance, slowest)),
            Mishap::Stale,
            Mishap::Limited,
            Mishap::Before,
            Mishap::After,
            Mishap::Stored,
        ];
        mishaps.get(hit).copied()
    }

    fn chance(&self, of: &str, number: u64) -> SeededChance {
        let mut mixed = self.seed ^ 0xcbf2_9ce4_8422_2325;
        for byte in of.bytes().chain(number.to_le_bytes()) {
            mixed = (mixed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        SeededChance::new(mixed)
    }
}

impl State {
    /// Sets the knobs that are named, and counts the calls anew.
    pub fn unsettle(&mut self, wanted: &Value) -> Result<(), String> {
        self.chaos = self.chaos.with(wanted)?;
        (self.struck, self.past) = (0, None);
        Ok(())
    }

    /// The world before what may be a write, if somebody may read late.
    pub fn before(&self, what: &What) -> Option<Box<World>> {
        (self.chaos.stale > 0 && self.may_write(what)).then(|| Box::new(self.world.clone()))
    }

    fn may_write(&self, what: &What) -> bool {
        match what {
            What::Call(call) => call.method != "GET",
            What::Advance { to } => self.world.next_due().is_some_and(|due| due <= *to),
            What::Pay { .. } | What::Cancel { .. } | What::Resume { .. } => true,
            What::ReplaceCard { .. } => true,
            // Among them a test clock that is ready: that ends the write that advanced it.
            _ => false,
        }
    }

    /// Remembers the world before the last write, for those who read late. What has changed
    /// nothing, such as a call that was refused or replayed, was none.
    pub fn look_back(&mut self, before: Option<Box<World>>) {
        if before.as_ref().is_some_and(|before| !before.shows_as(&self.world)) {
            self.past = before;
        }
    }

    /// Answers a call, or lets it go wrong.
    pub fn answer(&mut self, call: &Call, wall: i64) -> Answer {
        let mishap = (!self.chaos.is_off() && !call.is_of_a_page()).then(|| {
            self.struck += 1;
            self.chaos.call(self.struck)
        });
        let mishap = mishap.flatten();
        let world = &mut self.world;
        let reply = match mishap {
            None => world.call(call, wall),
            Some(Mishap::Lost | Mishap::Slow(_)) => {
                return Answer::Astray(world.call(call, wall), mishap);
            }
            Some(Mishap::Stale) => match &self.past {
                Some(past) if call.method == "GET" => world.call_late(past, call, wall),
                _ => world.call(call, wall),
            },
            Some(Mishap::Limited) => limited(world.refuse(call, &too_many(), wall)),
            Some(Mishap::Before) => world.refuse(call, &broken(), wall),
            Some(Mishap::After) => {
                world.call(call, wall);
                world.refuse(call, &broken(), wall)
            }
            Some(Mishap::Stored) if keeps_its_answer(call) => world.fail(call, &broken(), wall),
            Some(Mishap::Stored) => world.call(call, wall),
        };
        Answer::Reply(reply)
    }
}

/// Whether the answer to a call is kept under its key.
fn keeps_its_answer(call: &Call) -> bool {
    call.method == "POST" && call.idempotency_key.as_ref().is_some_and(|key| !key.is_empty())
}

fn refusal(status: u16, error: Value) -> Refusal {
    Refusal { status, error: error.as_object().cloned().unwrap_or_default() }
}

fn too_many() -> Refusal {
    let message = "Request rate limit exceeded. You can learn more about rate limits here \
                   https://stripe.com/docs/rate-limits.";
    refusal(
        429,
        json!({
            "code": "rate_limit", "doc_url": "https://stripe.com/docs/error-codes/rate-limit",
            "message": message, "type": "invalid_request_error",
        }),
    )
}

fn limited(mut reply: Reply) -> Reply {
    if reply.status == 429 {
        reply.headers.push(("Stripe-Rate-Limited-Reason".into(), "global-rate".into()));
    }
    reply
}

fn broken() -> Refusal {
    refusal(500, json!({ "message": "An unknown error occurred", "type": "api_error" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knobs_are_read_from_a_line_from_lines_and_from_json() {
        let wanted = Chaos { seed: 7, lose: 5, fail: 2, ..Chaos::default() };
        for text in [
            "lose=5,fail=2,seed=7",
            "# a file\nseed = 7\nlose = 5\nfail=2\n",
            r#"{"lose":5,"fail":2,"seed":7}"#,
        ] {
            assert_eq!(Chaos::parse(text), Ok(wanted.clone()), "{text}");
        }
        assert_eq!(Chaos::parse("off"), Ok(Chaos::default()));
        for (text, why) in [
            ("lose", "`lose` is not `name=number`"),
            ("lose=-1", "`lose=-1` is not `name=number`"),
            ("lose=1,lose=2", "`lose` is set twice"),
            ("win=5", "there is no knob `win`"),
            ("lose=5000000000", "`lose` is 5000000000, and has to be a whole number from 0 to 100"),
            (r#"{"slow":-1}"#, "`slow` is -1, and has to be a whole number from 0 to 100"),
            ("lose=60,fail=60", "the knobs of webhooks make up more than 100 %"),
            ("slow=60,limit=60", "the knobs of answers make up more than 100 %"),
            ("longest_delay=0", "`longest_delay` goes from 1 s to 864000"),
            ("slowest=0", "`slowest` goes from 1 ms to 600000"),
        ] {
            assert_eq!(Chaos::parse(text), Err(why.into()), "{text}");
        }
        assert!(Chaos::parse("{").unwrap_err().starts_with("no JSON: "));
    }

    #[test]
    fn each_mishap_comes_about_as_often_as_its_knob_says() {
        let chaos = Chaos {
            lose: 10,
            reorder: 20,
            lose_answer: 5,
            slow: 10,
            stale: 15,
            error_stored: 20,
            ..Chaos::default()
        };
        let calls: Vec<_> = (0..10_000).map(|number| chaos.call(number)).collect();
        let count =
            |fits: &dyn Fn(&Mishap) -> bool| calls.iter().flatten().filter(|m| fits(m)).count();
        for (found, percent) in [
            (count(&|mishap| *mishap == Mishap::Lost), 5),
            (count(&|mishap| matches!(mishap, Mishap::Slow(_))), 10),
            (count(&|mishap| *mishap == Mishap::Stale), 15),
            (count(&|mishap| *mishap == Mishap::Stored), 20),
            (count(&|_| true), 50),
        ] {
            assert!(found.abs_diff(percent * 100) < 150, "{found} for {percent} %");
        }
        let hooks: Vec<_> = (0..10_000).map(|number| chaos.webhook(number, 0)).collect();
        let of = |fault| hooks.iter().filter(|found| **found == Some(fault)).count();
        assert!(of(Fault::Lose).abs_diff(1_000) < 150 && of(Fault::Delay(1)).abs_diff(2_000) < 150);
    }
}
