//! From what a text says and what was answered to the facts, or to the next question.

use std::collections::BTreeMap;

use super::facts::{Answer, Facts, Item, Origin, Value};
use super::form::{Choice, Power, Question, Slot, SlotKind};
use super::quantities::Money;
use super::texts::Texts;
use super::understand::{Understanding, answered};

/// Something that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// By which it is answered.
    pub id: String,
    /// What is asked.
    pub ask: String,
    /// Why.
    pub why: String,
    /// What may be answered, with what it means; empty for a text.
    pub options: Vec<(String, String)>,
    /// The answer of who does not care; none when somebody must decide.
    pub default: Option<String>,
}

/// Where the questions stand.
#[derive(Clone, Debug)]
pub struct Asked {
    /// What is known.
    pub facts: Facts,
    /// The questions that mattered, each with its answer.
    pub answered: Vec<(Open, Answer)>,
    /// The first that is open.
    pub open: Option<Open>,
}

/// Why answers cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// An answer is none of the options, or cannot be read.
    #[error("`{answer}` is no answer to `{id}`, expected {expected}")]
    Wrong {
        /// Of which question.
        id: String,
        /// What was answered.
        answer: String,
        /// What could be.
        expected: String,
    },
    /// Amounts are in several currencies.
    #[error("the amounts are in {0}, expected one currency for all of them")]
    Currencies(String),
    /// A condition of the power cannot be worked out.
    #[error("question `{id}`: {what}")]
    Condition {
        /// Of which question.
        id: String,
        /// What is wrong.
        what: String,
    },
}

/// What stands outside the text.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// Stacks that the steering files name, by id, with the file.
    pub steering: Vec<(String, String)>,
    /// Stacks that the manifests show, by id, with the file.
    pub manifests: Vec<(String, String)>,
}

/// Works out the facts, as far as the answers go.
pub fn ask(
    power: &Power,
    understood: &Understanding,
    answers: &BTreeMap<String, Answer>,
    around: &Around,
) -> Result<Asked, AskError> {
    let mut asking =
        Asking { power, understood, answers, facts: Facts::default(), answered: Vec::new() };
    let open = match asking.concepts()? {
        Some(open) => Some(open),
        None => match asking.stack(around)? {
            Some(open) => Some(open),
            None => asking.questions()?,
        },
    };
    asking.one_currency()?;
    Ok(Asked { facts: asking.facts, answered: asking.answered, open })
}

struct Asking<'a> {
    power: &'a Power,
    understood: &'a Understanding,
    answers: &'a BTreeMap<String, Answer>,
    facts: Facts,
    answered: Vec<(Open, Answer)>,
}

