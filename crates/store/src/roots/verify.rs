//! Whether the whole audit trail is as it was written: every chain, every root, and every head that a
//! root anchored.

use std::collections::BTreeSet;
use std::fmt;

use specie_vocab::{PayerId, WallTime, hex};
use uuid::Uuid;

use super::{Anchored, Head, MOST, Root, after, heads_of, next_payer, of_payer, waiting};
use crate::audit::{self, Digest, Verdict};
use crate::{StoreError, Tx};

/// Says whether a public key, a text and a signature belong together.
pub type SignedBy = fn(&[u8], &[u8], &[u8]) -> bool;

/// How many roots are read at once.
const BATCH: i64 = 500;

/// From how many seconds on one moment counts as later than another.
///
/// Whoever runs takes all entries that are there into a root, when it begins, every ten seconds, and
/// when it stops. So an entry is left out of a root only if it was committed after it, and what is
/// left over at any time was written in the seconds before a process was killed or lost its database.
/// The dates do not say that to the second: entries have the clock of the process that wrote them, which
/// may be ten minutes apart from another's and from the database's, by which roots are dated, and they
/// are dated before they are committed. That, the ten seconds and some more are a quarter of an hour.
/// How long nobody ran makes no difference: nothing here is compared with the present time but the
/// first entries of all.
const LATER: i64 = 15 * 60;

/// What the trail is checked with.
#[derive(Clone, Copy)]
pub struct Checks<'a> {
    /// The hash function of chains and roots.
    pub digest: Digest,
    /// Checks a signature (Ed25519).
    pub signed_by: SignedBy,
    /// The public keys that may have signed. Without one it is not asked who signed, nor whether
    /// there are roots where some must be: without a key anybody can make them.
    pub trusted: &'a [Vec<u8>],
    /// Digests of roots that were kept elsewhere.
    pub kept: &'a [Vec<u8>],
}

/// Where something is wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In a payer's chain.
    Entry {
        /// Whose chain.
        payer: PayerId,
        /// At which place.
        n: i64,
    },
    /// At a root.
    Root {
        /// Its number.
        n: i64,
    },
    /// At a digest that was kept elsewhere.
    Kept {
        /// The digest.
        digest: Vec<u8>,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry { payer, n } => write!(f, "entry {n} of customer {payer}"),
            Self::Root { n } => write!(f, "root {n}"),
            Self::Kept { digest } => write!(f, "the kept root {}", hex(digest)),
        }
    }
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub place: Place,
    /// What.
    pub what: String,
}

/// An entry behind the last one of its chain that a root anchored.
struct Left {
    at: WallTime,
    payer: PayerId,
    n: i64,
}

/// What a look at the whole trail came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many payers have a chain.
    pub payers: i64,
    /// How many entries their chains have.
    pub entries: i64,
    /// How many of them no root has anchored yet.
    pub unanchored: i64,
    /// How many roots there are.
    pub roots: i64,
    /// How many of them carry a sound signature.
    pub signed: i64,
    /// Who signed: public keys, in the order in which they first did.
    pub signers: Vec<Vec<u8>>,
    /// All that is wrong; empty, if the trail is as it was written.
    pub findings: Vec<Finding>,
}

impl Report {
    fn find(&mut self, place: Place, what: impl Into<String>) {
        self.findings.push(Finding { place, what: what.into() });
    }
}

/// Looks at the whole trail. The transaction must see one state of the database: `Db::snapshot`.
pub async fn verify(tx: &mut Tx, checks: Checks<'_>) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let newest = roots(tx, checks, &mut report).await?;
    let (mut payer, mut left) = (PayerId(Uuid::nil()), Vec::new());
    while let Some(next) = next_payer(tx, payer).await? {
        left.extend(chain(tx, next, checks, &mut report).await?);
        payer = next;
    }
    if !checks.trusted.is_empty() {
        let now = tx.now().await?;
        check_left(newest.as_ref(), left, now, &mut report);
    }
    Ok(report)
}

