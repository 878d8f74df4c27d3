//! What a text says, in the words of a power.

mod amounts;
pub(crate) mod items;
mod measures;
mod names;
mod phrases;
mod prices;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::facts::{Item, Value};
use super::form::{Power, Slot, SlotKind};
use super::plain;
use super::quantities::{self, Span};
use super::words::{self, Token};
use phrases::{Phrase, negated};

/// A place of a text that speaks of something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// Where, in bytes.
    pub span: Range<usize>,
    /// Whether it says that the thing is not wanted.
    pub negated: bool,
}

/// What a text says.
#[derive(Clone, Debug, Default)]
pub struct Understanding {
    /// For each concept it speaks of, where.
    pub concepts: BTreeMap<String, Vec<Mention>>,
    /// The slots that it fills, and where.
    pub slots: BTreeMap<String, (Value, Range<usize>)>,
    /// Those of them that only texts after the first fill.
    pub added: BTreeSet<String>,
    /// Where the items are, by `slot.key`, of which the last text that fills their slot says nothing.
    pub earlier: BTreeMap<String, Range<usize>>,
    /// The options that it chooses: by question, the option and where.
    pub options: BTreeMap<String, Vec<(String, Range<usize>)>>,
    /// The stacks that it names, and where.
    pub stacks: BTreeMap<String, Range<usize>>,
    /// Technologies that it names and that have no stack.
    pub others: Vec<(String, Range<usize>)>,
    /// Words that nothing here knows, adjacent ones together.
    pub unknown: Vec<(Range<usize>, String)>,
    /// How many words it has, and how many of them a concept, slot or option uses.
    pub words: usize,
    /// See `words`.
    pub used: usize,
}

impl Understanding {
    /// Whether a concept is wanted by some place, and ruled out by none.
    pub fn wants(&self, concept: &str) -> bool {
        self.concepts.get(concept).is_some_and(|all| all.iter().all(|it| !it.negated))
    }

    /// Whether a concept is ruled out.
    pub fn rules_out(&self, concept: &str) -> bool {
        self.concepts.get(concept).is_some_and(|all| all.iter().all(|it| it.negated))
    }

    /// Concepts that are both wanted and ruled out.
    pub fn contradicted(&self) -> Vec<&str> {
        let both =
            |all: &[Mention]| all.iter().any(|it| it.negated) && all.iter().any(|it| !it.negated);
        self.concepts.iter().filter(|(_, all)| both(all)).map(|(id, _)| id.as_str()).collect()
    }

    /// The items that are known.
    fn items(&self) -> Vec<Item> {
        self.slots.values().flat_map(|(value, _)| value.items()).cloned().collect()
    }

    /// Adds what a later text says, which begins at `from`.
    fn then(&mut self, later: Self, from: usize) {
        if from > 0 {
            let new = later.slots.keys().filter(|it| !self.slots.contains_key(*it));
            self.added.extend(new.cloned());
        }
        let moved = |span: &Range<usize>| span.start + from..span.end + from;
        for (id, mentions) in later.concepts {
            let of = |it: Mention| Mention { span: moved(&it.span), ..it };
            self.concepts.insert(id, mentions.into_iter().map(of).collect());
        }
        for (id, (value, span)) in later.slots {
            let Some((before, place)) = self.slots.get(&id) else {
                self.slots.insert(id, (value, moved(&span)));
                continue;
            };
            for item in before.without(&value) {
                self.earlier.entry(format!("{id}.{}", item.key)).or_insert_with(|| place.clone());
            }
            for item in value.items() {
                self.earlier.remove(&format!("{id}.{}", item.key));
            }
            let value = before.with(&value);
            self.slots.insert(id, (value, moved(&span)));
        }
        for (id, chosen) in later.options {
            let of = |(id, span): (String, Range<usize>)| (id, moved(&span));
            self.options.insert(id, chosen.into_iter().map(of).collect());
        }
        self.stacks.extend(later.stacks.into_iter().map(|(id, span)| (id, moved(&span))));
        self.others.extend(later.others.into_iter().map(|(id, span)| (id, moved(&span))));
        self.unknown.extend(later.unknown.into_iter().map(|(span, words)| (moved(&span), words)));
        self.words += later.words;
        self.used += later.used;
    }

    /// Whether the power covers the text: it wants one of its core concepts, by its words or by what
    /// it fills.
    pub fn is_covered(&self, power: &Power) -> bool {
        let filled = power.slots.iter().filter(|it| self.slots.contains_key(&it.id));
        let implied: Vec<&String> = filled.flat_map(|it| &it.implies).collect();
        let wants = |id: &String| self.wants(id) || (implied.contains(&id) && !self.rules_out(id));
        power.concepts.iter().any(|it| it.core && wants(&it.id))
    }
}