impl Asking<'_> {
    /// What is wanted and what is not; a contradiction is asked about.
    fn concepts(&mut self) -> Result<Option<Open>, AskError> {
        for id in self.understood.contradicted() {
            let title = self.power.concept(id).map_or(id, |it| it.title.as_str());
            let open = decision(
                format!("wants-{id}"),
                format!("The text both wants and rules out {title}. Which holds?"),
                [("yes", "it is wanted"), ("no", "it is left out")],
            );
            let Some(answer) = self.answer(&open)? else { return Ok(Some(open)) };
            let (flag, origin) = (answer.text == "yes", origin(&open.id, &answer));
            self.facts.add(id, Value::Flag(flag), origin);
            self.answered.push((open, answer));
        }
        for (id, mentions) in &self.understood.concepts {
            let flag = !mentions.iter().all(|it| it.negated);
            self.facts.add(id, Value::Flag(flag), Origin::Prompt(mentions[0].span.clone()));
        }
        self.filled();
        self.implied();
        self.excluded()
    }

    /// The slots that the text fills, and the concepts that it wants by that.
    fn filled(&mut self) {
        for (item, place) in &self.understood.earlier {
            self.facts.known_from(item.clone(), Origin::Prompt(place.clone()));
        }
        for slot in &self.power.slots {
            let Some((value, span)) = self.understood.slots.get(&slot.id) else { continue };
            let value = self.with_answered(&slot.id, value);
            self.facts.add(&slot.id, value, Origin::Prompt(span.clone()));
            for concept in &slot.implies {
                self.facts.add(concept, Value::Flag(true), Origin::Prompt(span.clone()));
            }
        }
    }

    /// What a slot holds, with what was answered before the text spoke of it.
    fn with_answered(&mut self, slot: &str, said: &Value) -> Value {
        let Some((open, answer, before)) = self.answered_before(slot) else { return said.clone() };
        for item in before.without(said) {
            self.facts.known_from(format!("{slot}.{}", item.key), origin(&open.id, &answer));
        }
        self.answered.push((open, answer));
        before.with(said)
    }

    /// What was answered to a slot's question before a later text spoke of the slot.
    fn answered_before(&self, slot: &str) -> Option<(Open, Answer, Value)> {
        if !self.understood.added.contains(slot) {
            return None;
        }
        let (question, answer, form) = asked_for(self.power, self.answers, slot)?;
        let value = answered(form, &answer.text)?;
        Some((Open::of(question), answer.clone(), self.in_its_currency(answer, value)))
    }

    /// What comes with what is wanted.
    fn implied(&mut self) {
        let mut waiting: Vec<&str> = self
            .power
            .concepts
            .iter()
            .map(|it| it.id.as_str())
            .filter(|it| self.facts.wants(it))
            .collect();
        while let Some(id) = waiting.pop() {
            let Some(concept) = self.power.concept(id) else { continue };
            let Some(origin) = self.facts.origin(id).cloned() else { continue };
            for other in concept.implies.iter().filter(|it| self.power.concept(it).is_some()) {
                if self.facts.get(other).is_none() {
                    self.facts.add(other, Value::Flag(true), origin.clone());
                    waiting.push(other);
                }
            }
        }
    }

    fn excluded(&mut self) -> Result<Option<Open>, AskError> {
        for concept in &self.power.concepts {
            for other in concept.excludes.iter().filter_map(|it| self.power.concept(it)) {
                if !self.facts.wants(&concept.id) || !self.facts.wants(&other.id) {
                    continue;
                }
                let open = decision(
                    format!("{}-or-{}", concept.id, other.id),
                    format!("{} and {} cannot both be had. Which one?", concept.title, other.title),
                    [(&concept.id, &concept.title), (&other.id, &other.title)],
                );
                let Some(answer) = self.answer(&open)? else { return Ok(Some(open)) };
                let loser = if answer.text == concept.id { &other.id } else { &concept.id };
                self.facts.set(loser, Value::Flag(false), origin(&open.id, &answer));
                self.answered.push((open, answer));
            }
        }
        Ok(None)
    }

    /// The stack: from the text, else the steering files, else the manifests; where they differ, or
    /// say nothing, it is asked.
    fn stack(&mut self, around: &Around) -> Result<Option<Open>, AskError> {
        if self.power.stacks.is_empty() {
            return Ok(None);
        }
        let said: Vec<(&str, Origin)> = self
            .understood
            .stacks
            .iter()
            .map(|(id, span)| (id.as_str(), Origin::Prompt(span.clone())))
            .collect();
        let from = |all: &'_ [(String, String)]| -> Vec<(String, Origin)> {
            all.iter().map(|(id, file)| (id.clone(), Origin::Steering(file.clone()))).collect()
        };
        let mut named: Vec<(String, Origin)> =
            said.into_iter().map(|(id, origin)| (id.to_owned(), origin)).collect();
        if let [(other, span)] = self.understood.others.as_slice()
            && named.is_empty()
        {
            named.push((other.clone(), Origin::Prompt(span.clone())));
        }
        let (steering, manifests) = (from(&around.steering), from(&around.manifests));
        let mut ids: Vec<&String> =
            named.iter().chain(&steering).chain(&manifests).map(|(id, _)| id).collect();
        ids.sort();
        ids.dedup();
        if let [only] = ids.as_slice() {
            let only = (*only).clone();
            let origin = named.into_iter().chain(steering).chain(manifests).next().map(|it| it.1);
            if let Some(origin) = origin {
                self.facts.add("stack", Value::Text(only), origin);
            }
            return Ok(None);
        }
        let open = self.which_stack(ids.len() > 1);
        let Some(answer) = self.answer(&open)? else { return Ok(Some(open)) };
        self.facts.add("stack", Value::Text(answer.text.clone()), origin(&open.id, &answer));
        self.answered.push((open, answer));
        Ok(None)
    }

    fn which_stack(&self, differ: bool) -> Open {
        let why = if differ {
            "The text, the steering files and the manifests name different ones."
        } else {
            "Tasks name files and commands, and neither the text nor the repository says in which stack."
        };
        let stacks = self.power.stacks.iter();
        let mut options: Vec<(String, String)> =
            stacks.map(|it| (it.id.clone(), it.title.clone())).collect();
        let others = self.understood.others.iter();
        options.extend(
            others.map(|(id, _)| (id.clone(), format!("{id}: files and commands stay open"))),
        );
        options.push(("other".into(), "another one: files and commands stay open".into()));
        let default = self.power.stacks.iter().find(|it| it.default).filter(|_| !differ);
        Open {
            id: "stack".into(),
            ask: "Which stack is it built with?".into(),
            why: why.into(),
            options,
            default: default.map(|it| it.id.clone()),
        }
    }

    fn questions(&mut self) -> Result<Option<Open>, AskError> {
        for question in &self.power.questions {
            let texts = Texts::new(self.power, &self.facts, &BTreeMap::new());
            let condition = |what| AskError::Condition { id: question.id.clone(), what };
            if !texts.holds(&question.when, None).map_err(condition)?.0 || self.is_said(question) {
                continue;
            }
            let open = Open::of(question);
            let Some(answer) = self.answer(&open)? else { return Ok(Some(open)) };
            self.learn(question, &answer)?;
            self.answered.push((open, answer));
        }
        Ok(None)
    }

    /// Whether the text answers a question by itself.
    fn is_said(&mut self, question: &Question) -> bool {
        if let Some(slot) = &question.slot {
            return self.facts.get(slot).is_some();
        }
        let chosen = self.understood.options.get(&question.id).map(Vec::as_slice);
        if let Some([(option, span)]) = chosen {
            self.facts.add(&question.id, Value::Text(option.clone()), Origin::Prompt(span.clone()));
            return true;
        }
        false
    }

    fn learn(&mut self, question: &Question, answer: &Answer) -> Result<(), AskError> {
        let from = origin(&question.id, answer);
        let Some(slot) = &question.slot else {
            self.facts.add(&question.id, Value::Text(answer.text.clone()), from);
            return Ok(());
        };
        let wrong = || AskError::Wrong {
            id: question.id.clone(),
            answer: answer.text.clone(),
            expected: format!("something like `{}`", question.default),
        };
        let form = self.power.slots.iter().find(|it| it.id == *slot).ok_or_else(wrong)?;
        let value = answered(form, &answer.text).ok_or_else(wrong)?;
        let value = self.in_its_currency(answer, value);
        self.currency_of(&value, &from);
        self.facts.add(slot, value, from);
        Ok(())
    }

    /// An answer's amounts; those of a default in the currency that is known.
    fn in_its_currency(&self, answer: &Answer, value: Value) -> Value {
        let slot = self.power.slots.iter().find(|it| it.kind == SlotKind::Currency);
        let known = slot.and_then(|it| self.known(it));
        match (value, known) {
            (Value::Items(items), Some(Value::Text(code))) if answer.by_default => {
                Value::Items(items.into_iter().map(|it| in_currency(it, &code)).collect())
            }
            (value, _) => value,
        }
    }

    /// What a slot holds, or will hold by the text or an answer.
    fn known(&self, slot: &Slot) -> Option<Value> {
        let said = || self.understood.slots.get(&slot.id).map(|(value, _)| value.clone());
        let told = || {
            let (_, answer, form) = asked_for(self.power, self.answers, &slot.id)?;
            answered(form, &answer.text)
        };
        self.facts.get(&slot.id).cloned().or_else(said).or_else(told)
    }

    /// Whether all amounts are in the currency that is known.
    fn one_currency(&self) -> Result<(), AskError> {
        let slots = self.power.slots.iter();
        let mut codes: Vec<String> = Vec::new();
        for value in slots.filter_map(|it| self.facts.get(&it.id)) {
            let Value::Items(items) = value else { continue };
            let own = items.iter().filter_map(|it| it.fields.get("currency"));
            codes.extend(own.filter_map(|it| {
                if let Value::Text(code) = it { Some(code.to_uppercase()) } else { None }
            }));
        }
        codes.sort();
        codes.dedup();
        if codes.len() > 1 { Err(AskError::Currencies(codes.join(" and "))) } else { Ok(()) }
    }

    /// Amounts that were answered name their currency.
    fn currency_of(&mut self, value: &Value, from: &Origin) {
        let Value::Items(items) = value else { return };
        let currency = items.iter().find_map(|it| it.fields.get("currency"));
        let slot = self.power.slots.iter().find(|it| it.kind == SlotKind::Currency);
        if let (Some(currency), Some(slot)) = (currency, slot) {
            self.facts.add(&slot.id, currency.clone(), from.clone());
        }
    }

    /// What was answered to a question; checked, if it has options.
    fn answer(&self, open: &Open) -> Result<Option<Answer>, AskError> {
        let Some(answer) = self.answers.get(&open.id) else { return Ok(None) };
        let known: Vec<&str> = open.options.iter().map(|(id, _)| id.as_str()).collect();
        if known.is_empty() || known.contains(&answer.text.as_str()) {
            return Ok(Some(answer.clone()));
        }
        let expected = format!("one of {}", known.join(", "));
        Err(AskError::Wrong { id: open.id.clone(), answer: answer.text.clone(), expected })
    }
}

