//! The deliveries that wait, found by their number and by when they are due.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize, Serializer};

use super::Waiting;

/// Written as a list, in the order in which they happened.
#[derive(Clone, Default, Deserialize)]
#[serde(from = "Vec<Waiting>")]
pub(super) struct Queue {
    by_number: BTreeMap<u64, Waiting>,
    /// When each is due, with its number.
    by_due: BTreeSet<(i64, u64)>,
}

impl Queue {
    /// Puts one in, or back in after it was changed.
    pub fn put(&mut self, waiting: Waiting) {
        self.take(waiting.number);
        self.by_due.insert((waiting.due, waiting.number));
        self.by_number.insert(waiting.number, waiting);
    }

    /// Takes one out.
    pub fn take(&mut self, number: u64) -> Option<Waiting> {
        let waiting = self.by_number.remove(&number)?;
        self.by_due.remove(&(waiting.due, number));
        Some(waiting)
    }

    /// The earliest due, in the order in which they happened.
    pub fn first(&self) -> Option<&Waiting> {
        self.by_due.first().and_then(|(_, number)| self.by_number.get(number))
    }

    /// All, in the order in which they happened.
    pub fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.by_number.values()
    }

    /// The numbers of those that are due after `wall`.
    pub fn after(&self, wall: i64) -> Vec<u64> {
        self.by_due.range((wall.saturating_add(1), 0)..).map(|(_, number)| *number).collect()
    }
}

impl From<Vec<Waiting>> for Queue {
    fn from(all: Vec<Waiting>) -> Self {
        let mut queue = Self::default();
        all.into_iter().for_each(|waiting| queue.put(waiting));
        queue
    }
}

impl Serialize for Queue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::Pending;

    fn waiting(number: u64, due: i64) -> Waiting {
        let [event, endpoint, url, body, secret] = Default::default();
        let pending = Pending { event, endpoint, url, body, secret };
        Waiting { number, pending, attempts: 0, due, held: false }
    }

    fn first(queue: &Queue) -> Option<u64> {
        queue.first().map(|it| it.number)
    }

    #[test]
    fn the_earliest_due_comes_first_and_of_these_the_one_that_happened_first() {
        let mut queue = Queue::from(vec![waiting(1, 30), waiting(2, 10), waiting(3, 10)]);
        assert_eq!(first(&queue), Some(2));
        assert_eq!(queue.after(10), [1]);
        let again = Waiting { due: 40, ..queue.take(2).unwrap() };
        queue.put(again);
        assert_eq!(first(&queue), Some(3));
        queue.put(waiting(3, 50));
        assert_eq!(first(&queue), Some(1), "one that is put back is due once");
        assert_eq!(queue.iter().map(|it| it.number).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!((1..4).filter_map(|n| queue.take(n)).count(), 3);
        assert_eq!((first(&queue), queue.after(0)), (None, vec![]));
    }
}
