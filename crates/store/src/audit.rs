//! Who did what, when and why: per payer a chain of hashes, to which rows are only ever added. It
//! names nobody but by our own ids; what may have to be erased lies beside it.

use serde_json::Value;
use specie_vocab::{PayerId, WallTime};

use crate::column::Column;
use crate::sql::{all, one, row, run, statements};
use crate::{StoreError, Tx, roots};

/// A hash function of 32 bytes.
pub type Digest = fn(&[u8]) -> [u8; 32];

row! {
    /// An entry of a payer's chain.
    pub struct Entry in "audit" by payer: PayerId {
        /// Whose chain.
        pub payer: PayerId,
        /// Its place, from 1.
        pub n: i64,
        /// When.
        pub at: WallTime,
        /// Who, as one of our ids or a word for a part of the service.
        pub who: String,
        /// What.
        pub what: String,
        /// Why: an event, a call, a rule.
        pub why: String,
        /// The digest of salt and details.
        pub details_digest: Vec<u8>,
        /// The digest of all of the above and of the hash before.
        pub hash: Vec<u8>,
    }
}

row! {
    /// What an entry is about, as long as it is not erased.
    pub(crate) struct Details in "audit_details" by payer: PayerId {
        pub n: i64,
        pub salt: Vec<u8>,
        pub details: Vec<u8>,
    }
}

/// What a look at a chain came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Each entry follows from the one before.
    Sound {
        /// How many there are.
        entries: i64,
    },
    /// The chain is broken.
    Broken {
        /// At which entry.
        n: i64,
        /// What is wrong with it.
        why: &'static str,
    },
}

statements! {
    LAST: Entry = "select {columns} from audit where payer = $1 order by n desc limit 1";
    LIST: Entry = "select {columns} from audit where payer = $1 order by n";
    ADD: Entry = "insert into audit ({columns}) values ({places})";
    ADD_DETAILS = "insert into audit_details (payer, n, salt, details) values ($1, $2, $3, $4)";
    DETAILS: Details = "select {columns} from audit_details where payer = $1 order by n";
    ERASE = "delete from audit_details where payer = $1";
}

/// Adds an entry to a payer's chain. The caller has locked the payer's row.
#[expect(clippy::too_many_arguments, reason = "who, what, when, why are the sentence it writes")]
pub async fn append(
    tx: &mut Tx,
    payer: PayerId,
    at: WallTime,
    who: &str,
    what: &str,
    why: &str,
    details: &Value,
    salt: [u8; 32],
    digest: Digest,
) -> Result<(), StoreError> {
    let last = last(tx, payer).await?;
    let details = details.to_string().into_bytes();
    let mut entry = Entry {
        payer,
        n: last.as_ref().map_or(1, |last| last.n + 1),
        at,
        who: who.stored(),
        what: what.stored(),
        why: why.stored(),
        details_digest: salted(&salt, &details, digest),
        hash: Vec::new(),
    };
    entry.hash = link(last.as_ref(), &entry, digest);
    let Entry { n, who, what, why, details_digest, hash, .. } = &entry;
    run!(tx, ADD, [payer, n, at, who, what, why, details_digest, hash]);
    run!(tx, ADD_DETAILS, [payer, n, salt.to_vec(), details]);
    roots::note(tx, payer, *n).await
}

fn salted(salt: &[u8], details: &[u8], digest: Digest) -> Vec<u8> {
    digest(&[salt, details].concat()).to_vec()
}

/// What the entry's hash must be.
fn link(before: Option<&Entry>, entry: &Entry, digest: Digest) -> Vec<u8> {
    let at = entry.at.to_string();
    let n = entry.n.to_string();
    let payer = entry.payer.to_string();
    let before = before.map_or(&[][..], |before| &before.hash);
    let parts = [
        before,
        payer.as_bytes(),
        n.as_bytes(),
        at.as_bytes(),
        entry.who.as_bytes(),
        entry.what.as_bytes(),
        entry.why.as_bytes(),
        &entry.details_digest,
    ];
    digest(&behind_lengths(&parts)).to_vec()
}

/// Parts one after the other, each behind its length, so that no two lists of parts read the same.
pub(crate) fn behind_lengths(parts: &[&[u8]]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend((part.len() as u64).to_be_bytes());
        bytes.extend(*part);
    }
    bytes
}

/// The newest entry of a payer's chain.
pub async fn last(tx: &mut Tx, payer: PayerId) -> Result<Option<Entry>, StoreError> {
    Ok(one!(tx, LAST, [payer]))
}

/// A payer's chain, from its first entry on.
pub async fn list(tx: &mut Tx, payer: PayerId) -> Result<Vec<Entry>, StoreError> {
    Ok(all!(tx, LIST, [payer]))
}

/// What a payer's entries are about, by their places, as far as it is not erased.
pub async fn details(tx: &mut Tx, payer: PayerId) -> Result<Vec<(i64, Value)>, StoreError> {
    let rows: Vec<Details> = all!(tx, DETAILS, [payer]);
    let parse = |row: Details| {
        serde_json::from_slice(&row.details).map(|details| (row.n, details)).map_err(|_| {
            StoreError::Corrupt {
                table: "audit_details",
                column: "details",
                id: format!("{payer}, {}", row.n),
                found: "what cannot be read".into(),
            }
        })
    };
    rows.into_iter().map(parse).collect()
}

/// Takes away what a payer's entries are about. The chain still verifies.
pub async fn erase_details(tx: &mut Tx, payer: PayerId) -> Result<u64, StoreError> {
    Ok(run!(tx, ERASE, [payer]))
}

/// Whether a payer's chain is as it was written: nothing altered, removed from within or added. A
/// tail that was cut is found by the roots that anchored it: see [`roots::verify`].
pub async fn verify(tx: &mut Tx, payer: PayerId, digest: Digest) -> Result<Verdict, StoreError> {
    Ok(read(tx, payer, digest).await?.1)
}

/// A payer's entries, oldest first, and whether they are whole.
pub async fn read(
    tx: &mut Tx,
    payer: PayerId,
    digest: Digest,
) -> Result<(Vec<Entry>, Verdict), StoreError> {
    let entries = list(tx, payer).await?;
    let details = stored_details(tx, payer).await?;
    let verdict = check(&entries, &details, digest);
    Ok((entries, verdict))
}

/// What is stored of a payer's details.
pub(crate) async fn stored_details(
    tx: &mut Tx,
    payer: PayerId,
) -> Result<Vec<Details>, StoreError> {
    Ok(all!(tx, DETAILS, [payer]))
}

/// The same of a chain that was read.
pub(crate) fn check(entries: &[Entry], details: &[Details], digest: Digest) -> Verdict {
    let mut before: Option<&Entry> = None;
    for (n, entry) in (1..).zip(entries) {
        if entry.n != n {
            return Verdict::Broken { n, why: "an entry is missing" };
        }
        if entry.hash != link(before, entry, digest) {
            return Verdict::Broken { n, why: "its hash does not follow from the one before" };
        }
        before = Some(entry);
    }
    for Details { n, salt, details } in details {
        let n = *n;
        let entry = usize::try_from(n - 1).ok().and_then(|at| entries.get(at));
        let Some(entry) = entry else {
            return Verdict::Broken { n, why: "details belong to no entry" };
        };
        if entry.details_digest != salted(salt, details, digest) {
            return Verdict::Broken { n, why: "its details are not those it was made with" };
        }
    }
    Verdict::Sound { entries: entries.len() as i64 }
}
