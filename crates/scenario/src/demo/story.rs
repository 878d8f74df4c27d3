//! The story: who subscribes, whose card is blocked, who leaves.

use crate::demo::telling::Telling;
use crate::demo::{DemoError, Line, START, Told, summary};
use crate::person::{Card, Person};
use crate::stage::Stage;

const DAY: i64 = 86_400;
/// How long the demo's year is.
const YEAR: i64 = 365 * DAY;

/// What happens at which day, beside what time brings.
enum Deed {
    BankBlocksAdasCard,
    AdaReplacesHerCard,
    AdaCancels,
}

/// The days are counted from the start; renewals come every 30 days.
const DEEDS: &[(i64, Deed)] =
    &[(100, Deed::BankBlocksAdasCard), (125, Deed::AdaReplacesHerCard), (220, Deed::AdaCancels)];

/// What is told beside the story, and what is done to it.
pub struct Telltale<'a> {
    /// Hears each line as soon as it is known.
    pub tell: &'a mut (dyn FnMut(&Line) + Send),
    /// How many seconds it has taken so far.
    pub seconds: &'a (dyn Fn() -> f64 + Sync),
    /// At the very end, changes an object at Stripe unseen by the service: the comparison must
    /// find it.
    pub tamper: bool,
}

/// Plays the story on a stage.
pub async fn play(stage: &Stage, telltale: Telltale<'_>) -> Result<Told, DemoError> {
    let Telltale { tell, seconds, tamper } = telltale;
    let people = [
        &Person::new(stage, "ada", "Ada Lovelace"),
        &Person::new(stage, "grace", "Grace Hopper"),
        &Person::new(stage, "linus", "Linus Pauling"),
    ];
    let [ada, grace, linus] = people;
    let mut telling = Telling::new(stage, tell);

    for (person, price) in [(ada, "monthly"), (grace, "annual"), (linus, "monthly")] {
        person.subscribe("pro", price, Card::GOOD).await?;
        stage.conductor.settle().await?;
        telling.did(person, &format!("subscribes to Pro, {price}")).await?;
    }
    for (day, deed) in DEEDS {
        wait(&mut telling, &people, START + day * DAY).await?;
        let what = deed.happens_to(ada).await?;
        stage.conductor.settle().await?;
        telling.did(ada, what).await?;
    }
    wait(&mut telling, &people, START + YEAR - 1).await?;
    stage.conductor.watermark().await?;
    telling.look(&people).await?;
    if tamper {
        ada.is_renamed_at_stripe().await?;
    }
    summary(stage, telling.timeline, seconds()).await
}

impl Deed {
    /// Does it, and answers with what to tell.
    async fn happens_to(&self, person: &Person<'_>) -> Result<&'static str, DemoError> {
        Ok(match self {
            Self::BankBlocksAdasCard => {
                person.bank_blocks_card().await?;
                "the bank blocks her card"
            }
            Self::AdaReplacesHerCard => {
                person.replace_card(Card::OTHER).await?;
                "replaces her card"
            }
            Self::AdaCancels => {
                person.cancel().await?;
                "cancels"
            }
        })
    }
}

/// Lets time pass up to `to`, and tells what it brings.
async fn wait(telling: &mut Telling<'_>, people: &[&Person<'_>], to: i64) -> Result<(), DemoError> {
    loop {
        let more = telling.stage.conductor.step(to).await?;
        telling.look(people).await?;
        if !more {
            return Ok(());
        }
    }
}
