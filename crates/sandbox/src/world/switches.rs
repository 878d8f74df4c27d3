//! The named switches: what Stripe leaves to an account's settings, and where its behaviour is not
//! known for certain.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::World;

const DAY: i64 = 86_400;

/// The switches that are one of some words.
const WORDS: [(&str, &[&str]); 5] = [
    ("checkout_times", &["real", "simulated"]),
    ("dunning.then", &["cancel", "unpaid", "past_due"]),
    ("event_times", &["simulated", "wall"]),
    ("test_clock_lists", &["hidden", "shown"]),
    ("webhook_retries", &["sandbox", "live"]),
];

/// What happens after a payment of a renewal failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dunning {
    /// The pauses between attempts, in seconds: from the first to the second, and so on.
    pub retries: Vec<i64>,
    /// What becomes of the subscription when the last attempt failed.
    pub then: AfterDunning,
    /// Whether the invoice is marked uncollectible then.
    pub mark_uncollectible: bool,
}

/// What becomes of a subscription when the last attempt failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterDunning {
    /// It is canceled.
    Cancel,
    /// It becomes `unpaid`.
    Unpaid,
    /// It stays `past_due`.
    PastDue,
}

/// When webhooks that failed are sent again, in wall time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Retries {
    /// Three attempts: at once, after five minutes, after an hour more.
    Sandbox,
    /// After 5 s, 10 s, 20 s and so on up to 12 hours, for three days.
    Live,
}

/// What an event's `created` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventTimes {
    /// The world's clock.
    Simulated,
    /// Wall time.
    Wall,
}

/// By which time a Checkout Session of a test clock's customer lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckoutTimes {
    /// By the world's.
    Real,
    /// By the test clock's.
    Simulated,
}

/// Whether lists show what lives by test clocks although nobody asked for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockLists {
    /// Only with the filter `test_clock`, `customer` or `subscription`.
    Hidden,
    /// Always.
    Shown,
}

/// Choices where Stripe's behaviour is not known for certain, or is a choice of the sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switches {
    /// How long advancing a test clock takes, in seconds of wall time.
    pub advancing_seconds: i64,
    /// By which time a Checkout Session of a test clock's customer expires.
    pub checkout_times: CheckoutTimes,
    /// The pause between a draft invoice of a renewal and its finalising, in seconds.
    pub draft_seconds: i64,
    /// How long before a renewal `invoice.upcoming` tells of it, in days. With 0 it does not.
    pub upcoming_days: i64,
    /// How long events can be read through the API, in seconds of wall time.
    pub event_retention: i64,
    /// What an event's `created` tells.
    pub event_times: EventTimes,
    /// How long an idempotency key is kept, in seconds of wall time.
    pub idempotency_retention: i64,
    /// After how many days of the world's time a test clock is deleted.
    pub test_clock_days: i64,
    /// Whether Stripe's limits for test clocks hold: customers, subscriptions, how far they go.
    pub test_clock_limits: bool,
    /// Whether lists show what lives by test clocks.
    pub test_clock_lists: ClockLists,
    /// When webhooks that failed are sent again.
    pub webhook_retries: Retries,
    /// How long an endpoint may take to answer, in seconds.
    pub webhook_timeout: i64,
    /// Whether an uncollectible invoice can be voided.
    pub void_uncollectible: bool,
}

impl Default for Dunning {
    fn default() -> Self {
        Self {
            retries: vec![3 * DAY, 5 * DAY, 7 * DAY],
            then: AfterDunning::Cancel,
            mark_uncollectible: false,
        }
    }
}

impl Dunning {
    /// Eight tries within two weeks, as Smart Retries offers; their moments are the sandbox's.
    pub fn smart() -> Self {
        let tries = [0, 1, 2, 3, 5, 7, 9, 11, 14];
        let retries = tries.windows(2).map(|pair| (pair[1] - pair[0]) * DAY).collect();
        Self { retries, ..Self::default() }
    }
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            advancing_seconds: 1,
            checkout_times: CheckoutTimes::Real,
            draft_seconds: 3_601,
            upcoming_days: 7,
            event_retention: 30 * DAY,
            event_times: EventTimes::Simulated,
            idempotency_retention: DAY,
            test_clock_days: 30,
            test_clock_limits: true,
            test_clock_lists: ClockLists::Hidden,
            webhook_retries: Retries::Sandbox,
            webhook_timeout: 10,
            void_uncollectible: false,
        }
    }
}

impl Retries {
    /// The pause after the `failed`-th attempt (from 1), if there is another.
    pub fn pause_after(self, failed: usize) -> Option<i64> {
        let live = |n: usize| match n {
            0..=13 => 5_i64 << n,
            _ => DAY / 2,
        };
        match self {
            Self::Sandbox => [300, 3_600].get(failed.checked_sub(1)?).copied(),
            Self::Live => {
                let waited: i64 = (0..failed).map(live).sum();
                (waited <= 3 * DAY).then(|| live(failed.saturating_sub(1)))
            }
        }
    }
}

impl World {
    /// The named switches and how they stand.
    pub fn switches(&self) -> Value {
        let (dunning, switches) = (&self.config.dunning, &self.config.switches);
        let mut all = json!(switches);
        all["dunning"] = json!(dunning);
        all
    }

    /// Sets the switches that are named in `wanted`, all or none. What was planned before stays.
    pub fn switch(&mut self, wanted: &Value) -> Result<(), String> {
        (self.config.dunning, self.config.switches) = self.switched(wanted)?;
        Ok(())
    }

