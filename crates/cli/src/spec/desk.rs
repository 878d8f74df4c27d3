//! Where decisions are signed: the ledger of a repository, the user's key and a terminal.

use std::path::Path;

use specie_engine::ledger::entry::{By, What, levels_text};
use specie_engine::ledger::{Digest, Ledger, Place, Store, Unwritable, Void};
use specie_engine::ledger::{PublicKey, written};
use specie_vocab::{SystemClock, WallClock};

use super::terminal::Terminal;
use super::{key, wrong};
use crate::fail::Fail;
use crate::out;

/// The ledger of the repository around a folder.
pub struct Desk {
    /// Where the folder lies.
    pub place: Place,
    /// The ledger's files.
    pub store: Store,
    /// What they amount to.
    pub ledger: Ledger,
}

/// What is put before a person, and what becomes of a yes.
pub struct Decision<'a> {
    /// What the sentence begins with that says why there must be a terminal: `an approval`.
    pub kind: &'a str,
    /// What is decided.
    pub what: What,
    /// What is shown before the question, line by line.
    pub shown: String,
    /// The question.
    pub question: &'a str,
    /// The texts that are kept beside the entry.
    pub texts: Vec<&'a [u8]>,
}

impl Desk {
    /// The desk for the spec in a folder, or for the repository that the folder lies in.
    pub fn at(folder: &Path) -> Result<Self, Fail> {
        let place = Place::of(folder).map_err(wrong)?;
        let store = Store::at(place.repository.root());
        let ledger = store.read().map_err(wrong)?;
        Ok(Self { place, store, ledger })
    }

    /// The text that had a digest when it was approved.
    pub fn text(&self) -> impl Fn(&Digest) -> Option<Vec<u8>> {
        |digest| self.store.text(digest)
    }

    /// Shows a person what is to be decided, asks, and signs it with their key. Nothing is written
    /// before the key is open. Answers with the ledger that holds it, and with its name.
    pub fn decide(&self, decision: Decision<'_>) -> Result<(Ledger, Digest), Fail> {
        let mut terminal = Terminal::open(decision.kind)?;
        let file = key::read()?;
        let now = SystemClock.now().timestamp();
        let by = By::Key(file.public);
        let entry = self.ledger.propose(by, decision.what, now).map_err(|why| refusal(&why))?;
        terminal.say(decision.shown)?;
        if self.ledger.is_damaged() {
            terminal.say(
                "warning: something is wrong with the ledger; `specie spec ledger verify` names it",
            )?;
        }
        if !terminal.yes(decision.question)? {
            return Err(Fail::Failed("you said no; nothing was written".into()));
        }
        let key = key::open(&file, &mut terminal)?;
        self.add(&key.signed(&entry), &decision.texts)
    }

    /// Writes down what a rule allows, without asking anybody.
    pub fn by_rule(
        &self,
        mode: Digest,
        what: What,
        texts: &[&[u8]],
    ) -> Result<(Ledger, Digest), Fail> {
        let now = SystemClock.now().timestamp();
        let entry = self.ledger.propose(By::Rule(mode), what, now);
        let entry = entry.map_err(|why| Fail::Input(why.to_string()))?;
        self.add(&written(&entry, None), texts)
    }

    fn add(&self, bytes: &[u8], texts: &[&[u8]]) -> Result<(Ledger, Digest), Fail> {
        let digest = self.store.add(bytes, texts).map_err(wrong)?;
        Ok((self.store.read().map_err(wrong)?, digest))
    }
}

/// Says what was written.
pub fn told(done: &(Ledger, Digest), sentence: &str, json: bool) -> Result<(), Fail> {
    let (ledger, digest) = done;
    if json {
        return out::json(&specie_engine::ledger::form::written(ledger, digest));
    }
    out::say(format!("{sentence} (entry {})", digest.short()))
}

fn refusal(why: &Unwritable) -> Fail {
    let hint = match why {
        Unwritable::Void(Void::NotTheFirst) => {
            return Fail::Input("this repository has no approvers yet\n\nhint: `specie spec approvers add YOUR-NAME --levels spec,plan,task` makes you the first".into());
        }
        Unwritable::Void(Void::Stranger(key)) => return Fail::Input(stranger(key)),
        Unwritable::Void(Void::Lacks { name, needs }) => {
            let levels = levels_text(needs);
            return Fail::Input(format!(
                "you ({name}) are no approver at level {levels}\n\nhint: `specie spec approvers` lists who is"
            ));
        }
        Unwritable::Void(Void::SecondBeginning(_)) => {
            "`specie spec ledger verify` names them; take away those that are not yours"
        }
        Unwritable::Void(_) | Unwritable::NoGround => "`specie spec ledger verify` tells more",
        Unwritable::Word(_) | Unwritable::Large => return Fail::Input(why.to_string()),
    };
    Fail::Input(why.to_string()).with_hint(hint)
}

fn stranger(key: &PublicKey) -> String {
    format!(
        "your key is none of an approver's\n\nhint: an approver can let you in: `specie spec approvers add YOUR-NAME --levels task --key {key}`"
    )
}