/// Looks at all roots, and answers the newest.
async fn roots(
    tx: &mut Tx,
    checks: Checks<'_>,
    report: &mut Report,
) -> Result<Option<Root>, StoreError> {
    let mut missing: BTreeSet<&Vec<u8>> = checks.kept.iter().collect();
    let mut before: Option<Root> = None;
    loop {
        // From below the first one: nobody makes such a root, and whoever forges one is to be found.
        let from = before.as_ref().map_or(i64::MIN, |root| root.n);
        let batch = after(tx, from, BATCH).await?;
        let Some(end) = batch.last().map(|root| root.n) else { break };
        let mut heads = heads_of(tx, from, end).await?.into_iter().peekable();
        for root in batch {
            let mut own = Vec::new();
            while let Some(head) = heads.next_if(|head| head.root <= root.n) {
                own.push(head);
            }
            missing.remove(&root.digest);
            check_root(before.as_ref(), &root, own, checks, report);
            before = Some(root);
        }
    }
    if let Some(last) = &before {
        check_last(last, checks, report);
    }
    let end = before.as_ref().map_or(i64::MIN, |root| root.n);
    if let Some(Anchored { root, .. }) = heads_of(tx, end, i64::MAX).await?.first() {
        report
            .find(Place::Root { n: *root }, "it is missing, and heads that it anchored are there");
    }
    for digest in missing {
        let place = Place::Kept { digest: digest.clone() };
        report.find(place, "no root in the database has this digest");
    }
    Ok(before)
}

fn check_root(
    before: Option<&Root>,
    root: &Root,
    heads: Vec<Anchored>,
    checks: Checks<'_>,
    report: &mut Report,
) {
    let place = || Place::Root { n: root.n };
    report.roots += 1;
    let expected = before.map_or(1, |before| before.n + 1);
    if root.n != expected {
        report.find(Place::Root { n: expected }, "it is missing");
    }
    let names = before.map_or(&[0; 32][..], |before| &before.digest);
    if root.n == expected && root.previous != names {
        report.find(place(), "it names another root before it than the one that is there");
    }
    let heads: Vec<Head> =
        heads.into_iter().map(|it| Head { payer: it.payer, n: it.n, hash: it.hash }).collect();
    if root.digest != root.expected(&heads, checks.digest) {
        report.find(place(), "its digest does not follow from the heads that it anchors");
    }
    if root.heads != heads.len() as i64 {
        report.find(place(), "it tells another number of heads than it anchors");
    }
    let (signer, signature) = match (&root.signer, &root.signature) {
        (Some(signer), Some(signature)) => (signer, signature),
        (None, None) => return,
        _ => {
            return report
                .find(place(), "it names a signer without a signature, or has one of nobody");
        }
    };
    if !(checks.signed_by)(signer, root.signed_text().as_bytes(), signature) {
        return report.find(place(), "its signature is not one of its signer's");
    }
    report.signed += 1;
    if !report.signers.contains(signer) {
        report.signers.push(signer.clone());
    }
}

/// Each root names the one before it, so the last one speaks for them all: it must be signed by a key
/// that is known, if one is.
fn check_last(last: &Root, checks: Checks<'_>, report: &mut Report) {
    if checks.trusted.is_empty() {
        return;
    }
    let place = Place::Root { n: last.n };
    match &last.signer {
        None => report.find(place, "it is the last one, and not signed"),
        Some(signer) if !checks.trusted.contains(signer) => {
            let what = format!("it is the last one, and signed by another key: {}", hex(signer));
            report.find(place, what);
        }
        Some(_) => {}
    }
}

/// What no root has anchored, and should have been.
fn check_left(newest: Option<&Root>, mut left: Vec<Left>, now: WallTime, report: &mut Report) {
    left.sort_by_key(|it| (it.at, it.payer, it.n));
    let Some(oldest) = left.first() else { return };
    match newest {
        // Of a new installation the first root comes ten seconds after the first entry. One that was
        // killed before, and not started since, cannot be told from one that has lost its roots.
        None if now.seconds_since(oldest.at) > LATER => {
            let what = format!("it is missing, and entries have been written since {}", oldest.at);
            report.find(Place::Root { n: 1 }, what);
        }
        // One that is full leaves what is over to the next, however old it is: chains are older than
        // roots where these came with an upgrade.
        Some(root) if root.heads < MOST => check_behind(root, &left, report),
        Some(_) | None => {}
    }
}