/// The plans of items, each by its name in small letters with the intervals of its prices.
fn plans(items: &[Item]) -> BTreeMap<String, Vec<Span>> {
    let mut all: BTreeMap<String, Vec<Span>> = BTreeMap::new();
    for item in items {
        let Some(Value::Text(plan)) = item.fields.get("plan") else { continue };
        let Some(Value::Text(period)) = item.fields.get("period") else { continue };
        let every = quantities::duration(&words::tokens(period), 0).map(|it| it.0);
        let known = all.entry(plan.to_lowercase()).or_default();
        known.extend(every.filter(|it| !known.contains(it)));
    }
    all
}

/// A text as its words, and which of them something uses.
#[derive(Default)]
struct Reading<'a> {
    text: &'a str,
    tokens: Vec<Token>,
    used: BTreeSet<usize>,
    /// Words by which a concept is named: they are no names of items.
    concepts: BTreeSet<usize>,
    /// The plans that are known from elsewhere, with their intervals.
    known: BTreeMap<String, Vec<Span>>,
    /// Whether the text answers the question of a slot.
    answers: bool,
}

/// Reads a text in the words of a power.
pub fn understand(power: &Power, text: &str) -> Understanding {
    understand_beside(power, text, &[])
}

/// The same, where these items are known already.
pub fn understand_beside(power: &Power, text: &str, known: &[Item]) -> Understanding {
    let tokens = words::tokens(text);
    let mut reading = Reading { text, tokens, known: plans(known), ..Reading::default() };
    let phrases = power.concepts.iter().flat_map(|it| &it.words).map(|it| Phrase::new(it));
    let places = phrases.flat_map(|it| it.places(&reading.tokens)).filter(|it| it.len() == 1);
    reading.concepts = places.flatten().collect();
    let mut found = Understanding::default();
    let once: Vec<String> = power
        .slots
        .iter()
        .filter(|it| it.kind == SlotKind::Passes)
        .flat_map(|it| it.near.clone())
        .collect();
    // What has an amount comes first: its name is no longer a word like others.
    for slot in power.slots.iter().filter(|it| is_priced(it.kind)) {
        let mut slot = slot.clone();
        let whole = reading.known.keys().map(String::as_str);
        let words = whole.clone().flat_map(str::split_whitespace).filter(|it| !plain::is_plain(it));
        slot.names.extend(whole.chain(words).map(str::to_owned));
        if let Some((items, span)) = prices::find(&mut reading, &slot, &once) {
            found.slots.insert(slot.id.clone(), (Value::Items(items), span));
        }
    }
    for slot in power.slots.iter().filter(|it| it.kind == SlotKind::Currency) {
        if let Some(filled) = reading.currency() {
            found.slots.insert(slot.id.clone(), filled);
        }
    }
    reading.measures(power, &mut found);
    reading.concepts(power, &mut found);
    reading.choices(power, &mut found);
    reading.rest(&mut found);
    found
}

/// Reads several texts, one after the other: what a later one says of a thing holds instead of what
/// earlier ones said of it; items are added to those of the same slot. Places are those in the texts
/// joined by empty lines. These items are known beside those of the texts before.
pub fn understand_all(power: &Power, texts: &[String], known: &[Item]) -> Understanding {
    let mut all = Understanding::default();
    let mut from = 0;
    for text in texts {
        let mut items = all.items();
        items.extend(known.iter().filter(|_| from > 0).cloned());
        all.then(understand_beside(power, text, &items), from);
        from += text.len() + 2;
    }
    all
}

fn is_priced(kind: SlotKind) -> bool {
    matches!(kind, SlotKind::Prices | SlotKind::Passes)
}

