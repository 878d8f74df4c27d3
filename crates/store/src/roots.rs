//! Roots of the audit trail: the heads of the payers' chains that moved are taken into one digest,
//! which names the root before it and may be signed by a key that is not in the database.

pub mod verify;

use specie_vocab::{PayerId, WallTime, hex};

use crate::audit::{Digest, behind_lengths};
use crate::call::Call;
use crate::sql::{all, one, row, run, statements};
use crate::{StoreError, Tx};

row! {
    /// A root.
    pub struct Root in "audit_roots" by n: i64 {
        /// Its number, from 1.
        pub n: i64,
        /// When it was made.
        pub at: WallTime,
        /// The digest of the root before; 32 zeros, if it is the first.
        pub previous: Vec<u8>,
        /// How many heads it anchors.
        pub heads: i64,
        /// The digest of all of the above and of its heads.
        pub digest: Vec<u8>,
        /// The public key that signed it (Ed25519), if one did.
        pub signer: Option<Vec<u8>>,
        /// The signature of [`Root::signed_text`].
        pub signature: Option<Vec<u8>>,
    }
}

row! {
    /// The last entry of a payer's chain, as it was when a root was made.
    pub struct Head in "audit" by payer: PayerId {
        /// Whose chain.
        pub payer: PayerId,
        /// The place of its last entry.
        pub n: i64,
        /// The hash of that entry.
        pub hash: Vec<u8>,
    }
}

row! {
    /// A head that a root anchored.
    pub struct Anchored in "audit_root_heads" by payer: PayerId {
        /// Which root.
        pub root: i64,
        /// Whose chain.
        pub payer: PayerId,
        /// The place of its last entry then.
        pub n: i64,
        /// The hash of that entry.
        pub hash: Vec<u8>,
    }
}

row! {
    /// An entry that no root has anchored yet.
    pub(crate) struct Waiting in "audit_unanchored" by payer: PayerId {
        pub payer: PayerId,
        pub n: i64,
    }
}

/// How many heads one root takes at most; what is over waits for the next.
pub const MOST: i64 = 10_000;

/// How many heads one statement takes.
const GROUP: usize = 64;

statements! {
    NOTE: Waiting = "insert into audit_unanchored ({columns}) values ({places})";
    MOVED: Head = "select {columns} from audit where (payer, n) in ( \
                       select payer, max(n) from audit_unanchored \
                       group by payer order by payer limit $1) \
                   order by payer";
    LAST: Root = "select {columns} from audit_roots order by n desc limit 1";
    ADD: Root = "insert into audit_roots ({columns}) values ({places}) on conflict (n) do nothing";
    ADD_HEADS: Anchored = "insert into audit_root_heads ({columns}) values {rows}";
    // Who appends meanwhile adds a row of a higher place, which stays.
    SETTLE = "delete from audit_unanchored where exists ( \
                  select 1 from audit_root_heads heads \
                  where heads.root = $1 and heads.payer = audit_unanchored.payer \
                    and audit_unanchored.n <= heads.n)";
    AFTER: Root = "select {columns} from audit_roots where n > $1 order by n limit $2";
    HEADS_OF: Anchored = "select {columns} from audit_root_heads where root > $1 and root <= $2 \
                          order by root, payer";
    OF_PAYER: Anchored = "select {columns} from audit_root_heads where payer = $1 order by n, root";
    WAITING: Waiting = "select {columns} from audit_unanchored where payer = $1 order by n";
    NEXT_CHAIN: Head = "select {columns} from audit where payer > $1 order by payer limit 1";
    NEXT_ANCHORED: Anchored = "select {columns} from audit_root_heads where payer > $1 \
                               order by payer limit 1";
    NEXT_WAITING: Waiting = "select {columns} from audit_unanchored where payer > $1 \
                             order by payer limit 1";
}

impl Root {
    /// The text that is signed, for people and programs that check a signature by themselves.
    pub fn signed_text(&self) -> String {
        format!("specie audit root {} {}", self.n, hex(&self.digest))
    }

