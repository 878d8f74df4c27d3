//! What development adds: a clock that can be moved, and customers to try things with.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use specie_vocab::BusinessTime;

/// A boxed future, so that callers do not compile what they only await.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What `specie dev` adds.
pub struct Dev {
    /// Moves the clock.
    pub machine: Arc<dyn TimeMachine>,
    /// The demo customers: the app's id and a name to show, the first one signed in by default.
    pub customers: Vec<(String, String)>,
    /// Where the sandbox's read-only pages are.
    pub sandbox_url: String,
    /// What the last jump caused.
    pub memory: Memory,
}

/// How far to move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jump {
    /// 86,400 seconds.
    Day,
    /// To just after the next renewal of anybody's subscription has been charged.
    NextRenewal,
    /// 30 days.
    Month,
    /// 365 days.
    Year,
}

/// Moves business time, and returns when all that this caused is at rest.
pub trait TimeMachine: Send + Sync {
    /// Jumps, and tells what happened on the way, oldest first. An error is a sentence.
    fn jump(&self, jump: Jump) -> Boxed<'_, Result<Vec<Happening>, String>>;
    /// The time it shows.
    fn now(&self) -> BusinessTime;
}

/// Something that a jump caused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// When; business time.
    pub at: Timestamp,
    /// To whom.
    pub who: String,
    /// What.
    pub what: String,
    /// How it is to be read: `good`, `bad`, or nothing of the two.
    pub tone: &'static str,
}

/// What the last jump caused.
#[derive(Clone, Debug, Default)]
pub struct LastJump {
    /// How far it went, or why it did not.
    pub title: String,
    /// What happened.
    pub happened: Vec<Happening>,
    /// What else must be said.
    pub note: Option<String>,
}

/// Where the last jump is remembered, for the page that is shown after it.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    told: Arc<Mutex<(u64, Option<LastJump>)>>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Memory {
    fn told(&self) -> std::sync::MutexGuard<'_, (u64, Option<LastJump>)> {
        self.told.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// One jump at a time.
    pub(crate) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// How many jumps there were in this run. A page carries it, so that a button that is pressed
    /// twice jumps once.
    pub(crate) fn jumps(&self) -> u64 {
        self.told().0
    }

    pub(crate) fn keep(&self, jump: LastJump) {
        let mut told = self.told();
        *told = (told.0 + 1, Some(jump));
    }

    pub(crate) fn add_note(&self, note: &str) {
        self.told().1.get_or_insert_default().note = Some(note.into());
    }

    pub(crate) fn read(&self) -> Option<LastJump> {
        self.told().1.clone()
    }
}