    /// How the switches stand once those in `wanted` are set, or why they cannot be.
    pub(crate) fn switched(&self, wanted: &Value) -> Result<(Dunning, Switches), String> {
        let Value::Object(wanted) = wanted else { return Err("send a JSON object".into()) };
        let mut all = self.switches();
        if let Value::Object(all) = &mut all {
            set_all("", all, wanted)?;
        }
        let dunning = all.as_object_mut().and_then(|all| all.remove("dunning"));
        let dunning: Dunning = serde_json::from_value(dunning.unwrap_or_default())
            .map_err(|error| format!("`dunning`: {error}"))?;
        let switches: Switches = serde_json::from_value(all).map_err(|error| error.to_string())?;
        check(&dunning, &switches)?;
        Ok((dunning, switches))
    }
}

/// Puts `wanted` over what the switches below `prefix` say.
fn set_all(
    prefix: &str,
    all: &mut Map<String, Value>,
    wanted: &Map<String, Value>,
) -> Result<(), String> {
    for (name, value) in wanted {
        let name_here = format!("{prefix}{name}");
        let Some(old) = all.get_mut(name) else {
            return Err(format!("there is no switch `{name_here}`"));
        };
        match (old, value) {
            (Value::Object(old), Value::Object(more)) => {
                set_all(&format!("{name_here}."), old, more)?;
            }
            (old @ Value::Object(_), Value::String(preset)) => {
                *old = match preset.as_str() {
                    "smart" => json!(Dunning::smart()),
                    "fixed" => json!(Dunning::default()),
                    _ => return Err(format!("`{name_here}` has no preset {}", brief(value))),
                };
            }
            (old, value) => {
                check_kind(&name_here, old, value)?;
                *old = value.clone();
            }
        }
    }
    Ok(())
}

/// That `value` may stand where `old` does.
fn check_kind(name: &str, old: &Value, value: &Value) -> Result<(), String> {
    let is_whole = |value: &Value| value.as_i64().is_some();
    let words = WORDS.iter().find(|(of, _)| *of == name).map_or(&[][..], |(_, words)| *words);
    let (fits, kind) = match old {
        Value::Bool(_) => (value.is_boolean(), "true or false".into()),
        Value::Number(_) => (is_whole(value), "a whole number".into()),
        Value::String(_) => {
            (value.as_str().is_some_and(|v| words.contains(&v)), words.join(" or "))
        }
        Value::Array(_) => {
            let all_whole = value.as_array().is_some_and(|all| all.iter().all(is_whole));
            (all_whole, "a list of whole numbers".into())
        }
        _ => (false, "`smart`, `fixed` or a JSON object".to_owned()),
    };
    if fits { Ok(()) } else { Err(format!("`{name}` is {}, and has to be {kind}", brief(value))) }
}

/// A value as it was sent, its beginning if it is long.
pub(crate) fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn check(dunning: &Dunning, switches: &Switches) -> Result<(), String> {
    if dunning.retries.len() > 20
        || !dunning.retries.iter().all(|pause| (1..=60 * DAY).contains(pause))
    {
        return Err("`dunning.retries` are at most 20 pauses of 1 s to 60 days".into());
    }
    let limits = [
        ("advancing_seconds", switches.advancing_seconds, 0, 3_600),
        ("draft_seconds", switches.draft_seconds, 1, 3 * DAY),
        ("upcoming_days", switches.upcoming_days, 0, 60),
        ("event_retention", switches.event_retention, 1, 3_650 * DAY),
        ("idempotency_retention", switches.idempotency_retention, 1, 3_650 * DAY),
        ("test_clock_days", switches.test_clock_days, 1, 3_650),
        ("webhook_timeout", switches.webhook_timeout, 1, 600),
    ];
    match limits.iter().find(|(_, value, least, most)| value < least || value > most) {
        Some((name, _, least, most)) => Err(format!("`{name}` goes from {least} to {most}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_retries_double_up_to_twelve_hours_for_three_days() {
        let pauses: Vec<i64> = (1..).map_while(|n| Retries::Live.pause_after(n)).collect();
        assert_eq!(pauses[..4], [5, 10, 20, 40]);
        assert_eq!(pauses.iter().max(), Some(&43_200));
        let whole: i64 = pauses.iter().sum();
        assert!(whole <= 3 * DAY && whole + 43_200 > 3 * DAY, "{whole}");
        let few: Vec<i64> = (1..).map_while(|n| Retries::Sandbox.pause_after(n)).collect();
        assert_eq!(few, [300, 3_600]);
    }

    #[test]
    fn each_switch_that_is_a_word_takes_all_of_its_words_and_no_other() {
        let mut world = World::new(super::super::Config::new(1, 0, "http://localhost"));
        for (name, words) in WORDS {
            let set = |word: &str| match name.split_once('.') {
                Some((outer, inner)) => json!({ outer: { inner: word } }),
                None => json!({ name: word }),
            };
            for word in words {
                assert_eq!(world.switch(&set(word)), Ok(()), "{name} {word}");
            }
            let wrong = world.switch(&set("other")).unwrap_err();
            let wanted = format!("`{name}` is \"other\", and has to be {}", words.join(" or "));
            assert_eq!(wrong, wanted);
        }
    }

    #[test]
    fn smart_dunning_tries_eight_times_more_within_two_weeks() {
        let retries = Dunning::smart().retries;
        assert_eq!((retries.len(), retries.iter().sum::<i64>()), (8, 14 * DAY));
    }
}