/// What is left, oldest first, was written after the newest root, and not over more than two ends of
/// a process: what a killed one leaves is anchored when the next begins. Only where that fails, as a
/// database may be back before the next try, entries of another end come to what is left.
fn check_behind(root: &Root, left: &[Left], report: &mut Report) {
    let (mut payers, mut ends) = (BTreeSet::new(), Vec::<&Left>::new());
    for it in left {
        let place = Place::Entry { payer: it.payer, n: it.n };
        if root.at.seconds_since(it.at) > LATER {
            if payers.insert(it.payer) {
                let what = format!("root {} was made long after it, and left it out", root.n);
                report.find(place, what);
            }
        } else if ends.last().is_none_or(|end| it.at.seconds_since(end.at) > LATER) {
            ends.push(it);
        }
    }
    if let [first, _, third, ..] = ends[..] {
        let what = format!("no root anchors it, and entries were written until {}", third.at);
        report.find(Place::Entry { payer: first.payer, n: first.n }, what);
    }
}

/// Looks at a payer's chain, and answers what of it no root has anchored.
async fn chain(
    tx: &mut Tx,
    payer: PayerId,
    checks: Checks<'_>,
    report: &mut Report,
) -> Result<Vec<Left>, StoreError> {
    let entries = audit::list(tx, payer).await?;
    let details = audit::stored_details(tx, payer).await?;
    let (anchored, waiting) = (of_payer(tx, payer).await?, waiting(tx, payer).await?);
    report.payers += 1;
    report.entries += entries.len() as i64;
    report.unanchored += waiting.len() as i64;
    if let Verdict::Broken { n, why } = audit::check(&entries, &details, checks.digest) {
        report.find(Place::Entry { payer, n }, why);
    }
    let mut lost = BTreeSet::new();
    for Anchored { root, n, hash, .. } in &anchored {
        match entries.binary_search_by_key(n, |entry| entry.n) {
            Ok(at) if entries[at].hash == *hash => {}
            Ok(_) => {
                let what = format!("it is not the entry that root {root} anchored");
                report.find(Place::Entry { payer, n: *n }, what);
            }
            Err(_) if lost.insert(*n) => {
                let what = format!("root {root} anchored it, and it is gone");
                report.find(Place::Entry { payer, n: *n }, what);
            }
            Err(_) => {}
        }
    }
    let anchored_to = anchored.iter().map(|it| it.n).max().unwrap_or(0);
    let end = entries.last().map_or(0, |entry| entry.n);
    for n in waiting.iter().filter(|n| **n > end && lost.insert(**n)) {
        report.find(Place::Entry { payer, n: *n }, "it was written, and it is gone");
    }
    if end > waiting.into_iter().max().unwrap_or(0).max(anchored_to) {
        let what = "it was not added by the service: no root waits for it";
        report.find(Place::Entry { payer, n: end }, what);
    }
    let left = entries.iter().filter(|entry| entry.n > anchored_to);
    Ok(left.map(|entry| Left { at: entry.at, payer, n: entry.n }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(heads: i64) -> usize {
        let [at, made] = [0, LATER + 1].map(WallTime::from_second);
        let (previous, digest) = (vec![0; 32], vec![1; 32]);
        let (signer, signature) = (None, None);
        let root = Root { n: 1, at: made, previous, heads, digest, signer, signature };
        let left = vec![Left { at, payer: PayerId(Uuid::nil()), n: 1 }];
        let mut report = Report::default();
        check_left(Some(&root), left, made, &mut report);
        report.findings.len()
    }

    #[test]
    fn a_signer_without_a_signature_signs_nothing() {
        let checks =
            Checks { digest: |_| [1; 32], signed_by: |_, _, _| true, trusted: &[], kept: &[] };
        let at = WallTime::from_second(0);
        let (previous, digest) = (vec![0; 32], vec![1; 32]);
        for (signer, signature, expected) in [
            (Some(vec![7]), Some(vec![8]), 0),
            (None, None, 0),
            (Some(vec![7]), None, 1),
            (None, Some(vec![8]), 1),
        ] {
            let (previous, digest) = (previous.clone(), digest.clone());
            let root = Root { n: 1, at, previous, heads: 0, digest, signer, signature };
            let mut report = Report::default();
            check_root(None, &root, Vec::new(), checks, &mut report);
            assert_eq!(report.findings.len(), expected, "{root:?}: {:?}", report.findings);
        }
    }

    #[test]
    fn a_full_root_leaves_to_the_next_what_is_older_than_both() {
        assert_eq!((found(MOST - 1), found(MOST)), (1, 0));
    }
}