    /// What its digest must be, over these heads in the order of their payers.
    fn expected(&self, heads: &[Head], digest: Digest) -> Vec<u8> {
        let (n, at) = (self.n.to_string(), self.at.to_string());
        let heads: Vec<_> = heads
            .iter()
            .map(|head| (head.payer.to_string(), head.n.to_string(), &head.hash))
            .collect();
        let mut parts = vec![&b"specie audit root"[..], n.as_bytes(), at.as_bytes()];
        parts.push(&self.previous);
        for (payer, n, hash) in &heads {
            parts.extend([payer.as_bytes(), n.as_bytes(), hash]);
        }
        digest(&behind_lengths(&parts)).to_vec()
    }
}

/// Notes that an entry is to be anchored.
pub(crate) async fn note(tx: &mut Tx, payer: PayerId, n: i64) -> Result<(), StoreError> {
    run!(tx, NOTE, [payer, n]);
    Ok(())
}

/// The heads of the chains that have moved since a root anchored them, by payer, at most `limit`.
pub async fn moved(tx: &mut Tx, limit: i64) -> Result<Vec<Head>, StoreError> {
    Ok(all!(tx, MOVED, [limit]))
}

/// The newest root, if there is one.
pub async fn last(tx: &mut Tx) -> Result<Option<Root>, StoreError> {
    Ok(one!(tx, LAST, []))
}

/// The root that follows `last` over these heads, not signed yet.
pub fn next(last: Option<&Root>, heads: &[Head], at: WallTime, digest: Digest) -> Root {
    let mut root = Root {
        n: last.map_or(1, |last| last.n + 1),
        at,
        previous: last.map_or_else(|| vec![0; 32], |last| last.digest.clone()),
        heads: heads.len() as i64,
        digest: Vec::new(),
        signer: None,
        signature: None,
    };
    root.digest = root.expected(heads, digest);
    root
}

/// Adds a root over its heads, which wait for none from now on. False, if another process has made
/// one with this number: nothing is written then.
pub async fn add(tx: &mut Tx, root: &Root, heads: &[Head]) -> Result<bool, StoreError> {
    let Root { n, at, previous, heads: count, digest, signer, signature } = root;
    if run!(tx, ADD, [n, at, previous, count, digest, signer, signature]) == 0 {
        return Ok(false);
    }
    for group in heads.chunks(GROUP) {
        let text = ADD_HEADS.rows(tx, group.len());
        let bound =
            |call: Call, head: &Head| call.bind(n).bind(&head.payer).bind(&head.n).bind(&head.hash);
        group.iter().fold(Call::new(tx, text), bound).execute(tx).await?;
    }
    run!(tx, SETTLE, [n]);
    Ok(true)
}

/// The roots after number `n`, in their order.
pub async fn after(tx: &mut Tx, n: i64, limit: i64) -> Result<Vec<Root>, StoreError> {
    Ok(all!(tx, AFTER, [n, limit]))
}

/// The heads of a payer's chain that roots anchored, oldest first.
pub async fn of_payer(tx: &mut Tx, payer: PayerId) -> Result<Vec<Anchored>, StoreError> {
    Ok(all!(tx, OF_PAYER, [payer]))
}

/// The heads that the roots after `n` up to `last` anchor.
async fn heads_of(tx: &mut Tx, n: i64, last: i64) -> Result<Vec<Anchored>, StoreError> {
    Ok(all!(tx, HEADS_OF, [n, last]))
}

/// The places of a payer's entries that no root has anchored yet.
async fn waiting(tx: &mut Tx, payer: PayerId) -> Result<Vec<i64>, StoreError> {
    let rows: Vec<Waiting> = all!(tx, WAITING, [payer]);
    Ok(rows.into_iter().map(|row| row.n).collect())
}

/// The next payer in the order of their ids of whom there is, or was, an entry.
async fn next_payer(tx: &mut Tx, payer: PayerId) -> Result<Option<PayerId>, StoreError> {
    let chain: Option<Head> = one!(tx, NEXT_CHAIN, [payer]);
    let anchored: Option<Anchored> = one!(tx, NEXT_ANCHORED, [payer]);
    let waiting: Option<Waiting> = one!(tx, NEXT_WAITING, [payer]);
    let found = [chain.map(|it| it.payer), anchored.map(|it| it.payer), waiting.map(|it| it.payer)];
    Ok(found.into_iter().flatten().min())
}
