//! The way to the database, on bad days: it goes away, a commit is lost, or its answer is.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use specie_store::{Fate, Gate};

use super::dice::Dice;
use super::stops::{Passing, Point};
use super::story::Story;

/// How the database fares.
#[derive(Clone)]
pub(super) struct Storage(Arc<State>);

struct State {
    dice: Mutex<Dice>,
    /// In percent of all commits.
    trouble: AtomicU32,
    down: AtomicBool,
    /// How many commits there were.
    commits: AtomicU64,
}

impl Storage {
    pub(super) fn new(seed: u64) -> Self {
        let dice = Mutex::new(Dice::new(seed));
        let (trouble, down, commits) =
            (AtomicU32::default(), AtomicBool::default(), AtomicU64::default());
        Self(Arc::new(State { dice, trouble, down, commits }))
    }

    /// From now on so many commits in a hundred lose their connection.
    pub(super) fn turn(&self, trouble: u32) {
        self.0.trouble.store(trouble, Ordering::SeqCst);
    }

    /// Whether nobody reaches it from now on.
    pub(super) fn set_down(&self, down: bool) {
        self.0.down.store(down, Ordering::SeqCst);
    }

    /// A number that changes whenever what is stored may have.
    pub(super) fn commits(&self) -> u64 {
        self.0.commits.load(Ordering::SeqCst)
    }

    /// The way by which one replica reaches it.
    pub(super) fn way(&self, passing: Passing, story: Story) -> Arc<dyn Gate> {
        Arc::new(Way { storage: self.clone(), passing, story })
    }

    fn is_down(&self) -> bool {
        self.0.down.load(Ordering::SeqCst)
    }

    fn fate(&self) -> Fate {
        if self.is_down() {
            return Fate::Undone;
        }
        let dice = self.0.dice.lock().unwrap_or_else(PoisonError::into_inner);
        match dice.percent(self.0.trouble.load(Ordering::SeqCst)) {
            false => Fate::Lasts,
            true => dice.one_of(&[Fate::Undone, Fate::Unheard]),
        }
    }
}

struct Way {
    storage: Storage,
    passing: Passing,
    story: Story,
}

impl Gate for Way {
    fn is_up(&self) -> bool {
        !self.storage.is_down()
    }

    fn before_commit(&self) -> Pin<Box<dyn Future<Output = Fate> + Send + '_>> {
        Box::pin(async {
            self.passing.pass(Point::BeforeCommit).await;
            let fate = self.storage.fate();
            match fate {
                Fate::Lasts => {}
                Fate::Undone => self.story.note("a commit was lost"),
                Fate::Unheard => self.story.note("a commit lasts, and its answer was lost"),
            }
            fate
        })
    }

    fn after_commit(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.storage.0.commits.fetch_add(1, Ordering::SeqCst);
        Box::pin(self.passing.pass(Point::AfterCommit))
    }
}
