//! The deliveries that no endpoint has confirmed yet, in the order in which they happened. Those
//! that were not handed out, and each by its event and endpoint, are found without a look at the
//! others.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize, Serializer};

/// A delivery that no endpoint has confirmed yet.
#[derive(Clone, Serialize, Deserialize)]
struct Waiting {
    event: String,
    endpoint: String,
    /// Whether it was handed out.
    taken: bool,
}

/// Written as a list, in the order in which they happened.
#[derive(Clone, Default, Deserialize)]
#[serde(from = "Vec<Waiting>")]
pub(super) struct Backlog {
    /// How many there ever were.
    last: u64,
    by_number: BTreeMap<u64, Waiting>,
    /// By event: the endpoints that it waits for, and the number of each.
    by_event: BTreeMap<String, Vec<(String, u64)>>,
    /// The numbers of those that were not handed out.
    untaken: BTreeSet<u64>,
}

impl Backlog {
    /// Puts in what happened last.
    pub fn put(&mut self, event: &str, endpoint: &str) {
        self.add(Waiting { event: event.to_owned(), endpoint: endpoint.to_owned(), taken: false });
    }

    fn add(&mut self, waiting: Waiting) {
        self.last += 1;
        let number = self.last;
        let endpoints = self.by_event.entry(waiting.event.clone()).or_default();
        endpoints.push((waiting.endpoint.clone(), number));
        if !waiting.taken {
            self.untaken.insert(number);
        }
        self.by_number.insert(number, waiting);
    }

    /// Hands out what was not yet, as `render` makes it of event and endpoint. What it makes
    /// nothing of stays.
    pub fn hand_out<T>(&mut self, render: impl Fn(&str, &str) -> Option<T>) -> Vec<T> {
        let Self { by_number, untaken, .. } = self;
        let mut handed = Vec::new();
        untaken.retain(|number| {
            let Some(waiting) = by_number.get_mut(number) else { return false };
            let rendered = render(&waiting.event, &waiting.endpoint);
            waiting.taken = rendered.is_some();
            handed.extend(rendered);
            !waiting.taken
        });
        handed
    }

    /// Takes all back that was handed out.
    pub fn take_back(&mut self) {
        self.by_number.values_mut().for_each(|waiting| waiting.taken = false);
        self.untaken = self.by_number.keys().copied().collect();
    }

    /// Whether somebody waits for an event.
    pub fn awaits(&self, event: &str) -> bool {
        self.by_event.contains_key(event)
    }

    /// Takes one out. Answers whether it was there.
    pub fn remove(&mut self, event: &str, endpoint: &str) -> bool {
        let Some(endpoints) = self.by_event.get_mut(event) else { return false };
        let place = endpoints.iter().position(|(of, _)| of == endpoint);
        let Some((_, number)) = place.map(|place| endpoints.remove(place)) else { return false };
        if endpoints.is_empty() {
            self.by_event.remove(event);
        }
        self.untaken.remove(&number);
        self.by_number.remove(&number).is_some()
    }

    /// Takes all out that wait for an endpoint.
    pub fn forget(&mut self, endpoint: &str) {
        let Self { by_number, by_event, untaken, .. } = self;
        by_number.retain(|_, waiting| waiting.endpoint != endpoint);
        untaken.retain(|number| by_number.contains_key(number));
        by_event.retain(|_, endpoints| {
            endpoints.retain(|(of, _)| of != endpoint);
            !endpoints.is_empty()
        });
    }
}

impl From<Vec<Waiting>> for Backlog {
    fn from(all: Vec<Waiting>) -> Self {
        let mut backlog = Self::default();
        all.into_iter().for_each(|waiting| backlog.add(waiting));
        backlog
    }
}

impl Serialize for Backlog {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.by_number.values())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_is_written_as_a_list_and_read_back() {
        let text = concat!(
            r#"[{"event":"evt_2","endpoint":"we_1","taken":true},"#,
            r#"{"event":"evt_1","endpoint":"we_1","taken":false}]"#,
        );
        let mut backlog: Backlog = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&backlog).unwrap(), text);
        let handed = backlog.hand_out(|event, endpoint| Some(format!("{event} to {endpoint}")));
        assert_eq!(handed, ["evt_1 to we_1"]);
    }

    #[test]
    fn what_was_handed_out_is_not_looked_at_again() {
        let mut backlog = Backlog::default();
        let looks = Cell::new(0);
        for n in 0..100 {
            backlog.put(&format!("evt_{n}"), "we_1");
            backlog.hand_out(|event, _| {
                looks.set(looks.get() + 1);
                Some(event.len())
            });
        }
        assert_eq!((looks.get(), backlog.untaken.len()), (100, 0));
    }

    fn hand_out(plain: &mut [Waiting], off: &str) -> Vec<String> {
        let due = plain.iter_mut().filter(|waiting| !waiting.taken && waiting.endpoint != off);
        due.map(|waiting| {
            waiting.taken = true;
            waiting.event.clone()
        })
        .collect()
    }

    proptest! {
        #[test]
        fn it_does_what_a_plain_list_does(
            acts in prop::collection::vec((0..7_u8, 0..4_u8, 0..3_u8), 0..60),
        ) {
            let (mut backlog, mut plain) = (Backlog::default(), Vec::<Waiting>::new());
            for (act, event, endpoint) in acts {
                let (event, endpoint) = (format!("evt_{event}"), format!("we_{endpoint}"));
                let is_this = |w: &Waiting| w.event == event && w.endpoint == endpoint;
                match act {
                    0 | 1 => {
                        backlog.put(&event, &endpoint);
                        let [event, endpoint] = [event.clone(), endpoint.clone()];
                        plain.push(Waiting { event, endpoint, taken: false });
                    }
                    2 => {
                        let on = |event: &str, of: &str| (of != endpoint).then(|| event.to_owned());
                        prop_assert_eq!(backlog.hand_out(on), hand_out(&mut plain, &endpoint));
                    }
                    3 => {
                        let place = plain.iter().position(is_this);
                        prop_assert_eq!(backlog.remove(&event, &endpoint), place.is_some());
                        if let Some(place) = place {
                            plain.remove(place);
                        }
                    }
                    4 => {
                        backlog.forget(&endpoint);
                        plain.retain(|waiting| waiting.endpoint != endpoint);
                    }
                    5 => {
                        backlog.take_back();
                        plain.iter_mut().for_each(|waiting| waiting.taken = false);
                    }
                    _ => {
                        let written = serde_json::to_string(&backlog).unwrap();
                        backlog = serde_json::from_str(&written).unwrap();
                    }
                }
                let [written, wanted] =
                    [serde_json::to_string(&backlog), serde_json::to_string(&plain)];
                prop_assert_eq!(written.unwrap(), wanted.unwrap());
                let awaits = plain.iter().any(|waiting| waiting.event == event);
                prop_assert_eq!(backlog.awaits(&event), awaits);
            }
        }
    }
}
