//! The story: who subscribes, whose card is blocked, who leaves.

use crate::demo::{DemoError, Line, START, Telling, Told};
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

/// Plays the story on a stage, and hands each line to `tell` as soon as it is known. `seconds` says
/// how long it has taken so far.
pub async fn play(
    stage: &Stage,
    tell: &mut (dyn FnMut(&Line) + Send),
    seconds: impl Fn() -> f64,
) -> Result<Told, DemoError> {
    let people = [
        Person::new(stage, "ada", "Ada Lovelace"),
        Person::new(stage, "grace", "Grace Hopper"),
        Person::new(stage, "linus", "Linus Pauling"),
    ];
    let [ada, grace, linus] = &people;
    let mut told = |line: &Line| tell(line);
    let mut telling = Telling::new(stage, &mut told);

    for (person, price) in [(ada, "monthly"), (grace, "annual"), (linus, "monthly")] {
        person.subscribe("pro", price, Card::GOOD).await?;
        stage.conductor.settle().await?;
        telling.did(person, &format!("subscribes to Pro, {price}")).await?;
    }
    for (day, deed) in DEEDS {
        wait(stage, &mut telling, &people, START + day * DAY).await?;
        match deed {
            Deed::BankBlocksAdasCard => {
                ada.bank_blocks_card().await?;
                stage.conductor.settle().await?;
                telling.did(ada, "the bank blocks her card").await?;
            }
            Deed::AdaReplacesHerCard => {
                ada.replace_card(Card::OTHER).await?;
                stage.conductor.settle().await?;
                telling.did(ada, "replaces her card").await?;
            }
            Deed::AdaCancels => {
                ada.cancel().await?;
                stage.conductor.settle().await?;
                telling.did(ada, "cancels").await?;
            }
        }
    }
    wait(stage, &mut telling, &people, START + YEAR - 1).await?;
    stage.conductor.watermark().await?;
    telling.look(&people).await?;
    telling.end(seconds()).await
}

/// Lets time pass up to `to`, and tells what it brings.
async fn wait(
    stage: &Stage,
    telling: &mut Telling<'_>,
    people: &[Person<'_>],
    to: i64,
) -> Result<(), DemoError> {
    loop {
        let more = stage.conductor.step(to).await?;
        telling.look(people).await?;
        if !more {
            return Ok(());
        }
    }
}
