//! The entries as a graph: each is what its name says, signed by the key that it names, and rests on
//! entries that are there.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::bits::Bits;
use super::entry::{By, Entry};
use super::name::Digest;
use super::written::{parse, signed_part};

/// What is wrong with a file of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// Of which kind.
    pub kind: FaultKind,
    /// Which file, from the root of the repository.
    pub path: String,
    /// What was found, in one sentence.
    pub message: String,
}

/// The kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FaultKind {
    /// Its bytes are not those that it was named by.
    Changed,
    /// Something rests on it, and it is not there.
    Missing,
    /// It is no entry.
    Malformed,
    /// It says that a person made it, and has no signature.
    Unsigned,
    /// Its signature is not by the key that it names.
    BadlySigned,
    /// Who signed it might not, or the rule that it names did not allow it.
    NotAllowed,
    /// It takes rights away, and who signed it had lost theirs on another branch. It counts: look
    /// whether it was meant.
    Disputed,
    /// `.specie/approvers` says something else than the ledger.
    Approvers,
}

impl FaultKind {
    /// Its name in the JSON form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Unsigned => "unsigned",
            Self::BadlySigned => "badly-signed",
            Self::NotAllowed => "not-allowed",
            Self::Disputed => "disputed",
            Self::Approvers => "approvers",
        }
    }
}

/// An entry that is what it says, as are all that it rests on.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name.
    pub digest: Digest,
    /// What it says.
    pub entry: Entry,
    /// The places of those that it rests on, all before its own.
    pub parents: Vec<usize>,
}

/// What a ledger's files amount to.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    /// The sound entries, each behind those that it rests on; else by their time.
    pub nodes: Vec<Node>,
    /// What is wrong.
    pub faults: Vec<Fault>,
    /// Entries that are well by themselves and rest on one that is not, or that is not there.
    pub loose: Vec<Digest>,
    /// The specs that any entry names, sound or not.
    pub specs: BTreeSet<String>,
}

/// Reads the files of a ledger, each with its name.
pub fn chain(files: &[(String, Vec<u8>)]) -> Chain {
    let mut chain = Chain::default();
    let mut intact = BTreeMap::new();
    for (name, bytes) in files {
        let found = look(name, bytes, &mut chain.specs);
        match found {
            Ok((digest, entry)) => drop(intact.insert(digest, entry)),
            Err((kind, message)) => {
                chain.faults.push(Fault { kind, path: path_of(name), message: message.into() });
            }
        }
    }
    let there: BTreeSet<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    for (digest, entry) in &intact {
        for parent in entry.parents.iter().filter(|it| !there.contains(it.to_string().as_str())) {
            let message = format!("it is not there, and {} rests on it", digest.short());
            let path = path_of(&parent.to_string());
            chain.faults.push(Fault { kind: FaultKind::Missing, path, message });
        }
    }
    chain.faults.sort();
    sort(intact, &mut chain);
    chain
}

/// The path of an entry from the root of the repository.
pub fn path_of(name: &str) -> String {
    format!(".specie/ledger/{name}")
}

type Found = Result<(Digest, Entry), (FaultKind, &'static str)>;

fn look(name: &str, bytes: &[u8], specs: &mut BTreeSet<String>) -> Found {
    let named: Result<Digest, _> = name.parse();
    let digest = named.map_err(|_| (FaultKind::Malformed, "it is not named by a digest"))?;
    let parsed = parse(bytes);
    if let Ok((entry, _)) = &parsed {
        specs.extend(entry.what.spec().map(str::to_owned));
    }
    if Digest::of(bytes) != digest {
        return Err((FaultKind::Changed, "its bytes are not those that it is named by"));
    }
    let (entry, signature) = parsed.map_err(|why| (FaultKind::Malformed, why))?;
    match (entry.by, signature) {
        (By::Rule(_), _) => Ok((digest, entry)),
        (By::Key(_), None) => Err((FaultKind::Unsigned, "it has no signature")),
        (By::Key(key), Some(signature)) => {
            if key.has_signed(signed_part(&entry).as_bytes(), &signature) {
                return Ok((digest, entry));
            }
            Err((FaultKind::BadlySigned, "its signature is not by the key that it names"))
        }
    }
}

/// Puts those whose parents are all there into their order. No circle is possible: an entry holds
/// the digests of those that it rests on.
fn sort(intact: BTreeMap<Digest, Entry>, chain: &mut Chain) {
    let mut children: BTreeMap<Digest, Vec<Digest>> = BTreeMap::new();
    let mut waits: BTreeMap<Digest, usize> = BTreeMap::new();
    let mut ready: BTreeSet<(Timestamp, Digest)> = BTreeSet::new();
    for (digest, entry) in &intact {
        waits.insert(*digest, entry.parents.len());
        entry.parents.iter().for_each(|it| children.entry(*it).or_default().push(*digest));
        if entry.parents.is_empty() {
            ready.insert((entry.at, *digest));
        }
    }
    let mut places: BTreeMap<Digest, usize> = BTreeMap::new();
    while let Some((_, digest)) = ready.pop_first() {
        for child in children.get(&digest).into_iter().flatten() {
            let left = waits.get_mut(child).map(|left| {
                *left -= 1;
                *left
            });
            if let (Some(0), Some(entry)) = (left, intact.get(child)) {
                ready.insert((entry.at, *child));
            }
        }
        if let Some(entry) = intact.get(&digest) {
            let parents = entry.parents.iter().filter_map(|it| places.get(it).copied()).collect();
            places.insert(digest, chain.nodes.len());
            chain.nodes.push(Node { digest, entry: entry.clone(), parents });
        }
    }
    chain.loose = intact.into_keys().filter(|it| !places.contains_key(it)).collect();
}

/// Those of `of` that none of the others rests on, directly or not.
pub fn newest(nodes: &[Node], of: &[usize]) -> Vec<usize> {
    let below = below(nodes, of);
    of.iter().copied().filter(|n| !below.has(*n)).collect()
}

/// The entries that those in `of` rest on, directly or not.
pub fn below(nodes: &[Node], of: &[usize]) -> Bits {
    let mut below = Bits::default();
    let mut open: Vec<usize> = of.iter().flat_map(|n| nodes[*n].parents.clone()).collect();
    while let Some(n) = open.pop() {
        if !below.has(n) {
            below.insert(n);
            open.extend(&nodes[n].parents);
        }
    }
    below
}
