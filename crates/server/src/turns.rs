//! One change of a customer at a time, within this process: others wait in line instead of asking
//! the database again and again whether it is their turn. Between processes the intent's lease does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use specie_vocab::PayerId;
use tokio::sync::OwnedMutexGuard;

/// How long a call waits in line.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many lines are kept before those without anybody in them are forgotten.
const LINES: usize = 1024;

/// The lines, by customer.
#[derive(Default)]
pub struct Turns(Mutex<BTreeMap<PayerId, Weak<tokio::sync::Mutex<()>>>>);

impl Turns {
    /// Waits until nobody else of this process changes anything for `payer`. None: others did not
    /// come to an end in time.
    pub async fn take(&self, payer: PayerId) -> Option<OwnedMutexGuard<()>> {
        let line = self.line(payer);
        tokio::time::timeout(PATIENCE, line.lock_owned()).await.ok()
    }

    fn line(&self, payer: PayerId) -> Arc<tokio::sync::Mutex<()>> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(line) = lines.get(&payer).and_then(Weak::upgrade) {
            return line;
        }
        if lines.len() >= LINES {
            lines.retain(|_, line| line.strong_count() > 0);
        }
        let line = Arc::default();
        lines.insert(payer, Arc::downgrade(&line));
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use specie_vocab::{Chance, SeededChance, WallTime};

    #[tokio::test]
    async fn one_customer_waits_and_another_does_not() {
        let chance = SeededChance::new(1);
        let [ada, ben] = [1, 2].map(|second| chance.payer(WallTime::from_second(second)));
        let turns = Turns::default();
        let first = turns.take(ada).await.unwrap();
        assert!(turns.take(ben).await.is_some());
        let waiting = turns.take(ada);
        tokio::pin!(waiting);
        assert!(is_pending(waiting.as_mut()).await);
        drop(first);
        assert!(waiting.await.is_some());
    }

    async fn is_pending<T>(future: std::pin::Pin<&mut impl Future<Output = T>>) -> bool {
        let mut future = future;
        std::future::poll_fn(|context| {
            std::task::Poll::Ready(future.as_mut().poll(context).is_pending())
        })
        .await
    }

    #[tokio::test]
    async fn lines_without_anybody_are_forgotten() {
        let chance = SeededChance::new(1);
        let turns = Turns::default();
        for second in 0..3000 {
            drop(turns.take(chance.payer(WallTime::from_second(second))).await);
        }
        assert!(turns.0.lock().unwrap().len() <= LINES);
    }
}