impl Reading<'_> {
    fn concepts(&mut self, power: &Power, found: &mut Understanding) {
        for concept in &power.concepts {
            for phrase in concept.words.iter().map(|it| Phrase::new(it)) {
                for places in phrase.places(&self.tokens) {
                    if self.is_near(&concept.not_near, places[0]) {
                        continue;
                    }
                    let no = negated(&self.tokens, &places);
                    let mention = Mention { span: self.span(&places), negated: no.is_some() };
                    self.used.extend(places.into_iter().chain(no.unwrap_or_default()));
                    let all = found.concepts.entry(concept.id.clone()).or_default();
                    if !all.contains(&mention) {
                        all.push(mention);
                    }
                }
            }
        }
    }

    fn choices(&mut self, power: &Power, found: &mut Understanding) {
        for question in &power.questions {
            for option in &question.options {
                for places in self.mentions(&option.words) {
                    let chosen = found.options.entry(question.id.clone()).or_default();
                    if !chosen.iter().any(|(id, _)| *id == option.id) {
                        chosen.push((option.id.clone(), self.span(&places)));
                    }
                }
            }
        }
        for stack in &power.stacks {
            self.mentions(&stack.shared);
            for places in self.mentions(&stack.words) {
                let span = self.span(&places);
                found.stacks.entry(stack.id.clone()).or_insert(span);
            }
        }
        for other in &power.others {
            for places in self.mentions(std::slice::from_ref(other)) {
                found.others.push((other.clone(), self.span(&places)));
            }
        }
    }

    /// Where a phrase of these stands and is not negated; its words are used then.
    fn mentions(&mut self, phrases: &[String]) -> Vec<Vec<usize>> {
        let all = phrases.iter().flat_map(|it| Phrase::new(it).places(&self.tokens));
        let all: Vec<Vec<usize>> = all.collect();
        self.used.extend(all.iter().flatten());
        all.into_iter().filter(|places| negated(&self.tokens, places).is_none()).collect()
    }

    /// The first currency that is named.
    fn currency(&mut self) -> Option<(Value, Range<usize>)> {
        let mut tokens = self.tokens.iter().enumerate();
        let (at, code) = tokens.find_map(|(at, it)| Some((at, quantities::currency(&it.text)?)))?;
        self.used.insert(at);
        Some((Value::Text(code.into()), self.tokens[at].span.clone()))
    }

    /// Whether an item of this name is known from elsewhere.
    fn knows(&self, name: &str) -> bool {
        self.known.contains_key(&name.to_lowercase())
    }

    /// Whether one of these words stands in the clause of a token.
    fn is_near(&self, near: &[String], at: usize) -> bool {
        let clause = self.tokens[at].clause;
        let own = || self.tokens.iter().filter(|it| it.clause == clause);
        near.iter().map(|it| words::stem(it)).any(|stem| own().any(|it| it.stem == stem))
    }

    fn span(&self, places: &[usize]) -> Range<usize> {
        let of = |pick: fn(&Token) -> usize| places.iter().map(move |at| pick(&self.tokens[*at]));
        of(|it| it.span.start).min().unwrap_or(0)..of(|it| it.span.end).max().unwrap_or(0)
    }

    /// Where a token stands; a number with the sign of its currency.
    fn with_sign(&self, at: usize) -> Range<usize> {
        let token = &self.tokens[at];
        let beside = |at: Option<usize>| {
            let own = at.and_then(|it| self.tokens.get(it)).filter(|_| token.number.is_some());
            own.filter(|it| it.sign && quantities::currency(&it.text).is_some())
        };
        let from = beside(at.checked_sub(1)).map_or(token.span.start, |it| it.span.start);
        from..beside(Some(at + 1)).map_or(token.span.end, |it| it.span.end)
    }

    /// What is neither used nor plain.
    fn rest(&self, found: &mut Understanding) {
        let mut last: Option<usize> = None;
        for (at, token) in self.tokens.iter().enumerate().filter(|(_, it)| !it.sign) {
            found.words += 1;
            found.used += usize::from(self.used.contains(&at));
            if self.used.contains(&at) || plain::is_plain(&token.text) {
                continue;
            }
            let adjacent = last.is_some_and(|last| {
                let between = self.tokens.get(last + 1..at).unwrap_or_default();
                token.clause == self.tokens[last].clause
                    && between.iter().all(|it| {
                        let joins = it.text == "-" || it.text == "/";
                        joins || (it.sign && quantities::currency(&it.text).is_some())
                    })
            });
            let own = self.with_sign(at);
            match found.unknown.last_mut().filter(|_| adjacent) {
                Some((span, words)) => {
                    span.end = own.end;
                    *words = self.text[span.clone()].to_owned();
                }
                None => found.unknown.push((own.clone(), self.text[own].to_owned())),
            }
            last = Some(at);
        }
    }
}

/// The items that a text names for a slot, as an answer gives them.
pub(crate) fn items(slot: &Slot, text: &str) -> Option<Vec<Item>> {
    let tokens = words::tokens(text);
    let mut reading = Reading { text, tokens, answers: true, ..Reading::default() };
    prices::find(&mut reading, slot, &slot.near).map(|(items, _)| items)
}

/// What an answer to a slot's question says; none when it cannot be read.
pub fn answered(slot: &Slot, text: &str) -> Option<Value> {
    let tokens = words::tokens(text);
    match slot.kind {
        SlotKind::Prices | SlotKind::Passes => items(slot, text).map(Value::Items),
        SlotKind::Currency => {
            let word = text.trim().to_lowercase();
            quantities::currency(&word)
                .or_else(|| quantities::known(&word))
                .map(|it| Value::Text(it.into()))
        }
        _ => {
            let reading = Reading { text, tokens, ..Reading::default() };
            let all = 0..reading.tokens.len();
            let said = all.clone().find_map(|at| reading.quantity(slot, at));
            let bare = || {
                let (hundredths, next) = words::number(&reading.tokens, 0)?;
                let alone = next == reading.tokens.len() && hundredths % 100 == 0;
                alone.then_some((hundredths / 100, next))
            };
            said.or_else(bare).map(|(value, _)| Value::Number(value))
        }
    }
}