impl Open {
    fn of(question: &Question) -> Self {
        let option = |it: &Choice| (it.id.clone(), it.means.clone());
        Self {
            id: question.id.clone(),
            ask: question.ask.clone(),
            why: question.why.clone(),
            options: question.options.iter().map(option).collect(),
            default: Some(question.default.clone()),
        }
    }
}

/// The items that answers name.
pub fn items_of(power: &Power, answers: &BTreeMap<String, Answer>) -> Vec<Item> {
    let slots = power.slots.iter().filter_map(|it| asked_for(power, answers, &it.id));
    let values = slots.filter_map(|(_, answer, form)| answered(form, &answer.text));
    values.flat_map(|it| it.items().to_vec()).collect()
}

/// The question by which a slot was answered, with the answer.
fn asked_for<'a>(
    power: &'a Power,
    answers: &'a BTreeMap<String, Answer>,
    slot: &str,
) -> Option<(&'a Question, &'a Answer, &'a Slot)> {
    let form = power.slots.iter().find(|it| it.id == slot)?;
    let mut questions = power.questions.iter().filter(|it| it.slot.as_deref() == Some(slot));
    questions.find_map(|it| Some((it, answers.get(&it.id)?, form)))
}

/// A question that has no default: somebody must decide.
fn decision<T: AsRef<str>>(id: String, ask: String, options: [(T, T); 2]) -> Open {
    let options = options.map(|(id, means)| (id.as_ref().to_owned(), means.as_ref().to_owned()));
    let why = "The text contradicts itself there.".into();
    Open { id, ask, why, options: options.into(), default: None }
}

fn origin(id: &str, answer: &Answer) -> Origin {
    match answer.by_default {
        true => Origin::Default(id.into()),
        false => Origin::Answer(id.into()),
    }
}

/// An item with its amount in another currency; the number stays.
fn in_currency(mut item: Item, code: &str) -> Item {
    let minor = match item.fields.get("minor") {
        Some(Value::Number(minor)) => *minor,
        _ => return item,
    };
    if let Some(money) = Money::of(minor, code) {
        item.fields.extend(super::understand::items::money_fields(money));
    }
    item
}
