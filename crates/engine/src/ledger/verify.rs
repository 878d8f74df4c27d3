//! All that can be found wrong with a ledger and what lies beside it.

use std::collections::{BTreeMap, BTreeSet};

use super::chain::{Fault, FaultKind, path_of};
use super::entry::{Approval, Scope, What};
use super::name::Digest;
use super::rights::Approver;
use super::{Ledger, PublicKey, roster};

/// Where the approvers stand, from the root of the repository.
pub const APPROVERS: &str = ".specie/approvers";

/// What lies beside the entries.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// The approved texts that are kept, by the names of their files.
    pub texts: BTreeMap<String, Vec<u8>>,
    /// `.specie/approvers`; none when it is not there.
    pub approvers: Option<Vec<u8>>,
}

/// Whatever is changed, missing, unsigned, badly signed, signed by one who might not, or malformed.
/// `expected` are entries that somebody knows to have been there.
pub fn verify(ledger: &Ledger, beside: &Beside, expected: &[Digest]) -> Vec<Fault> {
    let mut faults = ledger.faults.clone();
    for it in ledger.entries() {
        let path = path_of(&it.digest.to_string());
        if let Err(why) = it.verdict {
            let message = why.to_string();
            faults.push(Fault { kind: FaultKind::NotAllowed, path: path.clone(), message });
        }
        if let Some(why) = it.disputed {
            let message = format!("it takes rights away, and holds, though {why}");
            faults.push(Fault { kind: FaultKind::Disputed, path, message });
        }
    }
    let there: BTreeSet<Digest> = ledger.entries().map(|it| it.digest).collect();
    faults.extend(expected.iter().filter(|it| !there.contains(it)).map(|it| Fault {
        kind: FaultKind::Missing,
        path: path_of(&it.to_string()),
        message: "it is expected, and is not there or not sound".into(),
    }));
    texts(ledger, beside, &mut faults);
    faults.extend(approvers(ledger, beside));
    faults.sort();
    faults.dedup();
    faults
}

fn texts(ledger: &Ledger, beside: &Beside, faults: &mut Vec<Fault>) {
    let path = |name: &str| path_of(&format!("texts/{name}"));
    for (name, bytes) in &beside.texts {
        let (kind, message) = match name.parse::<Digest>() {
            Ok(digest) if digest == Digest::of(bytes) => continue,
            Ok(_) => (FaultKind::Changed, "its bytes are not those that it is named by"),
            Err(_) => (FaultKind::Malformed, "it is not named by a digest"),
        };
        faults.push(Fault { kind, path: path(name), message: message.into() });
    }
    for it in ledger.entries().filter(|it| it.verdict.is_ok()) {
        let What::Approval(Approval { scope, files, .. }) = &it.entry.what else { continue };
        // The files of a task lie in git; their texts are not kept here.
        if matches!(scope, Scope::Files(_)) {
            continue;
        }
        for (file, digest) in files.iter().filter_map(|(file, it)| Some((file, it.as_ref()?))) {
            let name = digest.to_string();
            if !beside.texts.contains_key(&name) {
                let message =
                    format!("it is not there, and {} approved {file} by it", it.digest.short());
                faults.push(Fault { kind: FaultKind::Missing, path: path(&name), message });
            }
        }
    }
}

fn approvers(ledger: &Ledger, beside: &Beside) -> Vec<Fault> {
    let fault =
        |message: String| Fault { kind: FaultKind::Approvers, path: APPROVERS.into(), message };
    let mut faults = Vec::new();
    let text = beside.approvers.as_deref().map(String::from_utf8_lossy);
    match text.as_deref().map(roster::parse) {
        None if ledger.approvers().is_empty() => {}
        None => faults.push(fault("it is not there".into())),
        Some(Err(line)) => faults.push(fault(format!("line {line} says nothing"))),
        Some(Ok(said)) => faults.extend(unlike(ledger.approvers(), &said).map(fault)),
    }
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    ledger.approvers().values().for_each(|it| *names.entry(&it.name).or_default() += 1);
    let twice = names.into_iter().filter(|(_, count)| *count > 1);
    faults.extend(twice.map(|(name, count)| fault(format!("{count} keys are called {name}"))));
    faults
}

type Roster = BTreeMap<PublicKey, Approver>;

/// In what the file says something else than the ledger.
fn unlike<'a>(ledger: &'a Roster, said: &'a Roster) -> impl Iterator<Item = String> + use<'a> {
    let keys: BTreeSet<&PublicKey> = ledger.keys().chain(said.keys()).collect();
    keys.into_iter().filter(|key| ledger.get(key) != said.get(key)).map(|key| {
        match (ledger.get(key), said.get(key)) {
            (None, Some(it)) => format!("{} is in it, and no entry of the ledger says so", it.name),
            (Some(it), None) => format!("{} is not in it, and the ledger says so", it.name),
            (it, _) => {
                let name = it.map(|it| it.name.as_str()).unwrap_or_default();
                format!("what it says of {name} is not what the ledger says")
            }
        }
    })
}
