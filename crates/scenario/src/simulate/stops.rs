//! Points at which a replica can be stopped: before and after each call to Stripe and each commit.
//!
//! Who stops there hears nothing until it may go on. If it never may, what it was doing is dropped:
//! the process has ended at that point.

use std::fmt;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};

/// A point that a replica passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Point {
    BeforeCall,
    AfterCall,
    BeforeCommit,
    AfterCommit,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BeforeCall => "before a call",
            Self::AfterCall => "after a call",
            Self::BeforeCommit => "before a commit",
            Self::AfterCommit => "after a commit",
        })
    }
}

/// Which point stops who passes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trap {
    /// So many points are passed before.
    pub(super) after: u32,
    /// Only points count at which others can work meanwhile: nobody is within a transaction, or
    /// [`Awaited`].
    pub(super) lets_others_work: bool,
}

/// A replica that has stopped. Dropping this ends what it was doing.
pub(super) struct Caught {
    pub(super) replica: usize,
    pub(super) point: Point,
    go_on: oneshot::Sender<()>,
}

impl Caught {
    /// Lets it go on.
    pub(super) fn let_go(self) {
        // Nobody hears it if what stopped was dropped meanwhile.
        let _gone = self.go_on.send(());
    }
}

#[derive(Default)]
struct Inner {
    trap: Mutex<Option<Trap>>,
    caught: Mutex<Option<Caught>>,
    reached: Notify,
    /// How many are waited for by somebody who lets nobody else work.
    awaited: AtomicU32,
}

/// The points of all replicas of a simulation.
#[derive(Clone, Default)]
pub(super) struct Stops(Arc<Inner>);

fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Stops {
    /// The points of one replica.
    pub(super) fn of(&self, replica: usize) -> Passing {
        Passing { stops: self.clone(), replica }
    }

    /// The next that comes to that point stops there.
    pub(super) fn set(&self, trap: Trap) {
        *lock(&self.0.trap) = Some(trap);
    }

    /// Nobody is stopped any more.
    pub(super) fn clear(&self) {
        *lock(&self.0.trap) = None;
    }

    /// Until this is dropped nobody who passes lets others work.
    pub(super) fn awaited(&self) -> Awaited {
        self.0.awaited.fetch_add(1, Ordering::SeqCst);
        Awaited(self.clone())
    }

    /// Returns when a replica has stopped.
    pub(super) async fn reached(&self) -> Caught {
        loop {
            if let Some(caught) = lock(&self.0.caught).take() {
                return caught;
            }
            self.0.reached.notified().await;
        }
    }

    fn springs(&self, point: Point) -> bool {
        let mut trap = lock(&self.0.trap);
        let Some(set) = trap.as_mut() else { return false };
        let blocks = point == Point::BeforeCommit || self.0.awaited.load(Ordering::SeqCst) > 0;
        if set.lets_others_work && blocks {
            return false;
        }
        if set.after > 0 {
            set.after -= 1;
            return false;
        }
        *trap = None;
        true
    }
}

/// Somebody waits for an answer, and lets nobody else work meanwhile.
pub(super) struct Awaited(Stops);

impl Drop for Awaited {
    fn drop(&mut self) {
        self.0.0.awaited.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What one replica passes.
#[derive(Clone)]
pub(super) struct Passing {
    stops: Stops,
    replica: usize,
}

impl Passing {
    pub(super) async fn pass(&self, point: Point) {
        if !self.stops.springs(point) {
            return;
        }
        let (go_on, may_go_on) = oneshot::channel();
        *lock(&self.stops.0.caught) = Some(Caught { replica: self.replica, point, go_on });
        self.stops.0.reached.notify_one();
        if may_go_on.await.is_err() {
            // The process has ended. A task that nobody can drop ends by itself, quietly.
            resume_unwind(Box::new("the process has ended"));
        }
    }
}
