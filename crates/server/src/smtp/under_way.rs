//! The mails that this process has under way. Where the database was away for longer than a claim
//! lasts, the process itself would begin them again.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// See above. Shared by all tasks of a process.
#[derive(Clone, Default)]
pub(crate) struct UnderWay(Arc<Mutex<BTreeSet<String>>>);

/// A mail is under way as long as this lives.
pub(crate) struct Held {
    all: UnderWay,
    key: String,
}

impl UnderWay {
    /// Notes that the mail with this key is under way. None, if it is already.
    pub(crate) fn hold(&self, key: &str) -> Option<Held> {
        let is_new = self.known().insert(key.to_owned());
        is_new.then(|| Held { all: self.clone(), key: key.to_owned() })
    }

    /// Their keys.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.known().iter().cloned().collect()
    }

    fn known(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.all.known().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_is_under_way_until_it_is_let_go() {
        let all = UnderWay::default();
        let held = [all.hold("b"), all.clone().hold("a")];
        assert_eq!(all.keys(), ["a", "b"]);
        assert!(all.hold("a").is_none());
        assert_eq!(all.keys(), ["a", "b"], "whoever was refused lets nothing go");
        drop(held);
        assert_eq!(all.keys(), [""; 0]);
    }
}
