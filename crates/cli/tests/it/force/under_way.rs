//! What is under way at a moment, as far as those know who send requests and take mails.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// What a process can be killed in the middle of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Mail,
    Cancellation,
    Checkout,
    Ingest,
}

/// All of them. What is rare comes first, so that a run of few kills is not without it.
pub const KINDS: [Kind; 4] = [Kind::Mail, Kind::Cancellation, Kind::Checkout, Kind::Ingest];

impl Kind {
    /// What a call to the API is, if it is one of them.
    pub fn of(path: &str) -> Option<Self> {
        match path {
            "checkout" => Some(Self::Checkout),
            "subscription/cancellation" => Some(Self::Cancellation),
            _ => None,
        }
    }
}

#[derive(Default)]
struct State {
    /// Requests that were sent to a replica and not answered, and mails that were begun and not
    /// ended.
    open: BTreeMap<(Kind, usize), usize>,
    /// No mail is answered, so that somebody can be killed before it is.
    holds_mails: bool,
}

impl State {
    fn is_open(&self, kind: Kind, replica: usize) -> bool {
        self.open.get(&(kind, replica)).is_some_and(|n| *n > 0)
    }

    fn found(&self, replica: usize) -> BTreeSet<Kind> {
        KINDS.into_iter().filter(|kind| self.is_open(*kind, replica)).collect()
    }

    /// The replica in which something of a kind is under way: the wanted one, if it is one of them.
    fn whose(&self, kind: Kind, wanted: usize) -> Option<usize> {
        let known = self.open.keys().filter(|(it, _)| *it == kind).map(|(_, replica)| *replica);
        std::iter::once(wanted).chain(known).find(|replica| self.is_open(kind, *replica))
    }
}

/// See above.
#[derive(Clone, Default)]
pub struct UnderWay(Arc<(Mutex<State>, Condvar)>);

/// A request that was sent. It is answered, or lost, when this value goes.
pub struct Sent(UnderWay, Kind, usize);

impl Drop for Sent {
    fn drop(&mut self) {
        self.0.ended(self.1, self.2);
    }
}

/// What is under way at a moment. Mails that were held until then are answered when this value goes.
pub struct Moment {
    pub found: BTreeSet<Kind>,
    /// In which replica.
    pub replica: usize,
    of: UnderWay,
}

impl Moment {
    /// The moment that has come meanwhile. Mails are held on.
    pub fn look_again(&mut self) {
        self.found = self.of.found(self.replica);
    }
}

impl Drop for Moment {
    fn drop(&mut self) {
        self.of.change(|state| state.holds_mails = false);
    }
}

impl UnderWay {
    fn change(&self, act: impl FnOnce(&mut State)) {
        act(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }

    pub fn sent(&self, kind: Kind, replica: usize) -> Sent {
        self.begun(kind, replica);
        Sent(self.clone(), kind, replica)
    }

    pub fn begun(&self, kind: Kind, replica: usize) {
        self.change(|state| *state.open.entry((kind, replica)).or_default() += 1);
    }

    pub fn ended(&self, kind: Kind, replica: usize) {
        self.change(|state| *state.open.entry((kind, replica)).or_default() -= 1);
    }

    /// Returns when a mail may be answered.
    pub fn hold(&self) {
        let state = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(state, |state| state.holds_mails).unwrap());
    }

    fn found(&self, replica: usize) -> BTreeSet<Kind> {
        self.0.0.lock().unwrap().found(replica)
    }

    /// What is under way now.
    pub fn now(&self, replica: usize) -> Moment {
        Moment { found: self.found(replica), replica, of: self.clone() }
    }

    /// The next moment at which something of a kind is under way, if there is one in time: in a
    /// wanted replica, or in another one, where that has nothing of the kind.
    pub fn next(&self, kind: Kind, wanted: usize, in_time: Duration) -> Moment {
        self.change(|state| state.holds_mails = kind == Kind::Mail);
        let state = self.0.0.lock().unwrap();
        let is_not = |state: &mut State| state.whose(kind, wanted).is_none();
        let (state, _) = self.0.1.wait_timeout_while(state, in_time, is_not).unwrap();
        let replica = state.whose(kind, wanted).unwrap_or(wanted);
        Moment { found: state.found(replica), replica, of: self.clone() }
    }
}
